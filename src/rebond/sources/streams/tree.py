"""A stream as a tree: one directory that holds one file, which can be read once."""

import os
from collections.abc import Iterator, Sequence

from rebond.entries import Content, Entry, EntryKind
from rebond.errors import CommandFailed, SourceError, UsageError
from rebond.sources.streams.judging import ANYTHING_BUT_NOTHING, MARK_WITHIN_BYTES, Expectation
from rebond.sources.streams.owner import name_of_group, name_of_user
from rebond.sources.streams.readers import OpenReader, StreamReader

_FILE_MODE, _DIRECTORY_MODE = 0o600, 0o700  # a dump is for nobody else's eyes


class StreamTree:
    """One file whose content comes once from a reader. Implements ``rebond.entries.Tree``.

    A walk opens one reader, when the file is opened. A stream that is cut, empty, fails or is not read to
    its end ends the walk with a ``SourceError``, after the listing: so nothing of it is ever kept, even by
    who takes an unreadable file as something to be reported. Nothing of it is remembered from run to run.
    ``began_ns`` is the time that the file gets.
    """

    def __init__(
        self, name: bytes, open_reader: OpenReader, *, began_ns: int, expected: Expectation = ANYTHING_BUT_NOTHING
    ) -> None:
        """Raises ``UsageError`` when ``name`` cannot be that of a file."""
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name or len(name) > 255:
            raise UsageError(
                "'{name}' cannot be the name of a file.",
                hint="Give a name without slashes, such as shop.sql.",
                name=name,
            )
        self._name = name
        self._open_reader = open_reader
        self._began_ns = began_ns
        self._expected = expected

    def listings(self) -> Iterator["StreamListing"]:
        """Yield the one listing, then judge what was read of it. Raises ``SourceError``."""
        listing = StreamListing(self._name, self._open_reader, self._began_ns, self._expected)
        try:
            yield listing
            listing.judge()
        finally:
            listing.close()


class StreamListing:
    """The directory with the one file."""

    path = b""
    depth = 0
    stamp = b""

    def __init__(self, name: bytes, open_reader: OpenReader, began_ns: int, expected: Expectation) -> None:
        self.names: Sequence[bytes] = [name]
        self.stamps: Sequence[bytes] = [b""]  # never to be taken from what an earlier run remembers
        self._open_reader = open_reader
        self._began_ns = began_ns
        self._expected = expected
        self._content: StreamContent | None = None
        self._fault: SourceError | None = None  # why it could not be opened

    def directory(self) -> Entry:
        """The entry of the directory."""
        return self._entry(b"", EntryKind.DIRECTORY, _DIRECTORY_MODE)

    def describe(self, position: int) -> Entry | None:
        """The entry of the file; its size is not known before it is read."""
        return self._entry(self.names[position], EntryKind.FILE, _FILE_MODE)

    def open(self, position: int) -> Content | None:
        """Begin to read. Raises ``SourceError`` when the stream cannot be had, or a second time."""
        if self._content is not None:
            raise SourceError(
                "{name} can be read only once.",
                hint="Run the backup again.",
                name=self.names[position],
            )
        shown = self.names[position].decode(errors="backslashreplace")
        try:
            self._content = StreamContent(shown, self._open_reader(), self._expected)
        except SourceError as error:
            self._fault = error
            raise
        return self._content

    def read_whole(self, position: int, most_bytes: int) -> None:
        """Never: it has no size before its end."""

    def read_small(self, position: int, size: int) -> None:
        """Never: it has no size before its end."""

    def judge(self) -> None:
        """Say nothing if the stream was whole, or was never opened; else raise what was wrong with it."""
        if self._fault is not None:
            raise self._fault
        if self._content is not None:
            self._content.judge()

    def close(self) -> None:
        """End what still writes."""
        if self._content is not None:
            self._content.close()

    def _entry(self, name: bytes, kind: EntryKind, mode: int) -> Entry:
        return Entry(
            name=name,
            kind=kind,
            mode=mode,
            uid=os.geteuid(),
            gid=os.getegid(),
            user=name_of_user(os.geteuid()),
            group=name_of_group(os.getegid()),
            modified_ns=self._began_ns,
        )


class StreamContent:
    """The stream being read. Its end is an end only when the reader and the expectation say so."""

    def __init__(self, name: str, reader: StreamReader, expected: Expectation) -> None:
        self._name = name
        self._reader = reader
        self._expected = expected
        self._size = 0
        self._tail = b""
        self._is_whole = False
        self._fault: SourceError | None = None

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; empty at a good end. Raises ``SourceError`` when it is not whole."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the whole of ``buffer``, unless the end comes first; 0 at a good end. Raises ``SourceError``."""
        if self._fault is not None:
            raise self._brief()
        filled = 0
        try:
            while filled < len(buffer) and not self._is_whole:
                count = self._reader.readinto(buffer[filled:])
                if count:
                    self._remember_tail(buffer[filled : filled + count])
                    filled += count
                    self._size += count
                else:
                    self._reader.finish()
                    self._expected.judge(self._name, self._size, self._tail)
                    self._is_whole = True
        except SourceError as error:
            self._fault = error
            raise self._brief() from error
        except OSError as error:
            self._fault = CommandFailed(
                "The stream of {name} broke: {reason}.",
                hint="See what ended whatever writes it; then run the backup again.",
                name=self._name,
                reason=error.strerror or str(error),
            )
            raise self._brief() from error
        return filled

    def changed(self) -> bool:
        """Never: a stream has no state but the one that is read."""
        return False

    def judge(self) -> None:
        """Raise what was wrong, unless the stream was read to a good end."""
        if self._fault is not None:
            raise self._fault
        if not self._is_whole:
            raise CommandFailed(
                "{name} was not read to its end, so nothing of it is saved.",
                hint="Run the backup again.",
                name=self._name,
            )

    def close(self) -> None:
        """End what still writes; calling twice does no harm."""
        self._reader.close()

    def _remember_tail(self, block: memoryview) -> None:
        self._tail = (self._tail + bytes(block[-MARK_WITHIN_BYTES:]))[-MARK_WITHIN_BYTES:]

    def _brief(self) -> SourceError:
        """Say in few words what ``judge`` raises whole: this one is only noticed on the way."""
        return SourceError("the stream is not whole.", hint="The error that follows says why.")
