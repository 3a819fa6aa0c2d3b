"""Writing trees without a vault: segments stay in memory, so that a run costs next to nothing."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rebond.entries import Content, Entry, EntryKind, Listing, Tree
from rebond.errors import SourceError
from rebond.identifiers import DomainId, SessionId, VaultId, random_id
from rebond.testing.vaults import Notebook
from rebond.vault.begun_files import BegunFiles, forget_begun
from rebond.vault.chunking import Chunker
from rebond.vault.content_writing import ContentWriter
from rebond.vault.credentials import DomainKeys
from rebond.vault.file_cache import CachePaths, CacheReader, CacheWriter, read_records
from rebond.vault.frames import LEVELS
from rebond.vault.local_cache import LocalCache
from rebond.vault.primitives import sealing_public_bytes
from rebond.vault.sealing import SealingContext
from rebond.vault.sealing_pipeline import FullSegment
from rebond.vault.tree_writing import TreeWriter
from rebond.vault.trees import StoredEntry, read_chunk_rows, read_directory
from rebond.vault.walk_progress import TreeTotals

KEYS = DomainKeys.from_secret(DomainId(b"domain_1"), bytes(32))
IDENTITY = bytes(32)


class Killed(BaseException):
    """The process died here."""


@dataclass
class KeptSegments:
    """A pipeline that seals nothing: every chunk by the name of its segment."""

    chunks: dict[tuple[bytes, int], dict[bytes, bytes]] = field(default_factory=dict)
    session: bytes = b""

    def submit(self, segment: FullSegment) -> None:
        named = self.chunks.setdefault((self.session, segment.number), {})
        named.update(zip(segment.ids, map(bytes, segment.chunks), strict=True))


@dataclass
class Written:
    """What one run came to."""

    session: SessionId
    tree: bytes
    entry: bytes
    totals: TreeTotals
    uses: dict[tuple[bytes, int], int]
    added_bytes: int
    notebook: Notebook


class Host:
    """A machine that backs one root up again and again. ``kept`` is the vault."""

    def __init__(self, directory: Path, kept: KeptSegments | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.kept = kept or KeptSegments()
        self.cache = LocalCache(directory / "cache")
        self.committed = directory / "committed"
        self.partials: list[Path] = []
        self.paths = CachePaths(directory, "site")

    def run(
        self,
        tree: Tree,
        *,
        level: str = "fast",
        avoided: Sequence[tuple[bytes, int]] = (),
        notebook: Notebook | None = None,
        identity: bytes = IDENTITY,
        forgets: bool = False,
    ) -> Written:
        """One run that commits, or dies by an exception out of ``tree`` and leaves its partial cache.

        ``identity`` is that of the notes of files that were begun; ``forgets`` what earlier ones hold.
        """
        session = SessionId(random_id())
        self.kept.session = session
        segments = self.cache.segments
        content = ContentWriter(
            sealing_context(session, level),
            self.kept,  # type: ignore[arg-type]
            self.cache,
            frozenset(segments.place(*name) for name in avoided),
        )
        notebook = notebook or Notebook()
        own = self.directory / f"{session.hex()}.partial"
        remember = CacheWriter(own, IDENTITY)
        writer = TreeWriter(
            content,
            segments,
            KEYS.tree_id_key,
            Chunker(KEYS.chunker_seed),
            component="site",
            cached=CacheReader([read_records(path, IDENTITY) for path in [*self.partials, self.committed]]),
            remember=remember,
            observer=notebook,
            begun=BegunFiles(self.paths, identity, remember, forgets=forgets),
        )
        try:
            tree_id, entry = writer.save(tree)
        except BaseException:
            remember.close()
            self.partials.insert(0, own)
            content.finish_component()
            raise
        content.finish_component()
        remember.commit(self.committed)
        forget_begun(self.paths, 0)
        self.partials = []
        uses: dict[tuple[bytes, int], int] = {segments.name_of(place): size for place, size in content.uses.items()}
        return Written(session, tree_id, entry, writer.totals, uses, content.added_bytes, notebook)

    def forbid(self, name: tuple[bytes, int]) -> None:
        """A segment is no longer usable: its pack was never put, or a mark names it."""
        self.cache.segments.forbid(self.cache.segments.place(*name))
        self.kept.chunks.pop(name, None)

    def segments_of(self, session: bytes) -> list[tuple[bytes, int]]:
        return [name for name in self.kept.chunks if name[0] == session]

    def object(self, object_id: bytes, within: Written) -> bytes:
        """Return a chunk or tree object out of the segments that the run says it uses."""
        for name in within.uses:
            content = self.kept.chunks.get(name, {}).get(object_id)
            if content is not None:
                return content
        raise AssertionError(f"{object_id.hex()} is in no segment that the snapshot refers to")

    def entries(self, written: Written) -> dict[bytes, StoredEntry]:
        """Return every entry by its path, out of the segments that the run refers to."""
        found: dict[bytes, StoredEntry] = {}
        pending = [(b"", written.tree)]
        while pending:
            path, directory_id = pending.pop()
            for entry in read_directory(directory_id, lambda object_id: self.object(object_id, written)):
                below = path + b"/" + entry.name if path else entry.name
                assert below not in found
                found[below] = entry
                if entry.directory:
                    pending.append((below, entry.directory))
        return found

    def content(self, written: Written, entry: StoredEntry) -> bytes:
        rows = read_chunk_rows(entry, lambda object_id: self.object(object_id, written))
        return b"".join(self.object(chunk_id, written) for chunk_id, _ in rows)

    def files(self, written: Written) -> dict[str, bytes]:
        return {
            path.decode(): self.content(written, entry)
            for path, entry in self.entries(written).items()
            if entry.kind == EntryKind.FILE
        }


def sealing_context(session: SessionId, level: str = "fast") -> SealingContext:
    return SealingContext(
        VaultId(b"v" * 16), session, 1, sealing_public_bytes(bytes(32)), KEYS, bytes(32), LEVELS[level]
    )


class ThingContent:
    """An open ``Thing``; reads are short now and then, as those of a network file system."""

    def __init__(self, thing: "Thing") -> None:
        self._thing = thing
        self._position = 0

    def read(self, size: int, /) -> bytes:
        if self._thing.fails_at is not None and self._position >= self._thing.fails_at:
            raise SourceError("The disk is broken.")
        step = min(size, self._thing.step)
        if self._thing.dies_at is not None and self._position >= self._thing.dies_at:
            raise Killed
        piece = self._thing.content[self._position : self._position + step]
        self._position += len(piece)
        self._thing.read_bytes += len(piece)
        return piece

    def skip(self, size: int, /) -> None:
        self._position += size

    def readinto(self, buffer: memoryview, /) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def changed(self) -> bool:
        return self._thing.changes

    def close(self) -> None:
        """Nothing to give back."""


@dataclass
class Thing:
    """Something in a directory and how it behaves. ``stamp`` is empty for "always read it again"."""

    content: bytes = b""
    stamp: bytes = b"1"
    kind: EntryKind = EntryKind.FILE
    size: int | None = None
    holes: tuple[tuple[int, int], ...] = ()
    link: tuple[int, int] | None = None
    can_be_described: bool = True
    can_be_opened: bool = True
    changes: bool = False
    fails_at: int | None = None
    dies_at: int | None = None
    step: int = 1 << 30
    reads: int = 0
    read_bytes: int = 0


@dataclass
class ThingListing:
    path: bytes
    things: list[tuple[bytes, Thing]]
    stamp: bytes = b"s"

    @property
    def depth(self) -> int:
        return self.path.count(b"/") + 1 if self.path else 0

    @property
    def names(self) -> Sequence[bytes]:
        return [name for name, _ in self.things]

    @property
    def stamps(self) -> Sequence[bytes]:
        return [thing.stamp for _, thing in self.things]

    def directory(self) -> Entry:
        name = self.path.rpartition(b"/")[2]
        return Entry(name=name, kind=EntryKind.DIRECTORY, mode=0o755, uid=os.getuid(), gid=os.getgid())

    def describe(self, position: int) -> Entry | None:
        name, thing = self.things[position]
        if not thing.can_be_described:
            return None
        size = len(thing.content) if thing.size is None else thing.size
        size = size if thing.kind is EntryKind.FILE else 0
        return Entry(
            name=name,
            kind=thing.kind,
            mode=0o644,
            uid=os.getuid(),
            gid=os.getgid(),
            size=size,
            holes=thing.holes,
            link=thing.link,
        )

    def open(self, position: int) -> Content | None:
        thing = self.things[position][1]
        thing.reads += 1
        return ThingContent(thing) if thing.can_be_opened else None

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        return None  # the long way

    def read_small(self, position: int, size: int) -> bytes | None:
        thing = self.things[position][1]
        if len(thing.content) != size or thing.changes or thing.fails_at is not None or not thing.can_be_opened:
            return None
        thing.reads += 1
        return thing.content


class ThingTree:
    """Directories given as they are to be listed, in order."""

    def __init__(self, *directories: tuple[bytes, list[tuple[bytes, Thing]]]) -> None:
        self.directories = directories

    def listings(self) -> Iterator[Listing]:
        for path, things in self.directories:
            yield ThingListing(path, things)
