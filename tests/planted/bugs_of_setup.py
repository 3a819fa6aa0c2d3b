"""Bugs of setting up: secrets written out, keys that are lost between two steps, doctors that harm or look away."""

from tests.planted.bug import Bug, Change

INIT = "tests/unit/cli/test_init.py"
CUTS = "tests/crash/test_founding_power_cuts.py"
CANARY = "tests/unit/store/test_canary.py"
MENDS = "tests/scenarios/test_doctor_mends.py"
EXPLAIN = "tests/unit/cli/test_explain.py"
DATABASES = "tests/unit/cli/test_init_databases.py"
OMISSIONS = "tests/unit/cli/test_init_omissions.py"
COMPOSE = "tests/unit/stack/test_compose_reading.py"
INTERPOLATION = "tests/unit/stack/test_interpolation.py"

SETUP = (
    Bug(
        "other-databases-forgotten",
        "A database is made beside the one that is saved, and nobody hears that nothing saves it.",
        (
            Change(
                "stack/postgres.py",
                "            self._tell_others(access, names, tree, report)\n",
                "",
            ),
        ),
        ("tests/scenarios/test_postgres.py::test_databases_of_the_server_that_no_component_saves_are_named",),
    ),
    Bug(
        "any-name-with-before-is-old",
        "A database that has the name of an old version is left out, though that of which it was is gone: it is the "
        "only one.",
        (
            Change(
                "sources/postgres/making.py",
                'and found["name"] in living]',
                "and living]",
            ),
        ),
        ("tests/scenarios/test_postgres.py::test_what_a_restore_set_aside_is_no_database_like_the_others",),
    ),
    Bug(
        "variables-of-a-unit-forgotten",
        "systemd starts the application with /etc/shop.env: its secrets lie nowhere else, and nothing saves them.",
        (
            Change(
                "stack/discovery/proposing.py",
                "        named += [path for each in self._found.units for path in each.secrets]\n",
                "",
            ),
        ),
        ("tests/unit/cli/test_init_units.py::test_a_unit_of_the_application_and_its_secrets_are_saved",),
    ),
    Bug(
        "helper-taken-for-the-database",
        "What copies the data of a database beside it is proposed as that database, which itself is not saved.",
        (
            Change(
                "stack/discovery/recognizing.py",
                "    server = max(sharing, key=_weigh_server, default=service)\n",
                "    server = min(sharing, key=_weigh_server, default=service)\n",
            ),
        ),
        (f"{DATABASES}::test_services_that_share_the_data_of_one_database_are_one_database",),
    ),
    Bug(
        "second-database-of-compose-forgotten",
        "An application has a database of its own on the same server, and init proposes the first one alone.",
        (Change("stack/discovery/proposing_databases.py", "    if len(named) > 1:\n", "    if len(named) > 99:\n"),),
        (f"{DATABASES}::test_what_others_name_on_the_server_of_compose_is_saved_too",),
    ),
    Bug(
        "explained-through-a-link",
        "Photos behind a link to another disk are said to be saved; the link is, and no photo.",
        (
            Change(
                "sources/files/explaining.py",
                "stat.S_ISLNK(status.st_mode) and position + 1 < len(parts):",
                "stat.S_ISLNK(status.st_mode) and position + 1 > len(parts):",
            ),
        ),
        (f"{EXPLAIN}::test_what_lies_behind_a_link_is_not_saved_by_the_name_of_the_link",),
    ),
    Bug(
        "explained-by-an-older-configuration",
        "What the configuration leaves out since the last backup is said to be saved.",
        (
            Change(
                "cli/commands/explain.py",
                "        if walks is not None:",
                "        if walks is not None and known.root is None:",
            ),
        ),
        (
            f"{EXPLAIN}::test_before_the_first_backup_and_after_a_change_the_configuration_says_it",
            f"{EXPLAIN}::test_what_no_component_reaches_any_more_is_not_saved_though_an_old_snapshot_holds_it",
        ),
    ),
    Bug(
        "named-database-forgotten",
        "Settings name a database on another server, nothing saves it, and nobody is told.",
        (
            Change(
                "stack/discovery/unsaved.py",
                "    return any(_names_host(each, named.host, surveyed) for each in same)",
                "    return bool(same)",
            ),
        ),
        (f"{OMISSIONS}::test_databases_that_settings_name_and_nothing_saves_are_said",),
    ),
    Bug(
        "sources-of-static-files-left-out",
        "A folder is called STATIC_ROOT in one place and holds the originals in another: no backup has them.",
        (
            Change(
                "stack/discovery/proposing_django.py",
                "if any(each.is_relative_to(static) for each in own):",
                "if project.manage.is_relative_to(static):",
            ),
        ),
        (f"{OMISSIONS}::test_a_folder_of_static_files_that_holds_others_too_is_saved",),
    ),
    Bug(
        "links-out-forgotten",
        "A folder of uploads is a link to another disk; the link is saved, the uploads are not, and nobody is told.",
        (
            Change(
                "stack/discovery/unsaved.py",
                "    _add_links(surveyed, parts, found)\n",
                "",
            ),
        ),
        (f"{OMISSIONS}::test_links_that_lead_out_are_named_unless_what_they_lead_to_is_saved",),
    ),
    Bug(
        "one-missing-database-hides-the-others",
        "One SQLite file that settings name is not there yet, and those that are there are written as comments too.",
        (
            Change(
                "stack/discovery/proposing.py",
                "            is_active = self._is_savable(name, lines)\n            self._parts",
                "            is_active = not missing and self._is_savable(name, lines)\n            self._parts",
            ),
        ),
        (f"{OMISSIONS}::test_databases_of_sqlite_are_found_in_folders_below_and_one_that_is_not_there_yet_hides_none",),
    ),
    Bug(
        "all-mounts-of-a-database-left-out",
        "Scripts and dumps that lie beside the data of a database are taken for the data, and saved by nobody.",
        (
            Change(
                "stack/discovery/recognizing.py",
                "if kind and holds_data(service, mount, kind) and not",
                "if kind and not",
            ),
            Change(
                "stack/discovery/proposing_services.py",
                "pass_over([each for each in service.mounts if holds_data(service, each, kind)])",
                "pass_over([each for each in service.mounts if each])",
            ),
        ),
        (f"{OMISSIONS}::test_of_a_database_only_the_folder_of_its_data_is_left_out",),
    ),
    Bug(
        "database-called-an-application",
        "A database whose image is called app-db is taken for a program beside one: its live files are copied.",
        (
            Change(
                "stack/discovery/recognizing.py",
                "    for kind in _BY_DATA:",
                "    for kind in () if any(_BESIDE.fullmatch(each) for each in words) else _BY_DATA:",
            ),
        ),
        (f"{OMISSIONS}::test_who_writes_the_data_of_a_database_is_one_whatever_it_is_called",),
    ),
    Bug(
        "folder-mounted-from-elsewhere-forgotten",
        "What compose mounts from outside of the directory is in no component, and nobody is told.",
        (
            Change(
                "stack/discovery/proposing_mounts.py",
                "        if path.is_relative_to(self._directory):\n",
                "        if path.is_absolute():\n",
            ),
        ),
        (f"{OMISSIONS}::test_a_folder_of_this_machine_is_saved_that_compose_mounts_from_elsewhere",),
    ),
    Bug(
        "name-taken-for-a-pattern",
        "What lies in 'media [old]' is left out by a pattern, which leaves out 'media o' in its place.",
        (
            Change(
                "stack/discovery/written_paths.py",
                'return "/" + re.sub(r"([\\\\*?\\[])", r"\\\\\\1", path) + (',
                'return "/" + path + (',
            ),
        ),
        (f"{OMISSIONS}::test_names_with_signs_of_patterns_leave_out_nothing_else",),
    ),
    Bug(
        "mount-taken-for-a-pattern",
        "Compose mounts 'data[1]' from elsewhere: 'data1' of somebody is saved in its place, or nothing.",
        (
            Change(
                "stack/discovery/proposing_mounts.py",
                '"path": write_path(mount.source), **(',
                '"path": mount.source, **(',
            ),
        ),
        (f"{OMISSIONS}::test_mounts_with_signs_of_patterns_are_saved_by_their_own_names",),
    ),
    Bug(
        "volume-of-a-part-of-a-word",
        "A volume called blog is taken for one that holds logs, and is not saved.",
        (
            Change(
                "stack/discovery/proposing_mounts.py",
                'elif _PASSING & set(re.split(r"[^a-z0-9]+", name.lower())):',
                "elif any(each in name.lower() for each in _PASSING):",
            ),
        ),
        (f"{OMISSIONS}::test_only_whole_words_make_a_volume_one_that_can_be_made_again",),
    ),
    Bug(
        "secret-in-a-message-of-compose",
        "The words of ${X?…} are filled with other variables, and a password stands in the configuration.",
        (
            Change(
                "stack/discovery/interpolation.py",
                "noticed.demanded[name] = words  #",
                "noticed.demanded[name] = replace_variables(words, variables, noticed, depth + 1)  #",
            ),
        ),
        (f"{INTERPOLATION}::test_the_words_of_a_demand_bring_no_value_with_them",),
    ),
    Bug(
        "vault-inside-the-backup",
        "The vault lies in the directory and is saved into itself, every night a little more.",
        (
            Change(
                "stack/discovery/choosing_places.py",
                "for each in inside if each.is_relative_to(here))",
                "for each in inside if not each.is_relative_to(here))",
            ),
        ),
        (f"{INIT}::test_the_vault_is_never_inside_what_is_saved",),
    ),
    Bug(
        "owners-key-gone-before-the-kit",
        "With --safe the only key that reads is taken away before anybody saw the recovery kit.",
        (
            Change(
                "cli/commands/init.py",
                "    setup.tell_kit()\n    setup.write_configuration()\n    setup.finish()\n",
                "    setup.finish()\n    setup.tell_kit()\n    setup.write_configuration()\n",
            ),
        ),
        (f"{INIT}::test_a_kit_that_could_not_be_shown_is_made_again",),
    ),
    Bug(
        "configuration-before-the-kit",
        "The run is cut between the two, the next one finds a configuration, and nobody ever sees a recovery key.",
        (
            Change(
                "cli/commands/init.py",
                "    setup.tell_kit()\n    setup.write_configuration()\n",
                "    setup.write_configuration()\n    setup.tell_kit()\n",
            ),
        ),
        (f"{INIT}::test_a_kit_that_could_not_be_shown_is_made_again",),
    ),
    Bug(
        "key-file-after-the-vault",
        "The vault relies on a key that is not on disk yet; after a power cut nothing opens it.",
        (
            Change(
                "operations/founding.py",
                "        _make_directory(path.parent)\n        write_secret_file(path, content)\n",
                "",
            ),
        ),
        (f"{CUTS}::test_a_founding_cut_at_any_write_is_gone_on_with",),
    ),
    Bug(
        "sealed-off-key-of-another-vault",
        "Whatever key file does not open what is mounted there is taken for one that is done with, and deleted.",
        (
            Change(
                "operations/founding.py",
                "        open_vault(store, secret_from_file(places.writer.read_bytes()))\n"
                "        open_vault(store, key_file_secret(places.owner.read_bytes()))\n",
                "        open_vault(store, key_file_secret(places.owner.read_bytes()))\n",
            ),
        ),
        (f"{CUTS}::test_the_key_file_of_another_vault_is_not_taken_for_one_that_was_sealed_off",),
    ),
    Bug(
        "canary-follows-a-link",
        "The try-out writes through a link that somebody put in the place of the canary.",
        (Change("store/canary.py", " | os.O_NOFOLLOW", ""),),
        (f"{CANARY}::test_a_link_in_the_place_of_the_canary_leads_to_no_other_file",),
    ),
    Bug(
        "silence-is-safety",
        "A store that did not answer counts as one that forbids deleting: promise 4 holds, says the doctor.",
        (
            Change(
                "store/canary.py",
                "    except AccessDenied:\n        could_delete = False\n    return CanaryFate",
                "    except StoreError:\n        could_delete = False\n    return CanaryFate",
            ),
        ),
        (f"{CANARY}::test_a_store_that_does_not_answer_is_no_store_that_denies",),
    ),
    Bug(
        "doctor-runs-what-a-repository-names",
        "Asking git for the state of a tree runs a program that the tree names.",
        (
            Change(
                "stack/advice/git_state.py", '("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")', "()"
            ),
        ),
        (f"{MENDS}::TestGit::test_a_check_runs_nothing_that_the_repository_names",),
    ),
    Bug(
        "secrets-committed-by-advice",
        "The doctor lets everything be added to Git before it says that .env is not ignored.",
        (
            Change(
                "stack/advice/git_state.py",
                "    yield from _check_secrets(scene)  # first: the command of what follows adds everything\n",
                "",
            ),
            Change(
                "stack/advice/git_state.py",
                "        yield from _check_tree(scene, scene.loaded.root / component.path, component.remote)\n",
                "        yield from _check_tree(scene, scene.loaded.root / component.path, component.remote)\n"
                "    yield from _check_secrets(scene)\n",
            ),
        ),
        (f"{MENDS}::TestGit::test_secrets_are_ignored_before_everything_is_added",),
    ),
    Bug(
        "text-read-as-numbers",
        "YAML's guesses turn 12:30 into 750 and on into true.",
        (
            Change(
                "stack/discovery/compose_yaml.py",
                "    yaml_implicit_resolvers: dict[str, Any] = {}",
                "    pass",
            ),
        ),
        (f"{COMPOSE}::test_text_stays_text",),
    ),
)
