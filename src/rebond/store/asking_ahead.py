"""Asking a distant store several things at once, and taking the answers in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rebond.interruptions import wait_for
from rebond.store.protocol import Store

_AHEAD = 2  # questions under way or answered, for each one that pays off at once

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def ask_ahead(
    store: Store, questions: Iterable[Question], ask: Callable[[Question], Answer], *, most: int = 64
) -> Iterator[tuple[Question, Answer]]:
    """Yield each question with its answer, in order; several are asked at once where answers take time to come.

    ``most`` bounds how many: where answers are large, so is what waits.
    What ``ask`` raises is raised when the turn of its question comes, and ends it all.
    """
    if not store.traits.latency or store.traits.concurrency <= 1:
        for question in questions:
            yield question, ask(question)
        return
    at_once = min(most, store.traits.concurrency)
    pool = ThreadPoolExecutor(at_once, "ask")
    waiting: deque[tuple[Question, Future[Answer]]] = deque()
    is_left = False
    try:
        for question in questions:
            if len(waiting) >= _AHEAD * at_once:
                first, answer = waiting.popleft()
                yield first, wait_for(answer)
            waiting.append((question, pool.submit(ask, question)))
        while waiting:
            first, answer = waiting.popleft()
            yield first, wait_for(answer)
    except (KeyboardInterrupt, GeneratorExit):  # whoever goes does not wait for a store that does not answer
        is_left = True
        raise
    finally:
        pool.shutdown(wait=not is_left, cancel_futures=True)
