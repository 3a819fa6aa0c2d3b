"""Processes that are to run as long as the service does: what ends is started again, later each time."""

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rebond.clock import Clock
from rebond.errors import RebondError
from rebond.subprocesses import RunningCommand

LOG = logging.getLogger("rebond.service")
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_KEPT_BYTES = 2000
_SCRIPT = 'exec "$@" 2>&1'
PARENT = "REBOND_ATTENDANT_OF"
_GOOD_AFTER_SECONDS = 60.0  # one that ran so long has not failed at its start


@dataclass(slots=True)
class _Kept:
    command: Sequence[str]
    knows: object
    running: RunningCommand | None = None
    since: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    ended: list[int] = field(default_factory=list)
    words: bytes = b""


class Attendants:
    """Keeps processes running, by a name each."""

    def __init__(
        self,
        environment: Mapping[str, str],
        clock: Clock,
        notice_end: Callable[[], None],
        hear: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """``hear`` is given what they write, as it comes."""
        self._environment = pass_on(environment)
        self._hear = hear
        self._clock = clock
        self._notice_end = notice_end
        self._kept: dict[str, _Kept] = {}

    def want(self, commands: Mapping[str, Sequence[str]], knows: object = None) -> None:
        """Say which are to run from now on; others are ended.

        So are those whose command is another one now, or that read something else than ``knows`` when they began.
        """
        for name in [
            each for each, kept in self._kept.items() if commands.get(each) != kept.command or kept.knows != knows
        ]:
            self._end(self._kept.pop(name))
        for name, command in commands.items():
            self._kept.setdefault(name, _Kept(command, knows))

    def look(self) -> None:
        """Start what does not run and may be tried."""
        for name, kept in self._kept.items():
            if kept.ended and kept.running is not None:
                self._conclude(name, kept)
            if kept.running is None and self._clock.monotonic() >= kept.not_before:
                self._start(name, kept)

    @property
    def running(self) -> list[str]:
        """The names of those that run."""
        return [name for name, kept in self._kept.items() if kept.running is not None and not kept.ended]

    def end(self) -> None:
        """End all of them, and wait for that: some seconds at most."""
        for kept in self._kept.values():
            self._end(kept)

    def _start(self, name: str, kept: _Kept) -> None:
        kept.ended, kept.words = [], b""
        try:
            running = RunningCommand(("/bin/sh", "-c", _SCRIPT, "sh", *kept.command), environment=self._environment)
        except (RebondError, OSError) as error:
            LOG.error("%s could not be started: %s", name, error)  # noqa: TRY400 - no fault of ours
            self._pause(kept)
            return
        kept.running, kept.since = running, self._clock.monotonic()
        threading.Thread(target=self._wait, args=(kept, running), name=name, daemon=True).start()
        LOG.info("%s begins, process %d", name, running.pid)

    def _wait(self, kept: _Kept, running: RunningCommand) -> None:
        block = memoryview(bytearray(4096))
        while count := running.readinto(block):
            kept.words = (kept.words + bytes(block[:count]))[-_KEPT_BYTES:]
            self._hear(bytes(block[:count]))
        kept.ended.append(running.wait())
        self._notice_end()

    def _conclude(self, name: str, kept: _Kept) -> None:
        assert kept.running is not None  # noqa: S101 - the caller looked
        words = kept.words.decode(errors="backslashreplace").strip().rpartition("\n")[2]
        kept.running.end()
        kept.running = None
        if self._clock.monotonic() - kept.since > _GOOD_AFTER_SECONDS:
            kept.failures = 0
        LOG.error("%s ended with status %d and is started again: %s", name, kept.ended[-1], words)
        self._pause(kept)

    def _pause(self, kept: _Kept) -> None:
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(kept.failures, 10), _LONGEST_PAUSE_SECONDS)
        kept.failures += 1
        kept.not_before = self._clock.monotonic() + pause

    def _end(self, kept: _Kept) -> None:
        if kept.running is not None:
            kept.running.end()
            kept.running = None


def pass_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the surroundings of an attendant: ours, and whose it is."""
    return {**environment, PARENT: str(os.getpid())}


def is_abandoned(environment: Mapping[str, str]) -> bool:
    """Say whether we are an attendant whose service is gone: then it is time to end, so that the next one has room."""
    return environment.get(PARENT, "") not in {"", str(os.getppid())}
