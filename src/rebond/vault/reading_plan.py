"""The plan of a restore, on disk: which chunks of which segment go where (§11).

Segments are then read once each, whatever the order of the tree, and memory stays small whatever
the number of files.
"""

import heapq
import os
import struct
import tempfile
from array import array
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from rebond.errors import RestoreError

_ROW = struct.Struct(">QIQI16s")  # big-endian: sorts by its bytes
_ROWS_IN_MEMORY = 300_000
_READ_ROWS = 4096
_ROWS_TOGETHER = 10_000  # a segment that more files share is given back in parts: each row becomes half a kilobyte
_SPOOL_BUFFER = 1 << 20


class PlannedChunk(NamedTuple):
    """One chunk's way from a segment (``place``) into a file: ``length`` bytes at ``offset``."""

    place: int
    file_number: int
    offset: int
    length: int
    short_id: bytes


class ReadingPlan:
    """Gathers planned chunks, then gives them back segment by segment. Files of it lie in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rows: list[bytes] = []
        self._spilled: list[Path] = []
        self.chunks = 0

    def add(self, place: int, file_number: int, offset: int, length: int, chunk_id: bytes) -> None:
        """Plan one chunk."""
        self._rows.append(_ROW.pack(place, file_number, offset, length, chunk_id[:16]))
        self.chunks += 1
        if len(self._rows) >= _ROWS_IN_MEMORY:
            self._spill()

    def segments(self) -> Iterator[tuple[int, list[PlannedChunk]]]:
        """Yield each segment with its chunks, ordered by file and offset.

        Once, unless very many files share it; then in parts, and no file's chunks are parted.
        """
        self._rows.sort()
        rows = heapq.merge(self._rows, *(self._read(path) for path in self._spilled)) if self._spilled else self._rows
        for place, group in groupby(map(_ROW.unpack, rows), key=lambda row: row[0]):
            chunks = map(PlannedChunk._make, group)
            batch = list(islice(chunks, _ROWS_TOGETHER))
            while batch:
                following = []
                if len(batch) >= _ROWS_TOGETHER:
                    last = batch[-1].file_number
                    for chunk in chunks:
                        if chunk.file_number != last:
                            following = [chunk]
                            break
                        batch.append(chunk)
                yield place, batch
                batch = following and [*following, *islice(chunks, _ROWS_TOGETHER - 1)]

    def _spill(self) -> None:
        self._rows.sort()
        path = self._directory / f"plan-{len(self._spilled)}"
        try:
            path.write_bytes(b"".join(self._rows))
        except OSError as error:
            raise _no_scratch(self._directory, error) from error
        self._spilled.append(path)
        self._rows = []

    @staticmethod
    def _read(path: Path) -> Iterator[bytes]:
        with open(path, "rb") as file:
            while block := file.read(_READ_ROWS * _ROW.size):
                yield from (block[i : i + _ROW.size] for i in range(0, len(block), _ROW.size))


class Spool:
    """Byte strings by number, on disk: eight bytes of memory each."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)
        self._ends = array("Q")
        self._pending = bytearray()
        self._written = 0
        self._window = b""
        self._window_start = 0

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, content: bytes) -> int:
        """Keep ``content`` and return its number."""
        self._pending += content
        self._ends.append(self._written + len(self._pending))
        if len(self._pending) >= _SPOOL_BUFFER:
            self._flush()
        return len(self._ends) - 1

    def get(self, number: int) -> bytes:
        """Return what was kept under ``number``; cheap when numbers rise."""
        if self._pending:
            self._flush()
        start = self._ends[number - 1] if number else 0
        end = self._ends[number]
        offset = start - self._window_start
        if offset < 0 or end - self._window_start > len(self._window):
            self._window = os.pread(self._file.fileno(), max(end - start, 1 << 16), start)
            self._window_start, offset = start, 0
        return self._window[offset : offset + end - start]

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _flush(self) -> None:
        try:
            done = 0
            while done < len(self._pending):
                done += os.pwrite(self._file.fileno(), memoryview(self._pending)[done:], self._written + done)
        except OSError as error:
            raise _no_scratch(self._directory, error) from error
        self._written += len(self._pending)
        self._pending = bytearray()


def _no_scratch(directory: Path, error: OSError) -> RestoreError:
    return RestoreError(
        "The plan of the restore cannot be kept in {directory}: {reason}",
        hint="Free some space there, or name another place with the environment variable TMPDIR.",
        directory=str(directory),
        reason=error.strerror or str(error),
    )
