"""The packs of a listing in little memory: forty bytes each, found by their hash."""

from array import array
from collections.abc import Iterator

from rebond.store.protocol import Store
from rebond.vault.packs import hash_in_name
from rebond.vault.primitives import HASH_SIZE


class PackTable:
    """Every pack that was listed, by its *ordinal*: 0 for the lowest hash. Built once, then only read."""

    def __init__(self) -> None:
        self._hashes = bytearray()
        self._sizes = array("Q")

    @classmethod
    def from_store(cls, store: Store) -> "PackTable":
        """List ``packs/`` and keep what is named as a pack. A store lists in byte order, so it comes sorted."""
        table = cls()
        for info in store.list_objects("packs/"):
            pack_hash = hash_in_name(info.name)
            if pack_hash is not None and info.name[6:9] == info.name[9:11] + "/":
                table._hashes += pack_hash
                table._sizes.append(info.size)
        return table

    def __len__(self) -> int:
        return len(self._sizes)

    def find(self, pack_hash: bytes) -> int | None:
        """Return the ordinal of a pack, or ``None`` when it was not listed."""
        low, high = 0, len(self._sizes)
        hashes = self._hashes
        while low < high:
            middle = (low + high) // 2
            if hashes[middle * HASH_SIZE : (middle + 1) * HASH_SIZE] < pack_hash:
                low = middle + 1
            else:
                high = middle
        return low if hashes[low * HASH_SIZE : (low + 1) * HASH_SIZE] == pack_hash else None

    def hash_at(self, ordinal: int) -> bytes:
        """Return the hash in the name of a pack."""
        return bytes(self._hashes[ordinal * HASH_SIZE : (ordinal + 1) * HASH_SIZE])

    def size_at(self, ordinal: int) -> int:
        """Return the size that the store reported, in bytes."""
        return self._sizes[ordinal]

    def hashes(self) -> Iterator[bytes]:
        """Yield the hashes, rising."""
        for ordinal in range(len(self)):
            yield self.hash_at(ordinal)

    @property
    def total_bytes(self) -> int:
        """The bytes of all packs."""
        return sum(self._sizes)
