"""Which segment holds a chunk: a local index in little memory (section 13).

Immutable sorted *runs* of 22-byte rows (first 16 bytes of the id, local session number u24,
segment number u24), in blocks of 4 KiB that end with their CRC-32, read with ``pread``. New rows
gather in memory until there are ``PENDING_LIMIT`` of them, then become a run; runs of like size
are merged. A Bloom filter in memory spares most reads for ids that are new; it is made once so many
were looked for that it is worth reading the whole run.

The index is a hint that can be deleted at any time. A block whose checksum is wrong raises
``CacheDamaged``; the owner of the index then throws it away and builds it again from the vault.
"""

import struct
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path

from rebond.errors import RebondError
from rebond.private_folders import PrivateFolder
from rebond.vault.chunk_runs import (
    FILTER_MEMORY_LIMIT,
    ROW_SIZE,
    Run,
    damaged_run,
    merge_runs,
    write_run,
)
from rebond.vault.chunk_tables import SHORT_ID_SIZE as ID_SIZE
from rebond.vault.chunk_tables import ChunkTables

PENDING_LIMIT = 100_000
LOADED_LIMIT = 400_000  # rows; some 50 MB
TABLE_FINDS = 200  # look-ups in unsorted tables; after that an index is made of them
MERGE_COUNT = 4  # runs of one tier that are merged into one of the next
ROWS_HELD_PER_FIND = 200  # rows that are read into memory in the time that this spares one look-up
ROWS_LOADED_PER_FIND = 3  # likewise rows of which a table is made, where they are in memory already
HELD_LIMIT = 1_500_000  # rows; 33 MB
_ROW = struct.Struct("16s6s")  # an id's beginning, and a place

KnownRun = tuple[str, int, bytes]  # name of the file, rows in it, digest


class ChunkIndex:
    """The chunks of one domain: those of runs in ``directory`` and those still in memory.

    Places are ``session << 24 | segment`` with the caller's own session numbers. Not safe to use
    from two threads at once.
    """

    def __init__(self, directory: Path, runs: Iterable[KnownRun] = ()) -> None:
        """Open the runs that ``runs`` once gave; raises ``CacheDamaged`` or ``FileNotFoundError``."""
        self._directory = directory
        self._tables = ChunkTables()
        self._table_finds = 0
        self._overflow: PrivateFolder | None = None
        self._pending: dict[bytes, int | list[int]] = {}
        self._flush_at = PENDING_LIMIT
        self._is_ours = True
        self._next = 0
        self._runs: list[Run] = []
        self._answered: Run | None = None  # the run that found what was last looked for
        try:
            for name, count, digest in runs:
                if self._open(directory / name, count).digest != digest:
                    raise damaged_run(directory / name)  # whose numbers of sessions are another index's
        except BaseException:
            self.close()
            raise
        self._retired: list[Path] = []
        self._loaded: dict[bytes, bytes | list[int]] | None = None

    def _open(self, path: Path, count: int) -> Run:
        """Open a run that should hold ``count`` rows: one that lost its end has good blocks only."""
        run = Run(path, self._filter_allowance())
        self._runs.append(run)
        if run.count != count:
            raise damaged_run(path)
        self._next = max(self._next, int(path.stem) + 1)
        return run

    def _filter_allowance(self) -> int:
        return FILTER_MEMORY_LIMIT - sum(run.filter_bytes for run in self._runs)

    @property
    def runs(self) -> list[KnownRun]:
        """The files that make up the index; what is pending is not in them."""
        return [(run.path.name, run.count, run.digest) for run in self._runs]

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
            if len(self._runs) <= 1:
                return self._runs[0].find(short) if self._runs else ()
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

    def choose_each(self, chunk_ids: Iterable[bytes], choose: Callable[[Sequence[int]], int]) -> list[int]:
        """Return, for each chunk, what ``choose`` makes of its places; it is asked once for those that are the same."""
        loaded, pending = (self._loaded or {}) if not self._tables.count else {}, self._pending
        chosen: list[int] = []
        known: dict[bytes, int] = {}  # of chunks that have one place, by it
        for chunk_id in chunk_ids:
            short = chunk_id[:ID_SIZE]
            stored = loaded.get(short)
            if not isinstance(stored, bytes) or short in pending:
                chosen.append(choose(self.find(chunk_id)))
                continue
            place = known.get(stored)
            if place is None:
                place = known[stored] = choose(_places(stored))
            chosen.append(place)
        return chosen

    def find_among(self, chunk_id: bytes, wanted: Container[int]) -> int | None:
        """Return a place of a chunk that is one of ``wanted``, or ``None`` where only ``find`` can tell.

        Chunks that are asked for one after the other mostly came one after the other, so the run that answered last
        is asked first, and no other where it knows one.
        """
        if self._loaded is not None or self._tables.count:
            return None
        short, answered = chunk_id[:ID_SIZE], self._answered
        if answered is not None:
            for place in answered.find(short):
                if place in wanted:
                    return place
        for run in reversed(self._runs):
            if run is not answered:
                for place in run.find(short):
                    if place in wanted:
                        self._answered = run
                        return place
        return None

    def expect_finds(self, count: int) -> None:
        """Make ready for about so many look-ups, as far as that costs less than it spares."""
        rows = self.row_count
        if count * ROWS_LOADED_PER_FIND > rows and rows <= LOADED_LIMIT:
            self.expect_many_finds()
        elif count * ROWS_HELD_PER_FIND > rows and self._loaded is None and rows <= HELD_LIMIT:
            for run in self._runs:
                run.hold()

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

    def expect_no_finds(self) -> None:
        """Give back the memory of the rows: look-ups read them again."""
        self._loaded = None
        for run in self._runs:
            run.let_go()

    @property
    def row_count(self) -> int:
        """How many rows the runs and the unsorted tables have."""
        return sum(run.count for run in self._runs) + self._tables.count

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
            self._flush_at = max(PENDING_LIMIT, 2 * len(self._pending))  # nothing is pending where a merge failed

    def flush(self) -> None:
        """Write what is pending as a run, and merge runs of like size. Durable when it returns."""
        self.sort_tables()
        self._write_pending()

    def _write_pending(self) -> None:
        if not self._pending:
            return
        self._loaded = self._answered = None
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
            try:
                self._overflow = PrivateFolder("index")
            except RebondError as error:  # no room: whoever asked for it knows what to do then
                raise (error.__cause__ if isinstance(error.__cause__, OSError) else error) from error
        return self._overflow.path

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
            self._overflow.close()


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
