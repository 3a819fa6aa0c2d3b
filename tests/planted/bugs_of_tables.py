"""Bugs of single tables that come back in their place: what others did meanwhile is lost, or told wrongly."""

from tests.planted.bug import Bug, Change

CHANGED = "tests/scenarios/test_tables_in_place_changed.py"
BESIDE = "tests/scenarios/test_tables_in_place_beside_others.py"
EXCHANGE, PART = "sources/postgres/table_exchange.py", "operations/recovery/tables_part.py"
VERSIONS = "tests/scenarios/test_tables_in_place_of_versions.py"
TAKE_BACK, ASK = "take_rows_back(self._target(), self._find())", "was_written(self._target(), self._find())"
MARK = '"\\n".join([_DURABLY.format(is_local="false"), _mark(exchange, READY)])'

TABLES_IN_PLACE = (
    Bug(
        "columns-that-came-meanwhile",
        "A column that came between the fetching and the putting is emptied, and no way leads back to what it held.",
        (Change(EXCHANGE, "(_require_columns(each, exchange, each.new, is_exact=True), _copy", "(_copy"),),
        (f"{CHANGED}::test_a_column_that_came_while_it_was_under_way_loses_nothing",),
    ),
    Bug(
        "columns-that-came-since",
        "What was written since a table came back is kept without the columns that came since.",
        (
            Change(
                EXCHANGE,
                'kept = f"CREATE TABLE {exchange.name_beside(each.new)} AS SELECT * FROM ONLY {each.sql};"',
                "kept = _copy(each, exchange, into=each.new)",
            ),
        ),
        (f"{CHANGED}::test_what_was_written_into_a_column_that_came_since_is_kept",),
    ),
    Bug(
        "numbers-of-identities-are-given-twice",
        "The sequence of an identity column stays behind the rows that came back.",
        (Change("sources/postgres/sequences.py", "elif own := _IDENTITY.match(statement):", "elif own := None:"),),
        (f"{CHANGED}::test_identity_columns_give_no_number_twice",),
    ),
    Bug(
        "undone-without-the-old-rows",
        "A table is said to be as it was before, when its old rows were gone and nothing was put back.",
        (
            Change(PART, "take_rows_back(self._target(), self._find(), was_put=self._is_noted(_PUT))", TAKE_BACK),
            Change(PART, "was_written(self._target(), self._find(), was_put=self._is_noted(_PUT))", ASK),
        ),
        (f"{CHANGED}::test_old_rows_that_somebody_dropped_are_not_said_to_be_back",),
    ),
    Bug(
        "beside-for-everybody",
        "Rows that a policy hides can be read in the schema beside by whom every new schema is given to.",
        (Change(EXCHANGE, "    lines.append(_KEEP_PRIVATE.format(work=quote_text(exchange.work)))\n", ""),),
        (f"{CHANGED}::test_nobody_may_read_beside_what_policies_hide",),
    ),
    Bug(
        "a-commit-that-may-not-last",
        "Where a role commits without waiting, a crash of the server right after a restore takes it back.",
        (Change(EXCHANGE, MARK, "_mark(exchange, READY)"),),
        (f"{CHANGED}::test_it_lasts_whatever_the_role_says_of_its_commits",),
    ),
    Bug(
        "rows-of-extensions-are-lost",
        "A table of an extension is emptied of what that made, for the few rows of users that a dump saves of it.",
        (Change("sources/postgres/table_plan.py", "    if table.condition:\n", "    if False:\n"),),
        (f"{CHANGED}::test_rows_that_an_extension_made_are_not_exchanged_for_the_few_that_were_saved",),
    ),
    Bug(
        "a-partition-that-is-none",
        "A partition that was dropped comes back as a table of its own: who asks the whole one lacks its rows.",
        (Change("sources/postgres/table_plan.py", "*_list_attached(plan, set(gone), target),", ""),),
        (f"{BESIDE}::test_a_partition_that_was_dropped_is_one_again_and_goes_again_when_undone",),
    ),
    Bug(
        "large-objects-are-not-spoken-of",
        "Rows come back that name large objects which are gone, and nobody is told that these do not come with them.",
        (Change("sources/postgres/pointing.py", "    if not columns:\n", "    if True:\n"),),
        (
            f"{BESIDE}::test_large_objects_that_rows_may_name_are_a_doubt",
            "tests/scenarios/test_database_into.py::test_large_objects_that_rows_may_name_are_told",
        ),
    ),
    Bug(
        "subscribers-have-rows-twice",
        "A table is emptied and filled where a publication sends only the second, and nobody is told.",
        (Change("operations/recovery/table_doubts.py", "    if exchange.publishing_rows:\n", "    if False:\n"),),
        (f"{BESIDE}::test_a_publication_that_does_not_say_that_a_table_was_emptied_is_a_doubt",),
    ),
    Bug(
        "values-in-another-field",
        "A value of a type whose fields changed since comes back in another field than it was in.",
        (
            Change(
                "sources/postgres/composite_types.py", "if name in now and tuple(now[name]) != then[name]:", "if False:"
            ),
        ),
        (
            "tests/scenarios/test_tables_in_place_beside_others.py::test_a_type_whose_fields_changed_is_said_before_anything_is_stopped",
        ),
    ),
    Bug(
        "triggers-of-keys-act-again",
        "Somebody had turned the triggers of a key off, and a restore turned them on: rows are judged that were not.",
        (Change(EXCHANGE, " + [line for key in joined for line in key.list_turns()]", ""),),
        (f"{VERSIONS}::test_triggers_of_keys_act_as_they_did",),
    ),
    Bug(
        "old-rows-that-cannot-go-back",
        "Old rows that a check was never judged by cannot be put back: there is no way back from a restore.",
        (
            Change(EXCHANGE, "    yield from (each.take_away(table.sql) for each in loose)\n", ""),
            Change(EXCHANGE, "    yield from (line for each in loose for line in each.make_again(table.sql))\n", ""),
        ),
        (f"{VERSIONS}::test_demands_that_rows_never_met_are_as_they_were_and_so_are_the_rows",),
    ),
    Bug(
        "a-check-is-lost-on-the-way",
        "A check that was not judged yet is taken away for an exchange, and is not made again.",
        (Change(EXCHANGE, "    yield from (line for each in loose for line in each.make_again(table.sql))\n", ""),),
        (f"{VERSIONS}::test_demands_that_rows_never_met_are_as_they_were_and_so_are_the_rows",),
    ),
    Bug(
        "stopped-for-rows-that-do-not-fit",
        "Services are stopped for rows of which it is known that their table does not take them any more.",
        (Change(PART, "            require_rows_fit(saved, target, exchange)\n", ""),),
        (f"{VERSIONS}::test_what_tables_demand_since_is_told_before_anything_is_stopped",),
    ),
    Bug(
        "rows-give-way-to-none",
        "An unlogged table is emptied for the rows that a recovered server shows of it, which are none.",
        (Change("sources/postgres_physical/running.py", '    RECOVERED: "on",\n', ""),),
        ("tests/scenarios/test_tables_in_place_at_moments.py::test_rows_that_no_log_has_do_not_give_way_to_none",),
    ),
    Bug(
        "a-server-that-runs-for-ever",
        "Who is killed while a throw-away server begins leaves it running: it did not hear that it has to end.",
        (
            Change(
                "sources/streams/throw_away.py",
                'while kill -{signal} "$server"; do sleep 0.1 || sleep 1; done',
                'kill -{signal} "$server"',
            ),
        ),
        ("tests/unit/sources/test_throw_away.py::test_a_server_that_hears_nothing_yet_is_told_again",),
    ),
    Bug(
        "no-room-is-not-said",
        "Where the disk is full, a throw-away server says that a file of its log could not be fetched, and not why.",
        (Change("stack/thrown_away.py", "or disk_usage(folder).free < _LEAST_BYTES", ""),),
        ("tests/scenarios/test_throw_away_servers_cut.py::test_no_room_midway_names_the_place_and_what_gives_room",),
    ),
    Bug(
        "a-schema-comes-back-half",
        "Of a table whose partitions lie in two schemas the rows of one come back, and nobody is told of the others.",
        (Change(PART, "        require_whole_tables(saved, wanted, self._schemas)\n", ""),),
        (f"{VERSIONS}::test_a_schema_whose_tables_have_partitions_in_another_one_does_not_come_back_half",),
    ),
    Bug(
        "what-came-while-it-was-waited-for",
        "A trigger that a migration brings while the table is waited for writes over every row that comes back.",
        (Change(EXCHANGE, "    yield looks.require_still()\n", ""),),
        (f"{BESIDE}::test_what_a_migration_brings_while_it_is_waited_for_does_not_act_on_the_rows",),
    ),
    Bug(
        "late-rows-of-tables",
        "Rows that were written when a rollback had asked already whether there are any are dropped without a word.",
        (Change(EXCHANGE, ", kept, _note_writes(each, exchange)]", ", kept]"),),
        (f"{CHANGED}::test_a_row_that_is_written_when_all_was_asked_already_is_kept",),
    ),
    Bug(
        "late-rows-of-databases",
        "Rows of which a session had not told its server yet are dropped with the database that a rollback takes back.",
        (
            Change(
                "operations/recovery/database_part.py",
                "and self._count_writes(target, each.new) != each.written",
                "and False",
            ),
        ),
        ("tests/scenarios/test_restore_in_place_postgres.py::test_what_is_written_until_it_is_taken_back_is_kept",),
    ),
    Bug(
        "rows-of-the-first-moment",
        "What an application writes as soon as its database is in its place counts as what the restore wrote.",
        (
            Change(
                "operations/recovery/database_part.py",
                "        self._keep(names)\n        for each in names:\n            there",
                "        for each in names:\n            there",
            ),
        ),
        (
            "tests/scenarios/test_restore_in_place_postgres.py::test_what_is_written_as_soon_as_it_is_in_its_place_is_seen",
        ),
    ),
    Bug(
        "rows-of-visitors",
        "What visitors wrote until a health check gave up is dropped with the database that is taken back.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "had_been_kept or self._journal.has_begun(StepKind.START, StepKind.HEALTHY) or not has_stopped",
                "had_been_kept",
            ),
        ),
        (
            "tests/scenarios/test_restore_in_place_postgres.py::test_what_visitors_write_until_a_health_check_gives_up_is_kept",
        ),
    ),
)
