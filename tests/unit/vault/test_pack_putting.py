"""Packs, then the lists that name them, then the journal; and what a run that died leaves to the next."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.vault.small_segments import TINY
from tests.unit.vault.written_vault import WrittenVault

from rebond.entries import Listing
from rebond.errors import StoreUnreachable
from rebond.operations.backup import BackupOutcome, BackupRequest, ComponentToSave, back_up
from rebond.store.forwarding import ForwardingStore
from rebond.testing.faulty_store import FaultyStore, PowerCut, unreachable
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.recording_store import RecordingStore
from rebond.testing.vaults import Notebook, read_back, save
from rebond.vault import pack_putting, sealing_pipeline
from rebond.vault.access import Vault
from rebond.vault.marks import MarkBody, put_mark
from rebond.vault.pack_putting import HEARTBEAT_SECONDS
from rebond.vault.packs import scan_segments
from rebond.vault.segments import decode_segment_header


@pytest.fixture
def place(tmp_path: Path) -> WrittenVault:
    return WrittenVault(tmp_path)


class DyingStore(ForwardingStore):
    """The process dies just before the first put below ``prefix``, or just after it."""

    def __init__(self, inner: object, prefix: str, *, after: bool = False, spared: int = 0) -> None:
        super().__init__(inner)  # type: ignore[arg-type]
        self._prefix, self._after, self._spared = prefix, after, spared
        self._is_dead = False

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if self._is_dead:
            raise PowerCut
        is_last = name.startswith(self._prefix) and self._spared <= 0
        self._spared -= name.startswith(self._prefix)
        self._is_dead = is_last
        if not is_last or self._after:
            self.inner.put_if_absent(name, content)
        if is_last:
            raise PowerCut


def die(place: WrittenVault, prefix: str, *, after: bool = False, spared: int = 0) -> None:
    with pytest.raises(PowerCut):
        save_tiny(place.vault(store=DyingStore(place.store, prefix, after=after, spared=spared)), place)


def save_tiny(vault: Vault, place: WrittenVault) -> BackupOutcome:
    component = ComponentToSave(name="site", root=b"/site", open_tree=lambda _: place.tree)
    return back_up(vault, BackupRequest(components=(component,), stack="test", host="here", level=TINY), Notebook())


@pytest.mark.parametrize(("prefix", "after"), [("index/", False), ("index/", True), ("snapshots/", False)])
def test_packs_of_a_run_that_died_are_taken_over_and_not_put_again(
    place: WrittenVault, prefix: str, after: bool
) -> None:
    die(place, prefix, after=after)
    put = place.names("packs/")
    assert put
    place.tree.reads.clear()
    store = RecordingStore(place.store)

    outcome = save(place.vault(store=store), place.tree)

    assert [name for name in store.names("put") if name.startswith("packs/")] == []
    assert outcome.stored_bytes == 0
    assert place.names("packs/") == put
    assert read_back(place.vault("another"), outcome.record) == place.tree.files
    assert list((place.caches / "host").rglob("unlisted/*")) == [], "nothing is left to take over"


@pytest.mark.parametrize("left", [0, 1000])
def test_a_pack_of_a_run_that_died_is_not_taken_over_when_it_was_cut(place: WrittenVault, left: int) -> None:
    """No list names it, so what this host noted of it is all that says how long it was."""
    die(place, "index/")
    put = place.names("packs/")
    assert put
    for name in put:
        content = place.store.read(name)
        assert len(content) > left
        place.store.delete(name)
        place.store.put_if_absent(name, content[:left])

    outcome = save(place.vault(), place.tree)

    assert set(place.names("packs/")) - set(put), "what it held is stored again"
    assert read_back(place.vault("another"), outcome.record) == place.tree.files
    assert list((place.caches / "host").rglob("unlisted/*")) == [], "nothing is left to take over"


def test_very_many_packs_of_dead_runs_are_named_by_more_than_one_list(
    place: WrittenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)
    monkeypatch.setattr(pack_putting, "PACKS_PER_LIST", 1000)
    for number in range(60):
        place.tree.write(f"more/{number:02d}", number.to_bytes(4, "little") * 2000)
    die(place, "index/")
    packs = len(place.names("packs/"))
    assert packs > 10
    monkeypatch.setattr(pack_putting, "LIST_LIMIT", 4000)

    outcome = save_tiny(place.vault(), place)

    assert outcome.stored_bytes == 0
    assert len(place.names("packs/")) == packs
    assert len(place.names("index/")) > 2
    assert read_back(place.vault("another"), outcome.record) == place.tree.files


def test_files_whose_packs_were_put_before_the_run_died_are_not_read_again(
    place: WrittenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)
    for number in range(60):
        place.tree.write(f"more/{number:02d}", bytes([number]) * 5000 + number.to_bytes(4, "little"))
    die(place, "packs/", spared=12)
    place.tree.reads.clear()

    outcome = save_tiny(place.vault(), place)

    assert 0 < len(place.tree.reads) < len(place.tree.files)
    assert read_back(place.vault("another"), outcome.record) == place.tree.files


@pytest.mark.parametrize("fate", ["deleted", "marked", "segments marked"])
def test_packs_that_were_taken_away_since_are_not_taken_over(place: WrittenVault, fate: str) -> None:
    die(place, "index/")
    packs = place.names("packs/")
    if fate == "deleted":
        for name in packs:
            place.store.delete(name)
    else:
        segments = []
        if fate == "segments marked":
            segments = segments_in(place)
        body = MarkBody(
            purpose="damage" if segments else "delete",
            time_ms=place.clock.now_ms(),
            names=[] if segments else packs,
            segments=segments,
        )
        put_mark(place.store, place.created.credentials, body)

    outcome = save(place.vault(), place.tree)

    if fate != "deleted":
        for name in packs:
            place.store.delete(name)  # the keeper goes on
    assert read_back(place.vault("another"), outcome.record) == place.tree.files


def segments_in(place: WrittenVault) -> list[tuple[bytes, int]]:
    """The names of all segments in the store, by their headers."""
    found = []
    for name in place.names("packs/"):
        content = place.store.read(name)
        for offset, _ in scan_segments(content, place.created.credentials.vault_id):
            header = decode_segment_header(content[offset:])
            found.append((bytes(header.session), header.number))
    return found


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b"", lambda b: bytes([b[0] ^ 1]) + b[1:]])
def test_a_spoilt_note_of_a_pack_is_forgotten(place: WrittenVault, spoil: Callable[[bytes], bytes]) -> None:
    die(place, "index/")
    notes = list((place.caches / "host").rglob("unlisted/*"))
    assert notes
    for note in notes:
        note.write_bytes(spoil(note.read_bytes()))

    outcome = save(place.vault(), place.tree)

    assert read_back(place.vault("another"), outcome.record) == place.tree.files
    assert list((place.caches / "host").rglob("unlisted/*")) == []


def test_the_order_is_pack_then_list_then_journal_then_snapshot(
    place: WrittenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)
    monkeypatch.setattr(pack_putting, "PACKS_PER_LIST", 2)
    for number in range(60):
        place.tree.write(f"more/{number:02d}", number.to_bytes(4, "little") * 2000)
    store = RecordingStore(place.store)

    save_tiny(place.vault(store=store), place)

    puts = store.names("put")
    assert puts[-2].startswith("snapshots/")
    assert puts[-1].startswith("sessions/")
    lists = [n for n, name in enumerate(puts) if name.startswith("index/")]
    packs = [n for n, name in enumerate(puts) if name.startswith("packs/")]
    assert len(lists) > 2
    assert max(packs) < max(lists)
    for number in lists:
        assert puts[number + 1].startswith("sessions/"), "the journal has the word after each list"


def test_a_list_is_due_after_a_minute_also_for_one_pack(place: WrittenVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)
    for number in range(60):
        place.tree.write(f"more/{number:02d}", number.to_bytes(4, "little") * 2000)

    class Slow(ForwardingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            self.inner.put_if_absent(name, content)
            if name.startswith("packs/"):
                place.clock.advance(61)

    save_tiny(place.vault(store=Slow(place.store)), place)

    assert len(place.names("index/")) >= len(place.names("packs/"))


def test_a_list_that_cannot_be_put_ends_the_run_and_costs_nothing_later(place: WrittenVault) -> None:
    store = FaultyStore(place.store)
    store.fail_when = lambda verb, name: unreachable() if verb == "put" and name.startswith("index/") else None
    with pytest.raises(StoreUnreachable):
        save(place.vault(store=store), place.tree)

    outcome = save(place.vault(), place.tree)

    assert outcome.stored_bytes == 0
    assert read_back(place.vault("another"), outcome.record) == place.tree.files


def test_a_sign_of_life_is_given_while_nothing_is_put(place: WrittenVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that arrives although its answer is lost ends nothing, and leaves no hole."""
    monkeypatch.setattr(pack_putting, "LOOK_SECONDS", 0.001)
    lost: list[str] = []
    walked = threading.Event()

    class Shaky(ForwardingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            self.inner.put_if_absent(name, content)
            if name.startswith("sessions/") and len(place.names("sessions/")) == 3:
                lost.append(name)
                walked.set()
                raise unreachable()

    class Slow(MemoryTree):
        def listings(self) -> Iterator[Listing]:
            place.clock.advance(HEARTBEAT_SECONDS)
            assert walked.wait(10), "the heart stands still"
            yield from super().listings()

    place.tree = Slow(place.tree.files, place.tree.versions)
    outcome = save(place.vault(store=Shaky(place.store)), place.tree)

    assert lost
    assert read_back(place.vault("another"), outcome.record) == place.tree.files
    journal = sorted(int(name.rpartition("/")[2]) for name in place.names("sessions/"))
    assert journal == list(range(len(journal)))
    assert len(journal) >= 5
