"""A tree that is made up of pieces: documents that are there whole, and streams that come once."""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rebond.entries import Content, Entry, EntryKind
from rebond.errors import SourceError, SourceUnfit
from rebond.sources.streams.judging import ANYTHING_BUT_NOTHING, Expectation
from rebond.sources.streams.owner import name_of_group, name_of_user
from rebond.sources.streams.readers import OpenReader
from rebond.sources.streams.tree import StreamContent

_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o600, 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that is there whole. Its owner is who runs this, unless ``owner`` says other numbers."""

    content: bytes
    modified_ns: int
    owner: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"Document({len(self.content)} bytes)"  # its content may be a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A file that comes once from a reader; ``expected`` says when it is whole."""

    open_reader: OpenReader
    began_ns: int
    expected: Expectation = ANYTHING_BUT_NOTHING


Piece = Document | Stream


class FolderTree:
    """Pieces by their paths. Implements ``rebond.entries.Tree``; files have mode 0600, directories 0700.

    A stream is opened when its file is. One that is cut, fails or is not read to its end ends the walk with a
    ``SourceError`` after its listing, so nothing of it is ever kept. Nothing is remembered from run to run.
    """

    def __init__(self, pieces: Mapping[bytes, Piece]) -> None:
        """Raises ``SourceUnfit`` when a path cannot be one, or lies below a file."""
        self._pieces = dict(pieces)
        for path in self._pieces:
            parts = path.split(b"/")
            above = {b"/".join(parts[:count]) for count in range(1, len(parts))}
            if not all(map(_is_name, parts)) or not above.isdisjoint(self._pieces):
                raise SourceUnfit(
                    "'{path}' cannot be saved under that name.",
                    hint="Give it another name, without '.', '..' and empty parts.",
                    path=path.decode(errors="backslashreplace"),
                )

    def listings(self) -> Iterator["FolderListing"]:
        """Yield every directory, depth first; judge the streams of each. Raises ``SourceError``."""
        directories: dict[bytes, dict[bytes, Piece]] = {b"": {}}
        for path, piece in self._pieces.items():
            parts = path.split(b"/")
            for count in range(1, len(parts)):
                directories.setdefault(b"/".join(parts[:count]), {})
            directories[b"/".join(parts[:-1])][parts[-1]] = piece
        newest_ns = self._newest_ns()
        for directory in sorted(directories, key=lambda each: each.split(b"/") if each else []):
            listing = FolderListing(directory, directories[directory], newest_ns)
            try:
                yield listing
                listing.judge()
            finally:
                listing.close()

    def _newest_ns(self) -> int:
        times = (each.modified_ns if isinstance(each, Document) else each.began_ns for each in self._pieces.values())
        return max(times, default=0)


class FolderListing:
    """One directory of it."""

    stamp = b""

    def __init__(self, path: bytes, pieces: Mapping[bytes, Piece], modified_ns: int) -> None:
        self.path = path
        self.depth = path.count(b"/") + 1 if path else 0
        self.names: Sequence[bytes] = sorted(pieces)
        self.stamps: Sequence[bytes] = [b""] * len(pieces)  # never to be taken from what an earlier run remembers
        self._pieces = [pieces[name] for name in self.names]
        self._modified_ns = modified_ns
        self._streams: dict[int, StreamContent] = {}
        self._fault: SourceError | None = None  # why a stream could not be opened

    def directory(self) -> Entry:
        """The entry of the directory."""
        return _make_entry(
            os.path.basename(self.path), EntryKind.DIRECTORY, _PRIVATE_DIRECTORY, self._modified_ns, None, 0
        )

    def describe(self, position: int) -> Entry | None:
        """The entry of a file; the size of a stream is not known before it is read."""
        name, piece = self.names[position], self._pieces[position]
        if isinstance(piece, Document):
            size = len(piece.content)
            return _make_entry(name, EntryKind.FILE, _PRIVATE_FILE, piece.modified_ns, piece.owner, size)
        return _make_entry(name, EntryKind.FILE, _PRIVATE_FILE, piece.began_ns, None, 0)

    def open(self, position: int) -> Content | None:
        """Begin to read. Raises ``SourceError`` when a stream cannot be had, or a second time."""
        piece = self._pieces[position]
        if isinstance(piece, Document):
            return DocumentContent(piece.content)
        if position in self._streams:
            raise SourceError("{name} can be read only once.", hint="Run the backup again.", name=self.names[position])
        shown = self.names[position].decode(errors="backslashreplace")
        try:
            self._streams[position] = StreamContent(shown, piece.open_reader(), piece.expected)
        except SourceError as error:
            self._fault = error
            raise
        return self._streams[position]

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Return a small document; a stream has no size before its end."""
        entry = self.describe(position)
        content = self.read_small(position, entry.size) if entry is not None and entry.size <= most_bytes else None
        return None if entry is None or content is None else (entry, content)

    def read_small(self, position: int, size: int) -> bytes | None:
        """Return a document of that size."""
        piece = self._pieces[position]
        return piece.content if isinstance(piece, Document) and len(piece.content) == size else None

    def judge(self) -> None:
        """Say nothing if every stream was whole, or was never opened; else raise what was wrong."""
        if self._fault is not None:
            raise self._fault
        for each in self._streams.values():
            each.judge()

    def close(self) -> None:
        """End what still writes."""
        for each in self._streams.values():
            each.close()


class DocumentContent:
    """A document being read."""

    def __init__(self, content: bytes) -> None:
        self._stream = io.BytesIO(content)

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        return self._stream.read(size)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer``."""
        return self._stream.readinto(buffer)

    def changed(self) -> bool:
        """Never: nobody else has it."""
        return False

    def close(self) -> None:
        """Nothing to give back."""


def _is_name(name: bytes) -> bool:
    return name not in {b"", b".", b".."} and b"\0" not in name and len(name) <= 255


def _make_entry(
    name: bytes, kind: EntryKind, mode: int, modified_ns: int, owner: tuple[int, int] | None, size: int
) -> Entry:
    uid, gid = owner or (os.geteuid(), os.getegid())
    return Entry(
        name=name,
        kind=kind,
        mode=mode,
        uid=uid,
        gid=gid,
        user=name_of_user(uid),
        group=name_of_group(gid),
        size=size,
        modified_ns=modified_ns,
    )
