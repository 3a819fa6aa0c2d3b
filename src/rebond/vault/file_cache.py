"""What the last run knew of every file, so that an unchanged one is not read again (section 13).

One file per root: a sequence of records in the order of the walk, read beside the new walk like
two sorted lists, so that memory does not grow with the tree. A record is a slice of one
directory. Each carries its own checksum: a damaged or cut record is only a file read once more.

A run writes its own records as it goes, to a file of its own. It replaces the cache when the
snapshot stands; a run that was killed leaves it behind, and the next run reads both, so that what
was saved already is neither read nor stored again. How far it was inside a large file lies beside it
(``begun_files``).
"""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from blake3 import blake3
from msgspec import Struct

from rebond.durable_files import fsync_directory
from rebond.identifiers import random_id

MAGIC = b"RBFC\x01"
SLICE_ENTRIES = 2048
_CHECKSUM_SIZE = 16
_LENGTH = struct.Struct("<I")
_RECORD_LIMIT = 256 << 20
USE = struct.Struct("<HII")  # session's place in the record, segment number, bytes used


class CacheRecord(msgspec.Struct, frozen=True, array_like=True):
    """A slice of one directory: names with their stamps, encoded entries and segments used.

    ``stamp`` and ``directory`` belong to the directory itself and are empty in all but its first
    slice. ``uses[i]`` is a sequence of ``USE`` rows; ``sessions`` are what they point into.
    ``all_uses`` is their union. ``contents`` counts (files, bytes) of the slice.
    """

    path: bytes
    stamp: bytes
    directory: bytes
    names: list[bytes]
    stamps: list[bytes]
    entries: list[bytes]
    uses: list[bytes]
    sessions: list[bytes]
    all_uses: bytes
    files: int
    content_bytes: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(CacheRecord)


def order_of(path: bytes) -> list[bytes]:
    """A key that sorts paths as the walk visits them."""
    return path.split(b"/") if path else []


def encode_record(record: CacheRecord) -> bytes:
    """Return a record as it lies in the file."""
    body = _ENCODER.encode(record)
    return _LENGTH.pack(len(body)) + blake3(body).digest()[:_CHECKSUM_SIZE] + body


def decode_record(stored: bytes) -> CacheRecord | None:
    """Read a record as ``encode_record`` gave it; ``None`` for one that is cut or damaged."""
    body = memoryview(stored)[_LENGTH.size + _CHECKSUM_SIZE :]
    if len(stored) < _LENGTH.size + _CHECKSUM_SIZE or len(body) != _LENGTH.unpack_from(stored)[0]:
        return None
    if blake3(body).digest()[:_CHECKSUM_SIZE] != stored[_LENGTH.size : _LENGTH.size + _CHECKSUM_SIZE]:
        return None
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, ValueError):
        return None


def read_records(path: Path, identity: bytes) -> Iterator[tuple[CacheRecord, bytes]]:
    """Yield the records of a cache file with their stored bytes, as far as they are good."""
    with suppress(OSError), open(path, "rb", buffering=1 << 18) as file:
        if file.read(len(MAGIC) + 32) != MAGIC + identity:
            return
        while True:
            head = file.read(_LENGTH.size + _CHECKSUM_SIZE)
            if len(head) < _LENGTH.size + _CHECKSUM_SIZE:
                return
            (length,) = _LENGTH.unpack_from(head)
            if length > _RECORD_LIMIT:
                return
            stored = head + file.read(length)
            record = decode_record(stored)
            if record is None:
                return
            yield record, stored


class CacheReader:
    """Finds the records of a directory while a walk goes on in the same order."""

    def __init__(self, sources: list[Iterator[tuple[CacheRecord, bytes]]]) -> None:
        """``sources`` are tried in order: the first that knows a name answers for it."""
        self._sources = [_Lookahead(source) for source in sources]

    def records_of(self, path: bytes) -> Iterator[tuple[CacheRecord, bytes]]:
        """Yield the slices of one directory; paths must be asked for in the order of the walk.

        A source that was cut short knows only the first names; the next one answers for the others.
        """
        key = order_of(path)
        last: bytes | None = None
        for source in self._sources:
            if not source.advance(key):
                continue
            for record, stored in source.take(path):
                if last is None or (record.names and record.names[-1] > last):
                    yield record, stored
                    if record.names:
                        last = record.names[-1]

    def close(self) -> None:
        """Forget what was not asked for."""
        self._sources = []


class _Lookahead:
    def __init__(self, records: Iterator[tuple[CacheRecord, bytes]]) -> None:
        self._records = records
        self._next = next(records, None)

    def advance(self, key: list[bytes]) -> bool:
        while self._next is not None and order_of(self._next[0].path) < key:
            self._next = next(self._records, None)
        return self._next is not None and order_of(self._next[0].path) == key

    def take(self, path: bytes) -> Iterator[tuple[CacheRecord, bytes]]:
        while self._next is not None and self._next[0].path == path:
            current = self._next
            self._next = next(self._records, None)
            yield current


class CacheWriter:
    """Writes the records of a run; ``commit`` makes them the cache.

    A host without room for it backs up all the same: then nothing is remembered of this run.
    """

    def __init__(self, path: Path, identity: bytes) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        with suppress(OSError):
            self._file = open(path, "wb", buffering=1 << 18)
            self._file.write(MAGIC + identity)

    def write(self, record: CacheRecord) -> None:
        """Add a record."""
        self.write_stored(encode_record(record))

    def write_stored(self, stored: bytes) -> None:
        """Add a record as ``read_records`` gave it."""
        if self._file is not None:
            try:
                self._file.write(stored)
            except OSError:
                self._give_up()

    def flush(self) -> None:
        """Hand what was written to the operating system, so that it survives the process."""
        if self._file is not None:
            try:
                self._file.flush()
            except OSError:
                self._give_up()

    def sync(self) -> bool:
        """Make sure that what was written survives a power cut; ``False`` when it does not."""
        self.flush()
        try:
            if self._file is not None:
                os.fdatasync(self._file.fileno())
                fsync_directory(str(self._path.parent))
        except OSError:
            return False
        return self._file is not None

    def commit(self, final: Path) -> None:
        """Make this the cache. A power cut may lose it, never mix it: records carry checksums."""
        self.flush()
        if self._file is not None:
            self.close()
            os.replace(self._path, final)

    @property
    def is_whole(self) -> bool:
        """Whether everything was written so far: there was room for it."""
        return self._file is not None

    def close(self) -> None:
        """Stop writing and leave the file for the next run."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _give_up(self) -> None:
        self.close()
        self._file = None
        self._path.unlink(missing_ok=True)


class CachePaths(Struct, frozen=True):
    """Where the caches of one root lie."""

    directory: Path
    root_key: str

    @property
    def committed(self) -> Path:
        """The cache of the last run that committed."""
        return self.directory / f"{self.root_key}.files"

    def own(self, session: bytes) -> Path:
        """The cache that a running session writes."""
        return self.directory / f"{self.root_key}.{session.hex()}.partial"

    def partials(self) -> list[Path]:
        """Caches that earlier runs left behind, newest first."""
        found = []
        for path in self.directory.glob(f"{self.root_key}.*.partial"):
            try:
                found.append((path.stat().st_mtime_ns, path))
            except FileNotFoundError:
                continue
        return [path for _, path in sorted(found, reverse=True)]

    def new_begun(self) -> Path:
        """A new note of how far a file was read."""
        return self.directory / f"{self.root_key}.{random_id().hex()}.begun"

    def begun(self) -> list[Path]:
        """Notes of how far files were read, of this run and of those that were cut."""
        return sorted(self.directory.glob(f"{self.root_key}.*.begun"))
