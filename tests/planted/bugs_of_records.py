"""Bugs of what is written down: runs that leave no trace, ledgers that can be changed unseen, secrets in logs."""

from tests.planted.bug import Bug, Change

LEDGER = "tests/unit/history/test_ledger.py"
RECORDING = "tests/unit/history/test_recording.py"
CHECKING = "tests/unit/history/test_checking.py"
SEALING = "tests/unit/history/test_sealing.py"
SEGMENTS = "tests/unit/vault/test_sealing_pipeline.py"
STREAMS = "tests/unit/vault/test_streams.py"
LOGS = "tests/unit/logs/test_log.py"
COMMAND = "tests/unit/cli/test_history.py"

RECORDS = (
    Bug(
        "torn-line-cut-off-in-silence",
        "What a power cut left of the last line is thrown away, and nothing says that there was a run.",
        (Change("history/ledger.py", "        write_durably(os.fspath(aside), torn)\n", ""),),
        (f"{LEDGER}::test_what_a_cut_left_is_set_aside_and_said_so",),
    ),
    Bug(
        "line-glued-to-a-torn-one",
        "A new line is written behind half a line: both are unreadable from then on.",
        (
            Change(
                "history/ledger.py", "            if torn or (newline and last is None):\n", "            if False:\n"
            ),
        ),
        (f"{LEDGER}::test_what_a_cut_left_is_set_aside_and_said_so",),
    ),
    Bug(
        "ledger-not-flushed",
        "A run is written down, and the next power cut takes the line with it.",
        (
            Change(
                "history/ledger.py",
                "                rest = rest[os.write(descriptor, rest) :]\n            os.fsync(descriptor)\n",
                "                rest = rest[os.write(descriptor, rest) :]\n",
            ),
        ),
        (f"{LEDGER}::test_a_line_is_flushed_and_a_new_file_in_its_folder_too",),
    ),
    Bug(
        "ledger-without-a-lock",
        "Two runs that end at once give their lines one number, and one of them counts as forged.",
        (
            Change(
                "file_locks.py",
                "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
                "            pass\n",
            ),
        ),
        (f"{LEDGER}::test_processes_that_write_at_once_make_one_chain",),
    ),
    Bug(
        "killed-run-shown-as-running",
        "A run that was killed is believed to be under way for ever.",
        (Change("history/running.py", "        return not _try_lock(descriptor)\n", "        return True\n"),),
        (RECORDING,),
    ),
    Bug(
        "chain-not-compared",
        "Each line names the one before, and nobody looks: an altered line passes.",
        (
            Change(
                "history/checking.py",
                "        elif line.previous != (NO_PREVIOUS if before is None else before.hash):\n",
                "        elif False:\n",
            ),
        ),
        (f"{CHECKING}::test_a_change_is_found_and_named",),
    ),
    Bug(
        "end-of-the-ledger-cut-unseen",
        "Taking the last runs out of the ledger leaves a chain that looks whole.",
        (
            Change(
                "history/checking.py",
                "    for sealed in list_sealed(ledger.folder / SEALED, chain):\n",
                "    for sealed in list_sealed(ledger.folder / SEALED, chain + 'x'):\n",
            ),
        ),
        (f"{CHECKING}::test_what_the_chain_alone_does_not_show_is_found_by_what_was_sealed",),
    ),
    Bug(
        "unreachable-vault-loses-a-record",
        "What could not be sealed counts as sealed, and is never in the vault.",
        (
            Change(
                "history/sealing.py",
                "        put_item(\n            vault,\n            STREAM_PREFIX + chain,\n",
                "        with contextlib.suppress(Exception):\n          put_item(\n            vault,\n"
                "            STREAM_PREFIX + chain,\n",
            ),
        ),
        (f"{SEALING}::test_a_store_that_fails_leaves_the_ledger_and_the_next_run_goes_on",),
    ),
    Bug(
        "runs-leave-no-record",
        "The program hands no recorder to its commands: nothing that runs is written down.",
        (Change("cli/program.py", "    record=_record,\n", ""),),
        (f"{COMMAND}::test_every_kind_of_run_is_written_down",),
    ),
    Bug(
        "ledger-fails-the-backup",
        "A state folder that is full makes a backup fail that stands in the vault.",
        (
            Change(
                "cli/records/recording.py",
                "        except Exception as error:  # noqa: BLE001 - also a fault of ours must not fail what is done\n"
                "            if not self._is_not_kept:  # told once",
                "        except ZeroDivisionError as error:\n            if not self._is_not_kept:  # told once",
            ),
        ),
        (f"{COMMAND}::test_a_ledger_that_cannot_be_kept_never_fails_a_run",),
    ),
    Bug(
        "stream-item-replaced",
        "An item of a stream that has another content counts as put: a log segment of another timeline is lost.",
        (Change("vault/streams.py", "    if present.content_id != record.content_id:\n", "    if False:\n"),),
        (f"{STREAMS}::test_the_same_again_is_success_and_something_else_is_refused",),
    ),
    Bug(
        "stream-item-of-anybody",
        "Whoever can write to the store adds lines to the ledger: signatures of stream items are not checked.",
        (
            Change(
                "vault/streams.py",
                "    raw = parse_stream_item(content, name, vault.vault_id)\n"
                "    _verify(vault, raw, store_time_ms)\n    return open_record",
                "    raw = parse_stream_item(content, name, vault.vault_id)\n    return open_record",
            ),
        ),
        (STREAMS,),
    ),
    Bug(
        "secret-in-the-log",
        "The password that a hook printed stands in the log file and in the journal.",
        (Change("logs/events.py", "    text = mask(event.message)\n", "    text = event.message\n"),),
        (f"{LOGS}::test_secrets_are_masked_in_every_place_in_findings_errors_and_output_of_hooks",),
    ),
    Bug(
        "log-follows-a-file-that-was-moved-away",
        "After logrotate has moved the log away, lines go into the old file for as long as the process lives.",
        (
            Change(
                "logs/files.py",
                "        if not self._has_its_name():\n            self._reopen()\n",
                "",
            ),
        ),
        (f"{LOGS}::test_a_file_that_others_took_away_is_opened_anew",),
    ),
    Bug(
        "log-waits-for-whoever-holds-its-lock",
        "A process that was stopped while it turned the log over, or anyone who may read it, stops every run for good.",
        (Change("logs/files.py", "fcntl.LOCK_EX | fcntl.LOCK_NB)\n", "fcntl.LOCK_EX)\n"),),
        (f"{LOGS}::test_whoever_keeps_the_lock_of_the_file_stops_no_run",),
    ),
)
