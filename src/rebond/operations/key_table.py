"""Keys with a number each, on disk: any number of them takes no memory of this process's own."""

import mmap
import os
import struct
import tempfile
from pathlib import Path

from rebond.spool import no_scratch
from rebond.vault.primitives import hash_of

KEY_BYTES = 16
_SLOT = struct.Struct("<16sQ")  # the number is kept plus one: 0 is a slot that nothing is in
_FIRST_SLOTS = 4096
_FULL_AT = 0.6  # of the slots: a search then looks at two of them, as a rule


def key_of(identity: bytes) -> bytes:
    """Return what a table keeps of an identity, which has 16 bytes unless somebody else's program wrote it."""
    return identity if len(identity) == KEY_BYTES else hash_of(identity)[:KEY_BYTES]


class KeyTable:
    """Keeps keys of 16 bytes. Its file has no name, and lies in ``directory`` or where temporary files do.

    What it raises is a ``RestoreError``. Not safe to use from two threads at once.
    """

    def __init__(self, directory: Path | None) -> None:
        """Nothing is made before the first key."""
        self._directory = directory or Path(tempfile.gettempdir())
        self._slots = 0
        self._count = 0
        self._pages: mmap.mmap | None = None

    def __len__(self) -> int:
        return self._count

    def keep(self, key: bytes, number: int) -> int | None:
        """Keep a key with a number of 0 or more; return the number that it has already, which stays."""
        if self._pages is None or self._count >= self._slots * _FULL_AT:
            self._grow()
        slot, found = self._look(key)
        if found is None:
            assert self._pages is not None  # noqa: S101 - it was just made
            _SLOT.pack_into(self._pages, slot * _SLOT.size, key, number + 1)
            self._count += 1
        return found

    def get(self, key: bytes) -> int | None:
        """Return the number of a key; ``None`` where it was not kept."""
        return self._look(key)[1] if self._pages is not None else None

    def close(self) -> None:
        """Give the file back; calling twice does no harm."""
        if self._pages is not None:
            self._pages.close()
            self._pages = None

    def _look(self, key: bytes) -> tuple[int, int | None]:
        """Return the slot of a key, or the one where it belongs, and its number.

        By Python's own hash, which nobody can foresee: keys may come from whoever wrote a vault.
        """
        assert self._pages is not None  # noqa: S101 - the caller looked
        if len(key) != KEY_BYTES:
            raise ValueError("A key of this table has 16 bytes.")
        slot = hash(key) % self._slots
        while True:
            known, number = _SLOT.unpack_from(self._pages, slot * _SLOT.size)
            if not number:
                return slot, None
            if known == key:
                return slot, number - 1
            slot = (slot + 1) % self._slots

    def _grow(self) -> None:
        """Go on in a file that is twice as large."""
        before, slots_before = self._pages, self._slots
        self._slots = max(_FIRST_SLOTS, slots_before * 2)
        self._pages = self._map(self._slots * _SLOT.size)
        if before is None:
            return
        for place in range(0, slots_before * _SLOT.size, _SLOT.size):
            key, number = _SLOT.unpack_from(before, place)
            if number:
                _SLOT.pack_into(self._pages, self._look(key)[0] * _SLOT.size, key, number)
        before.close()

    def _map(self, size: int) -> mmap.mmap:
        """Return a file in memory, all of whose room is there: where a disk has none, a write to it ends a process."""
        try:
            with tempfile.TemporaryFile(dir=self._directory, buffering=0) as file:
                os.posix_fallocate(file.fileno(), 0, size)
                return mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise no_scratch(self._directory, error) from error
