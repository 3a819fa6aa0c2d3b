"""Bugs of coming back: what is nobody's to move, what is lost on the way back, services that stay down."""

from tests.planted.bug import Bug, Change

TRIES = "tests/unit/operations/recovery/test_tries_that_were_cut.py"
PLACE = "tests/scenarios/test_restore_in_place.py"
KILLS = "tests/crash/test_restore_in_place_kills.py"
DATABASE = "tests/scenarios/test_restore_in_place_postgres.py"
DATABASE_KILLS = "tests/crash/test_database_in_place_kills.py"
RECOVER = "tests/scenarios/test_recover.py"
SERVERS = "tests/scenarios/test_recover_databases.py"
SECRETS = "tests/scenarios/test_secrets_in_place.py"
DATA_DIRECTORY = "tests/crash/test_data_directory_in_place_kills.py"
CUTS = "tests/crash/test_swap_cuts.py"
MOUNTS = "tests/scenarios/test_restore_in_place_mounts.py"
RECOVER_KILLS = "tests/crash/test_recover_kills.py"
STUCK = "tests/scenarios/test_restores_that_nothing_ends.py"
NOTES = "tests/unit/operations/recovery/test_spoilt_notes.py"
TABLES = "tests/scenarios/test_tables_in_place.py"
MOMENTS = "tests/scenarios/test_point_in_time.py"
SPOILT = "tests/unit/operations/recovery/test_spoilt_runs.py"

RECOVERY = (
    Bug(
        "a-bar-over-the-question",
        "Whether a plan is carried out is asked below a bar that is drawn over it, and without its [y/N].",
        (
            Change(
                "cli/output/answering.py",
                "    with resting():\n        is_confirmed",
                "    if True:\n        is_confirmed",
            ),
        ),
        ("tests/scenarios/test_guided_restore.py::test_a_question_stands_whole_on_a_terminal_on_which_a_bar_is_drawn",),
    ),
    Bug(
        "nobody-passes-the-root",
        "On a bare machine the root of the stack is its owner's alone: whoever serves its files cannot read them.",
        (Change("operations/recovery/file_part.py", "0o700 if self.place.is_elsewhere else 0o777", "0o700"),),
        (f"{RECOVER}::test_folders_that_no_component_saves_are_made_for_those_who_have_to_pass_them",),
    ),
    Bug(
        "begun-is-done",
        "A step that was begun counts as done, so what was cut in the middle of it never comes.",
        (
            Change(
                "operations/recovery/journal.py",
                "return any(each.event is Event.STEP_ENDS and each.step == step for each in self._entries)",
                "return any(each.step == step for each in self._entries)",
            ),
        ),
        (f"{KILLS}::test_killed_anywhere_it_is_gone_on_with_or_undone_and_nothing_is_lost",),
    ),
    Bug(
        "half-a-load-stays",
        "A load that was killed is undone, and the half of the database that was loaded stays in the server for ever.",
        (
            Change(
                "operations/recovery/database_part.py",
                "            for each in loaded:\n"
                "                drop_leftovers(target.access, _maintenance(target, each), each)\n",
                "",
            ),
        ),
        (f"{DATABASE_KILLS}::test_killed_in_the_middle_of_a_load_it_is_undone_with_the_half_that_was_loaded",),
    ),
    Bug(
        "rights-are-met-when-all-is-stopped",
        "Whose a database is, is asked of another name than its own: that it cannot be put aside shows when the "
        "services are stopped.",
        (
            Change(
                "operations/restore_database.py",
                "wish.renames.get(each.name) or target.database or each.name\n        obstacles",
                'f"{each.name}_new"\n        obstacles',
            ),
        ),
        (f"{DATABASE}::test_a_missing_right_is_named_with_its_remedy_before_anything_is_stopped",),
    ),
    Bug(
        "foreign-things-go-along",
        "A directory is moved whole, with what no rule saves in it: logs and dependencies vanish from their place.",
        (
            Change(
                "operations/recovery/swapping.py",
                "if ours and wanted and here not in self._shape.mixed and self._can_move",
                "if ours and wanted and self._can_move",
            ),
        ),
        (f"{PLACE}::test_everything_comes_back_and_what_no_rule_saves_stays_where_it_is",),
    ),
    Bug(
        "the-log-of-another-version",
        "What SQLite had beside the restored database stays when that is undone, and is read into the old one.",
        (
            Change(
                "operations/recovery/swap_steps.py",
                "            return []\n        return [path + ending for",
                "            return []\n        return [] and [path + ending for",
            ),
        ),
        (f"{PLACE}::test_what_sqlite_left_beside_the_new_version_is_never_read_with_the_old_one",),
    ),
    Bug(
        "a-database-among-files-is-none",
        "One database that comes back into a folder of files finds the log of the old one beside it.",
        (Change("operations/recovery/swapping.py", "== _SQLITE_MAGIC\n", "== b''\n"),),
        (f"{PLACE}::test_what_sqlite_left_beside_a_database_among_files_goes_aside_with_it",),
    ),
    Bug(
        "whose-copy-is-not-asked",
        "A copy to another disk that was cut when it was whole is finished by deleting what lies where it came from.",
        (
            Change(
                "operations/recovery/moving.py",
                "    _remove(leaving)\n",
                "    _remove(leaving)\n    if os.path.lexists(source):\n        _remove(source)\n",
            ),
        ),
        ("tests/unit/operations/recovery/test_moving.py::test_what_came_to_lie_where_the_original_was_stays",),
    ),
    Bug(
        "half-a-copy-counts",
        "A copy to another disk that was cut half-way is taken for the old version, which goes.",
        (
            Change(
                "operations/recovery/moving.py",
                "    os.rename(source, _name_leaving(source, target))  # from here on the copy is",
                "    # the copy is",
            ),
            Change(
                "operations/recovery/moving.py",
                "    _copy(source, _name_temporary(target), {})\n",
                "    os.rename(source, _name_leaving(source, target))\n"
                "    _copy(_name_leaving(source, target), _name_temporary(target), {})\n",
            ),
        ),
        (f"{CUTS}::test_cut_anywhere_it_is_undone",),
    ),
    Bug(
        "stopped-once-is-stopped",
        "What a reboot has started in the middle of a restore runs on while the rest changes places under it.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "            self._stop_again()\n",
                "",
            ),
        ),
        (f"{KILLS}::test_services_that_a_reboot_started_in_the_middle_are_stopped_before_anything_more_is_moved",),
    ),
    Bug(
        "half-restored-is-saved",
        "A backup between a restore that was cut and its end saves a mixture, as the newest whole snapshot.",
        (Change("cli/backup/wanted.py", "refuse_half_restored(plan.components, half_restored)", "plan.components"),),
        (f"{KILLS}::test_what_is_half_restored_is_not_saved_as_if_it_were_whole",),
    ),
    Bug(
        "no-room-for-the-way-back",
        "A full disk ends a restore in the middle: the services are stopped, and no line can be written of going back.",
        (
            Change(
                "operations/recovery/reserve.py",
                "        if error.errno not in _FULL or not give_up_reserve(folder):",
                "        if error.errno in _FULL or not give_up_reserve(folder):",
            ),
        ),
        (f"{PLACE}::test_a_journal_on_a_full_disk_goes_on_with_what_the_run_has_kept_for_that",),
    ),
    Bug(
        "other-components-go-along",
        "Restoring the code brings the database and the media of that day as well.",
        (
            Change(
                "stack/file_places.py",
                "        if other == name or component.volume",
                "        if other != name or component.volume",
            ),
        ),
        (f"{PLACE}::test_the_outer_component_leaves_alone_what_belongs_to_another_one",),
    ),
    Bug(
        "services-stay-down",
        "A stop that fails ends the restore, and what it had stopped already is not started again.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "        if (has_stopped or touched) and not",
                "        if touched and not",
            ),
        ),
        (f"{PLACE}::test_a_stop_command_that_fails_changes_nothing",),
    ),
    Bug(
        "one-word-is-enough",
        "A rollback takes away what people wrote since the restore, and nobody was asked.",
        (
            Change(
                "cli/in_place/afterwards.py", "    if not written or keeps_newer:\n", "    if written or keeps_newer:\n"
            ),
        ),
        (f"{PLACE}::test_what_users_wrote_since_needs_a_second_word_and_is_kept",),
    ),
    Bug(
        "newer-work-deleted",
        "With the second word what people wrote is deleted instead of being kept.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "            if keeps_new:\n                part.keep_new()\n",
                "",
            ),
        ),
        (f"{PLACE}::test_what_users_wrote_since_needs_a_second_word_and_is_kept",),
    ),
    Bug(
        "started-with-old-secrets",
        "The services are started with the variables that were read before .env came back.",
        (
            Change(
                "stack/recovering.py",
                "return make_hook(step, refresh_variables(loaded, environment), variables).run()",
                "return make_hook(step, loaded, variables).run()",
            ),
        ),
        (f"{PLACE}::test_commands_after_the_restore_see_the_variables_that_came_back",),
    ),
    Bug(
        "asked-when-half-taken-back",
        "Whether somebody wrote is asked again of a version that is half taken back, and it is kept for nothing.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "        written = self._journal.written_since()  #",
                "        written = self.find_written() if had_been_kept else []  #",
            ),
        ),
        (f"{KILLS}::test_killed_while_it_is_undone_it_is_undone_again",),
    ),
    Bug(
        "old-database-dropped",
        "The database that was swapped out is dropped at once, so nothing can be undone.",
        (
            Change(
                "operations/recovery/database_part.py",
                '                aside = each.aside if each.name in there else ""\n',
                '                self._drop(target, [each.name])\n                aside = ""\n',
            ),
        ),
        (f"{DATABASE}::test_database_and_files_come_back_together_and_are_undone_together",),
    ),
    Bug(
        "secrets-for-their-owner-alone",
        "A .env that a group has to read comes back closed to it, and the application does not start.",
        (
            Change(
                "operations/recovery/file_part.py",
                "        if self.place.keeps_modes:\n",
                "        if not self.place.keeps_modes:\n",
            ),
        ),
        (f"{PLACE}::test_everything_comes_back_and_what_no_rule_saves_stays_where_it_is",),
    ),
    Bug(
        "failure-undoes-hours",
        "On a bare machine an image that cannot be fetched takes all away again that was brought back.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "if not self._plan.is_bare or step.kind in",
                "if step.kind not in",
            ),
        ),
        (f"{SERVERS}::test_a_server_that_cannot_be_started_undoes_nothing_and_the_printed_command_goes_on",),
    ),
    Bug(
        "stopped-server-is-nobodys",
        "The server of a database that does not run is not started: the restore ends with a refused connection.",
        (Change("operations/recovery/plan.py", "if part.needs_server else []", "if not part.needs_server else []"),),
        (f"{SERVERS}::test_a_server_that_does_not_run_is_started_before_anything_else",),
    ),
    Bug(
        "preparing-server-is-filled",
        "A new container answers while it only prepares itself; what is loaded then is broken off.",
        (
            Change(
                "operations/recovery/server_waiting.py",
                "(_PREPARING_SECONDS if is_preparing else",
                "(0.0 if is_preparing else",
            ),
        ),
        (f"{SERVERS}::test_a_server_that_only_prepares_the_real_one_is_not_filled",),
    ),
    Bug(
        "who-logs-in-is-missing",
        "A new server gets the roles that own something, and not the one as which the application logs in.",
        (
            Change(
                "stack/recovery_parts.py",
                "makes_all_roles = is_bare(relocation.loaded, wish)",
                "makes_all_roles = False",
            ),
        ),
        (f"{SERVERS}::test_a_database_comes_back_with_its_stack_into_a_server_that_is_started_from_what_came_back",),
    ),
    Bug(
        "apart-stops-all",
        "One vault that cannot be opened keeps everything else from coming back.",
        (
            Change(
                "cli/in_place/choosing.py",
                "        sources.leave_out(name, vault, error)\n        return None\n",
                "        raise\n",
            ),
        ),
        (f"{SECRETS}::test_without_the_key_of_their_vault_the_rest_comes_and_the_plan_says_what_does_not",),
    ),
    Bug(
        "half-a-server-starts",
        "A data directory that is half the old and half the new one looks to a server like a whole one.",
        (Change("operations/recovery/physical_part.py", "last=_VERSION)", 'last=b"")'),),
        (f"{DATA_DIRECTORY}::test_killed_anywhere_it_is_the_old_or_the_new_one_or_cannot_be_started",),
    ),
    Bug(
        "strangers-server-is-moved",
        "A server that a container made in the empty place meanwhile is moved away while it runs.",
        (
            Change(
                "operations/recovery/physical_part.py",
                "if swap is None or swap_steps.is_left(swap):",
                "if swap is None:",
            ),
        ),
        (f"{DATA_DIRECTORY}::test_a_server_that_somebody_made_there_meanwhile_is_not_moved_while_it_runs",),
    ),
    Bug(
        "mounted-folder-goes-along",
        "A folder that is mounted from the same disk is moved with what it lies in, and emptied with the old version.",
        (
            Change(
                "stack/live_trees.py",
                "in list_below(self._root, list_mount_points()):",
                "in ():",
            ),
        ),
        (f"{MOUNTS}::TestMounted::test_a_mount_deep_in_a_folder_stays_where_it_is",),
    ),
    Bug(
        "excluded-is-taken-away",
        "What --exclude leaves out of a restore in place is set aside with the folder in which it lies.",
        (Change("stack/recovery_parts.py", "spared=chosen.exclude", "spared=()"),),
        (f"{PLACE}::test_what_is_left_out_stays_as_it_is_and_is_not_set_aside",),
    ),
    Bug(
        "mounted-file-fails-late",
        "That a file is mounted by itself is found out when the services are stopped already.",
        (
            Change(
                "operations/recovery/file_part.py",
                "            require_replaceable(self.name, places.place, self._new_tree(places))\n",
                "            pass\n",
            ),
        ),
        (f"{MOUNTS}::TestMounted::test_a_file_that_is_mounted_is_refused_before_anything_stops",),
    ),
    Bug(
        "half-set-aside-is-enough",
        "What turned up in a new place is half set aside when a run is cut, and the rest stays among what comes back.",
        (
            Change(
                "operations/recovery/file_part.py",
                "        if not is_noted(self._run, self._folder / ASIDE):",
                "        if self._find_swap() is None:",
            ),
        ),
        (
            "tests/scenarios/test_recover_cut.py::test_what_lay_down_in_a_new_place_meanwhile_is_set_aside_also_when_that_was_cut",
        ),
    ),
    Bug(
        "configuration-is-forgotten",
        "A recovery that is killed after its last step never lays the configuration beside the stack.",
        (
            Change(
                "cli/in_place/afterwards.py",
                "    if journal.state is RunState.KEPT:\n        _finish_bare",
                "    if False:\n        _finish_bare",
            ),
        ),
        (f"{RECOVER_KILLS}::test_killed_before_the_configuration_is_laid_beside_the_stack_resuming_lays_it",),
    ),
    Bug(
        "plan-is-thought-over-for-an-hour",
        "The snapshot that was opened for a plan is taken for open for ever, however long a person thinks.",
        (Change("operations/recovery/last_reader.py", " or now - self._opened > _YOUNG_SECONDS", ""),),
        ("tests/unit/operations/recovery/test_last_reader.py::test_another_snapshot_or_a_minute_later_is_opened_anew",),
    ),
    Bug(
        "cut-step-teaches",
        "A step that was cut and gone on with is expected to take as long as its last try.",
        (Change("history/step_times.py", '        and each.get("tries", 1) == 1\n', ""),),
        ("tests/unit/history/test_step_times.py::test_a_step_that_was_cut_and_gone_on_with_teaches_nothing",),
    ),
    Bug(
        "cut-tries-took-no-time",
        "Of a step that was cut and gone on with the last try alone is recorded as its time.",
        (
            Change(
                "operations/recovery/journal.py",
                "for each in self._entries if each.step == step)",
                "for each in self._entries if each.step == step and each.event is Event.STEP_ENDS)",
            ),
        ),
        (f"{TRIES}::test_the_time_of_a_step_is_that_of_all_its_tries",),
    ),
    Bug(
        "rollback-asks-a-server-that-is-stopped",
        "A rollback that was killed after its last drop asks the server again, which it has stopped itself.",
        (
            Change(
                "operations/recovery/database_part.py",
                "self._find_names() if not self._is_discarded() else []",
                "self._find_names()",
            ),
        ),
        ("tests/crash/test_database_in_place_kills.py::test_killed_while_it_is_undone_it_is_undone_again",),
    ),
    Bug(
        "other-stack-teaches",
        "Steps of another stack with the same names are taken for this one's.",
        (Change("history/step_times.py", 'if stack and run.text("stack") not in', "if False and stack not in"),),
        ("tests/unit/history/test_step_times.py::test_another_stack_with_a_component_of_the_same_name_is_another",),
    ),
    Bug(
        "exclude-is-not-asked-deeper",
        "Below the top of a component no pattern is asked any more what is left out.",
        (
            Change(
                "operations/selection.py",
                "return _may_fit_below(self.excludes, component, path)",
                "return not path and bool(self.excludes)",
            ),
        ),
        ("tests/unit/operations/test_selection.py::test_where_nothing_below_may_be_left_out_nothing_is",),
    ),
    Bug(
        "a-power-cut-is-a-kill",
        "Files that a power cut left with their size and times, and without their content, are taken for fetched.",
        (
            Change(
                "operations/recovery/earlier_fetches.py",
                "Overwrite.CHANGED if is_same_start else Overwrite.ALWAYS",
                "Overwrite.CHANGED",
            ),
        ),
        ("tests/unit/operations/recovery/test_earlier_fetches.py",),
    ),
    Bug(
        "left-out-names-are-moved",
        "What the rules leave out of a live folder is set aside with it.",
        (Change("stack/live_trees.py", "[*contents.directories, *contents.names, *_encode(unknown)]", "[]"),),
        ("tests/unit/stack/test_live_trees.py",),
    ),
    Bug(
        "directory-kept-in-part",
        "Of a large folder only the part that there was room for is kept in memory; the rest never comes back.",
        (
            Change(
                "vault/reading.py",
                "if directory_id not in self._directories and len(entries) < self._room:",
                "if directory_id not in self._directories:",
            ),
        ),
        ("tests/unit/operations/test_measuring_a_part.py",),
    ),
    Bug(
        "copied-process-keeps-what-is-open",
        "A copy of the restore that writes files holds its locks, and the pipes of the others: they wait for ever.",
        (
            Change(
                "own_processes.py", "            if int(name) > 3:\n", "            if int(name) > 3 and not name:\n"
            ),
        ),
        ("tests/unit/test_own_processes.py::test_a_copy_holds_nothing_of_what_is_open_here",),
    ),
    Bug(
        "copied-process-of-many-threads",
        "A process of which other threads hold locks is copied: the copy waits for a lock that nobody lets go.",
        (Change("own_processes.py", "return is_alone and ", "return "),),
        ("tests/unit/test_own_processes.py::test_a_process_that_does_several_things_or_is_large_is_not_copied",),
    ),
    Bug(
        "held-row-across-blocks",
        "An id whose rows begin in the block before is not found in what is held in memory.",
        (
            Change(
                "vault/chunk_runs.py",
                "start = max(0, bisect_left(self._fence, head) - 1) * BLOCK_ROWS_SIZE",
                "start = (bisect_right(self._fence, head) - 1) * BLOCK_ROWS_SIZE",
            ),
        ),
        ("tests/unit/vault/test_chunk_index.py",),
    ),
    Bug(
        "a-lost-server-is-asked-for-ever",
        "What a user gave up with its server is asked at the end all the same, so the restore stays open for ever.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "            if name not in self._find_left():\n                part.discard()\n",
                "            part.discard()\n",
            ),
        ),
        (f"{STUCK}::test_what_a_lost_server_held_is_left_out_and_the_rest_is_undone",),
    ),
    Bug(
        "a-live-server-is-given-up",
        "A component is left out of a rollback by a slip, though its server answers: two halves of two versions.",
        (
            Change(
                "cli/in_place/afterwards.py",
                "if name not in left and in_servers[name].answers():",
                "if not in_servers[name]:",
            ),
        ),
        (f"{STUCK}::test_a_server_that_answers_is_not_lost_and_files_are_in_none",),
    ),
    Bug(
        "a-spoilt-note-has-no-way-out",
        "What a component noted of a restore is spoilt: it is half rolled back, and cannot be left.",
        (
            Change(
                "operations/recovery/left_behind.py",
                "if journal.state not in (RunState.ROLLED_BACK,",
                "if journal.state in (RunState.ROLLED_BACK,",
            ),
        ),
        (f"{STUCK}::test_a_component_whose_notes_are_spoilt_is_named_and_left_by_a_word_of_the_user",),
    ),
    Bug(
        "a-bad-sector-hides-all-runs",
        "One record that cannot be looked at hides every other: a backup saves what another restore left half done.",
        (
            Change(
                "operations/recovery/known_runs.py",
                "    except OSError:\n        return True\n",
                "    except ZeroDivisionError:\n        return True\n",
            ),
        ),
        (f"{SPOILT}::test_a_folder_that_cannot_be_looked_into_hides_no_other",),
    ),
    Bug(
        "a-mark-that-is-hidden-is-none",
        "A step whose mark a bad disk hides is done again: what was taken back is taken away for good.",
        (
            Change(
                "operations/recovery/journal.py",
                "        return is_there(path)\n",
                "        return os.path.exists(path)\n",
            ),
        ),
        (f"{NOTES}::test_a_mark_that_cannot_be_looked_at_is_not_taken_for_none",),
    ),
    Bug(
        "a-spoilt-record-is-not-told",
        "Backups go on over what a restore with a spoilt record left half done, and nobody is told until the next one.",
        (Change("cli/backup/half_restored.py", "            tell(each.error)\n", "            pass\n"),),
        ("tests/unit/cli/test_spoilt_restore_told.py::test_a_backup_is_made_and_names_the_run",),
    ),
    Bug(
        "a-spoilt-record-is-no-run",
        "A restore whose plan a disk spoilt counts for nothing: the next one begins over what it left half done.",
        (
            Change(
                "operations/recovery/known_runs.py",
                'return self.stack in ("", stack) and (self.state is None or self.state in OPEN_STATES)',
                "return self.stack == stack and self.state in OPEN_STATES",
            ),
        ),
        (f"{STUCK}::test_a_spoilt_record_is_named_and_left_by_a_word_of_the_user", f"{SPOILT}"),
    ),
    Bug(
        "latest-restore-of-another-stack",
        "'--rollback latest' undoes the newest restore of the machine, be it of another application.",
        (
            Change(
                "operations/recovery/known_runs.py",
                "own = [each for each in runs.whole if not stack or _stack_of(each) == stack]\n",
                "own = list(runs.whole[-1:])\n",
            ),
        ),
        ("tests/unit/operations/recovery/test_naming_a_run.py",),
    ),
    Bug(
        "touched-file-called-unchanged",
        "What changed since it was saved is called unchanged: nothing would be lost, says the status.",
        (
            Change(
                "schedule/observing.py",
                "<= _touched_ms(each) < moment_ms",
                "<= _touched_ms(each)",
            ),
        ),
        ("tests/unit/schedule/test_touched_since.py", "tests/scenarios/test_status.py"),
    ),
    Bug(
        "keys-of-tables-are-lost",
        "A table that comes back in its place loses its foreign keys, and those of others to it.",
        (Change("sources/postgres/table_exchange.py", "        _feed_lines(session, keys)\n", ""),),
        (f"{TABLES}::test_rows_come_back_with_all_that_belongs_to_the_table_and_nothing_else_is_touched",),
    ),
    Bug(
        "triggers-tell-of-restored-rows",
        "The triggers of a table act on rows that come back, as if somebody had written them.",
        (
            Change(
                "sources/postgres/table_exchange.py",
                "    yield from (each.turn_off(table.sql) for each in switches)\n",
                "",
            ),
        ),
        (f"{TABLES}::test_rows_come_back_with_all_that_belongs_to_the_table_and_nothing_else_is_touched",),
    ),
    Bug(
        "written-rows-are-counted",
        "Whether somebody wrote since a table came back is judged by how many rows it has: an edit is undone unasked.",
        (
            Change(
                "sources/postgres/table_exchange.py",
                "WHERE xmin::pg_catalog.text",
                "WHERE false AND xmin::pg_catalog.text",
            ),
        ),
        (f"{TABLES}::test_what_was_changed_without_more_or_fewer_rows_is_seen",),
    ),
    Bug(
        "numbers-are-given-twice",
        "The sequence of a table that comes back stays where it is, be it behind the rows.",
        (Change("sources/postgres/table_exchange.py", "_feed_script(session, guard, made.positions)", "pass"),),
        (f"{TABLES}::test_a_sequence_that_was_set_back_gives_no_number_twice",),
    ),
    Bug(
        "keys-of-others-to-a-made-table",
        "A table that was dropped comes back without the foreign keys of others to it, which went with it.",
        (
            Change(
                "sources/postgres/table_plan.py",
                "if join is not None and gone & {show(join.table), show(join.other)}:",
                "if join is not None and gone & {show(join.table)}:",
            ),
        ),
        (f"{TABLES}::test_a_table_that_was_dropped_comes_back_with_its_keys_and_goes_again_when_undone",),
    ),
    Bug(
        "undone-at-the-server-of-then",
        "After a fail-over a restore is undone at the server that it began with, and told as undone: nobody uses that.",
        (
            Change(
                "cli/in_place/afterwards.py",
                "        moved = find_moved(invocation, journal, begun, means)",
                "        moved: list[Moved] = []",
            ),
        ),
        (
            "tests/scenarios/test_in_place_after_a_failover.py::test_it_is_undone_where_the_database_is_now",
            "tests/scenarios/test_in_place_after_a_failover.py::test_a_server_that_holds_nothing_of_it_is_not_touched_and_the_ways_on_are_named",
        ),
    ),
    Bug(
        "undone-in-a-server-of-others",
        "A server that holds nothing of a restore is taken for the one that it is to be undone in.",
        (
            Change(
                "operations/recovery/moved_servers.py",
                "        if part.holds_at(moved.find_target):",
                "        if True:",
            ),
        ),
        (
            "tests/scenarios/test_in_place_after_a_failover.py::test_a_server_that_holds_nothing_of_it_is_not_touched_and_the_ways_on_are_named",
        ),
    ),
    Bug(
        "stopped-services-told-as-undone",
        "A restore that was undone and could not start the services again says that everything is as it was.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "            self._unstarted = self._run_all(StepKind.START)",
                "            self._run_all(StepKind.START)",
            ),
        ),
        (f"{PLACE}::test_services_that_do_not_start_on_the_way_back_either_are_the_last_word",),
    ),
    Bug(
        "put-in-place-without-a-file",
        "A component of which a file could not be written here takes the place of the live one that has it.",
        (
            Change(
                "operations/recovery/file_part.py",
                "        if outcome.unwritten and replaces:",
                "        if False:",
            ),
        ),
        (f"{PLACE}::test_a_file_that_cannot_be_written_here_leaves_the_live_version_alone",),
    ),
    Bug(
        "data-directory-without-a-file",
        "A data directory is laid down though one of its files could not be written: its server has fewer rows.",
        (
            Change(
                "operations/physical/laying.py",
                "    if outcome.unwritten:",
                "    if False:",
            ),
        ),
        (f"{MOMENTS}::test_a_data_directory_of_which_a_file_cannot_be_written_is_not_laid_down",),
    ),
    Bug(
        "late-pictures",
        "What services write until a rollback has stopped them is deleted: only those that still ran were asked.",
        (
            Change(
                "operations/recovery/carrying_out.py",
                "if had_been_kept and self._means.commands.get(StepKind.STOP):",
                "if False:",
            ),
        ),
        (
            "tests/scenarios/test_restore_in_place.py::test_what_services_write_until_they_are_stopped_is_kept_when_it_is_undone",
        ),
    ),
)
