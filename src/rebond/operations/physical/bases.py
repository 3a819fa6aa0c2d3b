"""The base backups of a component that a vault holds."""

from collections.abc import Iterable

from msgspec import Struct

from rebond.errors import UsageError
from rebond.sources.postgres_physical.saved_facts import PhysicalFacts, read_saved_facts
from rebond.vault.access import Vault
from rebond.vault.private_parts import read_private_part
from rebond.vault.snapshots import SnapshotRecord


class Base(Struct, frozen=True, kw_only=True):
    """One saved data directory: the snapshot that holds it, and what that says of it."""

    record: SnapshotRecord
    component: str
    facts: PhysicalFacts


def find_base(vault: Vault, record: SnapshotRecord, component: str) -> Base | None:
    """Return what a snapshot holds of a component, when it was saved by the physical method.

    Raises ``RoleTooSmall`` for all but the owner's key, ``VaultDamaged``.
    """
    for each in read_private_part(vault, record).components:
        if each.name == component and each.tree:
            facts = read_saved_facts(each.facts)
            if facts is not None:
                return Base(record=record, component=component, facts=facts)
    return None


def list_physical(vault: Vault, record: SnapshotRecord) -> list[Base]:
    """Return all that a snapshot holds of data directories."""
    if not any(each.kind == "postgres" for each in record.catalog.components):
        return []
    found = [find_base(vault, record, each.name) for each in record.catalog.components if each.kind == "postgres"]
    return [each for each in found if each is not None]


def list_bases(vault: Vault, records: Iterable[SnapshotRecord], component: str) -> list[Base]:
    """Return the bases of a component, the newest first.

    Raises ``UsageError`` where they are of several clusters: two servers that never were one.
    """
    bases = []
    for record in records:
        if any(each.name == component and each.kind == "postgres" for each in record.catalog.components):
            base = find_base(vault, record, component)
            if base is not None:
                bases.append(base)
    bases.sort(key=lambda each: (each.facts.stop_time_ms, each.facts.stop), reverse=True)
    return bases


def keep_newest_cluster(bases: list[Base]) -> list[Base]:
    """Leave out those of another cluster than the newest one is of: a server that was made anew since then."""
    return [each for each in bases if each.facts.system_id == bases[0].facts.system_id]


def require_one_stack(records: Iterable[SnapshotRecord], component: str) -> None:
    """Raise ``UsageError`` where several stacks have a component of that name."""
    stacks = {each.catalog.stack for each in records if any(part.name == component for part in each.catalog.components)}
    if len(stacks) > 1:
        raise UsageError(
            "Several stacks in this vault have a component {component}: {stacks}.",
            hint="Say which one with --stack.",
            component=component,
            stacks=", ".join(sorted(stacks)),
        )
