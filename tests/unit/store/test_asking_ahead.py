"""Several questions at once to a distant store: answers in order, bounded, errors in their turn."""

import threading
import time
from collections.abc import Iterator

import pytest
from tests.unit.store.distant_store import DistantStore

from rebond.errors import StoreUnreachable
from rebond.store.asking_ahead import ask_ahead
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock


def test_answers_come_in_the_order_of_the_questions() -> None:
    def ask(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * 10

    assert list(ask_ahead(DistantStore(), range(40), ask)) == [(n, n * 10) for n in range(40)]


def test_as_many_are_asked_at_once_as_pays_off_and_no_more() -> None:
    at_once, most, lock = 0, 0, threading.Lock()
    met = threading.Barrier(4, timeout=60)

    def ask(number: int) -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        if number < 4:
            met.wait()
        with lock:
            at_once -= 1
        return number

    assert [answer for _, answer in ask_ahead(DistantStore(), range(20), ask)] == list(range(20))
    assert most == 4


def test_questions_are_not_taken_far_ahead_of_the_answers() -> None:
    taken = []

    def questions() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    answers = ask_ahead(DistantStore(), questions(), lambda number: number)
    next(answers)

    assert len(taken) <= 10
    answers.close()  # type: ignore[attr-defined]


def test_an_error_comes_when_the_turn_of_its_question_does() -> None:
    def ask(number: int) -> int:
        if number == 3:
            raise StoreUnreachable("It does not answer (planned by a test).", hint="Nothing.")
        return number

    answers = ask_ahead(DistantStore(), range(100), ask)

    assert [next(answers)[1] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StoreUnreachable):
        next(answers)


def test_a_near_store_is_asked_one_thing_after_the_other_and_by_this_thread() -> None:
    threads = set()

    def ask(number: int) -> int:
        threads.add(threading.get_ident())
        return number

    assert len(list(ask_ahead(MemoryStore(ManualClock()), range(5), ask))) == 5
    assert threads == {threading.get_ident()}
