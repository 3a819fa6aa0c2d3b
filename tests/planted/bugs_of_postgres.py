"""Bugs of saving PostgreSQL databases."""

from tests.planted.bug import Bug, Change

DATABASE = "tests/scenarios/test_postgres.py"
REFUSALS = "tests/scenarios/test_postgres_refusals.py"
CONSTRAINTS = "tests/scenarios/test_triggers_of_constraints.py"
PARTS = "tests/scenarios/test_parts_into_a_server.py"
ENDS = "tests/unit/sources/test_postgres.py"
ODDITIES = "tests/scenarios/test_postgres_oddities.py"

RAW = "tests/scenarios/test_postgres_raw_names.py"
GUARDED = "tests/scenarios/test_export_guarded.py"
INTO = "tests/scenarios/test_database_into.py"
HARD = "tests/scenarios/test_postgres_hard_to_load.py"
STANDBY = "tests/scenarios/test_saved_from_a_standby.py"
ROLES = "tests/scenarios/test_postgres_roles.py"
THERE = "tests/scenarios/test_postgres_rows_into_tables.py"

POSTGRES = (
    Bug(
        "keys-that-stay-away-unsaid",
        "A table comes back alone without its foreign keys, and nobody is told.",
        (Change("sources/postgres/belonging.py", "    if joins:\n", "    if not joins:\n"),),
        (f"{THERE}::test_foreign_keys_that_a_table_alone_comes_back_without_are_named",),
    ),
    Bug(
        "a-schema-without-its-rights",
        "A schema comes back alone, nobody but its owner may look into it, and the status is 0.",
        (Change("sources/postgres/belonging.py", "if item.name.startswith(_OF_SCHEMA) else", "if not item.name else"),),
        (f"{THERE}::test_a_schema_comes_back_with_its_rights_and_without_publications_that_are_not_there",),
    ),
    Bug(
        "a-half-dropped-database-ends-every-backup",
        "A DROP DATABASE was cut, and no backup of the whole server comes to its end any more.",
        (Change("sources/postgres/catalogue.py", "datallowconn AND datconnlimit <> -2)", "datallowconn)"),),
        (
            "tests/scenarios/test_postgres.py::test_a_template_and_what_nobody_can_open_are_named_and_end_no_backup_of_all",
        ),
    ),
    Bug(
        "views-dropped-as-tables",
        "pg_restore --clean drops no view and no sequence of an exported dump, and the rows are there twice.",
        (Change("sources/postgres/contents.py", '_say_kind(owned["what"], item)', 'owned["what"]'),),
        (
            "tests/scenarios/test_export_put_again.py::test_a_dump_takes_the_place_of_what_is_there_as_often_as_one_likes",
        ),
    ),
    Bug(
        "triggers-act-on-what-comes-back",
        "Rows go into a table that is there, and its triggers change them and write elsewhere; the status is 0.",
        (Change("sources/postgres/part_load.py", "_feed(session, guard, list_turned_off(plan.triggers))", "pass"),),
        (f"{THERE}::test_triggers_and_settings_change_no_row_that_comes_back",),
    ),
    Bug(
        "null-is-a-word-where-a-database-says-so",
        "A database reads no NULL in arrays: those of a table that comes back hold the word instead.",
        (Change("sources/postgres/feeding.py", "SET array_nulls = on;\n", ""),),
        (f"{THERE}::test_triggers_and_settings_change_no_row_that_comes_back",),
    ),
    Bug(
        "members-with-a-hyphen-leave-their-group",
        "A role whose name has a hyphen comes back, and is no member of anything any more; nothing is said.",
        (
            Change(
                "sources/postgres/roles.py",
                'TO (" + NAME + rb")(?=[\\s;]).*;\\s*\\Z", re.DOTALL)\n_COMMENT',
                'TO (" + NAME + rb")\\b.*;\\s*\\Z", re.DOTALL)\n_COMMENT',
            ),
        ),
        (f"{ROLES}::test_new_roles_are_members_of_what_they_were_and_may_what_they_might",),
    ),
    Bug(
        "a-parameter-called-begin-hides-the-rest",
        "A function has a parameter called begin: no table behind it comes back alone, and no role of one is made.",
        (Change("sources/postgres/statements.py", "elif is_routine and depth <= 0 and", "elif is_routine and"),),
        (f"{ROLES}::test_what_stands_behind_a_parameter_called_begin_comes_back_alone_and_to_another_owner",),
    ),
    Bug(
        "numbers-given-twice",
        "A table that is there gets its rows, and the next row of the application has a number that is taken.",
        (Change("sources/postgres/part_load.py", "_feed(session, guard, list_advances(saved, plan.behind))", "pass"),),
        (f"{INTO}::test_a_table_that_is_there_and_gets_its_rows_gives_no_number_twice",),
    ),
    Bug(
        "hashed-enums-into-the-partitions-of-another-server",
        "A table that is partitioned by the hash of an ENUM is saved every night, and cannot be loaded.",
        (Change("sources/postgres/partition_sql.py", "WHERE p.partstrat = 'h' AND", "WHERE p.partstrat = 'l' AND"),),
        (f"{HARD}::test_rows_of_a_hashed_enum_find_their_partition_anew_and_a_view_comes_after_its_key",),
    ),
    Bug(
        "indexes-before-their-view",
        "A database with a materialized view that needs a key, and has an index, cannot be loaded.",
        (
            Change(
                "sources/postgres/definitions.py",
                "and bool(item.table) and item.table not in self._late_views",
                "and bool(item.table)",
            ),
        ),
        (f"{HARD}::test_rows_of_a_hashed_enum_find_their_partition_anew_and_a_view_comes_after_its_key",),
    ),
    Bug(
        "a-load-asks-foreign-servers",
        "A load connects to the servers whose tables are foreign in it, and tells of one that is away as of a fault.",
        (Change("sources/postgres/derived.py", "  AND c.oid NOT IN (SELECT oid FROM reaching_out)\n", ""),),
        (f"{HARD}::test_a_load_asks_no_foreign_server_for_rows",),
    ),
    Bug(
        "a-view-that-costs-the-load",
        "One materialized view that cannot be filled keeps a whole database from coming back.",
        (
            Change(
                "sources/postgres/derived.py",
                "            yield _not_filled(shown, name, error)",
                "            raise error",
            ),
        ),
        (f"{HARD}::test_a_view_that_cannot_be_filled_costs_no_row_and_is_told",),
    ),
    Bug(
        "names-of-bytes-not-read",
        "A database whose names are no UTF-8 cannot be saved.",
        (Change("sources/postgres/raw_text.py", "THEN '{RAW}' ELSE 'UTF8'", "THEN 'UTF8' ELSE 'UTF8'"),),
        (f"{RAW}::test_names_that_are_no_utf_8_come_back_byte_for_byte",),
    ),
    Bug(
        "roles-of-bytes-made-elsewhere",
        "Roles whose names are no UTF-8 are made by way of a database that cannot take them, and nothing is loaded.",
        (
            Change(
                "sources/postgres/whole_load.py",
                "shared = plan.new if saved.manifest.encoding == RAW else maintenance",
                "shared = maintenance if RAW else plan.new",
            ),
        ),
        (f"{RAW}::test_another_server_gets_the_roles_too_whatever_its_other_databases_are",),
    ),
    Bug(
        "an-export-without-a-guard",
        "A line that a hostile server put into a name makes the psql that loads an exported file start a program.",
        (
            Change(
                "sources/postgres/plain_dump.py",
                'yield _GUARD.replace("KEY", key).encode()',
                'yield _GUARD.replace(":rebond_begin KEY", "").encode()',
            ),
        ),
        (f"{GUARDED}::test_no_name_or_row_makes_psql_start_a_program",),
    ),
    Bug(
        "a-guard-that-old-psql-does-not-know",
        "An exported file does not load with a psql of an older minor version that stops at errors.",
        (
            Change("sources/postgres/plain_dump.py", ":rebond_begin KEY", "\\\\restrict KEY"),
            Change("sources/postgres/plain_dump.py", ":rebond_end KEY", "\\\\unrestrict KEY"),
        ),
        (f"{GUARDED}::test_a_psql_that_does_not_know_the_guard_loads_it_without_a_word",),
    ),
    Bug(
        "unlogged-tables-left-out-unsaid",
        "A standby has no rows of unlogged tables, and nobody is told that they will come back empty.",
        (Change("stack/postgres.py", "report_left_out(snapshots[-1], report)", "pass"),),
        (f"{STANDBY}::test_rows_that_a_standby_has_not_are_left_out_and_named",),
    ),
    Bug(
        "roles-are-made-for-each-database",
        "The second of several databases makes the roles again that the first one made, and is not loaded.",
        (
            Change(
                "sources/postgres/whole_load.py",
                "if each not in made_roles)",
                "if each not in made_roles or made_roles)",
            ),
        ),
        (f"{ODDITIES}::test_settings_roles_encodings_and_names_that_begin_alike_come_back",),
    ),
    Bug(
        "joining-a-group-without-a-word",
        "A new role gets the power of a group that the server had before, and nobody is told.",
        (Change("sources/postgres/whole_load.py", "joined=tuple(roles.list_joined(missing, server.roles)),", ""),),
        (f"{ODDITIES}::test_settings_roles_encodings_and_names_that_begin_alike_come_back",),
    ),
    Bug(
        "old-databases-of-one-name",
        "Two databases whose names begin alike are to be kept under the same name, so neither is replaced.",
        (Change("sources/postgres/making.py", "most_bytes - _SUM_BYTES - 1)}_{total}", "most_bytes)}{total[:0]}"),),
        (f"{ODDITIES}::test_settings_roles_encodings_and_names_that_begin_alike_come_back",),
    ),
    Bug(
        "tables-of-many-moments",
        "Each table is read in a transaction of its own, not in the snapshot that is held.",
        (
            Change(
                "sources/postgres/session.py",
                "{_BEGIN}SET TRANSACTION SNAPSHOT '{self.database.snapshot}';",
                "{_BEGIN}",
            ),
        ),
        (f"{DATABASE}::test_all_tables_are_of_one_moment_while_others_write",),
    ),
    Bug(
        "rows-not-counted",
        "Rows that are lost between the server and here go unnoticed.",
        (
            Change(
                "sources/postgres/marked_output.py",
                "if self._counts_lines and self._said != self.counted:",
                "if self._counts_lines and self._said < 0:",
            ),
        ),
        (f"{ENDS}::test_rows_without_their_mark_or_of_another_number_are_not_whole",),
    ),
    Bug(
        "policies-hide-rows",
        "What a policy of row level security hides from the user is left out of the backup without a word.",
        (Change("sources/postgres/session.py", "SET row_security = off;", "SET row_security = on;"),),
        (f"{REFUSALS}::test_rows_that_a_policy_hides_fail_the_run",),
    ),
    Bug(
        "locks-believed",
        "Nobody asks in the end whether the session with the locks was there all the time.",
        (
            Change(
                "sources/postgres/table_rows.py",
                '        read_output(lambda: self._open(""), program="psql")',
                "        _ = read_output",
            ),
        ),
        (f"{REFUSALS}::test_a_moment_that_is_not_held_to_the_end_is_noticed",),
    ),
    Bug(
        "sequences-begin-again",
        "Positions of sequences are not saved: numbers that were given out are given out again.",
        (Change("sources/postgres/tree.py", "if snapshot.sequences:", "if snapshot.sequences < 0:"),),
        (f"{DATABASE}::test_every_row_and_every_object_comes_back_by_psql_alone",),
    ),
    Bug(
        "rows-twice-with-large-objects",
        "The dump of large objects holds the rows of tables outside of the search path as well.",
        (Change("sources/postgres/tree.py", '"--exclude-table-data=*.*"', '"--exclude-table-data=*"'),),
        (f"{DATABASE}::test_every_row_and_every_object_comes_back_by_psql_alone",),
    ),
    Bug(
        "key-that-is-always-another",
        "The random key that pg_dump puts around a dump is saved, so that nothing is ever the same again.",
        (Change("sources/postgres/marked_output.py", "            del held[found.start() : found.end()]\n", ""),),
        (f"{DATABASE}::test_a_database_that_did_not_change_is_the_same_bytes_again",),
    ),
    Bug(
        "older-programs-believed",
        "An older pg_dump is let loose on a newer server.",
        (
            Change(
                "sources/postgres/programs.py",
                "if each.major >= server_major]",
                "if each.major >= 1]",
            ),
        ),
        (f"{ENDS}::test_the_oldest_programs_that_are_not_older_than_the_server_are_chosen",),
    ),
    Bug(
        "triggers-that-no-other-server-has",
        "A database that has triggers of keys turned off in a partition cannot be loaded by anybody.",
        (Change("sources/postgres/definitions.py", "if not OF_DUMP.match(each) and (", "if ("),),
        (
            "tests/scenarios/test_tables_in_place_of_versions.py::test_a_database_whose_partitions_have_triggers_of_keys_turned_off_can_be_restored",
        ),
    ),
    Bug(
        "keys-that-were-off-judge-again",
        "Triggers of keys that somebody had turned off act after a restore: what the application writes is refused.",
        (Change("sources/postgres/catalogue.py", "  'turned', ({LIST_TURNED}),\n", ""),),
        (f"{CONSTRAINTS}::test_triggers_of_keys_that_were_off_are_off_again",),
    ),
    Bug(
        "an-export-hits-other-triggers",
        "An exported script turns off the trigger of another key, which has the number on that server by chance.",
        (
            Change(
                "sources/postgres/plain_dump.py",
                'without_names_of_triggers(_without_end(saved.files.pieces("post-data.sql")))',
                '_without_end(saved.files.pieces("post-data.sql"))',
            ),
        ),
        (f"{CONSTRAINTS}::test_an_export_turns_them_off_too_and_names_none",),
    ),
    Bug(
        "half-of-a-table-and-nobody-told",
        "A schema is loaded without the partitions that another one has, with status 0.",
        (Change("sources/postgres/part_load.py", "*unjoined, *split_up)", "*unjoined)"),),
        (f"{PARTS}::test_partitions_that_did_not_come_with_their_schema_are_told",),
    ),
    Bug(
        "a-template-that-is-none",
        "A database that others are made after is an ordinary one after a restore.",
        (Change("sources/postgres/making.py", 'if manifest.details.get("datistemplate") is True:', "if False:"),),
        (f"{PARTS}::test_a_database_that_others_are_made_after_is_one_again",),
    ),
)
