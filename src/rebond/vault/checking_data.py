"""Reading packs back whole, and taking apart those that are not what was written (§11)."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, field

from rebond.errors import FormatTooNew
from rebond.findings import Finding
from rebond.identifiers import DomainId
from rebond.progress import Advance, Observer
from rebond.vault.access import Vault
from rebond.vault.checking_lost import BadCopies
from rebond.vault.checking_packs import PackChecker, PackVerdict, find_listed
from rebond.vault.checking_structure import Structure
from rebond.vault.object_findings import foreign, too_new
from rebond.vault.pack_table import PackTable
from rebond.vault.packs import SegmentRow, hash_in_name, pack_name
from rebond.vault.segment_judging import JudgedSegment
from rebond.vault.verify_log import VerifyLog

_BATCH = 64  # broken packs whose rows are looked up in the lists together


class RecoveredSegment(Struct, frozen=True):
    """A needed segment that is good, in a broken pack, and that no list and no tail names any more."""

    pack_hash: bytes
    domain: DomainId
    row: SegmentRow
    table: bytes


class PackDamage(Struct, frozen=True):
    """How a pack is damaged. ``is_whole`` says that its bytes are those that were put, and were bad then."""

    reason: str
    bad_segments: int
    segments: int
    is_whole: bool


class DataFacts(Struct):
    """What reading packs came to."""

    read_packs: int = 0
    read_bytes: int = 0
    damaged: dict[bytes, PackDamage] = field(default_factory=dict)
    bad: BadCopies = field(default_factory=BadCopies)
    bad_as_written: list[tuple[bytes, int]] = field(default_factory=list)
    recovered: list[RecoveredSegment] = field(default_factory=list)
    sound_suspects: set[bytes] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: "DataFacts") -> None:
        """Take in what reading other packs came to."""
        self.read_packs += other.read_packs
        self.read_bytes += other.read_bytes
        self.damaged.update(other.damaged)
        self.bad.add_all(other.bad)
        self.bad_as_written += other.bad_as_written
        self.recovered += other.recovered
        self.sound_suspects |= other.sound_suspects
        self.findings += other.findings

    def keep_only(self, packs: PackTable) -> None:
        """Forget the damage of packs that are gone."""
        self.damaged = {one: damage for one, damage in self.damaged.items() if packs.find(one) is not None}
        self.recovered = [found for found in self.recovered if packs.find(found.pack_hash) is not None]


def find_suspects(structure: Structure) -> list[int]:
    """Return the packs that do not look as they should, and those that a damage mark names, by ordinal."""
    facts = structure.places
    doubted = [hash_in_name(finding.subject) for finding in facts.findings if finding.code == "index-differs"]
    doubted += [hash_in_name(name) for name in names_marked_damaged(structure)]
    found = {one for each in doubted if each is not None and (one := facts.packs.find(each)) is not None}
    return sorted({*facts.suspects, *found})


def names_marked_damaged(structure: Structure) -> set[str]:
    """Return the names of objects that a verified damage mark names."""
    return set(structure.marks.damaged())


def read_packs(
    vault: Vault,
    structure: Structure,
    ordinals: Sequence[int],
    *,
    log: VerifyLog,
    observer: Observer,
    is_stopped: Callable[[], bool] = lambda: False,
) -> DataFacts:
    """Read packs one after another; what is found stays in ``log`` also when this is cut short."""
    return _Reading(vault, structure, log, observer).run(ordinals, is_stopped)


class _Reading:
    """One turn of reading."""

    def __init__(self, vault: Vault, structure: Structure, log: VerifyLog, observer: Observer) -> None:
        self._vault = vault
        self._structure = structure
        self._log = log
        self._observer = observer
        self._checker = PackChecker(vault)
        self._facts = DataFacts()
        self._marked = names_marked_damaged(structure)

    def run(self, ordinals: Sequence[int], is_stopped: Callable[[], bool]) -> DataFacts:
        """Read every pack once; those that are broken are read again with what the lists say of them."""
        packs = self._structure.places.packs
        total = sum(packs.size_at(one) for one in ordinals)
        broken: list[bytes] = []
        try:
            hashes = (packs.hash_at(one) for one in ordinals)
            for ordinal, (pack_hash, verdict) in zip(ordinals, self._checker.check(hashes), strict=True):
                if verdict is not None and not self._take(ordinal, verdict):
                    broken.append(pack_hash)
                self._report(len(ordinals), total)
                if is_stopped():
                    break
        finally:
            self._log.flush()
        for start in range(0, len(broken), _BATCH):
            batch = broken[start : start + _BATCH]
            listed = find_listed(self._vault, batch)
            for pack_hash in batch:
                content = self._checker.read(pack_hash)
                if content is not None:
                    self._take_apart(self._checker.judge(pack_hash, content, listed.get(pack_hash)))
        return self._facts

    def _take(self, ordinal: int, verdict: PackVerdict) -> bool:
        """Take a first look at a pack; ``False`` when it must be taken apart."""
        facts = self._facts
        facts.read_packs += 1
        facts.read_bytes += verdict.size
        said = self._structure.places.table_sums[ordinal]
        # Faulty rows of a list show only beside the pack's own: such a pack is taken apart, too.
        is_doubted = ordinal in self._structure.places.suspects or said not in (0, verdict.table_sum)
        is_sound = verdict.is_sound and not is_doubted
        self._log.note(verdict.pack_hash, self._vault.clock.now_ms(), is_whole=verdict.is_sound)
        if is_sound:
            if pack_name(verdict.pack_hash) in self._marked:
                facts.sound_suspects.add(verdict.pack_hash)
            return True
        return self._is_strange(verdict)

    def _is_strange(self, verdict: PackVerdict) -> bool:
        """Whether a pack is somebody else's, or newer than this Rebond: then it is told and left alone."""
        name = pack_name(verdict.pack_hash)
        if isinstance(verdict.error, FormatTooNew) and verdict.has_own_hash:
            self._facts.findings.append(too_new(name, verdict.error))
        elif verdict.error is not None and verdict.has_own_hash and not self._is_ours(verdict):
            # It is as it was put, and neither its tail nor a list says that we did.
            self._facts.findings.append(foreign(name, verdict.error))
        else:
            return False
        return True

    def _is_ours(self, verdict: PackVerdict) -> bool:
        """Whether any list names the pack, or a segment of this vault was found in it."""
        ordinal = self._structure.places.packs.find(verdict.pack_hash)
        return bool(verdict.segments) or (ordinal is not None and bool(self._structure.places.table_sums[ordinal]))

    def _take_apart(self, verdict: PackVerdict) -> None:
        """Note what a broken pack lost of what is needed, and what it still has though nothing says so."""
        needed = self._structure.snapshots.needed
        faulty = [segment for segment in verdict.segments if segment.fault]
        for segment in faulty:
            row = segment.row
            if segment.is_as_written:
                self._facts.bad_as_written.append((row.session, row.number))
            if needed.has(row.session, row.number):
                self._facts.bad.add(
                    verdict.pack_hash,
                    row.session,
                    row.number,
                    chunks=segment.bad_ids,
                    is_as_written=segment.is_as_written,
                )
        for segment in verdict.segments:
            self._recover(verdict, segment)
        if not verdict.fault and not faulty:
            self._facts.sound_suspects.add(verdict.pack_hash)
        else:
            reason = verdict.fault or faulty[0].fault
            self._facts.damaged[verdict.pack_hash] = PackDamage(
                reason, _count(faulty), _count(verdict.segments), is_whole=not verdict.fault
            )

    def _recover(self, verdict: PackVerdict, segment: JudgedSegment) -> None:
        row, places = segment.row, self._structure.places
        if segment.fault or segment.table is None or verdict.domain is None:
            return
        if not self._structure.snapshots.needed.has(row.session, row.number):
            return
        if not places.placed.has(row.session, row.number) and not places.unlisted.has(row.session, row.number):
            self._facts.recovered.append(RecoveredSegment(verdict.pack_hash, verdict.domain, row, segment.table))

    def _report(self, total_packs: int, total_bytes: int) -> None:
        self._observer.advanced(
            Advance(
                phase="packs",
                files=self._facts.read_packs,
                total_files=total_packs,
                bytes=self._facts.read_bytes,
                total_bytes=total_bytes,
            )
        )


def _count(segments: Iterable[JudgedSegment]) -> int:
    return len({(segment.row.session, segment.row.number) for segment in segments})
