"""Trying out whether a store keeps the promises that a vault depends on, before anything depends on them."""

import contextlib
import os
import threading
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from rebond.clock import Clock
from rebond.errors import AccessDenied, ObjectExists, ObjectMissing, StoreError, StoreFull
from rebond.identifiers import random_id
from rebond.store.protocol import Store
from rebond.units import format_size
from rebond.wording import fill

LARGE_BYTES = 32 * 2**20  # as large as the largest pack
PAPERS_BYTES = 4 * 2**20  # what a new vault takes, generously
TOLERATED_OFFSET_MS = 10 * 60 * 1000
_RACERS = 4
_RACES = 3
_ODD_NAMES = ("a-b", "a.b", "a/b", "a0", "a_b", "x" * 120)  # in byte order


class ProvenPromise(Struct, frozen=True, kw_only=True):
    """One promise, whether it held, and in an English template with its values what was seen."""

    code: str
    holds: bool
    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What was seen, in English."""
        return fill(self.template, self.values)


class StoreProof(Struct, frozen=True, kw_only=True):
    """What a store did when it was tried out, and when.

    ``clock_offset_ms`` is the store's time minus ours; what a request takes blurs it.
    """

    proven_ms: int
    location: str
    clock_offset_ms: int
    promises: tuple[ProvenPromise, ...]

    def holds(self, code: str) -> bool:
        """Say whether the promise of that code held; one that was not tried did not."""
        return any(promise.code == code and promise.holds for promise in self.promises)

    @property
    def creates_conditionally(self) -> bool:
        """Whether a put never replaces, also in a race. Without it the time rule applies."""
        return self.holds("put-if-absent") and self.holds("race")

    @property
    def is_sound(self) -> bool:
        """Whether every promise held but conditional creation and the clock, which have rules of their own."""
        return all(promise.holds for promise in self.promises if promise.code not in {"put-if-absent", "race", "clock"})

    @property
    def broken(self) -> tuple[ProvenPromise, ...]:
        """The promises that did not hold."""
        return tuple(promise for promise in self.promises if not promise.holds)

    def to_plain(self) -> dict[str, object]:
        """Return what is recorded in a vault: texts, numbers and booleans only, and no address."""
        return {
            "time": self.proven_ms,
            "clock_offset_ms": self.clock_offset_ms,
            "promises": {promise.code: promise.holds for promise in self.promises},
            "words": {promise.code: promise.words for promise in self.promises if not promise.holds},
        }


def prove_store(store: Store, clock: Clock, *, large_bytes: int = LARGE_BYTES) -> StoreProof:
    """Try every promise on probe objects below ``probe/`` and remove them again.

    A promise that is broken is part of the result; a store that cannot be reached, has no room for
    ``large_bytes`` or denies puts, reads or listings raises its ``StoreError``.
    """
    probe = _Probe(store, clock, f"probe/{random_id().hex()}")
    try:
        promises = (
            probe.try_put_if_absent(),
            probe.try_race(),
            probe.try_read_after_put(),
            probe.try_list_after_put(),
            probe.try_missing(),
            probe.try_delete(),
            probe.try_names(),
            probe.try_large_put(large_bytes),
        )
        offset_ms, clock_promise = probe.try_clock()
    finally:
        probe.clean_up()
    return StoreProof(
        proven_ms=clock.now_ms(),
        location=store.location,
        clock_offset_ms=offset_ms,
        promises=(*promises, clock_promise),
    )


class _Probe:
    """The trials. Each returns its promise; ``made`` are the names that have to go again."""

    def __init__(self, store: Store, clock: Clock, directory: str) -> None:
        self._store = store
        self._clock = clock
        self._directory = directory
        self._made: list[str] = []

    def try_put_if_absent(self) -> ProvenPromise:
        """Put twice: the second must be refused and the first bytes must stay."""
        name = self._put("twice", b"first")
        refused = not self._is_put(name, b"second")
        stayed = self._store.read(name) == b"first"
        if refused and not stayed:
            return ProvenPromise(
                code="put-if-absent",
                holds=False,
                template="A second put of a name was refused, but the object changed.",
            )
        return ProvenPromise(
            code="put-if-absent",
            holds=refused,
            template="A second put of a name was refused and changed nothing."
            if refused
            else "A second put of a name was not refused.",
        )

    def try_race(self) -> ProvenPromise:
        """Put one name from several threads at once: exactly one may succeed, and its bytes must be there."""
        for turn in range(_RACES):
            name = self._expect(f"race-{turn}")
            winners = _race(lambda content, name=name: self._is_put(name, content))  # type: ignore[misc]
            if len(winners) != 1 or self._store.read(name) != winners[0]:
                return ProvenPromise(
                    code="race",
                    holds=False,
                    template="Of {racers} puts of one name at once, {winners} were told that they succeeded.",
                    values={"racers": _RACERS, "winners": len(winners)},
                )
        return ProvenPromise(
            code="race",
            holds=True,
            template="Of {racers} puts of one name at once, one succeeded.",
            values={"racers": _RACERS},
        )

    def try_read_after_put(self) -> ProvenPromise:
        """Read an object, a part of it and its size at once after the put."""
        content = os.urandom(1_000)
        name = self._put("read", content)
        try:
            holds = (
                self._store.read(name) == content
                and self._store.read(name, start=500, length=100) == content[500:600]
                and self._store.stat(name).size == len(content)
            )
        except ObjectMissing:
            holds = False
        return ProvenPromise(
            code="read-after-put",
            holds=holds,
            template="What was put could be read at once." if holds else "What was put could not be read at once.",
        )

    def try_list_after_put(self) -> ProvenPromise:
        """List at once after each of several puts."""
        holds = True
        for number in range(3):
            name = self._put(f"list-{number}", b"x" * number)
            holds = holds and self._list(f"{self._directory}/list-") == self._made_like("list-")
            holds = holds and self._list(name) == [name]
        return ProvenPromise(
            code="list-after-put",
            holds=holds,
            template="A listing showed each put at once." if holds else "A listing did not show a put at once.",
        )

    def try_missing(self) -> ProvenPromise:
        """Read and stat what is not there."""
        holds = _is_missing(self._store, f"{self._directory}/missing")
        return ProvenPromise(
            code="missing",
            holds=holds,
            template="What is missing is said to be missing."
            if holds
            else "What is missing is not said to be missing.",
        )

    def try_delete(self) -> ProvenPromise:
        """Delete: the object must be gone for a read and a listing at once."""
        name = self._put("delete", b"x")
        try:
            self._store.delete(name)
        except AccessDenied:
            return ProvenPromise(
                code="delete", holds=False, template="This credential may not delete, so it was not tried."
            )
        holds = _is_missing(self._store, name) and self._list(name) == []
        return ProvenPromise(
            code="delete",
            holds=holds,
            template="A deleted object was gone at once." if holds else "A deleted object was still seen.",
        )

    def try_names(self) -> ProvenPromise:
        """Put names with every allowed sign: the listing must return them as they are, in byte order."""
        names = [self._put(f"names/{name}", name.encode()) for name in _ODD_NAMES]
        holds = self._list(f"{self._directory}/names/") == names
        holds = holds and [self._store.read(name) for name in names] == [name.encode() for name in _ODD_NAMES]
        return ProvenPromise(
            code="names",
            holds=holds,
            template="Names stayed as they are, in byte order."
            if holds
            else "Names were changed or listed out of order.",
        )

    def try_large_put(self, size: int) -> ProvenPromise:
        """Put an object as large as the largest pack, and read its end and all of it."""
        content = os.urandom(2**16) * (size // 2**16)
        begun = self._clock.monotonic()
        name = self._expect("packs/large")  # in the storage class of packs, if they have their own
        try:
            self._store.put_if_absent(name, content)
        except StoreFull as error:
            raise _too_small(self._store.location, size) from error
        seconds = self._clock.monotonic() - begun
        holds = self._store.read(name, start=len(content) - 9, length=9) == content[-9:]
        holds = holds and self._store.read(name) == content
        self._remove(name)  # at once: what is made next may need the room
        return ProvenPromise(
            code="large-put",
            holds=holds,
            template="An object of {size} bytes was put in {seconds} s and read."
            if holds
            else "An object of {size} bytes was put in {seconds} s and came back different.",
            values={"size": len(content), "seconds": round(seconds, 2)},
        )

    def try_clock(self) -> tuple[int, ProvenPromise]:
        """Compare the store's time of a put with our own; return the difference in ms, and the promise."""
        before_ms = self._clock.now_ms()
        name = self._put("clock", b"x")
        middle_ms = (before_ms + self._clock.now_ms()) // 2
        offset_ms = self._store.stat(name).modified_ms - middle_ms
        promise = ProvenPromise(
            code="clock",
            holds=abs(offset_ms) <= TOLERATED_OFFSET_MS,
            template="The store's time differs from this machine's by {seconds} s.",
            values={"seconds": round(offset_ms / 1000)},
        )
        return offset_ms, promise

    def clean_up(self) -> None:
        """Remove the probe objects. What this credential may not remove stays; it is small and harms nothing."""
        for name in self._made:
            self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(StoreError):
            self._store.delete(name)

    def _expect(self, tail: str) -> str:
        name = f"{self._directory}/{tail}"
        self._made.append(name)
        return name

    def _put(self, tail: str, content: bytes) -> str:
        name = self._expect(tail)
        self._store.put_if_absent(name, content)
        return name

    def _is_put(self, name: str, content: bytes) -> bool:
        try:
            self._store.put_if_absent(name, content)
        except ObjectExists:
            return False
        return True

    def _list(self, prefix: str) -> list[str]:
        return [info.name for info in self._store.list_objects(prefix)]

    def _made_like(self, start: str) -> list[str]:
        return [name for name in self._made if name.startswith(f"{self._directory}/{start}")]


def _too_small(location: str, size: int) -> StoreFull:
    return StoreFull(
        "{location} has no room for an object of {size}, which is how large the parts of a vault may become.",
        hint="It was tried, and nothing of that is left. Free {needed} there, then run the same command again.",
        location=location,
        size=format_size(size),
        needed=format_size(size + PAPERS_BYTES),
    )


def _is_missing(store: Store, name: str) -> bool:
    for ask in (store.read, store.stat):
        try:
            ask(name)
        except ObjectMissing:
            continue
        return False
    return True


def _race(is_put: Callable[[bytes], bool]) -> list[bytes]:
    """Put from several threads at once; return the contents that were said to be stored."""
    start = threading.Barrier(_RACERS)
    winners: list[bytes] = []
    errors: list[Exception] = []

    def run(content: bytes) -> None:
        start.wait()
        try:
            if is_put(content):
                winners.append(content)
        except Exception as error:  # noqa: BLE001  raised again below, in the thread that asked
            errors.append(error)

    threads = [threading.Thread(target=run, args=(b"racer %d" % number,)) for number in range(_RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return winners
