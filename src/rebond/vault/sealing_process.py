"""Sealing in a process of its own, so that the interpreter that reads has its lock to itself.

The bytes go through one anonymous file in memory that both processes know: the raw segment one way,
the stored one back. Requests and answers are short records on the process's standard input and
output. Keys travel by the pipe only. The process ends when its input does.
"""

import contextlib
import ctypes
import mmap
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import IO

import msgspec

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, SessionId, VaultId
from rebond.subprocesses import start_own_module
from rebond.vault.frames import LEVELS, frame_rows
from rebond.vault.primitives import HASH_SIZE
from rebond.vault.sealing import Sealer, SealingContext, StoredSegment, did_not_come_back
from rebond.vault.segments import SegmentKind

_LENGTH = struct.Struct("<I")
_REQUEST = struct.Struct("<BIII")  # kind, segment number, chunks, bytes in the file
_ANSWER = struct.Struct("<BII")  # status, bytes of the stored segment, bytes of the sealed table
_ROW = struct.Struct(f"<{HASH_SIZE}sI")
_DONE, _DAMAGED = 0, 1
_BUFFERS_AT_ONCE = 1000  # the kernel takes at most 1,024 in one call
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_KEPT_BYTES = 32 << 20  # what the process keeps for the next segment instead of giving it back


class SealingProcessLost(Exception):
    """The process ended or could not be used; what it was asked has to be done by somebody else."""


class _Setting(msgspec.Struct, frozen=True):
    """What a process is told when it starts."""

    vault_id: bytes
    domain: bytes
    session: bytes
    epoch: int
    sealing_public: bytes
    level: str
    table_key: bytes
    data_key: bytes
    tree_key: bytes
    file: int


class SealingProcess:
    """One process, used by one thread. Raises ``SealingProcessLost`` when it cannot be started."""

    def __init__(self, context: SealingContext) -> None:
        try:
            self._file = os.memfd_create("rebond-segment", os.MFD_CLOEXEC)
        except (AttributeError, OSError) as error:
            raise SealingProcessLost from error
        try:
            self._process = start_own_module(__name__, kept_open=(self._file,))
            if self._process.stdin is None or self._process.stdout is None:
                raise OSError("no pipes")
            self._to, self._from = self._process.stdin, self._process.stdout
            keys = context.keys
            setting = msgspec.msgpack.encode(
                _Setting(
                    context.vault_id,
                    keys.domain,
                    context.session,
                    context.epoch,
                    context.sealing_public,
                    context.level.name,
                    keys.table_key,
                    keys.data_id_key,
                    keys.tree_id_key,
                    self._file,
                )
            )
            self._send(_LENGTH.pack(len(setting)) + setting)
        except OSError as error:
            os.close(self._file)
            raise SealingProcessLost from error

    def seal(self, kind: SegmentKind, number: int, ids: Sequence[bytes], chunks: Sequence[bytes]) -> StoredSegment:
        """Seal a segment. Raises ``VaultDamaged`` as ``Sealer.seal`` does, ``SealingProcessLost`` when it ended."""
        try:
            size = self._write([frame_rows(ids, chunks), *chunks])
            self._send(_REQUEST.pack(kind, number, len(ids), size))
            answer = self._from.read(_ANSWER.size)
            if len(answer) != _ANSWER.size:
                raise SealingProcessLost
            status, stored_bytes, table_bytes = _ANSWER.unpack(answer)
            result = os.pread(self._file, stored_bytes, 0)
            rest = os.pread(self._file, HASH_SIZE + table_bytes, stored_bytes)
        except (OSError, ValueError) as error:
            raise SealingProcessLost from error
        if status == _DAMAGED:
            raise did_not_come_back()
        if status != _DONE or len(result) != stored_bytes or len(rest) != HASH_SIZE + table_bytes:
            raise SealingProcessLost
        return StoredSegment(result, rest[:HASH_SIZE], rest[HASH_SIZE:])

    def close(self) -> None:
        """End the process and wait until it has ended."""
        with contextlib.suppress(OSError):
            self._to.close()
        self._process.wait()
        self._from.close()
        os.close(self._file)

    def _send(self, record: bytes) -> None:
        self._to.write(record)
        self._to.flush()

    def _write(self, parts: Sequence[bytes]) -> int:
        """Write ``parts`` one after the other at the start of the file; return their bytes."""
        size = 0
        for start in range(0, len(parts), _BUFFERS_AT_ONCE):
            batch = parts[start : start + _BUFFERS_AT_ONCE]
            wanted = sum(map(len, batch))
            if os.pwritev(self._file, batch, size) != wanted:
                raise OSError("a short write to memory")
            size += wanted
        return size


def serve(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Seal what is asked for until ``incoming`` ends. What fails for another reason than damage ends the process."""
    (length,) = _LENGTH.unpack(incoming.read(_LENGTH.size))
    setting = msgspec.msgpack.decode(incoming.read(length), type=_Setting)
    sealer = Sealer(
        VaultId(setting.vault_id),
        DomainId(setting.domain),
        SessionId(setting.session),
        setting.epoch,
        setting.sealing_public,
        LEVELS[setting.level],
        setting.table_key,
        {SegmentKind.DATA: setting.data_key, SegmentKind.TREE: setting.tree_key},
    )
    while len(record := incoming.read(_REQUEST.size)) == _REQUEST.size:
        kind, number, count, size = _REQUEST.unpack(record)
        try:
            answer = _seal(sealer, SegmentKind(kind), number, count, setting.file, size)
        except VaultDamaged:
            answer = _ANSWER.pack(_DAMAGED, 0, 0)
        outgoing.write(answer)
        outgoing.flush()


def _seal(sealer: Sealer, kind: SegmentKind, number: int, count: int, file: int, size: int) -> bytes:
    with _mapped(file, size) as raw:
        rows = _ROW.iter_unpack(raw[_LENGTH.size : _LENGTH.size + count * _ROW.size])
        sealed = sealer.seal(kind, number, [chunk_id for chunk_id, _ in rows], raw)
    parts = (sealed.stored, sealed.stored_hash, sealed.table)
    if os.pwritev(file, parts, 0) != sum(map(len, parts)):
        raise OSError("a short write to memory")
    return _ANSWER.pack(_DONE, len(sealed.stored), len(sealed.table))


@contextlib.contextmanager
def _mapped(file: int, size: int) -> Iterator[memoryview]:
    with mmap.mmap(file, size, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as raw:
        yield raw


def _keep_memory() -> None:
    """Tell the allocator to use the same memory for each segment: fresh pages cost more than what fills them."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, 2 * _KEPT_BYTES)


if __name__ == "__main__":
    _keep_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)
