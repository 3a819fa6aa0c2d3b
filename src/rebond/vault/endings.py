"""What may end a commit record and lies beside it: a keeper's tombstone, its writer's withdrawal (section 7.3).

A tombstone is a void and ends the record for ever. A withdrawal is signed by the member whose record
it is, and counts only for one that was committed under the time rule (section 12). Whoever may put a
record may put such names too, so nothing counts by its name alone.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct, field

from rebond.errors import ForeignObject, FormatTooNew, ObjectExists, ObjectMissing, VaultDamaged
from rebond.identifiers import ObjectName, VaultId, random_id
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.credentials import Role
from rebond.vault.headers import HEADER_SIZE, MAGIC, ObjectKind, without_sum
from rebond.vault.marks import KEEPER_ROLES
from rebond.vault.member_records import SignedRecord, build_signed, parse_signed
from rebond.vault.signed_objects import put_once
from rebond.vault.snapshots import WITHDRAWN_SUFFIX, SnapshotRecord, build_void, find_ended_name, parse_void

ENDING_LIMIT_BYTES = 64 << 10
WITHDRAWAL_MS = 24 * 3_600_000  # of store time: how long after its record a withdrawal may come
_WRITERS = (Role.OWNER, Role.WRITER)


class WithdrawalBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a writer took its record back. The time is milliseconds since 1970, UTC."""

    time_ms: int
    reason: str = ""


class Endings(Struct):
    """What was found beside one record. ``withdrawn_ms`` are store times of withdrawals that its member signed."""

    has_tombstone: bool = False
    withdrawn_ms: list[int] = field(default_factory=list)
    refused: list[tuple[str, VaultDamaged | ForeignObject | FormatTooNew]] = field(default_factory=list)

    def withdraws(self, record: SnapshotRecord) -> bool:
        """Say whether its writer took the record back: one that was made under the time rule, and soon after.

        Elsewhere a writer has no reason to, and a stolen key must not hide old records.
        """
        latest_ms = record.store_time_ms + WITHDRAWAL_MS
        return record.catalog.time_rule and any(withdrawn_ms <= latest_ms for withdrawn_ms in self.withdrawn_ms)


def read_endings(vault: Vault, beside: Iterable[ObjectInfo]) -> Endings:
    """Read what lies beside one record and check who made it. What went since the listing is left out."""
    found = Endings()
    for info in beside:
        try:
            _refuse_large(info)
            content = vault.store.read(info.name)
            if kind_of_ending(content) is ObjectKind.VOID:
                void, signed, signature = parse_void(content, ObjectName(info.name), vault.vault_id)
                vault.roster.verify_record(void.keeper, "void", signed, signature, info.modified_ms, roles=KEEPER_ROLES)
                found.has_tombstone = True
            else:
                record = parse_withdrawal(content, ObjectName(info.name), vault.vault_id)
                record.verify(vault.roster, info.modified_ms, _WRITERS)
                found.withdrawn_ms.append(info.modified_ms)
        except ObjectMissing:
            continue
        except (VaultDamaged, ForeignObject, FormatTooNew) as error:
            found.refused.append((info.name, error))
    return found


def _refuse_large(info: ObjectInfo) -> None:
    if info.size > ENDING_LIMIT_BYTES:
        raise ForeignObject("It is {size} bytes long, more than what ends a record can be.", size=info.size)


def kind_of_ending(content: bytes) -> ObjectKind:
    """Tell a tombstone from a withdrawal; raises ``ForeignObject`` for what never was either."""
    kind = content[5] if content.startswith(MAGIC) and len(content) > HEADER_SIZE else 0
    if kind not in (ObjectKind.VOID, ObjectKind.WITHDRAWAL):
        raise ForeignObject("It is neither a keeper's tombstone nor a withdrawal that a member signed.")
    without_sum(content)
    return ObjectKind(kind)


def parse_withdrawal(content: bytes, name: ObjectName, vault_id: VaultId) -> SignedRecord[WithdrawalBody]:
    """Take a withdrawal apart.

    Raises ``VaultDamaged``, ``FormatTooNew``, and ``ForeignObject`` when it is another member's than the
    record's. The signature is not checked yet.
    """
    record = parse_signed(ObjectKind.WITHDRAWAL, name, vault_id, content, WithdrawalBody)
    if not name.startswith(f"snapshots/{record.member.hex()}/"):
        raise ForeignObject("Only the member whose snapshot it is may withdraw it.")
    return record


def put_tombstone(vault: Vault, name: ObjectName, run: bytes) -> None:
    """Make a record invalid for ever, whether it is there or is put again later. Once is enough."""
    keeper, key = vault.credentials.member, vault.credentials.signing_key
    if not read_endings(vault, list_endings(vault, name)).has_tombstone:
        _put_ending(
            vault,
            name,
            lambda at: build_void(vault_id=vault.vault_id, run=run, keeper=keeper, name=at, signing_key=key),
        )


def put_withdrawal(vault: Vault, name: ObjectName, reason: str) -> None:
    """Take an own record back that was just committed under the time rule."""
    body = WithdrawalBody(time_ms=vault.clock.now_ms(), reason=reason)
    member, key = vault.credentials.member, vault.credentials.signing_key
    _put_ending(vault, name, lambda at: build_signed(ObjectKind.WITHDRAWAL, at, vault.vault_id, member, key, body))


def list_endings(vault: Vault, name: ObjectName) -> list[ObjectInfo]:
    """List what lies beside one record."""
    return [info for info in vault.store.list_objects(name) if find_ended_name(info.name) == name]


def _put_ending(vault: Vault, name: ObjectName, build: Callable[[ObjectName], bytes]) -> None:
    """Put it at the record's own ending name, or beside whatever lies there: nobody can keep it away."""
    first = ObjectName(name + WITHDRAWN_SUFFIX)
    try:
        put_once(vault.store, first, build(first))
    except ObjectExists:
        other = ObjectName(f"{first}.{random_id().hex()}")
        put_once(vault.store, other, build(other))
