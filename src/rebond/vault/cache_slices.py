"""A cache record being gathered: entries of one directory with the segments that they use."""

from rebond.vault.file_cache import USE, CacheRecord
from rebond.vault.segment_directory import SEGMENT_BITS, SEGMENT_MASK, SegmentDirectory

NEVER_SAME = b"\0"  # a stamp that no listing gives: the file is read again next time
Uses = list[tuple[int, int]]  # (place, bytes)


class GatheredSlice:
    """Entries on their way into a ``CacheRecord``. ``directory`` is the directory's own, in its first slice only."""

    def __init__(self, path: bytes, stamp: bytes, directory: bytes, segments: SegmentDirectory) -> None:
        self._segments = segments
        self._path, self._stamp, self._directory = path, stamp or NEVER_SAME, directory
        self._names: list[bytes] = []
        self._stamps: list[bytes] = []
        self._entries: list[bytes] = []
        self._uses: list[bytes] = []
        self._places: dict[int, int] = {}  # local session number → place in the record
        self._all: dict[int, int] = {}
        self._files = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: bytes, stamp: bytes, encoded: bytes, uses: Uses, files: int, size_bytes: int) -> None:
        """Take one entry."""
        self._names.append(name)
        self._stamps.append(stamp)
        self._entries.append(encoded)
        every = self._all
        for place, used in uses:
            every[place] = every.get(place, 0) + used
        self._uses.append(b"".join([self._row(place, used) for place, used in uses]))
        self._files += files
        self._bytes += size_bytes

    def add_small(self, name: bytes, stamp: bytes, encoded: bytes, place: int, size_bytes: int) -> None:
        """Take a file that lies in one place, as most do."""
        self._names.append(name)
        self._stamps.append(stamp)
        self._entries.append(encoded)
        self._all[place] = self._all.get(place, 0) + size_bytes
        self._uses.append(self._row(place, size_bytes))
        self._files += 1
        self._bytes += size_bytes

    def _row(self, place: int, used: int) -> bytes:
        session = place >> SEGMENT_BITS
        index = self._places.get(session)
        if index is None:
            index = self._places[session] = len(self._places)
        return USE.pack(index, place & SEGMENT_MASK, min(used, 0xFFFFFFFF))

    def to_record(self) -> CacheRecord:
        """Return what was gathered."""
        all_uses = b"".join(self._row(place, used) for place, used in self._all.items())
        return CacheRecord(
            self._path,
            self._stamp,
            self._directory,
            self._names,
            self._stamps,
            self._entries,
            self._uses,
            [self._segments.sessions[number] for number in self._places],
            all_uses,
            self._files,
            self._bytes,
        )
