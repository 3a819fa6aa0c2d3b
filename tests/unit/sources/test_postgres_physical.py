"""Saved data directories without a server: manifests, settings, moments in the log, what is left out."""

import hashlib
import json
import pathlib
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest

from rebond.errors import CommandFailed, UsageError
from rebond.operations.physical.targets import LATEST, TargetKind, parse_target, write_time
from rebond.sources.postgres_physical import sums
from rebond.sources.postgres_physical.base_backup import is_relation
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.directory_rules import walk_directory
from rebond.sources.postgres_physical.manifest import compare, read_manifest
from rebond.sources.postgres_physical.pages import compute_checksums, find_damaged
from rebond.sources.postgres_physical.recovery_settings import (
    MARK,
    RESTORE_FROM_FOLDER,
    SUBSCRIBER,
    comment_out_targets,
    write_fetch,
    write_listed,
    write_settings,
)
from rebond.sources.postgres_physical.sums import CRC32C, SHA256, begin_sum, choose_algorithm, is_same_sum
from rebond.sources.postgres_physical.wal_records import scan_segment

PARIS = ZoneInfo("Europe/Paris")
NOW_MS = 1_770_000_000_000


def make_manifest(files: dict[str, bytes], algorithm: str = SHA256) -> bytes:
    rows = [
        {
            "Path": path,
            "Size": len(content),
            "Last-Modified": "2026-01-01 00:00:00 GMT",
            "Checksum-Algorithm": algorithm,
            "Checksum": sum_up(content, algorithm)[1],
        }
        for path, content in files.items()
    ]
    ranges = [{"Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100"}]
    head = json.dumps({"PostgreSQL-Backup-Manifest-Version": 1, "Files": rows, "WAL-Ranges": ranges})[:-1] + ",\n"
    return f'{head}"Manifest-Checksum": "{hashlib.sha256(head.encode()).hexdigest()}"}}\n'.encode()


def sum_up(content: bytes, algorithm: str = SHA256) -> tuple[int, str]:
    with ThreadPoolExecutor(1) as threads:
        own_sum = begin_sum(algorithm, threads)
        for start in range(0, len(content), 100_000):
            own_sum.wait()
            own_sum.add(memoryview(bytearray(content[start : start + 100_000])))
        return len(content), own_sum.finish()


@pytest.mark.parametrize("algorithm", [CRC32C, SHA256])
def test_a_file_that_is_not_what_the_manifest_says_is_refused(algorithm: str) -> None:
    rows, version = sum_up(b"rows", algorithm), sum_up(b"15\n", algorithm)
    manifest = read_manifest(make_manifest({"base/1/2": b"rows", "PG_VERSION": b"15\n"}, algorithm))
    good = {b"base/1/2": rows, b"PG_VERSION": version}
    compare(manifest, good | {b"pg_wal/0": (1, "")}, algorithm)
    assert (manifest.stop, manifest.timeline) == (0x2000100, 1)
    for wrong in (
        {b"base/1/2": sum_up(b"rowz", algorithm)},
        {b"base/1/2": sum_up(b"row", algorithm)},
        {b"base/1/3": sum_up(b"more", algorithm)},
    ):
        with pytest.raises(CommandFailed, match="not what the server sent"):
            compare(manifest, good | wrong, algorithm)
    with pytest.raises(CommandFailed, match="did not come"):
        compare(manifest, {b"PG_VERSION": version}, algorithm)


def test_a_manifest_with_sums_of_another_kind_proves_nothing() -> None:
    manifest = read_manifest(make_manifest({"PG_VERSION": b"15\n"}, CRC32C))
    with pytest.raises(CommandFailed, match="of the kind CRC32C, not SHA256"):
        compare(manifest, {b"PG_VERSION": sum_up(b"15\n")}, SHA256)


def test_sums_are_those_that_postgresql_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 3001  # in several pieces
    assert sum_up(content) == (len(content), hashlib.sha256(content).hexdigest())
    assert sum_up(b"123456789", CRC32C) == (9, "839206e3")  # the check value of CRC-32C, as x86 lays it down
    assert sum_up(content, CRC32C) == sum_up(content, CRC32C) != sum_up(content[:-1], CRC32C)
    assert is_same_sum("e3069283", "839206e3")  # by a server whose processor has the other order of bytes
    assert not is_same_sum("e3069284", "839206e3")
    assert (choose_algorithm(), choose_algorithm("crc32c"), choose_algorithm("sha256")) == (CRC32C, CRC32C, SHA256)
    monkeypatch.setitem(sys.modules, "google_crc32c", None)  # not installed
    assert sums._find_crc32c.__wrapped__() is None


def test_a_manifest_with_a_wrong_sum_is_no_manifest() -> None:
    with pytest.raises(CommandFailed, match="its own sum"):
        read_manifest(make_manifest({"a": b"1"}).replace(b'"Size": 1', b'"Size": 2'))


def test_one_target_and_no_archiving_are_written() -> None:
    present = b"work_mem = '8MB'\nrecovery_target_time = 'x'\narchive_mode = on\nprimary_conninfo = 'host=a'\n"
    written = write_settings(
        present,
        restore_command="fetch",
        setting="recovery_target_lsn",
        value="0/3000028",
        is_inclusive=True,
        timeline=3,
        action="promote",
        floors={"max_connections": "400"},
    )
    settings = dict(line.split(" # ")[0].split(" = ") for line in written.decode().splitlines())
    assert settings == {
        "work_mem": "'8MB'",
        "restore_command": "'fetch'",
        "recovery_end_command": settings["recovery_end_command"],
        "recovery_target_lsn": "'0/3000028'",
        "recovery_target_inclusive": "'on'",
        "recovery_target_timeline": "'3'",
        "recovery_target_action": "'promote'",
        "max_connections": "'400'",
        "max_logical_replication_workers": "'0'",
        "archive_mode": "'off'",
    }
    subscribing = f"max_logical_replication_workers = '0' {SUBSCRIBER}"
    staying = [line for line in written.decode().splitlines() if not line.endswith(MARK)]
    assert staying == ["work_mem = '8MB'", subscribing, "archive_mode = 'off'"]
    assert (
        comment_out_targets(b"a = 1\n recovery_target_xid = '5'\n") == b"a = 1\n#rebond#  recovery_target_xid = '5'\n"
    )


def test_a_lost_file_of_the_log_is_never_its_end(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "rebond-wal"
    log.mkdir()
    (log / "fetch.sh").write_bytes(write_fetch())
    (log / "names").write_bytes(write_listed(["A", "B"]))
    (log / "A").write_bytes(b"segment")

    def fetch(name: str) -> int:
        words = ["sh", "-c", RESTORE_FROM_FOLDER.replace("%f", name).replace("%p", "target")]
        return subprocess.run(words, cwd=tmp_path, check=False, capture_output=True).returncode

    assert fetch("A") == 0
    assert (tmp_path / "target").read_bytes() == b"segment"
    assert fetch("C") == 1
    assert fetch("B") > 125
    (log / "names").unlink()
    assert fetch("C") > 125
    (log / "fetch.sh").write_bytes(write_fetch()[:300])
    assert fetch("C") > 125
    (log / "fetch.sh").unlink()
    assert fetch("C") > 125


def test_moments_are_read_in_all_their_forms() -> None:
    def parse(text: str) -> tuple[TargetKind, int, str]:
        target = parse_target(text, now_ms=NOW_MS, zone=PARIS)
        return target.kind, target.number, target.name

    assert parse("latest")[0] is LATEST.kind
    assert parse("lsn:16/B374D848") == (TargetKind.LSN, 0x16B374D848, "")
    assert parse("xid:731") == (TargetKind.XID, 731, "")
    assert parse("name:before the deploy") == (TargetKind.NAME, 0, "before the deploy")
    assert parse("-2h") == (TargetKind.TIME, (NOW_MS - 7_200_000) * 1000, "")
    expected = 1_770_211_927_123_456
    assert parse("2026-02-04 14:32:07.123456") == (TargetKind.TIME, expected, "")
    assert parse("2026-02-04 14:32:07.123456+01") == (TargetKind.TIME, expected, "")
    assert write_time(expected) == "2026-02-04 13:32:07.123456+00:00"
    for wrong in ("lsn:0", "xid:x", "name:", "yesterday", "2026-03-29 02:30:00", "2026-10-25 02:30:00"):
        with pytest.raises(UsageError):
            parse(wrong)


def test_a_time_that_is_two_moments_names_both() -> None:
    with pytest.raises(UsageError) as refusal:
        parse_target("2026-10-25 02:30:00", now_ms=NOW_MS, zone=PARIS)
    assert "+02:00" in refusal.value.message
    assert "+01:00" in refusal.value.message


def make_page(block: int, *, lsn: int = 1) -> bytearray:
    page = bytearray((number * 7 + block) % 251 for number in range(8192))
    page[0:8] = struct.pack("<II", lsn >> 32, lsn & 0xFFFFFFFF)
    page[14:16] = b"\x00\x20"
    page[8:10] = struct.pack("<H", compute_checksums(page, 8192, [block])[0])
    return page


def test_pages_with_another_sum_are_found_and_new_ones_are_left_to_the_log() -> None:
    pages = b"".join(make_page(block) for block in range(3)) + bytes(8192) + make_page(4, lsn=1 << 40)
    assert find_damaged(pages, 8192, range(5), 1 << 30) == []
    spoilt = bytearray(pages)
    spoilt[8192 + 5000] ^= 1
    spoilt[4 * 8192 + 5000] ^= 1
    assert find_damaged(spoilt, 8192, range(5), 1 << 30) == [1]
    assert find_damaged(pages, 8192, range(7, 12), 1 << 30) == [0, 1, 2]  # they lie where others belong


def test_a_checksum_is_that_of_postgresql() -> None:
    page = bytes(number % 256 for number in range(8192))
    assert compute_checksums(page, 8192, [5]) == [compute_slowly(page, 5)]


def compute_slowly(page: bytes, block: int) -> int:
    """The function of PostgreSQL's storage/checksum_impl.h, word for word."""
    from rebond.sources.postgres_physical.pages import _OFFSETS

    words = struct.unpack("<2048I", page[:8] + b"\0\0" + page[10:])
    sums = list(_OFFSETS)
    for row in range(66):
        for lane in range(32):
            mixed = sums[lane] ^ (words[row * 32 + lane] if row < 64 else 0)
            sums[lane] = (mixed * 16777619 & 0xFFFFFFFF) ^ (mixed >> 17)
    total = 0
    for each in sums:
        total ^= each
    return (total ^ block) % 65535 + 1


def test_what_the_manual_leaves_out_is_left_out(tmp_path: pathlib.Path) -> None:
    for path in (
        "PG_VERSION", "postmaster.pid", "pg_wal/000000010000000000000001", "pg_replslot/a/state", "base/5/16384",
        "base/5/16384_init", "base/5/16384_fsm", "base/5/16385", "base/5/t3_16390", "base/5/pg_internal.init",
        "base/pgsql_tmp/x", "global/pg_control", "global/1262", "backup_label", "rebond-wal/names",
        "pg_tblspc/9/PG_15_2022/5/1", "pg_tblspc/9/PG_14_2021/5/1",
    ):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    found = list(walk_directory(str(tmp_path).encode(), 15))
    assert {each.path.decode() for each in found if not each.is_directory} == {
        "PG_VERSION", "base/5/16384_init", "base/5/16385", "global/1262", "pg_tblspc/9/PG_15_2022/5/1",
    }  # fmt: skip
    directories = {each.path for each in found if each.is_directory}
    assert {b"pg_wal", b"pg_wal/archive_status", b"pg_replslot", b"base/5"} <= directories


def test_relations_are_told_from_other_files() -> None:
    assert all(map(is_relation, (b"base/5/16384", b"base/5/16384_fsm.2", b"global/1262", b"pg_tblspc/9/PG_15_2/5/7.1")))
    assert not any(map(is_relation, (b"base/5/PG_VERSION", b"global/pg_control", b"pg_xact/0000", b"postgresql.conf")))


def test_a_segment_that_was_never_written_says_nothing() -> None:
    assert scan_segment(bytes(1 << 20), 1 << 24).marks == ()
    assert scan_segment(bytes(1 << 20), 1 << 24).last_lsn is None


def test_pages_that_nobody_named_are_told_once() -> None:
    pages = DamagedPages()
    assert not pages
    pages.expect_some()
    assert [each.subject for each in pages.list_findings()] == ["data directory"]
    pages.hear('WARNING:  checksum verification failed in file "./base/5/16384", block 2: calculated A but expected B')
    assert [each.subject for each in pages.list_findings()] == ["base/5/16384:2"]
