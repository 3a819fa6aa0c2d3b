"""The sum at the end of a dump of Redis: CRC-64 with the polynomial of Jones, reflected, begun with 0.

In Python a loop over bytes is slow. So a large block is cut into lanes that are summed side by side, one byte of each
at a time, by operations on long byte strings; the sums of the lanes are then joined. It is the same sum.
"""

import functools
import struct

_POLYNOMIAL = 0x95AC9329AC4BC9B5  # 0xad93d23594c935a9, its bits turned round
_EIGHT = struct.Struct("<Q")
_LANES, _LANE_BYTES = 1024, 256
_BLOCK_BYTES = _LANES * _LANE_BYTES

Table = tuple[int, ...]


class Crc64:
    """A sum that grows."""

    def __init__(self) -> None:
        self._value = 0
        self._waiting = bytearray()

    @property
    def value(self) -> int:
        """The sum of everything so far."""
        self._value = _add_slowly(self._value, bytes(self._waiting))
        self._waiting.clear()
        return self._value

    def add(self, content: bytes) -> None:
        """Take more bytes."""
        self._waiting += content
        while len(self._waiting) >= _BLOCK_BYTES:
            self._value = _add_block(self._value, bytes(self._waiting[:_BLOCK_BYTES]))
            del self._waiting[:_BLOCK_BYTES]

    def with_more(self, content: bytes) -> int:
        """Return what the sum would be with ``content`` behind; it stays as it is."""
        return _add_slowly(self.value, content)


def _add_slowly(value: int, content: bytes) -> int:
    """Take any number of bytes, eight at a time, by a table for each of the eight."""
    t0, t1, t2, t3, t4, t5, t6, t7 = _make_tables()
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
    return value


def _add_block(value: int, block: bytes) -> int:
    """Take one block: plane ``n`` holds byte ``n`` of the sums of all lanes, as one long number."""
    byte_tables = _make_byte_tables()
    planes = [value >> 8 * place & 0xFF for place in range(8)]  # the first lane goes on where we are
    for step in range(_LANE_BYTES):
        column = int.from_bytes(block[step::_LANE_BYTES], "little")
        index = (planes[0] ^ column).to_bytes(_LANES, "little")
        looked_up = [int.from_bytes(index.translate(table), "little") for table in byte_tables]
        planes = [plane ^ found for plane, found in zip((*planes[1:], 0), looked_up, strict=True)]
    rows = [plane.to_bytes(_LANES, "little") for plane in planes]
    sums = _EIGHT.iter_unpack(b"".join(map(bytes, zip(*rows, strict=True))))
    t0, t1, t2, t3, t4, t5, t6, t7 = _make_join_tables()
    joined = 0
    for (lane,) in sums:
        joined = (
            t0[joined & 0xFF]
            ^ t1[joined >> 8 & 0xFF]
            ^ t2[joined >> 16 & 0xFF]
            ^ t3[joined >> 24 & 0xFF]
            ^ t4[joined >> 32 & 0xFF]
            ^ t5[joined >> 40 & 0xFF]
            ^ t6[joined >> 48 & 0xFF]
            ^ t7[joined >> 56]
            ^ lane
        )
    return joined


@functools.cache
def _make_tables() -> tuple[Table, ...]:
    """Return what a byte does to the sum, when 0 to 7 other bytes follow it."""
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


@functools.cache
def _make_byte_tables() -> tuple[bytes, ...]:
    """Return the first of these tables, one for each byte of its values."""
    first = _make_tables()[0]
    return tuple(bytes(value >> 8 * place & 0xFF for value in first) for place in range(8))


@functools.cache
def _make_join_tables() -> tuple[Table, ...]:
    """Return what each byte of a sum becomes when as many zero bytes follow as a lane has."""
    zeros = bytes(_LANE_BYTES)
    of_bits = [_add_slowly(1 << bit, zeros) for bit in range(64)]
    tables = []
    for place in range(8):
        table = [0] * 256
        for number in range(1, 256):
            lowest = (number & -number).bit_length() - 1
            table[number] = table[number & (number - 1)] ^ of_bits[8 * place + lowest]
        tables.append(tuple(table))
    return tuple(tables)
