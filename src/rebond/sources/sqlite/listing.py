"""One directory of databases: each is copied when it is asked for, one at a time."""

import contextlib
import os
from collections.abc import Mapping, Sequence

import msgspec

from rebond.clock import Clock
from rebond.entries import Content, Entry, EntryKind
from rebond.errors import SourceError
from rebond.sources.files.describing import Describer
from rebond.sources.files.paths import show_path
from rebond.sources.sqlite.copying import Ask, copied_database


class SqliteListing:
    """Databases by their names. ``real_directory`` gives the metadata of the directory; empty invents them."""

    stamp = b""

    def __init__(
        self,
        path: bytes,
        files: Mapping[bytes, bytes],
        real_directory: bytes,
        *,
        describer: Describer,
        clock: Clock,
        timeout_seconds: float,
        place: str,
        ask: Ask | None = None,
    ) -> None:
        self.path = path
        self.depth = path.count(b"/") + 1 if path else 0
        self.names: Sequence[bytes] = sorted(files)
        self.stamps: Sequence[bytes] = [b""] * len(files)  # content may change while sizes and times stay
        self._files = [files[name] for name in self.names]
        self._real_directory = real_directory
        self._describer = describer
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._place = place
        self._ask = ask
        self._faults: list[SourceError] = []
        self._copies = contextlib.ExitStack()
        self._copied: tuple[int, Entry, int] | None = None  # its position, its entry, a descriptor

    def directory(self) -> Entry:
        """The entry of the directory, or one that never existed, of the first database's owner."""
        if self._real_directory:
            entry = describe_unopened(self._describer, self._real_directory)
            return msgspec.structs.replace(entry, name=os.path.basename(self.path))
        first = describe_unopened(self._describer, self._files[0]) if self._files else None
        return Entry(
            name=os.path.basename(self.path),
            kind=EntryKind.DIRECTORY,
            mode=0o755,
            uid=first.uid if first else os.geteuid(),
            gid=first.gid if first else os.getegid(),
            user=first.user if first else "",
            group=first.group if first else "",
            modified_ns=first.modified_ns if first else self._clock.now_ms() * 1_000_000,
        )

    def describe(self, position: int) -> Entry | None:
        """The entry of a database, with the size of its copy. Raises ``SourceError`` when it cannot be copied."""
        return self._copy(position)[0]

    def open(self, position: int) -> Content | None:
        """Open the copy. Raises ``SourceError``."""
        return CopyContent(os.dup(self._copy(position)[1]), self.names[position], self._faults)

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Return a small copy whole. Raises ``SourceError``."""
        entry, _ = self._copy(position)
        content = self.read_small(position, entry.size) if entry.size <= most_bytes else None
        return None if content is None else (entry, content)

    def read_small(self, position: int, size: int) -> bytes | None:
        """Return the copy if it is exactly ``size`` bytes. Raises ``SourceError``."""
        entry, descriptor = self._copy(position)
        if size != entry.size:
            return None
        copy = CopyContent(os.dup(descriptor), self.names[position], self._faults)
        try:
            content = b"".join(iter(lambda: copy.read(1 << 20), b""))
        finally:
            copy.close()
        return content if len(content) == size else None

    def judge(self) -> None:
        """Raise what kept a copy from being made or read: who reports an unreadable file must not go on."""
        if self._faults:
            raise self._faults[0]

    def close(self) -> None:
        """Give the copy back."""
        self._copied = None
        self._copies.close()

    def _copy(self, position: int) -> tuple[Entry, int]:
        if self._copied is None or self._copied[0] != position:
            self.close()
            file = self._files[position]
            try:
                entry = describe_unopened(self._describer, file)
                copy = copied_database(
                    file,
                    clock=self._clock,
                    timeout_seconds=self._timeout_seconds,
                    place=self._place,
                    ask=self._ask,
                )
                descriptor = self._copies.enter_context(copy)
            except SourceError as error:
                self._faults.append(error)
                raise
            size = os.fstat(descriptor).st_size
            entry = msgspec.structs.replace(entry, name=self.names[position], link=None, size=size)
            self._copied = position, entry, descriptor
        return self._copied[1:]


def describe_unopened(describer: Describer, path: bytes) -> Entry:
    """Describe a file without opening it: closing it again would drop locks that this process holds on it.

    Raises ``SourceError``.
    """
    folder, name = os.path.split(os.path.realpath(path))
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return describer.describe_named(name, descriptor, lambda: path)[0]
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SourceError(
            "The database {path} cannot be reached: {reason}.",
            hint="Check the path, and that what it lies on is mounted.",
            path=show_path(path),
            reason=error.strerror or str(error),
        ) from error


class CopyContent:
    """A copy being read; nobody else writes to it. Takes over the descriptor; failures are told to ``faults`` too."""

    def __init__(self, descriptor: int, name: bytes, faults: list[SourceError]) -> None:
        self._descriptor = descriptor
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
            count = os.preadv(self._descriptor, [buffer], self._position)
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
        """Give it back; calling twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
