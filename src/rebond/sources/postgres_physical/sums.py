"""Sums of files as a manifest of PostgreSQL has them: CRC-32C, which is PostgreSQL's own choice, or SHA-256.

The manifest proves the way from the server to here, byte by byte; what protects from there on is the vault's. For the
way CRC-32C is enough, and it costs both sides next to nothing. It needs a library: without it, or where that has no
compiled part, the sums are SHA-256.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Protocol

CRC32C, SHA256 = "CRC32C", "SHA256"
_SUMMED_HERE_BYTES = 64 << 10
_CRC_BYTES = 4
_POLYNOMIAL = 0x82F63B78  # of Castagnoli, its bits turned round


class Sum(Protocol):
    """A sum of one file on its way. ``algorithm`` is as a manifest names it."""

    algorithm: str

    def add(self, content: memoryview) -> None:
        """Take what comes next. It has to stay as it is until ``wait`` returns."""
        ...

    def wait(self) -> None:
        """Return when all that was added is summed up."""
        ...

    def finish(self) -> str:
        """Return the sum, hexadecimal, as a manifest has it."""
        ...


def choose_algorithm(wished: str | None = None) -> str:
    """Return which sums a server is asked for: those of the configuration, else CRC-32C where that can be had."""
    return CRC32C if wished != "sha256" and _find_crc32c() is not None else SHA256


def begin_sum(algorithm: str, threads: ThreadPoolExecutor) -> Sum:
    """Begin a sum. ``threads`` is one thread, which sums up while the caller goes on."""
    return Crc32c() if algorithm == CRC32C else Sha256(threads)


def is_same_sum(said: str, found: str) -> bool:
    """Compare a sum of a manifest with ours.

    A server writes CRC-32C in the order of its own processor's bytes: both orders count as the same.
    """
    if len(found) != 2 * _CRC_BYTES:
        return said == found
    return said in {found, bytes.fromhex(found)[::-1].hex()}


class Crc32c:
    """CRC-32C, at once: a look at memory costs as much."""

    algorithm = CRC32C

    def __init__(self) -> None:
        extend = _find_crc32c()
        assert extend is not None, "who asks for CRC-32C has looked whether it is here"  # noqa: S101
        self._extend = extend
        self._sum = 0

    def add(self, content: memoryview) -> None:
        """Take what comes next."""
        for start in range(0, len(content), _SUMMED_HERE_BYTES):  # the library takes nothing but bytes: a small copy
            self._sum = self._extend(self._sum, bytes(content[start : start + _SUMMED_HERE_BYTES]))

    def wait(self) -> None:
        """Nothing is left to be done."""

    def finish(self) -> str:
        """Return the sum."""
        return self._sum.to_bytes(_CRC_BYTES, "little").hex()


class Sha256:
    """SHA-256; what is much is summed up by another thread."""

    algorithm = SHA256

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._sum = hashlib.sha256()
        self._pending: Future[None] | None = None

    def add(self, content: memoryview) -> None:
        """Take what comes next."""
        self.wait()
        if len(content) < _SUMMED_HERE_BYTES:
            self._sum.update(content)
        else:
            self._pending = self._threads.submit(self._sum.update, content)

    def wait(self) -> None:
        """Return when all that was added is summed up."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def finish(self) -> str:
        """Return the sum."""
        self.wait()
        return self._sum.hexdigest()


def sum_crc32c(content: bytes | bytearray) -> int:
    """Return the CRC-32C of a few bytes; slowly where the library is missing."""
    extend = _find_crc32c()
    if extend is not None:
        return extend(0, bytes(content))
    table, value = _make_table(), 0xFFFFFFFF
    for each in content:
        value = table[(value ^ each) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@cache
def _make_table() -> tuple[int, ...]:
    values = list(range(256))
    for _ in range(8):
        values = [each >> 1 ^ (_POLYNOMIAL if each & 1 else 0) for each in values]
    return tuple(values)


@cache
def _find_crc32c() -> Callable[[int, bytes], int] | None:
    """Return what extends a CRC-32C; ``None`` where it is not here, or would be computed by Python itself."""
    try:
        import google_crc32c  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    extend: Callable[[int, bytes], int] = google_crc32c.extend
    return extend if google_crc32c.implementation == "c" else None
