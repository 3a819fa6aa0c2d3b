"""Byte strings that are put into their order on disk, where there are more than memory should hold."""

import contextlib
import heapq
import struct
import tempfile
from collections.abc import Iterator
from typing import IO

_LENGTH = struct.Struct("<I")
_HELD_BYTES = 24 << 20


class SortedRows:
    """Takes rows in any order and gives them back by their bytes. Used as a context manager.

    What was put on disk lies in files without a name. Where this host has no room for it, all stays in memory.
    """

    def __init__(self, held_bytes: int = _HELD_BYTES) -> None:
        """``held_bytes`` of rows are held in memory, without what the interpreter adds to each."""
        self._most_bytes = held_bytes
        self._rows: list[bytes] = []
        self._size_bytes = 0
        self._has_room = True
        self._files = contextlib.ExitStack()
        self._runs: list[IO[bytes]] = []

    def __enter__(self) -> "SortedRows":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, row: bytes) -> None:
        """Take a row."""
        self._rows.append(row)
        self._size_bytes += len(row)
        if self._size_bytes >= self._most_bytes and self._has_room:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        """Yield all rows in order; to be asked for once."""
        self._rows.sort()
        return heapq.merge(*map(_read, self._runs), self._rows) if self._runs else iter(self._rows)

    def _spill(self) -> None:
        self._rows.sort()
        try:
            with contextlib.ExitStack() as opened:
                run = opened.enter_context(tempfile.TemporaryFile())
                run.writelines(_LENGTH.pack(len(row)) + row for row in self._rows)
                run.flush()
                self._files.push(opened.pop_all())
        except OSError:
            self._has_room = False
            return
        self._runs.append(run)
        self._rows = []
        self._size_bytes = 0


def _read(run: IO[bytes]) -> Iterator[bytes]:
    run.seek(0)
    while head := run.read(_LENGTH.size):
        yield run.read(_LENGTH.unpack(head)[0])
