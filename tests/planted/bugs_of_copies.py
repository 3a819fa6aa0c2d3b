"""Bugs of the second copies of what opens a vault: not read, not laid, not deleted, read where nobody may."""

from tests.planted.bug import Bug, Change

TWICE = "tests/scenarios/test_vital_objects_twice.py"
UNIT = "tests/unit/vault/test_spare_copies.py"
MENDING = "tests/unit/vault/test_spare_mending.py"

COPIES = (
    Bug(
        "one-flipped-byte-costs-the-vault",
        "What is damaged is not read from its copy.",
        (
            Change(
                "vault/spare_copies.py",
                "        if is_store_away(store, error):\n            raise\n",
                "        raise\n",
            ),
        ),
        (f"{TWICE}::test_one_of_two_is_enough_is_told_and_is_mended",),
    ),
    Bug(
        "no-copies-are-laid",
        "A new vault has each vital object once.",
        (Change("vault/creation.py", "    put_spare(store, name, content)\n", ""),),
        ("tests/unit/vault/test_creation.py",),
    ),
    Bug(
        "a-removed-key-opens-a-copy",
        "Removing a key leaves the copies of the keyrings that it opened.",
        (
            Change(
                "vault/spare_copies.py",
                "    for place in (spare_name(name), name, spare_name(name)):\n",
                "    for place in (name,):\n",
            ),
        ),
        (f"{TWICE}::test_a_removed_key_opens_no_copy",),
    ),
    Bug(
        "a-copy-outlives-its-keyring",
        "A copy that is put after its keyring was deleted stays, and a removed key opens it.",
        (Change("vault/spare_copies.py", "    store.delete(placed)\n    return True\n", "    return False\n"),),
        (UNIT,),
    ),
    Bug(
        "a-repair-brings-back-what-a-removal-deleted",
        "The copy of an older keyring that is gone is put back in its place.",
        (
            Change(
                "vault/spare_mending.py",
                " if number >= keyring.number or any(not place.name.startswith(SPARE_PREFIX) for place in places):",
                " if places:",
            ),
        ),
        (f"{TWICE}::test_a_removed_key_opens_no_copy",),
    ),
    Bug(
        "unreadable-newest-roster-brings-back-an-older-one",
        "Where the newest roster and its copy cannot be read, an older one counts, which trusts who was revoked.",
        (
            Change(
                "vault/numbered_objects.py",
                "            if isinstance(fault, StoreError):\n                raise fault\n",
                "",
            ),
        ),
        (UNIT,),
    ),
    Bug(
        "the-rescue-program-knows-one-copy",
        "The rescue program gives up where a vital object is damaged.",
        (Change("vault/rescue/rescue.py", '        return read("spare/" + name)\n', "        raise\n"),),
        (f"{TWICE}::test_the_rescue_program_takes_the_copy_too",),
    ),
    Bug(
        "a-copy-is-laid-behind-the-back-of-a-removal",
        "A removal asks for a copy once only, before its keyring goes: one that is laid between stays.",
        (
            Change(
                "vault/spare_copies.py",
                "    for place in (spare_name(name), name, spare_name(name)):\n",
                "    for place in (spare_name(name), name):\n",
            ),
        ),
        (f"{MENDING}::test_no_copy_outlives_a_keyring_whose_removal_had_deleted_the_copy_before_it_was_laid",),
    ),
    Bug(
        "a-repair-undoes-a-removal-that-runs-beside-it",
        "A repair puts a keyring or its copy back that a removal of a key deletes at this moment.",
        (
            Change(
                "vault/spare_mending.py",
                "            if not withdraw_alone(store, place, other):\n                yield place\n",
                "            yield place\n",
            ),
        ),
        (f"{MENDING}::test_a_repair_brings_nothing_back_that_a_removal_deletes_meanwhile",),
    ),
    Bug(
        "a-late-owner-brings-a-removed-key-back",
        "An owner who is two keyrings behind puts the number that was deleted, which a removed key opens.",
        (
            Change(
                "vault/keyring.py",
                "        if max(list_numbered(store, KEYRING_PREFIX).numbers, default=0) <= changed.number:\n"
                "            return changed\n",
                "        return changed\n",
            ),
        ),
        (f"{MENDING}::test_an_owner_who_is_two_keyrings_behind_brings_no_removed_key_back_and_loses_nothing",),
    ),
    Bug(
        "a-repair-deletes-the-only-copy-of-a-slot",
        "The slot of a keyring that is damaged is taken for one that was removed.",
        (
            Change(
                "vault/spare_mending.py",
                '(is_newest and name.startswith("keys/") and name not in needed)',
                '(name.startswith("keys/") and name not in needed)',
            ),
        ),
        (f"{MENDING}::test_the_only_copy_of_a_slot_stays_while_the_keyring_that_names_it_is_damaged",),
    ),
    Bug(
        "a-repair-deletes-what-it-does-not-know",
        "Files of others below spare/ are deleted as copies in vain.",
        (Change("vault/spare_mending.py", "        if classify_name(info.name) is ObjectClass.SPARE\n", ""),),
        (f"{MENDING}::test_a_repair_leaves_alone_what_is_not_a_copy",),
    ),
)
