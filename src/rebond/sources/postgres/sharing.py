"""One session of psql that writes many small tables, one after the other: each is a stream of its own here.

To begin a session takes longer than to read a small table, through ``kubectl exec`` a hundred times.
"""

import re
from collections.abc import Sequence

from rebond.errors import CommandFailed
from rebond.sources.streams.readers import OpenReader, StreamReader

_MOST_MARK_BYTES = 128


class SharedSession:
    """Streams that come one after the other from one reader. Behind each stands its mark and a number."""

    def __init__(self, open_reader: OpenReader, marks: Sequence[str]) -> None:
        self._open_reader = open_reader
        self._marks = marks
        self._reader: StreamReader | None = None
        self._pending = bytearray()
        self._next = 0
        self._is_between = True
        self._is_over = False

    def open(self, position: int) -> "StreamReader | None":
        """Return a stream, its mark included; ``None`` when it is not its turn."""
        if position != self._next or not self._is_between:
            return None
        if self._reader is None:
            self._reader = self._open_reader()
        self._next, self._is_between = position + 1, False
        return _Share(self, self._marks[position])

    def read_until(self, mark: re.Pattern[bytes], buffer: memoryview) -> tuple[int, bool]:
        """Fill ``buffer`` with what belongs to the stream that ends with a mark; say whether its end is in it."""
        block = bytearray(1 << 16)
        while True:
            found = mark.search(self._pending)
            ready = found.end() if found else len(self._pending) - (0 if self._is_over else _MOST_MARK_BYTES)
            if ready > 0 or self._is_over:
                break
            assert self._reader is not None  # noqa: S101 - a share was opened
            count = self._reader.readinto(memoryview(block))
            self._pending += memoryview(block)[:count]
            self._is_over = count == 0
        count = max(0, min(len(buffer), ready))
        buffer[:count] = self._pending[:count]
        del self._pending[:count]
        return count, found is not None and count == ready

    def end_share(self, *, has_mark: bool) -> None:
        """Judge one: the program itself too when it is the last, or has said nothing more. Raises ``SourceError``."""
        self._is_between = has_mark
        if has_mark and self._next < len(self._marks):
            return
        assert self._reader is not None  # noqa: S101 - a share was opened
        block = memoryview(bytearray(4096))
        if has_mark and (self._pending or self._reader.readinto(block)):
            raise CommandFailed(
                "psql wrote more than it was asked for.",
                hint="Run the backup again; if that happens each time, try it without whatever stands between.",
            )
        self._reader.finish()

    def close(self) -> None:
        """End the session; may be called twice."""
        if self._reader is not None:
            self._reader.close()


class _Share:
    """One of the streams."""

    def __init__(self, session: SharedSession, mark: str) -> None:
        self._session = session
        self._mark = re.compile(re.escape(mark.encode()) + rb" \d+\n")
        self._has_mark = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Give what comes; 0 behind the mark."""
        if self._has_mark:
            return 0
        count, self._has_mark = self._session.read_until(self._mark, buffer)
        return count

    def finish(self) -> None:
        """Judge it. Raises ``SourceError``."""
        self._session.end_share(has_mark=self._has_mark)

    def close(self) -> None:
        """End the session when this one was not read to its end: nothing after it can be told from it."""
        if not self._has_mark:
            self._session.close()
