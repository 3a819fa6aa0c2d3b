"""What the retrying wrapper repeats, and what it must not."""

from collections.abc import Callable

import pytest

from rebond.errors import AccessDenied, ObjectExists, ObjectMissing, RebondError, ShortRead, StoreUnreachable
from rebond.store.memory import MemoryStore
from rebond.store.retrying import RetryingStore
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.manual_clock import ManualClock
from rebond.testing.recording_store import RecordingStore
from rebond.testing.store_contract import names_of


class Failures:
    """Fails the first ``count`` calls of a verb."""

    def __init__(self, verb: str, count: int, error: type[RebondError] = StoreUnreachable) -> None:
        self.verb = verb
        self.left = count
        self.error = error
        self.calls = 0

    def __call__(self, verb: str, name: str) -> RebondError | None:
        if verb != self.verb:
            return None
        self.calls += 1
        if self.left == 0:
            return None
        self.left -= 1
        return self.error("Planned.", hint="None.")


@pytest.fixture
def kept() -> MemoryStore:
    kept = MemoryStore()
    kept.put_if_absent("a", b"0123456789")
    kept.put_if_absent("b", b"x")
    return kept


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.mark.parametrize("verb", ["put", "read", "stat", "list", "delete"])
def test_what_may_pass_is_tried_again(kept: MemoryStore, clock: ManualClock, verb: str) -> None:
    store = RetryingStore(FaultyStore(kept, fail_when=Failures(verb, 3)), clock)
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: store.put_if_absent("c", b"y"),
        "read": lambda: store.read("a"),
        "stat": lambda: store.stat("a"),
        "list": lambda: names_of(store),
        "delete": lambda: store.delete("b"),
    }
    calls[verb]()

    assert len(clock.slept) == 3
    assert names_of(kept) == {"put": ["a", "b", "c"], "delete": ["a"]}.get(verb, ["a", "b"])


@pytest.mark.parametrize("verb", ["put", "read", "stat", "list", "delete"])
def test_after_the_last_attempt_the_error_comes_as_it_is(kept: MemoryStore, clock: ManualClock, verb: str) -> None:
    failures = Failures(verb, 1000)
    store = RetryingStore(FaultyStore(kept, fail_when=failures), clock, attempts=4)
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: store.put_if_absent("c", b"y"),
        "read": lambda: store.read("a"),
        "stat": lambda: store.stat("a"),
        "list": lambda: names_of(store),
        "delete": lambda: store.delete("b"),
    }

    with pytest.raises(StoreUnreachable):
        calls[verb]()
    assert failures.calls == 4


@pytest.mark.parametrize("kind", [AccessDenied, ObjectMissing, ObjectExists])
def test_what_will_not_pass_is_not_repeated(kept: MemoryStore, clock: ManualClock, kind: type[RebondError]) -> None:
    failures = Failures("read", 1000, kind)
    store = RetryingStore(FaultyStore(kept, fail_when=failures), clock)

    with pytest.raises(kind):
        store.read("a")
    assert failures.calls == 1
    assert clock.slept == []


def test_pauses_grow_and_are_bounded(kept: MemoryStore, clock: ManualClock) -> None:
    failing = FaultyStore(kept, fail_when=Failures("stat", 7))
    RetryingStore(failing, clock, attempts=8, first_pause_seconds=1, longest_pause_seconds=10).stat("a")

    for pause, longest in zip(clock.slept, [1, 2, 4, 8, 10, 10, 10], strict=True):
        assert longest / 2 <= pause <= longest


def test_a_put_whose_answer_was_lost_is_a_success(clock: ManualClock) -> None:
    kept = MemoryStore()
    RetryingStore(FaultyStore(kept, lose_answer_at_write=0), clock).put_if_absent("a", bytearray(b"mine"))

    assert kept.read("a") == b"mine"


def test_a_put_that_fails_and_then_meets_other_bytes_is_refused(clock: ManualClock) -> None:
    kept = MemoryStore()

    def other_was_quicker(verb: str, name: str) -> RebondError | None:
        if verb == "put" and not names_of(kept):
            kept.put_if_absent("a", b"theirs")
            return unreachable()
        return None

    store = RetryingStore(FaultyStore(kept, fail_when=other_was_quicker), clock)
    with pytest.raises(ObjectExists):
        store.put_if_absent("a", b"mine")
    assert kept.read("a") == b"theirs"


def test_a_first_put_that_meets_its_own_bytes_is_refused(kept: MemoryStore, clock: ManualClock) -> None:
    with pytest.raises(ObjectExists):
        RetryingStore(kept, clock).put_if_absent("b", b"x")


def test_a_writer_that_may_not_read_is_told_that_the_object_exists(clock: ManualClock) -> None:
    def may_not_read(verb: str, name: str) -> RebondError | None:
        return AccessDenied("Planned.", hint="None.") if verb == "read" else None

    faulty = FaultyStore(MemoryStore(), lose_answer_at_write=0, fail_when=may_not_read)
    with pytest.raises(ObjectExists):
        RetryingStore(faulty, clock).put_if_absent("a", b"mine")


def test_a_listing_that_breaks_off_goes_on_where_it_was(clock: ManualClock) -> None:
    kept = MemoryStore()
    names = [f"packs/{number:03}" for number in range(40)]
    for name in names:
        kept.put_if_absent(name, b"")
    faulty = FaultyStore(kept, listing_fails_after=7)
    listing = RetryingStore(faulty, clock).list_objects()
    got = []
    for info in listing:
        got.append(info.name)
        assert len(got) <= len(names)
        faulty.listing_fails_after = len(got) + 7 if len(got) < 38 else None

    assert got == names


def test_a_listing_that_fails_for_good_is_never_short(kept: MemoryStore, clock: ManualClock) -> None:
    listing = RetryingStore(FaultyStore(kept, listing_fails_after=1), clock).list_objects()

    assert next(listing).name == "a"
    with pytest.raises(StoreUnreachable):
        next(listing)


def test_an_object_that_is_too_short_is_not_waited_for(kept: MemoryStore, clock: ManualClock) -> None:
    recording = RecordingStore(kept)
    with pytest.raises(ShortRead):
        RetryingStore(recording, clock).read("a", start=5, length=6)
    assert clock.slept == []


def test_a_read_that_came_short_by_accident_is_repeated(kept: MemoryStore, clock: ManualClock) -> None:
    store = RetryingStore(FaultyStore(kept, fail_when=Failures("read", 2, ShortRead)), clock)

    assert store.read("a", start=5, length=5) == b"56789"
    assert len(clock.slept) == 2
