"""A backup that waits for its log: it says soon that nobody brings it, and never gives up who is only slow."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rebond.errors import WalGap
from rebond.findings import Finding
from rebond.operations import proving_wal
from rebond.operations.components import Receiving, WalNeed
from rebond.testing.manual_clock import ManualClock

PROVEN = ("stream", 1, 2)


def wait(
    monkeypatch: pytest.MonkeyPatch, receiving: Iterator[Receiving] | None, comes: Callable[[float], bool]
) -> tuple[Any, float, list[tuple[float, Finding]]]:
    """Return what came of it, after how many seconds, and what was said when. ``comes`` says it of the seconds."""
    clock = ManualClock()
    began = clock.monotonic()
    said: list[tuple[float, Finding]] = []

    def prove(*_: object) -> tuple[str, int, int]:
        if comes(clock.monotonic() - began):
            return PROVEN
        raise WalGap("{name} is missing", name="000000010000000000000007")

    monkeypatch.setattr(proving_wal, "prove_wal", prove)
    ask = (lambda: next(receiving)) if receiving is not None else None
    need = WalNeed(system_id=1, timeline=1, start_lsn=0, stop_lsn=1, segment_bytes=1 << 24, ask_receiving=ask)
    vault: Any = SimpleNamespace(clock=clock)
    found = proving_wal.wait_for_wal(vault, need, lambda each: said.append((clock.monotonic() - began, each)))
    return found, clock.monotonic() - began, said


def always(state: Receiving) -> Iterator[Receiving]:
    while True:
        yield state


def never(_seconds: float) -> bool:
    return False


def test_where_nobody_ever_received_it_is_said_and_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    found, seconds, said = wait(monkeypatch, always(Receiving.NOBODY), never)
    assert (found, [each.code for _, each in said]) == (None, ["no-receiver", "wal-not-proven"])
    assert said[0][0] <= 6
    assert seconds <= 13
    assert "rebond wal receive" in said[1][1].hint


def test_a_receiver_that_rests_between_two_tries_is_awaited_and_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _, said = wait(monkeypatch, always(Receiving.PAUSES), lambda seconds: seconds > 33)
    assert (found, [each.code for _, each in said]) == (PROVEN, ["no-receiver"])
    assert said[0][0] <= 6
    found, seconds, _ = wait(monkeypatch, always(Receiving.PAUSES), never)
    assert (found, 40 <= seconds < 45) == (None, True)


@pytest.mark.parametrize("receiving", [None, always(Receiving.GOES_ON)])
def test_a_receiver_that_is_only_slow_has_all_the_time(
    monkeypatch: pytest.MonkeyPatch, receiving: Iterator[Receiving] | None
) -> None:
    found, _, said = wait(monkeypatch, receiving, lambda seconds: seconds > 59)
    assert (found, [each.code for _, each in said]) == (PROVEN, ["wal-awaited"])


def test_a_receiver_that_comes_and_goes_counts_from_when_it_was_seen_last(monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([Receiving.NOBODY] * 4 + [Receiving.GOES_ON] * 4 + [Receiving.PAUSES] * 99)
    found, seconds, _ = wait(monkeypatch, states, never)
    assert (found, seconds >= 16 + 40) == (None, True)
