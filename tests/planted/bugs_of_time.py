"""Bugs of time: runs that are lost, doubled, or never begin again, and hooks that are trodden on."""

from tests.planted.bug import Bug, Change

DECIDING = "tests/unit/schedule/test_deciding.py"
TURNS = "tests/unit/schedule/test_turns.py"
HOOKS = "tests/unit/schedule/test_git_hooks.py"
UNITS = "tests/unit/schedule/test_systemd_units.py"

TIME = (
    Bug(
        "taken-after-the-run",
        "What is written down only after a run is lost with a kill -9, and the run is done twice or for ever.",
        (Change("schedule/turns.py", "    Records(around.folder).write(job.name, begun)\n", ""),),
        (f"{TURNS}::test_a_run_is_written_down_before_it_begins_and_after_it_ended",),
    ),
    Bug(
        "cut-off-run-forgotten",
        "A run that was cut off counts as done: the night has no backup.",
        (Change("schedule/records.py", "return self.attempts > 0 and self.ended_ms == 0", "return False"),),
        (f"{DECIDING}::test_a_run_that_nobody_saw_end_is_begun_once_more_and_not_again",),
    ),
    Bug(
        "cut-off-run-doubled",
        "A run that was killed after its snapshot stood makes a second one.",
        (Change("schedule/turns.py", "around.was_saved(job, record.began_ms)", "False"),),
        (f"{TURNS}::test_a_run_that_was_cut_off_after_its_snapshot_stood_is_not_done_again",),
    ),
    Bug(
        "catch-up-for-each-miss",
        "After a week of downtime every missed night is run, one after the other.",
        (
            Change(
                "schedule/deciding.py",
                "        return last_ms\n    may_succeed_later",
                "        return find_next_firing(job.schedule, record.taken_ms, zone)\n    may_succeed_later",
            ),
        ),
        (f"{DECIDING}::test_however_many_were_missed_one_run_makes_up_for_them",),
    ),
    Bug(
        "clock-ahead-believed",
        "A clock that was years ahead for a minute stops all backups for years.",
        (
            Change(
                "schedule/deciding.py", "if next_ms is not None and record.taken_ms > next_ms:", "if next_ms is None:"
            ),
        ),
        (f"{DECIDING}::test_what_a_clock_far_ahead_has_taken_is_not_believed",),
    ),
    Bug(
        "skipped-hour-lost",
        "A timer at half past two does not fire on the night on which the clock is put forward.",
        (
            Change(
                "schedule/systemd_calendar.py",
                "*_list_skipped(cron, fields, zone, now_ms)",
                "*_list_skipped(cron, fields, zone, now_ms)[:0]",
            ),
        ),
        (f"{UNITS}::test_timers_fire_once_for_each_moment_of_the_calendar_also_when_clocks_change",),
    ),
    Bug(
        "hook-replaced",
        "A hook of Git that was there before is overwritten.",
        (
            Change(
                "schedule/installing.py",
                "            _keep(each.path, each.keep_as)\n",
                "            each.path.unlink()\n",
            ),
        ),
        (f"{HOOKS}::test_a_hook_that_was_there_goes_on_and_comes_back",),
    ),
    Bug(
        "call-answered-unseen",
        "A commit during a run is taken for saved by it.",
        (
            Change(
                "schedule/calling.py",
                "if (status.st_ino, status.st_mtime_ns) == (call.inode, call.written_ns):",
                "if status.st_ino:",
            ),
        ),
        (f"{TURNS}::test_a_call_that_comes_during_a_run_is_answered_by_the_next",),
    ),
)
