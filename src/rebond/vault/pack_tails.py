"""Reading what a pack says of itself: its tail, in one request where its size is known (§4)."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from msgspec import Struct

from rebond.errors import ForeignObject, ObjectMissing, ShortRead, VaultDamaged, VaultError
from rebond.identifiers import DomainId
from rebond.vault.access import Vault
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header
from rebond.vault.index import IndexedPack
from rebond.vault.packs import SegmentRow, pack_name, read_tail, tail_size
from rebond.vault.primitives import Buffer

_GUESS = 64 << 10  # bytes read from the end of a pack whose tail has an unknown size
_QUEUED = 4  # tails asked for ahead, for each request that the store takes at once


class PackTail(Struct, frozen=True):
    """The rows of a pack and the domain in its header."""

    domain: DomainId
    rows: list[SegmentRow]


def open_pack_tail(vault: Vault, header_bytes: Buffer, content_end: Buffer) -> PackTail:
    """Open the tail out of the first 48 and the last bytes of a pack.

    Raises ``ForeignObject`` for another vault's pack or an unknown domain, ``VaultDamaged``,
    ``WrongKey`` or ``FormatTooNew``.
    """
    header = decode_header(header_bytes, ObjectKind.PACK)
    if header.vault_id != vault.vault_id or vault.roster.find_domain(header.domain) is None:
        raise ForeignObject("The pack belongs to another vault or to an unknown domain.")
    if tail_size(content_end) > len(content_end):
        raise VaultDamaged("A pack's tail claims to be larger than the pack.")
    keys = vault.credentials.catalog(header.domain).keys
    return PackTail(header.domain, read_tail(content_end, header.encode(), keys))


def read_listed_tail(vault: Vault, domain: DomainId, pack: IndexedPack, size: int) -> PackTail:
    """Read the tail of a pack that a list names; raises what ``open_pack_tail`` does and ``ObjectMissing``."""
    ends = [row.offset + row.stored_length for row in pack.rows]
    start = max(ends, default=HEADER_SIZE) + sum(row.table_length for row in pack.rows)
    if not HEADER_SIZE <= start < size:
        return read_unknown_tail(vault, pack.pack_hash, size)
    content_end = _read(vault, pack.pack_hash, start, size - start)
    if tail_size(content_end) != len(content_end):
        return read_unknown_tail(vault, pack.pack_hash, size)
    # The header is bound to the seal, so it need not be read: it is what it must be, or nothing opens.
    header = ClearHeader(kind=ObjectKind.PACK, vault_id=vault.vault_id, domain=domain).encode()
    return PackTail(domain, read_tail(content_end, header, vault.credentials.catalog(domain).keys))


def read_unknown_tail(vault: Vault, pack_hash: bytes, size: int) -> PackTail:
    """Read the tail of a pack of which nothing is known; raises what ``open_pack_tail`` does and ``ObjectMissing``."""
    header = _read(vault, pack_hash, 0, min(size, HEADER_SIZE))
    length = min(size, _GUESS)
    content_end = _read(vault, pack_hash, size - length, length)
    needed = tail_size(content_end)
    if needed > length:
        if needed > size:
            raise VaultDamaged("A pack's tail claims to be larger than the pack.")
        content_end = _read(vault, pack_hash, size - needed, needed)
    return open_pack_tail(vault, header, content_end)


def _read(vault: Vault, pack_hash: bytes, start: int, length: int) -> bytes:
    try:
        return vault.store.read(pack_name(pack_hash), start=start, length=length)
    except ShortRead as error:
        raise VaultDamaged("A pack is shorter than the store said.") from error


T = TypeVar("T")


class TailTask(Struct, Generic[T], frozen=True):
    """A pack whose tail is wanted. ``listed`` is what a list says of it, with the list's domain."""

    subject: T
    pack_hash: bytes
    size: int
    listed: tuple[DomainId, IndexedPack] | None = None


def read_tails(
    vault: Vault, tasks: Iterable[TailTask[T]]
) -> Iterator[tuple[TailTask[T], PackTail | VaultError | ObjectMissing]]:
    """Yield each task with its tail, or with what is wrong with it; other store errors are raised.

    Several are read at once where that pays off.
    """
    workers = vault.store.traits.concurrency
    if workers <= 1:
        for task in tasks:
            yield task, _try_tail(vault, task)
        return
    with ThreadPoolExecutor(workers, "tails") as pool:
        waiting: deque[tuple[TailTask[T], Future[PackTail | VaultError | ObjectMissing]]] = deque()
        for task in tasks:
            waiting.append((task, pool.submit(_try_tail, vault, task)))
            if len(waiting) > _QUEUED * workers:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _try_tail(vault: Vault, task: TailTask[T]) -> PackTail | VaultError | ObjectMissing:
    try:
        if task.listed is not None:
            return read_listed_tail(vault, task.listed[0], task.listed[1], task.size)
        return read_unknown_tail(vault, task.pack_hash, task.size)
    except (VaultError, ObjectMissing) as error:
        return error
