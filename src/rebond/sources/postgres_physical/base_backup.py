"""A base backup that the server sends: a tree whose files are kept as they come, and checked against its manifest."""

import contextlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from rebond.entries import Arrival, Entry, EntryKind
from rebond.errors import CommandFailed
from rebond.findings import Finding
from rebond.sources.postgres_physical.arrived_tree import ArrivedEntries, ArrivedListing
from rebond.sources.postgres_physical.directory_rules import CONTROL
from rebond.sources.postgres_physical.labels import BackupLabel, read_label
from rebond.sources.postgres_physical.manifest import Manifest, compare, read_manifest
from rebond.sources.postgres_physical.sums import Sum, begin_sum
from rebond.sources.postgres_physical.tar_members import TarMembers
from rebond.sources.tar.following import DIRECTORY, FILE, Member
from rebond.sources.tar.spooling import tidy_path

Report = Callable[[Finding], None]
BLOCK_BYTES = 16 << 10  # two pages: what changes is stored again in pieces of this size
MANIFEST = b"backup_manifest"
LABEL = b"backup_label"
_RELATION = re.compile(rb"(?:base/\d+|global|pg_tblspc/\d+/[^/]+/\d+)/\d+(?:_(?:fsm|vm|init))?(?:\.\d+)?")
_MOST_KEPT_BYTES = 512 << 20  # of a manifest: about two million files


WatchEnd = Callable[[], contextlib.AbstractContextManager[Callable[[], None]]]


def watch_nothing() -> contextlib.AbstractContextManager[Callable[[], None]]:
    """Lasts while a backup is read, and is told when its end is near; this one does nothing."""
    return contextlib.nullcontext(lambda: None)


class BackupStream(Protocol):
    """A base backup on its way. ``algorithm`` is of the sums in its manifest."""

    algorithm: str

    def archives(self) -> Iterator[tuple[bytes, TarMembers]]:
        """Yield each archive with the folder that its members lie below. Raises ``SourceError``."""
        ...

    def take_manifest(self) -> bytes:
        """Return what came of the manifest apart from the archives; empty for nothing."""
        ...

    def finish(self) -> None:
        """Judge the end. Raises ``SourceError`` when the backup is not whole."""
        ...

    def close(self) -> None:
        """End what still comes; may be called twice."""
        ...


class BaseBackupTree:
    """The data directory of a running server. Implements ``rebond.entries.ArrivingTree``.

    Once everything has arrived and was found to be what the manifest says, ``label`` and ``manifest`` are known.
    """

    def __init__(
        self,
        stream: BackupStream,
        *,
        began_ns: int,
        at_end: Callable[["BaseBackupTree"], None],
        watch: WatchEnd = watch_nothing,
    ) -> None:
        """``at_end`` is called once all has arrived and is whole. ``watch`` lasts from the first file to then."""
        self._stream = stream
        self._watch = watch
        self._at_end = at_end
        self._sums: dict[bytes, tuple[int, str]] = {}
        self._summing = ThreadPoolExecutor(1, thread_name_prefix="sum")
        self._kept: dict[bytes, bytes] = {}
        self.entries = ArrivedEntries(began_ns)

    @property
    def label(self) -> BackupLabel:
        """What the server wrote about the start."""
        return read_label(self._kept.get(LABEL, b""))

    @property
    def manifest(self) -> Manifest:
        """What the server wrote about all of it."""
        return read_manifest(self._kept.get(MANIFEST, b""))

    @property
    def stop(self) -> int:
        """Where it becomes consistent."""
        return self.manifest.stop

    @property
    def timeline(self) -> int:
        """The timeline that it ends on."""
        return self.manifest.timeline

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the files as they come. Raises ``SourceError``."""
        with self._watch() as expect_end:
            yield from self._take_all(expect_end)
            self._at_end(self)

    def _take_all(self, expect_end: Callable[[], None]) -> Iterator[Arrival]:
        try:
            for below, members in self._stream.archives():
                for member in members:
                    path = below + tidy_path(member.path)
                    if b".." in path.split(b"/"):
                        raise _odd_member(path)
                    if member.type == DIRECTORY:
                        self.entries.add_directory(path, _make_entry(member))
                    elif member.type == FILE:
                        if path == CONTROL:  # the last that the server sends before it ends the backup
                            expect_end()
                        yield from self._take_file(path, member, members)
                    else:
                        raise _odd_member(path)
            self._kept[MANIFEST] = self._stream.take_manifest() or self._kept.get(MANIFEST, b"")
            self._stream.finish()
        finally:
            self.close()
        compare(self.manifest, self._sums, self._stream.algorithm)
        if MANIFEST not in self.entries:
            self.entries.add_document(MANIFEST, self._kept[MANIFEST])

    def listings(self) -> Iterator[ArrivedListing]:
        """Yield every directory, once all has arrived."""
        return self.entries.listings()

    def close(self) -> None:
        """End what still comes."""
        self._stream.close()
        self._summing.shutdown()

    def _take_file(self, path: bytes, member: Member, members: TarMembers) -> Iterator[Arrival]:
        own_sum = begin_sum(self._stream.algorithm, self._summing)
        arrival = ArrivingFile(path, members, own_sum, keeps=path in {MANIFEST, LABEL})
        yield arrival
        if arrival.size_bytes != member.size:
            raise _odd_member(path)
        self._sums[path] = arrival.size_bytes, arrival.checksum
        if arrival.kept is not None:
            self._kept[path] = bytes(arrival.kept)
        self.entries.add_file(path, _make_entry(member))


class ArrivingFile:
    """One file being read, and summed up on the way."""

    def __init__(self, path: bytes, members: TarMembers, own_sum: Sum, *, keeps: bool) -> None:
        """``keeps`` what is read of it as well."""
        self.path = path
        self.block_bytes = BLOCK_BYTES if is_relation(path) else 0
        self.size_bytes = 0
        self.kept: bytearray | None = bytearray() if keeps else None
        self._members = members
        self._sum = own_sum

    @property
    def checksum(self) -> str:
        """The sum of what was read, as a manifest has it."""
        return self._sum.finish()

    def readinto(self, buffer: memoryview, /) -> int:
        """Read on, until ``buffer`` is full or the file ends. Raises ``SourceError``.

        What was read may be summed up by another thread until the next call.
        """
        self._sum.wait()
        filled = 0
        while filled < len(buffer) and (count := self._members.readinto(buffer[filled:])):
            filled += count
        content = buffer[:filled]
        self._sum.add(content)
        self.size_bytes += filled
        if self.kept is not None and len(self.kept) <= _MOST_KEPT_BYTES:
            self.kept += content
        return filled

    def read(self, size: int, /) -> bytes:
        """Read on. Raises ``SourceError``."""
        block = bytearray(size)
        count = self.readinto(memoryview(block))
        self._sum.wait()
        return bytes(block[:count])

    def changed(self) -> bool:
        """Never: what changes meanwhile is mended by the log."""
        return False

    def close(self) -> None:
        """Nothing to give back."""


def is_relation(path: bytes) -> bool:
    """Say whether a file of the data directory is made of pages."""
    return _RELATION.fullmatch(path) is not None


def _make_entry(member: Member) -> Entry:
    return Entry(
        name=b"",
        kind=EntryKind.DIRECTORY if member.type == DIRECTORY else EntryKind.FILE,
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        user=member.user,
        group=member.group,
        size=member.size,
        modified_ns=member.modified_ns,
    )


def _odd_member(path: bytes) -> CommandFailed:
    return CommandFailed(
        "The base backup holds something that is no file or directory: {path}.",
        hint="Take it out of the data directory, then run the backup again.",
        path=path.decode(errors="backslashreplace"),
    )
