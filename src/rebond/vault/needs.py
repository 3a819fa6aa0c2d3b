"""What the commit records of a vault need: every segment and every references object (§10.1, §10.2).

A keeper needs no data key for this. Whatever cannot be understood is needed or stops the prune; it
is never taken for nothing.
"""

from collections.abc import Mapping

from msgspec import Struct, field

from rebond.errors import FormatTooNew, ObjectMissing, VaultDamaged, WrongKey
from rebond.identifiers import ObjectName
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.commits import load_references, open_snapshot
from rebond.vault.endings import Endings, read_endings
from rebond.vault.headers import ObjectKind
from rebond.vault.pack_contents import SegmentNames
from rebond.vault.protocol_rules import find_needing_records
from rebond.vault.snapshots import (
    SnapshotName,
    commit_kind,
    find_ended_name,
    parse_snapshot,
    parse_snapshot_name,
)


class RecordListing(Struct, frozen=True):
    """One listing of ``snapshots/``: every name that is taken, and which ones a keeper's tombstone ends.

    ``withdrawals`` are those that their own members signed, by record: whether one counts the record tells.
    """

    names: tuple[SnapshotName, ...]
    tombstones: frozenset[str]
    withdrawals: Mapping[str, Endings] = field(default_factory=dict)

    @property
    def record_names(self) -> frozenset[str]:
        """The names of the records, voids among them."""
        return frozenset(name.name for name in self.names)


class Needs(Struct):
    """What is needed, growing with every listing. What was needed once in a run stays needed in it.

    ``required`` leaves out what only withdrawn snapshots name: that may have gone, and that is why.
    """

    segments: SegmentNames = field(default_factory=SegmentNames)
    required: SegmentNames = field(default_factory=SegmentNames)
    references: set[str] = field(default_factory=set)
    snapshots: set[ObjectName] = field(default_factory=set)
    voids: set[ObjectName] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)


def list_records(vault: Vault) -> RecordListing:
    """List what is below ``snapshots/`` and check the tombstones.

    Only a keeper's or the owner's word ends a snapshot here. A writer may withdraw a record too (time
    rule, section 12), but what it names stays needed: a stolen writer's key must destroy nothing.
    """
    names: list[SnapshotName] = []
    beside: dict[str, list[ObjectInfo]] = {}
    for info in vault.store.list_objects("snapshots/"):
        if (ended := find_ended_name(info.name)) is not None:
            beside.setdefault(ended, []).append(info)
        elif (name := parse_snapshot_name(info.name, info.modified_ms)) is not None:
            names.append(name)
    endings = {ended: read_endings(vault, infos) for ended, infos in beside.items()}
    return RecordListing(
        tuple(names),
        frozenset(ended for ended, found in endings.items() if found.has_tombstone),
        {ended: found for ended, found in endings.items() if found.withdrawn_ms},
    )


def add_needs(vault: Vault, needs: Needs, listing: RecordListing, ignored: frozenset[ObjectName] = frozenset()) -> None:
    """Read the records of a listing that were not read before, and add what they need.

    ``ignored`` records need nothing (a plan shows what emptying the trash will free). Raises
    ``VaultDamaged``, ``FormatTooNew`` or ``WrongKey`` when one cannot be understood.
    """
    by_name = {name.name: name for name in listing.names}
    for record_name in sorted(find_needing_records(by_name, listing.tombstones, ())):
        if record_name not in needs.seen and record_name not in ignored:
            try:
                _add_record(vault, needs, by_name[record_name], listing.withdrawals.get(record_name))
            except ObjectMissing:
                continue  # another prune emptied the trash since the listing
            needs.seen.add(record_name)


def _add_record(vault: Vault, needs: Needs, name: SnapshotName, endings: Endings | None) -> None:
    """Add one record's needs. Its signature is not asked for: a forged one only keeps more."""
    content = vault.store.read(name.name)
    try:
        kind = commit_kind(content)
        if kind is ObjectKind.VOID:
            needs.voids.add(name.name)
            return
        if kind is not ObjectKind.SNAPSHOT:
            raise FormatTooNew(
                "The commit record {name} is of kind {kind}, which this Rebond cannot prune around.",
                hint="Update Rebond, then run the same command again.",
                name=name.name,
                kind=int(kind),
            )
        record = open_snapshot(vault, parse_snapshot(content, name, vault.vault_id), name, content)
        references = load_references(vault, record)
    except (VaultDamaged, WrongKey) as error:
        raise VaultDamaged(
            "Nothing was deleted, because what {name} needs cannot be read: {reason}",
            hint="'rebond verify' says what is lost. Put it back from a copy of the vault; if there is none, "
            "'rebond forget {snapshot}' gives this snapshot up. Then prune again.",
            name=name.name,
            snapshot=name.snapshot.hex(),
            reason=error,
        ) from error
    needs.segments.add_references(references)
    if endings is None or not endings.withdraws(record):
        needs.required.add_references(references)
    if record.catalog.references_name:
        needs.references.add(record.catalog.references_name)
    needs.snapshots.add(name.name)
