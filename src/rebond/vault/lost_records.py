"""Commit records that are lost: damaged, or gone though nobody forgot them. Their owner may give them up (§10).

A prune stops beside them, since it cannot know what they need. Who gives one up says that by the usual words of the
protocol: a damaged one is forgotten by a mark, as any other, and goes with the next prune; of one that is gone a
tombstone says that it never counts again, wherever it may turn up, and a run record that it was forgotten.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from rebond.errors import ObjectMissing, Refused, VaultDamaged
from rebond.identifiers import ObjectName, SnapshotId, random_id
from rebond.vault.access import Vault
from rebond.vault.checking_snapshots import SNAPSHOT_MISSING, check_journals
from rebond.vault.endings import put_tombstone
from rebond.vault.headers import without_sum
from rebond.vault.holds import read_holds
from rebond.vault.marks import MarkBody, put_mark, read_marks
from rebond.vault.needs import RecordListing, list_records
from rebond.vault.protocol_rules import MarkPurpose
from rebond.vault.runs import begin_record, find_forgotten, find_newest_census, put_run, rows_of_names
from rebond.vault.snapshots import parse_snapshot_name


class LostRecord(Struct, frozen=True):
    """One that cannot be read any more. ``is_there`` when its name is: then its bytes are not what was written."""

    name: ObjectName
    snapshot: SnapshotId
    is_there: bool


def find_lost(vault: Vault) -> list[LostRecord]:
    """Return the records that are lost and that nobody has given up yet. Needs a keeper's key.

    One whose bytes are whole and that lies under another name is none: it can be put back by renaming.
    """
    listing = list_records(vault)
    in_trash = read_marks(vault.store, vault.vault_id, vault.roster).forgotten()
    damaged = [
        LostRecord(name.name, name.snapshot, is_there=True)
        for name in listing.names
        if name.name not in listing.tombstones and name.name not in in_trash and _is_damaged(vault, name.name)
    ]
    return [*damaged, *_find_gone(vault, listing)]


def _is_damaged(vault: Vault, name: ObjectName) -> bool:
    try:
        without_sum(vault.store.read(name))
    except VaultDamaged:
        return True
    except ObjectMissing:
        return False
    return False


def _find_gone(vault: Vault, listing: RecordListing) -> list[LostRecord]:
    """Find what run records and journals know of. A listing may come short, so each is asked for by its name."""
    newest = find_newest_census(vault)
    known = set[str](map(str, newest.known_names)) if newest is not None else set[str]()
    missing = known - listing.record_names - listing.tombstones
    journals = check_journals(vault, listing.record_names | listing.tombstones, ())
    missing |= {finding.subject for finding in journals if finding.code == SNAPSHOT_MISSING}
    found = []
    for name in sorted(missing - find_forgotten(vault, missing)):
        parsed = parse_snapshot_name(name)
        if parsed is None:
            continue
        try:
            vault.store.stat(name)
        except ObjectMissing:
            found.append(LostRecord(parsed.name, parsed.snapshot, is_there=False))
    return found


def give_up(vault: Vault, lost: Sequence[LostRecord]) -> None:
    """Forget lost records; what nothing else needs of their content goes with the next prune. May be run again.

    Raises ``Refused`` for one that is held.
    """
    vault.credentials.require_keeper()
    vault.roster.require_prunable()
    _refuse_held(vault, lost)
    run = random_id()
    record = begin_record(run, "forget", vault.clock)
    there = sorted(each.name for each in lost if each.is_there)
    if there:
        body = MarkBody(
            purpose=MarkPurpose.FORGET.value,
            time_ms=vault.clock.now_ms(),
            reason="damaged",
            names=[str(name) for name in there],
            run=run,
        )
        mark = put_mark(vault.store, vault.credentials, body)
        record = replace(record, trashed=len(there), marks=[str(mark)])
    gone = sorted(each.name for each in lost if not each.is_there)
    for name in gone:
        # First: once a run record says that it was forgotten, what it needs may go.
        put_tombstone(vault, name, run)
    put_run(vault.store, vault.credentials, replace(record, forgotten=rows_of_names(gone)))


def _refuse_held(vault: Vault, lost: Sequence[LostRecord]) -> None:
    holds = read_holds(vault, {each.snapshot for each in lost})
    for each in lost:
        hold = holds.get(each.snapshot)
        if hold is not None and hold.is_in_force(vault.clock.now_ms()):
            raise Refused(
                "The snapshot {snapshot} is held, and its record is lost.",
                hint="Put the record back from a replica or a copy of the vault. If it is given up, remove what lies "
                "below holds/{snapshot}/ in the vault by hand, then run the same command again.",
                snapshot=each.snapshot.hex(),
            )
