"""Bugs of where things are put, and of what is said about how long they stay."""

from tests.planted.bug import Bug, Change

SINGLE_FILES = "tests/scenarios/test_drills_of_single_files.py"
STATES = "tests/unit/operations/recovery/test_directory_states.py"
WAY = "tests/scenarios/test_vaults_in_the_way.py"
OTHERS = "tests/unit/cli/test_other_vaults.py"
FORECAST = "tests/unit/vault/test_retention_forecast.py"
FORESEEN = "tests/scenarios/test_expiry_foreseen.py"
IN_PLACE = "tests/scenarios/test_restore_in_place.py"

PLACES: tuple[Bug, ...] = (
    Bug(
        "vault-saved-into-itself",
        "A vault that lies in what is saved is saved with it: every run stores all that the vault holds once more.",
        (
            Change(
                "cli/vaults/left_out.py",
                '    return os.fsdecode(b"/" + _escape(vault[len(above) :])) if vault.startswith(above) else None\n',
                "    return None\n",
            ),
        ),
        (f"{WAY}::test_a_vault_is_left_out_of_its_own_snapshot_and_that_is_said",),
    ),
    Bug(
        "restore-into-a-vault",
        "A restore writes among the objects of a vault.",
        (Change("operations/restore.py", "    if around is not None:\n", "    if around is not None and False:\n"),),
        (f"{WAY}::test_nothing_is_restored_into_a_vault",),
    ),
    Bug(
        "doctor-tries-the-wrong-key",
        "The doctor tries the main vault's key on a vault that has its own, and says that this one is out of order.",
        (
            Change(
                "cli/checks/vaults_examined.py",
                "invocation if place.name == MAIN else with_its_own_key",
                "invocation or",
            ),
        ),
        (f"{OTHERS}::test_the_doctor_opens_a_vault_with_its_own_key_where_the_environment_has_another",),
    ),
    Bug(
        "limits-of-the-main-vault-only",
        "A vault besides the main one takes all of the line, whatever the configuration allows.",
        (
            Change(
                "cli/vaults/others.py",
                "with limited_store_at_hand(invocation, configured)",
                "with store_at_hand(invocation, configured.address)",
            ),
            Change("cli/vaults/others.py", "import limited_store_at_hand", "import store_at_hand"),
        ),
        (f"{OTHERS}::test_what_a_run_may_take_of_the_line_holds_for_other_vaults_too",),
    ),
    Bug(
        "kit-written-too-late",
        "That the kit cannot be written is noticed when the vault stands, and its recovery key is lost.",
        (
            Change(
                "cli/commands/vault.py",
                "        if path:\n            require_new_secret_file(path)",
                "        if path and False:\n            require_new_secret_file(path)",
            ),
        ),
        (f"{WAY}::test_a_kit_that_cannot_be_written_is_seen_before_there_is_a_vault",),
    ),
    Bug(
        "end-foretold-one-run-late",
        "The newest seven are said to last one backup longer than they do.",
        (
            Change(
                "vault/retention_forecast.py",
                "self._until_run(policy.last - newer)",
                "self._until_run(policy.last - newer + 1)",
            ),
        ),
        (f"{FORESEEN}::test_each_snapshot_says_when_it_goes",),
    ),
    Bug(
        "end-foretold-for-a-day-that-goes-on",
        "The newest of today counts for today for ever, though tonight's backup takes its place.",
        (
            Change(
                "vault/retention_forecast.py",
                "            if place == 0 and self._is_pushed_out(candidate, label, period):\n",
                "            if place < 0 and self._is_pushed_out(candidate, label, period):\n",
            ),
        ),
        (f"{FORECAST}::test_each_goes_at_the_run_that_was_foretold",),
    ),
    Bug(
        "an-access-list-outlives-a-restore",
        "After a restore in place a directory that stays lets in whom a list let in that came since.",
        (
            Change(
                "operations/recovery/directory_states.py",
                "name not in wanted and name.startswith(_OF_PEOPLE)",
                "name not in wanted and name.startswith(_OF_PEOPLE[0])",
            ),
        ),
        (f"{STATES}::test_a_list_that_came_since_lets_nobody_in_any_more",),
    ),
    Bug(
        "root-owns-what-it-puts",
        "One backup by root into the vault of a user leaves files there that this user cannot read.",
        (Change("store/local.py", "with acting_as(*self._owner) as is_owner:", "with acting_as(0, 0) as is_owner:"),),
        ("tests/unit/store/test_vaults_of_others.py::test_a_backup_by_root_leaves_the_vault_to_its_owner",),
    ),
    Bug(
        "the-outer-component-wins-in-a-drill",
        "In a drill what the code saved of .env and of the live database lies over the secrets and the copy.",
        (Change("stack/drills/planning.py", "part.selection.leaving(found)", "part.selection"),),
        ("tests/scenarios/test_drills.py::test_a_component_that_saves_what_is_others_too_brings_back_none_of_it",),
    ),
    Bug(
        "a-folder-taken-for-anothers",
        "A folder called as another component's is behind this one's name is set aside, and none is put in its place.",
        (
            Change(
                "operations/recovery/file_part.py",
                "wish.exclude, others=place.excludes",
                "(*wish.exclude, *place.excludes)",
            ),
        ),
        (f"{IN_PLACE}::test_a_folder_that_is_called_as_anothers_is_behind_the_components_name_comes_back",),
    ),
    Bug(
        "left-to-each-other",
        "Of what the paths of two components take in, each leaves it to the other one, and nobody brings it.",
        (
            Change(
                "stack/places_of_others.py",
                "        if any(_names_more_closely(claim, wanted) for claim in claims):",
                "        if False:",
            ),
        ),
        (f"{SINGLE_FILES}::test_what_the_paths_of_two_components_take_in_is_brought_by_one_of_them",),
    ),
    Bug(
        "a-umask-shuts-the-vault",
        "With a umask of 0277 nobody may read the packs that a backup said stand.",
        (Change("durable_files.py", "        _give_mode(descriptor, mode)\n", ""),),
        ("tests/unit/store/test_local.py::test_modes_are_what_they_are_whatever_the_umask",),
    ),
)
