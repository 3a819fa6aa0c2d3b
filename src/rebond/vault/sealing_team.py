"""The sealing processes of one session. Each has two desks: while it seals what lies on one, the other is filled.

A process that had to wait until a thread here had fetched one segment and laid down the next would stand idle, since
the thread that reads holds the interpreter lock nearly all the time.
"""

import sys
import threading
from collections.abc import Sequence

from rebond.own_processes import ProcessLost
from rebond.vault.frames import Texture
from rebond.vault.sealing import SealingContext, StoredSegment
from rebond.vault.sealing_process import DESKS, SealingProcess
from rebond.vault.segments import SegmentKind

_SWITCH_SECONDS = 0.0005  # the interpreter's own 5 ms is a fifth of what a segment takes, for each step of its way


class _QuickSwitching:
    """The interpreter's switch interval, shorter while at least one team of this process is at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._teams = 0
        self._seconds_before = 0.0

    def begin(self) -> None:
        with self._lock:
            if not self._teams:
                self._seconds_before = sys.getswitchinterval()
                sys.setswitchinterval(min(_SWITCH_SECONDS, self._seconds_before))
            self._teams += 1

    def end(self) -> None:
        with self._lock:
            self._teams -= 1
            if not self._teams:
                sys.setswitchinterval(self._seconds_before)


_QUICK_SWITCHING = _QuickSwitching()


class _Member:
    """One process, started when it is first given something to do."""

    __slots__ = ("free_desks", "is_lost", "process", "starting")

    def __init__(self) -> None:
        self.free_desks = list(range(DESKS))
        self.is_lost = False
        self.starting = threading.Lock()
        self.process: SealingProcess | None = None

    def start(self, context: SealingContext) -> SealingProcess:
        with self.starting:
            if self.is_lost:
                raise ProcessLost("it could not be started")
            if self.process is None:
                try:
                    self.process = SealingProcess(context)
                except ProcessLost:
                    self.is_lost = True
                    raise
            return self.process


class SealingTeam:
    """Seals segments for as many threads at once as there are desks."""

    def __init__(self, context: SealingContext, processes: int) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._members = [_Member() for _ in range(processes)]
        self._is_at_work = False

    def seal(
        self,
        kind: SegmentKind,
        number: int,
        ids: Sequence[bytes],
        chunks: list[bytes],
        texture: Texture = Texture.FILES,
    ) -> StoredSegment | None:
        """Seal a segment in the process that has least to do; ``None`` when there is none, or when it was lost.

        ``chunks`` are then as they were; otherwise they are empty afterwards.

        Raises ``VaultDamaged`` as ``Sealer.seal`` does.
        """
        place = self._take_desk()
        if place is None:
            return None
        member, desk = place
        try:
            return member.start(self._context).seal(kind, number, ids, chunks, desk, texture)
        except ProcessLost:
            member.is_lost = True
            return None
        finally:
            with self._lock:
                member.free_desks.append(desk)

    def _take_desk(self) -> tuple[_Member, int] | None:
        with self._lock:
            free = [member for member in self._members if member.free_desks and not member.is_lost]
            if not free:
                return None
            if not self._is_at_work:
                self._is_at_work = True
                _QUICK_SWITCHING.begin()
            member = max(free, key=lambda each: len(each.free_desks))
            return member, member.free_desks.pop()

    def close(self) -> None:
        """End the processes and wait until they have ended; for when nobody seals any more. Twice does no harm."""
        running = [member.process for member in self._members if member.process is not None]
        for process in running:
            process.let_end()
        for process in running:
            process.close()
        for member in self._members:
            member.is_lost, member.process = True, None
        if self._is_at_work:
            self._is_at_work = False
            _QUICK_SWITCHING.end()

    @property
    def pids(self) -> list[int]:
        """The processes that run."""
        return [member.process.pid for member in self._members if member.process is not None]
