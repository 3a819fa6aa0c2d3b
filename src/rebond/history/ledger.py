"""The ledger of this machine: append-only files below the state folder, one chain of lines over all of them.

A line is flushed before ``append`` returns. What a power cut left of a line is set aside, and a line says so: nothing
is lost in silence. A full file is never written again; the chain goes on in the next one. A lock keeps processes apart.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rebond.clock import Clock, SystemClock
from rebond.durable_files import FILE_MODE, fsync_directory, make_directories_durably, write_durably
from rebond.file_locks import wait_for_file_lock
from rebond.history.lines import LINE_LIMIT_BYTES, NO_PREVIOUS, OPENED, SET_ASIDE, Line, hash_line, make_line, read_line
from rebond.identifiers import random_id
from rebond.units import format_iso

FILE_BYTES = 1 << 20
_PREFIX, _SUFFIX = "ledger-", ".jsonl"
_SHAPE = re.compile(r"ledger-[0-9]{12,18}\.jsonl")
_LOCK = "lock"


class Ledger:
    """The ledger below ``folder``, which is made when something is written. Raises ``OSError``."""

    def __init__(
        self, folder: Path, *, host: str = "", clock: Clock | None = None, file_bytes: int = FILE_BYTES
    ) -> None:
        self.folder = folder
        self._host = host
        self._clock = clock or SystemClock()
        self._file_bytes = file_bytes

    def append(self, event: str, facts: Mapping[str, object]) -> Line:
        """Add a line; when this returns, it survives a power cut."""
        return self.append_all([(event, facts)])[0]

    def append_all(self, events: list[tuple[str, Mapping[str, object]]]) -> list[Line]:
        """Add several lines at once; when this returns, they survive a power cut, all or the first of them."""
        make_directories_durably(os.fspath(self.folder))
        with self.locked():
            last = self._find_end()
            lines = [] if last else [self._make(None, OPENED, {"chain": random_id().hex(), "host": self._host})]
            for event, facts in events:
                lines.append(self._make(lines[-1] if lines else last, event, facts))
            self._write(lines)
            return lines[-len(events) :]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing."""
        descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            wait_for_file_lock(descriptor, self._clock)
            yield
        finally:
            os.close(descriptor)

    def files(self) -> list[Path]:
        """Return the files of the chain, oldest first; none where nothing was written yet."""
        try:
            names = os.listdir(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [self.folder / name for name in sorted(names) if _SHAPE.fullmatch(name)]

    def read(self) -> Iterator[tuple[Path, int, bytes]]:
        """Yield file, number of the line in it from 1, and content of every line, oldest first, unchecked.

        The last one may be half a line: another process is writing it, or was cut.
        """
        for path in self.files():
            with path.open("rb") as file:
                for position, content in enumerate(file, 1):
                    yield path, position, content.removesuffix(b"\n")

    def lines(self) -> Iterator[Line]:
        """Yield every line that is one, oldest first."""
        for _, _, content in self.read():
            if (line := read_line(content)) is not None:
                yield line

    def lines_after(self, number: int) -> Iterator[Line]:
        """Yield every line above ``number`` that is one, oldest first; what comes before is not taken apart."""
        files = self.files()
        firsts = [int(path.name[len(_PREFIX) : -len(_SUFFIX)]) for path in files]
        for position, path in enumerate(files):
            if position + 1 < len(files) and firsts[position + 1] <= number + 1:
                continue
            found: list[Line] = []
            for line in _newest_of(path):
                if line.number <= number:
                    break
                found.append(line)
            yield from reversed(found)

    def newest_lines(self) -> Iterator[Line]:
        """Yield every line that is one, newest first; reads no more than is asked for, a file at a time."""
        for path in reversed(self.files()):
            yield from _newest_of(path)

    def chain(self) -> str:
        """Return the id of the chain; empty where there is none."""
        return next((str(line.facts.get("chain", "")) for line in self.lines() if line.event == OPENED), "")

    def _make(self, before: Line | None, event: str, facts: Mapping[str, object]) -> Line:
        number, previous = (before.number + 1, before.hash) if before else (0, NO_PREVIOUS)
        return make_line(number, previous, event, format_iso(self._clock.now_ms()), facts)

    def _find_end(self) -> Line | None:
        """Return the last line, after setting aside what is none; ``None`` for a ledger that begins."""
        for path in reversed(self.files()):
            content = _read_tail(path)
            whole, newline, torn = content.rpartition(b"\n")
            last = read_line(whole.rpartition(b"\n")[2]) if newline else None
            if torn or (newline and last is None):
                return self._set_aside(path)
            if last is not None:
                return last
        return None

    def _set_aside(self, path: Path) -> Line | None:
        """Keep what was cut in a file of its own, shorten the ledger to its last whole line, and say so in it."""
        content = path.read_bytes()
        good = content.rfind(b"\n") + 1
        last: Line | None = None
        while good and last is None:
            start = content.rfind(b"\n", 0, good - 1) + 1
            last = read_line(content[start : good - 1])
            good = good if last else start
        torn = content[good:]
        aside = self.folder / f"torn-{format_iso(self._clock.now_ms()).replace(':', '')}-{random_id(4).hex()}"
        write_durably(os.fspath(aside), torn)
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, good)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if last is None:
            last = self._find_end()
        facts = {"file": aside.name, "bytes": len(torn), "hash": hash_line(torn)}
        first = [] if last else [self._make(None, OPENED, {"chain": random_id().hex(), "host": self._host})]
        lines = [*first, self._make(first[-1] if first else last, SET_ASIDE, facts)]
        self._write(lines)
        return lines[-1]

    def _write(self, lines: list[Line]) -> None:
        content = b"".join(line.content + b"\n" for line in lines)
        path = self._choose_file(lines[0].number, len(content))
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        size = os.fstat(descriptor).st_size
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):  # a full disk: what stands there is found and set aside the next time
                os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)
        if is_new:
            fsync_directory(os.fspath(self.folder))

    def _choose_file(self, number: int, size: int) -> Path:
        """Return the newest file, or a new one, named by the number of its first line, when that is full."""
        files = self.files()
        if files and (files[-1].stat().st_size == 0 or files[-1].stat().st_size + size <= self._file_bytes):
            return files[-1]
        return self.folder / f"{_PREFIX}{number:012}{_SUFFIX}"


def _newest_of(path: Path) -> Iterator[Line]:
    """Yield the lines of one file, newest first."""
    content = path.read_bytes()
    end = len(content)
    while end > 0:
        start = content.rfind(b"\n", 0, end - 1) + 1
        line = read_line(content[start:end].removesuffix(b"\n"))
        if line is not None:
            yield line
        end = start


def _read_tail(path: Path) -> bytes:
    """Return the end of a file: at least its last line, if that is not too long to be one."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        taken = 8192
        while True:
            file.seek(max(0, size - taken))
            tail = file.read()
            if taken >= min(size, LINE_LIMIT_BYTES + 2) or b"\n" in tail[:-1].rstrip(b"\n"):
                return tail
            taken *= 4
