"""Pruning: what nothing needs any more leaves the vault (§10). Plan first, then do; may be cut and run again.

Any number of prunes and backups may run at once. The order of the steps comes from ``protocol_orders``, every
decision from ``protocol_rules``; ``tests/model`` explores both.
"""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from rebond.errors import StoreError, StoreFull
from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName, random_id
from rebond.progress import Advance, Observer
from rebond.vault.access import Vault
from rebond.vault.marks import Marks
from rebond.vault.needs import add_needs, list_records
from rebond.vault.pack_table import PackTable
from rebond.vault.place_proving import MadePacks
from rebond.vault.prune_marks import MarkOutcome, MarkRun, remove_journals, void_abandoned
from rebond.vault.prune_plan import LeftToOthers, PruneOptions, PrunePlan, draw_plan, find_left_to_others
from rebond.vault.prune_survey import Survey, list_checked_records, read_store_time, remove_left_probes, survey_vault
from rebond.vault.repacking import Repacked, repack
from rebond.vault.runs import begin_record, put_run, rows_of_names
from rebond.vault.trash_emptying import empty_trash, find_removable

ROOM_BYTES = 1 << 15  # marks, claims and records of runs: some kilobytes each, a block of the disk at least


class PruneOutcome(Struct, frozen=True, kw_only=True):
    """What a prune did. ``plan`` is what it set out to do after emptying the trash.

    ``waiting_for`` are open sessions for whose sake marks were left to a later run; ``is_postponed`` says
    that the time rule left some to a run a week later (section 12). ``spared`` are what
    was marked and turned out to be needed. ``swept`` counts what cut puts had left behind. ``left`` is what
    another prune had begun to delete: it is at work, or was cut short.
    """

    plan: PrunePlan
    records: tuple[ObjectName, ...]
    deleted: tuple[str, ...]
    spared: tuple[str, ...]
    voided: tuple[ObjectName, ...]
    waiting_for: tuple[ObjectName, ...]
    freed_bytes: int
    copied_bytes: int
    journals: int = 0
    is_postponed: bool = False
    marks: tuple[ObjectName, ...] = ()
    swept: int = 0
    left: LeftToOthers = LeftToOthers()


def plan_prune(vault: Vault, options: PruneOptions | None = None) -> PrunePlan:
    """Say what a prune would do now, trash included. Writes nothing.

    Raises ``VaultDamaged`` when a precondition fails (a prune would then delete nothing),
    ``RoleTooSmall`` for a writer and ``FormatTooNew`` when this Rebond may not delete.
    """
    _require_right(vault)
    survey, removable = _survey(vault)
    return draw_plan(survey, options or PruneOptions(), records=removable)


def prune(vault: Vault, observer: Observer, options: PruneOptions | None = None) -> PruneOutcome:
    """Empty the trash, then delete what nothing needs. When it is cut anywhere, every listed snapshot is whole.

    Raises what ``plan_prune`` does and ``StoreFull``, before anything is deleted or claimed, and ``StoreError``.
    """
    options = options or PruneOptions()
    _require_right(vault)
    run = random_id()
    observer.advanced(Advance(phase="looking at the whole vault"))
    survey, _ = _survey(vault)
    survey.now_ms = _require_room(vault)
    emptied = empty_trash(vault, run)
    survey.listing = list_checked_records(vault)
    add_needs(vault, survey.needs, survey.listing)
    plan = draw_plan(survey, options, records=emptied.deleted)
    copied = Repacked()
    if plan.repacked:
        observer.advanced(Advance(phase="copying what is needed out of old packs"))
        copied = _copy(vault, survey, plan)
        survey.census.add_new_packs(PackTable.from_store(vault.store), copied.packs)
        plan = draw_plan(
            survey, options, records=emptied.deleted, last_packs=tuple(copied.packs), emptied=copied.emptied
        )
    observer.advanced(Advance(phase="deleting"))
    outcomes = _carry_out(vault, run, survey, plan, options, copied.packs)
    # Where a name can be put twice, a void would be no more than a hope.
    abandoned = void_abandoned(vault, run, survey) if options.is_store_proven else []
    journals = remove_journals(vault, plan.journals)
    outcome = PruneOutcome(
        plan=plan,
        records=emptied.deleted,
        deleted=tuple(name for each in outcomes for name in each.deleted),
        spared=tuple(name for each in outcomes for name in each.spared),
        voided=(*(name for each in outcomes for name in each.voided), *abandoned),
        waiting_for=tuple(sorted({name for each in outcomes for name in each.waiting_for})),
        freed_bytes=sum(each.freed_bytes for each in outcomes) - copied.copied_bytes,
        copied_bytes=copied.copied_bytes,
        journals=journals,
        is_postponed=any(each.is_postponed for each in outcomes),
        marks=tuple(each.mark for each in outcomes),
        left=find_left_to_others(survey),
    )
    _put_run_record(vault, run, survey, outcome)
    return replace(outcome, swept=_sweep(vault, survey.now_ms))


def _sweep(vault: Vault, now_ms: int) -> int:
    """Remove what cut puts and trials left behind. The prune is done: where that is not allowed, it is only said."""
    try:
        return remove_left_probes(vault, now_ms) + vault.store.sweep()
    except StoreError as error:
        vault.report(
            Finding(
                code="sweep-failed",
                severity=Severity.NOTE,
                subject=vault.store.location,
                template="The prune is done, but what cut uploads left behind could not be removed: {reason}",
                hint_template="Nothing is lost by it; it only takes room. The next prune tries again.",
                values={"reason": error},
            )
        )
        return 0


def _require_room(vault: Vault) -> int:
    """Return the store's time, if there is room for what a prune writes before it frees any.

    What it claims is nobody else's for an hour: without room it would hold up every later prune.
    """
    try:
        return read_store_time(vault, ROOM_BYTES)
    except StoreFull as error:
        raise StoreFull(
            "A prune needs {bytes} bytes of room in {location} before it frees any.",
            hint="Make that room by what is not the vault's, or prune as root where the disk keeps some for root. "
            "Delete nothing in the vault by hand.",
            bytes=ROOM_BYTES,
            location=vault.store.location,
        ) from error


def _require_right(vault: Vault) -> None:
    vault.credentials.require_keeper()
    vault.roster.require_prunable()


def _survey(vault: Vault) -> tuple[Survey, frozenset[ObjectName]]:
    """Look at everything, counting what is about to leave the trash as gone; return that too."""
    removable: frozenset[ObjectName] = frozenset()

    def ignored(marks: Marks) -> frozenset[ObjectName]:
        nonlocal removable
        removable = find_removable(vault, marks)
        return removable

    survey = survey_vault(vault, now_ms=vault.clock.now_ms(), ignored=ignored)
    return survey, removable


def _copy(vault: Vault, survey: Survey, plan: PrunePlan) -> Repacked:
    """Repack what the plan chose; a full store only means that nothing is gained by it this time."""
    try:
        return repack(vault, survey.census, [fate.pack_hash for fate in plan.repacked], survey.needs.segments)
    except StoreFull:
        vault.report(
            Finding(
                code="not-repacked",
                severity=Severity.WARNING,
                subject="packs",
                template="Packs that are mostly dead were not copied together, because the store is full",
                hint_template="Free some space, then run 'rebond prune' again.",
            )
        )
        return Repacked()


def _carry_out(
    vault: Vault, run: bytes, survey: Survey, plan: PrunePlan, options: PruneOptions, made: MadePacks
) -> list[MarkOutcome]:
    """Carry through the marks that earlier runs left, then this run's own."""
    names_by_mark = {mark.name: tuple(mark.body.names) for mark in survey.marks.marks}
    outcomes = []
    for mark in plan.taken_up:
        taken = MarkRun(vault, run, survey, options, names=names_by_mark[mark], mark=mark, made=made)
        outcomes.append(taken.run())
    own = plan.marked_names()
    if own:
        outcomes.append(MarkRun(vault, run, survey, options, names=own, made=made).run())
    return outcomes


def _put_run_record(vault: Vault, run: bytes, survey: Survey, outcome: PruneOutcome) -> None:
    """Say what was done, which records there are, and how long the open journals are: the next run compares."""
    counts: dict[str, int] = {}
    for name in outcome.deleted:
        kind = name.split("/")[0]
        counts[kind] = counts.get(kind, 0) + 1
    listing = list_records(vault)
    record = msgspec.structs.replace(
        begin_record(run, "prune", vault.clock),
        knows_records=True,
        known=rows_of_names(listing.record_names - listing.tombstones),
        journals={session.record_name: len(session.journal) for session in survey.open_sessions()},
        packs=len(survey.census.table),
        marks=[str(mark) for mark in outcome.marks],
        deleted=counts,
        freed_bytes=outcome.freed_bytes,
    )
    put_run(vault.store, vault.credentials, record)
