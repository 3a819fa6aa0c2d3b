"""References: exactly the segments that a snapshot needs (section 7)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import zstandard

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, ObjectName, SessionId, VaultId
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header
from rebond.vault.packs import SEGMENTS_PER_SESSION
from rebond.vault.primitives import Buffer, hash_of, open_seal, seal
from rebond.vault.records import decode, encode

EMBED_LIMIT = 32 << 10  # bytes; smaller ones are kept in the snapshot itself
_DECODED_LIMIT = 256 << 20


class _Body(msgspec.Struct, frozen=True):
    need: list[tuple[bytes, bytes]]
    fill: bytes = b""


@dataclass(frozen=True, slots=True)
class References:
    """The segments that a snapshot needs: session id → bitmap, bit n of byte n // 8 is segment n.

    ``fill`` has one byte per needed segment, sessions sorted by id and numbers rising: the share
    of its raw bytes that the snapshot uses, 0 to 255. It guides refresh and is never relied upon.
    """

    bitmaps: Mapping[SessionId, bytes]
    fill: bytes = field(default=b"", compare=False)

    def __contains__(self, segment: tuple[bytes, int]) -> bool:
        bitmap = self.bitmaps.get(SessionId(segment[0]))
        return (
            bitmap is not None
            and segment[1] >> 3 < len(bitmap)
            and bool(bitmap[segment[1] >> 3] >> (segment[1] & 7) & 1)
        )

    def __iter__(self) -> Iterator[tuple[SessionId, int]]:
        for session in sorted(self.bitmaps):
            for number in numbers_in(self.bitmaps[session]):
                yield session, number

    def __len__(self) -> int:
        return sum(int.from_bytes(bitmap, "little").bit_count() for bitmap in self.bitmaps.values())


def numbers_in(bitmap: bytes) -> Iterator[int]:
    """Yield the numbers of the set bits, rising."""
    for index, byte in enumerate(bitmap):
        if byte:
            for bit in range(8):
                if byte >> bit & 1:
                    yield index * 8 + bit


def build_references(uses: Mapping[SessionId, Mapping[int, int]]) -> References:
    """Build from session → number → share used (0 to 255)."""
    bitmaps: dict[SessionId, bytes] = {}
    fill = bytearray()
    for session in sorted(uses):
        numbers = uses[session]
        if not numbers:
            continue
        bitmaps[session] = bitmap_of(numbers)
        fill += bytes(min(255, numbers[n]) for n in sorted(numbers))
    return References(bitmaps, bytes(fill))


def bitmap_of(numbers: Iterable[int]) -> bytes:
    """Set bit n for each number."""
    numbers = list(numbers)
    bitmap = bytearray(max(numbers) // 8 + 1) if numbers else bytearray()
    for number in numbers:
        bitmap[number >> 3] |= 1 << (number & 7)
    return bytes(bitmap)


def encode_references(references: References) -> bytes:
    """Return the compressed body, as it is embedded or sealed."""
    body = _Body(
        [(session, bytes(references.bitmaps[session])) for session in sorted(references.bitmaps)], references.fill
    )
    return zstandard.ZstdCompressor(level=3).compress(encode(body))


def decode_references(content: Buffer) -> References:
    """Read a compressed body; raises ``VaultDamaged``."""
    try:
        size = zstandard.frame_content_size(content)
        if not 0 <= size <= _DECODED_LIMIT:
            raise VaultDamaged("References claim {size} bytes, more than is plausible.", size=size)
        raw = zstandard.ZstdDecompressor().decompress(content, max_output_size=size)
    except zstandard.ZstdError as error:
        raise VaultDamaged("References do not decode: {reason}", reason=str(error)) from error
    body = decode(raw, _Body)
    bitmaps = {SessionId(session): bitmap for session, bitmap in body.need}
    if len(bitmaps) != len(body.need) or any(len(session) != 16 for session in bitmaps):
        raise VaultDamaged("References name a session twice, or by a malformed id.")
    if any(len(bitmap) > SEGMENTS_PER_SESSION // 8 for bitmap in bitmaps.values()):
        raise VaultDamaged("References name more segments of a session than one can have.")
    return References(bitmaps, body.fill)


def seal_references(vault_id: VaultId, domain: DomainId, catalog_key: bytes, body: bytes) -> bytes:
    """Seal a compressed body as an object of its own."""
    header = ClearHeader(kind=ObjectKind.REFERENCES, vault_id=vault_id, domain=domain).encode()
    return header + seal(catalog_key, "references", body, header)


def open_references(content: Buffer, vault_id: VaultId, catalog_keys: tuple[bytes, ...]) -> References:
    """Open a references object; raises ``VaultDamaged`` or ``WrongKey``."""
    decode_header(content, ObjectKind.REFERENCES, vault_id)
    view = memoryview(content)
    return decode_references(open_seal(catalog_keys, "references", view[HEADER_SIZE:], bytes(view[:HEADER_SIZE])))


def references_name(domain: DomainId, content: bytes) -> ObjectName:
    """Where a references object lies: ``references/D/HASH``."""
    return ObjectName(f"references/{domain.hex()}/{hash_of(content).hex()}")
