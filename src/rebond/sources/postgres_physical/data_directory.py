"""The data directory of a running server, read where it lies by several threads.

One session of ours holds the backup from its start to its stop: what is read is of no use when that is lost.
"""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from rebond.clock import Clock
from rebond.entries import Arrival, EntryKind, RememberedTree
from rebond.errors import CommandFailed, SourceError, SourceUnfit
from rebond.sources.postgres.names import quote_text
from rebond.sources.postgres.wal_names import format_lsn, parse_lsn, timeline_of
from rebond.sources.postgres_physical.arrived_tree import ArrivedEntries, ArrivedListing, make_entry
from rebond.sources.postgres_physical.base_backup import BLOCK_BYTES, WatchEnd, is_relation, watch_nothing
from rebond.sources.postgres_physical.connection import Connection
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.directory_rules import CONTROL, Found, walk_directory
from rebond.sources.postgres_physical.labels import BackupLabel, read_label
from rebond.sources.postgres_physical.pages import find_damaged
from rebond.sources.postgres_physical.partly_read import FileInPart
from rebond.sources.postgres_physical.server_facts import ServerFacts
from rebond.sources.postgres_physical.wal_summaries import ChangedBlocks, make_mark, read_changes, read_mark
from rebond.sources.streams.owner import name_of_group, name_of_user

THREADS = 2
_PIECE_BYTES = 512 << 10  # 64 pages: their checksums are computed together
_AHEAD = 8  # pieces in memory
_TORN_TRIES, _TORN_SECONDS = 5, 0.01
_CONTROL_BYTES = 8192


class DataDirectoryTree:
    """Implements ``rebond.entries.ArrivingTree``.

    Once all has arrived ``label``, ``stop`` and ``timeline`` are known.
    """

    def __init__(
        self,
        connection: Connection,
        facts: ServerFacts,
        *,
        label: str,
        clock: Clock,
        pages: DamagedPages,
        at_end: Callable[["DataDirectoryTree"], None],
        watch: WatchEnd = watch_nothing,
    ) -> None:
        """Begin the backup. ``watch`` lasts from the first file to ``at_end``. Raises ``SourceError``."""
        self._top = os.fsencode(require_directory(facts))
        self._connection = connection
        self._clock = clock
        self._facts = facts
        self._pages = pages
        self._at_end = at_end
        self._watch = watch
        self.entries = ArrivedEntries(clock.now_ms() * 1_000_000)
        self.start = parse_lsn(connection.ask(f"SELECT pg_backup_start({quote_text(label)}, true)")[0][0])
        self.stop = 0
        self._label = b""
        self._remembered: RememberedTree | None = None
        self._changes: ChangedBlocks | None = None
        self._whole_ms = clock.now_ms()

    @property
    def label(self) -> BackupLabel:
        """What the server wrote about the start."""
        return read_label(self._label)

    @property
    def timeline(self) -> int:
        """The timeline that the backup ends on: a server that is promoted meanwhile fails it."""
        return self.label.timeline

    def recall(self, remembered: RememberedTree) -> None:
        """Find out what changed since this directory was saved before; what is not certain is read whole.

        Raises ``CommandFailed``.
        """
        before = read_mark(remembered.mark)
        if (
            before is None
            or not before.is_fit(self._facts, self._clock.now_ms())
            or before.timeline != self._ask_timeline()
        ):
            return
        self._remembered = remembered
        self._changes = read_changes(
            self._connection,
            timeline=before.timeline,
            since=before.start,
            until=self.start,
            page_bytes=self._facts.page_bytes,
            clock=self._clock,
        )
        if self._changes is not None:
            self._whole_ms = before.whole_ms

    @property
    def knows_changes(self) -> bool:
        """Whether it is known what changed since it was saved before, so that only that is read."""
        return self._changes is not None

    def make_mark(self) -> bytes:
        """Return what has to be known to read less the next time."""
        return make_mark(self._facts, self.label, self._pages, self._whole_ms)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield every file, then stop the backup. Raises ``SourceError``."""
        with self._watch() as expect_end:
            yield from self._take_all(expect_end)
            self._at_end(self)

    def _take_all(self, expect_end: Callable[[], None]) -> Iterator[Arrival]:
        try:
            with ThreadPoolExecutor(THREADS, thread_name_prefix="data directory") as threads:
                yield from self._read_files(threads)
            control = self._read_control()
            expect_end()
            rows = self._connection.ask("SELECT lsn, labelfile, spcmapfile FROM pg_backup_stop(false)")
        finally:
            self._connection.close()
        ((lsn, label, spaces),) = rows
        self.stop = parse_lsn(lsn)
        self._label = label.encode(errors="surrogateescape")
        self.entries.add_document(CONTROL, control)
        self.entries.add_document(b"backup_label", self._label)
        if spaces:
            self.entries.add_document(b"tablespace_map", spaces.encode(errors="surrogateescape"))

    def listings(self) -> Iterator[ArrivedListing]:
        """Yield every directory, once all has arrived."""
        return self.entries.listings()

    def close(self) -> None:
        """End the session, and the backup with it unless it was stopped."""
        self._connection.close()

    def _read_files(self, threads: ThreadPoolExecutor) -> Iterator[Arrival]:
        try:
            for found in walk_directory(self._top, self._facts.major):
                try:
                    if found.is_directory:
                        self._add(found, os.stat(found.place))
                        continue
                    descriptor = os.open(found.place, os.O_RDONLY | os.O_CLOEXEC)
                except FileNotFoundError:
                    continue  # a table or a database that was dropped meanwhile: the log says so too
                arrival = self._open_part(found.path, descriptor)
                if arrival is None:
                    arrival = FileAhead(found.path, descriptor, threads, self._find_damaged)
                try:
                    yield arrival
                    status = os.fstat(descriptor)
                    self._add(found, status, arrival.size_bytes)
                finally:
                    arrival.close()
        except OSError as error:
            raise SourceError(
                "{path} of the data directory cannot be read: {reason}",
                hint="Run this as the user of the server or as root; or take 'data_directory' out of the component.",
                path=os.fsdecode(error.filename or self._top),
                reason=error.strerror or str(error),
            ) from error

    def _open_part(self, path: bytes, descriptor: int) -> "FileAhead | FileInPart | None":
        """Open a file to read what changed of it; ``None`` when all of it has to be read."""
        before = self._remembered.find(path) if self._remembered and self._changes and is_relation(path) else None
        if before is None or self._changes is None:
            return None
        size = os.fstat(descriptor).st_size
        fresh = self._changes.find_fresh(path, size, BLOCK_BYTES, before)
        if fresh is None:
            return None
        return FileInPart(
            path, descriptor, whole_bytes=size, block_bytes=BLOCK_BYTES, fresh=fresh, judge=self._find_damaged
        )

    def _ask_timeline(self) -> int:
        """Return the timeline that the server writes now; 0 for a standby, which writes none."""
        if self._facts.is_standby:
            return 0
        query = f"SELECT pg_walfile_name({quote_text(format_lsn(self.start))})"
        return timeline_of(self._connection.ask(query)[0][0])

    def _add(self, found: Found, status: os.stat_result, size: int = 0) -> None:
        kind = EntryKind.DIRECTORY if found.is_directory else EntryKind.FILE
        entry = msgspec.structs.replace(
            make_entry(kind, stat.S_IMODE(status.st_mode), status.st_mtime_ns),
            uid=status.st_uid,
            gid=status.st_gid,
            user=name_of_user(status.st_uid),
            group=name_of_group(status.st_gid),
            size=size,
        )
        (self.entries.add_directory if found.is_directory else self.entries.add_file)(found.path, entry)

    def _find_damaged(self, path: bytes, descriptor: int, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Judge pages of pieces at offsets; one that looks torn is read once more, as the server does it."""
        page_bytes = self._facts.page_bytes
        if not self._facts.has_checksums or not is_relation(path):
            return
        pages = [offset // page_bytes + n for offset, piece in pieces for n in range(len(piece) // page_bytes)]
        before = self._count_before(path)
        # What is no whole page is the end of a file that was cut meanwhile.
        content = b"".join(piece[: len(piece) // page_bytes * page_bytes] for _, piece in pieces)
        for number in find_damaged(content, page_bytes, [before + page for page in pages], self.start):
            self._clock.sleep(_TORN_SECONDS)
            again = os.pread(descriptor, page_bytes, pages[number] * page_bytes)
            if len(again) == page_bytes and find_damaged(again, page_bytes, [before + pages[number]], self.start):
                self._pages.add(os.fsdecode(path), pages[number])

    def _count_before(self, path: bytes) -> int:
        """A relation is cut into files of 1 GiB, and its blocks are counted through all of them."""
        suffix = path.rpartition(b"/")[2].rpartition(b".")
        segment = int(suffix[2]) if suffix[1] else 0
        return segment * ((1 << 30) // self._facts.page_bytes)

    def _read_control(self) -> bytes:
        """Read what says where the log begins, last and whole: twice the same, or it is being written."""
        before = b""
        for _ in range(_TORN_TRIES):
            with open(os.path.join(self._top, CONTROL), "rb") as file:
                content = file.read()
            if content == before and len(content) == _CONTROL_BYTES:
                return content
            before = content
        raise CommandFailed("pg_control changes all the time, so it could not be read whole.", hint="Run it again.")


def require_directory(facts: ServerFacts) -> str:
    """Return where the data directory is. Raises ``SourceUnfit`` when it is not here."""
    if not facts.data_directory or not os.path.isdir(facts.data_directory):
        raise SourceUnfit(
            "The data directory {path} of the server is not on this machine, or may not be seen.",
            hint="Take 'data_directory' out of the component: then the server sends it.",
            path=facts.data_directory or "–",
        )
    return facts.data_directory


class FileAhead:
    """One file, of which a few pieces are read ahead and judged by other threads."""

    def __init__(
        self,
        path: bytes,
        descriptor: int,
        threads: ThreadPoolExecutor,
        judge: Callable[[bytes, int, Sequence[tuple[int, bytes]]], None],
    ) -> None:
        self.path = path
        self.block_bytes = BLOCK_BYTES if is_relation(path) else 0
        self.size_bytes = 0
        self._descriptor = descriptor
        self._threads = threads
        self._judge = judge
        self._next = 0
        self._pending: deque[Future[bytes]] = deque()
        self._piece = memoryview(b"")
        self._is_over = False
        size_bytes = os.fstat(descriptor).st_size
        self._ahead_bytes = size_bytes if size_bytes > _PIECE_BYTES else 0  # a small one is no work for two threads
        for _ in range(_AHEAD):
            self._ask()

    def readinto(self, buffer: memoryview, /) -> int:
        """Read on. Raises ``OSError``."""
        if not len(self._piece) and not self._is_over:
            self._piece = memoryview(self._take_piece())
            self._ask()
            if len(self._piece) < _PIECE_BYTES:
                self._is_over = True  # what is added meanwhile the log has as well
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        self.size_bytes += count
        return count

    def read(self, size: int, /) -> bytes:
        """Read on. Raises ``OSError``."""
        block = bytearray(size)
        return bytes(block[: self.readinto(memoryview(block))])

    def changed(self) -> bool:
        """Never: what changes meanwhile is mended by the log."""
        return False

    def close(self) -> None:
        """Wait for what still reads it, and give the file back; may be called twice."""
        while self._pending:
            self._pending.popleft().exception()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _ask(self) -> None:
        if self._next < self._ahead_bytes:
            self._pending.append(self._threads.submit(self._read_piece, self._next))
            self._next += _PIECE_BYTES

    def _take_piece(self) -> bytes:
        if self._pending:
            return self._pending.popleft().result()
        self._next += _PIECE_BYTES
        return self._read_piece(self._next - _PIECE_BYTES)

    def _read_piece(self, offset: int) -> bytes:
        piece = os.pread(self._descriptor, _PIECE_BYTES, offset)
        if piece:
            self._judge(self.path, self._descriptor, [(offset, piece)])
        return piece
