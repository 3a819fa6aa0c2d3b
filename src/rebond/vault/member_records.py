"""Clear records signed by a member: journals, marks, claims. One layout for all (sections 3, 8, 10).

``clear header ‖ member 8 ‖ MessagePack ‖ signature 64 ‖ sum 32``. The signature covers the name of
the object too, so that a record cannot be shown as another.
"""

from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from rebond.errors import VaultDamaged
from rebond.identifiers import MemberId, ObjectName, VaultId
from rebond.vault.credentials import Role
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header, with_sum, without_sum
from rebond.vault.primitives import SIGNATURE_SIZE, Buffer, sign
from rebond.vault.records import decode, encode
from rebond.vault.roster import Roster

_MEMBER_SIZE = 8
T = TypeVar("T")


class SignedRecord(Struct, Generic[T], frozen=True):
    """A record that was taken apart; ``verify`` says whether its member made it."""

    member: MemberId
    body: T
    kind: ObjectKind
    signed: bytes
    signature: bytes

    def verify(self, roster: Roster, put_at_ms: int, roles: tuple[Role, ...]) -> None:
        """Raise ``ForeignObject`` unless a member with one of ``roles`` signed it."""
        roster.verify_record(self.member, self.kind.name.lower(), self.signed, self.signature, put_at_ms, roles=roles)


def build_signed(
    kind: ObjectKind, name: ObjectName, vault_id: VaultId, member: MemberId, key: Ed25519PrivateKey, body: object
) -> bytes:
    """Lay out and sign a record that will lie at ``name``."""
    content = ClearHeader(kind=kind, vault_id=vault_id).encode() + member + encode(body)
    return with_sum(content + sign(key, kind.name.lower(), content + name.encode()))


def parse_signed(
    kind: ObjectKind, name: ObjectName, vault_id: VaultId, content: Buffer, body_type: type[T]
) -> SignedRecord[T]:
    """Take a record apart; raises ``VaultDamaged`` or ``FormatTooNew``. The signature is not checked yet."""
    body = without_sum(content)
    decode_header(body, kind, vault_id)
    if len(body) < HEADER_SIZE + _MEMBER_SIZE + SIGNATURE_SIZE:
        raise VaultDamaged("The record {name} is too short.", name=name)
    plain = body[HEADER_SIZE + _MEMBER_SIZE : -SIGNATURE_SIZE]
    return SignedRecord(
        MemberId(bytes(body[HEADER_SIZE : HEADER_SIZE + _MEMBER_SIZE])),
        decode(plain, body_type),
        kind,
        bytes(body[:-SIGNATURE_SIZE]) + name.encode(),
        bytes(body[-SIGNATURE_SIZE:]),
    )
