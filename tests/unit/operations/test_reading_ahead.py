"""Segments of a distant store before their turn: few requests, bounded memory, and what is gone is looked for later."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.bounded import join
from tests.unit.vault.small_segments import save_small
from tests.unit.vault.written_vault import WrittenVault

from rebond.operations import reading_ahead
from rebond.operations.browsing import root_of, walk
from rebond.operations.reading_ahead import ReadingAhead
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import Store, StoreTraits
from rebond.testing.vaults import open_made
from rebond.vault import sealing_pipeline
from rebond.vault.decoded_segments import StoredCopy
from rebond.vault.reading import SnapshotReader


class Far(ForwardingStore):
    """A store that says that it is far away, and counts what is read of packs."""

    reads = 0

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.asked: Callable[[int], None] = lambda _: None  # hears the bytes of each part of a pack

    @property
    def traits(self) -> StoreTraits:
        return StoreTraits(conditional_create=True, concurrency=4, latency=True)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        if name.startswith("packs/"):
            self.reads += 1
            self.asked(length or 0)
        return self.inner.read(name, start=start, length=length)


class Site:
    """A snapshot in many small segments, and the places of all of them that hold content."""

    def __init__(self, folder: Path) -> None:
        self.place = WrittenVault(folder)
        for number in range(120):
            self.place.tree.write(f"more/{number:03d}", number.to_bytes(4, "little") * 800)
        record = save_small(self.place.vault(), self.place.tree)
        self.far = Far(self.place.store)
        vault = open_made(self.place.created, self.far, self.place.clock, folder / "reader")
        self.reader = SnapshotReader(vault, record)

    def planned(self) -> list[tuple[int, str]]:
        entries = [each.entry for each in walk(self.reader, root_of(self.reader.components[0])) if each.entry]
        chunks = [chunk_id for entry in entries for chunk_id, _ in self.reader.chunk_rows(entry)]
        return [(place, f"work of {place}") for place in sorted({self.reader.find_place(each) for each in chunks})]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(sealing_pipeline, "WORKERS", 1)  # so that segments lie in their packs in one order always
    monkeypatch.setattr(sealing_pipeline, "DESKS", 1)
    site = Site(tmp_path)
    with site.reader:
        yield site


def go_through(ahead: ReadingAhead[str]) -> list[tuple[int, str, StoredCopy | None]]:
    found = []
    for each in ahead:
        found.append(each)
        ahead.give_back(each[2])
    return found


def test_neighbours_in_a_pack_come_by_one_request_each_with_its_own_work_and_bytes(site: Site) -> None:
    planned = site.planned()
    site.far.reads = 0

    found = go_through(ReadingAhead(site.reader, planned))

    assert [(place, work) for place, work, _ in found] == planned
    assert len(planned) > 20
    assert site.far.reads * 4 < len(planned)
    for place, _, copy in found:
        alone = site.reader.read_stored(place)
        assert copy is not None
        assert alone is not None
        assert (copy.stored, copy.session, copy.number) == (alone.stored, alone.session, alone.number)


def test_no_more_is_asked_for_than_there_is_room_until_something_is_given_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = site.planned()
    sizes = [near.stored_length for place, _ in planned if (near := site.reader.first_copy(place)) is not None]
    room = 2 * max(sizes)
    assert sum(sizes) > room + max(sizes) // 2, "all of it fits, so nothing is tested"
    monkeypatch.setattr(reading_ahead, "MOST_BYTES", room)
    monkeypatch.setattr(reading_ahead, "TOGETHER_BYTES", max(sizes))
    ahead: ReadingAhead[str] = ReadingAhead(site.reader, planned)
    held, most, lock, found = 0, 0, threading.Lock(), 0
    later: list[threading.Thread] = []

    def ask(size: int) -> None:
        nonlocal held, most
        with lock:
            held += size
            most = max(most, held)

    site.far.asked = ask

    def work(copy: StoredCopy) -> None:
        nonlocal held
        with lock:
            held -= len(copy.stored)
        ahead.give_back(copy)

    for _, _, copy in ahead:
        assert copy is not None
        found += 1
        later.append(threading.Thread(target=work, args=(copy,)))
        if len(later) > 1:
            later[-2].start()  # the last one is always still at work
    join(*later[:-1])

    assert found == len(planned)
    assert max(sizes) < most <= room


def test_the_work_of_few_segments_waits_however_little_they_weigh(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    planned, taken, most = site.planned(), 0, 0
    monkeypatch.setattr(reading_ahead, "MOST_SEGMENTS", 8)

    def take() -> Iterator[tuple[int, str]]:
        nonlocal taken
        for each in planned:
            taken += 1
            yield each

    ahead: ReadingAhead[str] = ReadingAhead(site.reader, take())
    for given, (_, _, copy) in enumerate(ahead):
        most = max(most, taken - given)
        ahead.give_back(copy)

    assert taken == len(planned) > 20
    assert most <= 8 + 4 + 1  # those that wait, and a group that is being gathered


def test_a_copy_that_is_gone_comes_as_nothing_and_takes_no_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = site.planned()
    monkeypatch.setattr(reading_ahead, "MOST_BYTES", 1)
    for info in list(site.place.store.list_objects("packs/")):
        site.place.store.delete(info.name)

    found = go_through(ReadingAhead(site.reader, planned))

    assert [copy for _, _, copy in found] == [None] * len(planned)


def test_a_near_store_is_not_asked_ahead(site: Site, tmp_path: Path) -> None:
    planned = site.planned()
    vault = open_made(site.place.created, site.place.store, site.place.clock, tmp_path / "near")
    with SnapshotReader(vault, site.reader.record) as near:
        assert [copy for _, _, copy in ReadingAhead(near, planned)] == [None] * len(planned)


def test_whoever_stops_in_the_middle_leaves_no_thread_behind(site: Site) -> None:
    before = threading.active_count()
    going = iter(ReadingAhead(site.reader, site.planned()))
    next(going)

    going.close()  # type: ignore[attr-defined]

    assert threading.active_count() <= before  # what others left may end meanwhile
