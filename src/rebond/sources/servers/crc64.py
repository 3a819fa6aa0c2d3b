"""The sum at the end of a dump of Redis: CRC-64 with the polynomial of Jones, reflected, begun with 0."""

import functools
import struct

_POLYNOMIAL = 0x95AC9329AC4BC9B5  # 0xad93d23594c935a9, its bits turned round
_EIGHT = struct.Struct("<Q")


@functools.cache
def _make_tables() -> tuple[tuple[int, ...], ...]:
    first = []
    for number in range(256):
        value = number
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        first.append(value)
    tables = [first]
    for _ in range(7):
        tables.append([value >> 8 ^ first[value & 0xFF] for value in tables[-1]])
    return tuple(map(tuple, tables))


class Crc64:
    """A sum that grows. ``value`` is that of everything so far."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, content: bytes) -> None:
        """Take more bytes; eight at a time, by a table for each of the eight."""
        t0, t1, t2, t3, t4, t5, t6, t7 = _make_tables()
        value = self.value
        even = len(content) & ~7
        for (word,) in _EIGHT.iter_unpack(memoryview(content)[:even]):
            value ^= word
            value = (
                t7[value & 0xFF]
                ^ t6[value >> 8 & 0xFF]
                ^ t5[value >> 16 & 0xFF]
                ^ t4[value >> 24 & 0xFF]
                ^ t3[value >> 32 & 0xFF]
                ^ t2[value >> 40 & 0xFF]
                ^ t1[value >> 48 & 0xFF]
                ^ t0[value >> 56]
            )
        for byte in content[even:]:
            value = value >> 8 ^ t0[(value ^ byte) & 0xFF]
        self.value = value

    def with_more(self, content: bytes) -> int:
        """Return what the sum would be with ``content`` behind; it stays as it is."""
        other = Crc64()
        other.value = self.value
        other.add(content)
        return other.value
