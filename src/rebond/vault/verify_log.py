"""When each pack was last read back on this host, and how that ended.

A file of 48-byte rows that is only added to: pack hash ‖ time u64 (ms since 1970) ‖ result u8 ‖
three zero bytes ‖ CRC-32 of what precedes. A row that is torn or wrong is passed over, so a
power cut costs at most the last few rows and those packs are read once more.
"""

import errno
import os
import struct
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rebond.durable_files import fsync_directory, make_directories_durably, replace_durably
from rebond.file_locks import LockHeld, wait_for_file_lock
from rebond.vault.pack_table import PackTable

_ROW = struct.Struct("<32sQB3x")
_SUM = struct.Struct("<I")
ROW_SIZE = _ROW.size + _SUM.size
WHOLE, DAMAGED = 1, 2
_ROWS_READ = 4096
_FLUSH_ROWS = 64  # packs between two flushes to disk: what a power cut may cost
_AHEAD_MS = 10 * 60_000  # that two readings of a clock may differ
_SLACK_ROWS = 10_000  # rows of packs that are gone, or were read again, before the file is written anew


class VerifyLog:
    """The log of one vault in ``directory`` (made when needed). Several processes may add to it.

    A check is worth more than the memory of it: what cannot be written down is not, and ``fault`` says why.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.fault: OSError | None = None
        self._path = directory / "packs.log"
        self._pending = bytearray()

    def last_read(self, packs: PackTable, now_ms: int | None = None) -> "array[int]":
        """Return for each pack when it was last read whole, in ms since 1970; 0 for never or damaged then.

        0 too for what was read after ``now_ms``, by a clock that was ahead: else its turn would not come for years.
        """
        times = array("Q", bytes(8 * len(packs)))
        for pack_hash, time_ms, result in self._rows():
            ordinal = packs.find(pack_hash)
            if ordinal is not None:
                is_good = result == WHOLE and (now_ms is None or time_ms <= now_ms + _AHEAD_MS)
                times[ordinal] = time_ms if is_good else 0
        return times

    def is_empty(self) -> bool:
        """Whether nothing was ever noted here."""
        return next(self._rows(), None) is None

    def note(self, pack_hash: bytes, time_ms: int, *, is_whole: bool) -> None:
        """Remember that a pack was read; durable after every few calls and after ``flush``."""
        row = _ROW.pack(pack_hash, time_ms, WHOLE if is_whole else DAMAGED)
        self._pending += row + _SUM.pack(zlib.crc32(row))
        if len(self._pending) >= _FLUSH_ROWS * ROW_SIZE:
            self.flush()

    def flush(self) -> None:
        """Make what was noted durable."""
        if not self._pending:
            return
        if isinstance(self.fault, LockHeld):  # waited for once
            self._pending = bytearray()
            return
        try:
            with self._locked() as descriptor:
                # A torn row of an earlier cut must not shift the ones that follow.
                torn = os.fstat(descriptor).st_size % ROW_SIZE
                if torn:
                    os.truncate(self._path, os.fstat(descriptor).st_size - torn)
                if os.write(descriptor, self._pending) < len(self._pending):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
        except OSError as error:
            self.fault = error
        self._pending = bytearray()

    def shorten(self, packs: PackTable, now_ms: int | None = None) -> None:
        """Write the file anew when most of its rows are of no use any more."""
        try:
            rows = self._path.stat().st_size // ROW_SIZE
        except OSError:
            return
        if rows <= 2 * len(packs) + _SLACK_ROWS:
            return
        times = self.last_read(packs, now_ms)
        kept = bytearray()
        for ordinal, time_ms in enumerate(times):
            if time_ms:
                row = _ROW.pack(packs.hash_at(ordinal), time_ms, WHOLE)
                kept += row + _SUM.pack(zlib.crc32(row))
        try:
            with self._locked():
                replace_durably(str(self._path), kept)
        except OSError as error:
            self.fault = error

    def _rows(self) -> Iterator[tuple[bytes, int, int]]:
        try:
            file = open(self._path, "rb")
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.fault = error
            return
        with file:
            while block := file.read(ROW_SIZE * _ROWS_READ):
                for start in range(0, len(block) - ROW_SIZE + 1, ROW_SIZE):
                    row = block[start : start + _ROW.size]
                    if _SUM.pack(zlib.crc32(row)) == block[start + _ROW.size : start + ROW_SIZE]:
                        yield _ROW.unpack(row)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file for adding, alone: another process may be writing it anew."""
        make_directories_durably(str(self.directory))
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            wait_for_file_lock(lock)
            is_new = not self._path.exists()
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                yield descriptor
            finally:
                os.close(descriptor)
            if is_new:
                fsync_directory(str(self.directory))
        finally:
            os.close(lock)


def choose_packs(
    packs: PackTable,
    last_read: "array[int]",
    *,
    percent: float,
    not_since_ms: int | None,
    shard: tuple[int, int] = (0, 1),
    wanted: bytearray | None = None,
) -> "array[int]":
    """Return the ordinals of the packs to read: those longest not read first, then by hash.

    ``percent`` is of the bytes of all packs that are in question; at least one pack is chosen when
    it is above 0. ``not_since_ms`` leaves out packs that were read at that time or later.
    ``wanted`` has a byte for each pack, not 0 where it is in question.
    """
    index, count = shard
    mine = [
        ordinal
        for ordinal in range(len(packs))
        if (wanted is None or wanted[ordinal]) and int.from_bytes(packs.hash_at(ordinal)[:4], "big") % count == index
    ]
    budget = sum(packs.size_at(ordinal) for ordinal in mine) * percent / 100
    if not_since_ms is not None:
        mine = [ordinal for ordinal in mine if last_read[ordinal] < not_since_ms]
    mine.sort(key=lambda ordinal: (last_read[ordinal], ordinal))
    chosen, taken = array("I"), 0
    for ordinal in mine:
        if taken >= budget:
            break
        chosen.append(ordinal)
        taken += packs.size_at(ordinal)
    return chosen
