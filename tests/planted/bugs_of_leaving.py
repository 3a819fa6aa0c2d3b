"""Bugs of what leaves a vault for other tools, and of who may open it."""

from tests.planted.bug import Bug, Change

PACKING = "tests/unit/archives/test_packing.py"
EXPORTING = "tests/unit/operations/test_exporting_classes.py"
KEYS = "tests/unit/cli/test_vault_and_keys.py"
RESCUE = "tests/format/test_rescue.py"
PROBLEMS = "tests/unit/config/test_problems.py"

LEAVING = (
    Bug(
        "a-cut-zip-looks-whole",
        "An export to standard output fails midway, and what arrived is a zip file that passes every check.",
        (Change("archives/packing.py", "        archive.fp = None", "        archive.close()"),),
        (f"{PACKING}::test_an_archive_that_was_cut_by_an_error_does_not_look_whole",),
    ),
    Bug(
        "a-cut-tar-looks-whole",
        "An export to standard output fails between two files, and the compressed tar file has its end all the same.",
        (Change("archives/packing.py", "            packed.abandon()\n", "            packed.close()\n"),),
        (f"{PACKING}::test_an_archive_that_was_cut_by_an_error_does_not_look_whole",),
    ),
    Bug(
        "one-name-for-two-files",
        "Two names that look alike once they are spelt out are one in a zip file: one of the files is lost.",
        (Change("archives/packing.py", '    while name + end in taken:\n        name += "~"\n', ""),),
        (f"{PACKING}::test_every_file_is_taken_out_whatever_its_name_and_what_got_another_name_is_told",),
    ),
    Bug(
        "a-name-that-changed-is-not-told",
        "A name that is no UTF-8 is another one in the archive, and nobody is told.",
        (Change("archives/packing.py", "        left.append(Misfit(member.path, name))\n", "        pass\n"),),
        (f"{PACKING}::test_every_file_is_taken_out_whatever_its_name_and_what_got_another_name_is_told",),
    ),
    Bug(
        "one-export-takes-anothers-away",
        "Two classes export into one folder under the same names: the shorter keep takes the other's files away.",
        (Change("config/export_rules.py", "if first_class == name or not is_same:", "if first_class == name:"),),
        (f"{PROBLEMS}::test_a_wrong_example_is_told_with_its_line_and_its_remedy",),
    ),
    Bug(
        "a-passphrase-that-opens-nothing",
        "A passphrase that looks like a recovery key is taken when a vault is made, and never again.",
        (Change("vault/slots.py", "    if looks_like_recovery_key(text):\n", "    if not text:\n"),),
        (f"{KEYS}::test_a_passphrase_that_could_never_be_given_again_is_refused",),
    ),
    Bug(
        "revoked-by-a-name-that-two-have",
        "A revoked key is said to be stolen, by its id: the one that took its place is shut out for ever.",
        (
            Change(
                "cli/commands/key.py",
                "_revoke(invocation, vault, member.id, since_ms)",
                "_revoke(invocation, vault, find_member_by_label(vault.opened.roster, member.label).id, since_ms)",
            ),
        ),
        (f"{KEYS}::test_a_member_that_is_named_by_its_id_is_revoked_and_not_the_one_of_the_same_name",),
    ),
    Bug(
        "the-owner-is-shut-out-with-a-thief",
        "A stolen key shared the owner's domain: it is closed, and whatever the owner saves from then on is foreign.",
        (
            Change(
                "vault/members.py",
                "    if owner is None or any(",
                "    if owner is not None or any(",
            ),
        ),
        (f"{KEYS}::test_the_owner_goes_on_saving_after_a_key_that_shared_with_him_was_stolen",),
    ),
    Bug(
        "a-member-without-a-file",
        "A key file cannot be written, and its member is made all the same: the name is taken, nobody can use it.",
        (Change("cli/commands/key.py", "    require_new_secret_file(output)  #", "    #"),),
        (f"{KEYS}::test_no_member_is_made_whose_file_cannot_be_written",),
    ),
    Bug(
        "a-release-that-does-not-count",
        "Somebody with a writer's key takes the last number of a hold: 'unhold' says that it is lifted, and it is not.",
        (Change("vault/holds.py", "    if first > _LAST:\n", "    if first < 0:\n"),),
        ("tests/unit/vault/test_forgetting.py::test_a_release_that_cannot_count_is_not_said_to_be_one",),
    ),
    Bug(
        "a-log-that-grows-for-ever",
        "'forget --prune', which a schedule runs, leaves the write-ahead log of every server in the vault.",
        (
            Change(
                "cli/commands/forget.py",
                "prune_now(vault, watcher), clean_wal(invocation, vault, dry_run=False)",
                "prune_now(vault, watcher), None",
            ),
        ),
        ("tests/scenarios/test_wal_cleaning.py",),
    ),
    Bug(
        "a-kit-that-cannot-be-typed",
        "The vault's path has a space in it, and on the day of the fire no line of the kit works as it stands.",
        (Change("vault/kit.py", '"typed": shlex.quote(kit.address)', '"typed": kit.address'),),
        ("tests/unit/vault/test_kit.py::test_every_line_can_be_typed_wherever_the_vault_lies",),
    ),
    Bug(
        "the-rescue-takes-any-stack",
        "The rescue program's latest is the newest snapshot in the vault: that of another application.",
        (Change("vault/rescue/rescue.py", "for s in chosen})) > 1:\n", "for s in chosen})) > 99:\n"),),
        (f"{RESCUE}::test_latest_of_several_stacks_is_refused_until_one_is_named",),
    ),
    Bug(
        "the-rescue-believes-a-wrong-clock",
        "One snapshot of a clock that was ahead is what the rescue program restores as the latest, for ever.",
        (Change("vault/rescue/rescue.py", "if s.time_ms <= now][-1:] or", "if s.time_ms < 0][-1:] or"),),
        (f"{RESCUE}::test_what_is_dated_ahead_is_latest_only_where_there_is_no_other",),
    ),
    Bug(
        "exports-of-what-was-not-saved",
        "A run of one component exports the others too, and ends with a fault of the program.",
        (
            Change(
                "stack/planning.py", "[each for each in class_.export if each.component in components]", "class_.export"
            ),
        ),
        ("tests/unit/stack/test_planning.py::test_a_run_of_a_part_exports_that_part_alone",),
    ),
    Bug(
        "changes-pass-for-the-whole",
        "A file that holds only what changed is named like a whole one.",
        (Change("operations/exporting_classes.py", "    if request.since is not None:\n", "    if False:\n"),),
        (f"{EXPORTING}::test_a_file_that_holds_only_changes_does_not_pass_for_a_whole_one",),
    ),
)
