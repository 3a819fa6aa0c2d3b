"""Holds: a snapshot that nobody may forget, until a date or for ever (sections 3 and 10).

``holds/SNAPSHOT/N`` says *set* or *released*, sealed with the catalog key of the snapshot's domain
and signed by the owner or a keeper. The highest N counts. A snapshot may also be born held.
"""

import re
from collections.abc import Collection, Iterable

import msgspec
from msgspec import Struct

from rebond.errors import ForeignObject, FormatTooNew, ObjectExists, ObjectMissing, Refused, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, MemberId, ObjectName, SnapshotId, VaultId
from rebond.vault.access import Vault
from rebond.vault.commits import read_commit
from rebond.vault.credentials import Credentials, Role
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header, with_sum, without_sum
from rebond.vault.marks import read_marks
from rebond.vault.primitives import SIGNATURE_SIZE, Buffer, open_seal, seal, sign
from rebond.vault.protocol_orders import HOLD_ORDER, HoldStep
from rebond.vault.records import decode, encode
from rebond.vault.snapshots import SnapshotName, SnapshotRecord, list_snapshot_names

HOLDS_PREFIX = "holds/"
_NAME = re.compile(r"holds/([0-9a-f]{32})/([0-9]{1,18})")
_KEEPERS = (Role.OWNER, Role.KEEPER)
_CLEAR_SIZE = HEADER_SIZE + 8
_ATTEMPTS = 100
_LAST = 10**18 - 1  # more digits are no name of a hold


class HoldBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a hold says. Times are milliseconds since 1970, UTC; ``until_ms`` is absent for one without end."""

    is_set: bool
    time_ms: int
    reason: str = ""
    until_ms: int | None = None
    who: str = ""


class Hold(Struct, frozen=True, kw_only=True):
    """The word that counts on one snapshot. One that cannot be read counts as set, without end."""

    snapshot: SnapshotId
    number: int
    member: MemberId | None
    body: HoldBody

    def is_in_force(self, now_ms: int) -> bool:
        """Say whether the snapshot is held at ``now_ms``."""
        return self.body.is_set and (self.body.until_ms is None or now_ms < self.body.until_ms)


def hold_prefix(snapshot: SnapshotId) -> str:
    """The folder of one snapshot's holds."""
    return f"{HOLDS_PREFIX}{snapshot.hex()}/"


def build_hold(body: HoldBody, name: ObjectName, domain: DomainId, credentials: Credentials) -> bytes:
    """Lay out, seal and sign a hold."""
    header = ClearHeader(kind=ObjectKind.HOLD, vault_id=credentials.vault_id, domain=domain)
    clear = header.encode() + credentials.member
    content = clear + seal(credentials.catalog(domain).current, "hold", encode(body), clear)
    return with_sum(content + sign(credentials.signing_key, "hold", content + name.encode()))


def parse_hold(
    content: Buffer, name: ObjectName, vault_id: VaultId, credentials: Credentials
) -> tuple[HoldBody, MemberId, bytes, bytes]:
    """Open a hold: (body, member, signed bytes, signature); raises ``VaultDamaged``, ``WrongKey``, ``RoleTooSmall``."""
    body = without_sum(content)
    header = decode_header(body, ObjectKind.HOLD, vault_id)
    if len(body) < _CLEAR_SIZE + SIGNATURE_SIZE:
        raise VaultDamaged("The hold {name} is too short.", name=name)
    clear = bytes(body[:_CLEAR_SIZE])
    keys = credentials.catalog(header.domain).keys
    plain = open_seal(keys, "hold", body[_CLEAR_SIZE:-SIGNATURE_SIZE], clear)
    signed = bytes(body[:-SIGNATURE_SIZE]) + name.encode()
    return decode(plain, HoldBody), MemberId(clear[HEADER_SIZE:]), signed, bytes(body[-SIGNATURE_SIZE:])


def read_holds(vault: Vault, wanted: Collection[SnapshotId] | None = None) -> dict[SnapshotId, Hold]:
    """Return the hold that counts on each snapshot that has any, or on those of ``wanted``.

    One that cannot be read or trusted is reported, and its snapshot counts as held.
    """
    newest: dict[SnapshotId, tuple[int, int]] = {}
    for info in vault.store.list_objects(HOLDS_PREFIX):
        match = _NAME.fullmatch(info.name)
        if match is None:
            continue
        snapshot, number = SnapshotId(bytes.fromhex(match.group(1))), int(match.group(2))
        if (wanted is None or snapshot in wanted) and number >= newest.get(snapshot, (0, 0))[0]:
            newest[snapshot] = (number, info.modified_ms)
    return {snapshot: _read_hold(vault, snapshot, *found) for snapshot, found in newest.items()}


def _read_hold(vault: Vault, snapshot: SnapshotId, number: int, store_time_ms: int) -> Hold:
    name = ObjectName(f"{hold_prefix(snapshot)}{number}")
    try:
        body, member, signed, signature = parse_hold(vault.store.read(name), name, vault.vault_id, vault.credentials)
        vault.roster.verify_record(member, "hold", signed, signature, store_time_ms, roles=_KEEPERS)
        return Hold(snapshot=snapshot, number=number, member=member, body=body)
    except (VaultDamaged, ForeignObject, FormatTooNew, WrongKey, ObjectMissing) as error:
        vault.report(_untrusted(name, error.message))
        return Hold(snapshot=snapshot, number=number, member=None, body=HoldBody(is_set=True, time_ms=0))


def is_held(record: SnapshotRecord, hold: Hold | None, now_ms: int) -> bool:
    """Say whether a snapshot is held: by the hold that counts, else by what it was born with."""
    if hold is not None:
        return hold.is_in_force(now_ms)
    until = record.catalog.held_until_ms
    return bool(record.catalog.held) and (until is None or now_ms < until)


def find_held(records: Iterable[SnapshotRecord], holds: dict[SnapshotId, Hold], now_ms: int) -> frozenset[ObjectName]:
    """Return the names of the commit records that are held."""
    return frozenset(record.name for record in records if is_held(record, holds.get(record.snapshot), now_ms))


def hold_snapshot(vault: Vault, record: SnapshotRecord, *, reason: str, until_ms: int | None, who: str) -> Hold:
    """Hold a snapshot. When this returns, nobody deletes it before the hold ends.

    Raises ``Refused`` when it was forgotten meanwhile: the hold then comes too late to count on.
    """
    hold: Hold | None = None
    for step in HOLD_ORDER:
        if step is HoldStep.PUT_HOLD:
            body = HoldBody(is_set=True, time_ms=vault.clock.now_ms(), reason=reason, until_ms=until_ms, who=who)
            hold = _put(vault, record, body)
        else:
            _require_listed(vault, record)
    if hold is None:
        raise AssertionError("the order of a hold has no put")
    return hold


def release_snapshot(vault: Vault, record: SnapshotRecord, *, reason: str, who: str) -> Hold:
    """Lift the hold of a snapshot, also one that it was born with."""
    body = HoldBody(is_set=False, time_ms=vault.clock.now_ms(), reason=reason, who=who)
    return _put(vault, record, body)


def _put(vault: Vault, record: SnapshotRecord, body: HoldBody) -> Hold:
    vault.credentials.require_keeper()
    prefix = hold_prefix(record.snapshot)
    taken = [int(match.group(2)) for info in vault.store.list_objects(prefix) if (match := _NAME.fullmatch(info.name))]
    first = 1 + max(taken, default=0)
    if first > _LAST:
        raise VaultDamaged(
            "Nothing said of this snapshot counts any more: {name} has the last number that there is.",
            hint="Delete that object by the store's own means, and find out who put it there: no hold comes so far.",
            name=f"{prefix}{_LAST}",
        )
    for number in range(first, first + _ATTEMPTS):
        name = ObjectName(f"{prefix}{number}")
        content = build_hold(body, name, record.domain, vault.credentials)
        try:
            vault.store.put_if_absent(name, content)
        except ObjectExists:
            if vault.store.read(name) != content:
                continue
        return Hold(snapshot=record.snapshot, number=number, member=vault.credentials.member, body=body)
    raise VaultDamaged(
        "No hold could be put: {count} numbers below {prefix} are taken.", count=_ATTEMPTS, prefix=prefix
    )


def _require_listed(vault: Vault, record: SnapshotRecord) -> None:
    """Raise ``Refused`` when a mark names the snapshot or it is gone. Marks first, then the snapshot."""
    marks = read_marks(vault.store, vault.vault_id, vault.roster)
    if record.name in marks.doomed():
        raise Refused(
            "A prune has begun to delete the snapshot {snapshot}, so the hold comes too late to bring it back.",
            hint="If that prune was cut short, the hold keeps the snapshot in the trash, where the rescue program of "
            "the vault reads it: fetch what you need now. 'rebond unhold {snapshot}' lets it go.",
            snapshot=record.snapshot.hex(),
        )
    if record.name not in marks.forgotten():
        for name in list_snapshot_names(vault.store, record.member):
            if name.name == record.name and _is_snapshot(vault, name):
                return
    raise Refused(
        "The snapshot {snapshot} was forgotten, so a hold does not protect it.",
        hint="Run 'rebond undelete {snapshot}', then hold it again.",
        snapshot=record.snapshot.hex(),
    )


def _is_snapshot(vault: Vault, name: SnapshotName) -> bool:
    try:
        return isinstance(read_commit(vault, name), SnapshotRecord)
    except ObjectMissing:
        return False


def _untrusted(name: str, reason: str) -> Finding:
    return Finding(
        code="hold-invalid",
        severity=Severity.DAMAGE,
        subject=name,
        template="The hold {name} cannot be trusted, so the snapshot counts as held: {reason}",
        hint_template="Run 'rebond unhold ID' and then 'rebond hold ID --reason WHY' to say anew what you mean.",
        values={"name": name, "reason": reason},
    )
