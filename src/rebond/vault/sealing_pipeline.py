"""From full segments to put packs: compress, seal, check, pack, put, with bounded threads.

One thread (the caller's) reads and cuts; ``WORKERS`` at a time compress, seal and check segments; others
put. What is in flight is bounded, so memory is too. The first work is done by threads here; when there is
more than a little, processes of their own do the rest, since the reading thread and the sealing would
otherwise wait for one interpreter lock (decision 0022).
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from rebond.errors import VaultDamaged
from rebond.vault.frames import Texture, join_chunks
from rebond.vault.packs import MIXED_LIMIT, FilledPack, PackBuilder, PackedSegment
from rebond.vault.sealing import Sealer, SealingContext, StoredSegment
from rebond.vault.sealing_process import DESKS
from rebond.vault.sealing_team import SealingTeam
from rebond.vault.segments import SegmentKind

WORKERS = 2
QUEUED = 1  # segments that wait at first: what is in flight is read again after a kill
MOST_QUEUED_BYTES = 16 << 20  # of segments that wait later on
QUEUED_SHARE = 64  # one segment more waits for each 64 that were submitted: a kill still costs little
LEAST_PACK = 2 << 20  # bytes
MOST_PACK = 8 << 20  # well below the format's limit: a smaller pack in flight is less to lose and to hold
MOST_PUTTING_BYTES = 32 << 20  # of packs on their way to the store; two of the largest, or three
PACK_SHARE = 128  # a pack holds about 1/128 of what the session stored so far, so a kill costs little
PROCESSES_FROM = 8 << 20  # raw bytes; less is sealed before a process has started
DENSE_MEMORY = 150 << 20  # bytes that compressing threads may take together


class FullSegment(Struct, frozen=True):
    """Chunks of one kind, ready to be sealed. ``raw_bytes`` is the sum of their lengths."""

    kind: SegmentKind
    number: int
    ids: Sequence[bytes]
    chunks: list[bytes]
    raw_bytes: int
    texture: Texture = Texture.FILES


class SealingPipeline:
    """Takes full segments from one thread and hands filled packs to ``put_pack``, from others.

    An error in any thread is raised by the next ``submit`` or by ``finish``. After an error, or
    after ``abandon``, nothing more is put.
    """

    def __init__(self, context: SealingContext, put_pack: Callable[[FilledPack], None], *, uploads: int = 1) -> None:
        self._context = context
        self._put_pack = put_pack
        workers = max(1, min(WORKERS, DENSE_MEMORY // context.level.working_bytes))
        self._sealers = ThreadPoolExecutor(workers * DESKS, "seal")
        self._sealing_here = threading.BoundedSemaphore(workers)  # each takes the memory of its level
        self._idle_sealers: list[Sealer] = []
        self._team = SealingTeam(context, workers)
        self._putters = ThreadPoolExecutor(uploads, "put")
        self._least_room = workers + QUEUED
        self._most_room = workers + max(QUEUED, MOST_QUEUED_BYTES // context.level.target_bytes)
        self._most_bytes = self._most_room * context.level.target_bytes  # of larger ones, fewer wait
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._submitted = 0
        self._moved = threading.Condition()
        self._uploads = uploads
        self._putting = 0
        self._putting_bytes = 0
        self._put_ended = threading.Condition()
        self._lock = threading.Lock()
        self._builders = {
            kind: PackBuilder(context.vault_id, context.keys.domain) for kind in (SegmentKind.DATA, SegmentKind.TREE)
        }
        self._failure: BaseException | None = None
        self._submitted_bytes = 0
        self.stored_bytes = 0  # bytes of packs filled so far

    def submit(self, segment: FullSegment) -> None:
        """Queue a segment; waits while too much is in flight."""
        room = min(self._most_room, self._least_room + self._submitted // QUEUED_SHARE)
        with self._moved:
            while self._failure is None and not self._has_room(room, segment.raw_bytes):
                self._moved.wait()
            if self._failure is not None:
                raise self._failure
            self._in_flight += 1
            self._in_flight_bytes += segment.raw_bytes
        self._submitted += 1
        self._submitted_bytes += segment.raw_bytes
        self._sealers.submit(self._run, segment)

    def _has_room(self, room: int, raw_bytes: int) -> bool:
        if self._in_flight < self._least_room:
            return True
        return self._in_flight < room and self._in_flight_bytes + raw_bytes <= self._most_bytes

    def finish(self) -> None:
        """Seal and put all that is left; when this returns, every segment lies in a put pack."""
        self._sealers.shutdown(wait=True)
        self._team.close()
        if self._failure is None:
            for builder in self._last_builders():
                self._hand_over(builder)
        self._putters.shutdown(wait=True)
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> None:
        """Stop as soon as what is being put is put; what is queued is dropped."""
        if self._failure is None:
            self._failure = VaultDamaged("The session was abandoned.")
        self._sealers.shutdown(wait=True, cancel_futures=True)
        self._team.close()
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
            with self._moved:
                self._in_flight -= 1
                self._in_flight_bytes -= segment.raw_bytes
                self._moved.notify()

    def _seal(self, segment: FullSegment) -> PackedSegment:
        sealed = None
        if self._submitted_bytes >= PROCESSES_FROM:
            sealed = self._team.seal(segment.kind, segment.number, segment.ids, segment.chunks, segment.texture)
            self._idle_sealers.clear()  # processes have their own
        if sealed is None:  # too little for a process, or none can be had, or it was lost: slower is not wrong
            sealed = self._seal_here(segment)
        return PackedSegment(
            self._context.session,
            segment.number,
            segment.kind,
            sealed.stored,
            sealed.stored_hash,
            segment.raw_bytes,
            sealed.table,
            len(segment.ids),
        )

    def _seal_here(self, segment: FullSegment) -> StoredSegment:
        with self._sealing_here:
            try:
                sealer = self._idle_sealers.pop()
            except IndexError:
                sealer = Sealer.from_context(self._context)
            raw = join_chunks(segment.ids, segment.chunks)
            segment.chunks.clear()  # they are in ``raw`` now; holding both would double the memory
            sealed = sealer.seal(segment.kind, segment.number, segment.ids, raw, segment.texture)
            self._idle_sealers.append(sealer)
            return sealed

    def _collect(self, packed: PackedSegment) -> None:
        # While a full pack waits for its turn nobody gathers the next: a slow store must not fill the memory.
        with self._lock:
            builder = self._builders[SegmentKind(packed.kind)]
            builder.add(packed)
            if builder.size >= min(MOST_PACK, max(LEAST_PACK, self.stored_bytes // PACK_SHARE)):
                self._hand_over(builder)

    def _hand_over(self, builder: PackBuilder) -> None:
        """Put what a builder has gathered, as soon as one more pack may be on its way."""
        size = builder.size
        with self._put_ended:
            self._put_ended.wait_for(lambda: self._may_put(size))
            self._putting += 1
            self._putting_bytes += size
        try:
            filled = builder.fill(self._context.catalog_key)
            self.stored_bytes += len(filled.content)
            self._putters.submit(self._put, filled, size)
        except BaseException:  # it will not be put: others must not wait for that
            self._end_put(size)
            raise

    def _may_put(self, size: int) -> bool:
        if not self._putting:
            return True
        return self._putting < self._uploads and self._putting_bytes + size <= MOST_PUTTING_BYTES

    def _put(self, filled: FilledPack, size: int) -> None:
        try:
            if self._failure is None:
                self._put_pack(filled)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread by submit or finish
            self._failure = self._failure or error
        finally:
            self._end_put(size)

    def _end_put(self, size: int) -> None:
        with self._put_ended:
            self._putting -= 1
            self._putting_bytes -= size
            self._put_ended.notify_all()
