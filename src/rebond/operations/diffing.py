"""What changed between two snapshots, or between a snapshot and what is there now."""

import enum
import posixpath
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from rebond.entries import Entry, EntryKind, Tree
from rebond.operations.browsing import Located, children, root_of, walk
from rebond.sources.files.paths import join_path
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import PrivateComponent, SnapshotRecord
from rebond.vault.trees import StoredEntry


class Change(enum.StrEnum):
    """How a path differs, in one letter."""

    ADDED = "+"
    REMOVED = "-"
    CONTENT = "M"
    METADATA = "U"
    KIND = "T"
    UNREAD = "?"  # it is there, or may be, and could not be looked at


class Difference(Struct, frozen=True):
    """One path that differs; sizes in bytes, ``None`` where there is nothing on that side."""

    change: Change
    path: bytes
    before_bytes: int | None
    after_bytes: int | None


def diff_snapshots(before: SnapshotReader, after: SnapshotReader) -> Iterator[Difference]:
    """Yield what changed from one snapshot to the other, in the order of the paths.

    What one of them was made without is not compared: see ``list_not_compared``.
    """
    left_out = {name for name, _ in list_not_compared(before, after)}
    left = {component.name: component for component in before.components}
    right = {component.name: component for component in after.components}
    for name in sorted((left.keys() | right.keys()) - left_out):
        old = root_of(left[name]) if name in left and left[name].tree else None
        new = root_of(right[name]) if name in right and right[name].tree else None
        yield from _diff(before, old, after, new)


def list_not_compared(before: SnapshotReader, after: SnapshotReader) -> list[tuple[str, SnapshotRecord]]:
    """Return the components that only one of two snapshots holds, and the other, where that was made without them.

    So it was where they were left out by wish, or could not be saved. What the stack had no more, or not yet, is a
    difference.
    """
    held = [{each.name for each in reader.components if each.tree} for reader in (before, after)]
    return [
        (name, reader.record)
        for name in sorted(held[0] ^ held[1])
        for reader, names in zip((before, after), held, strict=True)
        if name not in names and _was_left_out(reader.record, name)
    ]


def _was_left_out(record: SnapshotRecord, name: str) -> bool:
    catalog = record.catalog
    return name in catalog.lacks or any(each.name == name and not each.complete for each in catalog.components)


def diff_component(before: SnapshotReader, after: SnapshotReader, name: str) -> Iterator[Difference]:
    """Yield what changed of one component from one snapshot to the other, in the order of the paths."""
    sides = [next((each for each in reader.components if each.name == name), None) for reader in (before, after)]
    old, new = (root_of(each) if each and each.tree else None for each in sides)
    yield from _diff(before, old, after, new)


Pair = tuple[Located | None, Located | None]


def _diff(
    before: SnapshotReader, old: Located | None, after: SnapshotReader, new: Located | None
) -> Iterator[Difference]:
    pending: list[Iterator[Pair]] = [iter([(old, new)])]
    while pending:
        old, new = next(pending[-1], (None, None))
        if old is None and new is None:
            pending.pop()
            continue
        change = _compare(old, new) if old is not None and new is not None else Change.KIND
        if change is Change.KIND:
            yield from _one_sided(before, old, Change.REMOVED)
            yield from _one_sided(after, new, Change.ADDED)
        elif old is not None and new is not None:
            if change is not None:
                yield Difference(change, new.shown, _size(old), _size(new))
            if old.directory != new.directory:
                pending.append(_pair(children(before, old), children(after, new)))


def _pair(left: Iterator[Located], right: Iterator[Located]) -> Iterator[Pair]:
    """Walk through two directories at once, both sorted by their names."""
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.path < new.path):
            yield old, None
            old = next(left, None)
        elif old is None or new.path < old.path:
            yield None, new
            new = next(right, None)
        else:
            yield old, new
            old, new = next(left, None), next(right, None)


def _one_sided(reader: SnapshotReader, item: Located | None, change: Change) -> Iterator[Difference]:
    if item is None:
        return
    size = _size(item)
    is_added = change is Change.ADDED
    yield Difference(change, item.shown, None if is_added else size, size if is_added else None)
    for below in walk(reader, item):
        size = _size(below)
        yield Difference(change, below.shown, None if is_added else size, size if is_added else None)


def _size(item: Located) -> int:
    return item.entry.size if item.entry is not None else 0


def _compare(old: Located, new: Located) -> Change | None:
    if old.entry is None or new.entry is None:
        return None
    if old.entry.kind != new.entry.kind:
        return Change.KIND
    if _content_of(old.entry) != _content_of(new.entry):
        return Change.CONTENT
    if _metadata_of(old.entry) != _metadata_of(new.entry):
        return Change.METADATA
    return None


def _content_of(entry: StoredEntry) -> tuple[object, ...]:
    return entry.size, entry.chunks, entry.chunk_list, entry.target, entry.device, entry.holes


def _metadata_of(entry: StoredEntry) -> StoredEntry:
    return msgspec.structs.replace(
        entry, size=0, chunks=b"", chunk_list=None, directory=b"", holes=(), hard_link=b"", born_ns=None
    )


def diff_live(
    reader: SnapshotReader,
    component: PrivateComponent,
    live: Tree,
    *,
    is_unread: Callable[[bytes], bool] = lambda _path: False,
) -> Iterator[Difference]:
    """Yield what changed since the snapshot in the place it was saved from.

    A file counts as changed when its size or its time of modification differs; its content is not read. ``is_unread``
    says of a path below the root, once the walk has met it, whether it or what it holds could not be looked at: of
    that nothing counts as removed.
    """
    name = component.name.encode()
    known: dict[bytes, Located] = {b"": root_of(component)}  # directories that the walk has not come to
    for listing in live.listings():
        old_directory = known.pop(listing.path, None)
        if old_directory is None:
            yield Difference(Change.ADDED, name + b"/" + listing.path, None, 0)
        old = _Beside(reader, old_directory, known)
        for position, entry_name in enumerate(listing.names):
            path = join_path(listing.path, entry_name)
            item = old.take(entry_name)
            if item is not None and item.directory:  # a file took the place of a directory
                yield from _one_sided(reader, item, Change.REMOVED)
                item = None
            entry = listing.describe(position)
            if entry is not None:
                yield from _compare_live(entry, item, name + b"/" + path)
            elif item is not None and is_unread(path):
                yield Difference(Change.UNREAD, item.shown, _size(item), None)
        is_whole = not is_unread(listing.path)
        if not is_whole and old_directory is not None:
            yield Difference(Change.UNREAD, old_directory.shown, None, None)
        for missing_name, size in old.take_rest():
            path = join_path(listing.path, missing_name)
            if is_unread(path):
                yield Difference(Change.UNREAD, name + b"/" + path, size, None)
            elif is_whole:
                yield Difference(Change.REMOVED, name + b"/" + path, size, None)
    for path, item in known.items():
        if is_unread(path):
            yield Difference(Change.UNREAD, item.shown, None, None)
        elif not is_unread(posixpath.dirname(path)):
            yield from _one_sided(reader, item, Change.REMOVED)


class _Beside:
    """A stored directory that is read beside a live one, both in the order of their names.

    What the live one does not name is noted: of files no more than their names and sizes, since there may be a million
    of them; directories go to ``known``, the walk may come to them yet.
    """

    def __init__(self, reader: SnapshotReader, directory: Located | None, known: dict[bytes, Located]) -> None:
        is_there = directory is not None and directory.directory
        self._items = children(reader, directory) if directory is not None and is_there else iter(())
        self._next = next(self._items, None)
        self._known = known
        self._missing_names = bytearray()  # each ends with a byte that no name can hold
        self._missing_sizes: list[int] = []

    def take(self, name: bytes) -> Located | None:
        """Return what is stored under a name. Names are asked for in their order."""
        while (item := self._next) is not None and item.entry is not None and item.entry.name <= name:
            self._next = next(self._items, None)
            if item.entry.name == name:
                return item
            self._miss(item, item.entry)
        return None

    def take_rest(self) -> Iterator[tuple[bytes, int]]:
        """Yield the name and the size of each file that was not asked for, in order."""
        while (item := self._next) is not None and item.entry is not None:
            self._next = next(self._items, None)
            self._miss(item, item.entry)
        start = 0
        for size in self._missing_sizes:
            end = self._missing_names.index(b"\0", start)
            yield bytes(self._missing_names[start:end]), size
            start = end + 1

    def _miss(self, item: Located, entry: StoredEntry) -> None:
        if item.directory:
            # Nothing but its size is asked of it later.
            self._known[item.path] = item if entry.size else msgspec.structs.replace(item, entry=None)
        else:
            self._missing_names += entry.name + b"\0"
            self._missing_sizes.append(entry.size)


def _compare_live(entry: Entry, old: Located | None, shown: bytes) -> Iterator[Difference]:
    if old is None or old.entry is None:
        yield Difference(Change.ADDED, shown, None, entry.size)
    elif old.entry.kind != entry.kind.value:
        yield Difference(Change.KIND, shown, old.entry.size, entry.size)
    elif (
        entry.kind is EntryKind.FILE and (old.entry.size, old.entry.modified_ns) != (entry.size, entry.modified_ns)
    ) or old.entry.target != entry.target:
        yield Difference(Change.CONTENT, shown, old.entry.size, entry.size)
    elif (old.entry.mode, old.entry.uid, old.entry.gid, old.entry.xattrs) != (
        entry.mode,
        entry.uid,
        entry.gid,
        entry.xattrs,
    ):
        yield Difference(Change.METADATA, shown, old.entry.size, entry.size)
