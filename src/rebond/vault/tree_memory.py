"""What was found below each directory object, on disk, so that a tree is walked once (§11).

For each directory id the segments that it and all below it may be taken from. A snapshot that
needs at least these, none of them lost, has the directory whole: it need not be walked again.
"""

from array import array
from collections.abc import Iterable
from pathlib import Path

from rebond.spool import Spool
from rebond.vault.chunk_index import ChunkIndex


class TreeMemory:
    """Directory id → places of its segments. Files of it lie in ``directory``."""

    def __init__(self, directory: Path) -> None:
        runs = directory / "walked"
        runs.mkdir(mode=0o700)
        self._numbers = ChunkIndex(runs)
        self._spool = Spool(directory)

    def find(self, directory_id: bytes) -> "array[int] | None":
        """Return the places noted last for a directory, or ``None``."""
        numbers = self._numbers.find(directory_id)
        if not numbers:
            return None
        places = array("Q")
        places.frombytes(self._spool.get(numbers[0]))
        return places

    def note(self, directory_id: bytes, places: Iterable[int]) -> None:
        """Remember a directory that is whole."""
        self._numbers.add(directory_id, self._spool.add(array("Q", sorted(places)).tobytes()))

    def close(self) -> None:
        """Give the files back."""
        self._numbers.close()
        self._spool.close()
