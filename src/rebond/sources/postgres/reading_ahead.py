"""Several sessions that read the tables of one snapshot at once, a little ahead of whoever takes their rows in order.

A large table is read in parts, each a run of its pages, so that one table alone keeps all sessions busy too. What
waits to be taken is bounded: a session whose part is not at its turn pauses.
"""

import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rebond.errors import CommandFailed, SourceError
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.marked_output import count_lines
from rebond.sources.streams.readers import FedReader

PART_BYTES = 8 << 20  # of a table's pages
_WAITING_BYTES = 8 << 20  # for each session, and once more
_BLOCK_BYTES = 256 << 10
PAUSE_SECONDS = 0.002  # psql writes 4 KiB at a time: a look at each of them costs more than what is in it
_NUMBER = re.compile(rb"(\d+) ")

OpenSession = Callable[[], FedReader]


@dataclass(slots=True, eq=False)
class Part:
    """A run of rows: the command that asks for it, and what came of that."""

    table: Table
    command: str
    blocks: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    lines: int = 0
    said: int | None = None
    fault: SourceError | None = None


class RowsAhead:
    """The parts of all tables, in the order in which they are taken. ``close`` ends every session."""

    def __init__(
        self, open_session: OpenSession, parts: Sequence[Part], *, jobs: int, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        """A session that has little to give is left alone for ``pause_seconds``, so that it gathers more."""
        self._open_session = open_session
        self._parts = list(parts)
        self._of_table: dict[Table, list[Part]] = {}
        for each in self._parts:
            self._of_table.setdefault(each.table, []).append(each)
        self._order = list(self._of_table)
        self._next_table = 0
        self._next_part = 0
        self._jobs = max(1, min(jobs, len(self._parts)))
        self._most_bytes = _WAITING_BYTES * (self._jobs + 1)
        self._waiting_bytes = 0
        self._current: Part | None = self._parts[0] if self._parts else None
        self._moved = threading.Condition()
        self._is_closed = False
        self._closing = threading.Event()
        self._pause_seconds = pause_seconds
        self._threads: list[threading.Thread] = []
        self._sessions: list[FedReader] = []
        self._mark = f"rebond-rows-{secrets.token_hex(16)}"

    def start(self) -> None:
        """Let the sessions begin, unless they have."""
        with self._moved:
            if self._threads or self._is_closed:
                return
            self._threads = [
                threading.Thread(target=self._work, name=f"read {number}", daemon=True) for number in range(self._jobs)
            ]
        for each in self._threads:
            each.start()

    def open(self, table: Table) -> "TableReader | None":
        """Return the rows of a table; ``None`` when it is not its turn."""
        if self._next_table >= len(self._order) or self._order[self._next_table] != table:
            return None
        self._next_table += 1
        self.start()
        return TableReader(self, self._of_table[table])

    def take(self, part: Part) -> bytes:
        """Return what comes next of a part; empty at its end. Raises ``SourceError``."""
        with self._moved:
            if self._current is not part:
                self._current = part
                self._moved.notify_all()
            while not part.blocks and part.said is None and part.fault is None:
                if self._is_closed:
                    raise CommandFailed("The session was ended.", hint="Run the backup again.")
                self._moved.wait()
            if part.blocks:
                block = part.blocks.popleft()
                part.waiting_bytes -= len(block)
                self._waiting_bytes -= len(block)
                self._moved.notify_all()
                return block
            if part.fault is not None:
                raise part.fault
        return b""

    def close(self) -> None:
        """End every session; may be called twice."""
        with self._moved:
            self._is_closed = True
            self._closing.set()
            sessions, self._sessions = self._sessions, []
            self._moved.notify_all()
        for session in sessions:
            session.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _work(self) -> None:
        """Read parts, one after the other, in one session."""
        session: FedReader | None = None
        part: Part | None = None
        held = bytearray()
        try:
            while (part := self._take_part()) is not None:
                is_first = session is None
                session = session or self._begin()
                _ask(session, part.command.replace("\0", self._mark))
                self._receive(session, held, part, is_first=is_first)
            if session is not None:
                _end_session(session, held)
        except (SourceError, OSError, ValueError) as error:
            self._fail(part, error)
        finally:
            if session is not None:
                session.close()

    def _begin(self) -> FedReader:
        session = self._open_session()
        with self._moved:
            if not self._is_closed:
                self._sessions.append(session)
                return session
        session.close()
        raise CommandFailed("The session was ended.", hint="Run the backup again.")

    def _take_part(self) -> Part | None:
        with self._moved:
            if self._is_closed or self._next_part >= len(self._parts):
                return None
            part = self._parts[self._next_part]
            self._next_part += 1
            return part

    def _receive(self, session: FedReader, held: bytearray, part: Part, *, is_first: bool) -> None:
        """Read to the mark behind a part; what comes behind that stays in ``held``. Raises ``SourceError``."""
        mark = self._mark.encode() + b" "
        block = memoryview(bytearray(_BLOCK_BYTES))
        if not is_first:
            _skip_push(session, held, block)
        is_full = True
        while (place := held.find(mark)) < 0 or _NUMBER.match(held, place + len(mark)) is None:
            if place < 0:
                self._give(part, held, len(held) - len(mark))
            if not is_full:
                self._closing.wait(self._pause_seconds)
            is_full = _read_more(session, held, block) > len(block) // 2
        found = _NUMBER.match(held, place + len(mark))
        assert found is not None  # noqa: S101 - the loop ended by it
        said, end = int(found[1]), found.end()  # now: what was found moves with the bytes before it
        self._give(part, held, place)
        del held[: end - place]
        self._end(part, said)

    def _give(self, part: Part, held: bytearray, count: int) -> None:
        """Pass on the first bytes; wait where there is too much already."""
        if count <= 0:
            return
        with memoryview(held) as view:
            content = bytes(view[:count])
        del held[:count]
        lines = count_lines(content)
        with self._moved:
            while not self._is_closed and self._has_too_much(part):
                self._moved.wait()
            part.blocks.append(content)
            part.waiting_bytes += count
            part.lines += lines
            self._waiting_bytes += count
            self._moved.notify_all()

    def _has_too_much(self, part: Part) -> bool:
        if part is self._current:
            return part.waiting_bytes >= _WAITING_BYTES
        return self._waiting_bytes >= self._most_bytes

    def _end(self, part: Part, said: int) -> None:
        with self._moved:
            if said != part.lines:
                part.fault = CommandFailed(
                    "{name} is not whole: {count} rows came, and the server sent {expected}.",
                    hint="Something between changes or loses them; run the backup again.",
                    name=part.table.sql,
                    count=part.lines,
                    expected=said,
                )
            part.said = said
            self._moved.notify_all()

    def _fail(self, part: Part | None, error: Exception) -> None:
        """Tell whoever waits for the part, or for one that nobody has begun; those that are whole stay so."""
        known = error if isinstance(error, SourceError) else CommandFailed("The session was ended.")
        with self._moved:
            left = [] if part is None else [part]
            left += self._parts[self._next_part :]
            self._next_part = len(self._parts)
            for each in left:
                if each.said is None:
                    each.fault = each.fault or known
            if part is None and self._parts and not self._is_closed:  # the last words of a session were bad ones
                self._parts[-1].fault = known
            self._moved.notify_all()


class TableReader:
    """The rows of one table, part by part. ``counted`` and ``size_bytes`` are of what was given out."""

    def __init__(self, ahead: RowsAhead, parts: Sequence[Part]) -> None:
        self._ahead = ahead
        self._parts = deque(parts)
        self._block = memoryview(b"")
        self.counted = 0
        self.size_bytes = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Give what comes next; 0 behind the last row. Raises ``SourceError``."""
        while not self._block and self._parts:
            block = self._ahead.take(self._parts[0])
            if block:
                self._block = memoryview(block)
            else:
                self.counted += self._parts.popleft().lines
        count = min(len(buffer), len(self._block))
        buffer[:count] = self._block[:count]
        self._block = self._block[count:]
        self.size_bytes += count
        return count

    def finish(self) -> None:
        """Every part was judged when its end came."""

    def close(self) -> None:
        """The sessions are ended by whoever has them."""


def _ask(session: FedReader, command: str) -> None:
    """Hand a session a command. Raises ``SourceError`` with its last words when it has ended."""
    try:
        session.feed(command.encode(errors="surrogateescape"))
    except BrokenPipeError:
        session.finish()
        raise CommandFailed("The session was ended.", hint="Run the backup again.") from None


def _read_more(session: FedReader, held: bytearray, block: memoryview) -> int:
    """Read what comes next; return how many bytes it is. Raises ``SourceError`` at the end."""
    count = session.readinto(block)
    if not count:
        session.finish()
        raise CommandFailed(
            "The answer of psql was cut: the mark at its end is missing.",
            hint="Run the backup again. If that happens often, see what ends the connection.",
        )
    held += block[:count]
    return count


def _skip_push(session: FedReader, held: bytearray, block: memoryview) -> None:
    """Take away the line that pushed the last mark through: it may come only with what follows it."""
    while (end := held.find(b"\n")) < 0:
        _read_more(session, held, block)
    if held[:end].strip(b"-"):
        raise _too_much()
    del held[: end + 1]


def _end_session(session: FedReader, held: bytearray) -> None:
    """Read to the end of a session, where nothing more may come. Raises ``SourceError``."""
    session.end_input()
    block = memoryview(bytearray(4096))
    while count := session.readinto(block):
        held += block[:count]
    session.finish()
    if bytes(held).strip(b"-\n"):
        raise _too_much()


def _too_much() -> CommandFailed:
    return CommandFailed(
        "psql wrote more than it was asked for.",
        hint="Run the backup again; if that happens each time, try it without whatever stands between.",
    )
