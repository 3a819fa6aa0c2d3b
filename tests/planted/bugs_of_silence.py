"""Bugs by which something is lost and nobody is told.

In processes of our own, in streams, at distant stores, and where a configuration asks for something.
"""

from tests.planted.bug import Bug, Change

SEALING = "tests/unit/vault/test_sealing_process.py"
LANDING = "tests/unit/operations/test_landing_process.py"
AGREES = "tests/unit/sources/test_git_agrees.py"
AHEAD = "tests/unit/store/test_asking_ahead.py"
ANTICIPATING = "tests/unit/store/test_anticipating.py"
PARTS = "tests/unit/service/test_parts.py"
SUBPROCESSES = "tests/unit/test_subprocesses.py"
WITHDRAWING = "tests/unit/vault/test_withdrawals.py"
STREAMS = "tests/scenarios/test_streams_real_program.py"
CONFIGURED = "tests/scenarios/test_configured_streams.py"
FORGETTING = "tests/unit/vault/test_forgetting.py"
KEYS_MEET = "tests/scenarios/test_key_changes_that_meet.py"
TARGETS = "tests/unit/sources/test_landing.py"
TREES = "tests/unit/stack/test_file_trees.py"
WANTED = "tests/unit/stack/test_wanted_paths.py"

SILENCE = (
    Bug(
        "left-out-as-an-older-git-would",
        "A pattern leaves out what the Git of its owner keeps: versions read it differently, and nobody is told.",
        (Change("sources/files/patterns.py", "is_narrow=not self.is_negated", "is_narrow=False"),),
        (f"{AGREES}::test_stars_after_plain_text_leave_out_what_every_version_of_git_leaves_out",),
    ),
    Bug(
        "lost-sealing-process-drops-a-segment",
        "A process that seals is killed, by a machine without memory; its segment is in no pack, the snapshot is made.",
        (
            Change(
                "vault/sealing_team.py",
                "            member.is_lost = True\n            return None\n",
                "            member.is_lost = True\n            raise\n",
            ),
            Change(
                "vault/sealing_pipeline.py",
                "                packed = self._seal(segment)\n",
                "                try:\n                    packed = self._seal(segment)\n"
                "                except ProcessLost:\n                    return\n",
            ),
        ),
        (f"{SEALING}::test_a_lost_process_costs_no_segment",),
    ),
    Bug(
        "two-segments-on-one-desk",
        "Two threads feed one sealing process: the second segment is laid on the first, which is never stored.",
        (
            Change(
                "vault/sealing_process.py",
                "        start = desk * _DESK_BYTES\n        rows = frame_rows(ids, chunks)\n",
                "        start = desk = 0\n        rows = frame_rows(ids, chunks)\n",
            ),
        ),
        (f"{SEALING}::test_two_threads_have_one_process_seal_and_each_gets_its_own",),
    ),
    Bug(
        "dead-landing-process-taken-for-success",
        "A process that writes files is killed; the files that it was given count as written, and the status is 0.",
        (
            Change(
                "operations/landing_files.py",
                "            self._clear_up_after(process, whole, error)\n            landed = None\n",
                "            self._clear_up_after(process, whole, error)\n"
                "            return len(whole), 0, None, pieces\n",
            ),
        ),
        (f"{LANDING}::test_what_a_killed_process_was_at_is_written_again",),
    ),
    Bug(
        "half-file-of-a-dead-landing-process-stays",
        "What a killed process left half written is taken for something that was there before, and stays.",
        (
            Change(
                "operations/landing_files.py",
                "        if self._overwrite is None:\n            for job in jobs:\n",
                "        if self._overwrite is None:\n            for job in jobs[:0]:\n",
            ),
        ),
        (f"{LANDING}::test_a_file_that_a_killed_process_left_half_there_is_written_again",),
    ),
    Bug(
        "listing-ahead-that-failed-is-empty",
        "A listing that was asked for ahead fails in its thread, and counts as an empty one.",
        (
            Change(
                "store/anticipating.py",
                "            found = wait_for(known)\n",
                "            found = known.result() if known.exception() is None else []\n",
            ),
        ),
        (ANTICIPATING,),
    ),
    Bug(
        "answer-ahead-that-failed-is-left-out",
        "One of many questions to a distant store fails; its answer is left out, and the rest is taken for all.",
        (
            Change(
                "store/asking_ahead.py",
                "        while waiting:\n            first, answer = waiting.popleft()\n",
                "        while waiting:\n            first, answer = waiting.popleft()\n"
                "            if answer.exception() is not None:\n                continue\n",
            ),
            Change(
                "store/asking_ahead.py",
                "                yield first, wait_for(answer)\n            waiting.append",
                "                if answer.exception() is None:\n"
                "                    yield first, wait_for(answer)\n            waiting.append",
            ),
        ),
        (f"{AHEAD}::test_an_error_comes_when_the_turn_of_its_question_does",),
    ),
    Bug(
        "expired-withdrawal-counts",
        "A stolen key takes back what was saved long ago.",
        (Change("vault/endings.py", "any(withdrawn_ms <= latest_ms for", "any(withdrawn_ms or latest_ms for"),),
        (f"{WITHDRAWING}::test_a_stolen_key_withdraws_no_old_record",),
    ),
    Bug(
        "withdrawal-counts-where-puts-are-atomic",
        "A stolen key hides any snapshot, on stores where no writer ever has to take one back.",
        (Change("vault/endings.py", "return record.catalog.time_rule and any(", "return any("),),
        (f"{WITHDRAWING}::test_a_stolen_key_withdraws_nothing_where_puts_are_atomic",),
    ),
    Bug(
        "end-of-a-stream-believed",
        "A pipe that breaks ends like one that is whole: neither its length nor the mark at its end is asked for.",
        (
            Change(
                "sources/streams/tree.py",
                "                    self._expected.judge(self._name, self._size, self._tail)\n",
                "",
            ),
        ),
        (f"{STREAMS}::test_a_stream_that_is_cut_before_its_declared_end_makes_no_snapshot",),
    ),
    Bug(
        "end-mark-of-a-configured-command-ignored",
        "A command of the configuration has an end mark, and nobody hands it on to what judges the stream.",
        (
            Change(
                "stack/commands.py",
                'mark=(component.end_mark or "").encode(),',
                'mark=b"",',
            ),
        ),
        (f"{CONFIGURED}::test_an_end_mark_that_does_not_come_is_told",),
    ),
    Bug(
        "required-path-not-judged",
        "A path that the configuration requires is gone, and the snapshot without it is whole and the newest.",
        (Change("stack/file_trees.py", "        self._check_required(report)\n", ""),),
        (f"{TREES}::test_what_is_required_has_to_be_there",),
    ),
    Bug(
        "attributes-left-out-of-exports",
        "An export to tar looks whole, and who may read what by an ACL is in it nowhere.",
        (Change("archives/packing.py", "{**nanoseconds, **describe_attributes(entry.xattrs)}", "nanoseconds"),),
        (
            "tests/unit/archives/test_packing.py::test_tar_brings_acls_back",
            "tests/scenarios/test_exports_for_other_tools.py",
        ),
    ),
    Bug(
        "root-read-as-a-pattern",
        "The folder of a stack is called data[1]: what lies in data1 beside it is saved in its place.",
        (
            Change(
                "stack/wanted_paths.py",
                "    parts = [each for each in os.path.normpath(path)",
                "    path, base = os.path.join(base, path), b'/'\n    parts = [each for each in os.path.normpath(path)",
            ),
        ),
        (WANTED,),
    ),
    Bug(
        "configured-database-saved-as-a-file",
        "A component of kind sqlite is walked like files: what lies in the write-ahead log only is not there.",
        (
            Change(
                "stack/databases.py",
                "        return SqliteTree(found, clock=SystemClock(), report=report, ask=ask)\n",
                "        from rebond.sources.files.excluding import Rules\n"
                "        from rebond.sources.files.scanning import FileTree\n"
                "        from rebond.stack.file_trees import choose_only\n"
                "        rules = Rules(patterns=[*choose_only(sorted(found), 'planted')])\n"
                "        return FileTree(self._top, rules, report=report)\n",
            ),
        ),
        (f"{CONFIGURED}::test_every_kind_of_one_configuration_comes_back_from_one_snapshot",),
    ),
    Bug(
        "forgotten-and-told-as-failed",
        "A disk is full when what was forgotten is written down: the command fails, and the snapshot is gone.",
        (
            Change(
                "vault/forgetting.py",
                "    except StoreError as error:\n        vault.report(_not_counted",
                "    except ZeroDivisionError as error:\n        vault.report(_not_counted",
            ),
        ),
        (FORGETTING,),
    ),
    Bug(
        "replaced-keyring-is-damage",
        "A keyring that another owner replaces between listing and read is said to be missing.",
        (
            Change(
                "vault/keyring.py",
                "        with suppress(ObjectMissing):\n",
                "        with suppress(ZeroDivisionError):\n",
            ),
        ),
        (KEYS_MEET,),
    ),
    Bug(
        "spoilt-cache-believed",
        "What a host remembers of a file has rotted; the snapshot refers to chunks that are in no segment.",
        (
            Change(
                "vault/file_cache.py",
                "if blake3(body).digest()[:_CHECKSUM_SIZE] != stored[_LENGTH.size : _LENGTH.size + _CHECKSUM_SIZE]:\n",
                "if not body:\n",
            ),
        ),
        ("tests/unit/vault/test_local_cache.py",),
    ),
    Bug(
        "secret-eats-the-dump",
        "The command for the passphrase, such as ssh, swallows the beginning of the dump that is piped into a backup.",
        (Change("subprocesses.py", "stdin=None if os.isatty(0) else subprocess.DEVNULL,", "stdin=None,"),),
        (SUBPROCESSES,),
    ),
    Bug(
        "writes-into-what-another-file-is-by-now",
        "An export with a password meets a full disk, and its next bytes go to a descriptor that is closed by then.",
        (
            Change(
                "subprocesses.py",
                "        self._close_input(patience_seconds=0)  # who writes there is told by its end\n",
                "        if self._sink is not None:\n            os.close(self._sink)\n            self._sink = None\n",
            ),
        ),
        (SUBPROCESSES,),
    ),
    Bug(
        "service-mute-after-a-moment-without-descriptors",
        "No descriptor was free for a moment; the service runs on, and no segment of the log is taken any more.",
        (
            Change(
                "service/connections.py",
                "                continue\n            try:\n",
                "                return\n            try:\n",
            ),
        ),
        (f"{PARTS}::test_a_machine_without_descriptors_for_a_moment_does_not_make_the_service_mute",),
    ),
    Bug(
        "log-given-up",
        "The disk was full for a moment, and a service that lives for months writes no log any more.",
        (
            Change(
                "logs/log.py",
                "                self._tell(_name_of(sink), error)\n",
                "                self._tell(_name_of(sink), error)\n                self._sinks = []\n",
            ),
        ),
        ("tests/unit/logs/test_log.py::test_a_disk_that_was_full_is_written_again_once_there_is_room",),
    ),
    Bug(
        "unread-taken-for-removed",
        "What the user who asks may not look at is listed as removed since the snapshot, and the status is 0.",
        (Change("cli/commands/diff.py", "            self._unread.add(finding.subject)\n", ""),),
        ("tests/unit/cli/test_looking.py::test_what_cannot_be_looked_at_now_does_not_count_as_removed",),
    ),
    Bug(
        "listed-as-if-it-were-all",
        "The record of a snapshot is damaged, and whoever lists them by a script gets one less and status 0.",
        (Change("cli/commands/snapshots.py", "                damage.append(finding)\n", "                pass\n"),),
        (
            "tests/unit/cli/test_looking.py::test_where_a_record_is_damaged_the_others_are_listed_and_the_status_says_so",
        ),
    ),
    Bug(
        "what-was-not-saved-was-removed",
        "A component that a run left out by wish is listed file by file as removed: somebody restores what was there.",
        (Change("operations/diffing.py", "(left.keys() | right.keys()) - left_out", "left.keys() | right.keys()"),),
        ("tests/unit/operations/test_diffing.py::test_what_a_snapshot_was_made_without_is_not_compared",),
    ),
    Bug(
        "a-closed-output-takes-all",
        "Whoever closed the output gets nothing of a file, and status 0.",
        (Change("cli/output/closed_places.py", "(1, os.O_RDONLY)", "(1, os.O_WRONLY)"),),
        ("tests/unit/cli/test_endings.py::test_an_answer_that_nobody_gets_is_a_failure",),
    ),
    Bug(
        "restores-that-nobody-may-list",
        "A backup that may not list the restores saves what one of them left half done, and says nothing.",
        (
            Change(
                "cli/backup/half_restored.py", "        tell(_cannot_be_listed(state_folder / RESTORES, error))\n", ""
            ),
        ),
        ("tests/unit/cli/test_spoilt_restore_told.py::test_a_folder_of_runs_that_may_not_be_read_is_told",),
    ),
    Bug(
        "last-night-made-it-good",
        "A run that failed, and could not write that down, counts as done because the night before went well.",
        (Change("cli/turns/taking.py", "record.began_ms >= since_ms and record.has", "record.has"),),
        ("tests/unit/cli/test_tried_again.py::test_what_went_well_last_night_makes_nothing_good",),
    ),
    Bug(
        "forgetting-beside-damage-is-good",
        "A snapshot's record is damaged, and what forgets every day ends with 0 beside it.",
        (Change("cli/commands/forget.py", "status_of([*plan.left, *problems])", "status_of(plan.left)"),),
        ("tests/unit/cli/test_keeping.py::test_beside_a_damaged_record_the_others_go_and_the_status_says_damage",),
    ),
    Bug(
        "a-misspelt-tag-keeps-nothing",
        "Somebody keeps by a tag alone and misspells it: all but the last snapshot goes, and --prune deletes it.",
        (
            Change(
                "cli/commands/forget.py",
                "            require_some_tag(policy, standing.candidates)\n",
                "            pass\n",
            ),
        ),
        ("tests/unit/cli/test_keeping.py::test_a_tag_that_no_snapshot_has_is_told_before_anything_goes",),
    ),
    Bug(
        "restored-onto-a-disk-that-left",
        "The disk of the target is unmounted during a restore; all is said to be there, and the directory is empty.",
        (Change("sources/files/landing.py", "            self._target.require_in_place()\n", ""),),
        (f"{TARGETS}::test_a_target_that_went_away_meanwhile_is_not_said_to_hold_what_was_restored",),
    ),
    Bug(
        "one-page-too-early",
        "A file whose name is the first of a page of a crowded directory is not in the snapshot, for whoever names it.",
        (Change("vault/named_entries.py", "read) <= name:\n", "read) < name:\n"),),
        ("tests/unit/vault/test_named_entries.py",),
    ),
    Bug(
        "any-depth-taken-for-one",
        "What a pattern with ** fits is passed over, because the next directory is taken for its next part.",
        (Change("operations/selection.py", ' or any(b"**" in part for part in parts)', ""),),
        ("tests/unit/operations/test_selection.py",),
    ),
    Bug(
        "a-secret-that-was-never-saved-loses-nothing",
        "After a restore in place a key file that no snapshot holds is said to be saved, as nobody touched it since.",
        (
            Change(
                "schedule/observing.py", "since_ms <= _touched_ms(each) < moment_ms", "_touched_ms(each) < moment_ms"
            ),
        ),
        (
            "tests/scenarios/test_secrets_in_place.py::test_a_secret_that_no_snapshot_holds_is_lost_also_where_others_came_back",
        ),
    ),
)
