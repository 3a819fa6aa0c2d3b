"""What is read of the log is what PostgreSQL's own pg_waldump reads of it, wherever it ends."""

import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.wal_stack import SEGMENT_BYTES, SmallSegments

from rebond.clock import SystemClock
from rebond.operations.physical.archived_log import ArchivedLog, SegmentId
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.sources.postgres.wal_names import is_segment, parse_lsn, parse_segment_name
from rebond.sources.postgres_physical.wal_records import scan_segment
from rebond.store.memory import MemoryStore
from rebond.testing.vaults import make_vault, open_made

pytestmark = pytest.mark.judge("postgres")
PAGE_BYTES, PAGE_HEADER_BYTES = 8192, 24
RECORD = re.compile(r"^rmgr: (\w+) +len.*?/ *(\d+), tx: +(\d+), lsn: (\w+/\w+), .*? desc: (\w+)", re.MULTILINE)
FILL = """DO $$ BEGIN FOR i IN 1..1000 LOOP
 INSERT INTO t VALUES (i, repeat('x', (i * 7919) % 900)); COMMIT; END LOOP; END $$"""
HEAD_BYTES = 24  # of a record
MESSAGE_BYTES = 54  # of a record with a message, beside the message itself
BEFORE_END = 16  # bytes of a commit's record that lie in the first of two segments

Told = list[tuple[str, int, int, int, str]]  # manager, length, transaction, position, what


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SmallSegments, list[pathlib.Path]]]:
    """A server that wrote some segments of many small transactions without ever leaving one early."""
    server = SmallSegments()
    with server:
        server.sql("CREATE TABLE t (i int, v text)")
        server.sql("SELECT pg_switch_wal()")
        first = server.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn() + 8)").strip()
        for _ in range(3):
            server.sql(FILL)
            commit_over_the_edge(server)
        last = server.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())").strip()
        found = sorted(each for each in (server.data / "pg_wal").iterdir() if first <= each.name < last)
        folder = tmp_path_factory.mktemp("wal")
        copies = [folder / each.name for each in found if is_segment(each.name)]
        for each in copies:
            each.write_bytes((server.data / "pg_wal" / each.name).read_bytes())
        assert len(copies) == 3
        yield server, copies


def commit_over_the_edge(server: SmallSegments) -> None:
    """Let a transaction end where its last record begins in one segment and ends in the next."""
    now = parse_lsn(server.sql("SELECT pg_current_wal_insert_lsn()").strip())
    wanted = (now // SEGMENT_BYTES + 1) * SEGMENT_BYTES - BEFORE_END
    headers = (wanted // PAGE_BYTES - now // PAGE_BYTES) * PAGE_HEADER_BYTES
    length = wanted - now - headers - MESSAGE_BYTES
    server.sql(
        f"BEGIN; SELECT txid_current(); SELECT pg_logical_emit_message(false, '', repeat('x', {length})); COMMIT;"
    )


def dump(server: SmallSegments, files: list[pathlib.Path], folder: pathlib.Path) -> Told:
    """Return what pg_waldump tells of some segments, as far as it comes."""
    folder.mkdir()
    for each in files:
        (folder / each.name).symlink_to(each)
    words = [str(server.programs / "pg_waldump"), "-p", str(folder), files[0].name, files[-1].name]
    done = subprocess.run(words, capture_output=True, check=False, text=True)
    found = RECORD.findall(done.stdout)
    assert found, done.stderr
    return [(manager, int(length), int(xid), parse_lsn(lsn), what) for manager, length, xid, lsn, what in found]


def test_each_commit_is_found_once_and_the_log_ends_with_its_last_whole_record(
    segments: tuple[SmallSegments, list[pathlib.Path]], tmp_path: pathlib.Path
) -> None:
    server, files = segments
    clock, store = SystemClock(), MemoryStore()
    vault = open_made(make_vault(store, clock), store, clock, tmp_path / "caches")
    archive = WalArchive(lambda: vault, owner="shop/db")
    system_id = int(server.sql("SELECT system_identifier FROM pg_control_system()"))
    wanted = [SegmentId(*parse_segment_name(each.name, SEGMENT_BYTES)) for each in files]
    begin = wanted[0].number * SEGMENT_BYTES
    over_the_edge = 0
    for count, file in enumerate(files, 1):
        archive.push(WalFile(name=file.name, content=file.read_bytes(), system_id=system_id))
        log = ArchivedLog(vault, system_id, SEGMENT_BYTES)
        told = dump(server, files[:count], tmp_path / str(count))
        here = wanted[:count]
        found = [mark for place in range(count) for mark in log.list_marks(here, place) if mark.kind == "commit"]
        commits = [(xid, lsn) for manager, _, xid, lsn, what in told if (manager, what) == ("Transaction", "COMMIT")]
        assert [(each.xid, each.lsn) for each in found if each.lsn >= begin] == commits
        assert log.find_last_record(here, count - 1) == told[-1][3]
        scanned = scan_segment(file.read_bytes(), wanted[count - 1].number * SEGMENT_BYTES)
        over_the_edge += scanned.cut is not None and (len(scanned.cut.begun), scanned.cut.length) == (BEFORE_END, 34)
    assert over_the_edge  # but where the server itself wrote something meanwhile, each


def test_a_record_that_was_cut_while_it_was_written_is_none(
    segments: tuple[SmallSegments, list[pathlib.Path]], tmp_path: pathlib.Path
) -> None:
    server, files = segments
    content = files[0].read_bytes()
    begin = parse_segment_name(files[0].name, SEGMENT_BYTES)[1] * SEGMENT_BYTES
    told = dump(server, files[:1], tmp_path / "told")
    for place in range(100, 1000, 45):
        at, length = told[place][3], told[place][1]
        end = at + length
        if at // PAGE_BYTES != end // PAGE_BYTES:
            continue  # there is the head of a page in between
        for until in (at + 9, at + HEAD_BYTES + (length - HEAD_BYTES) // 2):
            scanned = scan_segment(content[: until - begin].ljust(len(content), b"\0"), begin)
            assert scanned.last_lsn == told[place - 1][3]
            assert all(each.lsn < at for each in scanned.marks)
        whole = scan_segment(content[: end - begin].ljust(len(content), b"\0"), begin)
        assert whole.last_lsn == at
