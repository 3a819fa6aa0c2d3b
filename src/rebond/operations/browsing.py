"""Looking into a snapshot: ls, cat."""

from collections import deque
from collections.abc import Collection, Iterator

from msgspec import Struct

from rebond.entries import EntryKind
from rebond.errors import UnknownName, UsageError, VaultDamaged
from rebond.vault.decoded_segments import DecodedSegment
from rebond.vault.kept_segments import KeptSegments
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import PrivateComponent
from rebond.vault.trees import StoredEntry, decode_entry


class Located(Struct, frozen=True):
    """One thing in a snapshot: its component, its path below the component's root, its entry.

    ``entry`` is ``None`` for a component itself when it was not saved.
    """

    component: PrivateComponent
    path: bytes
    entry: StoredEntry | None
    directory: bytes = b""

    @property
    def shown(self) -> bytes:
        """Component and path, as ``ls`` prints them and as every command takes them."""
        name = self.component.name.encode()
        return name + b"/" + self.path if self.path else name


def root_of(component: PrivateComponent) -> Located:
    """Return the root of a component."""
    entry = decode_entry(component.entry) if component.entry else None
    return Located(component, b"", entry, component.tree)


def holds_single_file(reader: SnapshotReader, component: PrivateComponent, name: bytes) -> bool:
    """Say whether the tree of a component is one file that is called ``name``."""
    if not component.tree:
        return False
    found = list(zip(children(reader, root_of(component)), range(2), strict=False))
    if len(found) != 1 or (entry := found[0][0].entry) is None:
        return False
    return entry.kind == EntryKind.FILE and entry.name == name


def locate(reader: SnapshotReader, text: str) -> Located:
    """Find what ``text`` means: COMPONENT/PATH, a path as it was on the machine, or, with one component, PATH.

    Raises ``UnknownName`` with the nearest thing that exists.
    """
    wanted = _as_bytes(text)
    components = reader.components
    for component in components:
        if wanted.startswith(b"/") and component.root:
            below = _below(component.root, wanted)
            if below is not None:
                return descend(reader, root_of(component), below)
    stripped = wanted.strip(b"/")
    first, _, rest = stripped.partition(b"/")
    for component in components:
        if component.name.encode() == first:
            return descend(reader, root_of(component), rest)
    if len(components) == 1:
        return descend(reader, root_of(components[0]), stripped)
    raise UnknownName(
        "{path} is not in this snapshot.",
        hint="Its components are {components}; write COMPONENT/PATH.",
        path=text,
        components=", ".join(component.name for component in components),
    )


def _as_bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _below(root: bytes, path: bytes) -> bytes | None:
    root = root.rstrip(b"/")
    if path.rstrip(b"/") == root:
        return b""
    return path[len(root) + 1 :].rstrip(b"/") if path.startswith(root + b"/") else None


def descend(reader: SnapshotReader, start: Located, path: bytes) -> Located:
    """Follow ``path`` down from ``start``; raises ``UnknownName``."""
    here = start
    for part in path.split(b"/") if path else ():
        if not part:
            continue
        found = None
        if here.directory:
            found = next(reader.directory(here.directory, (part,)), None)
        if found is None:
            raise UnknownName(
                "{path} is not in this snapshot: nothing there is called {part}.",
                hint="'rebond ls SNAPSHOT {parent}' shows what is; 'rebond find NAME' looks in all snapshots.",
                path=_show(start, path),
                part=part.decode(errors="backslashreplace"),
                parent=here.shown.decode(errors="backslashreplace"),
            )
        here = Located(here.component, here.path + b"/" + part if here.path else part, found, found.directory)
    return here


def _show(start: Located, path: bytes) -> str:
    return (start.shown + b"/" + path).decode(errors="backslashreplace")


def list_entries(reader: SnapshotReader, path: str = "", *, recursive: bool = False) -> Iterator[Located]:
    """Yield what lies at ``path``: a directory's entries, a file itself, the components when empty."""
    if not path.strip("/"):
        for component in reader.components:
            root = root_of(component)
            yield root
            if recursive:
                yield from walk(reader, root)
        return
    found = locate(reader, path)
    if not found.directory:
        yield found
    elif recursive:
        yield from walk(reader, found)
    else:
        yield from children(reader, found)


def children(reader: SnapshotReader, parent: Located, names: Collection[bytes] | None = None) -> Iterator[Located]:
    """Yield what a directory holds, in order; with ``names``, only what is called so."""
    for entry in reader.directory(parent.directory, names):
        path = parent.path + b"/" + entry.name if parent.path else entry.name
        yield Located(parent.component, path, entry, entry.directory)


def walk(reader: SnapshotReader, start: Located) -> Iterator[Located]:
    """Yield everything below ``start``, depth first, each directory before what it holds."""
    pending: list[Iterator[Located]] = [children(reader, start)] if start.directory else []
    while pending:
        item = next(pending[-1], None)
        if item is None:
            pending.pop()
            continue
        yield item
        if item.directory:
            pending.append(children(reader, item))


def read_file(reader: SnapshotReader, path: str) -> Iterator[bytes]:
    """Yield the content of a file in pieces; raises ``UsageError`` when it is not a file.

    Raises ``VaultDamaged`` at the first piece that no good copy holds.
    """
    found = locate(reader, path)
    if found.entry is None or found.entry.kind != EntryKind.FILE:
        raise UsageError("{path} is not a file.", hint="'rebond ls SNAPSHOT {path}' shows what it holds.", path=path)
    yield from content_of(reader, found.entry)


def content_of(reader: SnapshotReader, entry: StoredEntry, kept: KeptSegments | None = None) -> Iterator[bytes]:
    """Yield a file's content in order, holes as zeros. ``kept`` is for who reads many files: they share segments."""
    holes = deque(entry.holes)
    position = 0
    for piece in _data_of(reader, entry, kept):
        start = 0
        while start < len(piece):
            while holes and holes[0][0] == position:
                length = holes.popleft()[1]
                yield from _zeros(length)
                position += length
            step = min(len(piece) - start, holes[0][0] - position) if holes else len(piece) - start
            yield piece[start : start + step]
            start += step
            position += step
    for _, length in holes:
        yield from _zeros(length)


def _data_of(reader: SnapshotReader, entry: StoredEntry, kept: KeptSegments | None) -> Iterator[bytes]:
    segment, place = None, -1
    for chunk_id, length in reader.chunk_rows(entry):
        here, short_id = reader.find_place(chunk_id), chunk_id[:16]
        if segment is None or here != place:
            segment, place = kept.find(here) if kept is not None else None, here
            if segment is None:
                segment = reader.fetch(here, (short_id,))
                if kept is not None:
                    kept.keep(here, segment)
            elif short_id not in segment:
                segment = reader.fetch(here, (short_id,))
        yield bytes(take_chunk(segment, chunk_id, length, entry))


def take_chunk(segment: DecodedSegment, chunk_id: bytes, length: int, entry: StoredEntry) -> memoryview:
    """Return a chunk of a file out of the segment that is to hold it; raises ``VaultDamaged`` when it does not."""
    content = segment.find(chunk_id[:16])
    if content is None or len(content) != length:
        raise VaultDamaged(
            "A chunk of {name} is not where the index says.",
            hint="Run 'rebond verify --read-data' to see what it reaches.",
            name=entry.name.decode(errors="backslashreplace"),
        )
    return content


def _zeros(length: int) -> Iterator[bytes]:
    while length:
        step = min(length, 1 << 20)
        yield bytes(step)
        length -= step
