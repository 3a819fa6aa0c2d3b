"""The journal of a restore in place: every step before it begins and after it ended, on the disk before the next.

A run has a folder of its own below the state folder: ``plan.json`` (written first, never again), ``journal.jsonl``
(only added to), and what its parts remember. Whatever moment the power fails, this folder says what to do.
"""

import contextlib
import enum
import fcntl
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from rebond.clock import Clock
from rebond.durable_files import FILE_MODE, fsync_directory, make_directories_durably, write_durably
from rebond.errors import RestoreError, VaultLocked
from rebond.operations.recovery.plan import StepKind
from rebond.operations.recovery.reserve import give_up_reserve, reserve_kept, write_with_reserve
from rebond.operations.recovery.signs_of_life import give_signs, read_last_ms
from rebond.presence import is_there

RESTORES = "restores"  # the folder of all runs, below the state folder
PLAN, JOURNAL, PARTS = "plan.json", "journal.jsonl", "parts"
_LOCK, _SIGN = "lock", "alive"


class Event(enum.StrEnum):
    """What a line of the journal says."""

    STEP_BEGINS = "step-begins"
    STEP_ENDS = "step-ends"
    STEP_FAILS = "step-fails"
    STEP_CUT = "step-cut"
    KEPT = "kept"
    ROLLING_BACK = "rolling-back"
    WRITTEN_AT_LAST = "written-at-last"
    TAKEN_BACK = "taken-back"
    LEFT = "left"
    ROLLED_BACK = "rolled-back"
    ACCEPTING = "accepting"
    ACCEPTED = "accepted"


class RunState(enum.StrEnum):
    """Where a run stands."""

    UNFINISHED = "unfinished"
    KEPT = "kept"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    ACCEPTING = "accepting"
    ACCEPTED = "accepted"


_STATES = {
    Event.KEPT: RunState.KEPT,
    Event.ROLLING_BACK: RunState.ROLLING_BACK,
    Event.ROLLED_BACK: RunState.ROLLED_BACK,
    Event.ACCEPTING: RunState.ACCEPTING,
    Event.ACCEPTED: RunState.ACCEPTED,
}
OPEN_STATES = frozenset({RunState.UNFINISHED, RunState.ROLLING_BACK, RunState.ACCEPTING})


class Entry(Struct, frozen=True, kw_only=True):
    """One line."""

    event: Event
    time_ms: int
    step: int = 0
    kind: str = ""
    subject: str = ""
    seconds: float | None = None
    reason: str = ""


class Journal:
    """One run's folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Read what was written. Raises ``RestoreError`` when that cannot be read."""
        self.folder = folder
        self._clock = clock
        self._entries: list[Entry] = []
        self._read()

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.folder.name

    @classmethod
    def begin(cls, restores: Path, run: str, plan: Mapping[str, Any], clock: Clock) -> "Journal":
        """Make the folder of a new run, with its plan. Raises ``RestoreError`` when it cannot be written."""
        folder = restores / run
        try:
            make_directories_durably(os.fspath(folder))
            with reserve_kept(folder):  # before the plan: a run that has one has begun
                write_durably(os.fspath(folder / PLAN), json.dumps(plan, indent=1).encode() + b"\n")
        except OSError as error:
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise _unwritable(folder, error) from error
        return cls(folder, clock)

    def read_plan(self) -> Mapping[str, Any]:
        """Return the plan as it was written. Raises ``RestoreError`` when it is no plan."""
        return read_plan(self.folder)

    def folder_of(self, part: str) -> Path:
        """Return where a part keeps what it has to remember; made when it is asked for."""
        folder = self.folder / PARTS / part
        try:
            make_directories_durably(os.fspath(folder))
        except OSError as error:
            raise _unwritable(folder, error) from error
        return folder

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from carrying out the same run. Raises ``VaultLocked``."""
        with folder_held(self.folder):
            torn = self._read()  # what the other one wrote before it let go
            if torn:
                os.truncate(self.folder / JOURNAL, (self.folder / JOURNAL).stat().st_size - torn)
            yield

    def is_held(self) -> bool:
        """Say whether a process is at work on this run."""
        try:
            with self.held():
                return False
        except VaultLocked:
            return True

    def write(self, event: Event, **facts: Any) -> None:
        """Add a line; when this returns it survives a power cut. Raises ``RestoreError``."""
        self.write_all([(event, facts)])

    def write_all(self, events: Sequence[tuple[Event, Mapping[str, Any]]]) -> None:
        """Add lines, which a power cut keeps up to any of them; when this returns all of them. Raises ``RestoreError``.

        Between which nothing was done: a flush for each would cost and promise nothing more.
        """
        entries = [Entry(event=event, time_ms=self._clock.now_ms(), **facts) for event, facts in events]
        line = b"".join(_encode(each) for each in entries)
        path = self.folder / JOURNAL
        try:
            write_with_reserve(self.folder, lambda: _append(path, line))
        except OSError as error:
            raise RestoreError(
                "{path} cannot be written: {reason}. Without it a restore in place could not be undone.",
                hint="Check the rights and the room there, then run the same command again.",
                path=str(path),
                reason=error.strerror or str(error),
            ) from error
        self._entries += entries
        if self.state in (RunState.ROLLED_BACK, RunState.ACCEPTED):
            give_up_reserve(self.folder)

    def entries(self) -> tuple[Entry, ...]:
        """Return what was written."""
        return tuple(self._entries)

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        for entry in reversed(self._entries):
            if entry.event in _STATES:
                return _STATES[entry.event]
        return RunState.UNFINISHED

    def has_begun(self, *kinds: StepKind) -> bool:
        """Say whether a step of one of these kinds was ever begun."""
        return any(each.event is Event.STEP_BEGINS and each.kind in kinds for each in self._entries)

    def has_ended(self, step: int) -> bool:
        """Say whether a step was done to its end."""
        return any(each.event is Event.STEP_ENDS and each.step == step for each in self._entries)

    def begun_parts(self) -> list[str]:
        """Return the parts that were touched, in the order in which they were."""
        kinds = (StepKind.SET_ASIDE, StepKind.PUT)
        found = (each.subject for each in self._entries if each.event is Event.STEP_BEGINS and each.kind in kinds)
        return list(dict.fromkeys(found))

    def seconds_of(self) -> dict[int, float]:
        """Return how long each step took that was done, all its tries together."""
        ended = [each.step for each in self._entries if each.event is Event.STEP_ENDS]
        return {
            step: round(sum(each.seconds or 0.0 for each in self._entries if each.step == step), 3) for step in ended
        }

    def giving_signs(self) -> contextlib.AbstractContextManager[None]:
        """Say every second, in the block, that the run goes on: what is killed cannot write when that was."""
        return give_signs(self.folder / _SIGN, self._clock)

    def tell_cut(self) -> None:
        """Write down how long the last step was at work, if it was cut. To be called before it is begun again."""
        last = self._entries[-1] if self._entries else None
        if last is None or last.event is not Event.STEP_BEGINS:
            return
        seconds = max(0, (read_last_ms(self.folder / _SIGN) or 0) - last.time_ms) / 1000
        self.write(Event.STEP_CUT, step=last.step, kind=last.kind, subject=last.subject, seconds=seconds)

    def tries_of(self, step: int) -> int:
        """Return how often a step was begun."""
        return sum(each.event is Event.STEP_BEGINS and each.step == step for each in self._entries)

    def written_since(self) -> list[str]:
        """Return the parts that somebody had written to when the run began to be rolled back."""
        found = next((each.subject for each in self._entries if each.event is Event.ROLLING_BACK), "")
        return found.split(",") if found else []

    def undone_because(self) -> str | None:
        """Return why a step failed, where that is why everything was to be taken back; ``None`` elsewhere."""
        for before, entry in itertools.pairwise(self._entries):
            if entry.event is Event.ROLLING_BACK:
                return before.reason if before.event is Event.STEP_FAILS else None
        return None

    @property
    def put_ns(self) -> int:
        """When the last part was in its place, in nanoseconds since 1970, rounded up; 0 before."""
        moments = [
            each.time_ms for each in self._entries if each.event is Event.STEP_ENDS and each.kind == StepKind.PUT
        ]
        return (max(moments, default=-1) + 1) * 1_000_000

    @property
    def ended_ms(self) -> int:
        """When the last thing was written."""
        return self._entries[-1].time_ms if self._entries else 0

    def _read(self) -> int:
        """Read every whole line; a last one that was cut never happened. Return how many bytes it has.

        Only who holds the run may take it away: to anyone else it may be a line that is just being written.
        """
        self._entries = []
        path = self.folder / JOURNAL
        try:
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            self._entries = [_decode(line) for line in whole.splitlines()]
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise spoilt(self.run, path, error) from error
        return len(content) - len(whole)


def read_plan(folder: Path) -> Mapping[str, Any]:
    """Return the plan that lies in the folder of a run. Raises ``RestoreError`` when it is no plan."""
    path = folder / PLAN
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise spoilt(folder.name, path, error) from error
    if not isinstance(document, dict):
        raise spoilt(folder.name, path, type(document).__name__)
    return document


@contextlib.contextmanager
def folder_held(folder: Path) -> Iterator[None]:
    """Keep other processes from working on the run of a folder. Raises ``VaultLocked``."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise VaultLocked(
                "Another process is at work on the restore {run}.", hint="Wait until it has ended.", run=folder.name
            ) from None
        yield
    finally:
        os.close(descriptor)


def _append(path: Path, lines: bytes) -> None:
    """Write lines durably, or nothing of them: half a line would spoil the next one."""
    is_new = not is_there(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
    try:
        size = os.fstat(descriptor).st_size
        try:
            while lines:
                lines = lines[os.write(descriptor, lines) :]
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):  # then who holds the run next takes it away
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        fsync_directory(os.fspath(path.parent))


def _encode(entry: Entry) -> bytes:
    document = {name: getattr(entry, name) for name in Entry.__struct_fields__ if getattr(entry, name)}
    return json.dumps(document).encode() + b"\n"


def _decode(line: bytes) -> Entry:
    """Raises ``ValueError``, ``RecursionError`` and ``MsgspecError`` for what is no line of a journal."""
    document = json.loads(line)  # which reads names that are no UTF-8 too
    entry = msgspec.convert(document, Entry)
    if unknown := document.keys() - set(Entry.__struct_fields__):
        raise ValueError(", ".join(sorted(unknown)))
    return entry


def spoilt(run: str, path: Path, reason: object) -> RestoreError:
    """Say that what a run wrote down cannot be read, so that nobody knows what it left half done."""
    return RestoreError(
        "What the restore {run} wrote down cannot be read, so nobody knows what it left half done: {path}, {reason}.",
        hint="Look at what it restored: old versions lie beside it in folders named .rebond-restore-{run}. When all is "
        "as it is to be, and to see more of it: rebond restore --leave {run}",
        run=run,
        path=str(path),
        reason=(reason.strerror or str(reason)) if isinstance(reason, OSError) else str(reason),
    )


@contextlib.contextmanager
def note_read(run: str, path: Path) -> Iterator[None]:
    """Raise ``RestoreError`` where the block cannot read what a part of a run noted in a file."""
    try:
        yield
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise spoilt(run, path, error) from error


def is_noted(run: str, path: Path) -> bool:
    """Say whether a part of a run left this mark. Raises ``RestoreError`` where nobody can tell."""
    with note_read(run, path):
        return is_there(path)


def _unwritable(path: Path, error: OSError) -> RestoreError:
    return RestoreError(
        "{path} cannot be written: {reason}. Without it a restore in place could not be undone.",
        hint="Check the rights and the room there, or set REBOND_STATE_DIR.",
        path=str(path),
        reason=error.strerror or str(error),
    )
