"""Which segment holds a chunk: a local index in little memory (section 13).

Immutable sorted *runs* of 22-byte rows (first 16 bytes of the id, local session number u24,
segment number u24), in blocks of 4 KiB that end with their CRC-32, read with ``pread``. New rows
gather in memory until there are ``PENDING_LIMIT`` of them, then become a run; runs of like size
are merged. A Bloom filter in memory spares most reads for ids that are new; it is made once so many
were looked for that it is worth reading the whole run.

The index is a hint that can be deleted at any time. A block whose checksum is wrong raises
``DamagedRun``; the owner of the index then throws it away and builds it again from the vault.
"""

import os
import struct
import tempfile
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rebond.vault.chunk_tables import SHORT_ID_SIZE as ID_SIZE
from rebond.vault.chunk_tables import ChunkTables

ROW_SIZE = 22
BLOCK_SIZE = 4096
ROWS_PER_BLOCK = (BLOCK_SIZE - 4) // ROW_SIZE  # 186
BLOCK_ROWS_SIZE = ROWS_PER_BLOCK * ROW_SIZE
PENDING_LIMIT = 100_000
LOADED_LIMIT = 400_000  # rows; some 50 MB
TABLE_FINDS = 200  # look-ups in unsorted tables; after that an index is made of them
MERGE_COUNT = 4  # runs of one tier that are merged into one of the next
FILTER_BITS_PER_ROW = 8
FINDS_PER_BLOCK = 8  # look-ups that cost as much as setting the filter's bits for a block
FILTER_MEMORY_LIMIT = 32 << 20  # bytes of all filters together; later runs go without
_MERGE_BATCH_ROWS = 100_000
_HEAD = struct.Struct(">Q")
_ROW = struct.Struct("16s6s")  # an id's beginning, and a place


class DamagedRun(Exception):
    """A run of the local index is not what was written. The index must be built again."""


class Run:
    """One immutable sorted file of rows."""

    def __init__(self, path: Path, filter_allowance_bytes: int = FILTER_MEMORY_LIMIT) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._descriptor).st_size
        if size % BLOCK_SIZE:
            os.close(self._descriptor)
            raise DamagedRun(str(path))
        self.blocks = size // BLOCK_SIZE
        self._fence = array("Q")
        self._filter: bytearray | None = None
        self._finds_until_filter = self.blocks * FINDS_PER_BLOCK
        planned = max(1, self.blocks) * ROWS_PER_BLOCK * FILTER_BITS_PER_ROW // 8
        self.filter_bytes = planned if planned <= filter_allowance_bytes else 0
        self.count = 0
        for number in range(self.blocks):  # every block is read and checked once
            rows = self._read_block(number)
            self._fence.append(_HEAD.unpack_from(rows)[0])
            self.count += len(rows) // ROW_SIZE

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

    def _read_block(self, number: int) -> bytes:
        block = os.pread(self._descriptor, BLOCK_SIZE, number * BLOCK_SIZE)
        if len(block) != BLOCK_SIZE or zlib.crc32(block[:-4]) != int.from_bytes(block[-4:], "little"):
            raise DamagedRun(str(self.path))
        if number == self.blocks - 1:
            return _without_padding(block[:BLOCK_ROWS_SIZE])
        return block[:BLOCK_ROWS_SIZE]

    def find(self, short_id: bytes) -> Iterable[int]:
        """Return every place of an id as ``session << 24 | segment``, the session learnt last first."""
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
        return reversed(found)

    def rows(self) -> Iterator[bytes]:
        """Yield the rows of each block, concatenated, in order."""
        for number in range(self.blocks):
            yield self._read_block(number)

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


class ChunkIndex:
    """The chunks of one domain: those of runs in ``directory`` and those still in memory.

    Places are ``session << 24 | segment`` with the caller's own session numbers. Not safe to use
    from two threads at once.
    """

    def __init__(self, directory: Path, runs: Iterable[tuple[str, int]] = ()) -> None:
        """Open the runs by name and count of rows; raises ``DamagedRun`` or ``FileNotFoundError``."""
        self._directory = directory
        self._tables = ChunkTables()
        self._table_finds = 0
        self._overflow: tempfile.TemporaryDirectory[str] | None = None
        self._pending: dict[bytes, int | list[int]] = {}
        self._flush_at = PENDING_LIMIT
        self._is_ours = True
        self._next = 0
        self._runs: list[Run] = []
        try:
            for name, count in runs:
                self._open(directory / name, count)
        except BaseException:
            self.close()
            raise
        self._retired: list[Path] = []
        self._loaded: dict[bytes, bytes | list[int]] | None = None

    def _open(self, path: Path, count: int) -> None:
        """Open a run that should hold ``count`` rows: one that lost its end has good blocks only."""
        run = Run(path, self._filter_allowance())
        self._runs.append(run)
        if run.count != count:
            raise DamagedRun(str(path))
        self._next = max(self._next, int(path.stem) + 1)

    def _filter_allowance(self) -> int:
        return FILTER_MEMORY_LIMIT - sum(run.filter_bytes for run in self._runs)

    @property
    def runs(self) -> list[tuple[str, int]]:
        """The files that make up the index, with their counts of rows; what is pending is not in them."""
        return [(run.path.name, run.count) for run in self._runs]

    def add(self, chunk_id: bytes, place: int) -> None:
        """Note that ``place`` holds a chunk."""
        short = chunk_id[:ID_SIZE]
        if self._pending.setdefault(short, place) != place:
            _remember(self._pending, short, place)
        if len(self._pending) >= self._flush_at:
            self._relieve_memory()

    def add_table(self, ids: bytes, place: int) -> None:
        """Note that ``place`` holds all chunks of ``ids``, 32 bytes each."""
        self._tables.add(place, ids)

    def find(self, chunk_id: bytes) -> Sequence[int]:
        """Return every place that may hold a chunk, newest first."""
        short = chunk_id[:ID_SIZE]
        if not self._tables.count and short not in self._pending:
            # Nearly every new chunk of a first backup comes this way.
            if self._loaded is not None:
                return () if (stored := self._loaded.get(short)) is None else _places(stored)
            if not self._runs:
                return ()
        found: list[int] = []
        if self._tables.count:
            self._table_finds += 1
            if self._table_finds <= TABLE_FINDS:
                found += self._tables.find(short)
            else:
                self.sort_tables()
        if (known := self._pending.get(short)) is not None:
            found += _places(known)
        if self._loaded is not None:
            if (stored := self._loaded.get(short)) is not None:
                found += _places(stored)
            return found
        for run in reversed(self._runs):
            found += run.find(short)
        return found

    def expect_many_finds(self) -> None:
        """Take all rows into memory if there are few enough: many look-ups then cost no reads."""
        self.sort_tables()
        if self._loaded is not None or self.row_count > LOADED_LIMIT:
            return
        loaded: dict[bytes, bytes | list[int]] = {}
        for run in self._runs:
            for rows in run.rows():
                fresh = dict(_ROW.iter_unpack(rows))
                if len(fresh) * ROW_SIZE == len(rows) and loaded.keys().isdisjoint(fresh):
                    loaded.update(fresh)
                    continue
                for short, place in _ROW.iter_unpack(rows):  # some chunk of them lies in several segments
                    _remember_as_stored(loaded, short, place)
        self._loaded = loaded

    @property
    def row_count(self) -> int:
        """How many rows the runs have."""
        return sum(run.count for run in self._runs)

    def leave_directory(self) -> None:
        """Write no more runs into the directory: what is added from now on is not kept."""
        self._is_ours = False
        self._flush_at = LOADED_LIMIT

    def sort_tables(self) -> None:
        """Make an index of what ``add_table`` was told."""
        for place, shorts in self._tables.take_all():
            pending = self._pending
            for (short,) in shorts:
                if pending.setdefault(short, place) != place:
                    _remember(pending, short, place)
            if len(pending) >= self._flush_at:
                self._relieve_memory()

    def _relieve_memory(self) -> None:
        """Write what is pending as a run. Where no room is left on this host it stays in memory."""
        try:
            self._write_pending()
        except OSError:
            self._flush_at = 2 * len(self._pending)

    def flush(self) -> None:
        """Write what is pending as a run, and merge runs of like size. Durable when it returns."""
        self.sort_tables()
        self._write_pending()

    def _write_pending(self) -> None:
        if not self._pending:
            return
        self._loaded = None
        rows = []
        for short, places in self._pending.items():
            for place in places if isinstance(places, list) else (places,):
                rows.append(short + place.to_bytes(6, "big"))
        rows.sort()
        self._write(iter(rows))
        self._pending = {}
        self._flush_at = PENDING_LIMIT if self._is_ours else LOADED_LIMIT
        while len(self._runs) >= MERGE_COUNT and _same_tier(self._runs[-MERGE_COUNT:]):
            merged = self._runs[-MERGE_COUNT:]
            self._write(merge_runs(merged))
            self._runs = [run for run in self._runs if run not in merged]
            for run in merged:
                run.close()
                self._retired.append(run.path)

    def _write(self, rows: Iterator[bytes]) -> None:
        path = self._place_for_runs() / f"{self._next:08d}.run"
        self._next += 1
        try:
            count = write_run(path, rows)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._open(path, count)

    def _place_for_runs(self) -> Path:
        if self._is_ours:
            return self._directory
        if self._overflow is None:
            self._overflow = tempfile.TemporaryDirectory(prefix="rebond-index-")
        return Path(self._overflow.name)

    def sweep(self) -> None:
        """Remove run files that were merged away; call after ``runs`` was noted durably."""
        for path in self._retired:
            path.unlink(missing_ok=True)
        self._retired = []

    def close(self) -> None:
        """Give the files back."""
        for run in self._runs:
            run.close()
        if self._overflow is not None:
            self._overflow.cleanup()


def _same_tier(runs: list[Run]) -> bool:
    return max(run.count for run in runs) < MERGE_COUNT * max(1, min(run.count for run in runs))


def _remember(rows: dict[bytes, int | list[int]], short: bytes, place: int) -> None:
    known = rows.get(short)
    if known is None:
        rows[short] = place
    elif isinstance(known, list):
        known.append(place)
    elif known != place:
        rows[short] = [known, place]


def _remember_as_stored(rows: dict[bytes, bytes | list[int]], short: bytes, place: bytes) -> None:
    known = rows.get(short)
    if known is None:
        rows[short] = place
    elif isinstance(known, list):
        known.append(int.from_bytes(place, "big"))
    elif known != place:
        rows[short] = [int.from_bytes(known, "big"), int.from_bytes(place, "big")]


def _places(known: int | bytes | list[int]) -> tuple[int, ...] | list[int]:
    """Return places, newest first; a single one may still be as a run has it."""
    if isinstance(known, list):
        return known[::-1]
    return (known if isinstance(known, int) else int.from_bytes(known, "big"),)
