"""Marks: clear lists of what is about to be deleted, was forgotten, or was found damaged (sections 3, 10, 11).

``trash/ID`` names objects or segments; ``trash/ID.claim`` is the one process that may delete under
it or take it back, and stays for ever. Everyone can read marks; a writer declares those it saw and
refers to nothing that they name.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from rebond.errors import ForeignObject, FormatTooNew, ObjectExists, ObjectMissing, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import MemberId, ObjectName, VaultId, random_id
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.access import Vault
from rebond.vault.credentials import Credentials, Role
from rebond.vault.headers import ObjectKind
from rebond.vault.member_records import build_signed, parse_signed
from rebond.vault.protocol_rules import (
    ClaimFacts,
    ClaimPurpose,
    MarkFacts,
    MarkPurpose,
    find_doomed_records,
    find_trash,
)
from rebond.vault.roster import Roster
from rebond.vault.signed_objects import put_once

TRASH_PREFIX = "trash/"
CLAIM_SUFFIX = ".claim"
KEEPER_ROLES = (Role.OWNER, Role.KEEPER)
_UNKNOWN_CLAIM = ClaimFacts("", ClaimPurpose.DELETE)  # somebody holds it, and may delete


class MarkBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a mark says. ``purpose`` is delete, forget or damage. Times are milliseconds since 1970, UTC."""

    purpose: str
    time_ms: int
    reason: str = ""
    names: list[str] = []
    segments: list[tuple[bytes, int]] = []
    run: bytes = b""


class ClaimBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which process may delete under a mark, or takes it back. ``purpose`` is delete or withdraw.

    ``spares`` are commit records that the mark names and that stay all the same.
    """

    run: bytes
    time_ms: int
    purpose: str = ClaimPurpose.DELETE.value
    spares: list[str] = []


class Mark(Struct, frozen=True, kw_only=True):
    """A mark in the store. One that does not verify is honoured by writers all the same, and reported."""

    name: ObjectName
    member: MemberId
    body: MarkBody
    is_verified: bool
    store_time_ms: int

    @property
    def facts(self) -> MarkFacts:
        """What the rules know of it; its names and the segments that it names together."""
        return MarkFacts(
            self.name,
            MarkPurpose(self.body.purpose),
            frozenset([*self.body.names, *((bytes(session), number) for session, number in self.body.segments)]),
        )


class Marks(Struct, frozen=True):
    """All marks of one listing: what they name, and which ones could not be read at all."""

    marks: tuple[Mark, ...] = ()
    claims: frozenset[str] = frozenset()  # names of marks that are claimed, also of marks that are gone
    unreadable: tuple[str, ...] = ()
    names: frozenset[str] = field(default=frozenset())
    segments: frozenset[tuple[bytes, int]] = field(default=frozenset())
    claim_facts: Mapping[str, ClaimFacts] = field(default_factory=dict)  # of the marks that stand
    claimed_ms: Mapping[str, int] = field(default_factory=dict)  # and the store times of these claims

    @property
    def mark_names(self) -> frozenset[str]:
        """The names of the marks that were read."""
        return frozenset(mark.name for mark in self.marks)

    def facts(self) -> tuple[MarkFacts, ...]:
        """What the rules know of every mark, verified or not."""
        return tuple(mark.facts for mark in self.marks)

    def verified_facts(self) -> tuple[MarkFacts, ...]:
        """What the rules know of the marks that a keeper or the owner made: only these are acted upon."""
        return tuple(mark.facts for mark in self.marks if mark.is_verified)

    def forgotten(self) -> frozenset[str]:
        """Names of commit records that lie in the trash."""
        return frozenset(map(str, find_trash(self.verified_facts(), self.claim_facts)))

    def undecided(self) -> tuple[ObjectName, ...]:
        """Names of marks with a claim that cannot be trusted: to delete or to take back, nobody knows."""
        return tuple(mark.name for mark in self.marks if self.claim_facts.get(mark.name) == _UNKNOWN_CLAIM)

    def damaged(self) -> frozenset[str]:
        """Names of objects that a check found bad, and of which it has copied what is good."""
        return frozenset(
            name
            for mark in self.marks
            if mark.is_verified and mark.body.purpose == MarkPurpose.DAMAGE
            for name in mark.body.names
        )

    def doomed(self) -> frozenset[str]:
        """Names of commit records that some prune may be deleting: too late to take them back."""
        return frozenset(map(str, find_doomed_records(self.verified_facts(), self.claim_facts)))


def mark_name(mark_id: bytes) -> ObjectName:
    """Where a mark lies."""
    return ObjectName(f"{TRASH_PREFIX}{mark_id.hex()}")


def claim_name(name: str) -> ObjectName:
    """Where the claim of a mark lies."""
    return ObjectName(name + CLAIM_SUFFIX)


def read_marks(store: Store, vault_id: VaultId, roster: Roster) -> Marks:
    """List and read all marks. One that vanished since the listing is simply not there."""
    marks: list[Mark] = []
    unreadable: list[str] = []
    claimed: dict[str, ObjectInfo] = {}
    for info in list(store.list_objects(TRASH_PREFIX)):
        if info.name.endswith(CLAIM_SUFFIX):
            claimed[info.name.removesuffix(CLAIM_SUFFIX)] = info
            continue
        try:
            marks.append(_read_mark(store, info, vault_id, roster))
        except ObjectMissing:
            continue
        except (VaultDamaged, FormatTooNew):
            unreadable.append(info.name)
    return Marks(
        tuple(marks),
        frozenset(claimed),
        tuple(unreadable),
        frozenset(name for mark in marks for name in mark.body.names),
        frozenset((bytes(s), n) for mark in marks for s, n in mark.body.segments),
        {mark.name: _read_claim(store, claimed[mark.name], vault_id, roster) for mark in marks if mark.name in claimed},
        {mark.name: claimed[mark.name].modified_ms for mark in marks if mark.name in claimed},
    )


def _read_mark(store: Store, info: ObjectInfo, vault_id: VaultId, roster: Roster) -> Mark:
    name = ObjectName(info.name)
    record = parse_signed(ObjectKind.MARK, name, vault_id, store.read(name), MarkBody)
    if record.body.purpose not in set(MarkPurpose):
        raise FormatTooNew(
            "The mark {name} has the purpose {purpose}, which this Rebond does not know.",
            hint="Update Rebond, then run the same command again.",
            name=name,
            purpose=record.body.purpose,
        )
    try:
        record.verify(roster, info.modified_ms, KEEPER_ROLES)
        is_verified = True
    except ForeignObject:
        is_verified = False
    return Mark(
        name=name,
        member=record.member,
        body=record.body,
        is_verified=is_verified,
        store_time_ms=info.modified_ms,
    )


def _read_claim(store: Store, info: ObjectInfo, vault_id: VaultId, roster: Roster) -> ClaimFacts:
    """Return what a claim says; one that cannot be trusted is somebody's who may delete."""
    name = ObjectName(info.name)
    try:
        record = parse_signed(ObjectKind.CLAIM, name, vault_id, store.read(name), ClaimBody)
        record.verify(roster, info.modified_ms, KEEPER_ROLES)
        return ClaimFacts(record.body.run, ClaimPurpose(record.body.purpose), frozenset(record.body.spares))
    except (ObjectMissing, VaultDamaged, FormatTooNew, ForeignObject, ValueError):
        return _UNKNOWN_CLAIM


def report_unreadable(vault: Vault, marks: Marks) -> None:
    """Tell of marks that cannot be read: what they had forgotten is on the lists again."""
    for name in marks.unreadable:
        vault.report(
            Finding(
                code="mark-unreadable",
                severity=Severity.DAMAGE,
                subject=name,
                template="The mark {name} cannot be read: what it had forgotten is listed again.",
                hint_template="'rebond verify' says what is wrong with it, and what to do.",
                values={"name": name},
            )
        )


def put_mark(store: Store, credentials: Credentials, body: MarkBody) -> ObjectName:
    """Put a new mark and return its name."""
    name = mark_name(random_id())
    put_once(
        store,
        name,
        build_signed(ObjectKind.MARK, name, credentials.vault_id, credentials.member, credentials.signing_key, body),
    )
    return name


def claim_mark(store: Store, credentials: Credentials, name: ObjectName, body: ClaimBody) -> bool:
    """Try to become the one process that may act under a mark; ``False`` when another did.

    A repeated put that meets its own first attempt succeeds: the bytes are compared.
    """
    claim = claim_name(name)
    content = build_signed(
        ObjectKind.CLAIM, claim, credentials.vault_id, credentials.member, credentials.signing_key, body
    )
    try:
        store.put_if_absent(claim, content)
    except ObjectExists:
        return store.read(claim) == content
    return True
