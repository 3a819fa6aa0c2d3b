"""What psql and pg_dump write, with an end that is known, and the same bytes for the same content."""

import re

from rebond.errors import CommandFailed, SourceError
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.streams.readers import FedReader, StreamReader

_MOST_MARK_BYTES = 128
_TASTE_BYTES, _MOST_SHORT_LINES = 4096, 100
_HEAD_BYTES = 4096
_RESTRICT = re.compile(rb"^\\restrict ([A-Za-z0-9]+)\n\n?", re.MULTILINE)


class ExplainedReader:
    """A stream of a program whose complaints are explained."""

    def __init__(self, reader: FedReader, *, server: str, database: str) -> None:
        self._reader = reader
        self._server = server
        self._database = database

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what comes next."""
        return self._reader.readinto(buffer)

    def feed(self, content: bytes | bytearray | memoryview, /) -> None:
        """Hand the program more to read. Raises ``BrokenPipeError`` and ``SourceError``."""
        self._reader.feed(content)

    def end_input(self) -> None:
        """Let it see the end of its input."""
        self._reader.end_input()

    def allow_silence(self) -> None:
        """Let it write nothing for as long as it likes."""
        self._reader.allow_silence()

    def finish(self) -> None:
        """Judge the end. Raises ``SourceError``."""
        try:
            self._reader.finish()
        except SourceError as error:
            raise explain_failure(error, server=self._server, database=self._database) from error

    def close(self) -> None:
        """End the program."""
        self._reader.close()


class HeldReader:
    """A stream whose last bytes are held back until it is known that they are the last."""

    def __init__(self, reader: StreamReader, spare_bytes: int) -> None:
        self._reader = reader
        self._spare = spare_bytes
        self._held = bytearray()
        self._block = bytearray(1 << 16)
        self._is_over = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Give what is surely not the end; at the end what ``take_end`` leaves of it."""
        while len(self._held) <= self._spare and not self._is_over:
            count = self._reader.readinto(memoryview(self._block))
            self._held += memoryview(self._block)[:count]
            if not count:
                self._is_over = True
                self.take_end(self._held)
            else:
                self.take_head(self._held)
        ready = len(self._held) if self._is_over else len(self._held) - self._spare
        count = min(len(buffer), ready)
        buffer[:count] = self._held[:count]
        self.look_at(buffer[:count])
        del self._held[:count]
        return count

    def take_head(self, held: bytearray) -> None:
        """Change what came, at each block, before it is given out."""

    def take_end(self, held: bytearray) -> None:
        """Take what is ours from the end."""

    def look_at(self, given: memoryview) -> None:
        """See what is given out."""

    def finish(self) -> None:
        """Judge the end. Raises ``SourceError``."""
        self._reader.finish()

    def close(self) -> None:
        """End the program."""
        self._reader.close()


def count_lines(content: bytes) -> int:
    """Return how many lines end in ``content``.

    ``bytes.count`` looks at every letter; taking the ends out jumps from one to the next, which is some six times as
    fast where lines are long, and slower where they are short.
    """
    if content.count(b"\n", 0, _TASTE_BYTES) > _MOST_SHORT_LINES:
        return content.count(b"\n")
    return len(content) - len(content.replace(b"\n", b""))


class RowsReader(HeldReader):
    """The rows of a table, one on each line, behind which psql wrote how many the server sent.

    ``counted`` is that number once the stream has ended well. With ``counts_lines`` the lines that came have to
    be as many.
    """

    def __init__(self, reader: StreamReader, mark: str, *, name: str, counts_lines: bool = True) -> None:
        super().__init__(reader, _MOST_MARK_BYTES)
        self._mark = re.compile(re.escape(mark.encode()) + rb" (\d+)\n\Z")
        self._name = name
        self._counts_lines = counts_lines
        self._said: int | None = None
        self.counted = 0
        self.size_bytes = 0

    def take_end(self, held: bytearray) -> None:
        """Take the mark away and remember the number in it."""
        if found := self._mark.search(held):
            self._said = int(found[1])
            del held[found.start() :]

    def look_at(self, given: memoryview) -> None:
        """Count the lines."""
        self.counted += count_lines(bytes(given))
        self.size_bytes += len(given)

    def finish(self) -> None:
        """Judge the program first, then the mark and the count."""
        super().finish()
        if self._said is None:
            raise CommandFailed(
                "The rows of {name} were cut: the mark at their end is missing.",
                hint="Run the backup again. If that happens often, see what ends the connection.",
                name=self._name,
            )
        if self._counts_lines and self._said != self.counted:
            raise CommandFailed(
                "{name} is not whole: {count} rows came, and the server sent {expected}.",
                hint="Something between changes or loses them; run the backup again.",
                name=self._name,
                count=self.counted,
                expected=self._said,
            )


class DumpReader(HeldReader):
    """What pg_dump or pg_dumpall writes, without the random key that newer ones put around it.

    Whoever loads it puts a fresh one around it again.
    """

    def __init__(self, reader: StreamReader) -> None:
        super().__init__(reader, _HEAD_BYTES)
        self._has_head = False
        self._end = b""

    def take_head(self, held: bytearray) -> None:
        """Take the line with the key from the first bytes."""
        if self._has_head or len(held) <= _HEAD_BYTES:
            return
        self._take_key(held)

    def take_end(self, held: bytearray) -> None:
        """Take the last line with the same key."""
        if not self._has_head:
            self._take_key(held)
        if self._end and (place := held.rfind(self._end)) >= 0:
            del held[place : place + len(self._end)]

    def _take_key(self, held: bytearray) -> None:
        self._has_head = True
        if found := _RESTRICT.search(held, 0, _HEAD_BYTES):
            self._end = b"\\unrestrict " + found[1] + b"\n\n"
            del held[found.start() : found.end()]
