"""A tree of one directory, in memory: enough to make a snapshot without a disk."""

from collections.abc import Iterator, Sequence

from rebond.entries import Content, Entry, EntryKind, Listing


class SmallContent:
    """One open file."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def read(self, size: int, /) -> bytes:
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def readinto(self, buffer: memoryview, /) -> int:
        taken = self.read(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)

    def changed(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to give back."""


class SmallListing:
    """The only directory."""

    path = b""
    depth = 0
    stamp = b""

    def __init__(self, files: dict[bytes, bytes]) -> None:
        self._files = sorted(files.items())

    @property
    def names(self) -> Sequence[bytes]:
        return [name for name, _ in self._files]

    @property
    def stamps(self) -> Sequence[bytes]:
        return [b"" for _ in self._files]

    def directory(self) -> Entry:
        return Entry(name=b"", kind=EntryKind.DIRECTORY, mode=0o755)

    def describe(self, position: int) -> Entry | None:
        name, content = self._files[position]
        return Entry(name=name, kind=EntryKind.FILE, mode=0o644, size=len(content))

    def open(self, position: int) -> Content | None:
        return SmallContent(self._files[position][1])

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        return None  # the long way

    def read_small(self, position: int, size: int) -> bytes | None:
        content = self._files[position][1]
        return content if len(content) == size else None


class SmallTree:
    """One look at the directory."""

    def __init__(self, files: dict[bytes, bytes]) -> None:
        self._files = files

    def listings(self) -> Iterator[Listing]:
        yield SmallListing(self._files)
