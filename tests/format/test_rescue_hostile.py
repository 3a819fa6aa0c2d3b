"""A vault whose writer was stolen may hold any tree; the rescue program stays inside its target and ends."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.format.golden_vault import golden_facts, unpack_golden
from tests.format.isolated import run_rescue

from rebond.progress import Silence
from rebond.store.local import LocalStore
from rebond.vault.access import Vault
from rebond.vault.committing import CommitRequest
from rebond.vault.frames import LEVELS
from rebond.vault.opening import open_vault
from rebond.vault.slots import key_file_secret
from rebond.vault.snapshots import ComponentSummary, PrivateComponent
from rebond.vault.trees import CHUNK_ROW, StoredEntry, encode_entry
from rebond.vault.walk_progress import TreeTotals
from rebond.vault.writing import SavedComponent, SnapshotSession

FACTS = golden_facts()
Keep = Callable[[bytes], bytes]
KeepChunk = Callable[[bytes], bytes]
NAMES = ["", ".", "..", "../escaped", "/tmp/escaped", "a/b", "nul\0"]
SECONDS = 30.0


def directory(*entries: StoredEntry) -> bytes:
    return b"\x81\xa1e" + msgspec.msgpack.encode([msgspec.Raw(encode_entry(entry)) for entry in entries])


def entry(name: bytes, kind: str = "f", **more: object) -> StoredEntry:
    return msgspec.structs.replace(StoredEntry(name=name, kind=kind), **more)


@pytest.fixture
def restore_hostile(tmp_path: Path) -> Callable[..., tuple[int, str, Path]]:
    """Save a tree of any objects as the newest snapshot of a golden vault, and rescue it."""
    vault = unpack_golden(tmp_path)
    store = LocalStore(vault)
    opened = open_vault(store, key_file_secret(bytes.fromhex(FACTS["key_file"])))
    writer = Vault(store=store, credentials=opened.credentials, roster=opened.roster, caches=tmp_path / "caches")

    def run(make: Callable[[Keep, KeepChunk], bytes], component: str = "tree") -> tuple[int, str, Path]:
        with SnapshotSession(writer, level=LEVELS["fast"], host="h", stack="stack", observer=Silence()) as session:

            def keep_chunk(content: bytes) -> bytes:
                chunk_id, place = session._content.keep_data(content)
                session._content.use(place, len(content))
                return CHUNK_ROW.pack(chunk_id, len(content))

            tree = make(session._content.keep_tree, keep_chunk)
            session._content.finish_component()
            domain = opened.credentials.writing_domain()
            saved = SavedComponent(
                summary=ComponentSummary(name=component, kind="files", domain=domain),
                private=PrivateComponent(
                    name=component, domain=domain, tree=tree, entry=encode_entry(entry(b"root", "d", mode=0o755))
                ),
                totals=TreeTotals(),
            )
            session.commit(CommitRequest(time_ms=1_700_000_400_000), [saved])
        began = time.monotonic()
        target = tmp_path / "inner" / "back"
        done = run_rescue(tmp_path, vault, "latest", target, environment={"REBOND_PASSPHRASE": FACTS["passphrase"]})
        assert time.monotonic() - began < SECONDS
        assert os.listdir(tmp_path / "inner") == ["back"]
        return done.returncode, done.stderr, target

    return run


Restore = Callable[..., tuple[int, str, Path]]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leaves_its_directory_is_refused(restore_hostile: Restore, name: str) -> None:
    status, told, target = restore_hostile(lambda keep, _: keep(directory(entry(name.encode()))))

    assert status == 4
    assert "impossible entry" in told
    assert os.listdir(target / "tree") == []
    assert not Path("/tmp/escaped").exists()


@pytest.mark.parametrize("component", ["..", "../escaped", "/tmp/escaped", "a/b", ""])
def test_the_name_of_a_component_leaves_nothing_either(restore_hostile: Restore, component: str) -> None:
    _, _, target = restore_hostile(lambda keep, _: keep(directory(entry(b"file"))), component)

    assert [path.name for path in target.rglob("file")] in (["file"], [])
    assert not Path("/tmp/escaped").exists()


def test_nothing_is_written_through_a_link_of_the_same_name(restore_hostile: Restore, tmp_path: Path) -> None:
    """A link and a directory of one name, in both orders that a writer may choose."""
    outside = tmp_path / "outside"
    outside.mkdir()

    def make(keep: Keep, keep_chunk: KeepChunk) -> bytes:
        inner = keep(directory(entry(b"planted", size=5, chunks=keep_chunk(b"owned"))))
        link = entry(b"name", "l", target=os.fsencode(outside))
        return keep(directory(link, entry(b"name", "d", mode=0o777, directory=inner)))

    status, _, _ = restore_hostile(make)

    assert status == 4
    assert os.listdir(outside) == []


def test_metadata_is_never_set_through_a_link(restore_hostile: Restore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    before = outside.stat()

    link = entry(b"link", "l", target=os.fsencode(outside), mode=0o7777, modified_ns=5, xattrs=((b"user.x", b"y"),))
    restore_hostile(lambda keep, _: keep(directory(link)))

    after = outside.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert os.listxattr(outside) == []


def test_a_hard_link_between_things_of_two_types_reaches_nothing_outside(
    restore_hostile: Restore, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    before = outside.stat()
    link = entry(b"a", "l", target=os.fsencode(outside), hard_link=b"h" * 16)
    file = entry(b"b", "f", size=5, hard_link=b"h" * 16, mode=0o777, modified_ns=5)
    other = entry(b"c", "l", target=os.fsencode(outside), hard_link=b"h" * 16, modified_ns=5)

    restore_hostile(lambda keep, _: keep(directory(link, file, other)))

    after = outside.stat()
    assert outside.read_bytes() == b"mine"
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink) == (before.st_mode, before.st_mtime_ns, 1)


def test_a_list_that_names_itself_over_and_over_ends(restore_hostile: Restore) -> None:
    def make(keep: Keep, keep_chunk: KeepChunk) -> bytes:
        rows = keep(keep_chunk(b"x") * 4000)
        for _ in range(7):
            rows = keep(rows * 4000)
        return keep(directory(entry(b"laughs", size=10, chunk_list=(rows, 8))))

    status, told, _ = restore_hostile(make)

    assert status == 4
    assert "laughs" in told


def test_a_page_that_is_named_over_and_over_ends(restore_hostile: Restore) -> None:
    def make(keep: Keep, _: KeepChunk) -> bytes:
        page = keep(directory(entry(b"a"), entry(b"b")))
        for level in range(1, 9):
            page = keep(msgspec.msgpack.encode({"p": page * 1000, "l": level}))
        return page

    status, told, target = restore_hostile(make)

    assert status == 4
    assert "impossible entry" in told
    assert sorted(os.listdir(target / "tree")) == ["a", "b"]


def test_pages_and_records_nested_beyond_reason_are_refused(restore_hostile: Restore) -> None:
    def make(keep: Keep, _: KeepChunk) -> bytes:
        page = keep(directory())
        for level in range(1, 3000):
            page = keep(msgspec.msgpack.encode({"p": page, "l": level}))
        deep = keep(b"\x81\xa1e" + b"\x91" * 50_000 + b"\xc0")
        nested = entry(b"deep", "d", directory=deep)
        return keep(directory(nested, entry(b"pages", "d", directory=page), entry(b"z")))

    status, told, target = restore_hostile(make)

    assert status == 4
    assert "tree/deep" in told
    assert "tree/pages" in told
    assert (target / "tree" / "z").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 2**63 - 1},
        {"size": -1},
        {"kind": "z"},
        {"size": 1, "chunks": b"short"},
        {"size": 4, "holes": ((-1, 5),)},
        {"size": 4, "holes": ((0, 2**63),)},
        {"size": 4, "holes": ((2, 1), (0, 1)), "chunks": bytes(32) + b"\2\0\0\0"},
        {"kind": "d", "directory": b"short"},
        {"kind": "d"},
        pytest.param({"uid": -5}, marks=pytest.mark.root),  # an ordinary user brings no owner back, good or bad
        {"xattrs": ((b"", b""),)},
        {"kind": "c", "device": 2**64 - 1},
        {"kind": "l", "target": b""},
        {"kind": "l", "target": b"nul\0"},
    ],
    ids=str,
)
def test_an_absurd_entry_spoils_no_other(restore_hostile: Restore, wrong: dict[str, Any]) -> None:
    def make(keep: Keep, keep_chunk: KeepChunk) -> bytes:
        good = entry(b"good", size=5, chunks=keep_chunk(b"whole"), mode=0o640)
        return keep(directory(entry(b"absurd", **wrong), good))

    status, told, target = restore_hostile(make)

    assert status in {3, 4}
    assert "tree/absurd" in told
    assert (target / "tree" / "good").read_bytes() == b"whole"
    assert (target / "tree" / "good").stat().st_mode & 0o777 == 0o640
