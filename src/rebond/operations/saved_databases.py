"""The databases of a snapshot: their files, read by several threads at once."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from rebond.entries import EntryKind
from rebond.errors import UnknownName, UsageError, VaultDamaged
from rebond.operations.browsing import Located, root_of, take_chunk, walk
from rebond.sources.postgres.saved import Piece, SavedDatabase, open_saved
from rebond.vault.decoded_segments import DecodedSegment
from rebond.vault.reading import SnapshotReader
from rebond.vault.trees import StoredEntry

_KEPT_SEGMENTS = 6
_AHEAD = 2  # groups of chunks that a file asks for before it needs them
_GROUP_BYTES = 4 << 20

_Group = tuple[int, list[tuple[bytes, int]]]  # the place of a segment, and chunks in it in order


class SnapshotFiles:
    """The files below one folder of a snapshot. Implements ``rebond.sources.postgres.saved.SavedFiles``."""

    def __init__(self, segments: "SharedSegments", entries: dict[str, StoredEntry]) -> None:
        self._segments = segments
        self._entries = entries

    def has(self, path: str) -> bool:
        """Say whether there is a file."""
        return path in self._entries

    def size(self, path: str) -> int:
        """Return how many bytes a file that is there has."""
        return self._entries[path].size

    def read(self, path: str) -> bytes:
        """Return all of a file. Raises ``VaultDamaged``."""
        return b"".join(self.pieces(path))

    def pieces(self, path: str) -> Iterator[Piece]:
        """Yield a file piece by piece. Raises ``VaultDamaged`` when it is damaged, or not there."""
        entry = self._entries.get(path)
        if entry is None:
            raise VaultDamaged(
                "{path} is missing in what was saved of the database.", hint="Take another snapshot.", path=path
            )
        count = 0
        for piece in self._segments.read(entry):
            count += len(piece)
            yield piece
        if count != entry.size:
            raise VaultDamaged(
                "{path} has {count} bytes, and {expected} were saved.",
                hint="Run 'rebond verify --read-data', and take another snapshot.",
                path=path,
                count=count,
                expected=entry.size,
            )


class SharedSegments:
    """Segments of a snapshot, fetched ahead and opened once for all who read them. Used as a context manager."""

    def __init__(self, reader: SnapshotReader, *, workers: int) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max(1, workers), "fetch")
        self._known: OrderedDict[int, Future[DecodedSegment]] = OrderedDict()
        self._most = _KEPT_SEGMENTS + workers

    def __enter__(self) -> "SharedSegments":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def read(self, entry: StoredEntry) -> Iterator[Piece]:
        """Yield the content of a file. May be called from several threads."""
        groups = self._group(entry)
        ahead: list[tuple[_Group, Future[DecodedSegment]]] = []
        while True:
            while len(ahead) < _AHEAD and (group := next(groups, None)) is not None:
                ahead.append((group, self._ask(group)))
            if not ahead:
                return
            (place, rows), asked = ahead.pop(0)
            segment = asked.result()
            if any(chunk_id[:16] not in segment for chunk_id, _ in rows):  # another copy may hold all that is wanted
                segment = self._reader.fetch(place, [chunk_id[:16] for chunk_id, _ in rows])
            yield from _join(segment, rows, entry)

    def _ask(self, group: _Group) -> "Future[DecodedSegment]":
        place, rows = group
        with self._lock:
            known = self._known.get(place)
            if known is None or (known.done() and known.exception() is not None):
                wanted = [chunk_id[:16] for chunk_id, _ in rows]
                known = self._known[place] = self._pool.submit(self._reader.fetch, place, wanted)
                while len(self._known) > self._most:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(place)
            return known

    def _group(self, entry: StoredEntry) -> Iterator[_Group]:
        """Yield the chunks of a file by the segments that hold them."""
        rows = self._reader.chunk_rows(entry)
        group: _Group | None = None
        size = 0
        while True:
            with self._lock:  # the reader answers one thread at a time
                row = next(rows, None)
                place = self._reader.find_place(row[0]) if row is not None else -1
            if group is not None and (row is None or place != group[0] or size >= _GROUP_BYTES):
                yield group
                group = None
            if row is None:
                return
            if group is None:
                group, size = (place, []), 0
            group[1].append(row)
            size += row[1]


def _join(segment: DecodedSegment, rows: list[tuple[bytes, int]], entry: StoredEntry) -> Iterator[Piece]:
    yield b"".join([take_chunk(segment, chunk_id, length, entry) for chunk_id, length in rows])


def list_databases(reader: SnapshotReader, segments: SharedSegments, component: str) -> list[SavedDatabase]:
    """Return the databases of a component. Raises ``UnknownName``, ``UsageError`` and ``VaultDamaged``."""
    found = next((each for each in reader.components if each.name == component), None)
    summary = next((each for each in reader.record.catalog.components if each.name == component), None)
    if found is None or summary is None:
        raise UnknownName(
            "There is no component '{name}' in this snapshot.",
            hint="There are: {known}.",
            name=component,
            known=", ".join(each.name for each in reader.components),
        )
    if summary.kind != "postgres" or not found.tree:
        raise UsageError(
            "The component {component} is no PostgreSQL database that was saved.",
            hint="Restore it with --to; 'rebond ls SNAPSHOT {component}' shows what it holds.",
            component=component,
        )
    folders = _list_folders(reader, root_of(found))
    top = SnapshotFiles(segments, folders[""])
    script = top.read("globals.sql") if top.has("globals.sql") else b""
    tops = [folder for folder, entries in sorted(folders.items()) if "manifest.json" in entries]
    if not tops:
        raise UsageError(
            "The component {component} holds no dump of a database: it is physical.",
            hint="Restore it with --to DIR: that is a data directory ready to start.",
            component=component,
        )
    return [open_saved(SnapshotFiles(segments, _gather(folders, folder)), script) for folder in tops]


def _list_folders(reader: SnapshotReader, root: Located) -> dict[str, dict[str, StoredEntry]]:
    folders: dict[str, dict[str, StoredEntry]] = {"": {}}
    for each in walk(reader, root):
        if each.entry is None or each.entry.kind != EntryKind.FILE:
            continue
        folder, _, name = each.path.decode(errors="surrogateescape").rpartition("/")
        folders.setdefault(folder, {})[name] = each.entry
    return folders


def _gather(folders: dict[str, dict[str, StoredEntry]], top: str) -> dict[str, StoredEntry]:
    """Return the files of one database by their paths below its folder."""
    begin = f"{top}/" if top else ""
    return {
        f"{folder.removeprefix(begin)}/{name}" if folder != top else name: entry
        for folder, entries in folders.items()
        if folder == top or (folder.startswith(begin) and "manifest.json" not in entries)
        for name, entry in entries.items()
    }
