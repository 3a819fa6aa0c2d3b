"""One look at the structure of a vault: snapshots, what they need, where that lies (§11).

Backups and prunes may run beside it. What looks lost at the first look is looked at again, and
counts only when it is lost both times.
"""

from collections.abc import Callable, Collection

from blake3 import blake3
from msgspec import Struct

from rebond.errors import VaultError
from rebond.findings import Finding, Severity
from rebond.identifiers import SnapshotId
from rebond.vault.access import Vault
from rebond.vault.checking_places import PlaceChecker, PlaceFacts
from rebond.vault.checking_snapshots import (
    SNAPSHOT_MISSING,
    SnapshotFacts,
    can_check_gaps,
    check_journals,
    check_snapshots,
    find_gaps,
)
from rebond.vault.credentials import Role
from rebond.vault.marks import Marks, read_marks
from rebond.vault.runs import find_newest_census, read_runs
from rebond.vault.segment_sets import SegmentSet
from rebond.vault.snapshots import list_snapshot_names


class Structure(Struct, frozen=True):
    """What a look came to. ``unplaced`` segments are needed and lie nowhere.

    ``listing`` stands for the packs and lists that were there before the look: when it is another
    one later, something moved meanwhile.
    """

    snapshots: SnapshotFacts
    places: PlaceFacts
    marks: Marks
    unplaced: SegmentSet
    listing: bytes

    @property
    def findings(self) -> list[tuple[Finding, tuple[SnapshotId, ...]]]:
        """Everything that was noticed, with the snapshots that it reaches."""
        return [*self.snapshots.findings, *((finding, ()) for finding in self.places.findings)]


def check_structure(
    vault: Vault, chosen: Collection[SnapshotId] | None = None, *, on_pack: Callable[[int], None] = lambda _: None
) -> Structure:
    """Look at the vault, or at what ``chosen`` snapshots need; look again when something seems lost."""
    first = _look(vault, chosen, on_pack)
    is_doubtful = bool(first.unplaced) or any(f.severity is Severity.DAMAGE for f, _ in first.findings)
    if not is_doubtful:
        return first
    second = _look(vault, chosen, on_pack)
    confirmed = {(finding.code, finding.subject) for finding, _ in first.findings}
    second.snapshots.findings[:] = [each for each in second.snapshots.findings if _key(each[0]) in confirmed]
    second.places.findings[:] = [each for each in second.places.findings if _key(each) in confirmed]
    both = second.unplaced.minus(second.unplaced.minus(first.unplaced))
    return Structure(second.snapshots, second.places, second.marks, both, second.listing)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.subject


def _look(vault: Vault, chosen: Collection[SnapshotId] | None, on_pack: Callable[[int], None]) -> Structure:
    listing = sign_listing(vault)
    marks = read_marks(vault.store, vault.vault_id, vault.roster)
    snapshots = check_snapshots(vault, chosen)
    places = PlaceChecker(vault, snapshots.needed, on_pack=on_pack).check()
    unplaced = snapshots.needed.minus(places.placed).minus(places.unlisted)
    return Structure(snapshots, places, marks, unplaced, listing)


def sign_listing(vault: Vault) -> bytes:
    """Return a hash of the names of all packs and lists that are there now."""
    names = blake3()
    for prefix in ("packs/", "index/"):
        for info in vault.store.list_objects(prefix):
            names.update(info.name.encode())
    return names.digest()


def check_history(vault: Vault, structure: Structure) -> list[Finding]:
    """Is any snapshot gone that nobody forgot? By sequence numbers, journals and run records (§7, §8, §10)."""
    if not can_check_gaps(vault):
        return []
    facts = structure.snapshots
    forgotten: frozenset[str] = frozenset()
    gaps = find_gaps(facts.snapshots, facts.damaged_names)
    journals = check_journals(vault, facts.names, forgotten)
    vanished = _find_vanished(vault, facts)
    if gaps or journals or vanished:
        # Only now are the run records read back: there are many of them, and most vaults have no gap.
        forgotten = frozenset(name for run in read_runs(vault) for name in run.forgotten_names)
        gaps = find_gaps(facts.snapshots, forgotten | facts.damaged_names)
        journals = [finding for finding in journals if finding.subject not in forgotten]
    known = {finding.subject for finding in journals}
    return [*gaps, *journals, *(_vanished(name) for name in sorted(vanished - forgotten - known))]


def _find_vanished(vault: Vault, facts: SnapshotFacts) -> set[str]:
    """Return the commit records that the newest run record knows and that are not listed."""
    if vault.credentials.role is Role.WRITER:
        return set()
    try:
        census = find_newest_census(vault)
    except VaultError:
        return set()  # judged where the run records are audited
    missing = set() if census is None else {str(name) for name in census.known_names} - facts.names
    if missing:  # the census may be younger than the listing; who deletes names it in a run record before
        missing -= {listed.name for listed in list_snapshot_names(vault.store)}
    return missing


def _vanished(name: str) -> Finding:
    return Finding(
        code=SNAPSHOT_MISSING,
        severity=Severity.DAMAGE,
        subject=name,
        template="The record {name} was there at the last prune, is gone, and nobody forgot it.",
        hint_template="Find out who deleted it; put the record back from a replica or a copy of the vault. If there is "
        "none, 'rebond forget {snapshot}' gives it up; no prune works before.",
        values={"name": name, "snapshot": name.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]},
    )
