"""What a source yields and a vault keeps: entries of a tree, and how to read them.

Sources and the vault do not know each other; these types are all that they share. A source walks
its tree in *depth-first order*: a directory's listing first, then the listings of its
subdirectories, each level sorted by the bytes of the name. A listing holds everything in the
directory that is not a directory itself; a subdirectory appears by its own listing, later.
"""

import enum
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import msgspec


class EntryKind(enum.StrEnum):
    """What an entry is, in one letter, as it is stored."""

    FILE = "f"
    DIRECTORY = "d"
    SYMLINK = "l"
    FIFO = "p"
    SOCKET = "s"
    CHARACTER = "c"
    BLOCK = "b"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One named thing with its metadata and without its content.

    ``mode`` holds the twelve permission bits. Times are nanoseconds since 1970 and may be
    negative. ``link`` is the (device, inode) pair of a thing with more than one name, else
    ``None``. ``holes`` are (offset, length) pairs in bytes. ``flags`` are the inode flags of
    ``FS_IOC_GETFLAGS`` that may be restored. ``born_ns`` is the birth time where it is known.
    """

    name: bytes
    kind: EntryKind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    size: int = 0
    modified_ns: int = 0
    target: bytes = b""
    device: int = 0
    link: tuple[int, int] | None = None
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    holes: tuple[tuple[int, int], ...] = ()
    flags: int = 0
    born_ns: int | None = None


class Content(Protocol):
    """An open file being read once, from its start to its end."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; empty at the end. Raises ``SourceError`` when it cannot."""
        ...

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` and return how many bytes came; 0 at the end."""
        ...

    def changed(self) -> bool:
        """Say whether the file was changed since it was listed; asked after the last read."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class Listing(Protocol):
    """One directory: its own entry, and everything in it that is not a directory.

    ``path`` is relative to the root, its parts joined by ``/``; empty for the root. ``names`` are
    sorted by their bytes. ``stamps[i]`` is a short byte string that differs whenever the thing may
    have changed (size, times, inode, device, mode and owner, packed); an empty one means "always
    read it again". ``stamp`` is the directory's own.
    """

    @property
    def path(self) -> bytes:
        """Where this directory lies below the root."""
        ...

    @property
    def depth(self) -> int:
        """How many directories above it; 0 for the root."""
        ...

    @property
    def stamp(self) -> bytes:
        """The directory's own stamp."""
        ...

    @property
    def names(self) -> Sequence[bytes]:
        """The names of what is not a directory, sorted."""
        ...

    @property
    def stamps(self) -> Sequence[bytes]:
        """One stamp per name."""
        ...

    def directory(self) -> Entry:
        """Return the entry of the directory itself."""
        ...

    def describe(self, position: int) -> Entry | None:
        """Return the entry at ``position``; ``None`` when it has vanished or cannot be described (reported)."""
        ...

    def open(self, position: int) -> Content | None:
        """Open the file at ``position``; ``None`` when it has vanished or cannot be read (reported)."""
        ...

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Return a plain file's entry and all of its content in one go, else ``None``.

        Only for a file with one name and without holes, of at most ``most_bytes``, that is still
        what was listed and stayed unchanged while it was read. ``None`` reports nothing; the caller
        then goes the long way through ``describe``. May always be ``None``.
        """
        ...

    def read_small(self, position: int, size: int) -> bytes | None:
        """Return the whole file at ``position`` if it is exactly ``size`` bytes and stayed unchanged, else ``None``.

        The fast path for small files: one open, one read, one check, one close. ``None`` reports
        nothing; the caller then goes the long way through ``describe`` and ``open``.
        """
        ...


@runtime_checkable
class ClosedListing(Protocol):
    """A listing that knows whether subdirectories follow it."""

    @property
    def is_leaf(self) -> bool:
        """Whether none will."""
        ...


class Tree(Protocol):
    """One consistent look at a tree."""

    def listings(self) -> Iterator[Listing]:
        """Yield every directory once, depth first, each level sorted by the bytes of the name."""
        ...


class Arrival(Content, Protocol):
    """A file that comes when its source sends it. It is read to its end before the next one comes.

    ``path`` is relative to the root. It is cut at multiples of ``block_bytes``; 0 is by its content.
    """

    @property
    def path(self) -> bytes:
        """Where it will be listed."""
        ...

    @property
    def block_bytes(self) -> int:
        """At which multiples its content changes."""
        ...


@runtime_checkable
class PartialArrival(Arrival, Protocol):
    """A file of which only some blocks come: the others are as they were when its tree was remembered."""

    @property
    def fresh(self) -> Sequence[tuple[int, int]] | None:
        """Which blocks come, as ranges in order (first, end); ``None`` for all. Their bytes come one after the other.

        Where fewer come than were said, the file ends there.
        """
        ...

    @property
    def whole_bytes(self) -> int:
        """The size of the file with the blocks that do not come."""
        ...


@runtime_checkable
class ArrivingTree(Protocol):
    """A tree whose files come in an order of their own, before they are listed."""

    def arrivals(self) -> Iterator[Arrival]:
        """Yield every file with content once. Raises ``SourceError``; then nothing of the tree is kept."""
        ...

    def listings(self) -> Iterator[Listing]:
        """Yield every directory, as a ``Tree`` does, once all has arrived."""
        ...


class RememberedFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a file of blocks. ``lost`` are the numbers of those that nobody holds any more."""

    size_bytes: int
    lost: tuple[int, ...] = ()


class RememberedTree(Protocol):
    """What this machine remembers of a tree since it was saved last."""

    @property
    def mark(self) -> bytes:
        """What the tree said of itself then; empty where nothing is remembered."""
        ...

    def find(self, path: bytes) -> RememberedFile | None:
        """Look for a file. Only the one that was found last may come in part."""
        ...


@runtime_checkable
class RememberingTree(ArrivingTree, Protocol):
    """An arriving tree that can leave out blocks which did not change since it was remembered."""

    def recall(self, remembered: RememberedTree) -> None:
        """Take what is remembered, before anything arrives."""
        ...

    def make_mark(self) -> bytes:
        """Return what is to be remembered beside the blocks, once all has arrived; empty: nothing is."""
        ...
