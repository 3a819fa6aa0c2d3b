"""From full segments to put packs: compress, seal, check, pack, put, with bounded threads.

One thread (the caller's) reads and cuts; ``WORKERS`` threads compress, seal and check; others put.
What is in flight is bounded, so memory is too. The native libraries release the interpreter lock
for the heavy work.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from rebond.errors import VaultDamaged
from rebond.identifiers import SessionId, VaultId
from rebond.vault.credentials import DomainKeys
from rebond.vault.frames import Compressor, Level, build_frame, join_chunks, open_frame, split_chunks
from rebond.vault.packs import MIXED_LIMIT, FilledPack, PackBuilder, PackedSegment, seal_table, table_binding
from rebond.vault.primitives import hash_of, keyed_id
from rebond.vault.segments import SealedSegment, SegmentKind, seal_segment

WORKERS = 2
QUEUED = 1  # segments that wait: what is in flight is read again after a kill
LEAST_PACK = 2 << 20  # bytes
MOST_PACK = 16 << 20  # below the format's limit: a smaller pack in flight is less to lose and to hold
PACK_SHARE = 128  # a pack holds about 1/128 of what the session stored so far, so a kill costs little
DENSE_MEMORY = 150 << 20  # bytes that compressing threads may take together


@dataclass(frozen=True, slots=True)
class SealingContext:
    """What every segment of a session is sealed with."""

    vault_id: VaultId
    session: SessionId
    epoch: int
    public_key: MLKEM768X25519PublicKey
    keys: DomainKeys
    catalog_key: bytes
    level: Level


@dataclass(frozen=True, slots=True)
class FullSegment:
    """Chunks of one kind, ready to be sealed. ``raw_bytes`` is the sum of their lengths."""

    kind: SegmentKind
    number: int
    ids: Sequence[bytes]
    chunks: list[bytes]
    raw_bytes: int


class SealingPipeline:
    """Takes full segments from one thread and hands filled packs to ``put_pack``, from others.

    An error in any thread is raised by the next ``submit`` or by ``finish``. After an error, or
    after ``abandon``, nothing more is put.
    """

    def __init__(self, context: SealingContext, put_pack: Callable[[FilledPack], None], *, uploads: int = 1) -> None:
        self._context = context
        self._put_pack = put_pack
        workers = max(1, min(WORKERS, DENSE_MEMORY // context.level.working_bytes))
        self._sealers = ThreadPoolExecutor(workers, "seal")
        self._putters = ThreadPoolExecutor(uploads, "put")
        self._segments_free = threading.BoundedSemaphore(workers + QUEUED)
        self._packs_free = threading.BoundedSemaphore(uploads)
        self._lock = threading.Lock()
        self._local = threading.local()
        self._builders = {
            kind: PackBuilder(context.vault_id, context.keys.domain) for kind in (SegmentKind.DATA, SegmentKind.TREE)
        }
        self._failure: BaseException | None = None
        self.stored_bytes = 0  # bytes of packs filled so far

    def submit(self, segment: FullSegment) -> None:
        """Queue a segment; waits while too much is in flight."""
        self._segments_free.acquire()
        if self._failure is not None:
            self._segments_free.release()
            raise self._failure
        self._sealers.submit(self._run, segment)

    def finish(self) -> None:
        """Seal and put all that is left; when this returns, every segment lies in a put pack."""
        self._sealers.shutdown(wait=True)
        if self._failure is None:
            for builder in self._last_builders():
                self._hand_over(builder.fill(self._context.catalog_key))
        self._putters.shutdown(wait=True)
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> None:
        """Stop as soon as what is being put is put; what is queued is dropped."""
        if self._failure is None:
            self._failure = VaultDamaged("The session was abandoned.")
        self._sealers.shutdown(wait=True, cancel_futures=True)
        self._putters.shutdown(wait=True, cancel_futures=True)

    def _last_builders(self) -> list[PackBuilder]:
        """The builders with something in them; two small ones are mixed into one pack (§4)."""
        data, tree = self._builders[SegmentKind.DATA], self._builders[SegmentKind.TREE]
        if len(data) and len(tree) and data.size + tree.size < MIXED_LIMIT:
            data.take_over(tree)
        return [builder for builder in (data, tree) if len(builder)]

    def _run(self, segment: FullSegment) -> None:
        try:
            if self._failure is None:
                packed = self._seal(segment)
                self._collect(packed)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread by submit or finish
            self._failure = self._failure or error
        finally:
            self._segments_free.release()

    def _seal(self, segment: FullSegment) -> PackedSegment:
        context = self._context
        compressor = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = Compressor(context.level)
        raw = join_chunks(segment.ids, segment.chunks)
        segment.chunks.clear()  # they are in ``raw`` now; holding both would double the memory
        frame = build_frame(raw, compressor)
        del raw
        sealed = seal_segment(
            context.public_key,
            frame,
            kind=segment.kind,
            epoch=context.epoch,
            vault_id=context.vault_id,
            domain=context.keys.domain,
            session=context.session,
            number=segment.number,
        )
        key = context.keys.data_id_key if segment.kind is SegmentKind.DATA else context.keys.tree_id_key
        check_sealed(sealed, segment.ids, key)
        binding = table_binding(context.vault_id, context.keys.domain, context.session, segment.number)
        return PackedSegment(
            context.session,
            segment.number,
            segment.kind,
            sealed.stored,
            hash_of(sealed.stored),
            segment.raw_bytes,
            seal_table(context.keys.table_key, binding, b"".join(segment.ids)),
            len(segment.ids),
        )

    def _collect(self, packed: PackedSegment) -> None:
        filled = None
        with self._lock:
            builder = self._builders[SegmentKind(packed.kind)]
            builder.add(packed)
            if builder.size >= min(MOST_PACK, max(LEAST_PACK, self.stored_bytes // PACK_SHARE)):
                filled = builder.fill(self._context.catalog_key)
        if filled is not None:
            self._hand_over(filled)

    def _hand_over(self, filled: FilledPack) -> None:
        self._packs_free.acquire()
        with self._lock:
            self.stored_bytes += len(filled.content)
        self._putters.submit(self._put, filled)

    def _put(self, filled: FilledPack) -> None:
        try:
            if self._failure is None:
                self._put_pack(filled)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread by submit or finish
            self._failure = self._failure or error
        finally:
            self._packs_free.release()


def check_sealed(sealed: SealedSegment, ids: Sequence[bytes], id_key: bytes) -> None:
    """Open sealed bytes again, decode them and recompute every id (§9.5); raises ``VaultDamaged``.

    The last look before anything is put: it catches a compressor's bug, a faulty memory, a wrong key.
    """
    table = split_chunks(open_frame(sealed.open_again()))
    same = len(table.ids) == len(ids)
    for position, expected in enumerate(ids):
        if not same:
            break
        same = table.ids[position] == expected == keyed_id(id_key, table.content(position))
    if not same:
        raise VaultDamaged(
            "A segment did not come back as it went in, so it was not stored: memory or a library is at fault.",
            hint="Test this machine's memory, then run the backup again. What is in the vault is unharmed.",
        )
