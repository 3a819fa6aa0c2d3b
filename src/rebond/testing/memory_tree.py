"""A tree that lives in memory: what a source yields, without a file system. Quick, and easily changed."""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rebond.entries import Content, Entry, EntryKind, Listing


@dataclass(slots=True)
class MemoryTree:
    """Files by path (parts joined by ``/``). Every change of a file makes its stamp another one.

    ``reads`` counts the files that were read, so that a test can see what a cache spared. Everything is owned by who
    runs the test, who may therefore bring it back.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def write(self, path: str, content: bytes) -> None:
        """Make or replace a file."""
        self.files[path] = content
        self.versions[path] = self.versions.get(path, 0) + 1

    def remove(self, path: str) -> None:
        """Remove a file; its directory goes with its last file."""
        del self.files[path]

    def copy(self) -> dict[str, bytes]:
        """The files as they are now."""
        return dict(self.files)

    def listings(self) -> Iterator[Listing]:
        """Yield every directory, depth first."""
        directories = {""}
        for path in self.files:
            parts = path.split("/")[:-1]
            directories |= {"/".join(parts[: i + 1]) for i in range(len(parts))}
        for directory in sorted(directories, key=lambda d: [p.encode() for p in d.split("/")] if d else []):
            yield MemoryListing(self, directory)


class MemoryListing:
    """One directory of a ``MemoryTree``."""

    def __init__(self, tree: MemoryTree, directory: str) -> None:
        self._tree = tree
        self.path = directory.encode()
        self.depth = directory.count("/") + 1 if directory else 0
        prefix = directory + "/" if directory else ""
        self._paths = sorted(
            (p for p in tree.files if p.startswith(prefix) and "/" not in p[len(prefix) :]), key=lambda p: p.encode()
        )
        self.names: Sequence[bytes] = [p[len(prefix) :].encode() for p in self._paths]
        self.stamps: Sequence[bytes] = [b"v%d" % tree.versions[p] for p in self._paths]
        self.stamp = b"d" + repr(list(self.names)).encode()

    def directory(self) -> Entry:
        """The directory's own entry."""
        name = self.path.rsplit(b"/", 1)[-1]
        return Entry(name=name, kind=EntryKind.DIRECTORY, mode=0o755, uid=os.getuid(), gid=os.getgid())

    def describe(self, position: int) -> Entry | None:
        """The entry of a file; its time of modification is its version."""
        path = self._paths[position]
        return Entry(
            name=self.names[position],
            kind=EntryKind.FILE,
            mode=0o644,
            uid=os.getuid(),
            gid=os.getgid(),
            size=len(self._tree.files[path]),
            modified_ns=self._tree.versions[path] * 1_000_000_000,
        )

    def open(self, position: int) -> Content | None:
        """Open a file."""
        self._tree.reads.append(self._paths[position])
        return MemoryContent(self._tree.files[self._paths[position]])

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Describe and read a file at once."""
        entry = self.describe(position)
        content = self.read_small(position, entry.size) if entry is not None and entry.size <= most_bytes else None
        return None if entry is None or content is None else (entry, content)

    def read_small(self, position: int, size: int) -> bytes | None:
        """Read a file whole."""
        content = self._tree.files[self._paths[position]]
        if len(content) != size:
            return None
        self._tree.reads.append(self._paths[position])
        return content


class MemoryContent:
    """An open file of a ``MemoryTree``."""

    def __init__(self, content: bytes) -> None:
        self._stream = io.BytesIO(content)

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        return self._stream.read(size)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer``."""
        return self._stream.readinto(buffer)

    def changed(self) -> bool:
        """Never: nothing changes it meanwhile."""
        return False

    def close(self) -> None:
        """Nothing to give back."""
