"""Bugs of what runs beside, by itself, or elsewhere: volumes, secrets, cleaning, the doctor's view of all that."""

from tests.planted.bug import Bug, Change

VOLUMES = "tests/scenarios/test_programs_of_volumes.py"
BESIDE = "tests/scenarios/test_secrets_beside_others.py"
RETENTION = "tests/unit/vault/test_retention.py"
TURNS = "tests/unit/vault/test_packs_in_turn.py"
DESKS = "tests/unit/vault/test_sealing_process.py"
DOCTOR = "tests/scenarios/test_doctor_mends.py"

CLOSING = (
    Bug(
        "first-container-of-a-volume",
        "Of two services that have the volume, the first is asked, which may be the one that only copies it.",
        (Change("sources/channels/volumes.py", "    if len(owners) > 1:\n", "    if len(owners) > 9:\n"),),
        (f"{VOLUMES}::test_two_services_with_the_volume_are_named_and_none_is_asked",),
    ),
    Bug(
        "packs-wait-in-memory",
        "Where the store is slow, full packs gather in the memory of a first backup.",
        (Change("vault/sealing_pipeline.py", "wait_for(lambda: self._may_put(size))", "wait_for(lambda: True)"),),
        (f"{TURNS}::test_no_pack_is_laid_out_while_as_many_as_may_be_are_on_their_way",),
    ),
    Bug(
        "lost-with-its-desk",
        "A sealing process that dies takes what lay on its desk with it, and the segment is sealed without it.",
        (Change("vault/sealing_process.py", "chunks += self._take_back(start + len(rows), lengths)", "chunks += []"),),
        (f"{DESKS}::test_what_lies_on_a_desk_is_not_held_here_too_and_comes_back_when_the_process_dies",),
    ),
    Bug(
        "read-ahead-without-end",
        "Segments of a distant store that nobody has written yet fill the memory of a restore.",
        (
            Change(
                "operations/reading_ahead.py",
                "or self._held_bytes + size <= MOST_BYTES",
                "or self._held_bytes + size > 0",
            ),
        ),
        ("tests/unit/operations/test_reading_ahead.py",),
    ),
    Bug(
        "image-by-its-name-of-today",
        "The image of a container is found by a name that a newer image has by now.",
        (
            Change(
                "sources/images/listing.py",
                "ask, report) if _is_same(image.id, own)] if named",
                "ask, report)] if named",
            ),
        ),
        (f"{VOLUMES}::test_images_of_a_service_or_volume_are_those_that_its_containers_were_made_of",),
    ),
    Bug(
        "secrets-behind-a-long-backup",
        "A changed secret waits for hours behind the backup of everything else.",
        (Change("schedule/turns.py", "SECRETS_LOCK if job.is_beside else RUN_LOCK", "RUN_LOCK"),),
        (f"{BESIDE}::test_a_changed_secret_is_saved_within_seconds_while_a_long_backup_runs",),
    ),
    Bug(
        "hooks-that-meet",
        "A run beside another starts by its hook what the other has stopped.",
        (Change("schedule/beside.py", "not each.only_for or class_name in each.only_for", "not each"),),
        ("tests/unit/schedule/test_beside.py",),
    ),
    Bug(
        "older-secret-saved-later",
        "The nightly run saves what it read before another run saved the newer secret: the newest is the older.",
        (Change("cli/backup/apart.py", "return nullcontext() if plan.is_beside else ", "return nullcontext() or "),),
        (f"{BESIDE}::test_who_saves_secrets_among_others_waits_while_they_are_saved",),
    ),
    Bug(
        "keep-without-anybody",
        "What keep lets go stays until somebody types forget, and the disk is full.",
        (Change("schedule/jobs.py", "    if jobs:\n        jobs += [", "    if not jobs:\n        jobs += ["),),
        ("tests/scenarios/test_cleaning_in_turn.py::test_only_vaults_in_which_something_does_not_stay_are_cleaned",),
    ),
    Bug(
        "part-pushes-out-the-whole",
        "A backup of one component by hand counts among the last, and a whole set goes for it.",
        (Change("vault/retention.py", "place += not any(candidate.complete < each for each in newer)", "place += 1"),),
        (f"{RETENTION}::test_one_of_some_components_between_the_usual_ones_does_not_count_for_the_last",),
    ),
    Bug(
        "units-that-nobody-reads",
        "Timers lie where no systemd runs, and the doctor is content.",
        (
            Change(
                "stack/advice/starting.py",
                "unit_folders(scene.environment) if os.path.isdir(SYSTEMD_RUNS) else []",
                "unit_folders(scene.environment)",
            ),
        ),
        (f"{DOCTOR}::test_runs_that_something_starts_are_well",),
    ),
    Bug(
        "secrets-explained-away",
        "explain says of a secret that it is not saved, because the files beside it leave it out.",
        (
            Change(
                "stack/claims.py",
                "isinstance(component, Secrets):\n            found +=",
                "not component:\n            found +=",
            ),
        ),
        ("tests/scenarios/test_explain_by_component.py",),
    ),
    Bug(
        "roots-folder-stops-everybody",
        "A folder of root's that may not be entered makes every command of every other user fail.",
        (
            Change(
                "config/finding.py",
                "if os.path.isfile(each / FILE_NAME)), None)",
                "if (each / FILE_NAME).is_file()), None)",
            ),
        ),
        ("tests/unit/config/test_reading.py::test_a_folder_that_may_not_be_entered_holds_no_configuration",),
    ),
)
