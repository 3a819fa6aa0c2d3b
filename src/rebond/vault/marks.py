"""Marks: clear lists of what is about to be deleted, or was found damaged (sections 3, 10, 11).

``trash/ID`` names objects or segments; ``trash/ID.claim`` is the one process that may delete under
it, and stays for ever. Everyone can read marks; a writer declares those it saw and refers to
nothing that they name.
"""

from dataclasses import dataclass, field

import msgspec

from rebond.errors import ForeignObject, FormatTooNew, ObjectExists, ObjectMissing, VaultDamaged
from rebond.identifiers import MemberId, ObjectName, VaultId, random_id
from rebond.store.protocol import Store
from rebond.vault.credentials import Credentials, Role
from rebond.vault.headers import ObjectKind
from rebond.vault.member_records import build_signed, parse_signed
from rebond.vault.roster import Roster

TRASH_PREFIX = "trash/"
CLAIM_SUFFIX = ".claim"
KEEPER_ROLES = (Role.OWNER, Role.KEEPER)


class MarkBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a mark says. ``purpose`` is delete, forget or damage."""

    purpose: str
    time_ms: int
    reason: str = ""
    names: list[str] = []
    segments: list[tuple[bytes, int]] = []
    run: bytes = b""


class ClaimBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which process may delete under a mark."""

    run: bytes
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark in the store. One that does not verify is honoured all the same, and reported."""

    name: ObjectName
    member: MemberId
    body: MarkBody
    is_verified: bool
    store_time_ms: int


@dataclass(frozen=True, slots=True)
class Marks:
    """All marks of one listing: what they name, and which ones could not be read at all."""

    marks: tuple[Mark, ...] = ()
    claims: frozenset[str] = frozenset()  # names of marks that are claimed
    unreadable: tuple[str, ...] = ()
    names: frozenset[str] = field(default=frozenset())
    segments: frozenset[tuple[bytes, int]] = field(default=frozenset())

    @property
    def mark_names(self) -> frozenset[str]:
        """The names of the marks that were read."""
        return frozenset(mark.name for mark in self.marks)

    def forgotten(self) -> frozenset[str]:
        """Names of commit records that lie in the trash."""
        return frozenset(name for mark in self.marks if mark.body.purpose == "forget" for name in mark.body.names)


def mark_name(mark_id: bytes) -> ObjectName:
    """Where a mark lies."""
    return ObjectName(f"{TRASH_PREFIX}{mark_id.hex()}")


def claim_name(name: ObjectName) -> ObjectName:
    """Where the claim of a mark lies."""
    return ObjectName(name + CLAIM_SUFFIX)


def read_marks(store: Store, vault_id: VaultId, roster: Roster) -> Marks:
    """List and read all marks. One that vanished since the listing is simply not there."""
    marks, claims, unreadable = [], set(), []
    for info in list(store.list_objects(TRASH_PREFIX)):
        if info.name.endswith(CLAIM_SUFFIX):
            claims.add(info.name.removesuffix(CLAIM_SUFFIX))
            continue
        name = ObjectName(info.name)
        try:
            record = parse_signed(ObjectKind.MARK, name, vault_id, store.read(name), MarkBody)
        except ObjectMissing:
            continue
        except (VaultDamaged, FormatTooNew):
            unreadable.append(info.name)
            continue
        try:
            record.verify(roster, info.modified_ms, KEEPER_ROLES)
            is_verified = True
        except ForeignObject:
            is_verified = False
        marks.append(
            Mark(
                name=name,
                member=record.member,
                body=record.body,
                is_verified=is_verified,
                store_time_ms=info.modified_ms,
            )
        )
    return Marks(
        tuple(marks),
        frozenset(claims),
        tuple(unreadable),
        frozenset(name for mark in marks for name in mark.body.names),
        frozenset((bytes(s), n) for mark in marks for s, n in mark.body.segments),
    )


def put_mark(store: Store, credentials: Credentials, body: MarkBody) -> ObjectName:
    """Put a new mark and return its name."""
    name = mark_name(random_id())
    store.put_if_absent(
        name,
        build_signed(
            ObjectKind.MARK, name, credentials.vault_id, credentials.member, credentials.signing_key, body
        ),
    )
    return name


def claim_mark(store: Store, credentials: Credentials, name: ObjectName, body: ClaimBody) -> bool:
    """Try to become the one process that may delete under a mark; ``False`` when another did."""
    claim = claim_name(name)
    content = build_signed(
        ObjectKind.CLAIM, claim, credentials.vault_id, credentials.member, credentials.signing_key, body
    )
    try:
        store.put_if_absent(claim, content)
    except ObjectExists:
        return store.read(claim) == content
    return True
