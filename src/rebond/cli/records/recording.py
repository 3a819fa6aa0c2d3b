"""The one place where a run of a command is written down: in the ledger, in the log, and in the vault.

``watching``, ``vault_at_hand``, ``answer`` and the reading of the configuration tell it what they see; no command
knows of it. Nothing in here may make a run fail that succeeded.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD
from rebond.cli.output.observing import JsonLines, describe_finding
from rebond.cli.records.calls import describe_call, describe_error, status_of
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.errors import RebondError, StoreError
from rebond.file_locks import LockHeld
from rebond.findings import Finding, Severity
from rebond.history.recording import HISTORY, RunRecorder
from rebond.logs.events import Weight
from rebond.logs.log import Log
from rebond.logs.masking import remember_variables
from rebond.progress import Advance
from rebond.units import format_size, format_span

if TYPE_CHECKING:
    from rebond.config.model import Loaded
    from rebond.vault.access import Vault

FIGURES = (
    "files",
    "directories",
    "bytes",
    "added_bytes",
    "stored_bytes",
    "read_files",
    "read_bytes",
    "checked_objects",
    "checked_bytes",
    "read_packs",
    "copied_bytes",
    "freed_bytes",
)
UNCHANGED_LINES = 200  # of the ledger that may wait where nothing was made: a hundred runs
NOT_KEPT = "ledger-not-kept"  # the code of a finding
QUIET_ABOUT = frozenset({"restore", "recover"})  # a rescue ends as it ended, whatever becomes of its record


class Recording:
    """One run of a command, from its beginning to its end."""

    def __init__(self, invocation: Invocation, kind: str, facts: Mapping[str, object]) -> None:
        self.kind = kind
        self._invocation = invocation
        self._facts = facts
        self._recorder = RunRecorder(invocation.state_folder / HISTORY, kind)
        self._log = Log(run=self._recorder.run)
        self._vault: Vault | None = None
        self._loaded: Loaded | None = None
        self._faults: list[Finding] = []
        self._was_unchanged = False
        self._was_idle = False  # it was asked to run when that is due, and it was not
        self.closing = contextlib.ExitStack()

    @property
    def run(self) -> str:
        """The id of the run."""
        return self._recorder.run

    # -- what others tell ------------------------------------------------------------------------

    def meet_kind(self, kind: str) -> None:
        """Take another kind for the run, before it begins: nobody is to take it for the usual one."""
        self.kind = self._recorder.kind = kind

    def listen(self, watcher: Watcher) -> Watcher:
        """Return a watcher that tells ours too. The run begins here: what comes before finds out what is meant."""
        self._begin()
        return Listening(watcher, self._recorder, self._log)

    def meet_configuration(self, loaded: "Loaded") -> None:
        """Take from the configuration where events go, and whose run it is."""
        self._loaded = loaded
        self._recorder.learn(stack=loaded.configuration.stack.name)
        remember_variables(loaded.variables)  # a command or hook may say what it was given
        if loaded.configuration.log is not None and not self._log.is_open:
            from rebond.cli.records.log_settings import describe_log

            self._log.open(describe_log(loaded))

    def meet_vault(self, vault: "Vault", location: str) -> None:
        """Take the vault that the run works on; the first one, where there are several, is given the ledger."""
        if self._vault is None or self._vault.vault_id == vault.vault_id:
            self._vault = vault
            self._recorder.learn(vault=vault.vault_id.hex(), location=location)

    def meet_snapshot(self, snapshot: str) -> None:
        """Take a snapshot that the run made, and that its answer may not name."""
        self._recorder.learn_snapshots([snapshot])

    def meet_facts(self, **facts: object) -> None:
        """Take facts of the run for its end."""
        self._recorder.learn(**facts)

    def hear_answer(self, document: object) -> None:
        """Take figures and snapshots from what the command answers."""
        if not isinstance(document, Mapping):
            return
        self._was_idle = document.get("began") is False
        self._recorder.learn_figures({name: document[name] for name in FIGURES if _is_number(document.get(name))})
        self._recorder.learn(**{name: document[name] for name in ("stack", "class") if document.get(name)})
        self._recorder.learn(vault=document.get("vault_id"))
        if document.get("is_unchanged"):
            self._was_unchanged = True
            self._recorder.learn(unchanged=True)
            return  # the snapshot that it names was made by an earlier run
        for name in ("id", "snapshot", "forgotten"):
            found = document.get(name)
            self._recorder.learn_snapshots([found] if isinstance(found, str) else found or [])

    # -- begin and end ---------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._recorder.has_begun:
            return
        self._log.write(f"{self.kind} begins")
        with self._keeping_on():
            self._recorder.begin(self._facts)

    def end(self, status: int, error: BaseException | None = None) -> int:
        """Write the run down, seal what is new into the vault, and return the exit status that it ends with."""
        if not self._was_idle:
            self._begin()
        if error is not None:
            self._log.write_error(error)
        try:
            if self._recorder.has_begun:
                self._write_end(status, error)
                self._seal(error)
                self._write_page(error)
        finally:
            self._close()
        for finding in self._faults:
            self._tell(finding)
        is_doubtful = any(finding.severity is not Severity.NOTE for finding in self._faults)
        return DOUBTFUL if status == GOOD and is_doubtful and self.kind not in QUIET_ABOUT else status

    def _write_end(self, status: int, error: BaseException | None) -> None:
        with self._keeping_on():
            self._recorder.end(status, describe_error(error))
        self._log.write(
            f"{self.kind} ends with {status}{self._recorder.summary(format_span, format_size)}",
            Weight.INFO if status == GOOD else Weight.WARNING if status == DOUBTFUL else Weight.ERROR,
            status=str(status),
        )

    def _seal(self, error: BaseException | None) -> None:
        """Not after an interrupt, which is not to be kept waiting, nor when the store has just failed."""
        if self._vault is None or isinstance(error, KeyboardInterrupt | StoreError):
            return
        try:
            from rebond.history.sealing import may_seal, seal_ledger

            if may_seal(self._vault):
                # Runs that find nothing changed come by the hundred: they are put together.
                at_least = UNCHANGED_LINES if self._was_unchanged else 1
                self._faults += seal_ledger(self._vault, self._recorder.ledger, at_least=at_least)
        except Exception as reason:  # noqa: BLE001 - also a fault of ours must not fail what is done
            if not self._is_not_kept:  # else nothing is there to be put into the vault later
                self._faults.append(_not_sealed(reason))

    def _write_page(self, error: BaseException | None) -> None:
        """Write the page of objectives and facts anew, where the configuration has one."""
        if self._loaded is None or self._vault is None or isinstance(error, KeyboardInterrupt | StoreError):
            return
        serve = self._loaded.configuration.serve
        if serve is not None and serve.page is not None:
            from rebond.cli.status.page_after_runs import write_page_after_run

            self._faults += write_page_after_run(self._invocation, self._vault, self._loaded, self._recorder)

    def _close(self) -> None:
        try:
            self.closing.close()
        except (RebondError, OSError) as error:
            self._log.write(f"the store could not be closed: {error}", Weight.WARNING)
        self._log.close()
        for finding in self._log.faults:
            self._tell(finding)

    @contextlib.contextmanager
    def _keeping_on(self) -> Iterator[None]:
        """Turn what would fail into a finding."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - also a fault of ours must not fail what is done
            if not self._is_not_kept:  # told once
                self._faults.append(_not_kept(self._recorder.ledger.folder, error))

    @property
    def _is_not_kept(self) -> bool:
        return any(each.code == NOT_KEPT for each in self._faults)

    def _tell(self, finding: Finding) -> None:
        if finding.severity is Severity.NOTE and self._invocation.is_quiet:
            return
        if self._invocation.progress == "json":
            JsonLines(sys.stderr, SystemClock()).noticed(finding)
        else:
            sys.stderr.write(describe_finding(finding) + "\n")


class Listening:
    """Passes on to the watcher for the reader what the ledger and the log hear too."""

    def __init__(self, shown: Watcher, recorder: RunRecorder, log: Log) -> None:
        self._shown = shown
        self._recorder = recorder
        self._log = log
        self._phase = ""

    def advanced(self, advance: Advance) -> None:
        """Pass it on."""
        self._recorder.advanced(advance)
        if advance.phase != self._phase:
            self._phase = advance.phase
            self._log.write(f"phase {advance.phase}", Weight.DEBUG)
        self._shown.advanced(advance)

    def noticed(self, finding: Finding) -> None:
        """Pass it on."""
        self._recorder.noticed(finding)
        self._log.write_finding(finding)
        self._shown.noticed(finding)

    def close(self) -> None:
        """Leave the terminal as it should be."""
        self._shown.close()


def record(context: click.Context, kind: str, run: Callable[[], Any]) -> Any:
    """Run a command and write it down; return its exit status."""
    invocation = context.ensure_object(Invocation)
    recording = Recording(invocation, kind, describe_call(context, invocation))
    invocation.recording = recording
    try:
        status = run()
    except BaseException as error:
        recording.end(status_of(error), error)
        raise
    return recording.end(status if isinstance(status, int) else GOOD)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _not_kept(folder: Path, error: Exception) -> Finding:
    if isinstance(error, LockHeld) and error.pid:
        return Finding(
            code=NOT_KEPT,
            severity=Severity.WARNING,
            subject=str(folder),
            template="This run could not be written down in {path}: process {pid} holds its lock. What it did is done.",
            hint_template="See what it does: ps -p {pid}. If it was stopped, it goes on by: kill -CONT {pid}",
            values={"path": str(folder), "pid": error.pid},
        )
    return Finding(
        code=NOT_KEPT,
        severity=Severity.WARNING,
        subject=str(folder),
        template="This run could not be written down in {path}: {reason}. What it did is done.",
        hint_template="Check the rights of that folder and the room that is left, or set REBOND_STATE_DIR.",
        values={"path": str(folder), "reason": _reason_of(error)},
    )


def _not_sealed(error: Exception) -> Finding:
    return Finding(
        code="ledger-not-sealed",
        severity=Severity.NOTE,
        subject="",
        template="The record of this run is not in the vault yet: {reason}",
        hint_template="It is kept here, and the next run that can write to the vault puts it there.",
        values={"reason": _reason_of(error)},
    )


def _reason_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
