"""Errors of any stage reach the caller, nothing is put after one, and nothing waits for ever."""

import threading
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.bounded import PATIENCE_SECONDS, join, wait_for
from tests.unit.vault.written_trees import KEYS, sealing_context

from rebond.errors import StoreFull, VaultDamaged
from rebond.identifiers import SessionId
from rebond.vault import sealing, sealing_pipeline
from rebond.vault.content_writing import NOT_KEPT, ContentWriter
from rebond.vault.frames import LEVELS, Compressor, Texture, build_frame, join_chunks, open_frame, split_chunks
from rebond.vault.local_cache import LocalCache
from rebond.vault.packs import FilledPack, PackBuilder
from rebond.vault.primitives import keyed_id, sealing_private_key
from rebond.vault.sealing import check_sealed
from rebond.vault.sealing_pipeline import FullSegment, SealingPipeline
from rebond.vault.segments import SegmentKind, open_segment, seal_segment

SESSION = SessionId(b"s" * 16)


def a_segment(number: int, size: int = 1000, kind: SegmentKind = SegmentKind.DATA) -> FullSegment:
    chunks = [bytes([number % 256]) * size, b"second %d" % number]
    key = KEYS.data_id_key if kind is SegmentKind.DATA else KEYS.tree_id_key
    ids = [keyed_id(key, chunk) for chunk in chunks]
    return FullSegment(kind, number, ids, chunks, sum(map(len, chunks)))


def within_seconds(act: Callable[[], object], seconds: float = 10.0) -> None:
    """Fail instead of hanging when a stage waits for ever."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    if raised:
        raise raised[0]


class Puts:
    """Where packs go; it can fail, or hold every put until it is told to go on."""

    def __init__(self, *, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.packs: list[FilledPack] = []
        self.asked = 0
        self.fails_at = fails_at
        self.error = error or StoreFull("No room (planned by a test).", hint="Nothing.")
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, pack: FilledPack) -> None:
        number, self.asked = self.asked, self.asked + 1
        self.may_go_on.wait(PATIENCE_SECONDS)
        if number == self.fails_at:
            raise self.error
        self.packs.append(pack)


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)


def test_every_segment_comes_out_in_a_pack_and_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    puts = Puts()
    pipeline = SealingPipeline(sealing_context(SESSION), puts)
    segments = [a_segment(n, kind=SegmentKind.TREE if n % 3 else SegmentKind.DATA) for n in range(12)]
    wanted = {segment.number: [bytes(chunk) for chunk in segment.chunks] for segment in segments}

    for segment in segments:
        pipeline.submit(segment)
    within_seconds(pipeline.finish)

    found = {}
    for pack in puts.packs:
        for row in pack.rows:
            stored = pack.content[row.offset : row.offset + row.stored_length]
            table = split_chunks(open_frame(open_segment(stored, sealing_private_key(bytes(32)))))
            found[row.number] = [bytes(table.content(n)) for n in range(row.chunk_count)]
    assert found == wanted


def test_what_is_left_at_the_end_is_mixed_into_one_small_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1 << 20)
    puts = Puts()
    pipeline = SealingPipeline(sealing_context(SESSION), puts)
    for number in range(6):
        pipeline.submit(a_segment(number, kind=SegmentKind.TREE if number % 2 else SegmentKind.DATA))

    within_seconds(pipeline.finish)

    assert [len(pack.rows) for pack in puts.packs] == [6]


@pytest.mark.parametrize("fails_at", [0, 1, 3])
def test_a_put_that_fails_ends_the_run_with_its_own_error(fails_at: int) -> None:
    puts = Puts(fails_at=fails_at)
    pipeline = SealingPipeline(sealing_context(SESSION), puts)

    def run() -> None:
        for number in range(60):
            pipeline.submit(a_segment(number))
        pipeline.finish()

    with pytest.raises(StoreFull):
        within_seconds(run)
    within_seconds(pipeline.abandon)
    assert len(puts.packs) <= fails_at + 2  # what another thread was putting already


def test_a_put_that_fails_while_every_place_in_the_queue_is_taken_hangs_nobody() -> None:
    puts = Puts(fails_at=0)
    puts.may_go_on.clear()
    pipeline = SealingPipeline(sealing_context(SESSION), puts)
    raised = []

    def run() -> None:
        try:
            for number in range(60):
                pipeline.submit(a_segment(number))
            pipeline.finish()
        except StoreFull as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(0.15)
    assert thread.is_alive(), "what is in flight is bounded"
    puts.may_go_on.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(raised) == 1
    assert puts.packs == []
    within_seconds(pipeline.abandon)


@pytest.mark.parametrize("stage", ["build_frame", "seal_segment", "check_sealed", "seal_table"])
def test_an_error_in_a_sealing_thread_ends_the_run_with_its_own_error(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError(stage)

    monkeypatch.setattr(sealing, stage, fail)
    puts = Puts()
    pipeline = SealingPipeline(sealing_context(SESSION), puts)

    def run() -> None:
        for number in range(30):
            pipeline.submit(a_segment(number))
        pipeline.finish()

    with pytest.raises(MemoryError, match=stage):
        within_seconds(run)
    within_seconds(pipeline.abandon)
    assert puts.packs == []


@pytest.mark.parametrize("uploads", [1, 4])
def test_a_pack_that_cannot_be_laid_out_ends_the_run_and_hangs_nobody(
    uploads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill, failed = PackBuilder.fill, threading.Event()

    def fail_once(builder: PackBuilder, key: bytes) -> FilledPack:
        if failed.is_set():
            return fill(builder, key)
        failed.set()
        raise MemoryError("fill")

    monkeypatch.setattr(PackBuilder, "fill", fail_once)
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 1)
    pipeline = SealingPipeline(sealing_context(SESSION), Puts(), uploads=uploads)

    def run() -> None:
        for number in range(30):
            pipeline.submit(a_segment(number))
        pipeline.finish()

    with pytest.raises(MemoryError, match="fill"):
        within_seconds(run)
    within_seconds(pipeline.abandon)


def test_what_is_queued_is_dropped_when_the_session_is_abandoned() -> None:
    puts = Puts()
    puts.may_go_on.clear()
    pipeline = SealingPipeline(sealing_context(SESSION), puts)
    for number in range(2):
        pipeline.submit(a_segment(number))
    wait_for(lambda: puts.asked, "the first pack is on its way, and the second waits for it")
    abandoning = threading.Thread(target=pipeline.abandon, daemon=True)
    abandoning.start()
    wait_for(lambda: pipeline._failure, "the session is given up")
    puts.may_go_on.set()

    join(abandoning)

    assert puts.asked == 1


def test_after_an_abandoned_session_nothing_can_be_submitted() -> None:
    pipeline = SealingPipeline(sealing_context(SESSION), Puts())
    pipeline.abandon()

    with pytest.raises(VaultDamaged):
        pipeline.submit(a_segment(1))


@pytest.mark.parametrize("seed", range(8))
def test_bytes_that_do_not_come_back_as_they_went_in_are_never_put(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressor, a cipher or a memory that errs is caught by the look before the put."""

    def err(raw: bytes, compressor: Compressor, texture: Texture) -> bytes:
        spoilt = bytearray(raw)
        spoilt[(len(spoilt) * seed) // 8] ^= 1
        return build_frame(bytes(spoilt), compressor, texture)

    monkeypatch.setattr(sealing, "build_frame", err)
    puts = Puts()
    pipeline = SealingPipeline(sealing_context(SESSION), puts)
    pipeline.submit(a_segment(1))

    with pytest.raises(VaultDamaged):
        within_seconds(pipeline.finish)
    assert puts.packs == []


def test_the_look_before_the_put_opens_the_sealed_bytes_themselves() -> None:
    segment = a_segment(1)
    context = sealing_context(SESSION)
    sealed = seal_segment(
        context.public_key,
        build_frame(join_chunks(segment.ids, segment.chunks), Compressor(LEVELS["fast"])),
        kind=SegmentKind.DATA,
        epoch=1,
        vault_id=context.vault_id,
        domain=KEYS.domain,
        session=SESSION,
        number=1,
    )
    check_sealed(sealed, segment.ids, KEYS.data_id_key)
    for position in (len(sealed.stored) - 1, len(sealed.stored) - 30):
        spoilt = bytearray(sealed.stored)
        spoilt[position] ^= 1
        with pytest.raises(VaultDamaged):
            check_sealed(replace(sealed, stored=bytes(spoilt)), segment.ids, KEYS.data_id_key)
    with pytest.raises(VaultDamaged):
        check_sealed(sealed, [*segment.ids, segment.ids[0]], KEYS.data_id_key)
    with pytest.raises(VaultDamaged):
        check_sealed(sealed, segment.ids, KEYS.tree_id_key)


def test_what_is_in_flight_is_bounded() -> None:
    puts = Puts()
    puts.may_go_on.clear()
    pipeline = SealingPipeline(sealing_context(SESSION), puts)
    submitted = []

    def run() -> None:
        for number in range(100):
            pipeline.submit(a_segment(number))
            submitted.append(number)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    wait_for(lambda: puts.asked and len(submitted) >= 3, "segments are on their way")
    time.sleep(0.1)  # for what nobody holds back, if that is the fault
    assert len(submitted) < 12
    puts.may_go_on.set()
    thread.join(20)
    within_seconds(pipeline.finish)
    assert sum(len(pack.rows) for pack in puts.packs) == 100


class Collected:
    """A pipeline that keeps what it is given."""

    def __init__(self) -> None:
        self.segments: list[FullSegment] = []

    def submit(self, segment: FullSegment) -> None:
        self.segments.append(segment)


def test_no_segment_holds_chunks_of_two_components_or_of_two_kinds(tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = LocalCache(tmp_path_factory.mktemp("cache"))
    collected = Collected()
    content = ContentWriter(sealing_context(SESSION), collected, cache)  # type: ignore[arg-type]

    content.keep_data(b"a")
    content.keep_tree(b"a")
    content.finish_component()
    content.keep_data(b"b")
    assert content.keep_data(b"a")[1] != content.keep_data(b"b")[1]
    content.finish_component()

    assert [(s.kind, [bytes(c) for c in s.chunks]) for s in collected.segments] == [
        (SegmentKind.DATA, [b"a"]),
        (SegmentKind.TREE, [b"a"]),
        (SegmentKind.DATA, [b"b"]),
    ]
    cache.close()


def test_what_content_is_like_is_said_of_the_data_of_one_component_and_of_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cache = LocalCache(tmp_path_factory.mktemp("cache"))
    collected = Collected()
    content = ContentWriter(sealing_context(SESSION), collected, cache)  # type: ignore[arg-type]

    content.texture = Texture.ROWS
    content.keep_data(b"row")
    content.keep_tree(b"tree")
    content.finish_component()
    content.keep_data(b"file")
    content.finish_component()

    assert [(each.kind, each.texture) for each in collected.segments] == [
        (SegmentKind.DATA, Texture.ROWS),
        (SegmentKind.TREE, Texture.FILES),
        (SegmentKind.DATA, Texture.FILES),
    ]
    cache.close()


def test_a_segment_is_closed_by_its_size_and_by_its_count(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rebond.vault.content_writing._MOST_CHUNKS", 50)
    cache = LocalCache(tmp_path_factory.mktemp("cache"))
    collected = Collected()
    content = ContentWriter(sealing_context(SESSION), collected, cache)  # type: ignore[arg-type]

    for number in range(120):
        content.keep_data(b"%d" % number)
    for number in range(12):
        content.keep_data(bytes([number]) * (1 << 20))
    content.finish_component()

    assert [len(s.ids) for s in collected.segments][:2] == [50, 50]
    sizes = [s.raw_bytes for s in collected.segments[2:-1]]
    target = LEVELS["fast"].target_bytes
    assert all(0.75 * target <= size <= target + (1 << 20) for size in sizes)
    assert [s.number for s in collected.segments] == list(range(len(collected.segments)))
    cache.close()


@pytest.mark.parametrize("listed_last", ["old", "new"])
def test_the_newest_copy_of_a_chunk_is_taken_whatever_the_order_of_the_index(
    tmp_path_factory: pytest.TempPathFactory, listed_last: str
) -> None:
    """A repack lists old segments anew: what was stored again since then must not go back to them."""
    cache = LocalCache(tmp_path_factory.mktemp("cache"))
    chunk_id = keyed_id(KEYS.data_id_key, b"chunk")
    old, new = (cache.segments.place(session * 16, 0) for session in (b"o", b"n"))
    for place in (old, new) if listed_last == "new" else (new, old):
        cache.segments.allow(place, 100)
        cache.chunks.add(chunk_id, place)
    taken = []
    for avoided in ((), (new,), (old,), (old, new)):
        content = ContentWriter(sealing_context(SESSION), Collected(), cache, frozenset(avoided))  # type: ignore[arg-type]
        taken.append(content.find(chunk_id))

    # An older copy than one to be left behind was left behind itself: then the chunk is stored once more.
    assert taken == [new, NOT_KEPT, new, NOT_KEPT]
    cache.segments.forbid(new)
    content = ContentWriter(sealing_context(SESSION), Collected(), cache)  # type: ignore[arg-type]
    assert content.find(chunk_id) == old
    assert content.keep_data(b"chunk") == (chunk_id, old)
    cache.close()
