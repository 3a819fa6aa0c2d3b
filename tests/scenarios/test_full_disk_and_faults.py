"""Full disks, vanished disks and read errors, with the real program where a disk can be made small."""

import json
import os
import pathlib
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from tests.torture.real_program import RealProgram, fingerprint, names_in, plant_tree

from rebond.entries import Content, Listing
from rebond.errors import RebondError, SourceError, StoreFull, StoreUnreachable
from rebond.operations.snapshots import list_snapshots
from rebond.store.local import LocalStore
from rebond.store.memory import MemoryStore
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryContent, MemoryListing, MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back, save

ROOM_TO_CREATE_KIB = 48_000  # making a vault proves that 32 MiB can be put

# Runs the program without the right to read what file modes forbid, so that this can be seen as root too.
WITHOUT_RIGHTS = """
import ctypes, os, sys
for right in (1, 2, 3):
    ctypes.CDLL(None).prctl(24, right, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "rebond.cli", *sys.argv[1:]])
"""


@contextmanager
def small_disk(folder: pathlib.Path, size_kib: int) -> Iterator[pathlib.Path]:
    """Mount a disk of that size at ``folder``."""
    folder.mkdir(exist_ok=True)
    options = f"size={size_kib}k,mode=700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this machine lets nobody mount a disk: {mounted.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(folder: pathlib.Path, size_kib: int) -> None:
    """Make a mounted disk larger or smaller."""
    subprocess.run(["mount", "-o", f"remount,size={size_kib}k", str(folder)], check=True)


def fill(folder: pathlib.Path) -> None:
    """Use up what room is left."""
    with open(folder / "filler", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def tree_of(seed: int, files: int = 8, size: int = 120_000) -> MemoryTree:
    rng = random.Random(seed)
    tree = MemoryTree()
    for number in range(files):
        tree.write(f"folder/file{number}", rng.randbytes(size))
    return tree


class World:
    """A vault in memory, behind faults."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.clock = ManualClock()
        self.inner = MemoryStore(self.clock)
        self.created = make_vault(self.inner, self.clock)
        self.folder = folder
        self.tree = tree_of(1)

    def save(self, store: FaultyStore | MemoryStore | None = None, **words: object) -> object:
        vault = open_made(self.created, store or self.inner, self.clock, self.folder / "caches")
        return save(vault, self.tree, **words)  # type: ignore[arg-type]

    def check(self, count: int) -> None:
        vault = open_made(self.created, self.inner, self.clock, self.folder / "cold")
        records = list_snapshots(vault)
        assert len(records) == count
        for record in records:
            assert read_back(vault, record) == self.tree.files


@pytest.fixture
def world(tmp_path: pathlib.Path) -> World:
    return World(tmp_path)


# -- the vault's disk is full ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.root
def test_a_backup_to_a_full_disk_ends_with_22_shows_nothing_and_goes_on_when_there_is_room(
    tmp_path: pathlib.Path,
) -> None:
    total_bytes = plant_tree(tmp_path / "tree", seed=1, total_bytes=14_000_000)
    with small_disk(tmp_path / "disk", ROOM_TO_CREATE_KIB) as disk:
        program = RealProgram.with_vault(tmp_path, REBOND_VAULT=str(disk / "vault"))
        resize(disk, 10_000)

        ended = program.run("backup", "--path", tmp_path / "tree", "--json", "--quiet")

        assert ended.status == 22
        assert ended.document["error"]["code"] == "store-full"
        assert ended.document["error"]["hint"]
        assert program.ask("snapshots") == []
        assert not list(disk.rglob(".tmp*")), "half a pack takes room that nobody gives back"
        assert program.ask("verify", "--read-data")["ok"]
        before = names_in(disk / "vault", ["packs"])

        resize(disk, 40_000)
        outcome = program.ask("backup", "--path", tmp_path / "tree")

        assert before
        assert before <= names_in(disk / "vault", ["packs"])
        assert outcome["stored_bytes"] < total_bytes * 0.75, "what was put before is stored again"
        program.good("restore", "latest", "--to", tmp_path / "back")
        assert fingerprint(tmp_path / "back" / "tree") == fingerprint(tmp_path / "tree")


@pytest.mark.slow
@pytest.mark.root
def test_a_full_vault_is_made_smaller_by_forget_and_prune(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=30_000_000)  # some packs, each of 2 to 12 MB
    with small_disk(tmp_path / "disk", ROOM_TO_CREATE_KIB) as disk:
        program = RealProgram.with_vault(tmp_path, REBOND_VAULT=str(disk / "vault"))
        here = program.in_this_process()
        first = here.ask("backup", "--path", tree)["id"]
        for path in sorted(tree.rglob("file*"))[:-2]:  # what is left lies in one pack
            path.unlink()
        here.good("backup", "--path", tree)
        resize(disk, 36_000)
        fill(disk)
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - 65_536)

        before = sum((disk / "vault" / name).stat().st_size for name in names_in(disk / "vault", ["packs"]))
        here.good("forget", first, "--yes")
        pruned = here("prune")
        # Which files share a pack hangs on the pace of two threads; one that is mostly dead cannot be copied here.
        assert pruned.status == (3 if "because the store is full" in pruned.err else 0), pruned.err

        assert (
            sum((disk / "vault" / name).stat().st_size for name in names_in(disk / "vault", ["packs"])) < before * 0.6
        )
        here.good("restore", "latest", "--to", tmp_path / "back")
        assert fingerprint(tmp_path / "back" / "tree") == fingerprint(tree)


@pytest.mark.parametrize("room_bytes", [0, 400, 5_000, 300_000, 900_000])
def test_a_store_that_fills_up_at_any_point_shows_nothing_half(world: World, room_bytes: int) -> None:
    store = FaultyStore(world.inner, room_bytes=room_bytes)

    with pytest.raises(StoreFull):
        world.save(store)
    world.check(0)

    world.save()
    world.check(1)


@pytest.mark.parametrize("fault", [unreachable(), StoreFull("No room.", hint="Free some.")], ids=lambda e: e.code)
def test_a_store_that_fails_is_never_taken_for_a_source_that_fails(world: World, fault: RebondError) -> None:
    store = FaultyStore(
        world.inner, fail_when=lambda verb, name: fault if verb == "put" and name.startswith("packs/") else None
    )

    with pytest.raises(type(fault)):
        world.save(store, allows_partial=True)

    world.check(0)


@pytest.mark.parametrize("prefix", ["trash/", "index/", "packs/", "snapshots/"])
def test_a_listing_that_fails_stops_a_backup_and_is_never_taken_for_an_empty_one(world: World, prefix: str) -> None:
    world.save()
    fault = unreachable()
    store = FaultyStore(
        world.inner, fail_when=lambda verb, name: fault if verb == "list" and name.startswith(prefix) else None
    )

    with pytest.raises(StoreUnreachable):
        world.save(store)

    world.check(1)


# -- other disks are full ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.root
def test_a_full_or_unwritable_cache_costs_time_and_nothing_else(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=2_000_000)
    program = RealProgram.with_vault(tmp_path).in_this_process()
    with small_disk(tmp_path / "disk", 64) as disk:
        fill(disk)

        first = program("backup", "--path", tree, REBOND_CACHE_DIR=str(disk / "cache"))
        second = program("backup", "--path", tree, REBOND_CACHE_DIR="/proc/nowhere")
        restored = program("restore", "latest", "--to", tmp_path / "back", REBOND_CACHE_DIR=str(disk / "cache"))

    for answer in (first, second, restored):
        assert answer.status == 0, answer.err
    assert "could not remember" in first.err
    assert "REBOND_CACHE_DIR" in second.err
    assert fingerprint(tmp_path / "back" / "tree") == fingerprint(tree)


@pytest.mark.slow
@pytest.mark.root
def test_a_full_target_ends_a_restore_with_40_and_the_next_one_completes_it(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=4_000_000)
    program = RealProgram.with_vault(tmp_path).in_this_process()
    program.good("backup", "--path", tree)
    with small_disk(tmp_path / "disk", 2_000) as disk:
        foreseen = program("restore", "latest", "--to", disk)
        assert foreseen.status == 40
        assert list(disk.iterdir()) == []

        halfway = program("restore", "latest", "--to", disk, "--overwrite", "changed", "--json", "--quiet")
        assert halfway.status == 40
        assert halfway.document["error"]["hint"]

        resize(disk, 8_000)
        program.good("restore", "latest", "--to", disk, "--overwrite", "changed")
        assert fingerprint(disk / "tree") == fingerprint(tree)


# -- the disk goes away -----------------------------------------------------------------------------------------


def test_a_disk_that_goes_away_during_a_backup_is_told_and_not_made_anew(tmp_path: pathlib.Path) -> None:
    clock = ManualClock()
    root, away = tmp_path / "vault", tmp_path / "away"
    store = LocalStore.create(root, clock=clock)
    created = make_vault(store, clock)
    tree = tree_of(2)
    save(open_made(created, store, clock, tmp_path / "caches"), tree)

    class Leaving(MemoryTree):
        def listings(self) -> Iterator[Listing]:
            for listing in super().listings():
                yield listing
                if root.exists():
                    root.rename(away)

    changed = Leaving(dict(tree_of(3).files), dict(tree.versions))
    with pytest.raises(StoreUnreachable):
        save(open_made(created, store, clock, tmp_path / "caches"), changed)

    assert not root.exists()
    with pytest.raises(StoreUnreachable):
        list_snapshots(open_made(created, store, clock, tmp_path / "caches"))
    away.rename(root)
    vault = open_made(created, store, clock, tmp_path / "caches")
    (record,) = list_snapshots(vault)
    assert read_back(vault, record) == tree.files


def test_another_disk_mounted_in_its_place_is_not_written_to(tmp_path: pathlib.Path) -> None:
    clock = ManualClock()
    root = tmp_path / "vault"
    store = LocalStore.create(root, clock=clock)
    created = make_vault(store, clock)
    root.rename(tmp_path / "away")
    root.mkdir()

    with pytest.raises(StoreUnreachable):
        save(open_made(created, store, clock, tmp_path / "caches"), tree_of(2))

    assert list(root.iterdir()) == []


# -- reading fails -------------------------------------------------------------------------------------------------


def test_read_errors_of_the_store_stop_a_restore_aloud(world: World) -> None:
    world.save()
    store = FaultyStore(
        world.inner,
        fail_when=lambda verb, name: unreachable() if verb == "read" and name.startswith("packs/") else None,
    )
    vault = open_made(world.created, store, world.clock, world.folder / "cold")
    (record,) = list_snapshots(vault)

    with pytest.raises(StoreUnreachable):
        read_back(vault, record)


class Breaking(MemoryTree):
    """A tree of which some files cannot be read to their end, or change meanwhile."""

    unreadable: frozenset[str] = frozenset({"folder/file3"})
    changing: frozenset[str] = frozenset({"folder/file5"})

    def listings(self) -> Iterator[Listing]:
        for listing in super().listings():
            yield BreakingListing(self, listing.path.decode())


class BreakingListing(MemoryListing):
    def open(self, position: int) -> Content | None:
        path = self._paths[position]
        content = self._tree.files[path]
        if path in Breaking.unreadable:
            return BadSectors(content)
        return Changing(content) if path in Breaking.changing else MemoryContent(content)

    def read_small(self, position: int, size: int) -> bytes | None:
        return None  # the long way, where errors are told


class BadSectors(MemoryContent):
    def read(self, size: int, /) -> bytes:
        raise SourceError("Input/output error")

    def readinto(self, buffer: memoryview, /) -> int:
        raise SourceError("Input/output error")


class Changing(MemoryContent):
    def changed(self) -> bool:
        return True


def test_bad_sectors_and_changes_under_the_reader_are_listed_and_the_rest_is_saved(tmp_path: pathlib.Path) -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    created = make_vault(store, clock)
    whole = tree_of(4)
    tree = Breaking(dict(whole.files), dict(whole.versions))

    outcome = save(open_made(created, store, clock, tmp_path), tree)

    assert outcome.is_doubtful
    assert sorted((finding.code, finding.subject) for finding in outcome.findings) == [
        ("changed-while-read", "folder/file5"),
        ("source-unreadable", "folder/file3"),
    ]
    saved = read_back(open_made(created, store, clock, tmp_path), outcome.record)
    assert saved == {path: content for path, content in whole.files.items() if path != "folder/file3"}


@pytest.mark.slow
def test_a_file_that_may_not_be_read_makes_the_exit_status_3_and_is_named(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=200_000)
    (tree / "secret").write_text("nobody")
    (tree / "secret").chmod(0)
    program = RealProgram.with_vault(tmp_path)

    ended = program.start("backup", "--path", tree, "--json", "--quiet", code=WITHOUT_RIGHTS).wait()

    assert ended.status == 3, ended.err
    assert [(each["code"], "secret" in each["subject"]) for each in json.loads(ended.out)["problems"]] == [
        ("unreadable", True)
    ]
    quiet = program.start("backup", "--path", tree, "--quiet", code=WITHOUT_RIGHTS).wait()
    assert quiet.status == 3
    assert not quiet.err
    assert "secret" in quiet.out, "what could not be read is named, however quiet"
    (tree / "closed").mkdir(mode=0)
    previewed = program.start("backup", "--path", tree, "--dry-run", "--quiet", code=WITHOUT_RIGHTS).wait()
    (tree / "closed").rmdir()
    assert previewed.status == 3
    assert "closed" in previewed.out, "also by a dry run"
    program.good("restore", "latest", "--to", tmp_path / "back")
    (tree / "secret").unlink()
    assert fingerprint(tmp_path / "back" / "tree") == fingerprint(tree)
