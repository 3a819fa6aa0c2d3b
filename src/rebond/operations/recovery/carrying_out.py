"""Carrying out a plan step by step, going on with one that was cut, and undoing one."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from rebond.clock import Clock
from rebond.errors import RebondError, RestoreError
from rebond.findings import Finding, Severity
from rebond.logs.masking import mask
from rebond.operations.hooks import Hook, OnFailure
from rebond.operations.recovery.checking import Question, ask_until_good, check_room, verify_sources
from rebond.operations.recovery.journal import Event, Journal, RunState
from rebond.operations.recovery.known_runs import require_state
from rebond.operations.recovery.late_part import ComesLate
from rebond.operations.recovery.late_writes import ask_again, was_written_late
from rebond.operations.recovery.own_touches import read_touches
from rebond.operations.recovery.parts import Brings, KeepsNewer, NeedsServer, Part, Source
from rebond.operations.recovery.plan import CHANGES_NOTHING, RecoveryPlan, Step, StepKind
from rebond.operations.recovery.reserve import keep_reserve
from rebond.operations.recovery.telling import (
    remedy_of,
    tell_failed_back,
    tell_left_in_server,
    tell_newer_kept,
    tell_undone,
)
from rebond.progress import Advance, Observer

_ONLY_LOOK = frozenset({StepKind.VERIFY, StepKind.ROOM})
_STOPS = frozenset({StepKind.ISOLATE, StepKind.STOP})


class Means(Struct, frozen=True, kw_only=True):
    """What carries out the steps of a plan: parts by name, commands and questions in the order of the plan."""

    parts: Mapping[str, Part]
    sources: Sequence[Source] = ()
    commands: Mapping[StepKind, Sequence[Hook]] = field(default_factory=dict)
    questions: Sequence[Question] = ()


class StepTaken(Struct, frozen=True, kw_only=True):
    """A step that was done, and how long that took: all its ``tries`` together, where earlier ones were cut."""

    step: Step
    seconds: float
    tries: int = 1


class Recovery:
    """One run of a plan. Hold ``journal.held()`` around every call."""

    def __init__(self, plan: RecoveryPlan, means: Means, journal: Journal, observer: Observer, clock: Clock) -> None:
        self._plan = plan
        self._means = means
        self._journal = journal
        self._observer = observer
        self._clock = clock
        self._is_first = not journal.entries()  # since an earlier process a reboot may have stopped or started anything
        self._has_stopped = False  # in this process
        self._unstarted: list[str] = []  # the commands that failed to start the services on the way back

    # -- forward ---------------------------------------------------------------------------------

    def carry_out(self) -> tuple[StepTaken, ...]:
        """Do every step that is not done yet; return all that this run did.

        When a step fails, everything is undone, the services are started again, and the step's own error is raised
        with these facts. An interrupt undoes nothing: the journal knows where to go on. On a bare machine nothing is
        undone either, unless the step was one that only looks: hours of fetching stay.
        """
        require_state(self._journal, RunState.UNFINISHED)
        if not self._is_first:
            with contextlib.suppress(OSError):  # it is there, or there is no room
                keep_reserve(self._journal.folder)
        self._journal.tell_cut()
        with self._journal.giving_signs():
            self._stop_again()
            self._do_all()
        return self.steps_taken()

    def _do_all(self) -> None:
        ended: list[tuple[Event, dict[str, Any]]] = []  # a step that ended is written with what begins next
        for step in self._plan.steps:
            if self._journal.has_ended(step.number):
                continue
            began = self._clock.monotonic()
            facts: dict[str, Any] = {"step": step.number, "kind": step.kind.value, "subject": step.subject}
            self._note([*ended, (Event.STEP_BEGINS, facts)])
            self._observer.advanced(Advance(phase="restore", subject=f"{step.kind.value} {step.subject}"))
            try:
                self._do(step)
            except RebondError as error:
                facts["seconds"] = round(self._clock.monotonic() - began, 3)
                with contextlib.suppress(RebondError):  # what failed is told anyhow, and undone
                    self._journal.write(Event.STEP_FAILS, **facts, reason=mask(error.message)[:500])
                raise self._end_after(step, error) from error
            ended = [(Event.STEP_ENDS, {**facts, "seconds": round(self._clock.monotonic() - began, 3)})]
        self._note([*ended, (Event.KEPT, {})])

    def _note(self, events: Sequence[tuple[Event, Mapping[str, Any]]]) -> None:
        try:
            self._journal.write_all(events)
        except RebondError as error:
            raise self._unwritten(error, is_last=events[-1][0] is Event.KEPT) from error

    def _unwritten(self, error: RebondError, *, is_last: bool) -> RestoreError:
        run = self._journal.run
        if is_last:
            return RestoreError(
                "The restore {run} did all its steps, and its end could not be written down: {reason}",
                hint="Mend that, then go on with: rebond restore --resume {run}\n"
                "  → or undo it: rebond restore --rollback {run}",
                run=run,
                reason=error,
            )
        if self._journal.has_begun(*(set(StepKind) - CHANGES_NOTHING)):
            return RestoreError(
                "The restore {run} stopped in the middle, and the services may be stopped: {reason}",
                hint="Mend that, then go on with: rebond restore --resume {run}\n"
                "  → or undo it: rebond restore --rollback {run}",
                run=run,
                reason=error,
            )
        return RestoreError(
            "The restore {run} stopped before it changed anything: {reason}",
            hint="Mend that, then go on with: rebond restore --resume {run}\n"
            "  → or undo it: rebond restore --rollback {run}",
            run=run,
            reason=error,
        )

    def _stop_again(self) -> None:
        """Stop what an earlier process had stopped, unless it was to run again already."""
        if self._journal.has_begun(StepKind.START, StepKind.HEALTHY):
            return
        for step in self._plan.steps:
            if step.kind in _STOPS and self._journal.has_ended(step.number):
                self._stop_once_more(self._means.commands[step.kind][self._position_of(step)])

    def _stop_once_more(self, hook: Hook) -> None:
        """Run what stops a service that is stopped, mostly: some commands call that a failure."""
        self._has_stopped = True
        try:
            hook.run()
        except RebondError as error:
            self._observer.noticed(
                Finding(
                    code="stopped-already",
                    severity=Severity.NOTE,
                    subject=hook.name,
                    template="'{command}' ran again, as a reboot may have started what it stops, and failed: {reason}",
                    hint_template="That is well if nothing of the stack ran.",
                    values={"command": hook.name, "reason": error},
                )
            )

    def steps_taken(self) -> tuple[StepTaken, ...]:
        """Return the steps that were done, with their true durations."""
        seconds = self._journal.seconds_of()
        return tuple(
            StepTaken(step=each, seconds=seconds[each.number], tries=self._journal.tries_of(each.number))
            for each in self._plan.steps
            if each.number in seconds
        )

    def _do(self, step: Step) -> None:
        parts = self._means.parts
        match step.kind:
            case StepKind.VERIFY:
                verify_sources(self._means.sources)
            case StepKind.ROOM:
                check_room(parts.values())
            case StepKind.REACH:
                self._reach(parts[step.subject])
            case StepKind.MAKE:
                self._make([each for each in parts.values() if isinstance(each, ComesLate)])
            case StepKind.FETCH:
                self._reach_again(parts[step.subject])
                parts[step.subject].fetch(self._observer)
            case StepKind.SET_ASIDE:
                parts[step.subject].set_aside()
            case StepKind.PUT:
                self._reach_again(parts[step.subject])
                parts[step.subject].put()
            case StepKind.HEALTHY:
                ask_until_good(self._means.questions[self._position_of(step)], self._clock)
            case _:
                self._has_stopped |= step.kind is StepKind.STOP
                self._run(self._means.commands[step.kind][self._position_of(step)])

    def _reach_again(self, part: Part) -> None:
        if not self._is_first:
            self._reach(part)

    def _reach(self, part: Part) -> None:
        if isinstance(part, NeedsServer):
            part.reach(self._clock)

    def _make(self, parts: Sequence[ComesLate]) -> None:
        """Look at the places of all before the first is made: one command may make several."""
        for each in parts:
            each.look()
        for each in parts:
            each.make(self._observer)
        check_room([each for each in self._means.parts.values() if isinstance(each, ComesLate)])

    def _position_of(self, step: Step) -> int:
        """Return which of its kind a step is, from 0."""
        return sum(each.kind is step.kind and each.number < step.number for each in self._plan.steps)

    def _run(self, hook: Hook) -> None:
        try:
            hook.run()
        except RebondError as error:
            if hook.on_failure is OnFailure.STOP:
                raise error.told_by("'{command}' failed: {failure}", command=hook.name, failure=error) from error
            self._observer.noticed(
                Finding(
                    code="step-failed",
                    severity=Severity.NOTE if hook.on_failure is OnFailure.IGNORE else Severity.WARNING,
                    subject=hook.name,
                    template="'{command}' failed, and the restore went on: {reason}",
                    hint_template="Run it by hand to see why.",
                    values={"command": hook.name, "reason": error},
                )
            )

    # -- back ------------------------------------------------------------------------------------

    def _end_after(self, step: Step, error: RebondError) -> RebondError:
        if not self._plan.is_bare or step.kind in _ONLY_LOOK or not self._has_brought():
            return self._undo_after(error)
        told = RestoreError(
            "What came back so far stays where it is. {reason}",
            hint="{remedy}\n  → Then go on with: rebond restore --resume {run}\n"
            "  → or undo it: rebond restore --rollback {run}",
            reason=error,
            remedy=remedy_of(error),
            run=self._journal.run,
        )
        return type(error)(told.template, hint=told.hint_template, **{**error.values, **told.values})

    def _has_brought(self) -> bool:
        """Say whether anything was fetched that it would be a pity to lose."""
        return any(not isinstance(each, Brings) or each.has_brought() for each in self._means.parts.values())

    def _undo_after(self, error: RebondError) -> RebondError:
        """Undo everything; return the error that says both."""
        has_changed = self._journal.has_begun(*(set(StepKind) - CHANGES_NOTHING))
        try:
            self.roll_back()
        except RebondError as second:
            return RestoreError(
                "A step failed, and taking everything back failed too: {second} The step: {reason}",
                hint="{remedy}\n  → Then go on with: rebond restore --rollback {run}",
                reason=error,
                second=second,
                remedy=remedy_of(second),
                run=self._journal.run,
            )
        if not has_changed:
            return error.told_by("Nothing was changed. {reason}", reason=error)
        return tell_undone(error, self._unstarted)

    def roll_back(self, lost: Collection[str] = ()) -> None:
        """Put the old version back as far as it was touched, start the services, remove what was brought.

        May be called at any time before the run is accepted, and again when it was cut. Raises ``RebondError`` when
        a part cannot be taken back; commands that fail are told, and stop nothing. Parts that are ``lost`` with their
        server stay as they are, and are told.
        """
        allowed = (RunState.UNFINISHED, RunState.KEPT, RunState.ROLLING_BACK)
        require_state(self._journal, *allowed)
        had_been_kept = any(each.event is Event.KEPT for each in self._journal.entries())
        has_stopped = self._journal.has_begun(StepKind.STOP, StepKind.ISOLATE)
        touched = self._journal.begun_parts()
        if self._journal.state is not RunState.ROLLING_BACK:
            written = self.find_written(lost) if had_been_kept else []
            self._journal.write(Event.ROLLING_BACK, subject=",".join(written))
        written = self._journal.written_since()  # what is half taken back cannot be asked any more
        self._leave(lost)
        done = self._find_done()
        if self._journal.has_begun(StepKind.START, StepKind.HEALTHY) and not done:
            self._run_all(StepKind.STOP)
        elif has_stopped and not self._has_stopped and not done.issuperset(touched):
            for hook in self._means.commands.get(StepKind.STOP, ()):
                self._stop_once_more(hook)
        # A site that was up until its health was found wanting has had visitors.
        was_used = had_been_kept or self._journal.has_begun(StepKind.START, StepKind.HEALTHY) or not has_stopped
        if had_been_kept and self._means.commands.get(StepKind.STOP):
            written += ask_again(self._means.parts, self._journal, {*written, *done})
        for name in self._order_back(touched):
            if name not in done:
                part = self._means.parts[name]
                self._reach_what_is_there(part, "rollback")
                if name in touched:
                    self._take_back(part, keeps_new=name in written, was_used=was_used)
                if isinstance(part, NeedsServer):
                    part.discard()
                self._journal.write(Event.TAKEN_BACK, subject=name)
        if (has_stopped or touched) and not self._brought_everything():
            self._unstarted = self._run_all(StepKind.START)
        for name, part in self._means.parts.items():
            if name not in self._find_left():
                part.discard()
        self._journal.write(Event.ROLLED_BACK)

    def _order_back(self, touched: Sequence[str]) -> list[str]:
        """Return the last one first; what lies in servers before all: their files, which start them, go after it."""
        servers = [name for name, each in self._means.parts.items() if isinstance(each, NeedsServer)]
        return [*reversed(servers), *(each for each in reversed(touched) if each not in servers)]

    def _brought_everything(self) -> bool:
        """Say whether nothing of the stack was there before: then there is nothing to be started again."""
        return self._plan.is_bare and all(each.is_new or each.needs_server for each in self._plan.parts)

    def _reach_what_is_there(self, part: Part, way: str) -> None:
        if not isinstance(part, NeedsServer) or not part.has_something_there():
            return
        try:
            part.reach(self._clock)
        except RebondError as error:
            raise RestoreError(
                error.template,
                hint="{remedy}\n  → Where that server is lost for good, leave it out: "
                "rebond restore --{way} {run} --without {component}",
                **{
                    **error.values,
                    "remedy": remedy_of(error),
                    "way": way,
                    "run": self._journal.run,
                    "component": part.name,
                },
            ) from error

    def _find_done(self) -> set[str]:
        """Return the parts of which nothing is to be undone any more."""
        return {each.subject for each in self._journal.entries() if each.event in (Event.TAKEN_BACK, Event.LEFT)}

    def _find_left(self) -> set[str]:
        """Return the parts that are lost with their server: nothing is asked of that, and nothing done in it."""
        return {each.subject for each in self._journal.entries() if each.event is Event.LEFT}

    def _leave(self, lost: Collection[str]) -> None:
        for name in lost:
            if name not in self._find_done():
                self._journal.write(Event.LEFT, subject=name)
        for name in sorted(self._find_left()):
            part = self._means.parts[name]
            if isinstance(part, NeedsServer):
                self._observer.noticed(tell_left_in_server(name, part.describe_left()))

    def _take_back(self, part: Part, *, keeps_new: bool, was_used: bool) -> None:
        part.take_back()
        if isinstance(part, KeepsNewer):
            keeps_new = keeps_new or (was_used and was_written_late(part))
            if keeps_new:
                part.keep_new()
            if where := part.find_newer():
                self._observer.noticed(tell_newer_kept(part.name, where))

    def _run_all(self, kind: StepKind) -> list[str]:
        """Run all commands of a kind; return those that failed: on the way back there is no way back."""
        failed = []
        for hook in self._means.commands.get(kind, ()):
            try:
                hook.run()
            except RebondError as error:
                failed.append(hook.name)
                self._observer.noticed(tell_failed_back(hook.name, error, is_stop=kind is StepKind.STOP))
        return failed

    def find_written(self, lost: Collection[str] = ()) -> list[str]:
        """Return the parts that somebody wrote to since they came back; those that are ``lost`` cannot be asked."""
        since_ns, own = self._journal.put_ns, read_touches(self._journal.folder)
        touched = [(name, self._means.parts[name]) for name in self._journal.begun_parts() if name not in lost]
        return [name for name, part in touched if part.was_written_since(since_ns, own)]

    def accept(self, lost: Collection[str] = ()) -> None:
        """Delete the old version. Raises ``Refused`` unless the run was kept.

        What lies in a server that is ``lost`` stays, and is told.
        """
        require_state(self._journal, RunState.KEPT, RunState.ACCEPTING)
        if self._journal.state is not RunState.ACCEPTING:
            self._journal.write(Event.ACCEPTING)
        self._leave(lost)
        for name, part in self._means.parts.items():
            if name not in self._find_left():
                self._reach_what_is_there(part, "accept")
                part.accept()
        self._journal.write(Event.ACCEPTED)
