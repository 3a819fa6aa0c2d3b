"""Bugs of the second copies of what opens a vault: not read, not laid, not deleted, read where nobody may."""

from tests.planted.bug import Bug, Change

TWICE = "tests/scenarios/test_vital_objects_twice.py"
UNIT = "tests/unit/vault/test_spare_copies.py"

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
        (Change("vault/key_slots.py", "        store.delete(spare_name(name))\n", ""),),
        (f"{TWICE}::test_a_removed_key_opens_no_copy",),
    ),
    Bug(
        "a-copy-outlives-its-keyring",
        "A copy that is put after its keyring was deleted stays, and a removed key opens it.",
        (Change("vault/spare_copies.py", "        store.delete(spare_name(name))\n", "        return\n"),),
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
)
