"""Bugs of drills and of what they prove."""

from tests.planted.bug import Bug, Change

DRILLS = "tests/scenarios/test_drills.py"
DATABASES = "tests/scenarios/test_drills_of_postgres.py"
SEARCHING = "tests/unit/operations/test_drill_searching.py"
LEARNING = "tests/unit/history/test_learning.py"
DUMPS = "tests/unit/stack/test_dumps_in_drills.py"
REREADING = "tests/unit/operations/test_drill_rereading.py"
ROOM = "tests/unit/operations/test_drill_room.py"
APPLICATIONS = "tests/scenarios/test_drills_of_applications.py"
SCENARIOS = "tests/scenarios/test_drill_scenarios.py"
MYSQL = "tests/scenarios/test_drills_of_mysql.py"
OWN_NETWORK = "tests/unit/stack/test_own_network.py"
OWN_MYSQL = "tests/unit/sources/test_own_mysql.py"
NETWORK = "tests/unit/stack/test_own_network.py"
RESTORING = "tests/unit/operations/test_restore.py"
EXPOSED = "tests/unit/stack/test_exposed_secrets.py"
LOGS = "tests/scenarios/test_log_ends.py"
BESIDE_LIVE = "tests/scenarios/test_drills_beside_live_servers.py"

PROVING = (
    Bug(
        "a-part-speaks-for-the-whole",
        "A drill of a lost service, which brings back one part, is what a whole component is said to take.",
        (Change("history/drills.py", ' and drill.text("scenario") != OF_A_PART', ""),),
        (f"{LEARNING}::test_a_part_of_a_component_says_how_time_grows_and_not_how_long_the_whole_takes",),
    ),
    Bug(
        "a-script-asks-production",
        "What a script of a drill asks at the socket of a live server is answered: the proof rests on production.",
        (Change("stack/drills/surroundings.py", "hides = bool(hidden) and _MOUNTS in cutter", "hides = False"),),
        (f"{BESIDE_LIVE}::test_what_a_script_asks_at_a_live_socket_is_not_answered_and_proves_nothing",),
    ),
    Bug(
        "nobody-answered-and-it-passed",
        "A script that asked a live server, heard nothing and went on all the same is a good answer.",
        (Change("stack/drills/user_checks.py", "require_nothing_live(around.read_asked(reader.pid))", "pass"),),
        (f"{BESIDE_LIVE}::test_what_a_script_asks_at_a_live_socket_is_not_answered_and_proves_nothing",),
    ),
    Bug(
        "a-drill-writes-into-production",
        "A script of a drill that names a live folder by its path writes into it.",
        (Change("stack/drills/live_places.py", '{"guard": self.read_only, ', "{"),),
        (f"{BESIDE_LIVE}::test_a_script_only_reads_the_live_files_and_the_vault",),
    ),
    Bug(
        "whoever-takes-the-whole-file",
        "After a breach a secret is used nowhere, though a service takes the whole file that holds it.",
        (
            Change(
                "stack/drills/exposed_secrets.py",
                "        places += [each for each in named.get(Path(shown).name, ()) if each not in places]\n",
                "",
            ),
        ),
        (f"{EXPOSED}::test_what_takes_the_whole_file_uses_every_variable_in_it_and_a_key_is_used_by_its_name",),
    ),
    Bug(
        "the-oldest-speaks-for-all",
        "The oldest snapshot is from before there was what is asked for, and a drill says that none is good.",
        (
            Change(
                "operations/drills/searching.py",
                "        for position in _choose_in_between(high):\n",
                "        for position in ():\n",
            ),
        ),
        (f"{SEARCHING}::test_what_is_good_only_in_between_is_found_though_the_oldest_is_bad_too",),
    ),
    Bug(
        "the-engine-of-production",
        "A check that runs something in a container asks the live one, and the proof is that of production.",
        (
            Change(
                "stack/drills/surroundings.py",
                '    variables |= {"DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere}\n',
                "",
            ),
        ),
        (f"{APPLICATIONS}::test_the_engine_of_this_machine_is_not_asked_and_what_wants_it_makes_the_proof_partial",),
    ),
    Bug(
        "large-files-are-never-read-back",
        "Of files that have many chunks a drill never compares a byte on the disk.",
        (Change("operations/drills/rereading.py", "return self.large.get(path)", "return None"),),
        (f"{REREADING}::test_what_the_disk_has_otherwise_is_named",),
    ),
    Bug(
        "empty-folder-fails-a-drill",
        "A folder that was empty when it was saved fails each drill: nothing in it is what was asked for.",
        (Change("operations/restore_walking.py", "is_wanted and self._strip == 1", "0"),),
        (f"{RESTORING}::test_an_empty_folder_comes_back_as_its_target_too",),
    ),
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
        "living-folder-is-swept",
        "The lists of a verify that is under way are taken for what a kill left, and removed.",
        (
            Change(
                "private_folders.py",
                "if os.fstat(descriptor).st_uid == os.geteuid() and _lock(descriptor):",
                "if os.fstat(descriptor).st_uid == os.geteuid():",
            ),
        ),
        ("tests/unit/test_private_folders.py",),
    ),
    Bug(
        "started-runs-on",
        "What a drill started is not ended with it, because nobody noted that anything was.",
        (Change("stack/drills/place.py", "        self._may_run = True\n        return str(", "        return str("),),
        ("tests/unit/stack/test_drill_place.py",),
    ),
    Bug(
        "started-this-moment",
        "A program that is being started while a drill ends shows no environment yet, and runs on.",
        (Change("stack/drills/place.py", "looks < _LOOKS_AT_NOTHING", "looks < 0"),),
        ("tests/unit/stack/test_drill_place.py",),
    ),
    Bug(
        "server-outlives-its-drill",
        "The server of a drill that was killed runs on for ever.",
        (
            Change(
                "sources/streams/throw_away.py",
                'else while kill -{signal} "$server"; do sleep 0.1 || sleep 1; done; fi',
                "else :; fi",
            ),
        ),
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
        (Change("cli/drills/evidence_kept.py", "    if evidence.judgement.missed:\n        return MISSED\n", ""),),
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
    Bug(
        "log-counts-for-nothing",
        "What would be lost of a database with a log is counted from its last base.",
        (Change("stack/objectives/status.py", "    if logged is not None:\n        return logged\n", ""),),
        (f"{LOGS}::test_status_counts_from_the_end_of_the_log_and_shows_the_window",),
    ),
    Bug(
        "hole-is-passed-over",
        "A hole in the log does not end what can be reached.",
        (Change("operations/physical/stretches.py", 'gap=each.next_name if each.has_hole else ""', 'gap=""'),),
        (f"{LOGS}::test_a_hole_ends_what_can_be_reached_until_a_new_base_lies_behind_it",),
    ),
    Bug(
        "every-server-is-idle",
        "A server that wrote since its log ended is taken for one that did not.",
        (Change("stack/objectives/log_ends.py", "(xid - last) % (1 << 32) <= 1", "(xid - last) % (1 << 32) <= 1000"),),
        (f"{LOGS}::test_a_server_that_nobody_uses_loses_nothing_and_one_that_wrote_does",),
    ),
    Bug(
        "culprit-is-kept",
        "The first bad transaction is taken for the last good one.",
        (
            Change(
                "operations/physical/commits.py",
                "        if is_good:\n            self.last_good = commit\n        else:",
                "        self.last_good = commit\n        if not is_good:",
            ),
        ),
        ("tests/unit/operations/test_commit_searching.py::test_every_transaction_that_spoils_it_is_found",),
    ),
    Bug(
        "drill-asks-production",
        "An address of a check is asked where it leads: production answers for what came back.",
        (
            Change(
                "stack/drills/application_process.py",
                'connection = http.client.HTTPConnection(_HERE, port, timeout=request["seconds"])',
                'connection = http.client.HTTPConnection(request["headers"]["Host"], timeout=request["seconds"])',
            ),
        ),
        (f"{APPLICATIONS}::test_an_answer_that_is_wrong_fails_the_proof_and_production_is_not_asked",),
    ),
    Bug(
        "children-of-the-application-stay",
        "What an application started runs on when it has left its session: only the application itself is ended.",
        (
            Change(
                "stack/drills/application_process.py", "prctl(_SUBREAPER, 1, 0, 0, 0)", "prctl(_SUBREAPER, 0, 0, 0, 0)"
            ),
        ),
        (f"{APPLICATIONS}::test_an_application_ends_with_its_drill_however_that_ends",),
    ),
    Bug(
        "cut-dump-is-whole",
        "A dump of MySQL that was cut counts as whole.",
        (Change("stack/drills/dumps.py", "if END.mark not in tail:", "if not tail:"),),
        (f"{DUMPS}::test_a_dump_of_mysql_wants_its_last_line",),
    ),
    Bug(
        "dump-starts-programs",
        "A line of a dump of MySQL that is a command of the client starts a program on the machine that drills.",
        (Change("sources/servers/own_mysql.py", '"--batch", *LOADING, no_shell]', '"--batch"]'),),
        (f"{MYSQL}::test_a_dump_that_does_not_load_and_a_check_that_does_not_hold_fail_the_proof",),
    ),
    Bug(
        "old-client-is-given-a-dump",
        "A client that knows no option against starting programs is given a dump all the same.",
        (
            Change(
                "sources/servers/mysql_programs.py",
                'if re.search(rf"^\\s*{named}\\b", answer, re.MULTILINE):',
                "if named:",
            ),
        ),
        (f"{OWN_MYSQL}::test_a_client_that_may_start_what_a_dump_names_is_not_given_one",),
    ),
    Bug(
        "dump-reaches-the-network",
        "A dump that leads its client to another server reaches it.",
        (
            Change(
                "sources/servers/own_mysql.py", "[*self._wrapper, *self._become(), *words]", "[*self._become(), *words]"
            ),
        ),
        (f"{OWN_MYSQL}::test_a_client_loads_a_dump_without_programs_and_without_a_network",),
    ),
    Bug(
        "localhost-in-a-drill",
        "Without a network of its own a drilled application is told localhost, where the live MySQL listens.",
        (
            Change(
                "stack/drills/drilled_servers.py",
                "str(each.socket if each.scheme == MYSQL else each.folder)",
                '"localhost" if each.scheme == MYSQL else str(each.folder)',
            ),
        ),
        (f"{OWN_NETWORK}::test_variables_name_hosts_and_ports_where_there_are_some_and_sockets_elsewhere",),
    ),
    Bug(
        "another-version-fails-the-proof",
        "A dump of another version of MySQL that does not load here counts as a snapshot that is spoilt.",
        (
            Change(
                "stack/drills/mysql_loading.py",
                "if dumped is not None and here.series == dumped.series:",
                "if dumped is not None:",
            ),
        ),
        (f"{MYSQL}::test_a_server_that_is_not_here_makes_the_proof_partial_and_is_named",),
    ),
    Bug(
        "names-and-passwords-of-the-dump-hold",
        "After a dump of all databases nobody gets into the throw-away server: production's passwords hold in it.",
        (Change("sources/servers/own_mysql.py", "self.start(is_open=True)", "self.start()"),),
        (f"{MYSQL}::test_every_database_of_a_server_is_loaded_counted_checked_and_asked",),
    ),
    Bug(
        "no-way-by-port",
        "An application that knows its database by host and port finds nothing there.",
        (
            Change(
                "stack/drills/own_network.py",
                "threading.Thread(target=_listen, args=(_open_port(int(port)), path), daemon=True).start()",
                "_open_port(int(port))",
            ),
        ),
        (f"{NETWORK}::test_a_port_leads_to_a_socket_for_many_at_once_and_ends_are_passed_on",),
    ),
    Bug(
        "ordinary-users-have-no-loopback",
        "Where an ordinary user drills nobody reaches the application: 127.0.0.1 is down in its network.",
        (Change("stack/drills/surroundings.py", '"--keep-caps", ', ""),),
        (f"{NETWORK}::test_a_port_leads_to_a_socket_for_many_at_once_and_ends_are_passed_on",),
    ),
    Bug(
        "people-are-promised-nothing",
        "An exercise whose scenario has no objective misses none, however long the people took.",
        (Change("stack/objectives/promises.py", " or (is_exercise and each is rto)", ""),),
        (f"{SCENARIOS}::test_an_exercise_that_takes_longer_than_the_lost_component_may_is_missed",),
    ),
    Bug(
        "a-lock-outlives-its-restore",
        "What writes small files keeps the target locked after its restore: a drill's next component is refused there.",
        (Change("sources/files/landed_directories.py", "fcntl.flock(self._root_fd, fcntl.LOCK_UN)", "pass"),),
        ("tests/unit/sources/test_landing.py::test_a_process_that_outlives_a_restore_keeps_nobody_out_of_its_target",),
    ),
    Bug(
        "production-may-have-answered",
        "Where commands of a drill cannot be cut off from the network, what they say is a whole proof all the same.",
        (
            Change(
                "stack/drills/surroundings.py",
                "    if not find_cutter(environment):\n        yield",
                "    if False:\n        yield",
            ),
        ),
        (f"{DRILLS}::test_where_commands_cannot_be_cut_off_the_proof_is_partial_until_that_is_accepted",),
    ),
    Bug(
        "neighbours-are-secrets",
        "After a breach every file that lies below the same root as the secrets is listed as one.",
        (
            Change(
                "stack/drills/exposed_secrets.py",
                "        for path in files\n",
                "        for path in (_walk(folder) if files else ())\n",
            ),
        ),
        (f"{SCENARIOS}::test_after_a_breach_the_secrets_to_change_and_what_changed_since_are_listed",),
    ),
    Bug(
        "a-lost-service-starts-everything",
        "A drill of one lost service starts the whole application, which has no database there.",
        (Change("stack/drills/planning.py", "if self._task.is_part:", "if self._task.selections:"),),
        (f"{SCENARIOS}::test_where_a_service_is_lost_nothing_is_started_and_what_needs_the_whole_is_not_asked",),
    ),
    Bug(
        "memory-is-not-looked-at",
        "A drill takes memory that is not there.",
        (Change("operations/drills/room.py", "room.memory_bytes < needed + SPARE_BYTES", "room.memory_bytes < 0"),),
        (f"{ROOM}::test_memory_that_would_not_suffice_is_named_and_nothing_is_restored",),
    ),
    Bug(
        "nothing-lost-of-what-was-chosen",
        "A drill of a snapshot that somebody named says that no work would be lost, and that goes into the evidence.",
        (
            Change(
                "operations/drills/drill.py",
                "rpo_seconds=max(each.age_seconds for each in plan.parts)",
                "rpo_seconds=max([0.0, *(each.age_seconds for each in plan.parts)])",
            ),
        ),
        (f"{SCENARIOS}::test_a_snapshot_that_was_chosen_by_hand_shows_nothing_of_what_would_be_lost",),
    ),
    Bug(
        "a-check-asks-production",
        "A check takes another user's rights, or the socket of a live server, and the proof passes by its answer.",
        (
            Change(
                "stack/drills/user_checks.py",
                'way = "" if wanted.trusted else asked.find_way_out(wanted.run)',
                'way = ""',
            ),
        ),
        (f"{DRILLS}::test_a_check_that_leads_out_is_not_run_until_somebody_says_that_it_may",),
    ),
    Bug(
        "what-came-since-was-not-read",
        "After a breach only the secrets of the snapshot are to be changed, not those that came before it was noticed.",
        (Change("cli/drills/scenarios.py", "later = _read_later_secrets(vault, record)", "later = None"),),
        (f"{SCENARIOS}::test_after_a_breach_the_secrets_to_change_and_what_changed_since_are_listed",),
    ),
    Bug(
        "a-missed-disaster-without-a-reason",
        "A promise of a disaster that is missed ends status with 5, and nothing says why or what would mend it.",
        (Change("stack/objectives/status.py", "remarks += explain_missed(loaded, scenarios, drills)", "pass"),),
        ("tests/unit/stack/test_objectives.py::test_why_a_promise_of_a_disaster_is_missed_is_said_with_what_mends_it",),
    ),
)
