import lzma
import random
import struct
import tracemalloc
from collections.abc import Sequence

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.vault.spoilt import FRAMES, RAW, seeds, spoil, tries

from rebond.errors import VaultDamaged
from rebond.vault.frames import (
    LEVELS,
    RAW_LIMIT,
    Codec,
    Compressor,
    Texture,
    build_frame,
    join_chunks,
    open_frame,
    open_some_chunks,
    split_chunks,
)

WORDS = b"a word and another one, " * 400
FAST = Compressor(LEVELS["fast"])


@pytest.mark.parametrize("level", LEVELS)
def test_what_was_compressed_comes_back(level: str) -> None:
    frame = build_frame(WORDS, Compressor(LEVELS[level]))

    assert open_frame(frame) == WORDS
    assert frame[0] == LEVELS[level].codec
    assert len(frame) < len(WORDS) / 10


@pytest.mark.parametrize("level", LEVELS)
def test_one_compressor_sets_its_encoder_for_each_kind_of_content_and_all_of_it_comes_back(level: str) -> None:
    compressor = Compressor(LEVELS[level])
    dice = random.Random(2)
    rows = b"".join(b"%d\t%s\n" % (number, dice.choice(WORDS.split()) * 3) for number in range(20_000))

    frames = {texture: build_frame(rows, compressor, texture) for texture in (*Texture, *Texture)}

    assert {open_frame(each) for each in frames.values()} == {rows}
    assert frames[Texture.FILES] == build_frame(rows, Compressor(LEVELS[level]))
    assert (len(set(frames.values())) > 1) == (level in {"balanced", "fast"})


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 1_000_003])
def test_a_decoders_dictionary_is_as_long_as_the_content_and_no_longer(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first bytes come again at the end, so that the whole dictionary is needed."""
    start = random.Random(1).randbytes(min(size, 2048) // 2)
    raw = start + bytes(size - 2 * len(start)) + start
    packed = lzma.compress(raw, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 64 << 20}])
    reserved: list[int] = []
    decoder = lzma.LZMADecompressor

    def watch(form: int, filters: list[dict[str, int]]) -> lzma.LZMADecompressor:
        reserved.append(filters[0]["dict_size"])
        return decoder(form, filters=filters)

    monkeypatch.setattr(lzma, "LZMADecompressor", watch)

    assert open_frame(struct.pack("<BII", Codec.LZMA2, len(packed), size) + packed) == raw
    assert reserved == [max(4096, -(-size // 4096) * 4096)]


@given(raw=st.binary(max_size=3000))
@tries(30)
def test_any_bytes_come_back(raw: bytes) -> None:
    assert open_frame(build_frame(raw, FAST)) == raw


def test_what_does_not_compress_is_stored_as_it_is() -> None:
    noise = random.Random(1).randbytes(5000)
    frame = build_frame(noise, FAST)

    assert frame[0] == Codec.NONE
    assert open_frame(frame) == noise


@given(size=st.integers(0, 200_000))
@tries(40)
def test_the_length_of_a_frame_tells_its_first_seven_binary_digits_only(size: int) -> None:
    frame = build_frame(random.Random(size).randbytes(size), FAST)
    grain = 1 << max(0, (9 + size).bit_length() - 7)

    assert len(frame) % grain == 0
    assert 9 + size <= len(frame) < 9 + size + grain
    assert len(frame) <= (9 + size) * 1.016 + 1


@given(chunks=st.lists(st.binary(max_size=50), max_size=20))
@tries(30)
def test_chunks_are_cut_apart_where_they_were_joined(chunks: list[bytes]) -> None:
    ids = [number.to_bytes(32, "big") for number in range(len(chunks))]
    table = split_chunks(join_chunks(ids, chunks))

    assert list(table.ids) == ids
    assert [bytes(table.content(number)) for number in range(len(chunks))] == chunks


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wanted", [[0], [7], [1999], [3, 900], [], range(2000)], ids=str)
@pytest.mark.parametrize("is_noise", [False, True])
def test_some_chunks_come_out_of_as_much_of_a_frame_as_they_need(
    level: str, wanted: Sequence[int], is_noise: bool
) -> None:
    dice = random.Random(4)
    chunks = [dice.randbytes(150) if is_noise else b"%d " % number * 40 for number in range(2000)]
    ids = [dice.randbytes(32) for _ in chunks]
    raw = join_chunks(ids, chunks)
    frame = build_frame(raw, Compressor(LEVELS[level]))

    table = open_some_chunks(frame, {ids[number][:16] for number in wanted})

    assert [bytes(table.content(number)) for number in wanted] == [chunks[number] for number in wanted]
    whole = split_chunks(raw)
    assert (table.ids, table.offsets, table.lengths) == (whole.ids, whole.offsets, whole.lengths)
    assert raw.startswith(table.raw)
    if frame[0] != Codec.NONE:
        reached = max((table.offsets[each] + table.lengths[each] for each in wanted), default=0)
        assert len(table.raw) <= max(reached, 4 + 36 * len(ids)) + (64 << 10)


def test_chunks_that_a_frame_does_not_have_are_no_damage_of_it() -> None:
    table = open_some_chunks(build_frame(join_chunks([b"i" * 32], [WORDS]), FAST), {b"other".ljust(16)})
    assert table.ids == (b"i" * 32,)


def test_what_repeats_in_short_pieces_is_found_in_a_log() -> None:
    rng = random.Random(6)
    pieces = [rng.randbytes(6) for _ in range(40)]
    log = b"".join(rng.choice(pieces) + rng.randbytes(2) for _ in range(20_000))
    short, usual = (len(build_frame(log, FAST, texture)) for texture in (Texture.LOG, Texture.FILES))
    assert short < 0.8 * usual


@pytest.mark.parametrize("level", LEVELS)
def test_a_frame_that_ends_before_what_is_wanted_is_damage(level: str) -> None:
    dice = random.Random(5)
    ids = [bytes([number]) * 32 for number in range(20)]
    chunks = [dice.randbytes(9000) * 2 for _ in ids]
    frame = build_frame(join_chunks(ids, chunks), Compressor(LEVELS[level]))
    codec, packed, raw = struct.unpack_from("<BII", frame)
    cut = head(codec, packed // 2, raw) + frame[9 : 9 + packed // 2]

    with pytest.raises(VaultDamaged):
        open_some_chunks(cut, {ids[-1][:16]})
    assert codec == Codec.NONE or bytes(open_some_chunks(cut, {ids[0][:16]}).content(0)) == chunks[0]


def test_a_segment_larger_than_the_format_allows_is_not_built() -> None:
    with pytest.raises(VaultDamaged):
        build_frame(bytes(RAW_LIMIT + 1), FAST)


def head(codec: int, packed: int, raw: int) -> bytes:
    return struct.pack("<BII", codec, packed, raw)


def zstd_of(size: int, *, tells_size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=tells_size).compress(bytes(size))


def lzma_of(size: int) -> bytes:
    return lzma.compress(bytes(size), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])


ZSTD, LZMA = zstd_of(20 << 20), lzma_of(20 << 20)
BOMBS = {
    "more than the header says (zstd)": head(1, len(ZSTD), 1000) + ZSTD,
    "more than the header says (LZMA2)": head(2, len(LZMA), 1000) + LZMA,
    "more than the format allows": head(1, len(ZSTD), RAW_LIMIT + 1) + ZSTD,
    "no size of its own": head(1, len(zstd_of(1000, tells_size=False)), 1000) + zstd_of(1000, tells_size=False),
    "an end that never comes (LZMA2)": head(2, len(LZMA) - 30, 1000) + LZMA[:-30],
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_damage_before_it_costs_memory(bomb: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(VaultDamaged):
            open_frame(BOMBS[bomb])
        with pytest.raises(VaultDamaged):
            open_some_chunks(BOMBS[bomb], {bytes(16)})
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(8),
        head(3, 4, 4) + b"data",
        head(0, 4, 5) + b"data",
        head(0, 5, 5) + b"data",
        head(0, 2**32 - 1, 2**32 - 1) + b"data",
        head(1, 4, 4) + b"data",
        head(2, 4, 4) + b"data",
        head(2, 0, 4),
        head(1, 0, 0),
    ],
)
def test_a_frame_that_does_not_add_up_is_damage(frame: bytes) -> None:
    with pytest.raises(VaultDamaged):
        open_frame(frame)
    with pytest.raises(VaultDamaged):
        open_some_chunks(frame, {bytes(16)})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x01\x00\x00\x00" + bytes(35),
        b"\x01\x00\x00\x00" + bytes(32) + b"\x05\x00\x00\x00four",
        b"\x01\x00\x00\x00" + bytes(32) + b"\x03\x00\x00\x00four",
        b"\x00\x00\x00\x00rest",
        b"\x02\x00\x00\x00" + (bytes(32) + b"\xff\xff\xff\xff") * 2,
    ],
)
def test_chunks_that_do_not_add_up_are_damage(raw: bytes) -> None:
    with pytest.raises(VaultDamaged):
        split_chunks(raw)
    with pytest.raises(VaultDamaged):
        open_some_chunks(head(0, len(raw), len(raw)) + raw, {bytes(16)})


@given(seed=seeds, codec=st.sampled_from(sorted(FRAMES)))
@tries(150)
def test_some_chunks_of_a_spoilt_frame_are_damage_or_within_it(seed: int, codec: str) -> None:
    wanted = split_chunks(RAW).ids[-1][:16]
    try:
        table = open_some_chunks(spoil(FRAMES[codec], seed), {wanted})
    except VaultDamaged:
        return
    for position, chunk_id in enumerate(table.ids):
        if chunk_id[:16] == wanted:
            assert len(table.content(position)) == table.lengths[position]


@given(seed=seeds, codec=st.sampled_from(sorted(FRAMES)))
@tries(150)
def test_a_spoilt_frame_is_damage_or_adds_up(seed: int, codec: str) -> None:
    try:
        raw = open_frame(spoil(FRAMES[codec], seed))
        table = split_chunks(raw)
    except VaultDamaged:
        return
    assert sum(table.lengths) + 4 + 36 * len(table.ids) == len(raw)


@given(seed=seeds)
@tries(150)
def test_spoilt_content_is_damage_or_adds_up(seed: int) -> None:
    raw = spoil(RAW, seed)
    try:
        table = split_chunks(raw)
    except VaultDamaged:
        return
    assert sum(table.lengths) + 4 + 36 * len(table.ids) == len(raw)
