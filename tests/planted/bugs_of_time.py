"""Bugs of time: runs that are lost, doubled, or never begin again, and hooks that are trodden on."""

from tests.planted.bug import Bug, Change

DECIDING = "tests/unit/schedule/test_deciding.py"
TURNS = "tests/unit/schedule/test_turns.py"
HOOKS = "tests/unit/schedule/test_git_hooks.py"
UNITS = "tests/unit/schedule/test_systemd_units.py"
BY_HAND = "tests/unit/cli/test_class_by_hand.py"
TIMES = "tests/unit/cli/test_times_and_triggers.py"
PARTS = "tests/unit/service/test_parts.py"
LOOKS = "tests/unit/service/test_looks.py"

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
        "cut-off-run-left-to-its-timer",
        "A backup that a restart of the machine cut off is not begun again: its timer has fired.",
        (
            Change(
                "schedule/systemd_units.py",
                'is_asked = bool(job.schedule) or job.trigger == "start"',
                'is_asked = job.trigger == "start"',
            ),
        ),
        (f"{UNITS}::test_what_has_an_hour_of_its_own_is_asked_for_at_each_start_and_holds_no_start_back",),
    ),
    Bug(
        "cut-off-run-doubled",
        "A run that was killed after its snapshot stood makes a second one.",
        (Change("schedule/turns.py", "around.was_saved(job, record.began_ms)", "False"),),
        (f"{TURNS}::test_a_run_that_was_cut_off_after_its_snapshot_stood_is_not_done_again",),
    ),
    Bug(
        "tries-of-another-night",
        "After a night without a network the next one is not tried again, however short its fault is.",
        (Change("schedule/turns.py", "failures=0 if is_another else record.failures,", "failures=record.failures,"),),
        ("tests/unit/schedule/test_trying_again.py::test_the_next_night_has_its_own_tries",),
    ),
    Bug(
        "partial-is-done",
        "A night whose database did not answer for a minute counts as saved: there is no whole set until the next.",
        (
            Change(
                "cli/turns/taking.py",
                "bool(turn.job.schedule) and status != GOOD and invocation.may_be_whole_later",
                "status == GOOD and invocation.may_be_whole_later",
            ),
        ),
        ("tests/unit/cli/test_tried_again.py",),
    ),
    Bug(
        "paused-is-well",
        "A night whose backup failed, and that was paused before its next try, ends with 0: nobody is told.",
        (Change("cli/turns/taking.py", "if not is_made_good and failure is not None:", "if False:"),),
        ("tests/unit/cli/test_tried_again.py::test_a_failure_that_is_not_tried_again_after_all_is_told_as_one",),
    ),
    Bug(
        "catch-up-for-each-miss",
        "After a week of downtime every missed night is run, one after the other.",
        (
            Change(
                "schedule/deciding.py",
                "        return last_ms\n    return record",
                "        return find_next_firing(job.schedule, record.taken_ms, zone)\n    return record",
            ),
        ),
        (f"{DECIDING}::test_however_many_were_missed_one_run_makes_up_for_them",),
    ),
    Bug(
        "clock-ahead-believed",
        "A clock that was years ahead for a minute stops all backups for years.",
        (
            Change(
                "schedule/deciding.py",
                "if next_ms is not None and record.taken_ms > min(next_ms, now_ms + _BELIEVED_AHEAD_MS):",
                "if next_ms is None:",
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
    Bug(
        "commits-in-a-log-start-nothing",
        "What SQLite has committed waits in its log, and the unit watches the database alone.",
        (
            Change(
                "schedule/observing.py", "return (path, *(place + end for end in _BESIDE_DATABASES))", "return (path,)"
            ),
        ),
        (f"{UNITS}::test_a_commit_in_the_log_of_a_database_starts_a_run",),
    ),
    Bug(
        "what-never-rests-is-never-saved",
        "The service waits for a pause of what is written to all day.",
        (Change("service/watches.py", " or began - calm > _PATIENCE_SECONDS", ""),),
        (f"{PARTS}::test_what_never_comes_to_rest_is_saved_every_twenty_seconds",),
    ),
    Bug(
        "a-time-in-the-zone-of-the-machine",
        "A moment that is typed is read in the zone of the machine, hours away from what the stack's lists show.",
        (Change("cli/__main__.py", "    tell_times_in(lambda: find_zone(invocation))\n", ""),),
        (f"{TIMES}::test_a_time_is_read_in_the_zone_of_the_stack_also_before_its_configuration_is_needed",),
    ),
    Bug(
        "another-vault-takes-the-turn",
        "A scheduled run into another vault counts as the class's own, whose vault then has no backup of that night.",
        (Change("cli/turns/taking.py", "find_vault(invocation).place != place:", "not place:"),),
        (f"{BY_HAND}::test_a_turn_is_not_taken_by_a_run_into_another_vault",),
    ),
    Bug(
        "no-rest-between-runs",
        "A database that is written to all day is saved without a pause.",
        (Change("schedule/turns.py", "max(rested_ms, leave_windows(", "max(0, leave_windows("),),
        (f"{TURNS}::test_a_run_for_changes_rests_after_the_last_but_not_by_a_clock_that_was_set_back",),
    ),
    Bug(
        "one-job-stops-all",
        "The record of one class cannot be read: nothing of the stack is backed up any more, and /healthz says ok.",
        (
            Change("service/daemon.py", "(due := self._due.find(job))", "(due := self._due._look(job))"),
            Change(
                "service/known_records.py",
                "            found = self._records.read(name)\n        except OSError as error:",
                "            found = self._records.read(name)\n        except ZeroDivisionError as error:",
            ),
        ),
        (LOOKS,),
    ),
    Bug(
        "unwritten-first-record",
        "The disk was full when the service first looked: its jobs count from now on at each look, and are never due.",
        (
            Change(
                "service/known_records.py",
                "            self._held[name] = _Held(record, self._read(name), self._clock.monotonic())\n",
                "",
            ),
        ),
        (f"{LOOKS}::test_a_disk_without_room_for_records_lets_each_run_begin_once",),
    ),
    Bug(
        "new-include-unseen",
        "A file comes under conf.d while the service runs: its class is never backed up.",
        (Change("service/configurations.py", "(*self._verdict.files, *included,", "(*self._verdict.files,"),),
        (f"{PARTS}::test_a_file_that_comes_to_be_included_is_read",),
    ),
    Bug(
        "log-into-the-old-vault",
        "The vault is another one now, and what streams the write-ahead log goes on writing into the old one.",
        (Change("service/attendants.py", " or kept.knows != knows", ""),),
        ("tests/unit/service/test_attendants.py",),
    ),
    Bug(
        "clock-ahead-takes-the-month",
        "A clock that was three weeks ahead for a minute takes the one run of next month.",
        (
            Change(
                "schedule/deciding.py",
                "record.taken_ms > min(next_ms, now_ms + _BELIEVED_AHEAD_MS)",
                "record.taken_ms > next_ms",
            ),
        ),
        (f"{DECIDING}::test_a_month_that_a_clock_weeks_ahead_has_taken_has_its_own_run",),
    ),
    Bug(
        "clock-ahead-stops-checks",
        "A check that follows each backup is never made again once a clock was years ahead.",
        (Change("schedule/deciding.py", " or now_ms < record.taken_ms != before.ended_ms", ""),),
        (f"{DECIDING}::test_a_check_of_a_backup_that_a_clock_far_ahead_made_stops_no_later_one",),
    ),
    Bug(
        "zone-of-1970",
        "Where /etc/localtime is a copy, as in containers, schedules are those of the offset of 1970.",
        (Change("units.py", "return _read_zone(path) if path else _read_rule(rule)", "return _standard_zone()"),),
        ("tests/unit/test_units.py",),
    ),
    Bug(
        "shell-taken-along",
        "A backup works by hand and fails every night: nobody said that the passphrase was the shell's alone.",
        (Change("schedule/inherited_variables.py", "if environment.get(name)}", "if not environment.get(name)}"),),
        ("tests/unit/schedule/test_inherited_variables.py",),
    ),
    Bug(
        "hanging-run-looks-well",
        "A run hangs for ever: nothing of its stack is backed up any more, and /healthz says ok.",
        (Change("service/daemon.py", "            *overdue.items(),\n", ""),),
        (f"{LOOKS}::test_a_run_that_hangs_while_its_next_is_due_is_told_and_not_ended",),
    ),
    Bug(
        "moments-apart",
        "A moment that was tried beside is another one on the bare machine, a fraction of a second later or earlier.",
        (
            Change(
                "cli/recovery/bare_machine.py",
                "target = pin_moment(moment, now_ms=now_ms, zone=zone)",
                "target = pin_moment(format_moment(until_ms), now_ms=now_ms)",
            ),
        ),
        ("tests/scenarios/test_moments_that_agree.py",),
    ),
    Bug(
        "a-second-is-its-end",
        "Brought back to the second of an accident, a server holds the accident.",
        (Change("units.py", '[1:7].ljust(6, "0")', '[1:7].ljust(6, "9")'),),
        ("tests/unit/test_units.py::test_a_log_is_followed_to_the_very_moment_that_was_written",),
    ),
    Bug(
        "a-clock-that-went-back-in-silence",
        "A clock ten years behind: each night a snapshot stands, and 'latest' means the one from before, unsaid.",
        (Change("operations/backup.py", "newest_ms <= time_ms + AHEAD_MS", "True"),),
        (
            "tests/unit/operations/test_backup.py::test_a_clock_that_went_back_is_told_and_one_that_was_ahead_is_not_told_for_years",
        ),
    ),
)
