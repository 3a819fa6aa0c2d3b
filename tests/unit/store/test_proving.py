"""The proof says what a store keeps and what it does not, and leaves nothing behind."""

import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rebond.errors import AccessDenied, ObjectExists, RebondError, StoreFull, StoreUnreachable
from rebond.store.cloud import CloudStore
from rebond.store.cloud_address import parse_cloud_address
from rebond.store.forwarding import ForwardingStore
from rebond.store.local import LocalStore
from rebond.store.memory import MemoryStore
from rebond.store.protocol import ObjectInfo
from rebond.store.proving import StoreProof, prove_store
from rebond.testing.faulty_store import FaultyStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.s3_server import S3Server
from rebond.testing.store_contract import names_of

SMALL = 2**17


def prove(store: Any, clock: ManualClock | None = None) -> StoreProof:
    return prove_store(store, clock or ManualClock(), large_bytes=SMALL)


def sound_store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_good_store_is_proven_and_left_as_it_was(clock: ManualClock) -> None:
    store = sound_store(clock)
    store.put_if_absent("vault.json", b"x")
    proof = prove(store, clock)

    assert proof.broken == ()
    assert proof.is_sound
    assert proof.creates_conditionally
    assert names_of(store) == ["vault.json"]


def test_a_local_store_is_proven(tmp_path: pathlib.Path) -> None:
    store = LocalStore.create(tmp_path / "vault")
    proof = prove(store)

    assert proof.is_sound
    assert proof.creates_conditionally
    assert names_of(store) == []


def test_a_cloud_store_is_proven_and_one_without_conditions_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with S3Server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        store = CloudStore(parse_cloud_address(server.url("bucket/x")))
        assert prove(store).creates_conditionally
        server.conditional_create = False
        proof = prove(store)

        assert not proof.creates_conditionally
        assert {promise.code for promise in proof.broken} - {"clock"} == {"put-if-absent", "race"}
        assert proof.is_sound
        assert server.buckets["bucket"] == {}


def test_a_proof_is_plain_for_the_record(clock: ManualClock) -> None:
    plain = prove(sound_store(clock), clock).to_plain()

    assert json.loads(json.dumps(plain)) == plain
    assert plain["promises"] == dict.fromkeys(
        [
            "put-if-absent",
            "race",
            "read-after-put",
            "list-after-put",
            "missing",
            "delete",
            "names",
            "large-put",
            "clock",
        ],
        True,
    )
    assert plain["words"] == {}


class Overwriting(ForwardingStore):
    """Replaces what is there, and says nothing."""

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        self.inner.delete(name)
        self.inner.put_if_absent(name, content)


class LookingFirst(ForwardingStore):
    """Looks and then puts, as a store without conditional puts does: right alone, wrong in a race."""

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if names_of(self.inner, name):
            raise ObjectExists("There.", hint="None.")
        if "race" in name:
            self.racers += 1
            if self.racers > 1:
                self.has_company.set()
            self.has_company.wait(0.2)
        self.inner.delete(name)
        self.inner.put_if_absent(name, content)

    racers = 0
    has_company = threading.Event()


class Lagging(ForwardingStore):
    """Lists what was put a little later."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__(inner)
        self.shown: set[str] = set()

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        for info in self.inner.list_objects(prefix):
            if info.name in self.shown:
                yield info
            self.shown.add(info.name)


class Keeping(ForwardingStore):
    """Forgets to delete."""

    def delete(self, name: str) -> None:
        pass


class FoldingCase(ForwardingStore):
    """Changes names."""

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return iter(sorted(self.inner.list_objects(prefix), key=lambda info: info.name.replace("-", "~")))


class Truncating(ForwardingStore):
    """Keeps at most a part of a large object."""

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        is_large = len(content) == SMALL
        self.inner.put_if_absent(name, bytes(content[:-1]) + bytes((content[-1] ^ 1,)) if is_large else content)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (Overwriting, "put-if-absent"),
        (Overwriting, "race"),
        (LookingFirst, "race"),
        (Lagging, "list-after-put"),
        (Keeping, "delete"),
        (FoldingCase, "names"),
        (Truncating, "large-put"),
    ],
)
def test_a_broken_promise_is_found(clock: ManualClock, broken: type[ForwardingStore], code: str) -> None:
    proof = prove(broken(sound_store(clock)), clock)

    assert not proof.holds(code)
    assert code in str(proof.to_plain()["words"])
    assert proof.is_sound == (code in {"put-if-absent", "race"})
    assert [promise.words for promise in proof.broken if promise.code == code] != [""]


def test_a_store_whose_clock_is_off_is_told_in_seconds(clock: ManualClock) -> None:
    other = ManualClock(now_ms=clock.now_ms() + 11 * 60 * 1000)
    proof = prove(MemoryStore(other), clock)

    assert proof.clock_offset_ms == 660_000
    assert not proof.holds("clock")
    assert proof.is_sound
    assert "660 s" in str(proof.to_plain())


def test_a_credential_that_may_not_delete_is_said_and_does_no_harm(clock: ManualClock) -> None:
    def denied(verb: str, name: str) -> RebondError | None:
        return AccessDenied("No.", hint="None.") if verb == "delete" else None

    proof = prove(FaultyStore(sound_store(clock), fail_when=denied), clock)

    assert {promise.code for promise in proof.broken} == {"delete"}
    assert "may not delete" in proof.broken[0].words


def test_a_store_that_cannot_be_reached_raises_and_is_cleaned(clock: ManualClock) -> None:
    kept = sound_store(clock)
    with pytest.raises(StoreUnreachable):
        prove(FaultyStore(kept, fail_at_write=9), clock)
    assert names_of(kept) == []


def test_a_store_without_room_for_a_large_object_is_told_how_much_is_needed_and_left_as_it_was(
    clock: ManualClock,
) -> None:
    store = FaultyStore(MemoryStore(clock), room_bytes=20 * 2**20)

    with pytest.raises(StoreFull, match=r"has no room for an object of 33.6 MB") as full:
        prove_store(store, clock)

    assert "Free 37.7 MB there" in full.value.hint
    assert names_of(store) == []


def test_the_large_object_is_gone_before_anything_else_is_put(clock: ManualClock) -> None:
    """A vault is made in little more room than its largest object takes."""
    store = MemoryStore(clock)
    beside: list[int] = []

    class Watching(ForwardingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            beside.append(sum(info.size for info in self.inner.list_objects()))
            self.inner.put_if_absent(name, content)

    prove(Watching(store), clock)

    assert beside
    assert max(beside) < SMALL
