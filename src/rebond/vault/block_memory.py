"""Which chunks the files of an arriving tree were made of when it was saved last: so blocks that stayed need not come.

It lies beside the file caches and can be deleted at any time. Each record carries a checksum, and a chunk is only taken
from here while the index of chunks knows a usable place of it: else its block is lost, and has to come.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rebond.entries import RememberedFile
from rebond.vault.content_writing import NOT_KEPT, ContentWriter
from rebond.vault.file_cache import MAGIC, CachePaths, CacheRecord, CacheWriter, decode_record, read_records
from rebond.vault.primitives import HASH_SIZE
from rebond.vault.trees import CHUNK_ROW

_MARK = b"\0mark"  # no path holds a zero


class BlockMemory:
    """Reads what the last run remembered, and writes what this one will. Implements ``RememberedTree``."""

    def __init__(self, paths: CachePaths, identity: bytes, content: ContentWriter, *, forgets: bool = False) -> None:
        """``forgets`` what is remembered: everything is to be read."""
        self._committed = paths.directory / f"{paths.root_key}.blocks"
        self._own = self._committed.with_suffix(".blocks.new")
        self._identity = identity
        self._content = content
        self._writer: CacheWriter | None = None
        self._places: dict[bytes, tuple[int, int]] | None = {} if forgets else None
        self._mark = b""
        self.found: tuple[bytes, Sequence[bytes], Sequence[int]] = (b"", (), ())

    @property
    def mark(self) -> bytes:
        """What the tree said of itself; empty where nothing is remembered, or not all of it."""
        self._load()
        return self._mark

    def find(self, path: bytes) -> RememberedFile | None:
        """Look for a file, and for each of its chunks; what is found stays in ``found``: path, rows, places."""
        place = self._load().get(path)
        rows = _read_rows(self._committed, *place) if place is not None else None
        if rows is None:
            return None
        cut = [rows[start : start + CHUNK_ROW.size] for start in range(0, len(rows), CHUNK_ROW.size)]
        places = self._content.find_each(row[:HASH_SIZE] for row in cut)
        self.found = path, cut, places
        return RememberedFile(
            size_bytes=sum(size for _, size in CHUNK_ROW.iter_unpack(rows)),
            lost=tuple(number for number, each in enumerate(places) if each == NOT_KEPT),
        )

    def add(self, path: bytes, rows: Sequence[bytes]) -> None:
        """Remember which chunks a file is made of."""
        if self._writer is None:
            self._writer = CacheWriter(self._own, self._identity)
        self._writer.write(_make_record(path, b"".join(rows)))

    def finish(self, mark: bytes) -> None:
        """Remember what the tree says of itself, once all of it has arrived."""
        if self._writer is not None and mark:
            self._writer.write(_make_record(_MARK, mark))

    def commit(self) -> None:
        """The snapshot stands: what was written takes the place of what was remembered before."""
        if self._writer is not None:
            self._writer.commit(self._committed)
        self._writer = None

    def close(self) -> None:
        """Forget what was written since."""
        if self._writer is not None:
            self._writer.close()
            self._own.unlink(missing_ok=True)
        self._writer = None

    def _load(self) -> dict[bytes, tuple[int, int]]:
        """Look once where each file's record lies; without the mark at the end it is not all there."""
        if self._places is None:
            self._places = {}
            offset = len(MAGIC) + HASH_SIZE
            for record, stored in read_records(self._committed, self._identity):
                if record.path == _MARK:
                    self._mark = record.directory
                self._places[record.path] = offset, len(stored)
                offset += len(stored)
            if not self._mark:
                self._places = {}
        return self._places


def _make_record(path: bytes, content: bytes) -> CacheRecord:
    return CacheRecord(path, b"", content, [], [], [], [], [], b"", 0, 0)


def _read_rows(path: Path, offset: int, length: int) -> bytes | None:
    with suppress(OSError), open(path, "rb") as file:
        file.seek(offset)
        record = decode_record(file.read(length))
        return record.directory if record is not None else None
    return None
