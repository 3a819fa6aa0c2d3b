"""A second look at a tree that was saved a moment ago: what it shows now, and what it showed then and is gone.

An application that runs adds and deletes files while it is saved. Files are looked at before the moment of the
databases and again after it; what either look saw stays. So a file that a database named at its moment is in the
snapshot, also when it was written after the first look, or deleted before the second.

The first look is known by the records that it left in the cache (``file_cache``), which are read beside the second
walk like two sorted lists: memory does not grow with the tree.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import msgspec

from rebond.entries import Content, Entry, EntryKind, Listing, Tree
from rebond.vault.cache_slices import GatheredSlice
from rebond.vault.file_cache import CacheReader, CacheRecord, encode_record, order_of
from rebond.vault.open_directories import OpenDirectory
from rebond.vault.tree_writing import TreeWriter

GONE = b"\1"  # the stamp of what only the first look saw; no listing gives it
Stored = tuple[CacheRecord, bytes]


class SecondLook(CacheReader):
    """A walk joined with the records of an earlier one. Both a tree and the cache of its entries.

    What is gone is shown with the stamp ``GONE``, in the listing and in the records alike, so a writer takes the
    entry from the record as it takes everything that is unchanged. ``gone`` counts such files and directories.
    """

    def __init__(self, tree: Tree, records: Iterator[Stored]) -> None:
        super().__init__([])
        self._tree = tree
        self._earlier = records
        self._next: Stored | None = next(records, None)
        self._here: list[Stored] = []
        self.gone = 0

    def listings(self) -> Iterator[Listing]:
        """Yield every directory of either look once, in the order of a walk. Raises what the walk raises."""
        for listing in self._tree.listings():
            key = order_of(listing.path)
            while self._next is not None and order_of(self._next[0].path) < key:
                yield self._make_gone()
            yield self._join(listing)
        while self._next is not None:
            yield self._make_gone()

    def records_of(self, path: bytes) -> Iterator[Stored]:
        """Yield the records of the directory that was yielded last."""
        return iter(self._here) if self._here and self._here[0][0].path == path else iter(())

    def find_record(self, name: bytes) -> tuple[CacheRecord, int] | None:
        """Return where the first look noted a name of the directory that was yielded last."""
        for record, _ in self._here:
            position = bisect_left(record.names, name)
            if position < len(record.names) and record.names[position] == name:
                return record, position
        return None

    def _take(self, path: bytes) -> list[Stored]:
        taken = []
        while self._next is not None and self._next[0].path == path:
            taken.append(self._next)
            self._next = next(self._earlier, None)
        return taken

    def _join(self, listing: Listing) -> Listing:
        self._here = self._take(listing.path)
        if not self._here or (len(self._here) == 1 and self._here[0][0].names == listing.names):
            return listing  # mostly
        present = set(listing.names)
        if all(present.issuperset(record.names) for record, _ in self._here):
            return listing
        gone = [name for record, _ in self._here for name in record.names if name not in present]
        self.gone += len(gone)
        self._here = [_mark(record, present) for record, _ in self._here]
        return JoinedListing(listing, gone)

    def _make_gone(self) -> Listing:
        assert self._next is not None  # noqa: S101 - the caller looked
        path = self._next[0].path
        self._here = [_mark(record, set(), is_directory_gone=True) for record, _ in self._take(path)]
        names = [name for record, _ in self._here for name in record.names]
        self.gone += 1 + len(names)
        return GoneListing(path, names)


def _mark(record: CacheRecord, present: set[bytes], *, is_directory_gone: bool = False) -> Stored:
    """Return a record in which everything that is not present has the stamp ``GONE``."""
    stamps = [stamp if name in present else GONE for name, stamp in zip(record.names, record.stamps, strict=True)]
    own_stamp = GONE if is_directory_gone and record.directory else record.stamp
    marked = msgspec.structs.replace(record, stamps=stamps, stamp=own_stamp)
    return marked, encode_record(marked)


class GoneListing:
    """A directory that only the first look saw. Nothing of it can be read any more."""

    def __init__(self, path: bytes, names: Sequence[bytes]) -> None:
        self.path = path
        self.depth = path.count(b"/") + 1 if path else 0
        self.stamp = GONE
        self.names = names
        self.stamps = [GONE] * len(names)

    def directory(self) -> Entry:
        """An entry for a directory whose own was lost from the cache."""
        return Entry(name=self.path.rpartition(b"/")[2], kind=EntryKind.DIRECTORY, mode=0o700)

    def describe(self, position: int) -> Entry | None:
        """Nothing."""

    def open(self, position: int) -> Content | None:
        """Nothing."""

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Nothing."""

    def read_small(self, position: int, size: int) -> bytes | None:
        """Nothing."""


class JoinedListing:
    """A directory with what is in it now and the names that are gone from it, sorted together."""

    def __init__(self, listing: Listing, gone: Sequence[bytes]) -> None:
        self._listing = listing
        self.path, self.depth, self.stamp = listing.path, listing.depth, listing.stamp
        both = [(name, position) for position, name in enumerate(listing.names)]
        both += [(name, -1) for name in gone]
        both.sort()
        stamps = listing.stamps
        self.names: Sequence[bytes] = [name for name, _ in both]
        self.stamps: Sequence[bytes] = [GONE if position < 0 else stamps[position] for _, position in both]
        self._positions = [position for _, position in both]

    def directory(self) -> Entry:
        """The entry of the directory as it is now."""
        return self._listing.directory()

    def describe(self, position: int) -> Entry | None:
        """Describe what is there; nothing of what is gone."""
        place = self._positions[position]
        return None if place < 0 else self._listing.describe(place)

    def open(self, position: int) -> Content | None:
        """Open what is there."""
        place = self._positions[position]
        return None if place < 0 else self._listing.open(place)

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Read what is there."""
        place = self._positions[position]
        return None if place < 0 else self._listing.read_whole(place, most_bytes)

    def read_small(self, position: int, size: int) -> bytes | None:
        """Read what is there."""
        place = self._positions[position]
        return None if place < 0 else self._listing.read_small(place, size)


class SecondWriter(TreeWriter):
    """Saves a second look. What vanishes between its listing and its reading is kept as the first look had it."""

    _cached: SecondLook

    knows_leaves = False  # a directory that only the first look saw may follow any listing

    def _save_entry(self, listing: Listing, position: int, opened: OpenDirectory, slice_: GatheredSlice) -> bool:
        if super()._save_entry(listing, position, opened, slice_):
            return True
        found = self._cached.find_record(listing.names[position])
        if found is None:
            return False
        self._reuse_entry(*found, opened, slice_)
        return True
