"""Segments on their way back: stored copies, and their chunks once they are opened and checked."""

from typing import ClassVar

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from rebond.errors import FormatTooNew, VaultDamaged, WrongKey
from rebond.secret import Reserved
from rebond.vault.frames import ChunkTable, open_frame, split_chunks
from rebond.vault.primitives import keyed_id, sealing_private_key
from rebond.vault.segments import decode_segment_header, open_segment, segment_matches


class DecodedSegment:
    """An opened segment whose chunks all have their own ids, by the first 16 bytes of these."""

    __slots__ = ("_positions", "_table")

    def __init__(self, table: ChunkTable) -> None:
        """Take chunks that were checked: here by ``check_chunks``, or by another process of this program."""
        self._table = table
        self._positions = {chunk_id[:16]: i for i, chunk_id in enumerate(table.ids)}

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
        """The decoded segment."""
        return self._table.raw


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

    def open(self, private_key: MLKEM768X25519PrivateKey, id_key: bytes) -> DecodedSegment:
        """Check everything about it and open it; raises ``VaultDamaged``, ``WrongKey`` or ``FormatTooNew``."""
        if not segment_matches(self.stored, self.stored_hash):
            raise VaultDamaged("The bytes are not those that were written.")
        header = decode_segment_header(self.stored)
        if (header.session, header.number) != (self.session, self.number):
            raise VaultDamaged("It is another segment.")
        table = split_chunks(open_frame(open_segment(self.stored, private_key)))
        check_chunks(table, id_key)
        return DecodedSegment(table)


class CopyOpener:
    """Opens stored copies for whoever has their seeds. Not to be shared between threads."""

    def __init__(self, id_key: bytes) -> None:
        self._id_key = id_key
        self._private_keys: dict[bytes, MLKEM768X25519PrivateKey] = {}

    def open(self, copy: StoredCopy) -> DecodedSegment | None:
        """Check and open a copy; ``None`` when it is not what it must be."""
        try:
            key = self._private_keys.get(copy.seed)
            if key is None:
                key = self._private_keys[copy.seed] = sealing_private_key(copy.seed)
            return copy.open(key, self._id_key)
        except (VaultDamaged, WrongKey, FormatTooNew):
            return None


def check_chunks(table: ChunkTable, id_key: bytes) -> None:
    """Raise ``VaultDamaged`` unless every chunk is what its id says."""
    for position, chunk_id in enumerate(table.ids):
        if keyed_id(id_key, table.content(position)) != chunk_id:
            raise VaultDamaged("A chunk is not what its id says.")
