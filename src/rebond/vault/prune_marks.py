"""One mark, from putting it to deleting it: the steps of ``PRUNE_ORDER`` over a real store (§10.4 to §10.8)."""

import contextlib
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.errors import ObjectExists, ObjectMissing, RebondError, StoreError, StoreFull, StoreUnfit
from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName
from rebond.vault.access import Vault
from rebond.vault.index_census import is_spoilt
from rebond.vault.index_rewriting import choose_lists, rewrite_lists
from rebond.vault.marks import ClaimBody, MarkBody, Marks, claim_mark, put_mark
from rebond.vault.needs import RecordListing, add_needs, list_records
from rebond.vault.pack_table import PackTable
from rebond.vault.packs import hash_in_name, pack_name
from rebond.vault.place_proving import ListedContents, MadePacks, PlaceProver
from rebond.vault.protocol_orders import PRUNE_ORDER, RECHECK_ORDER, PruneStep, RecheckStep
from rebond.vault.protocol_rules import (
    ClaimPurpose,
    MarkPurpose,
    find_deletable_packs,
    find_vanished_records,
    may_void_session,
)
from rebond.vault.prune_plan import PruneOptions, packs_in_marks
from rebond.vault.prune_survey import Survey, read_known_marks, read_uninformed, refuse_if_vanished
from rebond.vault.runs import find_forgotten, find_newest_census
from rebond.vault.sessions import ListedSession, list_sessions
from rebond.vault.snapshots import build_void

PATIENCE_MS = 7 * 86_400_000  # a session that ignored a mark this long is voided, alive or not
TIME_RULE_MS = 7 * 86_400_000
_DECLARING_SECONDS = 5.0  # a session that has just opened declares its marks within seconds
_DECLARING_LOOKS = 6
_DELETE_ROUNDS = 3


class MarkOutcome(Struct, kw_only=True):
    """What came of one mark. ``waiting_for`` are sessions for whose sake it was left unclaimed.

    ``is_postponed`` says that the time rule left it to a run a week later.
    """

    mark: ObjectName
    deleted: list[str] = field(default_factory=list)
    spared: list[str] = field(default_factory=list)
    voided: list[ObjectName] = field(default_factory=list)
    waiting_for: tuple[ObjectName, ...] = ()
    is_taken: bool = False
    is_postponed: bool = False
    freed_bytes: int = 0


class MarkRun:
    """Carries one mark through. Any interruption leaves a mark that a later run or nobody goes on with."""

    def __init__(
        self,
        vault: Vault,
        run: bytes,
        survey: Survey,
        options: PruneOptions,
        *,
        names: Sequence[str],
        mark: ObjectName | None = None,
        made: MadePacks | None = None,
    ) -> None:
        self._vault = vault
        self._run = run
        self._survey = survey
        self._options = options
        self._names = names
        self._mark = mark
        self._made = made
        self._marks = Marks()
        self._table = survey.census.table
        self._listing = survey.listing
        self._known: frozenset[ObjectName] = frozenset()
        self._doomed: list[str] = []
        self._outcome = MarkOutcome(mark=mark or ObjectName(""))

    def run(self) -> MarkOutcome:
        """Walk through the order of the rules."""
        for step in PRUNE_ORDER:
            try:
                if not self._take(step):
                    break
            except RebondError:
                # Nothing is deleted yet: the claim is ours, so the mark may go and stands in nobody's way.
                if self._outcome.is_taken and step is not PruneStep.DELETE:
                    with contextlib.suppress(StoreError):
                        self._vault.store.delete(self._outcome.mark)
                raise
        return self._outcome

    def _take(self, step: PruneStep) -> bool:
        if step is PruneStep.PUT_MARK:
            self._put_mark()
        elif step is PruneStep.CLAIM:
            return self._claim()
        elif step is PruneStep.CLOSE_SESSIONS:
            self._close_sessions()
        elif step is PruneStep.RECHECK:
            self._recheck()
        elif step is PruneStep.PUT_LISTS:
            self._put_lists()
        elif step is PruneStep.DELETE:
            self._delete()
        else:
            self._vault.store.delete(self._outcome.mark)
        return True

    # -- the mark and its claim ---------------------------------------------------------------

    def _put_mark(self) -> None:
        if self._mark is None:
            body = MarkBody(
                purpose=MarkPurpose.DELETE.value,
                time_ms=self._vault.clock.now_ms(),
                reason="unneeded",
                names=list(self._names),
                run=self._run,
            )
            self._mark = put_mark(self._vault.store, self._vault.credentials, body)
            self._outcome.mark = self._mark

    def _claim(self) -> bool:
        """Claim the mark, unless somebody is to be waited for: then a later run takes it up."""
        try:
            marked_ms = self._vault.store.stat(self._outcome.mark).modified_ms
        except ObjectMissing:
            return False  # another keeper took it up and is done with it
        waited = self._find_waited_for(marked_ms)
        is_too_young = not self._options.is_store_proven and self._survey.now_ms - marked_ms < TIME_RULE_MS
        if waited or is_too_young:
            self._outcome.waiting_for = tuple(session.record_name for session in waited)
            self._outcome.is_postponed = is_too_young
            return False
        body = ClaimBody(run=self._run, time_ms=self._vault.clock.now_ms(), purpose=ClaimPurpose.DELETE.value)
        self._outcome.is_taken = claim_mark(self._vault.store, self._vault.credentials, self._outcome.mark, body)
        return self._outcome.is_taken

    def _find_waited_for(self, marked_ms: int) -> list[ListedSession]:
        """Return the open sessions that may not be voided yet. Under the time rule none older than the mark is."""
        if self._options.is_store_proven:
            return [session for session in self._find_uninformed() if not self._is_voidable(session, marked_ms)]
        sessions = list_sessions(self._vault.store)
        taken = list_records(self._vault).record_names
        return [
            session
            for session in sessions
            if session.record_name not in taken and session.journal[0].store_time_ms <= marked_ms
        ]

    def _is_voidable(self, session: ListedSession, marked_ms: int) -> bool:
        lengths = [
            run.record.journals[session.record_name]
            for run in self._survey.earlier_looks
            if session.record_name in run.record.journals
        ]
        return may_void_session(
            len(session.journal),
            lengths,
            uninformed_ms=self._survey.now_ms - marked_ms,
            patience_ms=PATIENCE_MS,
        )

    # -- sessions -----------------------------------------------------------------------------

    def _find_uninformed(self) -> list[ListedSession]:
        sessions = list_sessions(self._vault.store)
        return read_uninformed(self._vault, self._outcome.mark, list_records(self._vault), sessions)

    def _close_sessions(self) -> None:
        """Void what is open and uninformed; a session that is just opening gets a moment to declare the mark."""
        marked_ms = self._vault.store.stat(self._outcome.mark).modified_ms
        for look in range(_DECLARING_LOOKS + 1):
            uninformed = self._find_uninformed()
            is_last = look == _DECLARING_LOOKS
            for session in uninformed:
                if is_last or self._is_voidable(session, marked_ms):
                    self._void(session)
            if is_last or all(self._is_voidable(session, marked_ms) for session in uninformed):
                return
            self._vault.clock.sleep(_DECLARING_SECONDS)

    def _void(self, session: ListedSession) -> None:
        if void_session(self._vault, self._run, session):
            self._outcome.voided.append(session.record_name)

    # -- what is needed now -------------------------------------------------------------------

    def _recheck(self) -> None:
        """Look at everything once more, in the order of the rules; what is needed now is spared."""
        for step in RECHECK_ORDER:
            if step is RecheckStep.READ_KNOWN:
                newest = find_newest_census(self._vault)
                self._known = newest.known_names if newest is not None else frozenset()
            elif step is RecheckStep.LIST_MARKS:
                self._marks = read_known_marks(self._vault)
            elif step is RecheckStep.LIST_PACKS:
                self._table = PackTable.from_store(self._vault.store)
            elif step is RecheckStep.LIST_SNAPSHOTS:
                self._listing = list_records(self._vault)
                add_needs(self._vault, self._survey.needs, self._listing)
            else:
                self._refuse_if_vanished(self._listing)
        self._doomed = [*self._find_doomed_packs(), *self._find_doomed_references()]
        self._outcome.spared = sorted(
            name for name in self._names if name not in set(self._doomed) and not name.startswith("index/")
        )

    def _refuse_if_vanished(self, listing: RecordListing) -> None:
        present = listing.record_names | listing.tombstones
        missing = find_vanished_records(self._known, present, ())
        refuse_if_vanished(find_vanished_records(self._known, present, find_forgotten(self._vault, missing)))

    def _find_doomed_packs(self) -> list[str]:
        named = {found for name in self._names if name.startswith("packs/") and (found := hash_in_name(name))}
        contents = ListedContents(self._survey.census.contents, self._table)
        marked = packs_in_marks(self._marks) | named | self._marks.segments | self._survey.census.unnamed
        present = [found for found in named if found in contents]
        scanned = {
            found for found in named if found in self._survey.census.scanned and self._table.find(found) is not None
        }
        deletable = find_deletable_packs(present, contents, self._survey.needs.segments, marked) | scanned
        prover = PlaceProver(self._vault, self._survey, contents, self._marks, marked, self._made)
        return sorted(pack_name(found) for found in prover.prove(deletable))

    def _find_doomed_references(self) -> list[str]:
        named = [name for name in self._names if name.startswith("references/")]
        contents = {name: (name,) for name in named}
        return sorted(find_deletable_packs(named, contents, self._survey.needs.references, frozenset(named)))

    # -- deleting -----------------------------------------------------------------------------

    def _put_lists(self) -> None:
        """Put lists without what goes. On a full disk the old ones stay: they are hints, and name too much."""
        named = frozenset(self._names)
        doomed = {found for name in self._doomed if (found := hash_in_name(name)) is not None}
        spoilt = [name for name in self._survey.census.spoilt_lists if name in named]
        self._doomed += [name for name in spoilt if is_spoilt(self._vault, name)]
        census = replace(self._survey.census, table=self._table)
        replaced = [each.name for each in choose_lists(census.lists, doomed) if each.name in named]
        try:
            written = rewrite_lists(self._vault, census, replaced, doomed)
            self._doomed += [name for name in written if name not in self._doomed]
        except StoreFull:
            self._vault.report(_full(self._outcome.mark))

    def _delete(self) -> None:
        sizes = {name: self._survey.census.size_of(hash_in_name(name) or b"") for name in self._doomed}
        left: Iterable[str] = self._doomed
        for _ in range(_DELETE_ROUNDS):
            for name in left:
                self._vault.store.delete(name)
            left = self._find_undeleted()
            if not left:
                break
        else:
            raise StoreUnfit(
                "The store says that {name} is deleted, and still lists it.",
                hint="Run the same command again later. 'rebond vault info' shows which promises the store kept.",
                name=min(left),
            )
        self._outcome.deleted = list(self._doomed)
        self._outcome.freed_bytes = sum(sizes.values())

    def _find_undeleted(self) -> list[str]:
        wanted = set(self._doomed)
        found = []
        for prefix in sorted({name.split("/")[0] + "/" for name in self._doomed}):
            found += [info.name for info in self._vault.store.list_objects(prefix) if info.name in wanted]
        return found


def void_session(vault: Vault, run: bytes, session: ListedSession) -> bool:
    """Take the name that a session would commit at. ``False`` when it committed meanwhile: who looks later sees it."""
    content = build_void(
        vault_id=vault.vault_id,
        run=run[:16],
        keeper=vault.credentials.member,
        name=session.record_name,
        signing_key=vault.credentials.signing_key,
    )
    try:
        vault.store.put_if_absent(session.record_name, content)
    except ObjectExists:
        return False
    return True


def void_abandoned(vault: Vault, run: bytes, survey: Survey) -> list[ObjectName]:
    """Void the sessions whose journals have not grown for a week, and return the names of what they would have made.

    A mark voids only those that it meets; where a prune finds nothing to delete, a backup that died would count as
    running for ever. A writer that was only asleep tries again.
    """
    return [
        session.record_name
        for session in survey.open_sessions()
        if survey.now_ms - session.last_ms >= PATIENCE_MS and void_session(vault, run, session)
    ]


def remove_journals(vault: Vault, names: Iterable[ObjectName]) -> int:
    """Delete journal records that tell nothing any more; return how many."""
    count = 0
    for name in names:
        vault.store.delete(name)
        count += 1
    return count


def _full(mark: str) -> Finding:
    return Finding(
        code="lists-not-rewritten",
        severity=Severity.WARNING,
        subject=mark,
        template="The index lists were not rewritten, because the store is full; they name packs that are gone",
        hint_template="Nothing is lost by that. The next prune rewrites them.",
    )
