"""Compressed streams, read to their very end: what is cut or changed is found by their own sums."""

import bz2
import enum
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import zstandard

from rebond.errors import ProofFailed, SourceUnfit

_BLOCK_BYTES = 1 << 18
_PIECE_BYTES = 1 << 20
_ZSTD_BYTES = 2 << 10  # handed over at once: even blocks of nothing but zeros then make at most 64 MB of them
_MOST_BYTES = 128 << 20  # of memory that a stream may ask for
_DEFLATE_OF_GZIP, _DEFLATE_OF_ZLIB = 31, 15


class Compression(enum.StrEnum):
    """By what a stream is compressed."""

    GZIP = "gz"
    BZIP2 = "bz2"
    XZ = "xz"
    ZSTD = "zst"


_BEGINNINGS = (
    (b"\x1f\x8b", Compression.GZIP),
    (b"BZh", Compression.BZIP2),
    (b"\xfd7zXZ\x00", Compression.XZ),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
)


class Source(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


class Decoder(Protocol):
    """One compressed stream, taken piece by piece."""

    @property
    def is_over(self) -> bool:
        """Whether its end has come, and its sum was right."""
        ...

    @property
    def rest(self) -> bytes:
        """What was pushed and lies behind the end."""
        ...

    def push(self, content: bytes) -> Iterator[bytes]:
        """Yield what comes out, in pieces of a bounded size. Raises the library's own errors."""
        ...


def recognise_compression(head: bytes) -> Compression | None:
    """Return what a stream that begins so is compressed by; ``None`` when by nothing that is known."""
    return next((method for beginning, method in _BEGINNINGS if head.startswith(beginning)), None)


def decompress(source: Source, method: Compression, path: str) -> Iterator[bytes]:
    """Yield all that ``source`` holds: one stream, or several one behind the other.

    Raises ``ProofFailed`` where it is cut, changed, or followed by something else, ``SourceUnfit`` where it asks for
    more memory than is given.
    """
    rest = source.read(_BLOCK_BYTES)
    while rest:
        decoder = begin_decoding(method)
        while True:
            try:
                yield from decoder.push(rest)
            except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, zstandard.ZstdError) as error:
                raise _unfit(path, method, error) from error
            if decoder.is_over:
                break
            rest = source.read(_BLOCK_BYTES)
            if not rest:
                raise ProofFailed(
                    "{path} is cut: its {form} stream stops before its end.", path=path, form=method.value
                )
        rest = _find_next(source, decoder.rest, method, path)


def begin_decoding(method: Compression | None) -> Decoder:
    """Return a decoder for one stream; without a method that of zlib."""
    match method:
        case None:
            return _Inflating(_DEFLATE_OF_ZLIB)
        case Compression.GZIP:
            return _Inflating(_DEFLATE_OF_GZIP)
        case Compression.BZIP2:
            return _Bounded(bz2.BZ2Decompressor)
        case Compression.XZ:
            return _Bounded(lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MOST_BYTES))
        case Compression.ZSTD:
            return _Zstd()


def _find_next(source: Source, rest: bytes, method: Compression, path: str) -> bytes:
    """Return what follows a stream: another one, or nothing; zeros between and behind are padding."""
    while True:
        rest = rest.lstrip(b"\0")
        if rest:
            break
        rest = source.read(_BLOCK_BYTES)
        if not rest:
            return b""
    if len(rest) < 8:
        rest += source.read(_BLOCK_BYTES)
    if recognise_compression(rest) is not method:
        raise ProofFailed(
            "{path} goes on behind the end of its {form} stream, with something else.", path=path, form=method.value
        )
    return rest


def _unfit(path: str, method: Compression, error: Exception) -> ProofFailed | SourceUnfit:
    words = str(error)
    if "memory" in words.lower() and "corrupt" not in words.lower():
        return SourceUnfit(
            "{path} asks for more than {size} MB of memory to be read; it was not looked into.",
            hint="Where there is more: zstd -t --long=31, or xz -t.",
            path=path,
            size=_MOST_BYTES >> 20,
        )
    return ProofFailed(
        "{path} is damaged: its {form} stream does not hold ({reason}).", path=path, form=method.value, reason=words
    )


class _Inflating:
    """Deflate, with the head and sum of gzip or zlib."""

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)

    @property
    def is_over(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    def push(self, content: bytes) -> Iterator[bytes]:
        while content and not self._stream.eof:
            yield self._stream.decompress(content, _PIECE_BYTES)
            content = self._stream.unconsumed_tail


class _Stream(Protocol):
    """What bz2 and lzma have in common."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Bounded:
    """A stream of a library that keeps what it has not decoded yet."""

    def __init__(self, begin: Callable[[], object]) -> None:
        self._stream: _Stream = begin()  # type: ignore[assignment]  # the stubs call its fields properties

    @property
    def is_over(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    def push(self, content: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(content, _PIECE_BYTES)
        while not self._stream.eof and not self._stream.needs_input:
            yield self._stream.decompress(b"", _PIECE_BYTES)


class _Zstd:
    """A frame of zstd."""

    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=_MOST_BYTES).decompressobj()
        self._unseen = b""

    @property
    def is_over(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data + self._unseen

    def push(self, content: bytes) -> Iterator[bytes]:
        for place in range(0, len(content), _ZSTD_BYTES):
            yield self._stream.decompress(content[place : place + _ZSTD_BYTES])
            if self._stream.eof:
                self._unseen = content[place + _ZSTD_BYTES :]
                return
