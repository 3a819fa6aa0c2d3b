"""What every store promises. ``rebond.testing.store_contract`` proves each promise."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from msgspec import Struct


class ObjectInfo(Struct, frozen=True, kw_only=True):
    """What a store knows of one object. ``modified_ms`` is the *store time*, by the store's clock."""

    name: str
    size: int
    modified_ms: int


class StoreTraits(Struct, frozen=True, kw_only=True):
    """What a store can do beyond the promises of ``Store``.

    Ask "can it?", not "which is it?". ``conditional_create``: ``put_if_absent`` is atomic, also
    between hosts. ``concurrency``: how many requests at once pay off. ``latency``: whether a
    request costs a round trip, so that reads should be few and large.
    """

    conditional_create: bool = True
    concurrency: int = 1
    latency: bool = False


class Store(Protocol):
    """Named objects, written whole and never changed. Safe to use from several threads.

    1. After a put returns, every reader sees all of the object, and it survives a power cut.
    2. Nobody ever sees part of an object, whatever happens during a put.
    3. ``put_if_absent`` of an existing name raises ``ObjectExists`` and changes nothing, also
       when several callers race: exactly one succeeds.
    4. ``read`` and ``stat`` of a missing name raise ``ObjectMissing``. A read that yields fewer
       bytes than asked for raises ``ShortRead`` (reading past the end is asking for too much).
    5. ``list_objects`` yields each name once, in byte order, right after the put that made it; a
       listing that fails raises and is never merely short.
    6. ``delete`` of a missing name does nothing; after it returns no reader sees the object.
    7. Names are relative, their parts match ``[A-Za-z0-9._-]+`` and are joined by ``/``; anything
       else raises ``UsageError``.

    All other faults raise ``StoreError`` or one of its kinds.
    """

    @property
    def location(self) -> str:
        """Where this is, safe to print: credentials are masked."""
        ...

    @property
    def traits(self) -> StoreTraits:
        """What this store can do beyond the promises."""
        ...

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` under ``name`` unless there is something already."""
        ...

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, or ``length`` bytes of it from ``start``."""
        ...

    def stat(self, name: str) -> ObjectInfo:
        """Return what is known about one object."""
        ...

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield what is known about every object whose name starts with ``prefix``."""
        ...

    def delete(self, name: str) -> None:
        """Remove the object, if there is one."""
        ...

    def settle(self, names: Iterable[str]) -> None:
        """Make sure that objects which were listed survive a power cut, though whoever put them died before that.

        Promise 1 is of puts that returned. To be called before anything is built on what another process put and
        nobody is known to have seen returned. Names that are gone do no harm.
        """
        ...

    def sweep(self) -> int:
        """Remove what cut puts left behind a day ago or earlier, which no listing shows; return how many there were.

        0 where a cut put leaves nothing.
        """
        ...

    def close(self) -> None:
        """Give back connections; calling twice does no harm."""
        ...
