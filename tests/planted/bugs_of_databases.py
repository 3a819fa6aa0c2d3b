"""Bugs of bringing PostgreSQL databases back, of reading them side by side, and of exports."""

from tests.planted.bug import Bug, Change

INTO = "tests/scenarios/test_database_into.py"
EXPORT = "tests/scenarios/test_export.py"
ENDS = "tests/unit/sources/test_postgres.py"
NAMED = "tests/scenarios/test_files_named_by_postgres.py"
LARGE = "tests/scenarios/test_postgres_large_tables.py"
KILLED = "tests/scenarios/test_killed_load.py"
DIRECTLY = "tests/scenarios/test_rows_loaded_directly.py"
CUT = "tests/unit/vault/test_row_chunking.py"
SEALED = "tests/unit/vault/test_sealing_process.py"

DATABASES = (
    Bug(
        "half-a-database-left-behind",
        "A load that fails leaves what it had made.",
        (
            Change(
                "sources/postgres/whole_load.py",
                "        _take_away(plan, maintenance, report)\n        raise\n",
                "        raise\n",
            ),
        ),
        (f"{INTO}::test_what_fails_midway_leaves_nothing_and_the_old_one_works",),
    ),
    Bug(
        "the-old-database-dropped",
        "The database that another takes the place of is dropped instead of being kept.",
        (
            Change(
                "sources/postgres/whole_load.py",
                "    if plan.drops_aside and is_empty(access, plan.aside):",
                "    if plan.aside:",
            ),
        ),
        (f"{INTO}::test_the_old_database_is_kept_when_another_takes_its_place",),
    ),
    Bug(
        "positions-left-out-of-a-load",
        "Sequences begin again after a restore into a server: numbers are given out twice.",
        (
            Change(
                "sources/postgres/whole_load.py",
                '    if saved.files.has("sequences.sql"):',
                '    if saved.files.has("no-sequences.sql"):',
            ),
        ),
        (f"{INTO}::test_a_database_is_the_same_in_another_server_that_knew_none_of_its_roles",),
    ),
    Bug(
        "a-table-loaded-by-halves",
        "Rows of single tables are loaded outside of a transaction: what fails midway leaves some.",
        (
            Change(
                "sources/postgres/part_load.py",
                '        session.feed("BEGIN;\\n")\n        _feed(session, guard, list_made(plan, is_before=True))',
                "        _feed(session, guard, list_made(plan, is_before=True))",
            ),
            Change(
                "sources/postgres/part_load.py",
                "                advance(each.into, number, fed_bytes)\n",
                '                advance(each.into, number, fed_bytes)\n            session.feed("\\\\.\\n")\n'
                '            session.feed(each.table.write_in(saved.manifest.encoding, into=each.sql) + "\\n")\n'
                '            session.feed("9999\\tspoilt\\n")\n',
            ),
        ),
        (f"{INTO}::test_rows_alone_go_into_a_table_that_is_there_and_empty_all_or_none",),
    ),
    Bug(
        "parts-out-of-order",
        "Runs of pages that several sessions read at once are taken as they come.",
        (
            Change(
                "sources/postgres/reading_ahead.py",
                "        return TableReader(self, self._of_table[table])",
                "        return TableReader(self, self._of_table[table][::-1])",
            ),
        ),
        (f"{ENDS}::test_parts_that_are_read_at_once_come_in_order_and_each_is_counted",),
    ),
    Bug(
        "parts-not-counted",
        "Rows that a session lost between the server and here go unnoticed.",
        (
            Change(
                "sources/postgres/reading_ahead.py", "            if said != part.lines:", "            if said < 0:"
            ),
        ),
        (f"{ENDS}::test_a_part_that_is_not_whole_is_not_taken_for_its_table",),
    ),
    Bug(
        "rows-cut-at-the-end-of-a-buffer",
        "The last chunk of each buffer is cut although more comes: earlier backups' chunks are not found again.",
        (
            Change(
                "vault/row_chunking.py",
                "while filled - start >= needed or (is_over and start < filled):",
                "while start < filled:",
            ),
        ),
        (f"{CUT}::test_rows_are_cut_where_the_library_cuts_a_stream_whatever_comes_at_once",),
    ),
    Bug(
        "all-content-taken-for-files",
        "A sealing process compresses rows and pages as if they were files.",
        (
            Change(
                "vault/sealing_process.py",
                "number, ids, raw, Texture(texture))",
                "number, ids, raw)",
            ),
        ),
        (f"{SEALED}::test_the_process_compresses_each_segment_as_what_it_holds_is_like",),
    ),
    Bug(
        "old-exports-by-any-name",
        "The rotation of exports takes away whatever begins and ends alike.",
        (
            Change(
                "operations/exporting_classes.py",
                "            moment = _read_moment(",
                "            os.unlink(os.path.join(folder, name))\n            continue\n"
                "            moment = _read_moment(",
            ),
        ),
        (f"{EXPORT}::test_a_class_writes_the_daily_file_of_the_guide_and_takes_only_its_own_old_ones_away",),
    ),
    Bug(
        "end-mark-in-the-middle",
        "The end mark of a dump stands in the middle of an export too: one that is cut after it looks whole.",
        (Change("sources/postgres/plain_dump.py", "held[:place] if place >= 0 else held", "held"),),
        (f"{EXPORT}::test_stock_psql_loads_the_plain_dump_and_its_end_is_that_of_pg_dump",),
    ),
    Bug(
        "named-files-not-asked",
        "The files that a PostgreSQL database names are not looked up.",
        (
            Change(
                "stack/file_questions.py",
                "        if self.named_files is not None:\n            self.named_files.ask_snapshots(snapshots)\n",
                "        if self.named_files == 0:\n            self.named_files.ask_snapshots(snapshots)\n",
            ),
        ),
        (f"{NAMED}::test_a_file_that_a_row_names_and_nobody_has_degrades_the_set",),
    ),
    Bug(
        "pages-read-twice",
        "Runs of pages of a large table overlap by one page: its rows come twice.",
        (
            Change(
                "sources/postgres/table_rows.py",
                "AND ctid < '({start + step},0)'",
                "AND ctid < '({start + step + 1},0)'",
            ),
        ),
        (f"{LARGE}::test_tables_read_in_parts_are_what_one_copy_gives_in_its_order",),
    ),
    Bug(
        "a-row-cut-between-two-sessions",
        "What several sessions load is cut where a piece ends, in the middle of a row.",
        (Change("sources/postgres/side_by_side.py", 'end = rows.rfind(b"\\n") + 1', "end = len(rows)"),),
        (f"{LARGE}::test_tables_that_several_sessions_load_together_are_the_same",),
    ),
    Bug(
        "shares-not-counted",
        "What several sessions loaded of a table is not compared with what was saved.",
        (Change("sources/postgres/side_by_side.py", "    work.judge(saved.tables)", "    work.judge(())"),),
        (f"{LARGE}::test_rows_that_no_session_loaded_are_missed",),
    ),
    Bug(
        "somebody-elses-database-dropped",
        "A database that only looks like one that a killed restore left is dropped.",
        (
            Change(
                "sources/postgres/making.py",
                "          AND pg_catalog.shobj_description(d.oid, 'pg_database') = {quote_text(_HALF)}\n",
                "",
            ),
        ),
        (f"{KILLED}::test_what_a_killed_restore_left_is_named_and_dropped_by_the_next_and_nothing_else",),
    ),
    Bug(
        "silence-ends-a-load",
        "A load that says nothing for an hour, because an index takes longer, is ended.",
        (
            Change(
                "sources/postgres/feeding.py",
                "            self._reader.allow_silence()",
                "            assert self._reader",
            ),
        ),
        (f"{INTO}::test_a_load_may_say_nothing_for_longer_than_a_dump_may",),
    ),
    Bug(
        "a-job-lost-unsaid",
        "An index that could not be made is passed over.",
        (
            Change(
                "sources/postgres/jobs.py",
                "                self.failure = self.failure or error",
                "                self.failure = self.failure",
            ),
        ),
        (f"{DIRECTLY}::test_a_job_that_fails_ends_all_and_is_told",),
    ),
    Bug(
        "rows-sent-to-another-server",
        "Rows go directly although the programs are told of another server than this process.",
        (
            Change(
                "stack/whereabouts.py",
                " and _settings_of(self.loaded.variables) == _settings_of(os.environ)",
                "",
            ),
        ),
        (f"{DIRECTLY}::test_rows_go_directly_only_with_the_settings_of_this_process",),
    ),
    Bug(
        "loaded-into-the-database-of-the-query",
        "A component whose address ends in ?dbname=shop is loaded into shop, whichever database is meant.",
        (
            Change(
                "stack/postgres.py",
                'database = options.pop("dbname", "") or',
                'database = options.get("dbname", "") or',
            ),
        ),
        (
            "tests/unit/stack/test_configured_postgres.py::test_what_the_query_of_an_address_names_leads_no_other_connection_astray",
        ),
    ),
)
