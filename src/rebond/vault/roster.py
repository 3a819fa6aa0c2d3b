"""The roster: who may write, who may clean, under which sealing key (format page, section 3).

``roster/N`` is clear and signed by the owner. The highest valid N wins; a client never goes
below the highest that it saw, because an older one may still trust who was revoked since.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rebond.errors import ForeignObject, FormatTooNew, ObjectExists, ObjectMissing, RebondError, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, MemberId, VaultId
from rebond.store.protocol import Store
from rebond.vault.credentials import Role
from rebond.vault.headers import ObjectKind, with_sum
from rebond.vault.numbered_objects import NumberedObjects, find_newest_valid, list_numbered
from rebond.vault.primitives import SIGNATURE_SIZE, Buffer, sign, verify_signature
from rebond.vault.records import decode, encode
from rebond.vault.signed_objects import (
    Notice,
    frame_record,
    ignore_finding,
    put_once,
    split_record,
    verify_owner_signature,
)
from rebond.vault.spare_copies import put_spare

ROSTER_PREFIX = "roster/"
ROSTER_LIMIT_BYTES = 8 << 20
_ATTEMPTS = 16

KNOWN_READ_FLAGS: frozenset[str] = frozenset()
KNOWN_WRITE_FLAGS: frozenset[str] = frozenset()
KNOWN_DELETE_FLAGS: frozenset[str] = frozenset()

_Id8 = msgspec.Meta(min_length=8, max_length=8)
_Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Time = Annotated[int, msgspec.Meta(ge=0)]
_Label = Annotated[str, msgspec.Meta(max_length=256)]


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key holder. ``domains`` begins with the one its records are sealed with; keepers have none."""

    id: Annotated[MemberId, _Id8]
    role: _Label
    label: _Label
    verify_key: _Bytes32
    domains: tuple[Annotated[DomainId, _Id8], ...] = ()
    revoked_at_ms: _Time | None = None


class Domain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A set of writers that share deduplication; nothing later than ``closed_at_ms`` counts in it."""

    id: Annotated[DomainId, _Id8]
    closed_at_ms: _Time | None = None

    @property
    def is_open(self) -> bool:
        """Whether new records may be made in it."""
        return self.closed_at_ms is None


class Untrusted(msgspec.Struct, frozen=True, kw_only=True):
    """A member whose segments are not used any more when they were put after ``since_ms``."""

    member: Annotated[MemberId, _Id8]
    since_ms: _Time


class FeatureFlags(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Names of features that a client must know in order to read, to write, or to delete."""

    read: tuple[_Label, ...] = ()
    write: tuple[_Label, ...] = ()
    delete: tuple[_Label, ...] = ()


class RescueFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the vault that one may run or read without Rebond, with its hashes."""

    name: _Label
    hash: _Bytes32
    sha256: _Bytes32


class Roster(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One roster, as it was signed. Times are milliseconds since 1970, UTC."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    vault_id: Annotated[VaultId, msgspec.Meta(min_length=16, max_length=16)]
    made_ms: _Time = 0
    members: tuple[Member, ...]
    domains: tuple[Domain, ...]
    sealing_public: Annotated[bytes, msgspec.Meta(min_length=1216, max_length=1216)]
    epoch: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    untrusted: tuple[Untrusted, ...] = ()
    flags: FeatureFlags = FeatureFlags()
    rescue: tuple[RescueFile, ...] = ()

    def find_member(self, member_id: bytes) -> Member | None:
        """Return the member of that id, revoked or not."""
        return next((member for member in self.members if member.id == member_id), None)

    def find_domain(self, domain: bytes) -> Domain | None:
        """Return the domain of that id, open or closed."""
        return next((found for found in self.domains if found.id == domain), None)

    def member(self, member_id: bytes) -> Member:
        """Return the member of that id, revoked or not; raises ``ForeignObject`` when there is none."""
        found = self.find_member(member_id)
        if found is None:
            raise ForeignObject(
                "Member {member} is not in roster {number}.", member=bytes(member_id).hex(), number=self.number
            )
        return found

    def require_valid_member(
        self, member_id: bytes, put_at_ms: int, *, roles: tuple[Role, ...] = (), domain: bytes | None = None
    ) -> Member:
        """Return the member that may have made a record put at store time ``put_at_ms``.

        Raises ``ForeignObject`` when it is unknown, was revoked before, has none of ``roles``, or
        when ``domain`` is not one of its own or was closed before.
        """
        member = self.member(member_id)
        if member.revoked_at_ms is not None and put_at_ms >= member.revoked_at_ms:
            raise ForeignObject("Member {label} was revoked before this record was put.", label=member.label)
        if roles and member.role not in roles:
            raise ForeignObject(
                "Member {label} is a {role} and may not make such a record.", label=member.label, role=member.role
            )
        if domain is not None:
            self._require_domain(member, domain, put_at_ms)
        return member

    def verify_record(
        self,
        member_id: bytes,
        kind: str,
        content: Buffer,
        signature: bytes,
        put_at_ms: int,
        *,
        roles: tuple[Role, ...] = (),
        domain: bytes | None = None,
    ) -> Member:
        """Check who made a record and that it was made by him; raises ``ForeignObject``."""
        member = self.require_valid_member(member_id, put_at_ms, roles=roles, domain=domain)
        verify_signature(member.verify_key, kind, content, signature)
        return member

    def is_trusted(self, member_id: bytes, put_at_ms: int) -> bool:
        """Say whether segments that this member put at ``put_at_ms`` may be used."""
        return self.find_member(member_id) is not None and not any(
            entry.member == member_id and put_at_ms >= entry.since_ms for entry in self.untrusted
        )

    @property
    def is_read_only(self) -> bool:
        """Whether the vault has a feature without which this Rebond must not write."""
        return not KNOWN_WRITE_FLAGS.issuperset(self.flags.write)

    @property
    def is_prune_refused(self) -> bool:
        """Whether the vault has a feature without which this Rebond must not delete."""
        return self.is_read_only or not KNOWN_DELETE_FLAGS.issuperset(self.flags.delete)

    def require_writable(self) -> None:
        """Raise ``FormatTooNew`` when this Rebond may only read."""
        if self.is_read_only:
            raise _too_new("written", set(self.flags.write) - KNOWN_WRITE_FLAGS)

    def require_prunable(self) -> None:
        """Raise ``FormatTooNew`` when this Rebond may not delete."""
        if self.is_prune_refused:
            unknown = set(self.flags.delete) - KNOWN_DELETE_FLAGS | set(self.flags.write) - KNOWN_WRITE_FLAGS
            raise _too_new("cleaned up", unknown)

    def _require_domain(self, member: Member, domain: bytes, put_at_ms: int) -> None:
        found = self.find_domain(domain)
        if found is None or domain not in member.domains:
            raise ForeignObject("Member {label} does not belong to the record's domain.", label=member.label)
        if found.closed_at_ms is not None and put_at_ms >= found.closed_at_ms:
            raise ForeignObject("The record's domain was closed before it was put by {label}.", label=member.label)


def _too_new(deed: str, unknown: set[str]) -> FormatTooNew:
    return FormatTooNew(
        "This vault cannot be {deed} by this Rebond: it uses {features}.",
        hint="Update Rebond, then run the same command again. Nothing was written.",
        deed=deed,
        features=", ".join(sorted(unknown)),
    )


def roster_name(number: int) -> str:
    """Where a roster lies: ``roster/N``."""
    return f"{ROSTER_PREFIX}{number}"


def build_roster(roster: Roster, owner_key: Ed25519PrivateKey) -> bytes:
    """Lay out and sign a roster."""
    head = frame_record(ObjectKind.ROSTER, roster.vault_id, encode(roster))
    return with_sum(head + sign(owner_key, "roster", head))


def parse_roster(content: Buffer, number: int, owner_verify_key: bytes) -> Roster:
    """Check and decode the roster that lies at ``roster/NUMBER``.

    Raises ``VaultDamaged`` for bytes that are not one, ``ForeignObject`` when the owner did not
    sign it or it was renamed, ``FormatTooNew`` for a later format or an unknown ``read`` flag.
    """
    verify_owner_signature(content, "roster", owner_verify_key)
    framed = split_record(content, ObjectKind.ROSTER)
    if len(framed.rest) != SIGNATURE_SIZE:
        raise VaultDamaged("The parts of roster {number} do not add up.", number=number)
    roster = decode(framed.record, Roster)
    if roster.number != number or roster.vault_id != framed.vault_id:
        raise ForeignObject("Roster {number} holds another roster: it was renamed.", number=number)
    if not KNOWN_READ_FLAGS.issuperset(roster.flags.read):
        raise _too_new("read", set(roster.flags.read) - KNOWN_READ_FLAGS)
    return roster


def load_newest_roster(
    store: Store, owner_verify_key: bytes, at_least: int = 0, *, notice: Notice = ignore_finding
) -> Roster:
    """Return the valid roster with the highest number; invalid ones above it are told to ``notice``.

    Raises ``VaultDamaged`` when there is none or when it is below ``at_least`` (the highest that
    was seen before), ``FormatTooNew`` when the newest needs a newer Rebond.
    """
    return _list_newest(store, owner_verify_key, at_least, notice)[1]


def _list_newest(
    store: Store, owner_verify_key: bytes, at_least: int, notice: Notice
) -> tuple[NumberedObjects, Roster]:
    """List and read; once more where one goes between, because a repair puts it anew at this moment."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            listed = list_numbered(store, ROSTER_PREFIX)
            return listed, _newest(store, listed, owner_verify_key, at_least, notice)
        except ObjectMissing:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


def change_roster(
    store: Store,
    owner_key: Ed25519PrivateKey,
    change: Callable[[Roster], Roster],
    *,
    at_least: int = 0,
    now_ms: int,
) -> Roster:
    """Put the next roster, ``change`` of the newest, and return it; the same one when nothing changes.

    ``change`` may be called again when another owner was faster. Raises ``FormatTooNew`` when this
    Rebond may not write here.
    """
    verify_key = owner_key.public_key().public_bytes_raw()
    for _ in range(_ATTEMPTS):
        # The listing comes first: what is put after it collides with our number instead of being overlooked.
        listed, current = _list_newest(store, verify_key, at_least, ignore_finding)
        current.require_writable()
        changed = change(current)
        if changed == current:
            return current
        changed = msgspec.structs.replace(changed, number=listed.next_after(current.number), made_ms=now_ms)
        content = build_roster(changed, owner_key)
        try:
            put_once(store, roster_name(changed.number), content)
        except ObjectExists:
            continue
        put_spare(store, roster_name(changed.number), content)
        return changed
    raise VaultDamaged(
        "The roster could not be changed: its next number was taken {attempts} times in a row.",
        hint="See who else writes below roster/ in the vault, then run the same command again.",
        attempts=_ATTEMPTS,
    )


def _newest(store: Store, listed: NumberedObjects, owner_verify_key: bytes, at_least: int, notice: Notice) -> Roster:
    faults: dict[str, RebondError] = {}
    found = find_newest_valid(
        store,
        listed,
        lambda content, number: parse_roster(content, number, owner_verify_key),
        at_least=at_least,
        limit_bytes=ROSTER_LIMIT_BYTES,
        pass_over=faults.__setitem__,
        notice=notice,
    )
    for name, reason in faults.items():
        notice(_invalid(name, reason))
    if found is not None:
        return found
    if faults:
        raise VaultDamaged(
            "The newest roster, {name}, is damaged, and no copy of it in the vault is whole: {reason}",
            hint=_FROM_ELSEWHERE,
            name=next(iter(faults)),
            reason=next(iter(faults.values())),
        )
    if at_least:
        raise VaultDamaged(
            "The vault was rolled back: roster {number} was seen before, and no valid one of it or later is there.",
            hint="Somebody may have put back an older copy. Ask who changed the vault; if it was you, see 'Pins' in "
            "docs/threat-model.md.",
            number=at_least,
        )
    raise VaultDamaged(
        "There is no roster in the vault.",
        hint=_FROM_ELSEWHERE,
    )


_FROM_ELSEWHERE = "Restore the objects below roster/ from a replica or a copy of the vault."


def _invalid(name: str, reason: RebondError) -> Finding:
    return Finding(
        code="roster-invalid",
        severity=Severity.DAMAGE,
        subject=name,
        template="A roster is not valid and was passed over: {reason}",
        hint_template="Restore it from a replica, or find out who put it there.",
        values={"reason": reason},
    )
