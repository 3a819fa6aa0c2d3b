"""Bugs of believing what others say: lists, clocks, what this host remembers, what lies in a target already."""

from tests.planted.bug import Bug, Change

PRUNING = "tests/unit/vault/test_pruning.py"
CACHES = "tests/unit/vault/test_local_cache.py"
BEGUN = "tests/unit/vault/test_begun_files.py"
INSIDE = "tests/crash/test_interrupted_inside_a_file.py"
RETENTION = "tests/unit/vault/test_retention.py"
EARLY = "tests/unit/cli/test_asked_early.py"
FILES = "tests/unit/operations/test_verify_files.py"
RESTORE = "tests/unit/operations/test_restore.py"
LOOKING = "tests/unit/cli/test_looking.py"
SECRETS = "tests/scenarios/test_secrets_in_place.py"

TRUST = (
    Bug(
        "a-run-trusts-the-roster-it-began-with",
        "A backup whose key was revoked while it ran says that its snapshot stands; nobody counts it.",
        (
            Change(
                "vault/committing.py",
                "    newest = replace(vault, roster=_newest_roster(vault))\n",
                "    newest = vault\n",
            ),
        ),
        ("tests/unit/vault/test_committing.py",),
    ),
    Bug(
        "a-few-chunks-are-believed",
        "Of a segment that is opened for a few chunks, not even these are compared with their ids.",
        (
            Change(
                "vault/decoded_segments.py",
                "        if only is not None and chunk_id[:16] not in only:\n",
                "        if only is not None:\n",
            ),
        ),
        ("tests/unit/vault/test_decoded_segments.py",),
    ),
    Bug(
        "any-list-speaks-for-a-new-pack",
        "What a list says of a pack that the prune has just put counts unread: a stolen writer's key deletes backups.",
        (
            Change(
                "vault/place_proving.py",
                "if copy in put.get(pack.pack_hash, ()) or",
                "if pack.pack_hash in put or",
            ),
        ),
        (f"{PRUNING}::test_a_lie_about_a_pack_that_the_prune_has_just_made_deletes_nothing",),
    ),
    Bug(
        "a-clock-that-was-ahead-makes-all-old",
        "One snapshot that is dated years ahead is the newest for ever, and everything else is older than allowed.",
        (
            Change(
                "vault/retention.py",
                "        if (now_ms is None or each.time_ms <= now_ms + LATE_CLAIM_MS)\n        and ",
                "        if ",
            ),
        ),
        (RETENTION, "tests/unit/vault/test_forgetting.py"),
    ),
    Bug(
        "what-is-dated-back-fills-the-past",
        "A thief with a writer's key fills each day of the past, and the days' own snapshots are forgotten.",
        (
            Change(
                "vault/retention.py",
                "        and each.store_time_ms - each.time_ms <= LONGEST_RUN_MS\n",
                "",
            ),
        ),
        (RETENTION,),
    ),
    Bug(
        "what-comes-in-order-is-believed",
        "After a pause in the backups a thief fills the days of the pause in one night, and all before them go.",
        (
            Change(
                "vault/retention.py",
                "each.store_time_ms - each.time_ms <= LONGEST_RUN_MS\n",
                "not any(each.time_ms < other.store_time_ms < each.store_time_ms - 3_600_000 for other in members)\n",
            ),
        ),
        (RETENTION,),
    ),
    Bug(
        "a-name-that-was-free-is-free",
        "A large file is renamed over whatever came to lie under its name while it was written, and nobody says so.",
        (Change("sources/files/writing_files.py", "        if not file.replaces:\n", "        if False:\n"),),
        (
            "tests/unit/sources/test_landing.py::test_what_comes_to_lie_under_a_name_while_its_file_is_written_stays_and_is_told",
        ),
    ),
    Bug(
        "what-is-met-in-an-empty-target-is-a-note",
        "Of two names that a file system takes for one the second is not restored, and the restore ends with 0.",
        (Change("sources/files/target.py", "        if self.was_empty and not", "        if False and not"),),
        (
            "tests/unit/operations/test_restore.py::test_a_restore_into_an_empty_target_that_meets_something_there_is_not_called_good",
        ),
    ),
    Bug(
        "runs-of-another-index",
        "A cache put together out of two: its runs name segments of other sessions, and snapshots refer to them.",
        (Change("vault/chunk_index.py", ".digest != digest:", '.digest == b"":'),),
        ("tests/unit/vault/test_local_cache.py::test_runs_of_another_index_with_as_many_rows_are_not_believed",),
    ),
    Bug(
        "read-in-years-to-come",
        "Packs that were read while the clock was ahead are not read back again before that day comes.",
        (Change("vault/verify_log.py", " and (now_ms is None or time_ms <= now_ms + _AHEAD_MS)", ""),),
        ("tests/unit/vault/test_verify_log.py",),
    ),
    Bug(
        "latest-is-years-ahead",
        "One run with a clock that was ahead is the latest for years: every restore brings that day back.",
        (
            Change(
                "operations/snapshots.py",
                "key=lambda record: (not is_ahead(record, now_ms), *_age(record))",
                "key=_age",
            ),
        ),
        ("tests/unit/operations/test_snapshots.py",),
    ),
    Bug(
        "dated-ahead-is-new",
        "A snapshot that is dated ahead is 0 seconds old for years, and nobody hears that backups have stopped.",
        (
            Change(
                "stack/objectives/ages.py",
                "key=lambda each: (not is_ahead(each, now_ms), time_of(each))",
                "key=time_of",
            ),
        ),
        ("tests/unit/stack/test_ages.py",),
    ),
    Bug(
        "an-emptied-pack-is-a-pack",
        "A pack that a power cut has emptied is referred to by every backup, though the source has its content.",
        (
            Change(
                "vault/index_loading.py",
                "            if usable_packs[pack.pack_hash] != pack.size:\n",
                "            if False:\n",
            ),
        ),
        ("tests/unit/vault/test_index_loading.py::test_what_a_pack_held_that_was_cut_is_stored_again_and_told",),
    ),
    Bug(
        "an-own-pack-that-was-cut-is-taken-over",
        "A pack that a killed run put and a power cut then shortened is named in a list and referred to.",
        (
            Change(
                "vault/writing.py",
                "            if any(look.usable_packs.get(pack.pack_hash) != pack.size for pack in",
                "            if any(pack.pack_hash not in look.usable_packs for pack in",
            ),
        ),
        ("tests/unit/vault/test_pack_putting.py::test_a_pack_of_a_run_that_died_is_not_taken_over_when_it_was_cut",),
    ),
    Bug(
        "half-a-tree-is-whole",
        "A root that is deleted while it is read makes a snapshot of half of it that ends well.",
        (
            Change(
                "sources/files/scanning.py",
                "            if before.st_nlink and not os.fstat(root).st_nlink:",
                "            if False:",
            ),
        ),
        ("tests/unit/sources/test_scanning.py::test_a_root_that_is_deleted_while_it_is_walked_is_told",),
    ),
    Bug(
        "a-share-that-went-away-has-vanished",
        "All files of a share that went away are notes, and the snapshot of nothing ends with 0.",
        (
            Change(
                "sources/files/noticing.py",
                "    if error.errno == errno.ENOENT:\n",
                "    if error.errno in (errno.ENOENT, errno.ESTALE):\n",
            ),
        ),
        ("tests/unit/sources/test_scanning.py",),
    ),
    Bug(
        "less-than-it-says",
        "A file of which less is stored than its entry says comes back shorter, and nobody says so.",
        (
            Change(
                "vault/trees.py",
                "    if left:\n        raise VaultDamaged",
                "    if False:\n        raise VaultDamaged",
            ),
        ),
        (f"{RESTORE}::test_a_file_of_which_less_is_stored_than_it_says_is_damage_and_never_restored_shorter",),
    ),
    Bug(
        "no-file-can-be-opened-any-more",
        "A process that has used up its open files goes on to the end, and saves next to nothing.",
        (
            Change(
                "sources/files/noticing.py",
                "frozenset({errno.EMFILE, errno.ENFILE})",
                "frozenset[int]()",
            ),
        ),
        ("tests/unit/sources/test_scanning.py",),
    ),
    Bug(
        "early-opening-remembers",
        "A vault is taken for known before anybody used it: a line with a misspelt address pins whatever is there.",
        (Change("cli/vaults/asked_early.py", "notice=noticed.append, remembers=False", "notice=noticed.append"),),
        (f"{EARLY}::test_nothing_is_remembered_of_a_vault_before_somebody_uses_it",),
    ),
    Bug(
        "early-questions-beside-a-configuration",
        "A store is asked early though a configuration says which vault is meant, and how fast it may be read.",
        (
            Change(
                "cli/vaults/asked_early.py",
                "if find_configuration(None, environment, Path.cwd()) is not None:",
                "if find_configuration is None:",
            ),
        ),
        (f"{EARLY}::test_nothing_is_asked_where_it_is_not_plain_what_is_meant",),
    ),
    Bug(
        "an-empty-dump-is-whole",
        "A compressed dump without a byte in it, which a failed pg_dump leaves behind, is called whole.",
        (
            Change(
                "operations/checking_files/streams.py",
                '    if not head:\n        raise ProofFailed(\n            "{path} is a compressed',
                '    if not pieces:\n        raise ProofFailed(\n            "{path} is a compressed',
            ),
        ),
        (f"{FILES}::test_an_empty_dump_in_a_whole_gz_file_is_damage",),
    ),
    Bug(
        "a-cut-script-is-whole",
        "A script of SQL that was cut before it was compressed is called whole: gzip sees nothing wrong.",
        (
            Change(
                "operations/checking_files/streams.py",
                "if mark is not None and mark not in tail:",
                "if mark is not None and not tail:",
            ),
        ),
        (f"{FILES}::test_a_script_that_was_cut_before_it_was_compressed_is_damage",),
    ),
    Bug(
        "an-older-snapshot-in-silence",
        "The newest record is damaged, the one before it is restored, and the status is 0.",
        (
            Change(
                "cli/vaults/doubts.py",
                "        if not newer or self._invocation.is_doubtful:",
                "        if newer or self._invocation.is_doubtful:",
            ),
        ),
        (f"{LOOKING}::test_where_the_newest_record_is_damaged_what_takes_an_older_one_says_so_and_ends_with_3",),
    ),
    Bug(
        "touched-secrets-called-saved",
        "Secrets that were changed since the last snapshot are called saved as they are, says the status.",
        (
            Change(
                "operations/unchanged.py",
                "    if not before or any(each.fault or each.is_doubtful for each in taken):",
                "    if any(each.fault or each.is_doubtful for each in taken):",
            ),
            Change(
                "operations/unchanged.py", "    return _find_standing(vault, before) is not None", "    return True"
            ),
        ),
        (f"{SECRETS}::test_a_restore_that_is_taken_back_leaves_nothing_that_would_be_lost",),
    ),
    Bug(
        "cleared-cache-means-damage",
        "The disk of the cache is full, or somebody empties it meanwhile: what is in the vault is said to be lost.",
        (
            Change(
                "vault/index_loading.py",
                "cache.catalog(list_hash) or read_index_object(context.store, name)\n",
                "cache.catalog(list_hash)\n            if content is None:\n                continue\n",
            ),
        ),
        (
            f"{CACHES}::test_lists_that_somebody_clears_away_during_a_run_are_read_again",
            f"{CACHES}::test_a_list_for_which_a_host_has_no_room_is_used_by_the_run_that_read_it",
        ),
    ),
    Bug(
        "damage-untold-for-want-of-room",
        "A check reads every pack, finds damage, cannot write down that it read them, and ends without naming it.",
        (
            Change(
                "vault/verify_log.py",
                "        except OSError as error:\n            self.fault = error\n        self._pending ="
                " bytearray()\n",
                "        finally:\n            self._pending = bytearray()\n",
            ),
        ),
        ("tests/scenarios/test_verify_levels.py::test_a_check_that_nobody_can_write_down_tells_what_it_found",),
    ),
    Bug(
        "explained-by-a-file-nobody-asks",
        "What a marked directory keeps is said to be left out, by rules that the walk never reads.",
        (
            Change(
                "sources/files/explaining.py",
                "        if marker is not None and path:",
                "        if marker is not None and path and name != marker:",
            ),
        ),
        ("tests/unit/sources/test_excluding.py::test_of_a_marked_directory_no_other_file_is_asked",),
    ),
    Bug(
        "any-file-of-the-name-is-gone-on-with",
        "A file that changes between a run that was cut and the next is saved as half the old one and half the new.",
        (
            Change(
                "vault/begun_files.py",
                "blake3(encode((stamp, entry.size, entry.holes))).digest()",
                "blake3(encode(entry.size)).digest()",
            ),
        ),
        (
            f"{INSIDE}::test_a_file_that_was_written_to_is_read_whole_though_size_and_time_are_what_they_were",
            f"{INSIDE}::test_a_file_that_was_replaced_is_read_whole_though_size_and_time_are_what_they_were",
        ),
    ),
    Bug(
        "what-was-noted-is-in-the-vault",
        "What a run that was cut noted of a large file is referred to, whether or not the vault has it, or will.",
        (
            Change(
                "vault/file_contents.py",
                "place = NOT_KEPT if is_last else self._content.find(chunk_id)",
                "place = NOT_KEPT if is_last else next(iter(self._content._find_places(chunk_id)), NOT_KEPT)",
            ),
        ),
        (
            f"{INSIDE}::test_what_a_prune_took_away_in_between_is_read_and_stored_again",
            f"{INSIDE}::test_what_is_condemned_is_not_referred_to",
        ),
    ),
    Bug(
        "what-was-noted-is-put-later",
        "What a run that was cut had only in its hands, in no pack yet, is taken for stored by the next one.",
        (
            Change(
                "vault/file_contents.py",
                "            if place == NOT_KEPT:\n                read_id, place",
                "            if place == NOT_KEPT and not is_last:\n"
                "                data.skip(length)\n"
                "                place = self._content._start(SegmentKind.DATA).place\n"
                "            elif place == NOT_KEPT:\n                read_id, place",
            ),
            Change(
                "vault/file_contents.py",
                "from rebond.vault.tree_notices import",
                "from rebond.vault.segments import SegmentKind\nfrom rebond.vault.tree_notices import",
            ),
        ),
        (f"{INSIDE}::test_a_run_that_was_cut_is_gone_on_with",),
    ),
    Bug(
        "notes-run-into-one-another",
        "What a power cut left of one note in the middle of another is taken for its own.",
        (Change("vault/begun_notes.py", "blake3(before + batch)", "blake3(batch)"),),
        (f"{BEGUN}::test_batches_of_one_note_are_not_taken_for_those_of_another",),
    ),
    Bug(
        "no-chunk-proves-the-note",
        "Where a file system hides that a file was changed, nothing of it is looked at: the old one is saved again.",
        (
            Change(
                "vault/file_contents.py",
                "NOT_KEPT if is_last else self._content.find(chunk_id)",
                "self._content.find(chunk_id)",
            ),
        ),
        (f"{BEGUN}::test_a_file_system_that_hides_a_change_is_found_out_by_the_last_chunk",),
    ),
    Bug(
        "a-note-goes-before-its-cache",
        "The note of a large file that is whole is removed while a power cut may still take the cache that has it.",
        (
            Change(
                "vault/begun_files.py",
                "if self._remembered and time.monotonic() >= self._next_sync:",
                "if self._remembered:",
            ),
            Change("vault/begun_files.py", "            if self._remember.sync():\n", "            if True:\n"),
        ),
        (f"{BEGUN}::test_a_file_that_was_whole_when_the_power_failed_needs_only_its_note",),
    ),
    Bug(
        "a-note-goes-before-its-file-is-remembered",
        "The note of a large file that is whole is removed before any cache was told of that file.",
        (
            Change(
                "vault/begun_files.py",
                "        self._let_go()\n",
                "        self.remembered()\n        self._let_go()\n",
            ),
        ),
        (f"{BEGUN}::test_a_file_that_was_whole_by_its_note_alone_keeps_that_until_the_cache_has_it",),
    ),
)
