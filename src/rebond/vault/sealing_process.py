"""Sealing in a process of its own, so that the interpreter that reads has its lock to itself (decision 0022).

Keys travel by the pipe only, as the first request.
"""

import os
import struct
from collections.abc import Callable, Sequence

import msgspec

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, SessionId, VaultId
from rebond.own_processes import OwnProcess, ProcessLost, answer_requests, mapped, write_parts
from rebond.vault.frames import LEVELS, Texture, frame_rows
from rebond.vault.primitives import HASH_SIZE, hash_of
from rebond.vault.sealing import Sealer, SealingContext, StoredSegment, did_not_come_back
from rebond.vault.segments import SegmentKind

_COUNT_BYTES = 4
_ROW = struct.Struct(f"<{HASH_SIZE}sI")
_REQUEST = struct.Struct(
    f"<BBIIIB{HASH_SIZE}s"
)  # kind, texture, segment number, chunks, bytes in the file, desk, HASH of rows
_ANSWER = struct.Struct("<BII")  # status, bytes of the stored segment, bytes of the sealed table
_DONE, _DAMAGED = 0, 1
DESKS = 2  # places in the file, each for one segment
# From one to the next, and on each from what comes to what goes: more than any segment; nothing is taken for it.
_DESK_BYTES, _ANSWER_BYTES = 256 << 20, 128 << 20
_NICENESS = 5  # reading goes first: the sealing of what is read fills the rest of the processors


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


class SealingProcess:
    """One process that seals for one session. Raises ``ProcessLost`` where none can be had.

    As many threads may ask it as there are desks, each with a desk of its own.
    """

    def __init__(self, context: SealingContext) -> None:
        self._process = OwnProcess(__name__)
        keys = context.keys
        setting = _Setting(
            context.vault_id,
            keys.domain,
            context.session,
            context.epoch,
            context.sealing_public,
            context.level.name,
            keys.table_key,
            keys.data_id_key,
            keys.tree_id_key,
        )
        try:
            self._process.ask(msgspec.msgpack.encode(setting))
        except ProcessLost:
            self._process.close()
            raise

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def seal(
        self,
        kind: SegmentKind,
        number: int,
        ids: Sequence[bytes],
        chunks: list[bytes],
        desk: int = 0,
        texture: Texture = Texture.FILES,
    ) -> StoredSegment:
        """Seal a segment and empty ``chunks``; what lies on the desk need not be here too.

        Raises ``VaultDamaged`` as ``Sealer.seal`` does, ``ProcessLost`` when it ended: ``chunks`` are then there again.
        """
        start = desk * _DESK_BYTES
        rows = frame_rows(ids, chunks)
        lengths = list(map(len, chunks))
        size = self._process.write([rows, *chunks], start)
        chunks.clear()
        try:
            answer = self._process.ask(_REQUEST.pack(kind, texture, number, len(ids), size, desk, hash_of(rows)))
            return self._fetch(answer, start + _ANSWER_BYTES)
        except ProcessLost:
            chunks += self._take_back(start + len(rows), lengths)
            raise

    def _fetch(self, answer: bytes, start: int) -> StoredSegment:
        status, stored_bytes, table_bytes = _ANSWER.unpack(answer)
        if status == _DAMAGED:
            raise did_not_come_back()
        stored = self._process.read(stored_bytes, start)
        rest = self._process.read(HASH_SIZE + table_bytes, start + stored_bytes)
        return StoredSegment(stored, rest[:HASH_SIZE], rest[HASH_SIZE:])

    def _take_back(self, position: int, lengths: Sequence[int]) -> list[bytes]:
        """Return what was laid on a desk. Whoever seals it compares it with its ids."""
        chunks = []
        try:
            for length in lengths:
                chunks.append(self._process.read(length, position))
                position += length
        except ProcessLost as error:
            raise did_not_come_back() from error
        return chunks

    def let_end(self) -> None:
        """Ask no more; the process ends."""
        self._process.let_end()

    def close(self) -> None:
        """End the process and wait until it has ended."""
        self._process.close()


def make_handler(file: int) -> Callable[[bytes], bytes]:
    """Return what answers: first the setting, then one segment after the other."""
    sealer: Sealer | None = None

    def handle(request: bytes) -> bytes:
        nonlocal sealer
        if sealer is None:
            sealer = _make_sealer(msgspec.msgpack.decode(request, type=_Setting))
            return b""
        try:
            return _seal(sealer, file, *_REQUEST.unpack(request))
        except VaultDamaged:
            return _ANSWER.pack(_DAMAGED, 0, 0)

    return handle


def _make_sealer(setting: _Setting) -> Sealer:
    return Sealer(
        VaultId(setting.vault_id),
        DomainId(setting.domain),
        SessionId(setting.session),
        setting.epoch,
        setting.sealing_public,
        LEVELS[setting.level],
        setting.table_key,
        {SegmentKind.DATA: setting.data_key, SegmentKind.TREE: setting.tree_key},
    )


def _seal(
    sealer: Sealer,
    file: int,
    kind: int,
    texture: int,
    number: int,
    count: int,
    size: int,
    desk: int,
    hash_of_rows: bytes,
) -> bytes:
    start = desk * _DESK_BYTES
    with mapped(file, size, start) as raw:
        rows = bytes(raw[: _COUNT_BYTES + count * _ROW.size])
        if hash_of(rows) != hash_of_rows:  # another segment lies there: it would seal well, under a wrong number
            raise did_not_come_back()
        ids = [chunk_id for chunk_id, _ in _ROW.iter_unpack(rows[_COUNT_BYTES:])]
        sealed = sealer.seal(SegmentKind(kind), number, ids, raw, Texture(texture))
    write_parts(file, (sealed.stored, sealed.stored_hash, sealed.table), start + _ANSWER_BYTES)
    return _ANSWER.pack(_DONE, len(sealed.stored), len(sealed.table))


if __name__ == "__main__":
    answer_requests(make_handler, niceness=_NICENESS)
    os._exit(0)  # taking the interpreter down would cost half of what it was started for
