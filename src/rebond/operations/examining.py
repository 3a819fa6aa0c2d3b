"""Examine a vault and its store before anything depends on them: what it holds, what it keeps, who may destroy it."""

from msgspec import Struct

from rebond.clock import Clock
from rebond.operations.snapshots import SnapshotFilter, list_snapshots, time_of
from rebond.store.canary import CanaryFate, try_canary
from rebond.store.proving import StoreProof, prove_store
from rebond.vault.access import Vault
from rebond.vault.credentials import Role

_LOOKED_AT = 10  # snapshots that say how much the next may bring
_LARGE_BYTES = 2**20  # a vault's own first proof was thorough; this one has to be quick


class ExaminedVault(Struct, frozen=True, kw_only=True):
    """What was found. Amounts are bytes, ``None`` before there is a snapshot; times are milliseconds since 1970.

    ``canary`` is ``None`` where this key is the owner's, who may destroy everything by right; ``proof`` where the
    store lets nothing be deleted, so that nothing is left lying there.
    """

    role: Role
    canary: CanaryFate | None
    proof: StoreProof | None
    newest_ms: int | None
    snapshots: int
    expected_new_bytes: int | None
    restored_bytes: int | None


def examine_vault(vault: Vault, *, stack: str, clock: Clock) -> ExaminedVault:
    """Look at a vault with the key at hand; leaves nothing behind but a canary that cannot be deleted.

    Raises ``StoreError`` when the store does not answer or cannot be written, ``VaultError`` when it is damaged.
    """
    role = vault.credentials.role
    canary = None if role is Role.OWNER else try_canary(vault.store)
    proof = prove_store(vault.store, clock, large_bytes=_LARGE_BYTES) if canary is None or canary.could_delete else None
    records = list_snapshots(vault, SnapshotFilter(stack=stack))
    newest_bytes = {part.name: part.bytes for record in records for part in record.catalog.components}
    added = [sum(each.added_bytes for each in record.catalog.components) for record in records[-_LOOKED_AT:]]
    return ExaminedVault(
        role=role,
        canary=canary,
        proof=proof,
        newest_ms=max((time_of(each) for each in records), default=None),
        snapshots=len(records),
        expected_new_bytes=max(added[1:] if len(added) > 1 else added, default=None),
        restored_bytes=sum(newest_bytes.values()) if records else None,  # the newest may hold a few components only
    )
