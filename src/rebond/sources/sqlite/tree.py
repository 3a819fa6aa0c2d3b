"""A live SQLite database as a tree: one directory that holds one file, the checked copy."""

import os
from collections.abc import Iterator, Sequence

import msgspec

from rebond.clock import Clock
from rebond.entries import Content, Entry, EntryKind
from rebond.errors import SourceError, SourceUnfit
from rebond.sources.files.describing import Describer
from rebond.sources.files.paths import show_path
from rebond.sources.files.rule_files import Report
from rebond.sources.sqlite.copying import check_is_file, copied_database
from rebond.sources.sqlite.private_files import choose_place

TIMEOUT_SECONDS = 30.0


class SqliteTree:
    """A database under its own name, with its own mode, owner and times. Implements ``rebond.entries.Tree``.

    Each walk makes a copy of its own, as of the moment when it began, before it yields anything; see
    ``copied_database`` for what it raises. ``place`` is where the copy is made; else ``TMPDIR`` or ``/var/tmp``.
    An empty file raises ``SourceUnfit`` unless ``allow_empty``.
    """

    def __init__(
        self,
        path: bytes,
        *,
        clock: Clock,
        report: Report,
        timeout_seconds: float = TIMEOUT_SECONDS,
        place: str | None = None,
        allow_empty: bool = False,
    ) -> None:
        self._path = os.path.abspath(path)
        self._clock = clock
        self._describer = Describer(report)
        self._timeout_seconds = timeout_seconds
        self._place = place
        self._allow_empty = allow_empty

    def listings(self) -> Iterator["SqliteListing"]:
        """Copy, check, and yield the one listing; afterwards raise what kept the copy from being read."""
        status = check_is_file(self._path)
        if not status.st_size and not self._allow_empty:
            raise SourceUnfit(
                "The database {path} is an empty file.",
                hint="Check the path; allow_empty saves it all the same.",
                path=show_path(self._path),
            )
        entry = self._describe()
        with copied_database(
            self._path,
            clock=self._clock,
            timeout_seconds=self._timeout_seconds,
            place=choose_place(self._place),
        ) as fd:
            listing = SqliteListing(msgspec.structs.replace(entry, size=os.fstat(fd).st_size), fd)
            yield listing
            if listing.faults:  # who takes an unreadable file as something to be reported must not go on
                raise listing.faults[0]

    def _describe(self) -> Entry:
        """Describe the file without opening it: closing it again would drop locks that this process holds."""
        folder, name = os.path.split(os.path.realpath(self._path))
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            entry, _ = self._describer.describe_named(name, fd, lambda: self._path)
        except OSError as error:
            raise SourceError(
                "The database {path} cannot be reached: {reason}.",
                hint="Check the path, and that what it lies on is mounted.",
                path=show_path(self._path),
                reason=error.strerror or str(error),
            ) from error
        finally:
            os.close(fd)
        return msgspec.structs.replace(entry, name=os.path.basename(self._path), link=None)


class SqliteListing:
    """The directory with the copy."""

    path = b""
    depth = 0
    stamp = b""

    def __init__(self, entry: Entry, fd: int) -> None:
        self._entry = entry
        self._fd = fd
        self.names: Sequence[bytes] = [entry.name]
        self.faults: list[SourceError] = []
        self.stamps: Sequence[bytes] = [b""]  # its content may change while its size and times stay

    def directory(self) -> Entry:
        """A directory that never existed, of the database's owner."""
        return Entry(
            name=b"",
            kind=EntryKind.DIRECTORY,
            mode=0o755,
            uid=self._entry.uid,
            gid=self._entry.gid,
            user=self._entry.user,
            group=self._entry.group,
            modified_ns=self._entry.modified_ns,
        )

    def describe(self, position: int) -> Entry | None:
        """The entry of the database, with the size of the copy."""
        return self._entry if self.names[position] else None

    def open(self, position: int) -> Content | None:
        """Open the copy."""
        return CopyContent(self._fd, self.names[position], self.faults)

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Return a small copy whole."""
        content = self.read_small(position, self._entry.size) if self._entry.size <= most_bytes else None
        return None if content is None else (self._entry, content)

    def read_small(self, position: int, size: int) -> bytes | None:
        """Return the copy if it is exactly ``size`` bytes."""
        if size != self._entry.size:
            return None
        copy = CopyContent(self._fd, self.names[position], self.faults)
        content = bytearray()
        while block := copy.read(size - len(content) + 1):
            content += block
        return bytes(content) if len(content) == size else None


class CopyContent:
    """The copy being read; nobody else writes to it."""

    def __init__(self, fd: int, name: bytes, faults: list[SourceError]) -> None:
        """Failures are told to ``faults`` too."""
        self._fd = fd
        self._name = name
        self._faults = faults
        self._position = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes. Raises ``SourceError``."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as one step goes. Raises ``SourceError``."""
        try:
            count = os.preadv(self._fd, [buffer], self._position)
        except OSError as error:
            fault = SourceError(
                "The copy of {name} could not be read: {reason}.",
                hint="Check the disk that TMPDIR lies on.",
                name=show_path(self._name),
                reason=error.strerror or str(error),
            )
            self._faults.append(fault)
            raise fault from error
        self._position += count
        return count

    def changed(self) -> bool:
        """Never: it is ours alone."""
        return False

    def close(self) -> None:
        """Nothing to give back: the walk owns the copy."""
