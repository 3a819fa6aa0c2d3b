"""Forgetting: which snapshots go to the trash, and putting them there (section 10).

A forgotten snapshot is one that a *forget mark* names. Nothing of it is deleted: it is off the
lists, its content stays needed, and it can be taken back until a prune claims the mark.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec import Struct

from rebond.errors import ObjectMissing, Refused, StoreError, UsageError
from rebond.findings import Finding, Severity
from rebond.identifiers import MemberId, ObjectName, random_id
from rebond.vault.access import Vault
from rebond.vault.commits import read_snapshots
from rebond.vault.holds import find_held, read_holds
from rebond.vault.marks import MarkBody, put_mark, read_marks, report_unreadable
from rebond.vault.protocol_rules import MarkPurpose
from rebond.vault.retention import (
    DEFAULT_GROUPS,
    Candidate,
    Decision,
    GroupBy,
    KeepPolicy,
    candidate_of,
    decide_retention,
)
from rebond.vault.runs import RunRecord, begin_record, list_usual_counts, put_run
from rebond.vault.sessions import list_sessions, read_is_done
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.undeleting import take_back_mark

YOUNG_MS = 24 * 3_600_000  # of store time: an unattended run leaves younger ones alone
LEAST_LIMIT = 10
USUAL_FACTOR = 3


class Standing(Struct, frozen=True, kw_only=True):
    """What there is to forget from. Times are milliseconds since 1970, UTC.

    ``candidates`` are the listed snapshots. ``unsettled`` are those whose writer may still repeat
    its put. ``usual`` says how many went in earlier runs, newest first.
    """

    candidates: tuple[Candidate, ...]
    unsettled: frozenset[ObjectName]
    usual: tuple[int, ...]
    now_ms: int

    @property
    def limit(self) -> int:
        """How many an unattended run may forget."""
        ordered = sorted(self.usual)
        usual = ordered[len(ordered) // 2] if ordered else 0
        return max(LEAST_LIMIT, USUAL_FACTOR * usual)


class ForgetPlan(Struct, frozen=True, kw_only=True):
    """What goes to the trash; nothing has happened yet. ``left`` says what an unattended run leaves for later."""

    chosen: tuple[Candidate, ...]
    decisions: tuple[Decision, ...]
    is_confirmed: bool
    reason: str
    left: tuple[Finding, ...] = ()


class ForgetOutcome(Struct, frozen=True, kw_only=True):
    """What was forgotten, and the mark that says so (``None`` when nothing was)."""

    mark: ObjectName | None
    forgotten: tuple[Candidate, ...]


def survey(vault: Vault) -> Standing:
    """Read what a plan needs: marks, snapshots, holds, the journals of young sessions, earlier runs."""
    vault.credentials.require_keeper()
    marks = read_marks(vault.store, vault.vault_id, vault.roster)
    report_unreadable(vault, marks)
    in_trash = marks.forgotten()
    records = [record for record in read_snapshots(vault) if record.name not in in_trash]
    now_ms = vault.clock.now_ms()
    held = find_held(records, read_holds(vault), now_ms)
    return Standing(
        candidates=tuple(candidate_of(record, held) for record in records),
        unsettled=_find_unsettled(vault, records, now_ms),
        usual=tuple(list_usual_counts(vault)),
        now_ms=now_ms,
    )


def _find_unsettled(vault: Vault, records: Sequence[SnapshotRecord], now_ms: int) -> frozenset[ObjectName]:
    young = {record.name for record in records if now_ms - record.store_time_ms < YOUNG_MS}
    if not young:
        return frozenset()
    return frozenset(
        session.record_name
        for session in list_sessions(vault.store)
        if session.record_name in young and not read_is_done(vault.store, session, vault.vault_id, vault.roster)
    )


def plan_by_policy(
    standing: Standing,
    policy: KeepPolicy,
    *,
    zone: dt.tzinfo,
    group_by: Sequence[GroupBy] = DEFAULT_GROUPS,
    is_confirmed: bool,
    scope: Collection[str] | None = None,
) -> ForgetPlan:
    """Apply a policy to the listed snapshots, or to those of ``scope`` (names of records). Pure.

    Without ``is_confirmed`` (an unattended run) the youngest stay and only so many go at once, the
    oldest first. Raises ``UsageError`` for a policy that keeps nothing.
    """
    if policy.keeps_nothing:
        raise UsageError(
            "This policy keeps nothing.", hint="Give at least one rule, such as --keep-daily 7 or --keep-last 3."
        )
    considered = [c for c in standing.candidates if scope is None or c.name in scope]
    decisions = tuple(decide_retention(considered, policy, zone=zone, group_by=group_by, now_ms=standing.now_ms))
    going = sorted(
        (decision.candidate for decision in decisions if not decision.is_kept), key=lambda c: (c.time_ms, c.name)
    )
    left = [_unsettled(c) for c in going if c.name in standing.unsettled]
    going = [c for c in going if c.name not in standing.unsettled]
    if not is_confirmed:
        left += [_young(c) for c in going if standing.now_ms - c.store_time_ms < YOUNG_MS]
        going = [c for c in going if standing.now_ms - c.store_time_ms >= YOUNG_MS]
        left += [_over_limit(c, standing.limit) for c in going[standing.limit :]]
        going = going[: standing.limit]
    return ForgetPlan(
        chosen=tuple(going), decisions=decisions, is_confirmed=is_confirmed, reason="policy", left=tuple(left)
    )


def join_plans(standing: Standing, plans: Sequence[ForgetPlan], *, is_confirmed: bool) -> ForgetPlan:
    """Return several plans, each for snapshots of its own, as one. The limit of an unattended run is for all."""
    going = sorted((each for plan in plans for each in plan.chosen), key=lambda c: (c.time_ms, c.name))
    left = [each for plan in plans for each in plan.left]
    if not is_confirmed:
        left += [_over_limit(c, standing.limit) for c in going[standing.limit :]]
        going = going[: standing.limit]
    return ForgetPlan(
        chosen=tuple(going),
        decisions=tuple(each for plan in plans for each in plan.decisions),
        is_confirmed=is_confirmed,
        reason="policy",
        left=tuple(left),
    )


def plan_by_name(standing: Standing, names: Collection[str], *, is_confirmed: bool) -> ForgetPlan:
    """Choose the snapshots that somebody named. Pure.

    Raises ``Refused`` when one is held, when nothing complete would be left of a component, when its
    writer may not know yet that it stands, or when a young one is to go unattended.
    """
    chosen = tuple(c for c in standing.candidates if c.name in names)
    for candidate in chosen:
        if candidate.is_held:
            raise Refused(
                "The snapshot {snapshot} is held.",
                hint="Run 'rebond unhold {snapshot}' first, if that is meant.",
                snapshot=candidate.snapshot.hex(),
            )
        if candidate.name in standing.unsettled:
            raise Refused(
                "The snapshot {snapshot} is younger than a day and its backup never said that it ended.",
                hint="Wait until the backup has ended, or until tomorrow.",
                snapshot=candidate.snapshot.hex(),
            )
        if not is_confirmed and standing.now_ms - candidate.store_time_ms < YOUNG_MS:
            raise Refused(
                "The snapshot {snapshot} is younger than a day.",
                hint="Run the command again with --yes, if that is meant.",
                snapshot=candidate.snapshot.hex(),
            )
    rest = [c for c in standing.candidates if c.name not in names]
    _require_something_left(chosen, rest)
    return ForgetPlan(chosen=chosen, decisions=(), is_confirmed=is_confirmed, reason="by name")


def find_bereft(going: Iterable[Candidate], staying: Iterable[Candidate]) -> frozenset[tuple[MemberId, str, str]]:
    """Return the (member, stack, component) of which nothing complete would be left."""
    return _complete_keys(going) - _complete_keys(staying)


def _complete_keys(candidates: Iterable[Candidate]) -> frozenset[tuple[MemberId, str, str]]:
    return frozenset((c.member, c.stack, component) for c in candidates for component in c.complete)


def _require_something_left(going: Sequence[Candidate], staying: Sequence[Candidate]) -> None:
    bereft = sorted(find_bereft(going, staying))
    if bereft:
        _, stack, component = bereft[0]
        raise Refused(
            "Nothing complete would be left of {component} in stack {stack}.",
            hint="Make another backup first, or leave the newest complete snapshot.",
            component=component,
            stack=stack,
        )


def forget(vault: Vault, plan: ForgetPlan) -> ForgetOutcome:
    """Put what a plan chose into the trash. May be run again; nothing is deleted.

    What somebody else did since the plan was made counts: after the mark stands, everything is
    looked at once more, and the mark is taken back (``Refused``) when the last complete one would go.
    """
    vault.credentials.require_keeper()
    vault.roster.require_prunable()
    if not plan.chosen:
        return ForgetOutcome(mark=None, forgotten=())
    names = sorted(candidate.name for candidate in plan.chosen)
    run = random_id()
    body = MarkBody(
        purpose=MarkPurpose.FORGET.value,
        time_ms=vault.clock.now_ms(),
        reason=plan.reason,
        names=[str(name) for name in names],
        run=run,
    )
    mark = put_mark(vault.store, vault.credentials, body)
    try:
        _look_again(vault, plan, vault.store.stat(mark).modified_ms)
    except ObjectMissing:
        return ForgetOutcome(mark=mark, forgotten=plan.chosen)  # a prune was quick to empty the trash
    except Refused:
        if not take_back_mark(vault, mark, run):
            vault.report(_not_taken_back(mark))  # what was refused would be taken for undone
        raise
    record = begin_record(run, "forget", vault.clock)
    try:
        put_run(vault.store, vault.credentials, _with_trashed(record, len(names), mark))
    except StoreError as error:
        vault.report(_not_counted(mark, error))  # the mark stands: whoever hears of a failure would be told wrong
    return ForgetOutcome(mark=mark, forgotten=plan.chosen)


def _not_counted(mark: ObjectName, error: StoreError) -> Finding:
    return Finding(
        code="forget-not-counted",
        severity=Severity.NOTE,
        subject=mark,
        template="The snapshots lie in the trash, but no record of this run could be put: {reason}",
        hint_template="Nothing is to be done; 'rebond undelete ID' takes one back.",
        values={"reason": error},
    )


def _not_taken_back(mark: ObjectName) -> Finding:
    return Finding(
        code="forget-not-taken-back",
        severity=Severity.WARNING,
        subject=mark,
        template="A prune began to delete them before this could be taken back: of these snapshots only those that are "
        "held, and the last complete ones, stay",
        hint_template="'rebond snapshots' lists what is left.",
    )


def _with_trashed(record: RunRecord, count: int, mark: ObjectName) -> RunRecord:
    return msgspec.structs.replace(record, trashed=count, marks=[str(mark)])


def _look_again(vault: Vault, plan: ForgetPlan, marked_ms: int) -> None:
    """Check the plan against what is there now that the mark stands. Raises ``Refused``."""
    if not plan.is_confirmed:
        young = [c for c in plan.chosen if marked_ms - c.store_time_ms < YOUNG_MS]
        if young:
            raise Refused(
                "The snapshot {snapshot} is younger than a day by the store's clock.",
                hint="Check this machine's clock, then run the same command again.",
                snapshot=young[0].snapshot.hex(),
            )
    in_trash = read_marks(vault.store, vault.vault_id, vault.roster).forgotten()
    staying = [candidate_of(record, ()) for record in read_snapshots(vault) if record.name not in in_trash]
    _require_something_left(plan.chosen, staying)


def _unsettled(candidate: Candidate) -> Finding:
    return Finding(
        code="left-unsettled",
        severity=Severity.NOTE,
        subject=candidate.snapshot.hex(),
        template="left for now: it is younger than a day and its backup never said that it ended",
    )


def _young(candidate: Candidate) -> Finding:
    return Finding(
        code="left-young",
        severity=Severity.NOTE,
        subject=candidate.snapshot.hex(),
        template="left for now: it is younger than a day",
        hint_template="Run 'rebond forget' with --yes to let it go now.",
    )


def _over_limit(candidate: Candidate, limit: int) -> Finding:
    return Finding(
        code="left-over-limit",
        severity=Severity.WARNING,
        subject=candidate.snapshot.hex(),
        template="left for now: an unattended run forgets at most {limit} snapshots here",
        hint_template="If so many are meant to go, run 'rebond forget' with --yes.",
        values={"limit": limit},
    )
