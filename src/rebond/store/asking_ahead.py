"""Asking a distant store several things at once, and taking the answers in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo, Store

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
    with ThreadPoolExecutor(at_once, "ask") as pool:
        waiting: deque[tuple[Question, Future[Answer]]] = deque()
        try:
            for question in questions:
                if len(waiting) >= _AHEAD * at_once:
                    first, answer = waiting.popleft()
                    yield first, answer.result()
                waiting.append((question, pool.submit(ask, question)))
            while waiting:
                first, answer = waiting.popleft()
                yield first, answer.result()
        finally:
            for _, answer in waiting:
                answer.cancel()


class AnticipatedListings(ForwardingStore):
    """A distant store whose listings below some prefixes were all asked for at once; each is given once.

    Only for listings whose moment does not matter: one that has to come after something else was
    done must be asked for then. Its errors come when its turn does. Used as a context manager.
    """

    def __init__(self, inner: Store, prefixes: Iterable[str]) -> None:
        super().__init__(inner)
        self._pool: ThreadPoolExecutor | None = None
        self._listings: dict[str, Future[list[ObjectInfo]]] = {}
        if inner.traits.latency and inner.traits.concurrency > 1:
            self._pool = ThreadPoolExecutor(inner.traits.concurrency, "list")
            for prefix in prefixes:
                self._listings[prefix] = self._pool.submit(lambda one: list(inner.list_objects(one)), prefix)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield what was listed ahead, the first time; after that what is there now."""
        known = self._listings.pop(prefix, None)
        return iter(known.result()) if known is not None else self.inner.list_objects(prefix)

    def __enter__(self) -> "AnticipatedListings":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
