"""A file of a data directory of which only some blocks are read, and what is remembered for that."""

import os
import pathlib

from msgspec.structs import replace
from tests.unit.sources.test_postgres_physical import make_page

from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.data_directory import DataDirectoryTree
from rebond.sources.postgres_physical.labels import BackupLabel
from rebond.sources.postgres_physical.partly_read import FileInPart
from rebond.sources.postgres_physical.server_facts import ServerFacts
from rebond.sources.postgres_physical.wal_summaries import make_mark, read_mark
from rebond.testing.manual_clock import ManualClock

BLOCK = 16384
FACTS = ServerFacts(
    system_identifier="7",
    timeline=1,
    version="18.1",
    version_number=180001,
    segment_bytes=16 << 20,
    page_bytes=8192,
    has_checksums=True,
    is_standby=False,
    archive_mode="on",
    wal_level="replica",
    now="",
)
LABEL = BackupLabel(start=1000, timeline=1, is_from_standby=False)


def read_part(path: pathlib.Path, whole_bytes: int, fresh: list[tuple[int, int]]) -> tuple[bytes, list[int], int]:
    judged: list[int] = []
    file = FileInPart(
        b"base/5/16384",
        os.open(path, os.O_RDONLY),
        whole_bytes=whole_bytes,
        block_bytes=BLOCK,
        fresh=fresh,
        judge=lambda _path, _descriptor, pieces: judged.extend(n for at, piece in pieces for n in (at, len(piece))),
    )
    content = bytearray()
    while part := file.read(20_000):
        content += part
    file.close()
    return bytes(content), judged, file.size_bytes


def test_only_ranges_are_read_and_all_of_them_is_judged(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"".join(bytes([number]) * BLOCK for number in range(5)) + b"end" * 1000)
    content, judged, size = read_part(path, 5 * BLOCK + 3000, [(1, 2), (3, 6)])
    assert content == b"\1" * BLOCK + b"\3" * BLOCK + b"\4" * BLOCK + b"end" * 1000
    assert sum(judged[1::2]) == len(content)
    assert size == 5 * BLOCK + 3000


def test_a_file_that_is_cut_meanwhile_ends_where_it_was_cut(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (2 * BLOCK))
    content, _, size = read_part(path, 5 * BLOCK, [(1, 4), (4, 5)])
    assert content == b"x" * BLOCK
    assert size == 2 * BLOCK


def test_pages_of_many_ranges_are_judged_at_once_each_at_its_place(tmp_path: pathlib.Path) -> None:
    """Few at a time cost twice as much: 1 % of the pages of a large table took as long as starting the program."""
    path, judged = tmp_path / "file", list[list[int]]()
    path.write_bytes(bytes(200 * BLOCK))
    file = FileInPart(
        b"base/5/16384",
        os.open(path, os.O_RDONLY),
        whole_bytes=200 * BLOCK,
        block_bytes=BLOCK,
        fresh=[(number, number + 1) for number in range(0, 200, 2)],
        judge=lambda _path, _descriptor, pieces: judged.append([offset // BLOCK for offset, _ in pieces]),
    )
    while file.read(20_000):
        pass
    file.close()
    assert [number for each in judged for number in each] == list(range(0, 200, 2))
    assert len(judged) == 2


def test_a_damaged_page_of_several_pieces_is_named_by_its_place(tmp_path: pathlib.Path) -> None:
    """Also in the second file of a relation, where a checksum counts the blocks of the first."""
    before = (1 << 30) // 8192
    pages = [make_page(before + number) for number in range(12)]
    pages[9][5000] ^= 1
    path = tmp_path / "16384.1"
    path.write_bytes(b"".join(pages))
    tree = DataDirectoryTree.__new__(DataDirectoryTree)
    tree._facts, tree._clock, tree._pages, tree.start = FACTS, ManualClock(), DamagedPages(), 1 << 30
    pieces = [(first * 8192, b"".join(pages[first:end])) for first, end in ((2, 4), (8, 11))]
    with path.open("rb") as file:
        tree._find_damaged(b"base/5/16384.1", file.fileno(), [*pieces, (11 * 8192, bytes(100))])
    assert [each.subject for each in tree._pages.list_findings()] == ["base/5/16384.1:9"]


def test_nothing_is_remembered_after_damage_nor_of_a_standby() -> None:
    damaged = DamagedPages()
    assert make_mark(FACTS, LABEL, damaged, 0)
    damaged.add("base/5/16384", 3)
    assert make_mark(FACTS, LABEL, damaged, 0) == b""
    standby = BackupLabel(start=1000, timeline=1, is_from_standby=True)
    assert make_mark(FACTS, standby, DamagedPages(), 0) == b""


def test_what_is_remembered_serves_the_same_server_for_a_week(tmp_path: pathlib.Path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")
    facts = replace(FACTS, data_directory=str(tmp_path))
    mark = read_mark(make_mark(facts, LABEL, DamagedPages(), 5))
    assert mark is not None
    assert mark.is_fit(facts, 5 + 6 * 86_400_000)
    assert not mark.is_fit(facts, 5 + 8 * 86_400_000)
    assert not mark.is_fit(facts, 0)
    assert not mark.is_fit(replace(facts, system_identifier="8"), 5)
    assert read_mark(b"") is None
    assert read_mark(b"{") is None


def test_what_is_remembered_serves_no_other_data_directory_at_the_same_place(tmp_path: pathlib.Path) -> None:
    live, other = tmp_path / "live", tmp_path / "other"
    for each in (live, other):
        each.mkdir()
        (each / "PG_VERSION").write_text("18\n")
    facts = replace(FACTS, data_directory=str(live))
    mark = read_mark(make_mark(facts, LABEL, DamagedPages(), 5))
    assert mark is not None
    live.rename(tmp_path / "aside")
    assert not mark.is_fit(facts, 6)  # nobody knows what is there
    other.rename(live)
    assert not mark.is_fit(facts, 6)
    live.rename(other)
    (tmp_path / "aside").rename(live)
    assert mark.is_fit(facts, 6)
    nowhere = read_mark(make_mark(FACTS, LABEL, DamagedPages(), 5))
    assert nowhere is not None
    assert not nowhere.is_fit(FACTS, 6)
