"""What this machine archived, in its own words: how far each timeline came, what is missing in it, what failed last.

The vault is the truth; this is what can be told without opening it, and what notices a gap the moment it comes.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from rebond.clock import Clock
from rebond.durable_files import DIRECTORY_MODE, TEMPORARY_PREFIX
from rebond.errors import RebondError, WalGap
from rebond.operations.wal.coverage import Coverage, join_ranges, name_range
from rebond.sources.postgres.wal_names import is_segment, parse_segment_name

_WRITE_EVERY_SECONDS = 1.0
_RATE_SECONDS = 60.0


class TimelineNote(msgspec.Struct, kw_only=True):
    """How far a timeline came. ``ranges`` are numbers of segments, first and last."""

    ranges: list[tuple[int, int]] = msgspec.field(default_factory=list)
    gaps_told: list[tuple[int, int]] = msgspec.field(default_factory=list)


class WalNotes(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is written down. Times are milliseconds since 1970; ``fault`` is empty once something was archived again.

    ``slot`` is the one over which the log was last received; empty for none. ``is_refused`` says of a fault that the
    server is not received at all, ``lies_in`` where that is kept which came and is not in the vault.
    """

    system_id: int = 0
    segment_bytes: int = 0
    timelines: dict[str, TimelineNote] = msgspec.field(default_factory=dict)
    pushed: int = 0
    last_name: str = ""
    last_ms: int = 0
    failed: int = 0
    fault: str = ""
    fault_name: str = ""
    fault_ms: int = 0
    is_refused: bool = False
    lies_in: str = ""
    slot: str = ""
    recent_ms: list[int] = msgspec.field(default_factory=list)

    def segments_per_second(self, now_ms: int) -> float:
        """Return how many segments came in each second of the last minute."""
        recent = [each for each in self.recent_ms if now_ms - each <= _RATE_SECONDS * 1000]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(0.001, (recent[-1] - recent[0]) / 1000)


class WalLedger:
    """The notes of one component. ``survey`` tells what the vault has of a cluster when it is first met."""

    def __init__(self, path: Path, clock: Clock, survey: Callable[[int], Coverage]) -> None:
        self._path = path
        self._clock = clock
        self._survey = survey
        self._lock = threading.Lock()
        self._notes = read_notes(path)
        self._surveyed = 0
        self._written = -_WRITE_EVERY_SECONDS
        self._is_behind = False

    def note_pushed(self, name: str, system_id: int) -> list[str]:
        """Write down that a file stands in the vault; return the gaps that nobody was told of yet, by their names."""
        with self._lock:
            notes = self._notes
            if notes.system_id != system_id:
                notes = self._notes = WalNotes(system_id=system_id, slot=notes.slot)
            if self._surveyed != system_id:
                self._take_survey(system_id)
            now_ms = self._clock.now_ms()
            notes.last_name, notes.last_ms, notes.fault = name, now_ms, ""
            gaps: list[str] = []
            if is_segment(name):
                notes.pushed += 1
                notes.recent_ms = [*notes.recent_ms[-499:], now_ms]
                gaps = self._add(name)
            self._write(is_urgent=bool(gaps))
            return gaps

    def note_failure(self, name: str, reason: str, *, is_refused: bool = False, lies_in: str = "") -> None:
        """Write down that a file could not be archived, or that the log is not received.

        ``lies_in`` is the directory that has it, where the server does not bring it once more.
        """
        with self._lock:
            notes = self._notes
            notes.failed += 1
            notes.fault, notes.fault_name, notes.fault_ms = reason, name, self._clock.now_ms()
            notes.is_refused, notes.lies_in = is_refused, lies_in
            self._write(is_urgent=True)

    def note_success(self) -> None:
        """Write down that all went into the vault that came, where something had not."""
        with self._lock:
            if self._notes.fault:
                self._notes.fault = ""
                self._write(is_urgent=True)

    def note_slot(self, name: str) -> None:
        """Write down over which slot the log comes."""
        with self._lock:
            if self._notes.slot != name:
                self._notes.slot = name
                self._write(is_urgent=True)

    def require_unknown(self, name: str, system_id: int) -> None:
        """Raise ``WalGap`` for a segment that this machine archived once, though the vault does not have it."""
        with self._lock:
            notes = self._notes
        if notes.system_id != system_id or not notes.segment_bytes or not is_segment(name):
            return
        _, number = parse_segment_name(name, notes.segment_bytes)
        note = notes.timelines.get(name[:8])
        if note is not None and any(first <= number <= last for first, last in note.ranges):
            raise WalGap(
                "{name} is missing in the vault, though this machine put it there.",
                hint="Somebody deleted it, or this is another vault. Look at 'rebond wal status' and at the vault's "
                "replicas.",
                name=name,
            )

    def save(self) -> None:
        """Write down what was not written yet; to be called now and then, and in the end."""
        with self._lock:
            if self._is_behind:
                self._write(is_urgent=True)

    def _take_survey(self, system_id: int) -> None:
        with contextlib.suppress(RebondError):  # the file stands in the vault; what is missing is looked for later
            coverage = self._survey(system_id)
            self._notes.segment_bytes = coverage.segment_bytes or self._notes.segment_bytes
            for timeline, found in coverage.timelines.items():
                note = self._notes.timelines.setdefault(f"{timeline:08X}", TimelineNote())
                note.ranges = list(found.ranges)
            self._surveyed = system_id

    def _add(self, name: str) -> list[str]:
        notes = self._notes
        if not notes.segment_bytes:
            return []
        timeline, number = parse_segment_name(name, notes.segment_bytes)
        note = notes.timelines.setdefault(name[:8], TimelineNote())
        if note.ranges and note.ranges[-1][1] + 1 == number:
            note.ranges[-1] = (note.ranges[-1][0], number)
        elif not any(first <= number <= last for first, last in note.ranges):
            numbers = [*note.ranges, (number, number)]
            note.ranges = join_ranges(each for first, last in numbers for each in range(first, last + 1))
        holes = [
            (before[1] + 1, after[0] - 1)
            for before, after in zip(note.ranges, note.ranges[1:], strict=False)
            if after[0] <= number
        ]
        new = [each for each in holes if each not in note.gaps_told]
        note.gaps_told = holes
        return [name_range(timeline, each, notes.segment_bytes) for each in new]

    def _write(self, *, is_urgent: bool) -> None:
        now = self._clock.monotonic()
        self._is_behind = True
        if not is_urgent and now - self._written < _WRITE_EVERY_SECONDS:
            return
        self._written, self._is_behind = now, False
        with contextlib.suppress(OSError):  # a full disk here must not stop the archive; the vault knows better
            self._path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            temporary = self._path.with_name(f"{TEMPORARY_PREFIX}{self._path.name}")
            temporary.write_bytes(msgspec.json.encode(self._notes))
            os.replace(temporary, self._path)


def read_notes(path: Path) -> WalNotes:
    """Return what was written down; empty notes where nothing was, or nothing that can be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=WalNotes)
    return WalNotes()
