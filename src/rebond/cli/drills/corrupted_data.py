"""The data is corrupt: the last good moment is found over snapshots, then in the log, with the checks as oracle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from rebond.cli.drills.drilling import DrillWish, run_drill, try_out
from rebond.cli.drills.shown import say_check
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.config.components import Postgres, Sqlite
from rebond.config.model import Loaded
from rebond.errors import UnknownName, UsageError, WalGap
from rebond.operations.drills.outcomes import Answer, Check, DrillOutcome, Verdict
from rebond.operations.drills.searching import Found, find_last_good
from rebond.operations.physical.bases import Base, find_base
from rebond.operations.physical.commits import Commits, FoundCommit, find_last_good_commit
from rebond.operations.physical.reaching import find_window
from rebond.operations.physical.targets import Target, TargetKind
from rebond.operations.physical.timelines import choose_timeline
from rebond.operations.point_in_time import open_log
from rebond.operations.snapshots import time_of
from rebond.sources.postgres_physical.wal_records import Mark
from rebond.stack.drills.evidence import Evidence, LogSearch, SearchStep
from rebond.stack.objectives.promises import Promise, judge_drill
from rebond.stack.wal_places import find_wal_components
from rebond.units import format_moment
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord

MOST_STEPS = 40  # more than halving a million million takes
PATIENCE_SECONDS = 7200
_OWN = "own-check"


class CannotBeAskedError(Exception):
    """A snapshot did not come back, so nobody knows what its data was like. ``args`` are its record and a check."""


@dataclass(slots=True, kw_only=True)
class _Search:
    """One search under way."""

    invocation: Invocation
    vault: Vault
    loaded: Loaded
    watcher: Watcher
    only: tuple[str, ...]
    has_time: Callable[[], bool]
    may_go_on: Callable[[int], bool]
    steps: list[SearchStep] = field(default_factory=list)
    skipped: list[Check] = field(default_factory=list)
    _known: dict[bytes, bool] = field(default_factory=dict)

    def try_at(self, record: SnapshotRecord, targets: Mapping[str, Target]) -> bool:
        """Bring a snapshot back, to these moments of its data directories, and ask the user's checks.

        Raises ``UsageError`` where one could not be asked, ``CannotBeAskedError`` where the snapshot did not come back.
        """
        wish = DrillWish(only=self.only, asks_only_user=True, is_newest=False, targets=targets)
        outcome = try_out(self.invocation, self.vault, record, self.loaded, self.watcher, wish)
        broken = next((each for each in outcome.checks if each.answer is Answer.FAIL and each.code != _OWN), None)
        if broken is not None:
            raise CannotBeAskedError(record, broken)
        _require_asked(outcome)
        return outcome.verdict is Verdict.PASS

    def ask(self, record: SnapshotRecord) -> bool:
        """Say whether a snapshot is good; each is asked once."""
        if record.snapshot not in self._known:
            self._known[record.snapshot] = is_good = self.try_at(record, {})
            self._say(format_moment(time_of(record)), is_good=is_good)
            self.steps.append(SearchStep(snapshot=record.snapshot.hex(), moment_ms=time_of(record), is_good=is_good))
        return self._known[record.snapshot]

    def _say(self, moment: str, *, is_good: bool) -> None:
        """Tell how the search goes: each look takes as long as a restore."""
        words = tr("{moment}: good", moment=moment) if is_good else tr("{moment}: bad", moment=moment)
        note(self.invocation, words)

    def halve(self, records: Sequence[SnapshotRecord]) -> Found[SnapshotRecord]:
        """Find the last good snapshot; those that do not come back are left out, and named."""
        left = list(records)
        while True:
            try:
                return find_last_good(left, self.ask, self.has_time)
            except CannotBeAskedError as error:
                record, check = error.args
                self.skipped.append(replace(check, subject=f"{record.snapshot.hex()[:8]} {check.subject}"))
                left.remove(record)

    def search_logs(self, good: SnapshotRecord, bad: SnapshotRecord | None) -> LogSearch | None:
        """Look for the transaction between a good snapshot and a bad one, or now: log by log.

        ``None`` where there is no log between them, or nothing in it is to blame.
        """
        for name in find_wal_components(self.loaded):
            base = find_base(self.vault, good, name)
            if base is None or (self.only and name not in self.only):
                continue
            later = find_base(self.vault, bad, name) if bad is not None else None
            found = self._search_log(base, later)
            if found is not None and (found.found.first_bad is not None or found.found.is_cut):
                return found
        return None

    def _search_log(self, base: Base, later: Base | None) -> LogSearch | None:
        began = SystemClock().monotonic()
        log = open_log(self.vault, base)
        try:
            window = find_window(log, base, choose_timeline(log, base))
        except WalGap:
            return None
        is_same = later is not None and later.facts.system_id == base.facts.system_id
        commits = Commits(log, window, _moment_of(base), _moment_of(later) if later is not None and is_same else None)

        def ask(commit: Mark) -> bool:
            moment = {base.component: Target(kind=TargetKind.LSN, number=commit.lsn)}
            try:
                is_good = self.try_at(base.record, moment)
            except CannotBeAskedError as error:
                _, check = error.args
                raise UnknownName(
                    "The last good snapshot is {id}, but its log could not be looked into: {reason}",
                    hint="Restore that snapshot; 'rebond verify' and 'rebond wal status' say more.",
                    id=base.record.snapshot.hex()[:8],
                    reason=say_check(check)[0],
                ) from error
            self._say(format_moment(commit.time_us // 1000), is_good=is_good)
            return is_good

        found = find_last_good_commit(commits, ask, self.may_go_on)
        return LogSearch(component=base.component, found=found, seconds=SystemClock().monotonic() - began)


def drill_corrupted_data(
    invocation: Invocation,
    vault: Vault,
    loaded: Loaded,
    watcher: Watcher,
    records: Sequence[SnapshotRecord],
    *,
    patience_seconds: int = PATIENCE_SECONDS,
) -> Evidence:
    """Find the last moment in which the user's checks hold, and bring that back.

    First among ``records``, oldest first; then, where a database has a log, among the transactions behind that
    snapshot, until ``patience_seconds`` are over. Raises ``UsageError`` without a check to ask, ``UnknownName`` when no
    snapshot is good.
    """
    clock = SystemClock()
    began = clock.monotonic()

    def has_time() -> bool:
        return clock.monotonic() - began < patience_seconds

    search = _Search(
        invocation=invocation,
        vault=vault,
        loaded=loaded,
        watcher=watcher,
        only=find_asked(loaded),
        has_time=has_time,
        may_go_on=lambda asked: asked < MOST_STEPS and has_time(),
    )
    found = search.halve(records)
    good = _require_good(found, records, search)
    logged = search.search_logs(good, found.first_bad)
    seconds = clock.monotonic() - began
    wish = DrillWish(
        scenario="corrupted-data", is_newest=True, targets=_find_targets(logged), checks=_say_skipped(search.skipped)
    )
    evidence = run_drill(invocation, vault, good, loaded, watcher, wish)
    outcome = _count_lost(evidence.outcome, good, logged, seconds)
    judgement = judge_drill(outcome, loaded.configuration, scenario="corrupted-data")
    # What is promised of each component speaks of losing it, not of finding out late that it was spoilt.
    judgement = replace(
        judgement,
        promises=tuple(each for each in judgement.promises if each.is_scenario),
        rto=_of_scenario(judgement.rto, outcome.rto_seconds),
        rpo=_of_scenario(judgement.rpo, outcome.rpo_seconds),
    )
    return replace(
        evidence,
        outcome=outcome,
        judgement=judgement,
        search=tuple(search.steps),
        search_seconds=seconds,
        log_search=logged,
    )


def _of_scenario(promise: Promise, measured_seconds: float) -> Promise:
    """Return what is said of the whole beside its promise: beside that of a component it would look kept or missed."""
    if promise.is_scenario:
        return promise
    return replace(promise, subject="corrupted-data", promised_seconds=None, measured_seconds=measured_seconds)


def _require_good(found: Found[SnapshotRecord], records: Sequence[SnapshotRecord], search: _Search) -> SnapshotRecord:
    """Return the last good snapshot. Raises ``UnknownName`` where none could be asked, or none is good."""
    if not records or len(search.skipped) == len(records):
        raise UnknownName(
            "No snapshot can be asked: none holds {names} whole and comes back.",
            hint="See 'rebond snapshots' and 'rebond verify'.",
            names=", ".join(search.only) or "–",
        )
    if found.last_good is None and len(found.probes) + len(search.skipped) < len(records):
        raise UnknownName(
            "The time was over before a good snapshot was found: {asked} of {count} were asked.",
            hint="Give it more time: --patience. Or see whether the checks are right: 'rebond drill' names what they "
            "say.",
            asked=len(found.probes),
            count=len(records),
        )
    if found.last_good is None:
        raise UnknownName(
            "No snapshot is good: the checks fail in each of {count}.",
            hint="See whether the checks are right: 'rebond drill' names what they say.",
            count=len(found.probes),
        )
    return found.last_good


def find_asked(loaded: Loaded) -> tuple[str, ...]:
    """Return the components that the user's checks need; empty for all. Raises ``UsageError`` without a check."""
    drilling, components = loaded.configuration.drill, loaded.configuration.component
    if drilling is None or not drilling.checks:
        raise UsageError(
            "There is no check that could tell good data from bad.",
            hint="Write one: [drill] checks = [{example}].",
            example='{ name = "…", sql = "SELECT …" }',
        )
    if any(each.sql is None for each in drilling.checks):
        return ()
    named = tuple(each.component for each in drilling.checks if each.component is not None)
    if len(named) == len(drilling.checks):
        return named
    return tuple(name for name, each in components.items() if isinstance(each, Postgres | Sqlite))


def _require_asked(outcome: DrillOutcome) -> None:
    """Raise ``UsageError`` where something could not be asked: nothing can be found with half an oracle."""
    if outcome.verdict is not Verdict.PARTIAL:
        return
    missing = next((each for each in outcome.checks if each.answer is Answer.NOT_RUN), None)
    raise UsageError(
        "The check {name} could not be asked, so nothing can be found with it: {reason}",
        hint="Mend that, then run the same drill again.",
        name=missing.subject if missing else "–",
        reason=say_check(missing)[0] if missing else "–",
    )


def _moment_of(base: Base) -> int:
    """Return the position of the snapshot's own moment: what it shows when it is restored without another one."""
    return base.facts.restore_point.lsn if base.facts.restore_point is not None else base.facts.stop


def _find_targets(logged: LogSearch | None) -> dict[str, Target]:
    """Return the moment that the spoilt database is brought back to; without a good commit it is the snapshot's own."""
    if logged is None or logged.found.last_good is None:
        return {}
    return {logged.component: Target(kind=TargetKind.LSN, number=logged.found.last_good.lsn)}


def _count_lost(
    outcome: DrillOutcome, record: SnapshotRecord, logged: LogSearch | None, search_seconds: float
) -> DrillOutcome:
    """Return an outcome whose times are those of the whole: looking belongs to coming back.

    Of a database whose log was searched, what came from the first bad transaction on is lost; of the rest what came
    after the snapshot.
    """
    ages = {each.name: max(0, outcome.began_ms - time_of(record)) / 1000 for each in outcome.components}
    if logged is not None and logged.found.first_bad is not None:
        since_us = _first_lost_us(logged.found)
        ages[logged.component] = max(0, outcome.began_ms - since_us // 1000) / 1000
    return replace(
        outcome,
        rto_seconds=outcome.rto_seconds + search_seconds,
        rpo_seconds=max(ages.values(), default=0.0),
        components=tuple(replace(each, age_seconds=ages[each.name]) for each in outcome.components),
    )


def _first_lost_us(found: FoundCommit) -> int:
    """Return when that was committed which is lost first: what may be good behind the last good one is not kept."""
    last = found.last_good if found.is_cut and found.last_good is not None else found.first_bad
    return last.time_us if last is not None else 0


def _say_skipped(skipped: Sequence[Check]) -> tuple[Check, ...]:
    return tuple(replace(each, answer=Answer.NOT_RUN) for each in skipped)
