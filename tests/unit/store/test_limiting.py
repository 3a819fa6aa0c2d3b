"""The limiting wrapper keeps an average, on a clock that the test turns."""

import pytest

from rebond.store.limiting import LimitedStore
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock


def test_uploads_keep_their_average() -> None:
    clock = ManualClock()
    store = LimitedStore(MemoryStore(), clock, upload_bytes_per_second=1_000)
    begun = clock.monotonic()
    for number in range(10):
        store.put_if_absent(str(number), b"x" * 500)

    # The last one still has to be paid for by the next.
    assert clock.monotonic() - begun == pytest.approx(4.5)


@pytest.mark.parametrize("length", [None, 500])
def test_downloads_keep_their_average(length: int | None) -> None:
    clock = ManualClock()
    store = LimitedStore(MemoryStore(), clock, download_bytes_per_second=1_000)
    store.put_if_absent("a", b"x" * 500)
    begun = clock.monotonic()
    for _ in range(10):
        store.read("a", length=length)

    assert clock.monotonic() - begun == pytest.approx(4.5)


def test_idle_time_is_not_saved_up() -> None:
    clock = ManualClock()
    store = LimitedStore(MemoryStore(), clock, upload_bytes_per_second=1_000)
    store.put_if_absent("a", b"x" * 1_000)
    clock.advance(3_600)
    begun = clock.monotonic()
    store.put_if_absent("b", b"x" * 1_000)
    store.put_if_absent("c", b"x" * 1_000)

    assert clock.monotonic() - begun == pytest.approx(1.0)


def test_without_a_limit_nothing_waits() -> None:
    clock = ManualClock()
    store = LimitedStore(MemoryStore(), clock)
    store.put_if_absent("a", b"x" * 10_000_000)
    store.read("a")

    assert clock.slept == []
