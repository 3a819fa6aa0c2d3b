"""Bugs that other backup tools shipped, as small replacements, each with the ordinary tests that must catch it.

A change replaces text that occurs exactly once in a file of ``src/rebond``; ``test_bugs_apply`` says
when the product moved on. Judges are what pytest is given; they are tests like all others.
"""

from tests.planted.bug import Bug, Change
from tests.planted.bugs_of_answers import ANSWERS
from tests.planted.bugs_of_closing import CLOSING
from tests.planted.bugs_of_copies import COPIES
from tests.planted.bugs_of_damage import DAMAGE
from tests.planted.bugs_of_databases import DATABASES
from tests.planted.bugs_of_drills import PROVING
from tests.planted.bugs_of_fields import FIELDS
from tests.planted.bugs_of_kinds import KINDS
from tests.planted.bugs_of_leaving import LEAVING
from tests.planted.bugs_of_physical import PHYSICAL
from tests.planted.bugs_of_places import PLACES
from tests.planted.bugs_of_postgres import POSTGRES
from tests.planted.bugs_of_proofs import PROOFS
from tests.planted.bugs_of_records import RECORDS
from tests.planted.bugs_of_recovery import RECOVERY
from tests.planted.bugs_of_room import ROOM
from tests.planted.bugs_of_runbook import RUNBOOK
from tests.planted.bugs_of_sets import SETS
from tests.planted.bugs_of_setup import SETUP
from tests.planted.bugs_of_silence import SILENCE
from tests.planted.bugs_of_tables import TABLES_IN_PLACE
from tests.planted.bugs_of_time import TIME
from tests.planted.bugs_of_trust import TRUST
from tests.planted.bugs_of_volumes import VOLUMES
from tests.planted.bugs_of_wal import WAL

POWER = "tests/crash/test_backup_power_cuts.py"
UNSETTLED = "tests/crash/test_unsettled_names.py"
DISK_POWER = "tests/crash/test_local_store_power_cuts.py"
MEETING = "tests/scenarios/test_concurrent_interleavings.py"
ORDER = "tests/crash/test_interrupted_backup_order.py"
FAULTS = "tests/scenarios/test_full_disk_and_faults.py"
TOGETHER = f"{MEETING}::test_a_backup_and_a_prune_that_meet_anywhere_both_end_well"
RACES = "tests/scenarios/test_deletion_races.py"
PRUNING = "tests/unit/vault/test_pruning.py"
TRASH = "tests/unit/vault/test_trash_races.py"
ASLEEP = f"{MEETING}::test_a_backup_that_sleeps_for_weeks_before_any_call_commits_something_whole_or_nothing"

WRITING = (
    Bug(
        "snapshot-before-packs",
        "The record that makes a snapshot exist is put before the content that it names.",
        (
            Change("vault/writing.py", "        self._pipeline.finish()\n        self._putter.finish()\n", ""),
            Change(
                "vault/writing.py",
                "        try:\n            self._journal.finish()\n",
                "        self._pipeline.finish()\n        self._putter.finish()\n"
                "        try:\n            self._journal.finish()\n",
            ),
        ),
        (f"{POWER}::test_a_backup_cut_at_any_write_leaves_only_whole_snapshots_and_the_next_run_works",),
    ),
    Bug(
        "list-before-pack",
        "An index list names a pack that is not in the store yet.",
        (
            Change(
                "vault/pack_putting.py",
                "            self._vault.store.put_if_absent(pack.name, pack.content)\n",
                "            with self._lock:\n                self._add(unlisted)\n                self._put_list()\n"
                "            self._vault.store.put_if_absent(pack.name, pack.content)\n",
            ),
        ),
        (f"{ORDER}::test_an_index_list_is_put_after_the_packs_that_it_names",),
    ),
    Bug(
        "check-before-put-skipped",
        "What a broken library or memory spoilt is stored, and found out at the restore.",
        (Change("vault/sealing.py", "        check_sealed(sealed, ids, self._id_keys[kind])\n", ""),),
        (f"{ORDER}::test_what_a_faulty_memory_spoils_before_it_is_sealed_is_never_put",),
    ),
    Bug(
        "same-key-for-every-segment",
        "A data key is used again, with the same nonce, for another content.",
        (Change("vault/segments.py", "os.urandom(32) + hash_of(frame)", "bytes(64)"),),
        ("tests/unit/vault/test_segments.py",),
    ),
    Bug(
        "unchanged-within-the-grain",
        "A file that changed within the tick of its file system's clock is believed unchanged.",
        (
            Change(
                "sources/files/listing.py",
                "                        fresh.add(name)\n",
                "                        pass\n",
            ),
        ),
        ("tests/unit/sources/test_scanning.py", "tests/contracts/test_files_source.py"),
    ),
    Bug(
        "torn-within-a-tick",
        "A file that is written twice within one tick of its clock is read in between, torn, and called good.",
        (
            Change(
                "sources/files/listing.py",
                "wait_ns = find_wait_ns(stamp, time.time_ns())",
                "wait_ns = 0",
            ),
        ),
        ("tests/unit/sources/test_steady_reading.py",),
    ),
    Bug(
        "changed-while-read-unsaid",
        "A file that was written while it was read is saved torn, and nobody is told.",
        (Change("vault/file_contents.py", "is_steady = not opened.changed()", "is_steady = True"),),
        ("tests/unit/vault/test_tree_writing.py",),
    ),
    Bug(
        "unreadable-in-silence",
        "A file that could not be read is missing from the snapshot, and the exit status is 0.",
        (
            Change(
                "operations/backup.py",
                "any(f.severity is not Severity.NOTE for f in self.findings) or not",
                "not",
            ),
        ),
        (f"{FAULTS}::test_bad_sectors_and_changes_under_the_reader_are_listed_and_the_rest_is_saved",),
    ),
    Bug(
        "empty-source-is-a-snapshot",
        "A volume that is not mounted becomes an empty snapshot, and retention then deletes the full ones.",
        (
            Change(
                "sources/files/scanning.py",
                "contents.directories and not self._allow_empty:\n",
                "contents.directories and False:\n",
            ),
        ),
        ("tests/unit/sources/test_scanning.py",),
    ),
    Bug(
        "failed-put-forgotten",
        "A pack that could not be put is reported as a file that could not be read, and the snapshot is made.",
        (
            Change(
                "operations/saving.py",
                "        except SourceError as error:\n            if not",
                "        except Exception as error:\n            if not",
            ),
            Change(
                "vault/sealing_pipeline.py",
                "                self._put_pack(filled)\n",
                "                try:\n                    self._put_pack(filled)\n"
                "                except Exception:\n                    return\n",
            ),
        ),
        (f"{FAULTS}::test_a_store_that_fails_is_never_taken_for_a_source_that_fails",),
    ),
    Bug(
        "dead-session-believed",
        "Content of a run that died is referred to without a look whether it was ever put.",
        (
            Change(
                "vault/writing.py",
                "            if pack_hash not in adoptable:\n",
                "            if False:\n",
            ),
            Change(  # a pack that is not there has no size either
                "vault/writing.py",
                "look.usable_packs.get(pack.pack_hash) != pack.size",
                "look.usable_packs.get(pack.pack_hash, pack.size) != pack.size",
            ),
        ),
        (f"{ORDER}::test_a_pack_that_was_noted_and_never_put_is_not_believed",),
    ),
)

STORES = (
    Bug(
        "fsync-of-content-dropped",
        "An object has its name before its bytes are on the disk.",
        (Change("durable_files.py", "        disk.sync_file(descriptor)\n", ""),),
        (DISK_POWER,),
    ),
    Bug(
        "fsync-of-directory-dropped",
        "A put returns before the name is on the disk.",
        (
            Change(
                "store/local.py",
                "            raise\n        self._disk.sync_directory(directory)\n",
                "            raise\n",
            ),
        ),
        (DISK_POWER,),
    ),
    Bug(
        "failed-listing-read-as-empty",
        "A directory that cannot be listed counts as an empty one.",
        (
            Change(
                "store/local_listing.py",
                "    except (FileNotFoundError, NotADirectoryError):\n        return\n",
                "    except OSError:\n        return\n",
            ),
        ),
        ("tests/unit/store/test_local.py",),
    ),
    Bug(
        "vanished-disk-read-as-empty",
        "A disk that was unmounted looks like a vault without snapshots.",
        (
            Change(
                "store/local.py",
                "        check_prefix(prefix)\n        self.require_root()\n",
                "        check_prefix(prefix)\n",
            ),
            Change(
                "store/local.py",
                "        self.require_root()  # a disk that went away",
                "        # a disk that went away",
            ),
        ),
        ("tests/unit/store/test_local.py",),
    ),
    Bug(
        "put-replaces",
        "The second of two writers replaces what the first one put.",
        (
            Change(
                "durable_files.py",
                "        disk.link(temporary, path)\n",
                "        disk.replace(temporary, path)\n        return\n",
            ),
        ),
        ("tests/contracts/test_store_local.py", "tests/unit/store/test_local.py"),
    ),
    Bug(
        "taken-over-before-it-is-settled",
        "A pack whose writer died before it flushed its name is taken over as it is listed; a power cut takes it away.",
        (
            Change(
                "vault/writing.py",
                "            self._vault.store.settle([pack_name(each) for each in adoptable])\n",
                "            assert pack_name\n",
            ),
        ),
        (f"{UNSETTLED}::test_a_pack_that_is_taken_over_is_there_after_a_power_cut",),
    ),
)

SHARING = (
    Bug(
        "mark-ignored-by-the-writer",
        "A backup refers to a pack that a prune is about to delete.",
        (
            Change(
                "vault/looking.py",
                "    usable = find_usable_packs(listed, marks.facts())\n",
                "    usable = find_usable_packs(listed, ())\n",
            ),
        ),
        (TOGETHER,),
    ),
    Bug(
        "marks-read-after-packs",
        "A backup lists the packs, then the marks: what a prune deleted between the two seems usable.",
        (
            Change(
                "vault/looking.py",
                "    for step in LOOK_ORDER:\n",
                "    for step in (LookStep.OPEN, LookStep.LIST_PACKS, LookStep.LIST_MARKS, LookStep.DECLARE):\n",
            ),
            Change("vault/looking.py", "        else:\n", "        elif step is LookStep.LIST_PACKS:\n"),
        ),
        # Index lists hide most of it: they go before the mark does. A pack that only this host remembers is in none.
        (f"{RACES}::test_what_is_deleted_while_a_backup_looks_around_is_not_referred_to",),
    ),
    Bug(
        "cache-believed-after-deletion",
        "The local cache says that a chunk is stored, and nobody looks whether its pack is still there.",
        (
            Change(
                "vault/index_loading.py",
                "            if pack.pack_hash not in usable_packs:\n",
                "            if False:\n",
            ),
        ),
        (f"{ORDER}::test_packs_that_are_gone_are_stored_again_whatever_the_caches_say",),
    ),
    Bug(
        "session-opened-late",
        "A backup looks at what is there before it says that it runs: a prune does not wait for it.",
        (
            Change("vault/looking.py", "            journal.open(host, purpose)\n", "            pass\n"),
            Change(
                "vault/looking.py",
                "            journal.declare_marks([str(mark) for mark in find_declarable_marks(marks.facts(), ())])\n",
                "            pass\n",
            ),
            Change(
                "vault/writing.py",
                "        self._pipeline.finish()\n        self._putter.finish()\n",
                '        self._journal.open(self._host, "backup")\n'
                "        self._journal.declare_marks(self._look.marks.mark_names)\n"
                "        self._pipeline.finish()\n        self._putter.finish()\n",
            ),
        ),
        (TOGETHER,),
    ),
    Bug(
        "void-ignored",
        "A run that a keeper gave up for dead commits all the same.",
        (
            Change(
                "vault/committing.py",
                "    present = vault.store.read(name.name)\n",
                "    present = content\n",
            ),
        ),
        (ASLEEP,),
    ),
    Bug(
        "prune-does-not-look-again",
        "A prune deletes what was unneeded when it began.",
        (
            Change(
                "vault/prune_marks.py",
                "                add_needs(self._vault, self._survey.needs, self._listing)\n",
                "",
            ),
        ),
        (TOGETHER,),
    ),
    Bug(
        "prune-waits-for-nobody",
        "A prune deletes under running backups that never saw its mark.",
        (
            Change("vault/prune_marks.py", "        if waited or is_too_young:\n", "        if is_too_young:\n"),
            Change("vault/prune_marks.py", "            self._close_sessions()\n", "            pass\n"),
        ),
        (TOGETHER,),
    ),
    Bug(
        "claim-of-another-taken-for-own",
        "Two keepers delete under one mark.",
        (Change("vault/marks.py", "        return store.read(claim) == content\n", "        return True\n"),),
        # Two that both delete agree on what; harm comes when one gives up, and takes the mark away under the other.
        (f"{RACES}::test_a_keeper_that_fails_takes_no_mark_from_under_another",),
    ),
    Bug(
        "hold-read-too-early",
        "A hold that was set while the trash is emptied does not hold.",
        (Change("vault/trash_emptying.py", "may_delete_record(name, protected)]", "True]"),),
        ("tests/unit/vault/test_pruning.py", "tests/unit/vault/test_forgetting.py"),
    ),
    Bug(
        "claim-does-not-say-what-it-spares",
        "A snapshot that was held before a prune stays in the trash for ever when that prune dies.",
        (Change("vault/trash_emptying.py", "spares=sorted(map(str, facts.spares))", "spares=[]"),),
        (f"{TRASH}::test_what_a_prune_that_dies_had_spared_is_listed_from_its_claim_on",),
    ),
    Bug(
        "next-mark-of-a-random-name",
        "Of two people who take back two snapshots at once, one is told so and loses his.",
        (
            Change(
                "vault/mark_renewal.py",
                "    return mark_name(hash_of(name.encode())[:_ID_SIZE])\n",
                "    return mark_name(hash_of(name.encode() + random_id())[:_ID_SIZE])\n",
            ),
            Change(
                "vault/mark_renewal.py",
                "import ObjectName\n",
                "import ObjectName, random_id\n",
            ),
        ),
        (f"{TRASH}::test_who_sleeps_while_he_takes_one_back_forgets_nothing_anew_weeks_later",),
    ),
    Bug(
        "dead-backup-runs-for-ever",
        "A backup that died counts as running as long as no prune finds anything to delete: a server's log never goes.",
        (Change("vault/pruning.py", "void_abandoned(vault, run, survey) if options.is_store_proven else []", "[]"),),
        (f"{PRUNING}::test_a_session_that_stood_still_for_a_week_ends_where_nothing_is_to_be_deleted_too",),
    ),
    Bug(
        "unreadable-snapshot-needs-nothing",
        "A snapshot that a prune cannot read counts as one that needs nothing.",
        (
            Change(
                "vault/needs.py",
                "    except (VaultDamaged, WrongKey) as error:\n",
                "    except (VaultDamaged, WrongKey) as error:\n        return\n",
            ),
        ),
        ("tests/unit/vault/test_pruning.py",),
    ),
)

KEEPING = (
    Bug(
        "retention-off-by-one",
        "Of seven days six are kept.",
        (Change("vault/retention.py", "        if len(found) == count:\n", "        if len(found) >= count - 1:\n"),),
        ("tests/unit/vault/test_retention.py",),
    ),
    Bug(
        "partial-snapshots-counted",
        "Partial snapshots push the whole ones out.",
        (
            Change(
                "vault/retention.py",
                "    complete = [candidate for candidate in members if candidate.is_complete]\n",
                "    complete = list(members)\n",
            ),
        ),
        ("tests/unit/vault/test_retention.py",),
    ),
    Bug(
        "last-whole-one-forgotten",
        "The policy lets the only snapshot of a component go.",
        (Change("vault/retention.py", "    if candidate.name in last_complete:\n", "    if False:\n"),),
        ("tests/unit/vault/test_retention.py",),
    ),
)

READING = (
    Bug(
        "restore-through-a-link",
        "A directory that somebody replaced by a symbolic link leads a restore out of its target.",
        (
            Change(
                "sources/files/landed_directories.py",
                "os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC",
                "os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC",
            ),
        ),
        ("tests/unit/sources/test_landing.py",),
    ),
    Bug(
        "wrong-chunk-restored",
        "Bytes are given out that are not what their id says.",
        (
            Change(
                "vault/decoded_segments.py",
                "        if keyed_id(id_key, table.content(position)) != chunk_id:\n",
                "        if False:\n",
            ),
        ),
        (f"{ORDER}::test_what_was_spoilt_and_stored_all_the_same_is_never_given_out",),
    ),
    Bug(
        "slots-told-apart",
        "The message for a wrong passphrase says whether there is a passphrase at all.",
        (
            Change(
                "vault/opening.py",
                "    raise _explain_fault(faults[0]) if faults else wrong_key()\n",
                "    if not is_tried:\n        raise VaultDamaged('There is no such slot.')\n"
                "    raise _explain_fault(faults[0]) if faults else wrong_key()\n",
            ),
        ),
        ("tests/unit/vault/test_slots.py", "tests/unit/vault/test_keyring.py", "tests/unit/cli/test_vault_and_keys.py"),
    ),
    Bug(
        "damage-restored-with-good-status",
        "A restore leaves out what is damaged and ends with 0.",
        (
            Change(
                "operations/restore.py",
                "        return any(f.severity is Severity.DAMAGE for f in self.findings)\n",
                "        return False\n",
            ),
            Change(
                "operations/restore.py",
                "        return any(f.severity is not Severity.NOTE for f in self.findings)\n",
                "        return False\n",
            ),
        ),
        ("tests/unit/cli/test_restore.py", "tests/scenarios/test_bit_rot.py"),
    ),
)

STREAM = "tests/unit/sources/test_streams.py"
CHANNEL = "tests/unit/sources/test_channels.py"
SQLITE = "tests/unit/sources/test_sqlite.py"

STREAMS = (
    Bug(
        "broken-stream-is-left-out",
        "A dump that fails is reported, and a snapshot without it is listed as whole.",
        (
            Change(
                "sources/streams/tree.py",
                "            yield listing\n            listing.judge()\n",
                "            yield listing\n",
            ),
        ),
        (f"{STREAM}::test_a_stream_that_fails_at_its_end_makes_no_snapshot",),
    ),
    Bug(
        "status-of-the-dump-ignored",
        "What a dump wrote before it failed is saved as if it were all.",
        (
            Change(
                "sources/streams/readers.py",
                "        if status:\n            raise describe",
                "        if status < 0:\n            raise describe",
            ),
        ),
        ("tests/contracts/test_stream_source.py",),
    ),
    Bug(
        "empty-stdin-when-begun-again",
        "A run that has to begin again finds standard input at its end, and saves nothing as everything.",
        (Change("cli/backup/streaming.py", "        if taken:\n", "        if False:\n"),),
        (f"{STREAM}::test_standard_input_is_never_taken_for_empty_when_a_run_begins_again",),
    ),
    Bug(
        "exec-status-trusted",
        "The client inside a cluster cuts the stream and ends with 0; the mark at the end is not asked for.",
        (Change("sources/channels/reading.py", "        if not self._end:\n            return\n", "        return\n"),),
        (f"{CHANNEL}::test_what_was_read_inside_is_restored_and_what_was_cut_makes_no_snapshot",),
    ),
    Bug(
        "line-ends-translated",
        "A terminal between makes other line ends, and the dump is saved with them.",
        (
            Change(
                "sources/channels/reading.py",
                "            if self._is_over and self._held.endswith(self._end):\n",
                "            if self._held.endswith(self._translated_end):\n"
                "                del self._held[-len(self._translated_end) :]\n                self._end = b''\n"
                "            if self._is_over and self._end and self._held.endswith(self._end):\n",
            ),
        ),
        (f"{CHANNEL}::test_translated_line_ends_are_told",),
    ),
    Bug(
        "orphans-after-an-interrupt",
        "Only the shell is ended, and the dump that it started goes on.",
        (
            Change(
                "subprocesses.py",
                "            os.killpg(self.pid, number)\n",
                "            os.kill(self.pid, number)\n",
            ),
        ),
        ("tests/unit/test_subprocesses.py::test_ending_a_command_ends_what_it_started_and_leaves_nothing",),
    ),
    Bug(
        "passphrase-in-the-environment-of-the-dump",
        "Every program that is run can read what opens the vault.",
        (Change("sources/streams/readers.py", "if name not in OWN_SECRETS}", "}"),),
        (
            "tests/scenarios/test_streams_real_program.py::test_the_command_has_no_secret_of_ours_no_input_and_no_terminal",
        ),
    ),
    Bug(
        "damaged-database-saved",
        "The copy of a damaged database becomes the newest good snapshot.",
        (Change("sources/sqlite/copying.py", '    if problems != ["ok"]:\n', "    if not problems:\n"),),
        (f"{SQLITE}::test_a_damaged_database_is_told_and_makes_no_snapshot",),
    ),
    Bug(
        "copies-left-behind",
        "The copy of a database, with all its rows, stays in the temporary directory after an error.",
        (
            Change(
                "sources/sqlite/private_files.py",
                "    finally:\n        shutil.rmtree(path, ignore_errors=True)\n",
                "    finally:\n",
            ),
        ),
        (f"{SQLITE}::test_a_database_that_stays_locked_is_told_after_the_timeout",),
    ),
    Bug(
        "database-copied-without-its-log",
        "The file of the database is copied, and what lies in its write-ahead log is lost.",
        (
            Change(
                "sources/sqlite/copying.py",
                "            _copy_once(path, copy, _Copying(path, clock, timeout_seconds, lets_writers_in=True))\n",
                "            open(copy, 'wb').write(open(path, 'rb').read())\n",
            ),
        ),
        (f"{SQLITE}::test_rows_that_lie_in_the_write_ahead_log_only_are_saved",),
    ),
)

BUGS: tuple[Bug, ...] = (
    *WRITING,
    *STORES,
    *SHARING,
    *KEEPING,
    *READING,
    *STREAMS,
    *ANSWERS,
    *SILENCE,
    *SETS,
    *FIELDS,
    *LEAVING,
    *CLOSING,
    *COPIES,
    *KINDS,
    *PHYSICAL,
    *PLACES,
    *POSTGRES,
    *DATABASES,
    *PROOFS,
    *PROVING,
    *RECORDS,
    *RECOVERY,
    *ROOM,
    *TABLES_IN_PLACE,
    *TIME,
    *TRUST,
    *DAMAGE,
    *RUNBOOK,
    *SETUP,
    *VOLUMES,
    *WAL,
)
