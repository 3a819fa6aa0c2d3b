"""The power fails at every single write of a backup; what is listed is whole, and the next run goes on."""

import random
from pathlib import Path

import pytest

from rebond.operations.snapshots import list_snapshots
from rebond.store.memory import MemoryStore
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back, save


def a_tree(seed: int = 1) -> MemoryTree:
    rng = random.Random(seed)
    tree = MemoryTree()
    for number in range(12):
        tree.write(f"code/{number % 3}/file{number}.py", rng.randbytes(400) * 3)
    tree.write("media/large.bin", rng.randbytes(700_000))
    return tree


def writes_of_a_backup(tmp_path: Path) -> int:
    clock = ManualClock()
    store = CuttingStore(MemoryStore(clock))
    created = make_vault(store, clock)
    before = store.writes
    save(open_made(created, store, clock, tmp_path / "count"), a_tree())
    return store.writes - before


@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_backup_cut_at_any_write_leaves_only_whole_snapshots_and_the_next_run_works(
    tmp_path: Path, takes_effect: bool
) -> None:
    total = writes_of_a_backup(tmp_path)
    assert total >= 6  # journal, marks, pack, list, journal, snapshot, done
    committed = 0
    for cut in range(total):
        clock = ManualClock()
        inner = MemoryStore(clock)
        created = make_vault(inner, clock)
        caches = tmp_path / f"{takes_effect}-{cut}"
        first = a_tree()
        save(open_made(created, inner, clock, caches), first)
        wanted = first.copy()
        changed = a_tree()
        changed.write("code/0/new.py", b"print('new')" * 50)
        changed.write("media/large.bin", random.Random(cut).randbytes(500_000))
        store = CuttingStore(inner, cut_at=cut, after=takes_effect)
        with pytest.raises(PowerCut):
            save(open_made(created, store, clock, caches), changed)

        vault = open_made(created, inner, clock, caches)
        records = list_snapshots(vault)
        assert len(records) in (1, 2)
        committed += len(records) - 1
        assert read_back(vault, records[0]) == wanted
        if len(records) == 2:
            assert read_back(vault, records[1]) == changed.files
        again = save(vault, changed)
        assert read_back(vault, again.record) == changed.files
    assert committed < total / 2, "a snapshot must not be listed before everything it needs is put"


def test_a_run_that_lost_all_its_caches_still_makes_a_whole_snapshot(tmp_path: Path) -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    created = make_vault(store, clock)
    tree = a_tree()
    save(open_made(created, store, clock, tmp_path / "one"), tree)

    second = save(open_made(created, store, clock, tmp_path / "another host"), tree)

    assert second.stored_bytes == 0
    assert read_back(open_made(created, store, clock, tmp_path / "third"), second.record) == tree.files
