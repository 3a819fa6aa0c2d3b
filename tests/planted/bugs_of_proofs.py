"""Bugs of what proves a vault to people: the kit, the rescue program with what it needs, what a place is tried with."""

from tests.planted.bug import Bug, Change

WITHDRAWALS = "tests/unit/vault/test_withdrawals.py"
PLACE_PROOF = "tests/unit/store/test_proving.py"
COMPARING = "tests/unit/operations/test_restore_comparing.py"
WHEELS = "tests/scenarios/test_rescue_with_wheels.py"

PROOFS = (
    Bug(
        "a-full-place-in-three-words",
        "Making a vault on a small disk ends with 'no room', and nobody knows how much would be enough.",
        (
            Change(
                "store/proving.py", "        except StoreFull as error:\n", "        except BlockingIOError as error:\n"
            ),
        ),
        (PLACE_PROOF,),
    ),
    Bug(
        "what-it-was-tried-with-stays",
        "The large object lies there while the vault is made, which then needs twice the room.",
        (Change("store/proving.py", "        self._remove(name)  # at once", "        # at once"),),
        (PLACE_PROOF,),
    ),
    Bug(
        "a-vault-in-use-taken-for-rubbish",
        "'vault create' where a vault is in use says that there is none, and to put its vault.json back.",
        (
            Change(
                "vault/creation.py",
                "            store.stat(name)  # asked first",
                "            store.stat(name + '.none')  # asked first",
            ),
        ),
        ("tests/unit/cli/test_keeping.py::test_no_vault_is_made_where_one_is_in_use",),
    ),
    Bug(
        "an-unset-variable-means-here",
        "'--path \"$UNSET\"' saves this folder, '--to \"$UNSET\"' restores over it.",
        (
            Change(
                "cli/grammar/verbs.py",
                '        if isinstance(self.type, click.Path) and "" in',
                '        if False and "" in',
            ),
        ),
        ("tests/unit/cli/test_keeping.py::test_a_variable_that_is_not_set_does_not_mean_this_folder",),
    ),
    Bug(
        "trees-read-over-and-over",
        "After years of small changes a restore opens the same pieces of the tree again and again.",
        (
            Change(
                "vault/kept_segments.py",
                "        while self._held_bytes > self._most_bytes and len(self._segments) > LEAST_KEPT:\n",
                "        while len(self._segments) > LEAST_KEPT:\n",
            ),
        ),
        ("tests/unit/vault/test_reading.py",),
    ),
    Bug(
        "what-was-stored-again-goes-back",
        "A run takes the copy of a chunk that the index names first: an older one, and the refresh was for nothing.",
        (
            Change(
                "vault/content_writing.py",
                "        for place in places if len(places) == 1 else sorted(places, reverse=True):\n",
                "        for place in places:\n",
            ),
        ),
        ("tests/unit/vault/test_sealing_pipeline.py",),
    ),
    Bug(
        "wheels-that-nobody-signed",
        "The libraries that a rescue runs lie in the vault, and whoever writes there may swap them unseen.",
        (
            Change(
                "vault/papers.py",
                "            if name != README_NAME\n",
                '            if name != README_NAME and not name.endswith(".whl")\n',
            ),
        ),
        (f"{WHEELS}::test_a_wheel_that_somebody_changed_is_named_by_verify",),
    ),
    Bug(
        "hidden-in-silence",
        "Whoever has a writer's key takes its newest snapshots off the lists, and nobody is told.",
        (
            Change(
                "vault/commits.py",
                "            vault.report(withdrawn(",
                "            continue\n            vault.report(withdrawn(",
            ),
        ),
        (f"{WITHDRAWALS}::test_what_a_stolen_key_hid_is_named_and_restored_by_its_id",),
    ),
    Bug(
        "a-changed-library-is-carried",
        "A wheel that is not what its own list says goes into the vault, and is run on the day of the fire.",
        (
            Change(
                "vault/wheels.py",
                "        if not _is_whole(content):\n",
                "        if False:\n",
            ),
        ),
        (f"{WHEELS}::test_a_directory_without_whole_wheels_is_refused",),
    ),
    Bug(
        "stripped-and-not-read-back",
        "'restore --strip 1 --verify' reads nothing back, and ends with 0 as if all were as it was saved.",
        (
            Change(
                "operations/restore_comparing.py",
                'b"" if self._request.strip else b"/" + name',
                'b"/" + name',
            ),
        ),
        (f"{COMPARING}::test_what_was_stripped_and_is_not_as_it_was_saved_is_named",),
    ),
    Bug(
        "a-plan-that-counts-what-stays",
        "'restore --dry-run' counts files that will stay as they are among those that come back.",
        (
            Change(
                "operations/restore_planning.py",
                "not self._request.dry_run or self._foresee_file(directory, entry)",
                "True",
            ),
        ),
        ("tests/unit/operations/test_restore.py::test_a_dry_run_foresees_what_stays_as_it_is",),
    ),
    Bug(
        "the-rules-of-that-night-are-forgotten",
        "'rebond explain' says that what --gitignore left out of every snapshot is saved: no rule leaves it out.",
        (Change("operations/stored_rules.py", "gitignore=rules.reads_gitignore", "gitignore=False"),),
        ("tests/unit/cli/test_explain.py::test_every_option_of_the_newest_snapshot_is_asked_again",),
    ),
)
