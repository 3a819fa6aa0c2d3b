"""The plan of a restore, on disk: which chunks of which segment go where (§11).

Segments are then read once each, whatever the order of the tree, and memory stays small whatever
the number of files.
"""

import heapq
import struct
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from rebond.spool import no_scratch

_ROW = struct.Struct(">QQQI16s")  # big-endian: sorts by its bytes
_ROWS_IN_MEMORY = 100_000  # some 9 MB
_READ_ROWS = 4096
_ROWS_TOGETHER = 10_000  # a segment that more files share is given back in parts: each row becomes half a kilobyte


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
            raise no_scratch(self._directory, error) from error
        self._spilled.append(path)
        self._rows = []

    @staticmethod
    def _read(path: Path) -> Iterator[bytes]:
        with open(path, "rb") as file:
            while block := file.read(_READ_ROWS * _ROW.size):
                yield from (block[i : i + _ROW.size] for i in range(0, len(block), _ROW.size))
