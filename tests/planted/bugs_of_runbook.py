"""Bugs of the runbook and the checklists: what they tell whoever has nothing else in his hands."""

from tests.planted.bug import Bug, Change

MOMENTS = "tests/unit/runbook/test_moments.py"
SUBJECTS = "tests/unit/runbook/test_subjects.py"
WRITING = "tests/unit/runbook/test_writing.py"
ANSWERS = "tests/unit/runbook/test_answers.py"
COMMAND = "tests/unit/cli/test_runbook.py"
LOGGED = "tests/scenarios/test_runbook_of_a_physical_database.py"
FOLLOWED = "tests/scenarios/test_runbook_commands.py"
GATHERING = "tests/unit/runbook/test_gathering.py"
OBJECTIVES = "tests/unit/stack/test_objectives.py"
SINGLE_FILES = "tests/scenarios/test_drills_of_single_files.py"
MOVING = "tests/unit/runbook/test_moving.py"
MOVES = "tests/unit/cli/test_runbook_moves.py"

RUNBOOK = (
    Bug(
        "a-line-shuts-the-root",
        "Who copies secrets back by the runbook's line gives the stack's folder a mode that nobody else may pass.",
        (
            Change(
                "runbook/moving.py",
                'copying = f"tar -C {source} -cf - . | tar -C {target} --no-overwrite-dir --backup=numbered -xpf -"',
                'copying = f"cp -a --backup=numbered {source} {target}"',
            ),
        ),
        (f"{WRITING}::test_secrets_that_are_copied_over_leave_the_folders_as_they_are",),
    ),
    Bug(
        "the-list-of-the-week-says-held",
        "The list of the week ticks that the objectives are held, while one of work that may be lost is missed.",
        (Change("runbook/answers.py", "list(sight.missed or ()), 0", "list[str](), 0"),),
        (
            "tests/unit/runbook/test_answers.py::test_an_objective_that_is_missed_now_is_not_held_by_what_a_drill_measured",
        ),
    ),
    Bug(
        "a-sample-proves-the-whole",
        "A sample, or a drill of one lost service, is taken for a restore of the whole that was tried.",
        (Change("runbook/facts.py", 'each.verdict == "fail" or not each.is_of_a_part', "True"),),
        ("tests/unit/runbook/test_answers.py::test_a_drill_of_a_part_proves_no_whole_and_may_show_that_there_is_none",),
    ),
    Bug(
        "one-exercise-for-all-stacks",
        "While people exercise for one stack, those of another begin: the first are judged by the second's snapshot.",
        (Change("stack/drills/exercises.py", 'f"exercise-{stack}.json"', '"exercise.json"'),),
        ("tests/scenarios/test_exercises_of_two_stacks.py::test_each_is_told_of_its_own_and_judged_by_its_own",),
    ),
    Bug(
        "file-drilled-as-a-folder",
        "A component is one file; the drill puts a folder there, so the application's check fails on a good backup.",
        (Change("stack/drills/planning.py", "is_file=is_file)", "is_file=False)"),),
        (f"{SINGLE_FILES}::test_one_file_comes_back_as_a_file_and_another_component_may_hold_it_too",),
    ),
    Bug(
        "several-paths-copied-to-the-top",
        "Two folders of a container come back; the line of the page puts them at its root, where nothing looks.",
        (Change("runbook/moving_inside.py", "return os.fsdecode(top), len", 'return "/", len'),),
        (f"{MOVING}::test_files_go_into_a_container_where_they_were",),
    ),
    Bug(
        "files-of-no-volume-copied-into-the-machine",
        "No volume has that label; the line of the page, typed as root, copies into / or /etc of the machine.",
        (Change("runbook/moving_inside.py", """ && (ls -d -- "${{place:?}}/")'""", """; ls -d -- "$place/"'"""),),
        (
            f"{MOVING}::test_nothing_is_written_where_no_folder_of_one_volume_is_found",
            f"{MOVING}::test_the_second_line_alone_writes_nothing",
        ),
    ),
    Bug(
        "volume-through-a-container-begins-elsewhere",
        "Two folders of a volume are saved through a container: what came back lies at the top of the volume.",
        (Change("stack/wanted_inside.py", "    if folder and all(", "    if not folder and all("),),
        (
            "tests/scenarios/test_declared_kinds.py::test_several_paths_of_a_volume_begin_at_its_folder_whoever_reads_it",
        ),
    ),
    Bug(
        "file-copied-into-a-container-as-a-folder",
        "A component is one file of a container; the line of the page copies a folder over it, which no engine does.",
        (Change("runbook/moving_inside.py", "then from={file}; else", "then from={folder}; else"),),
        (f"{MOVING}::test_files_go_into_a_container_where_they_were",),
    ),
    Bug(
        "folder-that-came-back-not-named",
        "Nobody said where things came back: the line of the page moves /media of the machine into the stack.",
        (
            Change(
                "runbook/came_back.py",
                """else f'"${{TO:?}}/{path}"'""",
                """else f'"$TO/{path}"'""",
            ),
        ),
        (f"{MOVING}::test_a_line_of_what_came_back_does_nothing_where_nobody_said_where_that_is",),
    ),
    Bug(
        "half-a-database-laid-into-a-container",
        "The way into a container breaks off; half of a database takes the place of the old one.",
        (Change("runbook/moving_inside.py", """[ "$(wc -c < "$old.new")" -eq "$2" ] && """, """[ "$2" ] && """),),
        (f"{MOVING}::test_a_transfer_into_a_container_that_breaks_off_is_told",),
    ),
    Bug(
        "no-way-made-on-a-new-machine",
        "On a new machine the folder above is not there yet, and what came back has nowhere to go.",
        (Change("runbook/moving.py", 'return f"mkdir -p {quote(os.path.dirname(target))}"', 'return "true"'),),
        (f"{MOVES}::test_what_came_back_finds_its_way_on_a_new_machine",),
    ),
    Bug(
        "failed-proof-holds-on-the-page",
        "Nothing good came back, within three seconds: the evidence says that the recovery time holds.",
        (
            Change(
                "cli/drills/page.py", 'return say("not known") if is_failed and', 'return say("yes") if is_failed and'
            ),
        ),
        ("tests/unit/cli/test_evidence_page.py::test_what_failed_within_the_promised_time_keeps_no_promise",),
    ),
    Bug(
        "secret-masked-after-it-was-escaped",
        "A password with a star in it stands in a contact: escaped for the page, it is found by nobody who masks it.",
        (Change("cli/runbook/writing.py", "reword(write_runbook(facts), mask)", "write_runbook(facts)"),),
        (f"{COMMAND}::test_secrets_of_the_variables_are_masked_wherever_they_stand",),
    ),
    Bug(
        "line-feed-in-a-command-of-the-page",
        "A folder has a line feed in its name: the line of the page is two, and the first half is typed alone.",
        (Change("pages/shell_words.py", ' and "\\n" not in word', ""),),
        ("tests/unit/pages/test_pages.py::test_a_word_for_a_shell_is_one_line_that_bash_reads_as_it_was",),
    ),
    Bug(
        "way-out-that-is-none",
        "The server burned; recover refuses a stack of databases alone, asks for --to DIR, and refuses that as well.",
        (Change("cli/in_place/saved_configuration.py", "if root is None and to:", "if root is not None and to:"),),
        ("tests/scenarios/test_recover_roots.py::test_below_another_folder_nobody_has_to_know_where_the_root_was",),
    ),
    Bug(
        "rescue-read-from-a-bucket",
        "Without Rebond, the page has a shell list files of an address in S3.",
        (Change("runbook/protecting.py", 'if "://" not in address:', "if address:"),),
        (f"{WRITING}::test_a_vault_in_a_store_is_copied_before_the_rescue_program_reads_it",),
    ),
    Bug(
        "failed-drill-keeps-a-promise",
        "Every drill fails within a second, and the status says that the server is back sooner than promised.",
        (Change("history/drills.py", ' and drill.facts.get("verdict") != "fail"', ""),),
        (
            f"{OBJECTIVES}::test_a_drill_that_brought_nothing_whole_back_keeps_no_promise",
            f"{GATHERING}::test_neither_a_sample_nor_a_drill_that_failed_says_how_long_it_takes",
        ),
    ),
    Bug(
        "long-ago-shown-as-never",
        "A component was saved last a hundred days ago; the status shows no snapshot of it, and 0 bytes.",
        (
            Change(
                "stack/objectives/status.py",
                "        newest_ms=time_of(newest) if newest else None,",
                "        newest_ms=max((each[0] for each in list_sizes(records, name, now_ms)), default=None),",
            ),
        ),
        (f"{OBJECTIVES}::test_a_component_saved_long_ago_was_not_never_saved",),
    ),
    Bug(
        "copies-of-another-stack-counted",
        "Nothing was ever saved of this stack, and the page says that one can go back to seven snapshots.",
        (
            Change(
                "stack/objectives/status.py",
                "records=_choose_own(facts.main_records, loaded))",
                "records=facts.main_records)",
            ),
        ),
        (f"{OBJECTIVES}::test_another_stack_in_the_same_vault_gives_this_one_no_copies",),
    ),
    Bug(
        "untried-promises-hold",
        "The page for everyone says that every promise holds while nothing was ever saved.",
        (Change("cli/status/page.py", "    if status.is_untried:\n", "    if status.missed:\n"),),
        (f"{OBJECTIVES}::test_the_page_says_that_promises_hold_only_where_all_were_tried",),
    ),
    Bug(
        "run-from-the-future-is-the-newest",
        "The clock was a year ahead for one night: the checklist ticks that backup while none is made any more.",
        (
            Change(
                "runbook/gathering.py",
                "return each.began_ms <= now_ms + AHEAD_MS, each.began_ms",
                "return True, each.began_ms",
            ),
        ),
        (f"{GATHERING}::test_a_run_that_is_dated_ahead_is_the_newest_of_none",),
    ),
    Bug(
        "journal-of-the-old-database-left",
        "The database that came back opens, and SQLite rolls the journal of the spoilt one back into it.",
        (Change("runbook/moving.py", '(b"", *COMPANIONS)', '(b"", *COMPANIONS[:2])'),),
        (f"{MOVES}::test_a_database_goes_back_without_the_journal_of_the_old_one",),
    ),
    Bug(
        "new-folder-put-into-the-old-one",
        "The old folder is mounted and cannot be moved: the new one comes to lie in it, and the page says all is back.",
        (
            Change(
                "runbook/moving.py",
                'mv {old} {old}.before-{STAMP}; }}",\n        _make_way(target),\n        f"mv -T',
                'mv {old} {old}.before-{STAMP}; }}",\n        _make_way(target),\n        f"mv',
            ),
        ),
        (f"{MOVES}::test_nothing_goes_into_a_folder_that_could_not_be_set_aside",),
    ),
    Bug(
        "file-put-back-as-a-folder",
        "A component is one file; typed as it stands, the page puts a folder of that name in its place.",
        (Change("runbook/moving.py", "if name in facts.single_files else name", "if False else name"),),
        (f"{MOVES}::test_a_component_that_is_one_file_goes_back_as_a_file",),
    ),
    Bug(
        "variables-not-listed-in-the-runbook",
        "On the new machine nobody knows which variables the configuration waits for.",
        (Change("runbook/access.py", "elif isinstance(each, Struct):", "elif isinstance(each, set):"),),
        (f"{WRITING}::test_every_variable_that_the_configuration_needs_is_named",),
    ),
    Bug(
        "secret-printed-in-the-runbook",
        "A command of the configuration has a token behind an option, and the printed page lies on a desk.",
        (Change("runbook/describing.py", '    return _AFTER_OPTION.sub(rf"\\1{MASK}", text)\n', "    return text\n"),),
        (f"{WRITING}::test_what_looks_like_a_secret_is_left_out_and_the_rest_stays",),
    ),
    Bug(
        "variables-printed-in-the-runbook",
        "What an .env file holds is known to be secret, and stands on the page because a contact quotes it.",
        (Change("cli/runbook/writing.py", "    remember_variables(loaded.variables)\n", ""),),
        (f"{COMMAND}::test_secrets_of_the_variables_are_masked_wherever_they_stand",),
    ),
    Bug(
        "oldest-measure-shown",
        "The objective is shown beside what the first drill took, years ago and with a tenth of the data.",
        (
            Change(
                "runbook/facts.py",
                "for each in reversed(self.drills) if each.tells_components and component in",
                "for each in self.drills if each.tells_components and component in",
            ),
        ),
        (f"{WRITING}::test_what_a_drill_measured_stands_beside_what_was_promised",),
    ),
    Bug(
        "good-backup-hides-the-failed-one",
        "The checklist ticks the backup of the day before yesterday while that of the night has failed.",
        (
            Change(
                "runbook/answers.py",
                'for each in reversed(sight.history.runs) if each.kind == "backup"), None)',
                'for each in reversed(sight.history.runs) if each.kind == "backup" and not each.status), None)',
            ),
        ),
        (f"{ANSWERS}::test_a_backup_that_failed_is_not_hidden_by_an_older_good_one",),
    ),
    Bug(
        "structure-counts-as-reading-back",
        "A look at names and sums is ticked as if every byte had been read.",
        (Change("runbook/facts.py", " and READ in each.options", ""),),
        (f"{ANSWERS}::test_looking_at_the_structure_is_not_reading_back",),
    ),
    Bug(
        "runbook-not-in-the-snapshot",
        "The server burns, and its runbook lay on the server.",
        (Change("cli/backup/wanted.py", "{**plan.configuration, **self.runbooks}", "plan.configuration"),),
        (f"{COMMAND}::test_the_next_backup_holds_it_and_the_configuration_stays_the_first",),
    ),
    Bug(
        "bar-ends-a-cell",
        "A pipe in a command cuts the table, and the rest of the line is in another column.",
        (Change("pages/markdown.py", 'return _code(text).replace("|", "\\\\|")', "return _code(text)"),),
        ("tests/unit/pages/test_pages.py::test_whatever_a_value_holds_it_is_shown_and_does_nothing",),
    ),
    Bug(
        "plan-for-an-unknown-place",
        "The page lets a data directory go back in place that nobody said the place of, and its line fails.",
        (Change("runbook/covered.py", "return component.data_directory is not None", "return True"),),
        (f"{MOMENTS}::test_the_plan_takes_a_data_directory_only_where_it_is_known_to_lie",),
    ),
    Bug(
        "moment-behind-the-log",
        "The line for a day asks a database for a moment that its log does not reach yet, and all of it is refused.",
        (Change("runbook/moments.py", "if others or not physical:", "others = []\n    if True:"),),
        (f"{MOMENTS}::test_a_moment_behind_the_end_of_the_log_is_asked_of_the_others_only",),
    ),
    Bug(
        "thresholds-not-on-the-page",
        "What a good backup is stands in the configuration alone, and whoever holds the page ticks the box by feeling.",
        (Change("runbook/saving.py", "    yield from write_expectations(facts)\n", ""),),
        (f"{SUBJECTS}::test_thresholds_of_the_configuration_and_those_of_the_guides_are_on_the_page",),
    ),
    Bug(
        "commands-that-work-once",
        "Every restore of the runbook goes to the same folder, so only the first one works as it is written.",
        (Change("runbook/putting_back.py", "$(mktemp -d ~/rebond-XXXXXX)", "~/rebond-restored"),),
        (f"{FOLLOWED}::test_every_command_of_the_runbook_does_what_it_says_when_it_is_typed_as_it_stands",),
    ),
    Bug(
        "history-of-a-server-that-came-back-is-lost",
        "A server that came back took its timeline while it archived nothing, and nobody brings that history into the "
        "vault: what is saved of it can never be restored.",
        (
            Change(
                "cli/commands/wal_settings.py", "for each, content in histories.items():", "for each, content in ():"
            ),
        ),
        (f"{LOGGED}::test_every_command_about_the_log_works_as_it_is_written",),
    ),
    Bug(
        "nobody-asked-is-all-well",
        "Without docker nobody is asked inside containers, and the checklist ticks that the services answer.",
        (Change("runbook/answers.py", "if seen.is_ticked and missing and leads_inside:", "if False:"),),
        ("tests/unit/runbook/test_answers.py::test_services_that_nobody_could_ask_are_not_ticked",),
    ),
    Bug(
        "a-breach-makes-forget-what-is-lost",
        "After a drill of a snapshot that was chosen by hand the runbook says that no loss was ever measured.",
        (
            Change(
                "runbook/facts.py",
                "return next((each for each in losses if each is not None), None)",
                "return next(losses, None)",
            ),
        ),
        (f"{WRITING}::test_a_drill_of_a_part_is_said_to_be_one_and_what_would_be_lost_stands_beside_each_component",),
    ),
    Bug(
        "another-server-of-the-socket-folder",
        "The line of the runbook that loads a database beside the live one leads to the server of the usual port.",
        (Change("runbook/gathering.py", 'at = f":{port}" if port else ""', 'at = "" if host[:1] == "/" else ":5544"'),),
        (f"{GATHERING}::test_a_database_is_loaded_beside_into_the_server_that_it_is_of",),
    ),
    Bug(
        "beside-without-the-options",
        "The line of the runbook that loads a database beside the live one forgets sslmode and its like.",
        (Change("runbook/gathering.py", "for name, text in options.items() if not", "for name, text in () if not"),),
        (f"{GATHERING}::test_a_database_is_loaded_beside_into_the_server_that_it_is_of",),
    ),
)
