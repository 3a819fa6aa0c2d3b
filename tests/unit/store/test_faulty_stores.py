"""The stores that fail on purpose fail as planned; a crash test is worth no more than they are."""

import pytest

from rebond.errors import StoreFull, StoreUnreachable
from rebond.store.memory import MemoryStore
from rebond.testing.damage import flip_byte, swap_objects, truncate_object
from rebond.testing.faulty_store import CuttingStore, FaultyStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.recording_store import Call, RecordingStore
from rebond.testing.store_contract import names_of


def put_three(store: FaultyStore | CuttingStore) -> None:
    for name in ("a", "b", "c"):
        store.put_if_absent(name, b"0123456789")
    store.delete("a")


@pytest.mark.parametrize(("place", "left"), [(0, []), (1, ["a"]), (2, ["a", "b"]), (3, ["a", "b", "c"])])
def test_a_write_fails_where_it_was_planned_and_does_nothing(place: int, left: list[str]) -> None:
    kept = MemoryStore()
    store = FaultyStore(kept, fail_at_write=place)
    with pytest.raises(StoreUnreachable):
        put_three(store)

    assert names_of(kept) == left
    store.put_if_absent("later", b"")


def test_a_store_that_keeps_failing_never_comes_back() -> None:
    store = FaultyStore(MemoryStore(), fail_at_write=0, keeps_failing=True)
    for _ in range(3):
        with pytest.raises(StoreUnreachable):
            store.put_if_absent("a", b"")


def test_a_torn_put_leaves_half() -> None:
    kept = MemoryStore()
    with pytest.raises(StoreUnreachable):
        put_three(FaultyStore(kept, torn_at_write=1))

    assert {info.name: info.size for info in kept.list_objects()} == {"a": 10, "b": 5}


def test_a_lost_answer_has_its_effect() -> None:
    kept = MemoryStore()
    with pytest.raises(StoreUnreachable):
        put_three(FaultyStore(kept, lose_answer_at_write=1))

    assert names_of(kept) == ["a", "b"]


def test_room_runs_out() -> None:
    kept = MemoryStore()
    store = FaultyStore(kept, room_bytes=25)
    with pytest.raises(StoreFull):
        put_three(store)

    assert names_of(kept) == ["a", "b"]


def test_listings_fail_or_hide_as_planned() -> None:
    kept = MemoryStore()
    store = FaultyStore(kept)
    put_three(store)
    store.hides = lambda name: name == "b"
    assert names_of(store) == ["c"]
    store.listing_fails_after = 5
    with pytest.raises(StoreUnreachable):
        names_of(store)


def test_the_last_puts_can_be_forgotten_and_calls_take_time() -> None:
    kept = MemoryStore()
    clock = ManualClock()
    store = FaultyStore(kept, clock=clock, latency_seconds=0.02)
    for name in ("a", "b", "c"):
        store.put_if_absent(name, b"")
    store.lose_last_puts(2)

    assert names_of(kept) == ["a"]
    assert clock.slept == [0.02] * 3


@pytest.mark.parametrize(("place", "after", "left"), [(1, False, ["a"]), (1, True, ["a", "b"]), (3, True, ["b", "c"])])
def test_the_power_is_cut_before_or_after_and_stays_off(place: int, after: bool, left: list[str]) -> None:
    kept = MemoryStore()
    store = CuttingStore(kept, cut_at=place, after=after)
    with pytest.raises(PowerCut):
        put_three(store)

    assert names_of(kept) == left
    for act in (
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: names_of(store),
        lambda: store.put_if_absent("d", b""),
        lambda: store.delete("a"),
    ):
        with pytest.raises(PowerCut):
            act()


def test_a_run_without_a_cut_counts_the_places() -> None:
    store = CuttingStore(MemoryStore())
    put_three(store)

    assert store.writes == 4


def test_no_handler_of_errors_swallows_a_power_cut() -> None:
    assert not issubclass(PowerCut, Exception)


def test_calls_are_recorded_in_order() -> None:
    store = RecordingStore(MemoryStore())
    store.put_if_absent("a", b"0123456789")
    store.read("a", start=2, length=3)
    names_of(store, "a")
    store.stat("a")
    store.delete("a")

    assert store.calls == [
        Call(verb="put", name="a", size=10),
        Call(verb="read", name="a", size=3),
        Call(verb="list", name="a"),
        Call(verb="stat", name="a"),
        Call(verb="delete", name="a"),
    ]
    assert store.names("read") == ["a"]


def test_objects_are_spoiled_as_asked() -> None:
    store = MemoryStore()
    store.put_if_absent("a", b"aaaa")
    store.put_if_absent("b", b"bbbb")
    flip_byte(store, "a", -1, 0x03)
    assert store.read("a") == b"aaab"
    truncate_object(store, "a", -1)
    assert store.read("a") == b"aaa"
    swap_objects(store, "a", "b")
    assert (store.read("a"), store.read("b")) == (b"bbbb", b"aaa")
