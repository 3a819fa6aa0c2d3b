"""Bugs of where things are put, and of what is said about how long they stay."""

from tests.planted.bug import Bug, Change

WAY = "tests/scenarios/test_vaults_in_the_way.py"
FORECAST = "tests/unit/vault/test_retention_forecast.py"
FORESEEN = "tests/scenarios/test_expiry_foreseen.py"

PLACES: tuple[Bug, ...] = (
    Bug(
        "vault-saved-into-itself",
        "A vault that lies in what is saved is saved with it: every run stores all that the vault holds once more.",
        (
            Change(
                "cli/vaults_left_out.py",
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
)
