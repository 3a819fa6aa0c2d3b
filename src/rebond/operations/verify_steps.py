"""The steps of ``verify``: structure, every other object, packs read back, and what the damage reaches."""

from collections.abc import Collection, Iterable
from pathlib import Path

from rebond.errors import RoleTooSmall
from rebond.findings import Finding, Severity
from rebond.identifiers import SnapshotId
from rebond.progress import Advance, Observer
from rebond.vault.access import Vault
from rebond.vault.auditing import AuditContext, audit_objects
from rebond.vault.checking_data import DataFacts, PackDamage, find_suspects, names_marked_damaged, read_packs
from rebond.vault.checking_lost import find_lost
from rebond.vault.checking_records import NameCensus, check_census
from rebond.vault.checking_snapshots import SNAPSHOT_MISSING, CheckedSnapshot
from rebond.vault.checking_streams import check_streams
from rebond.vault.checking_structure import Structure, check_history, check_structure, sign_listing
from rebond.vault.credentials import Role
from rebond.vault.damage_reach import NO_OBJECT, DamageBook
from rebond.vault.lost_segments import LostSegments
from rebond.vault.object_names import ObjectClass, shard_of
from rebond.vault.packs import hash_in_name, pack_name
from rebond.vault.reach_finding import ReachFinder, reach_by_references
from rebond.vault.repair_plan import RepairPlan
from rebond.vault.verify_log import VerifyLog, choose_packs

_REPORT_OBJECTS = 200
_LOOKS = 3  # how often what seems lost is looked for anew while packs come and go


class Verification:
    """One run of ``verify``. The steps are called in the order in which they stand here."""

    def __init__(
        self,
        vault: Vault,
        *,
        chosen: Collection[SnapshotId] | None,
        shard: tuple[int, int],
        observer: Observer,
        scratch: Path,
    ) -> None:
        self._vault = vault
        self._chosen = chosen
        self._shard = shard
        self._observer = observer
        self._scratch = scratch
        self._data = DataFacts()
        self._lost = LostSegments()
        self.book = DamageBook(observer.noticed)
        self.checked_objects = 0
        self.checked_bytes = 0
        self._log: VerifyLog | None = None

    def check_structure(self) -> Structure:
        """Snapshots, references, lists and the tails of packs."""
        structure = check_structure(self._vault, self._chosen, on_pack=self._on_pack)
        self.checked_objects += structure.snapshots.read_objects + structure.places.read_objects
        self.checked_bytes += structure.snapshots.read_bytes + structure.places.read_bytes
        for finding, snapshots in structure.findings:
            self.book.note(finding, snapshots=snapshots)
        for name in structure.snapshots.damaged_names:
            self._lose_snapshot(name)
        return structure

    def _lose_snapshot(self, name: str) -> None:
        """A commit record is lost, and with it all that the snapshot held."""
        snapshot = SnapshotId(bytes.fromhex(name.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]))
        self.book.reach_path([name], snapshot, "", b"", is_subtree=True)

    def check_objects(self, structure: Structure) -> None:
        """Every object but packs, lists, snapshots and stream items, as far as without a key; what is missing."""
        vault = self._vault
        context = AuditContext(
            vault_id=vault.vault_id, owner_verify_key=vault.credentials.owner_verify_key, roster=vault.roster
        )
        is_writer = vault.credentials.role is Role.WRITER
        skipped = {ObjectClass.PACK, ObjectClass.INDEX, ObjectClass.SNAPSHOT, ObjectClass.STREAM_ITEM}
        if is_writer:  # its credential may not read these (§2)
            skipped |= {ObjectClass.SLOT, ObjectClass.KEYRING, ObjectClass.SPARE}
            skipped |= {ObjectClass.RUN, ObjectClass.HOLD, ObjectClass.PAPER}
        census = NameCensus()
        for number, audited in enumerate(audit_objects(vault.store, context, skipped=skipped, accepts=self._is_mine)):
            census.take(audited.info.name, audited.object_class)
            self.checked_objects += audited.read_bytes > 0
            self.checked_bytes += audited.read_bytes
            for finding in audited.findings if self._is_mine(audited.info.name) else ():
                self.book.note(finding)
            if number % _REPORT_OBJECTS == 0:
                self._observer.advanced(Advance(phase="objects", files=number, bytes=self.checked_bytes))
        if self._shard[0] == 0 and not is_writer:
            for finding in [*check_census(vault, census), *check_history(vault, structure)]:
                self.book.note(finding)
                if finding.code == SNAPSHOT_MISSING:
                    self._lose_snapshot(finding.subject)

    def check_streams(self, percent: float | None) -> None:
        """Ledgers and logs beside the snapshots."""
        for number, checked in enumerate(check_streams(self._vault, read_data_percent=percent, accepts=self._is_mine)):
            self.checked_objects += checked.read_bytes > 0
            self.checked_bytes += checked.read_bytes
            for finding in checked.findings:
                self.book.note(finding)
            if number % _REPORT_OBJECTS == 0:
                self._observer.advanced(Advance(phase="objects", files=number, bytes=self.checked_bytes))

    def read_packs(
        self, structure: Structure, percent: float | None, older_than_seconds: int | None, state: Path | None
    ) -> None:
        """Read the packs whose turn it is, and every pack that looks doubtful."""
        vault, packs = self._vault, structure.places.packs
        if vault.credentials.role is Role.WRITER:
            if percent is not None:
                raise RoleTooSmall(
                    "A writer's key cannot read packs back.", hint="Use a keeper's key or the owner's secret."
                )
            return
        log = VerifyLog((state or vault.caches / "verify") / vault.vault_id.hex())
        turn = [one for one in find_suspects(structure) if self._is_mine(pack_name(packs.hash_at(one)))]
        if percent is not None:
            since = None if older_than_seconds is None else vault.clock.now_ms() - older_than_seconds * 1000
            wanted = None if self._chosen is None else structure.places.holds_needed
            chosen = choose_packs(
                packs,
                log.last_read(packs, vault.clock.now_ms()),
                percent=percent,
                not_since_ms=since,
                shard=self._shard,
                wanted=wanted,
            )
            suspects = set(turn)
            turn += [one for one in chosen if one not in suspects]
        self._take(read_packs(vault, structure, turn, log=log, observer=self._observer))
        if percent is not None:
            log.shorten(packs, vault.clock.now_ms())
        self._log = log

    def _take(self, found: DataFacts) -> None:
        """Add what reading some packs came to."""
        self._data.add(found)
        self.checked_bytes += found.read_bytes
        for finding in found.findings:
            self.book.note(finding)

    def find_reach(self, structure: Structure, *, walks_trees: bool) -> Structure:
        """Find what is lost, which snapshots that reaches and, when trees are walked, which paths.

        When packs moved meanwhile and something seems lost, look again. Returns the look that counted.
        """
        for attempt in range(1, _LOOKS + 1):
            trial = DamageBook()
            self._find_lost(structure)
            if walks_trees:
                self._walk(structure, trial)
                if self._read_unexplained(structure, trial):
                    self._find_lost(structure)
                    self._walk(structure, trial)
            else:
                reach_by_references(self._vault, structure.snapshots.snapshots, self._lost, trial)
            self._note_packs(structure, trial, walks_trees=walks_trees)
            if not trial.has_damage or attempt == _LOOKS or sign_listing(self._vault) == structure.listing:
                break
            structure = check_structure(self._vault, self._chosen)
            self._data.keep_only(structure.places.packs)
        self.book.merge(trial)
        return structure

    def _find_lost(self, structure: Structure) -> None:
        unplaced = structure.unplaced
        for found in self._data.recovered:
            unplaced.remove(found.row.session, found.row.number)
        self._lost = find_lost(self._vault, structure.places, unplaced, self._data.bad)

    def _read_unexplained(self, structure: Structure, book: DamageBook) -> bool:
        """Read packs whole that the walk stumbled over; ``False`` when there was none."""
        packs = structure.places.packs
        hashes = [found for name in book.unexplained() if (found := hash_in_name(name)) is not None]
        turn = [one for found in hashes if found not in self._data.damaged and (one := packs.find(found)) is not None]
        if turn and self._log is not None:
            self._take(read_packs(self._vault, structure, turn, log=self._log, observer=self._observer))
        return bool(turn)

    def _walk(self, structure: Structure, book: DamageBook) -> None:
        walked = [
            one for one in structure.snapshots.snapshots if not self._lost.is_empty or self._is_mine(one.name.name)
        ]
        finder = ReachFinder(
            self._vault,
            structure,
            self._lost,
            self._data.recovered,
            book,
            scratch=self._scratch,
            observer=self._observer,
        )
        with finder:
            for snapshot in _by_age(walked):
                finder.walk(snapshot)

    def _note_packs(self, structure: Structure, book: DamageBook, *, walks_trees: bool) -> None:
        """Tell damaged and missing packs, now that it is known what they reach."""
        marked = names_marked_damaged(structure)
        for pack_hash, damage in self._data.damaged.items():
            name = pack_name(pack_hash)
            is_healed = name in marked and not book.reaches_anything(name)
            book.note(_pack_healed(name) if is_healed else _pack_damaged(name, damage))
        for lost in self._lost.names:
            found = hash_in_name(lost)
            if found is None or found not in self._data.damaged:
                is_healed = walks_trees and not book.reaches_anything(lost)
                book.note(_content_healed(lost) if is_healed else _content_missing(lost))

        for unexplained in book.unexplained():
            book.note(_content_lost(unexplained))

    def note_what_is_not_remembered(self) -> None:
        """Tell when nobody will know later which packs were read, and why."""
        if self._log is not None and self._log.fault is not None:
            self.book.note(_not_remembered(self._log.directory, self._log.fault))

    @property
    def read_packs_count(self) -> int:
        """How many packs were read whole."""
        return self._data.read_packs

    def plan_repair(self, structure: Structure) -> RepairPlan:
        """Say what repair is to look at; nothing is written yet."""
        places = structure.places
        return RepairPlan(
            packs=places.packs,
            needed=structure.snapshots.needed,
            marks=structure.marks,
            unlisted_packs=tuple(
                (places.packs.hash_at(ordinal), domain) for ordinal, domain in places.unlisted_packs.items()
            ),
            damaged_packs=tuple(pack for pack, damage in self._data.damaged.items() if not damage.is_whole),
            sound_packs=frozenset(self._data.sound_suspects),
            bad_segments=tuple(sorted(set(self._data.bad_as_written))),
            damaged_lists=tuple(places.damaged_lists),
        )

    def _on_pack(self, ordinal: int) -> None:
        if ordinal % _REPORT_OBJECTS == 0:
            self._observer.advanced(Advance(phase="structure", files=ordinal))

    def _is_mine(self, name: str) -> bool:
        index, count = self._shard
        return count == 1 or shard_of(name, count) == index


def _by_age(snapshots: Iterable[CheckedSnapshot]) -> list[CheckedSnapshot]:
    """Oldest first, so that what later ones share with them is walked once."""
    return sorted(snapshots, key=lambda snapshot: (snapshot.name.store_time_ms, snapshot.sequence, snapshot.name.name))


def _not_remembered(directory: Path, error: OSError) -> Finding:
    return Finding(
        code="verify-not-remembered",
        severity=Severity.WARNING,
        subject=str(directory),
        template="Which packs were read cannot be remembered in {path}: {reason}. What was found is told all the same.",
        hint_template="Make the directory writable and free some room there, or set REBOND_STATE_DIR to one that is.",
        values={"path": str(directory), "reason": error.strerror or str(error)},
    )


def _pack_damaged(name: str, damage: PackDamage) -> Finding:
    if not damage.segments:
        return Finding(
            code="pack-damaged",
            severity=Severity.DAMAGE,
            subject=name,
            template="{name} is damaged: {reason} Nothing in it can be made out, and no list says what it was.",
            hint_template="'rebond verify --repair' marks it, and the prune after that deletes it.",
            values={"name": name, "reason": damage.reason},
        )
    return Finding(
        code="pack-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is damaged: {reason} {bad} of {count} segments in it are bad.",
        hint_template="'rebond verify --read-data --repair' copies what is good in it, and marks it. The next backup "
        "stores again what the source still has, and a prune deletes it once no snapshot needs it.",
        values={"name": name, "reason": damage.reason, "bad": damage.bad_segments, "count": damage.segments},
    )


def _pack_healed(name: str) -> Finding:
    return Finding(
        code="pack-replaced",
        severity=Severity.NOTE,
        subject=name,
        template="{name} is damaged and marked; all that it held and that is needed lies elsewhere.",
        hint_template="The next prune deletes it, or the first one after those snapshots are forgotten that were made "
        "of what is bad in it.",
        values={"name": name},
    )


def _content_missing(name: str) -> Finding:
    if name == NO_OBJECT:
        return Finding(
            code="packs-lost",
            severity=Severity.DAMAGE,
            subject=name,
            template="Snapshots need segments that lie in no pack that is left.",
            hint_template="Put missing packs back from a replica or a copy, or make a new backup.",
        )
    return Finding(
        code="pack-missing",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is missing or cannot be read, and snapshots need what it holds.",
        hint_template="Put it back from a replica or a copy; or make a new backup, which stores what is left of it.",
        values={"name": name},
    )


def _content_lost(name: str) -> Finding:
    return Finding(
        code="content-lost",
        severity=Severity.DAMAGE,
        subject=name,
        template="What snapshots need of {name} cannot be read back, and no other place has it.",
        hint_template="Run 'rebond verify --read-data --repair', then make a new backup: it stores what is left.",
        values={"name": name},
    )


def _content_healed(name: str) -> Finding:
    if name == NO_OBJECT:
        return Finding(
            code="pack-missing-healed",
            severity=Severity.WARNING,
            subject=name,
            template="A pack that snapshots name is gone; all that it held is found elsewhere, so every file can be "
            "restored.",
            hint_template="Prune refuses to work until the snapshots that name it are forgotten, or it is put back.",
        )
    return Finding(
        code="pack-missing-healed",
        severity=Severity.WARNING,
        subject=name,
        template="{name} is missing; all that it held is found elsewhere, so every file can be restored.",
        hint_template="Prune refuses to work until the snapshots that name it are forgotten, or it is put back.",
        values={"name": name},
    )
