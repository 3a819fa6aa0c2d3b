"""What a distant store is asked beforehand: given once, in an order that shows nothing newer before something older."""

import time
from collections.abc import Iterator

import pytest
from tests.unit.store.distant_store import DistantStore

from rebond.errors import ObjectMissing, StoreUnreachable
from rebond.store import anticipating
from rebond.store.anticipating import AnticipatingStore
from rebond.store.memory import MemoryStore
from rebond.store.protocol import ObjectInfo
from rebond.testing.manual_clock import ManualClock


def names(listing: Iterator[ObjectInfo]) -> list[str]:
    return [info.name for info in listing]


def test_a_listing_is_given_once_and_then_asked_anew() -> None:
    store = DistantStore()
    store.put_if_absent("a/1", b"x")
    ahead = AnticipatingStore(store, [["a/", "b/"]])

    first = names(ahead.list_objects("a/"))
    store.put_if_absent("a/2", b"x")

    assert first == ["a/1"]
    assert names(ahead.list_objects("a/")) == ["a/1", "a/2"]
    assert store.asked.count("a/") == 2


def test_what_is_small_is_read_with_its_listing_and_given_once() -> None:
    store = DistantStore()
    store.put_if_absent("a/1", b"content")
    ahead = AnticipatingStore(store, [["a/"]])
    list(ahead.list_objects("a/"))

    assert ahead.read("a/1") == b"content"
    assert store.asked.count("a/1") == 1
    assert (ahead.read("a/1", start=1, length=3), ahead.read("a/1")) == (b"ont", b"content")
    assert store.asked.count("a/1") == 3


def test_a_single_name_is_looked_at_and_read() -> None:
    store = DistantStore()
    store.put_if_absent("one.json", b"{}")
    ahead = AnticipatingStore(store, [["one.json"]])

    assert (ahead.stat("one.json").size, ahead.read("one.json")) == (2, b"{}")
    assert store.asked == ["one.json", "one.json"]
    with pytest.raises(ObjectMissing):
        AnticipatingStore(store, [["none.json"]]).stat("none.json")


def test_a_part_of_what_was_listed_is_a_part_of_the_listing() -> None:
    store = DistantStore()
    for name in ("index/aa/1", "index/bb/2"):
        store.put_if_absent(name, b"x")
    ahead = AnticipatingStore(store, [["index/"]])

    assert names(ahead.list_objects("index/bb/")) == ["index/bb/2"]
    assert names(ahead.list_objects("index/aa/")) == ["index/aa/1"]
    assert store.asked.count("index/aa/") == 1  # the listing was given already: what is there now


def test_a_later_round_is_asked_only_when_the_earlier_one_was_answered() -> None:
    class SlowFirst(DistantStore):
        def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
            if prefix == "snapshots/":
                time.sleep(0.05)
                self.put_if_absent("index/1", b"made while the snapshots were listed")
            return super().list_objects(prefix)

    ahead = AnticipatingStore(SlowFirst(), [["snapshots/"], ["index/"]])

    assert names(ahead.list_objects("index/")) == ["index/1"]


def test_an_error_comes_when_its_question_does_and_not_otherwise() -> None:
    ahead = AnticipatingStore(DistantStore(), [["gone/"], ["a/"]])

    assert names(ahead.list_objects("a/")) == []
    with pytest.raises(StoreUnreachable):
        ahead.list_objects("gone/")
    AnticipatingStore(DistantStore(), [["gone/"]]).finish()  # nobody asked: nothing to say


def test_memory_is_bounded_and_what_is_too_large_is_read_when_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipating, "_MOST_BYTES", 10)
    store = DistantStore()
    for number in range(4):
        store.put_if_absent(f"a/{number}", bytes(4))
    ahead = AnticipatingStore(store, [["a/"]])
    list(ahead.list_objects("a/"))

    assert [ahead.read(f"a/{number}") for number in range(4)] == [bytes(4)] * 4
    ahead.finish()
    assert sorted(store.asked[1:]) == ["a/0", "a/1", "a/2", "a/3"]


def test_after_the_end_nothing_that_was_learnt_is_given() -> None:
    store = DistantStore()
    store.put_if_absent("a/1", b"old")
    ahead = AnticipatingStore(store, [["a/"]])
    ahead.finish()
    store.delete("a/1")
    store.put_if_absent("a/1", b"new")

    assert ahead.read("a/1") == b"new"
    assert names(ahead.list_objects("a/")) == ["a/1"]


def test_a_near_store_is_asked_nothing_ahead() -> None:
    store = MemoryStore(ManualClock())
    ahead = AnticipatingStore(store, [["a/"]])
    store.put_if_absent("a/1", b"x")

    assert names(ahead.list_objects("a/")) == ["a/1"]
