"""Sparse segments are left behind, a little at a time, and nothing is lost over it."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.vault.small_segments import TINY, save_small
from tests.unit.vault.written_vault import WrittenVault

from rebond.entries import Listing
from rebond.errors import SourceUnreachable
from rebond.identifiers import SessionId
from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook, read_back
from rebond.vault import refreshing
from rebond.vault.commits import load_references
from rebond.vault.index_census import read_lists
from rebond.vault.references import References, build_references
from rebond.vault.refreshing import REACH_SHARE, REWRITE_SHARE, SPREAD_ALLOWANCE, SPREAD_LIMIT, choose_sparse
from rebond.vault.segment_directory import SegmentDirectory
from rebond.vault.segments import SegmentKind
from rebond.vault.snapshots import SnapshotRecord

TARGET = 1 << 20
LITTLE = 10_000  # bytes of a segment that is small and used in full


def a_parent(fills: list[int], raws: list[int] | None = None) -> tuple[References, SegmentDirectory]:
    """One session whose segment n is ``raws[n]`` long, else a target, and used for ``fills[n]`` bytes."""
    session = SessionId(b"s" * 16)
    segments = SegmentDirectory()
    raws = raws or [TARGET] * len(fills)
    for number, raw in enumerate(raws):
        segments.allow(segments.place(session, number), raw)
    shares = {number: used * 255 // raws[number] for number, used in enumerate(fills)}
    return build_references({session: shares}), segments


def chosen_numbers(fills: list[int], total: int, components: int = 1, raws: list[int] | None = None) -> list[int]:
    return sorted(place & 0xFFFFFF for place in choose_sparse(*a_parent(fills, raws), total, TARGET, components))


def test_what_is_used_well_stays_however_small_it_is() -> None:
    """Storing it again would free nothing, and make two of it for as long as an older snapshot needs the first."""
    fills = [LITTLE] * SPREAD_ALLOWANCE

    assert chosen_numbers(fills, 100 * TARGET, raws=fills) == []
    assert chosen_numbers(fills, sum(fills), raws=fills) == []


def test_what_is_hardly_used_goes_though_the_snapshot_is_spread_over_few() -> None:
    fills = [TARGET] * 10 + [10_000, TARGET // 4 - 9000, TARGET // 4, 200, 600]
    raws = [TARGET] * 13 + [1000, 1000]

    assert chosen_numbers(fills, sum(fills), raws=raws) == [10, 11, 13]


def test_of_too_many_the_smallest_are_joined_and_no_more_than_need_be() -> None:
    fills = [TARGET] * 10 + [LITTLE + number for number in range(SPREAD_ALLOWANCE + 10 * SPREAD_LIMIT)]
    total = 10 * TARGET

    chosen = chosen_numbers(fills, total, raws=fills)

    assert chosen == list(range(10, 20)), "ten too many, and the full ones come last"


def test_segments_that_are_not_small_are_never_joined() -> None:
    fills = [TARGET // 2] * 2000

    assert chosen_numbers(fills, 100 * TARGET, raws=fills) == []


def test_the_emptiest_go_first_and_full_ones_never() -> None:
    fills = [TARGET] * 30 + [50_000, 10_000, 90_000] + [int(TARGET * 0.2)] * 200

    chosen = chosen_numbers(fills, sum(fills))

    assert chosen[:3] == [30, 31, 32]
    assert 3 < len(chosen) < 24


@pytest.mark.parametrize("used", [0, 100, 4000, 200_000])
def test_no_more_is_stored_again_than_a_twentieth(used: int) -> None:
    """Shares are rounded down to 255ths: what may be used counts, not what is surely used."""
    fills = [used] * 20_000
    total = 400 * TARGET

    chosen = chosen_numbers(fills, total)

    most = (used // (TARGET // 255) + 1) * TARGET / 255
    assert 0 < len(chosen) * most <= REWRITE_SHARE * total + most


def test_no_more_than_a_quarter_is_stored_again_by_a_run_that_wants_more_than_its_parent_held() -> None:
    """Most of the tree was left out by mistake for one run: the next one must not store it all again."""
    fills = [2000] * 400

    chosen = chosen_numbers(fills, sum(fills))
    after_a_whole_one = chosen_numbers([*fills, *[TARGET] * 400], 400 * TARGET)

    assert len(chosen) == 1, "where all that is held is less than a segment, one goes at a time"
    assert 0 < len(after_a_whole_one) * TARGET <= REACH_SHARE * 400 * TARGET


def test_many_small_components_are_no_spread() -> None:
    fills = [LITTLE] * 2 * SPREAD_ALLOWANCE

    assert chosen_numbers(fills, sum(fills), raws=fills) != []
    assert chosen_numbers(fills, sum(fills), components=2, raws=fills) == []


def test_what_is_not_known_here_is_left_alone() -> None:
    references, _ = a_parent([1000] * 100)

    assert choose_sparse(references, SegmentDirectory(), 100 * TARGET, TARGET) == frozenset()


def test_what_is_not_usable_any_more_is_not_counted() -> None:
    references, segments = a_parent([TARGET] * 4 + [1000] * 10)
    for number in range(4, 13):
        segments.forbid(segments.place(SessionId(b"s" * 16), number))

    chosen = choose_sparse(references, segments, 100 * TARGET, TARGET)

    assert sorted(place & 0xFFFFFF for place in chosen) == [13]


@pytest.fixture
def place(tmp_path: Path) -> WrittenVault:
    return WrittenVault(tmp_path)


def segments_of(place: WrittenVault, record: SnapshotRecord) -> set[tuple[bytes, int]]:
    return set(load_references(place.vault(), record))


def test_over_many_runs_of_churn_the_spread_stays_bounded(place: WrittenVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "SPREAD_LIMIT", 1.5)
    monkeypatch.setattr(refreshing, "SPREAD_ALLOWANCE", 4)
    rng = random.Random(2)
    tree = MemoryTree()
    for number in range(150):
        tree.write(f"{number:03d}", rng.randbytes(2000))
    stored, refreshed = 0, 0
    last: SnapshotRecord | None = None
    for _ in range(30):
        for number in rng.sample(range(150), 6):
            tree.write(f"{number:03d}", rng.randbytes(2000))
        before = set(place.names("packs/"))
        read_before = len(tree.reads)
        record = save_small(place.vault(), tree)
        read = len(tree.reads) - read_before
        assert read <= 6 + 0.05 * 150 * 3 + 150 * (last is None)
        refreshed += max(0, read - 6)
        stored += sum(place.store.stat(name).size for name in set(place.names("packs/")) - before)
        last = record
    assert last is not None
    assert read_back(place.vault("another"), last) == tree.files
    least = 150 * 2000 / TINY.target_bytes
    assert len(segments_of(place, last)) < 1.5 * least + 4 + 30
    assert refreshed > 0


def test_days_of_little_changes_store_nothing_twice(place: WrittenVault) -> None:
    """Each day makes a small segment. Joining those would store all of it again for each state that is kept."""
    rng = random.Random(4)
    tree = MemoryTree()
    for number in range(60):
        tree.write(f"{number:03d}", rng.randbytes(1000))
    save_small(place.vault(), tree)
    for day in range(20):
        tree.reads.clear()
        for number in (14 * day, 14 * day + 7):
            tree.write(f"{number % 60:03d}", rng.randbytes(1000))

        last = save_small(place.vault(), tree)

        assert len(tree.reads) == 2

    chunks = 0
    for index_list, _ in read_lists(place.vault()):
        rows = [row for pack in index_list.catalog.packs for row in pack.rows if row.kind == SegmentKind.DATA]
        chunks += sum(row.chunk_count for row in rows)
    assert chunks == 60 + 2 * 20
    assert len(segments_of(place, last)) > 20


def test_what_was_left_behind_is_not_referred_to_afterwards(
    place: WrittenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = MemoryTree()
    rng = random.Random(1)
    for number in range(24):
        tree.write(f"{number:03d}", rng.randbytes(3000))
        save_small(place.vault(), tree)
    monkeypatch.setattr(refreshing, "SPREAD_ALLOWANCE", 1000)
    before = segments_of(place, save_small(place.vault(), tree))
    monkeypatch.setattr(refreshing, "SPREAD_LIMIT", 1.5)
    monkeypatch.setattr(refreshing, "SPREAD_ALLOWANCE", 0)
    monkeypatch.setattr(refreshing, "REWRITE_SHARE", 0.3)
    monkeypatch.setattr(refreshing, "REACH_SHARE", 0.3)
    chosen = []
    real = refreshing.choose_sparse

    def note(*parts: object) -> frozenset[int]:
        places = real(*parts)  # type: ignore[arg-type]
        chosen.append({parts[1].name_of(place) for place in places})  # type: ignore[attr-defined]
        return places

    monkeypatch.setattr("rebond.vault.writing.choose_sparse", note)
    tree.reads.clear()

    record = save_small(place.vault(), tree)

    assert chosen[0]
    assert chosen[0] <= before
    assert not segments_of(place, record) & chosen[0]
    assert sum(len(tree.files[path]) for path in tree.reads) > 0
    assert read_back(place.vault("another"), record) == tree.files
    monkeypatch.setattr(refreshing, "SPREAD_ALLOWANCE", 1000)
    tree.reads.clear()
    again = save_small(place.vault(), tree)
    assert tree.reads == []
    assert not segments_of(place, again) & chosen[0], "nor by any later run"


def test_a_snapshot_without_the_component_that_failed_refers_to_nothing_of_it(place: WrittenVault) -> None:
    class Breaking(MemoryTree):
        def listings(self) -> Iterator[Listing]:
            yield from super().listings()
            raise SourceUnreachable("The disk went away.")

    bad = Breaking(dict(place.tree.files), dict(place.tree.versions))
    good = MemoryTree({"own": b"own content"}, {"own": 1})
    components = tuple(
        ComponentToSave(name=name, root=b"/" + name.encode(), open_tree=lambda _, tree=tree: tree)  # type: ignore[misc]
        for name, tree in (("bad", bad), ("good", good))
    )
    request = BackupRequest(components=components, stack="test", host="here", level=TINY, allows_partial=True)

    outcome = back_up(place.vault(), request, Notebook())

    alone = save_small(place.vault("other host"), good)
    assert not outcome.record.is_complete
    assert outcome.is_doubtful
    assert len(segments_of(place, outcome.record)) == len(segments_of(place, alone)) == 2
    assert read_back(place.vault("another"), outcome.record) == {"own": b"own content"}
    files = sorted(path.suffix for path in (place.caches / "host").rglob("files/*"))
    assert files == [".files", ".partial"], "what was read of it is still worth something"
