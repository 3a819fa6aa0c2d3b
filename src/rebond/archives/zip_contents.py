"""What a zip file says of its members at its end, kept packed until then: a member takes some thirty bytes."""

import struct
import zipfile
from collections.abc import Iterator

import msgspec
import zstandard

_LENGTH = struct.Struct("<I")
_ENCODER = msgspec.msgpack.Encoder()


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """All that is written of a member, and was not so before it was named."""

    name: str
    moment: tuple[int, int, int, int, int, int]
    extra: bytes
    method: int
    system: int
    versions: tuple[int, int]  # that made it, and that is needed
    flags: int
    rights: int
    place: int
    sum: int
    packed_bytes: int
    size_bytes: int


_DECODER = msgspec.msgpack.Decoder(_Row)


class KeptContents(list[zipfile.ZipInfo]):
    """The members of a zip file that is being written. They are gone through once, when all are there."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()
        self._packed: list[bytes] = []

    def __len__(self) -> int:
        return self._count

    def append(self, member: zipfile.ZipInfo, /) -> None:
        """Take in a member that is written."""
        row = _ENCODER.encode(
            _Row(
                member.filename,
                member.date_time,
                member.extra,
                member.compress_type,
                member.create_system,
                (member.create_version, member.extract_version),
                member.flag_bits,
                member.external_attr,
                member.header_offset,
                member.CRC,
                member.compress_size,
                member.file_size,
            )
        )
        self._count += 1
        for each in (_LENGTH.pack(len(row)), row):
            if packed := self._compressor.compress(each):
                self._packed.append(packed)

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        self._packed.append(self._compressor.flush())
        opened = zstandard.ZstdDecompressor().decompressobj()
        rest = b""
        for packed in self._packed:
            rest += opened.decompress(packed)
            start = 0
            while len(rest) >= start + _LENGTH.size:
                end = start + _LENGTH.size + _LENGTH.unpack_from(rest, start)[0]
                if len(rest) < end:
                    break
                yield _as_member(_DECODER.decode(rest[start + _LENGTH.size : end]))
                start = end
            rest = rest[start:]


class NoNames(dict[str, zipfile.ZipInfo]):
    """The members by their names, which nobody asks for while a zip file is being written."""

    def __setitem__(self, name: str, member: zipfile.ZipInfo, /) -> None:
        """Keep nothing."""


def _as_member(row: _Row) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(row.name, row.moment)
    member.extra = row.extra
    member.compress_type, member.create_system = row.method, row.system
    member.create_version, member.extract_version = row.versions
    member.flag_bits, member.external_attr, member.header_offset = row.flags, row.rights, row.place
    member.CRC, member.compress_size, member.file_size = row.sum, row.packed_bytes, row.size_bytes
    return member
