"""Deflate, the compression of gzip and zlib, by several threads: one stream, as a single thread would write it.

Each block is compressed by itself, with the end of the one before as its dictionary, and ends at a whole byte.
"""

import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

_BLOCK_BYTES = 512 << 10
_WINDOW_BYTES = 32 << 10
_GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time: the same content is the same bytes
_ZLIB_HEAD = b"\x78\x9c"
_LAST = b"\x03\0"  # an empty block that ends a stream
USUAL_LEVEL = 6

Piece = bytes | bytearray | memoryview


class Deflater:
    """Threads that compress. Used as a context manager."""

    def __init__(self, *, threads: int, level: int = USUAL_LEVEL) -> None:
        """``level`` is 1, the fastest, to 9, the smallest."""
        self._pool = ThreadPoolExecutor(max(1, threads), "deflate")
        self._most_waiting = max(1, threads) + 2
        self._level = level

    def __enter__(self) -> "Deflater":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def gzip(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """Yield a file of gzip, of one member."""
        yield from _push_all(self.begin_gzip(), pieces)

    def zlib(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """Yield a stream of zlib."""
        yield from _push_all(DeflatedStream(self, _ZLIB_HEAD, zlib.adler32, 1, _end_zlib), pieces)

    def begin_gzip(self) -> "DeflatedStream":
        """Return a file of gzip to which content is pushed."""
        return DeflatedStream(self, _GZIP_HEAD, zlib.crc32, 0, _end_gzip)

    def submit(self, block: bytes, window: bytes) -> "Future[bytes]":
        """Let a block be compressed."""
        return self._pool.submit(_compress, block, window, self._level)

    @property
    def most_waiting(self) -> int:
        """How many blocks may be under way."""
        return self._most_waiting


class DeflatedStream:
    """One stream that grows. What is ready comes back from ``push`` and ``end``, in order."""

    def __init__(
        self,
        deflater: Deflater,
        head: bytes,
        add: Callable[[Piece, int], int],
        value: int,
        end: Callable[[int, int], bytes],
    ) -> None:
        self._deflater = deflater
        self._ready: list[bytes] = [head]
        self._add, self._value, self._end = add, value, end
        self._size = 0
        self._gathered = bytearray()
        self._window = b""
        self._waiting: deque[Future[bytes]] = deque()

    def push(self, content: Piece) -> list[bytes]:
        """Take more; return what is ready."""
        self._value = self._add(content, self._value)
        self._size += len(content)
        self._gathered += content
        while len(self._gathered) >= _BLOCK_BYTES:
            self._submit(bytes(self._gathered[:_BLOCK_BYTES]))
            del self._gathered[:_BLOCK_BYTES]
        while len(self._waiting) > self._deflater.most_waiting:
            self._ready.append(self._waiting.popleft().result())
        return self._take()

    def end(self) -> list[bytes]:
        """Return all that is left, and the end of the stream."""
        if self._gathered:
            self._submit(bytes(self._gathered))
        self._ready += [each.result() for each in self._waiting]
        self._ready += [_LAST, self._end(self._value, self._size)]
        return self._take()

    def _submit(self, block: bytes) -> None:
        self._waiting.append(self._deflater.submit(block, self._window))
        self._window = block[-_WINDOW_BYTES:]

    def _take(self) -> list[bytes]:
        ready, self._ready = self._ready, []
        return ready


def _push_all(stream: DeflatedStream, pieces: Iterable[Piece]) -> Iterator[bytes]:
    for each in pieces:
        yield from stream.push(each)
    yield from stream.end()


def _end_gzip(value: int, size: int) -> bytes:
    return struct.pack("<II", value, size & 0xFFFFFFFF)


def _end_zlib(value: int, _size: int) -> bytes:
    return struct.pack(">I", value)


def _compress(block: bytes, window: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, wbits=-15, zdict=window) if window else zlib.compressobj(level, wbits=-15)
    return compressor.compress(block) + compressor.flush(zlib.Z_SYNC_FLUSH)
