"""Runs of the local chunk index: immutable sorted files of rows, and how they are written and merged."""

import os
import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from blake3 import blake3

from rebond.errors import CacheDamaged
from rebond.vault.chunk_tables import SHORT_ID_SIZE as ID_SIZE

ROW_SIZE = 22
BLOCK_SIZE = 4096
ROWS_PER_BLOCK = (BLOCK_SIZE - 4) // ROW_SIZE  # 186
BLOCK_ROWS_SIZE = ROWS_PER_BLOCK * ROW_SIZE
FILTER_BITS_PER_ROW = 8
FINDS_PER_BLOCK = 8  # look-ups that cost as much as setting the filter's bits for a block
FILTER_MEMORY_LIMIT = 32 << 20  # bytes of all filters together; later runs go without
_MERGE_BATCH_ROWS = 100_000
_ROWS_AROUND = 20  # of where an id is guessed to lie in its block: three times how far it usually is
_BLOCKS_TOGETHER = 64  # read at once where all are: a call each costs more than the reading
_HEAD = struct.Struct(">Q")


def damaged_run(path: Path) -> CacheDamaged:
    """Return the error for a run that is not what was written, or cannot be read. The index must be built again."""
    return CacheDamaged(
        "What this machine remembers of the vault is damaged, or cannot be read: {path}.",
        hint="Run the command again: it is made anew from the vault. If this comes again, look after the disk that "
        "holds it; REBOND_CACHE_DIR names another place.",
        path=str(path),
    )


class Run:
    """One immutable sorted file of rows. ``digest`` tells it from every other that has as many."""

    def __init__(self, path: Path, filter_allowance_bytes: int = FILTER_MEMORY_LIMIT) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._descriptor).st_size
        if size % BLOCK_SIZE:
            os.close(self._descriptor)
            raise damaged_run(path)
        self.blocks = size // BLOCK_SIZE
        self._fence = array("Q")
        self._filter: bytearray | None = None
        self._held: bytes | None = None  # every row, as they lie on the disk
        self._finds_until_filter = self.blocks * FINDS_PER_BLOCK
        planned = max(1, self.blocks) * ROWS_PER_BLOCK * FILTER_BITS_PER_ROW // 8
        self.filter_bytes = planned if planned <= filter_allowance_bytes else 0
        self.count = 0
        sums = blake3()
        for rows, sum_ in self._read_all():  # every block is read and checked once
            self._fence.append(_HEAD.unpack_from(rows)[0])
            self.count += len(rows) // ROW_SIZE
            sums.update(sum_)
        self.digest = sums.digest(16)

    def _build_filter(self) -> None:
        """Set the filter's bits: it costs as much as some look-ups for each block."""
        size = self.filter_bytes
        bits = bytearray(size)
        if size:
            for rows in self.rows():
                for start in range(0, len(rows), ROW_SIZE):
                    low = int.from_bytes(rows[start + 4 : start + 12], "little")
                    bits[(low >> 3) % size] |= 1 << (low & 7)
        self._filter = bits

    def _read_all(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows of each block and its checksum, many blocks to a read."""
        for first in range(0, self.blocks, _BLOCKS_TOGETHER):
            count = min(_BLOCKS_TOGETHER, self.blocks - first)
            content = self._read(first, count)
            for number in range(count):
                is_last = first + number == self.blocks - 1
                yield self._check(content[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE], is_last=is_last)

    def _read_block(self, number: int) -> bytes:
        return self._check(self._read(number, 1), is_last=number == self.blocks - 1)[0]

    def _read(self, number: int, count: int) -> bytes:
        try:
            content = os.pread(self._descriptor, count * BLOCK_SIZE, number * BLOCK_SIZE)
        except OSError as error:  # a bad sector: what was there is lost
            raise damaged_run(self.path) from error
        if len(content) != count * BLOCK_SIZE:
            raise damaged_run(self.path)
        return content

    def _check(self, block: bytes, *, is_last: bool) -> tuple[bytes, bytes]:
        """Return the rows of a block and its checksum."""
        rows = block[:BLOCK_ROWS_SIZE]  # all but its checksum
        if zlib.crc32(rows) != int.from_bytes(block[-4:], "little"):
            raise damaged_run(self.path)
        return _without_padding(rows) if is_last else rows, block[-4:]

    def hold(self) -> None:
        """Take the rows into memory as they are: a look-up then reads nothing. Raises ``CacheDamaged``."""
        if self._held is None:
            self._held = b"".join(self.rows())

    def let_go(self) -> None:
        """Give back the memory of the rows. A look-up reads them again."""
        self._held = None

    def find(self, short_id: bytes) -> Sequence[int]:
        """Return every place of an id as ``session << 24 | segment``, the session learnt last first."""
        if self._held is not None:
            return self._find_held(self._held, short_id)
        if self._filter is None:
            self._finds_until_filter -= 1
            if self._finds_until_filter < 0:
                self._build_filter()
        if bits := self._filter:
            low = int.from_bytes(short_id[4:12], "little")
            if not bits[(low >> 3) % len(bits)] >> (low & 7) & 1:
                return ()
        block = bisect_right(self._fence, _HEAD.unpack_from(short_id)[0]) - 1
        # Equal heads may begin in the block before, and rows of one id may cross into the next.
        while block > 0 and self._fence[block] == _HEAD.unpack_from(short_id)[0]:
            block -= 1
        block = max(block, 0)
        found: list[int] = []
        while block < self.blocks:
            rows = self._read_block(block)
            position = rows.find(short_id)
            while position >= 0 and position % ROW_SIZE:
                position = rows.find(short_id, position + 1)
            while 0 <= position < len(rows) and rows[position : position + ID_SIZE] == short_id:
                found.append(int.from_bytes(rows[position + ID_SIZE : position + ROW_SIZE], "big"))
                position += ROW_SIZE
            if rows[-ROW_SIZE : -ROW_SIZE + ID_SIZE] > short_id:
                break
            block += 1
        return found[::-1]

    def _find_held(self, held: bytes, short_id: bytes) -> Sequence[int]:
        head = _HEAD.unpack_from(short_id)[0]
        fence = self._fence
        after = bisect_right(fence, head)
        position = -1
        if 0 < after < len(fence) and fence[after - 1] != head:
            # Ids are as if drawn by chance: nearly always one lies where its share of the block says.
            least = fence[after - 1]
            row = (after - 1) * ROWS_PER_BLOCK + (head - least) * ROWS_PER_BLOCK // (fence[after] - least)
            position = held.find(short_id, max(0, row - _ROWS_AROUND) * ROW_SIZE, (row + _ROWS_AROUND) * ROW_SIZE)
        if position < 0 or position % ROW_SIZE:
            position = self._search_held(held, short_id, head)
            if position < 0:
                return ()
        while position and held.startswith(short_id, position - ROW_SIZE):
            position -= ROW_SIZE
        found = [int.from_bytes(held[position + ID_SIZE : position + ROW_SIZE], "big")]
        while held.startswith(short_id, position := position + ROW_SIZE):
            found.append(int.from_bytes(held[position + ID_SIZE : position + ROW_SIZE], "big"))
        return found[::-1]

    def _search_held(self, held: bytes, short_id: bytes, head: int) -> int:
        """Return where the first row of an id is, less than 0 where there is none."""
        # Equal heads may begin in the block before the one that begins with them.
        start = max(0, bisect_left(self._fence, head) - 1) * BLOCK_ROWS_SIZE
        end = bisect_right(self._fence, head) * BLOCK_ROWS_SIZE
        position = held.find(short_id, start, end)
        while position >= 0 and position % ROW_SIZE:
            position = held.find(short_id, position + 1, end)
        return position

    def rows(self) -> Iterator[bytes]:
        """Yield the rows of each block, concatenated, in order."""
        for rows, _ in self._read_all():
            yield rows

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _without_padding(rows: bytes) -> bytes:
    """Drop the 0xFF rows that fill the last block."""
    end = len(rows)
    while end >= ROW_SIZE and rows[end - ROW_SIZE : end] == b"\xff" * ROW_SIZE:
        end -= ROW_SIZE
    return rows[:end]


def write_run(path: Path, rows: Iterable[bytes]) -> int:
    """Write sorted rows as a run; return how many. The file is durable when this returns."""
    count = 0
    with open(path, "wb") as file:
        batch: list[bytes] = []
        for row in rows:
            batch.append(row)
            if len(batch) == ROWS_PER_BLOCK:
                count += len(batch)
                file.write(_block(b"".join(batch)))
                batch.clear()
        if batch:
            count += len(batch)
            file.write(_block(b"".join(batch)))
        file.flush()
        os.fsync(file.fileno())
    return count


def _block(rows: bytes) -> bytes:
    body = rows.ljust(BLOCK_ROWS_SIZE, b"\xff").ljust(BLOCK_SIZE - 4, b"\0")
    return body + zlib.crc32(body).to_bytes(4, "little")


def merge_runs(runs: list[Run]) -> Iterator[bytes]:
    """Yield the rows of several runs in order, each once, holding a bounded part of each in memory."""
    sources = [run.rows() for run in runs]
    heads: list[list[bytes]] = [[] for _ in runs]
    while True:
        for position, source in enumerate(sources):
            while len(heads[position]) < _MERGE_BATCH_ROWS // len(runs):
                rows = next(source, None)
                if rows is None:
                    break
                heads[position] += [rows[i : i + ROW_SIZE] for i in range(0, len(rows), ROW_SIZE)]
        filled = [head for head in heads if head]
        if not filled:
            return
        # Every row up to the least of the last rows is in memory now.
        limit = min(head[-1] for head in filled)
        ready: list[bytes] = []
        for position, head in enumerate(heads):
            cut = bisect_right(head, limit)
            ready += head[:cut]
            heads[position] = head[cut:]
        ready.sort()
        previous = b""
        for row in ready:
            if row != previous:
                yield row
                previous = row
