"""Bugs of drills and of what they prove."""

from tests.planted.bug import Bug, Change

DRILLS = "tests/scenarios/test_drills.py"
DATABASES = "tests/scenarios/test_drills_of_postgres.py"
SEARCHING = "tests/unit/operations/test_drill_searching.py"
LEARNING = "tests/unit/history/test_learning.py"

PROVING = (
    Bug(
        "drill-archives",
        "The server of a drill archives: it writes its own log into the archive of the server that it is a copy of.",
        (Change("sources/postgres/own_server.py", '"archive_mode": "off"', '"archive_mode": "always"'),),
        (f"{DATABASES}::test_a_data_directory_is_started_and_asked_and_archives_nothing",),
    ),
    Bug(
        "not-asked-is-passed",
        "A question that could not be asked is left out of the count, and the snapshot is proved.",
        (
            Change(
                "operations/drills/outcomes.py",
                "if Answer.NOT_RUN in answers or not answers:",
                "if not answers:",
            ),
        ),
        (f"{DRILLS}::test_a_check_that_cannot_be_asked_makes_the_proof_partial_and_is_named",),
    ),
    Bug(
        "rows-not-compared",
        "A database that was loaded counts as proved, however many rows are missing.",
        (Change("stack/drills/database_questions.py", "if int(counted) != table.rows:", "if int(counted) < 0:"),),
        (f"{DATABASES}::test_a_dump_that_does_not_load_and_rows_that_are_not_there_fail_the_proof",),
    ),
    Bug(
        "failed-drill-stays",
        "A drill that is refused or fails leaves its folder, with everything that it had restored.",
        (
            Change(
                "stack/drills/place.py",
                "    def __exit__(self, *_: object) -> None:\n        self.close()",
                "    def __exit__(self, kind: object, *_: object) -> None:\n        if kind is None:\n"
                "            self.close()",
            ),
        ),
        (f"{DRILLS}::test_a_drill_that_would_not_fit_is_refused_before_anything_is_restored",),
    ),
    Bug(
        "killed-drill-stays",
        "What a drill that was killed left behind is never cleared.",
        (
            Change(
                "stack/drills/place.py", "self.cleared = clear_left_places(state_folder, clock)", "self.cleared = []"
            ),
        ),
        (f"{DATABASES}::test_after_a_kill_the_server_goes_by_itself_and_the_next_drill_clears_the_rest",),
    ),
    Bug(
        "server-outlives-its-drill",
        "The server of a drill that was killed runs on for ever.",
        (Change("sources/postgres/own_server.py", "read -r _\nkill", 'wait "$server"\nkill'),),
        (f"{DATABASES}::test_after_a_kill_the_server_goes_by_itself_and_the_next_drill_clears_the_rest",),
    ),
    Bug(
        "checks-get-the-keys",
        "Commands of a drill get our whole environment: the key of the vault, and what leads to production.",
        (
            Change(
                "stack/drills/surroundings.py",
                "{name: environment[name] for name in _KEPT if name in environment}",
                "dict(environment)",
            ),
        ),
        (f"{DRILLS}::test_a_good_snapshot_is_proved_with_the_restored_secrets_and_the_proof_is_kept",),
    ),
    Bug(
        "halved-one-too-far",
        "The search for the last good snapshot gives the first bad one.",
        (Change("operations/drills/searching.py", "            low = middle\n", "            low = middle + 1\n"),),
        (f"{SEARCHING}::test_every_place_of_a_corruption_is_found_in_a_few_looks",),
    ),
    Bug(
        "missed-promise-is-good",
        "An objective is missed, and the exit status is 0.",
        (Change("cli/drill_shown.py", "    if evidence.judgement.missed:\n        return MISSED\n", ""),),
        (f"{DRILLS}::test_a_promise_that_is_missed_is_named_and_ends_with_5",),
    ),
    Bug(
        "time-is-a-mean",
        "Restore time at another size is the mean of what drills took.",
        (
            Change(
                "history/learning.py",
                "return self.fixed_seconds + self.seconds_per_byte * size_bytes",
                "return self.fixed_seconds + self.seconds_per_byte",
            ),
        ),
        (f"{LEARNING}::test_each_phase_has_a_fixed_part_and_one_that_grows",),
    ),
)
