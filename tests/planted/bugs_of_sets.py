"""Bugs of sets: files and databases that do not fit each other, hooks that are forgotten, the wrong latest snapshot."""

from tests.planted.bug import Bug, Change

LOOKS = "tests/unit/operations/test_two_looks.py"
TOGETHER = "tests/scenarios/test_files_and_database_together.py"
PARTS = "tests/scenarios/test_sets.py"
SAVING = "tests/unit/operations/test_backup.py"
CONFIGURED = "tests/scenarios/test_backup_by_configuration.py"
HOOKS = "tests/scenarios/test_hooks.py"

SETS = (
    Bug(
        "folder-by-hand-is-the-latest",
        "A folder that is saved by hand is the latest of the stack of its name, and a bare machine comes back without "
        "a database.",
        (
            Change(
                "cli/backup/wanted.py",
                "            lacks=plan.lacks if plan else self.lacks,",
                "            lacks=plan.lacks if plan else (),",
            ),
        ),
        (f"{CONFIGURED}::test_a_folder_that_is_saved_by_hand_does_not_stand_for_the_stack_of_its_name",),
    ),
    Bug(
        "files-looked-at-once",
        "Files are saved before the database, and a row names one that came between.",
        (
            Change(
                "operations/saving.py",
                "twice = [each for each in components if each.is_looked_at_twice and databases]",
                "twice: list[ComponentToSave] = []",
            ),
        ),
        (f"{LOOKS}::test_what_was_written_after_the_first_look_and_what_was_deleted_since_are_both_there",),
    ),
    Bug(
        "deleted-between-the-looks",
        "What was deleted after the moment of the database is left out, though its rows name it.",
        (Change("vault/second_looks.py", "        return JoinedListing(listing, gone)\n", "        return listing\n"),),
        (f"{LOOKS}::test_what_was_written_after_the_first_look_and_what_was_deleted_since_are_both_there",),
    ),
    Bug(
        "pages-kept-before-what-is-gone",
        "A second look keeps pages of a directory as its entries come, and loses a subdirectory that is gone since.",
        (
            Change("vault/second_looks.py", "    knows_leaves = False", "    knows_leaves = True"),
            Change("vault/tree_writing.py", "            if open_directories[-1].pages:\n", "            if False:\n"),
        ),
        (f"{LOOKS}::test_a_subdirectory_that_only_the_first_look_saw_is_kept_beside_many_files",),
    ),
    Bug(
        "missing-files-unsaid",
        "A set in which rows name files that it does not hold is called whole.",
        (Change("operations/saving.py", "        if missing is None or missing:\n", "        if missing is None:\n"),),
        (
            f"{TOGETHER}::test_a_row_whose_file_is_gone_makes_the_snapshot_degraded_and_the_whole_one_before_stays_latest",
        ),
    ),
    Bug(
        "degraded-pushes-out-the-whole",
        "A snapshot that lacks files counts for retention, and the last one that has them goes.",
        (Change("vault/snapshots.py", "return self.complete and not self.degraded", "return self.complete"),),
        (
            f"{TOGETHER}::test_a_row_whose_file_is_gone_makes_the_snapshot_degraded_and_the_whole_one_before_stays_latest",
        ),
    ),
    Bug(
        "partial-is-latest",
        "A snapshot without the database is restored as the latest.",
        (Change("operations/snapshots.py", "state_of(r) is SnapshotState.WHOLE and ", ""),),
        (f"{PARTS}::test_a_partial_set_is_never_the_latest_and_never_counted",),
    ),
    Bug(
        "one-component-is-latest",
        "A snapshot of one component, made by hand, is restored as the latest set.",
        (Change("operations/snapshots.py", " if not r.catalog.lacks] or whole", "]"),),
        (f"{PARTS}::test_a_part_of_the_set_is_never_the_latest_while_there_is_a_set",),
    ),
    Bug(
        "services-stay-stopped",
        "Somebody interrupts the backup, and the services that a hook stopped are not started again.",
        (Change("operations/hooks.py", "    except BaseException:", "    except Exception:"),),
        (f"{HOOKS}::test_an_interrupt_runs_what_runs_always_and_ends_with_130",),
    ),
    Bug(
        "password-in-the-log-of-a-hook",
        "What a hook prints goes into logs as it is, passwords too.",
        (Change("stack/hooks.py", 'return mask("\\n".join(', 'return str("\\n".join('),),
        ("tests/unit/stack/test_hooks.py::test_what_a_hook_writes_is_returned_without_secrets",),
    ),
    Bug(
        "a-day-is-its-last-secret",
        "A day means whatever was saved last on it: two secrets are brought back, and nothing of the application.",
        (Change("operations/snapshots.py", "_prefer_sets(fitting) if not has_time else fitting", "fitting"),),
        (
            "tests/unit/operations/test_snapshots.py::test_a_day_is_its_newest_set_and_not_what_was_saved_alone_after_it",
        ),
    ),
    Bug(
        "nothing-read-and-saved",
        "No file of a component may be read: a whole snapshot of nothing is the latest, and hides the last good one.",
        (Change("operations/saving.py", "            raise _nothing_read(name)\n", "            pass\n"),),
        (f"{SAVING}::test_a_component_of_which_nothing_could_be_read_is_an_error_and_never_an_empty_snapshot",),
    ),
)
