"""Frames: many chunks compressed as one, and cut apart again (format page, section 4)."""

import enum
import lzma
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate

import zstandard
from msgspec import Struct
from msgspec.structs import replace

from rebond.errors import VaultDamaged
from rebond.vault.primitives import HASH_SIZE, Buffer

RAW_LIMIT = 64 << 20  # bytes; checked before anything is decoded
_HEAD = struct.Struct("<BII")
_COUNT = struct.Struct("<I")
_ROW_SIZE = HASH_SIZE + 4
_LZMA_GRAIN = 4096  # bytes: dictionaries are multiples of it
_FIRST_BYTES = 64 << 10  # decoded at once where little of a frame is wanted: its rows are among them, mostly
_WIDENED_LEVEL = 3
_INCOMPRESSIBLE = 0.98  # a frame that saves less than 2 % is stored as it is: it decodes for nothing


class Codec(enum.IntEnum):
    """How a frame is compressed."""

    NONE = 0
    ZSTD = 1
    LZMA2 = 2


class Texture(enum.IntEnum):
    """What content is like: the encoder is set for it. Nothing tells it from a frame, and nobody needs it to decode."""

    FILES = 0
    ROWS = 1
    PAGES = 2
    LOG = 3


class Level(Struct, frozen=True):
    """A trade between time and room. ``target_bytes`` is what a segment is filled to."""

    name: str
    codec: Codec
    strength: int
    target_bytes: int
    working_bytes: int  # memory that one compressing thread takes


LEVELS = {
    level.name: level
    for level in (
        Level("fast", Codec.ZSTD, 1, 4 << 20, 8 << 20),
        Level("balanced", Codec.ZSTD, 3, 4 << 20, 12 << 20),
        Level("small", Codec.ZSTD, 12, 4 << 20, 48 << 20),
        Level("dense", Codec.LZMA2, 6, 16 << 20, 72 << 20),
    )
}

# Level 3 as it is set for each kind of content (decisions 0127 and 0176). Tables and windows that fit the processor's
# caches cost pages 2 % of size for a third of the time; rows have long matches, and few that are far away.
_LEVEL_3: dict[Texture, dict[str, int]] = {
    Texture.FILES: {"window_log": 23, "chain_log": 17, "hash_log": 18},
    Texture.ROWS: {"window_log": 21, "chain_log": 15, "hash_log": 18, "min_match": 6},
    Texture.PAGES: {"window_log": 20, "chain_log": 16, "hash_log": 17, "min_match": 4},
    Texture.LOG: {"window_log": 20, "chain_log": 16, "hash_log": 17, "min_match": 4},
}
# A write-ahead log repeats itself in short pieces: level 1 looks for seven bytes, and finds 6 % less of it in the same
# time (15 segments of updates of accounts and of rows of text: 32.4 MB in 20.3 ms each, 30.5 MB in 19.8 ms).
_LEVEL_1_LOG = {"hash_log": 13, "min_match": 5}


class Compressor:
    """Compresses frames at one level. Not to be shared between threads."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._zstd: dict[Texture, zstandard.ZstdCompressor] = {}

    def compress(self, raw: Buffer, texture: Texture = Texture.FILES) -> tuple[Codec, Buffer]:
        """Return the codec that was used and the compressed bytes."""
        if self._level.codec is Codec.LZMA2:
            packed = lzma.compress(raw, lzma.FORMAT_RAW, filters=[_lzma_filter(self._level)])
        else:
            packed = self._choose(texture).compress(raw)
        if len(packed) >= len(raw) * _INCOMPRESSIBLE:
            return Codec.NONE, raw
        return self._level.codec, packed

    def _choose(self, texture: Texture) -> zstandard.ZstdCompressor:
        if texture not in self._zstd:
            parameters = _zstd_parameters(self._level, texture)
            self._zstd[texture] = zstandard.ZstdCompressor(compression_params=parameters)
        return self._zstd[texture]


def _zstd_parameters(level: Level, texture: Texture) -> zstandard.ZstdCompressionParameters:
    """The encoder's settings: those of its level, and for level 3 those that fit the content.

    Wider tables, measured on 4 MiB segments of an application and of a Python environment: 1.4 to 2.1 % smaller in the
    same time.
    """
    if level.strength == _WIDENED_LEVEL:
        return zstandard.ZstdCompressionParameters.from_level(
            _WIDENED_LEVEL, write_content_size=True, **_LEVEL_3[texture]
        )
    more = _LEVEL_1_LOG if (level.strength, texture) == (1, Texture.LOG) else {}
    return zstandard.ZstdCompressionParameters.from_level(level.strength, write_content_size=True, **more)


def _lzma_filter(level: Level) -> dict[str, int]:
    """The encoder's settings: hash chains instead of binary trees, for half the memory and a third of the time.

    Measured on 16 MiB segments of a Python environment: 0.220 of the size at 4.4 MB/s, where the
    preset as it is gives 0.200 at 1.9 MB/s, and zstd 19 0.240 at 1.6 MB/s. Matches of 136 bytes are taken
    at once: 112 is 1.2 % larger for a twentieth less work, 64 is a quarter faster and 4 to 5 % larger.
    """
    return {
        "id": lzma.FILTER_LZMA2,
        "preset": level.strength,
        "dict_size": 8 << 20,
        "mode": lzma.MODE_FAST,
        "mf": lzma.MF_HC4,
        "nice_len": 136,
    }


def join_chunks(ids: Sequence[bytes], chunks: Sequence[Buffer]) -> bytes:
    """Lay chunks out as a decoded frame: count, (id, length) rows, contents."""
    return b"".join((frame_rows(ids, chunks), *chunks))


def frame_rows(ids: Sequence[bytes], chunks: Sequence[Buffer]) -> bytes:
    """Return what comes before the contents in a decoded frame: count, (id, length) rows."""
    rows = [part for i, c in zip(ids, chunks, strict=True) for part in (i, _COUNT.pack(len(c)))]
    return b"".join((_COUNT.pack(len(ids)), *rows))


def build_frame(raw: Buffer, compressor: Compressor, texture: Texture = Texture.FILES) -> bytes:
    """Compress ``raw`` and pad it, so that its length tells little about its content."""
    if len(raw) > RAW_LIMIT:
        raise VaultDamaged("A segment of {size} bytes is larger than the format allows.", size=len(raw))
    codec, packed = compressor.compress(raw, texture)
    length = _HEAD.size + len(packed)
    grain = 1 << max(0, length.bit_length() - 7)
    padding = -length % grain
    return b"".join((_HEAD.pack(codec, len(packed), len(raw)), packed, bytes(padding)))


def open_frame(frame: Buffer) -> bytes:
    """Return the decoded content of a frame; raises ``VaultDamaged`` for anything malformed."""
    codec, packed, raw_length = _read_head(frame)
    return _require(_decode(codec, packed, raw_length), raw_length)


def _read_head(frame: Buffer) -> tuple[int, memoryview, int]:
    """Return the codec, the packed bytes and how long they are once they are decoded."""
    if len(frame) < _HEAD.size:
        raise VaultDamaged("A frame is too short.")
    codec, packed_length, raw_length = _HEAD.unpack(bytes(frame[: _HEAD.size]))
    if raw_length > RAW_LIMIT or packed_length > len(frame) - _HEAD.size:
        raise VaultDamaged("A frame claims {size} bytes, more than the format allows.", size=raw_length)
    return codec, memoryview(frame)[_HEAD.size : _HEAD.size + packed_length], raw_length


def _require(raw: bytes, size_bytes: int) -> bytes:
    if len(raw) != size_bytes:
        raise VaultDamaged("A frame decodes to {found} bytes, not {size}.", found=len(raw), size=size_bytes)
    return raw


def _decode(codec: int, packed: memoryview, raw_length: int) -> bytes:
    if codec == Codec.NONE:
        return bytes(packed)
    with _told_as_damage():
        if codec == Codec.ZSTD:
            _require_content_size(packed, raw_length)
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=raw_length)
        if codec == Codec.LZMA2:
            return _lzma_decoder(raw_length).decompress(packed, max_length=raw_length + 1)
    raise VaultDamaged("A frame uses the unknown codec {codec}.", codec=codec)


@contextmanager
def _told_as_damage() -> Iterator[None]:
    try:
        yield
    except (zstandard.ZstdError, lzma.LZMAError, EOFError) as error:
        raise VaultDamaged("A compressed frame does not decode: {reason}", reason=str(error)) from error


def _require_content_size(packed: memoryview, raw_length: int) -> None:
    """The frame's own size field is checked against ours before any memory is taken."""
    if zstandard.frame_content_size(packed[:18]) != raw_length:
        raise VaultDamaged("A compressed frame disagrees with its header about its size.")


def _lzma_decoder(raw_length: int) -> lzma.LZMADecompressor:
    """Nothing refers further back than the content is long, so that much memory is enough."""
    dictionary = max(_LZMA_GRAIN, raw_length + -raw_length % _LZMA_GRAIN)
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}])


class _Beginning:
    """The beginning of a frame's content: decoded further when more of it is asked for, never back."""

    def __init__(self, frame: Buffer) -> None:
        self._codec, self._packed, self.raw_length = _read_head(frame)
        self._parts: list[bytes] = []
        self._held = 0
        if self._codec == Codec.ZSTD:
            with _told_as_damage():
                _require_content_size(self._packed, self.raw_length)
            self._stream = zstandard.ZstdDecompressor().stream_reader(self._packed)
        elif self._codec == Codec.LZMA2:
            self._lzma = _lzma_decoder(self.raw_length)
        elif self._codec != Codec.NONE:
            raise VaultDamaged("A frame uses the unknown codec {codec}.", codec=self._codec)

    def up_to(self, size_bytes: int) -> bytes:
        """Return at least so many bytes of it, or all there are. Raises ``VaultDamaged`` where it ends before that."""
        wanted = min(size_bytes, self.raw_length)
        if self._codec == Codec.NONE:
            return _require(bytes(self._packed), self.raw_length)
        with _told_as_damage():
            while self._held < wanted:
                part = self._read(wanted - self._held)
                if not part:
                    break
                self._parts.append(part)
                self._held += len(part)
        whole = b"".join(self._parts)
        self._parts = [whole]
        return whole if len(whole) >= wanted else _require(whole, self.raw_length)

    def _read(self, size_bytes: int) -> bytes:
        if self._codec == Codec.ZSTD:
            return self._stream.read(size_bytes)
        given, self._packed = self._packed, self._packed[:0]
        return self._lzma.decompress(given, max_length=size_bytes)


class ChunkTable(Struct, frozen=True):
    """The chunks of a decoded frame: ids, and where each lies in ``raw``."""

    raw: bytes
    ids: tuple[bytes, ...]
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]

    def content(self, position: int) -> memoryview:
        """Return the bytes of one chunk."""
        start = self.offsets[position]
        return memoryview(self.raw)[start : start + self.lengths[position]]


def split_chunks(raw: bytes) -> ChunkTable:
    """Cut a decoded frame into its chunks; raises ``VaultDamaged`` unless it adds up exactly."""
    return _cut(raw, len(raw))


def open_some_chunks(frame: Buffer, short_ids: Collection[bytes]) -> ChunkTable:
    """Decode a frame as far as some of its chunks need, named by the first 16 bytes of their ids.

    The table names all chunks; only the contents of these are there. Raises ``VaultDamaged``.
    """
    beginning = _Beginning(frame)
    head = beginning.up_to(_FIRST_BYTES)
    rows_end = _COUNT.size + (_COUNT.unpack_from(head)[0] if len(head) >= _COUNT.size else 0) * _ROW_SIZE
    table = _cut(beginning.up_to(rows_end) if rows_end <= beginning.raw_length else head, beginning.raw_length)
    ends = [table.offsets[i] + table.lengths[i] for i, each in enumerate(table.ids) if each[:16] in short_ids]
    return replace(table, raw=beginning.up_to(max(ends, default=0)))


def _cut(raw: bytes, raw_length: int) -> ChunkTable:
    """Return the table of a frame of which the rows, at least, are decoded."""
    if len(raw) < _COUNT.size:
        raise VaultDamaged("A segment is too short to hold a chunk.")
    (count,) = _COUNT.unpack_from(raw)
    position = _COUNT.size + count * _ROW_SIZE
    if position > len(raw):
        raise VaultDamaged("A segment claims {count} chunks, more than fit.", count=count)
    rows = list(struct.iter_unpack("<32sI", memoryview(raw)[_COUNT.size : position]))
    lengths = tuple([length for _, length in rows])
    *offsets, end = accumulate(lengths, initial=position)
    if end != raw_length:
        raise VaultDamaged("The chunks of a segment do not add up to its size.")
    return ChunkTable(raw, tuple([chunk_id for chunk_id, _ in rows]), tuple(offsets), lengths)
