"""Bugs of finding the columns that name files, and of exports that are encrypted or written without the vault."""

from tests.planted.bug import Bug, Change

DJANGO = "tests/scenarios/test_file_fields_of_django.py"
READING = "tests/unit/stack/django_code/test_reading_migrations.py"
CUT = "tests/scenarios/test_tables_and_interrupts.py"
NAMED = "tests/scenarios/test_files_named_by_postgres.py"
PROOF = "operations/named_fields.py"
TOOLS = "tests/scenarios/test_exports_for_other_tools.py"

FIELDS = (
    Bug(
        "sequences-of-other-tables-come-along",
        "A table brings the sequences whose names begin like its own: they are there already, and nothing is loaded.",
        (
            Change(
                "sources/postgres/sequences.py",
                "    wanted = {sequence for sequence, table in owned.items() if table in tables}\n",
                "    wanted = {each for each, of in owned.items() if any(of.startswith(table) for table in tables)}\n",
            ),
        ),
        (f"{CUT}::test_a_table_comes_with_its_own_sequences_and_no_others",),
    ),
    Bug(
        "physical-databases-not-asked",
        "A server that is saved by its data directory is not asked which files it names.",
        (
            Change(
                "stack/postgres_physical.py",
                "        if self.files.has_any:\n",
                "        if not self.files.has_any:\n",
            ),
        ),
        (f"{NAMED}::test_a_whole_server_says_every_missing_file_and_none_that_no_row_named_beside_its_moment",),
    ),
    Bug(
        "missing-files-of-found-columns-only-told",
        "What a column of the application names and the set lacks is listed, and the set passes for whole.",
        (Change(PROOF, "            if result.missing_count:\n", "            if result.missing_count < 0:\n"),),
        (f"{DJANGO}::test_each_file_that_is_missing_is_listed_with_its_column_and_the_set_is_degraded",),
    ),
    Bug(
        "a-guess-degrades-the-set",
        "A column whose values only look like names of files is taken for one, and no set is whole any more.",
        (
            Change(
                PROOF,
                "    return result.found >= FEWEST_LIKELY and result.share() >= LIKELY_SHARE\n",
                "    return True\n",
            ),
        ),
        (f"{DJANGO}::test_without_code_at_hand_values_that_are_paths_of_files_in_the_set_tell",),
    ),
    Bug(
        "migrations-that-did-not-run-count",
        "The newest code is believed, though the database is as older migrations left it.",
        (
            Change(
                "stack/django_code/migrations.py",
                "    chosen = {name for name in migrations if name in applied}\n",
                "    chosen = {*migrations}\n",
            ),
        ),
        (f"{READING}::test_only_what_ran_counts_and_each_after_what_it_depends_on",),
    ),
    Bug(
        "an-encryption-that-failed-passes",
        "The program that encrypts fails midway, and its half file is published.",
        (Change("archives/encrypting.py", "        if status:\n", "        if status < 0:\n"),),
        (f"{TOOLS}::test_what_cannot_be_encrypted_so_is_refused_and_leaves_nothing",),
    ),
    Bug(
        "names-in-the-clear",
        "A 7z file is encrypted, and anybody can list the names in it.",
        (
            Change(
                "archives/seven_zip.py",
                "header_encryption=password is not None",
                "header_encryption=False",
            ),
        ),
        (f"{TOOLS}::test_stock_7z_reads_what_was_exported",),
    ),
)
