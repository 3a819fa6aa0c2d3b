"""What a prune will do: a plan that can be printed before anything happens. Pure (§10.3, §10.4)."""

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from rebond.identifiers import ObjectName
from rebond.vault.damaged_packs import find_perhaps_in_use, find_unneeded
from rebond.vault.index_rewriting import choose_lists
from rebond.vault.marks import Mark, Marks
from rebond.vault.object_names import shard_of
from rebond.vault.pack_contents import SegmentNames
from rebond.vault.packs import hash_in_name, pack_name
from rebond.vault.protocol_rules import (
    ClaimPurpose,
    MarkPurpose,
    SessionFacts,
    find_superfluous_packs,
    may_delete_journal,
    may_take_up,
)
from rebond.vault.prune_survey import Survey
from rebond.vault.repacking import PackWeight, choose_repacks
from rebond.vault.sessions import ListedSession

QUIET_MS = 7 * 86_400_000  # packs of a session whose journal grew later than this stay: its next run takes them over
BUSY_MS = 60 * 60_000  # a mark that was claimed later than this is another keeper's business


class PruneOptions(Struct, frozen=True, kw_only=True):
    """How to prune. ``shard`` is (I, N): only packs of that share. ``is_store_proven`` is false under the time rule."""

    shard: tuple[int, int] = (0, 1)
    repacks: bool = True
    is_store_proven: bool = True


class PackFate(Struct, frozen=True, kw_only=True):
    """One pack that goes or is copied. Bytes are stored ones."""

    pack_hash: bytes
    size: int
    needed_bytes: int


class PrunePlan(Struct, frozen=True, kw_only=True):
    """What goes; nothing has happened yet.

    ``records`` leave the trash for good. ``repacked`` packs are copied first and then go with
    ``packs``. ``taken_up`` are marks of earlier runs that go on. ``waiting_for`` are open sessions
    that a mark put now would have to wait for. ``left_packs`` cannot be understood and stay.
    """

    records: tuple[ObjectName, ...]
    packs: tuple[PackFate, ...]
    repacked: tuple[PackFate, ...]
    references: tuple[str, ...]
    lists: tuple[ObjectName, ...]
    journals: tuple[ObjectName, ...]
    taken_up: tuple[ObjectName, ...]
    waiting_for: tuple[ObjectName, ...]
    left_packs: int
    total_bytes: int

    @property
    def freed_bytes(self) -> int:
        """Stored bytes that will be free in the end; what is copied counts against it."""
        gone = sum(pack.size for pack in (*self.packs, *self.repacked))
        return gone - sum(pack.needed_bytes for pack in self.repacked)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (
            self.records
            or self.packs
            or self.repacked
            or self.references
            or self.lists
            or self.journals
            or self.taken_up
        )

    def marked_names(self) -> tuple[str, ...]:
        """What the mark of this run names."""
        packs = (pack_name(pack.pack_hash) for pack in (*self.packs, *self.repacked))
        return tuple(sorted([*packs, *self.references, *self.lists]))


def draw_plan(
    survey: Survey,
    options: PruneOptions,
    *,
    records: Iterable[ObjectName] = (),
    last_packs: Sequence[bytes] = (),
    emptied: Collection[bytes] | None = None,
) -> PrunePlan:
    """Decide what goes. Reads and writes nothing.

    ``last_packs`` were just copied to and stay rather than older ones. ``emptied`` are packs whose
    segments have been copied; ``None`` while that lies ahead.
    """
    taken_up = find_marks_to_take_up(survey.marks)
    spared = _find_spared(survey, options, taken_up)
    scanned = {found: pack for found, pack in survey.census.scanned.items() if found not in spared}
    weights = _weigh(survey)
    survey.census.contents.keep_only(_order_packs(weights, last_packs))
    # A place in a pack that no list names is no place for a reader, so it may not take over from one that is.
    marked = packs_in_marks(survey.marks) | survey.marks.segments | survey.census.unnamed
    superfluous = find_superfluous_packs(
        survey.census.contents, survey.needs.segments, marked, spared, make_set=SegmentNames
    )
    unneeded = find_unneeded(scanned, survey.census.contents, survey.needs.segments, marked)
    repacked: tuple[bytes, ...] = ()
    if options.repacks and emptied is None:
        stuck = _find_stuck(survey)
        rest = [w for w in weights if w.pack_hash not in superfluous and w.pack_hash not in spared]
        repacked = tuple(found for found in choose_repacks(rest, stuck) if found not in survey.census.unnamed)
    fates = {weight.pack_hash: weight for weight in weights}
    going = superfluous | set(repacked)
    is_first = options.shard[0] == 0
    lists = _choose_lists(survey, going) if is_first or going else ()
    named_before = {name for mark in taken_up for name in mark.body.names}
    return PrunePlan(
        records=tuple(sorted(records)),
        packs=(*_fates(sorted(superfluous), fates), *_fates_of_scanned(survey, unneeded)),
        repacked=_fates(sorted(repacked), fates),
        references=_unneeded_references(survey, named_before) if is_first else (),
        lists=tuple(name for name in lists if name not in named_before),
        journals=tuple(name for session in survey.sessions for name in find_told_journals(survey, session)),
        taken_up=tuple(mark.name for mark in taken_up),
        waiting_for=tuple(session.record_name for session in survey.open_sessions()),
        left_packs=len(survey.census.unknown),
        total_bytes=survey.census.table.total_bytes,
    )


def find_marks_to_take_up(marks: Marks) -> list[Mark]:
    """Return the marks of earlier runs that nobody claimed."""
    return [
        mark
        for mark in marks.marks
        if mark.is_verified and may_take_up(mark.facts, marks.claim_facts, MarkPurpose.DELETE)
    ]


def packs_in_marks(marks: Marks) -> frozenset[bytes]:
    """Return the hashes of all packs that any mark names."""
    return frozenset(
        found for name in marks.names if name.startswith("packs/") and (found := hash_in_name(name)) is not None
    )


def find_told_journals(survey: Survey, session: ListedSession) -> tuple[ObjectName, ...]:
    """Return the journal records that tell nothing any more.

    Of a session whose record stands the last one stays, the word *done*: without it the record
    would leave a tombstone when it is forgotten.
    """
    if survey.now_ms - session.last_ms < QUIET_MS:
        return ()
    facts = survey.facts.get(session.record_name, SessionFacts(session.record_name))
    if may_delete_journal(facts, survey.needs.voids, survey.listing.tombstones):
        return tuple(name.name for name in session.journal)
    if session.record_name in survey.listing.record_names:
        return tuple(name.name for name in session.journal[:-1])
    return ()


def _find_spared(survey: Survey, options: PruneOptions, taken_up: Sequence[Mark]) -> frozenset[bytes]:
    """Return packs that a new mark leaves alone: another keeper's, another shard's, those of recent sessions."""
    spared: set[bytes] = set()
    handled = {mark.name for mark in taken_up}
    for mark in survey.marks.marks:
        claimed_ms = survey.marks.claimed_ms.get(mark.name)
        is_busy = claimed_ms is not None and survey.now_ms - claimed_ms < BUSY_MS
        if mark.body.purpose == MarkPurpose.DELETE and (mark.name in handled or is_busy):
            spared |= {found for name in mark.body.names if (found := hash_in_name(name)) is not None}
    living = [session for session in survey.open_sessions() if survey.now_ms - session.last_ms < QUIET_MS]
    recent: set[bytes] = {session.session for session in living}
    spared |= find_perhaps_in_use(survey.census.scanned, living)
    shard, count = options.shard
    for pack_hash in (*survey.census.contents, *survey.census.scanned):
        if (count > 1 and shard_of(pack_name(pack_hash), count) != shard) or (
            recent and any(session in recent for session, _ in survey.census.contents.get(pack_hash, ()))
        ):
            spared.add(pack_hash)
    return frozenset(spared)


def _choose_lists(survey: Survey, going: Collection[bytes]) -> tuple[ObjectName, ...]:
    """Return the lists that go: those that are written anew, and damaged ones that another replaced.

    They go together: what is written anew does not say any more what it replaced.
    """
    chosen = [each.name for each in choose_lists(survey.census.lists, going)]
    return tuple(dict.fromkeys([*chosen, *survey.census.spoilt_lists]))


class LeftToOthers(Struct, frozen=True):
    """What another prune claimed and that is still there. From ``until_ms`` on, store time, anybody takes it up."""

    records: int = 0
    packs: int = 0
    until_ms: int = 0


def find_left_to_others(survey: Survey) -> LeftToOthers:
    """Return what a survey found in the hands of another prune."""
    records: set[str] = set()
    packs: set[str] = set()
    until_ms = 0
    for mark in survey.marks.marks:
        claim = survey.marks.claim_facts.get(mark.name)
        if not mark.is_verified or claim is None or claim.purpose is not ClaimPurpose.DELETE:
            continue
        claimed_ms = survey.marks.claimed_ms[mark.name]
        if survey.now_ms - claimed_ms >= BUSY_MS:
            continue
        left = {name for name in mark.body.names if name not in claim.spares and _is_there(survey, name)}
        if left:
            (packs if mark.body.purpose == MarkPurpose.DELETE else records).update(left)
            until_ms = max(until_ms, claimed_ms + BUSY_MS)
    return LeftToOthers(len(records), len(packs), until_ms)


def _is_there(survey: Survey, name: str) -> bool:
    """Whether a record or a pack is there; of what else marks name nothing is said."""
    if name.startswith("packs/"):
        return survey.census.table.find(hash_in_name(name) or b"") is not None
    return name in survey.listing.record_names


def _find_stuck(survey: Survey) -> frozenset[bytes]:
    """Return packs in marks that a dead keeper left: writers cannot refer to them until they are copied."""
    stuck: set[bytes] = set()
    for mark in survey.marks.marks:
        claimed_ms = survey.marks.claimed_ms.get(mark.name)
        is_left = claimed_ms is not None and survey.now_ms - claimed_ms >= BUSY_MS
        if mark.body.purpose == MarkPurpose.DELETE and is_left:
            stuck |= {found for name in mark.body.names if (found := hash_in_name(name)) is not None}
    return frozenset(stuck)


def _weigh(survey: Survey) -> list[PackWeight]:
    census, needed = survey.census, survey.needs.segments
    everything = _Everything()
    return [
        PackWeight(
            pack_hash=pack_hash,
            domain=census.domains[pack_hash],
            stored_bytes=census.size_of(pack_hash),
            segment_bytes=census.contents.sum_lengths(pack_hash, everything),
            needed_bytes=census.contents.sum_lengths(pack_hash, needed),
        )
        for pack_hash in census.contents
    ]


class _Everything(SegmentNames):
    """The set that holds every segment."""

    def __contains__(self, segment: object) -> bool:
        return True


def _order_packs(weights: Sequence[PackWeight], last: Sequence[bytes]) -> list[bytes]:
    """Put first what should rather go: the emptiest packs; those just copied to come last."""
    late = frozenset(last)
    ordered = sorted(weights, key=lambda w: (w.pack_hash in late, -w.dead_share, w.pack_hash))
    return [weight.pack_hash for weight in ordered]


def _unneeded_references(survey: Survey, named_before: Collection[str]) -> tuple[str, ...]:
    return tuple(
        name for name, _ in survey.references if name not in survey.needs.references and name not in named_before
    )


def _fates_of_scanned(survey: Survey, packs: Iterable[bytes]) -> tuple[PackFate, ...]:
    return tuple(PackFate(pack_hash=each, size=survey.census.size_of(each), needed_bytes=0) for each in sorted(packs))


def _fates(packs: Iterable[bytes], weights: dict[bytes, PackWeight]) -> tuple[PackFate, ...]:
    return tuple(
        PackFate(pack_hash=each, size=weights[each].stored_bytes, needed_bytes=weights[each].needed_bytes)
        for each in packs
    )
