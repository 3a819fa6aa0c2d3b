"""A chunk is taken from wherever it is good, and nothing else is ever taken for it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.unit.vault.small_segments import save_small
from tests.unit.vault.written_vault import WrittenVault, move_packs

from rebond.errors import StoreUnreachable, VaultDamaged
from rebond.findings import Finding
from rebond.operations.browsing import content_of, root_of, walk
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import FaultyStore
from rebond.testing.recording_store import RecordingStore
from rebond.testing.vaults import open_made, read_back, save
from rebond.vault.packs import SegmentRow
from rebond.vault.reading import SnapshotReader
from rebond.vault.segment_directory import SegmentDirectory
from rebond.vault.segment_places import SegmentPlaces
from rebond.vault.snapshots import SnapshotRecord


class Saved(WrittenVault):
    """A vault with one snapshot in many segments."""

    def __init__(self, caches: Path) -> None:
        super().__init__(caches)
        self.findings: list[Finding] = []
        for number in range(40):
            self.tree.write(f"more/{number:02d}", number.to_bytes(4, "little") * 800)
        self.record: SnapshotRecord = save_small(self.vault(), self.tree)

    def reporting(self, store: Store | None = None, host: str = "reader") -> SnapshotReader:
        self.clock.advance(1)
        vault = open_made(
            self.created, store or self.store, self.clock, self.caches / host, report=self.findings.append
        )
        return SnapshotReader(vault, self.record)

    def read_all(self, reader: SnapshotReader) -> dict[str, bytes]:
        return {
            item.path.decode(): b"".join(content_of(reader, item.entry))
            for item in walk(reader, root_of(reader.components[0]))
            if item.entry is not None and item.entry.kind == "f"
        }

    def swap(self, name: str, content: bytes) -> None:
        self.store.delete(name)
        self.store.put_if_absent(name, content)


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved(tmp_path)


def test_lost_references_cost_a_look_at_everything_and_nothing_else(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rebond.vault.committing.EMBED_LIMIT", 0)
    saved.record = save_small(saved.vault(), saved.tree)
    for name in saved.names("references/"):
        saved.store.delete(name)

    with saved.reporting() as reader:
        assert saved.read_all(reader) == saved.tree.files
    assert [finding.code for finding in saved.findings] == ["references-damaged"]


@pytest.mark.parametrize("how", ["lost", "damaged"])
def test_without_any_index_list_the_packs_speak_for_themselves(saved: Saved, how: str) -> None:
    for name in saved.names("index/"):
        if how == "lost":
            saved.store.delete(name)
        else:
            saved.swap(name, saved.store.read(name)[:-1])

    with saved.reporting() as reader:
        assert saved.read_all(reader) == saved.tree.files


def test_a_chunk_that_another_segment_holds_too_is_taken_from_there(saved: Saved) -> None:
    """The own segments are lost; a later backup from a host that knew nothing stored the content again."""
    packs = saved.names("packs/")
    for name in packs:
        content = saved.store.read(name)
        saved.store.delete(name)
        saved.store.put_if_absent(name.replace("packs/", "aside/"), content)
    later = save_small(saved.vault("new host"), saved.tree)

    with saved.reporting() as reader:
        assert saved.read_all(reader) == saved.tree.files
    assert read_back(saved.vault("another"), later) == saved.tree.files


def test_a_segment_under_another_s_name_is_not_taken_for_it(saved: Saved) -> None:
    """Whoever may put packs can exchange stored bytes; hashes and ids decide what they are."""

    class Exchanging(ForwardingStore):
        def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
            content = self.inner.read(name, start=start, length=length)
            if name.startswith("packs/") and length is not None and start > 48:
                return self.inner.read(name, start=48, length=length)
            return content

    with saved.reporting(Exchanging(saved.store)) as reader:
        try:
            found = saved.read_all(reader)
        except VaultDamaged:
            found = {}
    assert found.items() <= saved.tree.files.items()
    assert "copy-damaged" in [finding.code for finding in saved.findings]


@pytest.mark.parametrize("prefix", ["index/", "packs/", "snapshots/"])
def test_a_store_that_does_not_answer_is_no_damage(saved: Saved, prefix: str) -> None:
    store = FaultyStore(saved.store)
    unreachable = StoreUnreachable("It does not answer.", hint="x")
    with saved.reporting() as reader:
        saved.read_all(reader)  # warm caches
    if prefix == "snapshots/":
        return
    store.fail_when = lambda verb, name: unreachable if name.startswith(prefix) and verb in ("read", "list") else None

    with pytest.raises(StoreUnreachable), saved.reporting(store) as reader:
        saved.read_all(reader)
    assert saved.findings == []


def test_an_index_that_cannot_be_read_again_is_no_damage(saved: Saved) -> None:
    """Packs are gone where the index says they are, and the store fails just when it is asked anew."""
    store = FaultyStore(saved.store)
    with saved.reporting(store) as reader:
        for name in saved.names("packs/"):
            saved.store.delete(name)
        unreachable = StoreUnreachable("It does not answer.", hint="x")
        store.fail_when = lambda verb, name: unreachable if name.startswith("index/") and verb == "read" else None
        with pytest.raises(StoreUnreachable):
            saved.read_all(reader)


def test_many_threads_read_while_packs_move(saved: Saved) -> None:
    chunks = []
    with saved.reporting() as reader:
        for item in walk(reader, root_of(reader.components[0])):
            if item.entry is not None and item.entry.kind == "f":
                chunks += [chunk_id[:16] for chunk_id, _ in reader.chunk_rows(item.entry)]
    store = RecordingStore(saved.store)

    with saved.reporting(store, host="other reader") as reader, ThreadPoolExecutor(8) as pool:
        places = [(reader.find_place(short_id), short_id) for short_id in chunks]
        move_packs(saved.store, saved.created.credentials)
        asked = len(store.names("list"))
        found = list(pool.map(lambda pair: reader.fetch(pair[0], (pair[1],)).find(pair[1]), places * 3))

    assert None not in found
    assert saved.findings == []
    looks = store.names("list")[asked:]
    assert len(looks) == 1
    assert looks[0].startswith("index/")


def test_places_remember_every_copy_once() -> None:
    segments = SegmentDirectory()
    places = SegmentPlaces(segments)
    names = [(bytes([s]) * 16, number) for s in range(3) for number in (0, 7, 300)]
    rows = [SegmentRow(s, number, 1, 48 + number, 10, 20, bytes([number % 256]) * 32, 0, 0, 1) for s, number in names]
    for pack in (b"p" * 32, b"q" * 32):
        for row in rows:
            places.add(pack, row)
            places.add(pack, row)

    for row in rows:
        copies = list(places.copies_of(row.session, row.number))
        assert {copy.pack_hash for copy in copies} == {b"p" * 32, b"q" * 32}
        assert {(copy.offset, copy.stored_length, copy.stored_hash) for copy in copies} == {
            (row.offset, 10, row.stored_hash)
        }
    assert not places.has(segments.place(bytes(16), 1))
    assert list(places.copies_of(b"z" * 16, 0)) == []


def test_a_directory_of_segments_answers_for_any_place() -> None:
    segments = SegmentDirectory([b"a" * 16])
    place = segments.place(b"b" * 16, 1000)

    assert segments.raw_length(place) == 0
    segments.allow(place, 0)
    assert segments.raw_length(place) == 1, "usable, whatever its length"
    segments.allow(place, 5)
    assert segments.raw_length(place) == 5
    assert segments.raw_length(place + 1) == 0
    assert segments.raw_length(99 << 24) == 0
    segments.forbid(place)
    segments.forbid(segments.place(b"a" * 16, 3))
    assert segments.raw_length(place) == 0
    assert segments.name_of(place) == (b"b" * 16, 1000)
    assert segments.known_number(b"c" * 16) is None


class PlacesRead(ForwardingStore):
    """Remembers which part of which pack was read, and how often."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.parts: Counter[tuple[str, int]] = Counter()

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        if name.startswith("packs/"):
            self.parts[name, start] += 1
        return super().read(name, start=start, length=length)


def test_a_tree_that_many_runs_have_changed_is_walked_by_reading_each_segment_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After years the directories lie in many small segments, and a walk goes to and fro between them."""
    saved = Saved(tmp_path)
    for number in range(14):
        saved.tree.write(f"folder-{number:02d}/file", b"first")
    monkeypatch.setattr("rebond.vault.refreshing.SPREAD_ALLOWANCE", 1000)  # what is small is not stored again together
    monkeypatch.setattr("rebond.vault.refreshing.SPARSE_SHARE", 0)  # nor what is hardly used
    for run in range(7):
        for folder in (run, run + 7):
            saved.tree.write(f"folder-{folder:02d}/file", b"changed %d" % run)
        saved.record = save(saved.vault(), saved.tree).record
    store = PlacesRead(saved.store)

    with saved.reporting(store) as reader:
        names = [item.path for item in walk(reader, root_of(reader.components[0]))]

    assert len([name for name in names if b"folder-" in name and name.endswith(b"/file")]) == 14
    assert len(store.parts) > 6
    assert set(store.parts.values()) == {1}


def test_one_look_up_in_a_vault_that_this_host_never_saw_makes_no_index_of_it(saved: Saved) -> None:
    with saved.reporting(host="never seen") as reader:
        entry = next(
            each.entry for each in walk(reader, root_of(reader.components[0])) if each.entry and each.entry.chunks
        )
        chunk_id = next(iter(reader.chunk_rows(entry)))[0]

        assert reader.first_copy(reader.find_place(chunk_id)) is not None

        assert reader._cache.chunks._tables.count > 40
