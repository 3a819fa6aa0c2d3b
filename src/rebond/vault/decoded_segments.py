"""Segments on their way back: stored copies, and their chunks once they are opened and checked."""

from collections.abc import Collection, Iterable
from typing import ClassVar

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from rebond.errors import FormatTooNew, VaultDamaged, WrongKey
from rebond.secret import Reserved
from rebond.vault.frames import ChunkTable, open_frame, open_some_chunks, split_chunks
from rebond.vault.primitives import keyed_id, sealing_private_key
from rebond.vault.segments import decode_segment_header, open_segment, segment_matches

_LITTLE_BYTES = 1 << 20  # a quarter of the usual segment


class DecodedSegment:
    """An opened segment whose chunks all have their own ids, by the first 16 bytes of these."""

    __slots__ = ("_positions", "_table", "is_whole")

    def __init__(self, table: ChunkTable, only: Collection[bytes] | None = None) -> None:
        """Take chunks that were checked: here by ``check_chunks``, or by another process of this program.

        With ``only``, the first 16 bytes of some ids, no others are found in it.
        """
        self._table = table
        self.is_whole = only is None
        self._positions = {
            chunk_id[:16]: i for i, chunk_id in enumerate(table.ids) if only is None or chunk_id[:16] in only
        }

    def find(self, short_id: bytes) -> memoryview | None:
        """Return a chunk, ``None`` when it is not here."""
        position = self._positions.get(short_id)
        return None if position is None else self._table.content(position)

    def __contains__(self, short_id: bytes) -> bool:
        return short_id in self._positions

    def __len__(self) -> int:
        return len(self._table.raw)

    @property
    def raw(self) -> bytes:
        """The decoded segment; its beginning, where only some chunks were asked for."""
        return self._table.raw


def pays_to_spare(lengths: Iterable[int]) -> bool:
    """Whether chunks of these lengths are so little of a segment that it is not decoded and checked as a whole.

    Small files that many directories share lie together with the first of them: one part of a stack that is put back
    needs a byte here and a licence there out of a hundred segments of others (decision 0204).
    """
    return sum(lengths) < _LITTLE_BYTES


class GatheredChunks(DecodedSegment):
    """Chunks of a lost segment, found in other ones."""

    __slots__ = ("_contents",)

    def __init__(self, contents: dict[bytes, bytes]) -> None:
        self._contents = contents

    def find(self, short_id: bytes) -> memoryview | None:
        content = self._contents.get(short_id)
        return None if content is None else memoryview(content)

    def __contains__(self, short_id: bytes) -> bool:
        return short_id in self._contents

    def __len__(self) -> int:
        return sum(len(content) for content in self._contents.values())


class StoredCopy(Reserved, frozen=True):
    """A segment as some pack holds it, with what it must turn out to be and the seed of the key that opens it."""

    SHOWN: ClassVar[tuple[str, ...]] = ("stored", "stored_hash", "session", "number")

    stored: bytes
    stored_hash: bytes
    session: bytes
    number: int
    seed: bytes

    def open(
        self, private_key: MLKEM768X25519PrivateKey, id_key: bytes, only: Collection[bytes] | None = None
    ) -> DecodedSegment:
        """Check everything about it and open it; raises ``VaultDamaged``, ``WrongKey`` or ``FormatTooNew``.

        With ``only``, the first 16 bytes of the ids of a few chunks, no more is decoded and checked than these need,
        and no others are found in it.
        """
        if not segment_matches(self.stored, self.stored_hash):
            raise VaultDamaged("The bytes are not those that were written.")
        header = decode_segment_header(self.stored)
        if (header.session, header.number) != (self.session, self.number):
            raise VaultDamaged("It is another segment.")
        frame = open_segment(self.stored, private_key)
        table = split_chunks(open_frame(frame)) if only is None else open_some_chunks(frame, only)
        check_chunks(table, id_key, only)
        return DecodedSegment(table, only)


class CopyOpener:
    """Opens stored copies for whoever has their seeds. Not to be shared between threads."""

    def __init__(self, id_key: bytes) -> None:
        self._id_key = id_key
        self._private_keys: dict[bytes, MLKEM768X25519PrivateKey] = {}

    def open(self, copy: StoredCopy, only: Collection[bytes] | None = None) -> DecodedSegment | None:
        """Check and open a copy, or ``only`` a few of its chunks; ``None`` when it is not what it must be."""
        try:
            key = self._private_keys.get(copy.seed)
            if key is None:
                key = self._private_keys[copy.seed] = sealing_private_key(copy.seed)
            return copy.open(key, self._id_key, only)
        except (VaultDamaged, WrongKey, FormatTooNew):
            return None


def check_chunks(table: ChunkTable, id_key: bytes, only: Collection[bytes] | None = None) -> None:
    """Raise ``VaultDamaged`` unless every chunk is what its id says; with ``only``, each of these."""
    for position, chunk_id in enumerate(table.ids):
        if only is not None and chunk_id[:16] not in only:
            continue
        if keyed_id(id_key, table.content(position)) != chunk_id:
            raise VaultDamaged("A chunk is not what its id says.")
