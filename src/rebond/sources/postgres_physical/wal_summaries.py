"""Which blocks changed since a position of the log, as the server's WAL summaries say (PostgreSQL 17 and later).

What is not certain is unknown here, and is then read whole: a file that is not a table's or index's own pages, a
relation or a database that was made since, a file of an odd size. Where a summary is missing nothing is known at all.
"""

import os
import re
from collections.abc import Iterable

import msgspec

from rebond.clock import Clock
from rebond.entries import RememberedFile
from rebond.sources.postgres.wal_names import format_lsn, parse_lsn
from rebond.sources.postgres_physical.connection import Connection
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.labels import BackupLabel
from rebond.sources.postgres_physical.server_facts import ServerFacts

OLDEST_MAJOR = 17
WHOLE_AGAIN_MS = 7 * 86_400_000  # then every page is read and judged again: what rots without being written is told
_DEFAULT_SPACE, _GLOBAL_SPACE = 1663, 1664
_MAIN_FILE = re.compile(rb"(?:base/(\d+)|global|pg_tblspc/(\d+)/[^/]+/(\d+))/(\d+)(?:\.(\d+))?")
_PATIENCE_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.02
_MOST_FRESH = 0.9  # of a file; beyond that reading all of it costs no more
_FILES_AT_ONCE = 50
_SETTINGS = "SELECT current_setting('summarize_wal', true), pg_size_bytes(current_setting('segment_size'))"
_LIST = "SELECT start_lsn, end_lsn FROM pg_available_wal_summaries() WHERE tli = {timeline}"
# Each is named: one that was removed meanwhile is an error, and never a summary without changes.
_CONTENTS = """SELECT c.reltablespace, c.reldatabase, c.relfilenode,
  min(c.relblocknumber) FILTER (WHERE c.is_limit_block),
  string_agg(DISTINCT c.relblocknumber::text, ',') FILTER (WHERE NOT c.is_limit_block)
FROM (VALUES {files}) AS f(s, e), pg_wal_summary_contents({timeline}, f.s, f.e) AS c
WHERE c.relforknumber = 0 GROUP BY 1, 2, 3"""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a server beside its blocks: from where on its summaries are needed.

    ``directory`` tells its data directory from every other one, as ``identify_directory`` does.
    """

    system_identifier: str
    major: int
    page_bytes: int
    has_checksums: bool
    timeline: int
    start: int
    whole_ms: int
    directory: str = ""

    def is_fit(self, facts: ServerFacts, now_ms: int) -> bool:
        """Say whether it is of the same server, pages mean the same, and all of them were judged not long ago.

        A restored server has the same identifier, and may take a timeline that another restored one took before it.
        """
        if not 0 <= now_ms - self.whole_ms < WHOLE_AGAIN_MS or not self.directory:
            return False
        return (self.system_identifier, self.major, self.page_bytes, self.has_checksums, self.directory) == (
            facts.system_identifier,
            facts.major,
            facts.page_bytes,
            facts.has_checksums,
            identify_directory(facts.data_directory),
        )


def make_mark(facts: ServerFacts, label: BackupLabel, pages: DamagedPages, whole_ms: int) -> bytes:
    """Return what is to be remembered of a server that was read from ``label`` on.

    Nothing of a standby, of a server without summaries, and after damage, which has to be found again the next time.
    ``whole_ms`` is when all of it was read the last time.
    """
    if label.is_from_standby or facts.is_standby or facts.major < OLDEST_MAJOR or pages:
        return b""
    return msgspec.json.encode(
        Mark(
            system_identifier=facts.system_identifier,
            major=facts.major,
            page_bytes=facts.page_bytes,
            has_checksums=facts.has_checksums,
            timeline=label.timeline,
            start=label.start,
            whole_ms=whole_ms,
            directory=identify_directory(facts.data_directory),
        )
    )


def identify_directory(path: str | None) -> str:
    """Return what another data directory at the same place does not have; empty where that cannot be seen.

    Nothing writes ``PG_VERSION`` once it is there, and nobody can set the time at which its inode was changed.
    """
    try:
        found = os.stat(os.path.join(path, "PG_VERSION")) if path else None
    except OSError:
        return ""
    return f"{found.st_ino}/{found.st_ctime_ns}" if found is not None else ""


def read_mark(content: bytes) -> Mark | None:
    """Read what was remembered; ``None`` when it is nothing."""
    try:
        return msgspec.json.decode(content, type=Mark)
    except msgspec.DecodeError:
        return None


Relation = tuple[int, int, int]  # tablespace, database, number of the file


class _Changes(msgspec.Struct):
    """What happened to one relation: it was cut to ``limit`` blocks at some time, or made anew (0)."""

    blocks: set[int] = msgspec.field(default_factory=set)
    limit: int | None = None


class ChangedBlocks:
    """What changed in each relation between two positions of the log."""

    def __init__(self, page_bytes: int, segment_bytes: int) -> None:
        """``segment_bytes`` is the size of the files that a relation is cut into."""
        self._page_bytes = page_bytes
        self._pages_in_file = segment_bytes // page_bytes
        self._relations: dict[Relation, _Changes] = {}

    def add(self, relation: Relation, limit: int | None, blocks: Iterable[int]) -> None:
        """Take what one summary says."""
        known = self._relations.setdefault(relation, _Changes())
        known.blocks.update(blocks)
        if limit is not None:
            known.limit = limit if known.limit is None else min(known.limit, limit)

    def find_fresh(
        self, path: bytes, size_bytes: int, block_bytes: int, before: RememberedFile
    ) -> list[tuple[int, int]] | None:
        """Return which blocks of ``block_bytes`` have to be read, as ranges; ``None`` for all of the file.

        ``size_bytes`` is what it has now; ``before`` is what is known of it.
        """
        found = locate_main_file(path)
        pages, odd = divmod(size_bytes, self._page_bytes)
        if found is None or odd or before.size_bytes % self._page_bytes or not 0 < pages <= self._pages_in_file:
            return None
        (space, database, number), file_number = found
        if (space, database, 0) in self._relations:
            return None  # the database was made since
        changes = self._relations.get((space, database, number), _Changes())
        first = file_number * self._pages_in_file
        sure = before.size_bytes // self._page_bytes
        if changes.limit is not None:
            sure = min(sure, changes.limit - first)
        if sure <= 0:
            return None
        in_block = block_bytes // self._page_bytes
        fresh = {(each - first) // in_block for each in changes.blocks if first <= each < first + pages}
        fresh.update(range(sure // in_block, -(-pages // in_block)), before.lost)
        if size_bytes != before.size_bytes:
            fresh.add((pages - 1) // in_block)  # the last block may be shorter than it was
        blocks = -(-pages // in_block)
        needed = sorted(each for each in fresh if each < blocks)
        return None if len(needed) > _MOST_FRESH * blocks else _join(needed)


def read_changes(
    connection: Connection, *, timeline: int, since: int, until: int, page_bytes: int, clock: Clock
) -> ChangedBlocks | None:
    """Ask a server what changed between two positions of one timeline; ``None`` when it does not know all of it.

    It is waited for as long as the server is still summing up. Raises ``CommandFailed`` when the connection is lost.
    """
    ((is_on, segment_bytes),) = connection.ask(_SETTINGS)
    if is_on != "on" or since > until or not _wait(connection, until, clock):
        return None
    rows = connection.ask(_LIST.format(timeline=timeline))
    files = choose_summaries(((parse_lsn(start), parse_lsn(end)) for start, end in rows), since, until)
    if files is None:
        return None
    changes = ChangedBlocks(page_bytes, int(segment_bytes))
    for number in range(0, len(files), _FILES_AT_ONCE):
        values = ", ".join(
            f"('{format_lsn(start)}'::pg_lsn, '{format_lsn(end)}'::pg_lsn)"
            for start, end in files[number : number + _FILES_AT_ONCE]
        )
        for space, database, file, limit, blocks in connection.ask(_CONTENTS.format(files=values, timeline=timeline)):
            numbers = map(int, blocks.split(",")) if blocks else ()
            changes.add((int(space), int(database), int(file)), int(limit) if limit else None, numbers)
    return changes


def choose_summaries(files: Iterable[tuple[int, int]], since: int, until: int) -> list[tuple[int, int]] | None:
    """Return the summaries that cover all from ``since`` to ``until``; ``None`` when there is a hole.

    A backup begins with a checkpoint, and there a summary ends and another begins. Where one goes on over ``since``,
    the server has another past than the one that was saved: somebody put an older copy of its disk back.
    """
    needed = sorted(each for each in files if each[1] > since and each[0] < until)
    if needed and needed[0][0] != since:
        return None
    reached = since
    for start, end in needed:
        if start > reached:
            return None
        reached = max(reached, end)
    return needed if reached >= until else None


def locate_main_file(path: bytes) -> tuple[Relation, int] | None:
    """Return the relation whose own pages a file of the data directory holds, and which of its files it is."""
    found = _MAIN_FILE.fullmatch(path)
    if found is None:
        return None
    database, space, database_there, number, file_number = (int(each) if each else 0 for each in found.groups())
    if found[2]:
        return (space, database_there, number), file_number
    return (_DEFAULT_SPACE if found[1] else _GLOBAL_SPACE, database, number), file_number


def _wait(connection: Connection, until: int, clock: Clock) -> bool:
    """Wait until the server has summed up as far as there; give up when it makes no progress."""
    last, deadline = "", clock.monotonic() + _PATIENCE_SECONDS
    while True:
        ((summed, pending),) = connection.ask("SELECT summarized_lsn, pending_lsn FROM pg_get_wal_summarizer_state()")
        if parse_lsn(summed) >= until:
            return True
        if pending != last:
            last, deadline = pending, clock.monotonic() + _PATIENCE_SECONDS
        if clock.monotonic() >= deadline:
            return False
        clock.sleep(_LOOK_EVERY_SECONDS)


def _join(numbers: list[int]) -> list[tuple[int, int]]:
    """Return numbers in order as ranges."""
    ranges: list[tuple[int, int]] = []
    for each in numbers:
        if ranges and ranges[-1][1] == each:
            ranges[-1] = ranges[-1][0], each + 1
        else:
            ranges.append((each, each + 1))
    return ranges
