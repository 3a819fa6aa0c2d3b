"""The verb ``drill``: restore into a throw-away place, let it stand, ask, and say how long that took."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.clock import Clock
from rebond.errors import AccessDenied, MissingExtra, RebondError, SourceUnfit, StoreUnreachable
from rebond.findings import Finding, Severity
from rebond.operations.drills.open_snapshots import OpenSnapshots
from rebond.operations.drills.outcomes import Answer, Check, DrilledComponent, DrillOutcome, check_of_error
from rebond.operations.drills.rereading import Sample, reread
from rebond.operations.restore import RestoreOutcome, restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.operations.selection import Selection
from rebond.operations.snapshots import time_of
from rebond.progress import Advance, Observer
from rebond.sources.files.landing import Overwrite
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trees import StoredEntry

FETCH, LOAD, START = "fetch", "load", "start"
OBSTACLES = (SourceUnfit, MissingExtra)  # what is not to be had here: no word against the snapshot
UNANSWERED = (StoreUnreachable, AccessDenied)  # the vault could not be asked: nothing is proved either way
Ask = Callable[[], Iterable[Check]]  # an error that it raises is an answer too
Hear = Callable[[bytes, StoredEntry], None]


class Question(Struct, frozen=True, kw_only=True):
    """What is asked once everything stands. An error of ``ask`` is an answer too, under ``code`` and ``subject``.

    ``brings_up`` says that the answer is what makes the whole stand, an application: its time is the recovery's.
    """

    code: str
    subject: str
    ask: Ask
    brings_up: bool = False


class DrillPart(Struct, frozen=True, kw_only=True):
    """One component: where its tree is put, what makes it stand, what it is asked.

    It comes out of the snapshot ``record`` of ``vault``, which may be another than that of the rest. ``load`` brings a
    database up; its time belongs to the recovery. Without ``fetches`` it reads the vault itself, and no file is put
    anywhere. ``size_bytes`` is what was saved. ``hear`` is told of every path before it is written, with its entry.
    ``age_seconds`` is what is lost with it.
    """

    name: str
    kind: str
    vault: Vault
    record: SnapshotRecord
    target: Path
    size_bytes: int = 0
    fetches: bool = True
    selection: Selection = field(default_factory=Selection)
    load: Ask | None = None
    questions: tuple[Question, ...] = ()
    hear: Hear | None = None
    age_seconds: float = 0.0


class Stage(Protocol):
    """What the parts stand on, such as a server: ``begin`` starts to make it and does not wait."""

    def begin(self) -> None:
        """Start."""
        ...

    def close(self) -> None:
        """End everything; may be called twice."""
        ...


class DrillPlan(Struct, frozen=True, kw_only=True):
    """Everything of one drill, in the order in which it is restored. ``snapshots`` are those that are open already."""

    parts: tuple[DrillPart, ...]
    stages: tuple[Stage, ...] = ()
    questions: tuple[Question, ...] = ()
    checks: tuple[Check, ...] = ()  # answers that are known beforehand
    is_sample: bool = False
    snapshots: OpenSnapshots = field(default_factory=OpenSnapshots)


def drill(record: SnapshotRecord, plan: DrillPlan, observer: Observer, clock: Clock) -> DrillOutcome:
    """Restore, load, ask; ``record`` is the snapshot that is proven.

    What is wrong is in the outcome. Raises ``StoreUnreachable`` or ``AccessDenied`` when the vault cannot be asked.

    The folders that the parts name belong to the drill, and are left to whoever made them.
    """
    run = _Drill(plan.snapshots, observer, clock)
    began, began_ms = clock.monotonic(), clock.now_ms()
    try:
        for stage in plan.stages:
            stage.begin()
        with plan.snapshots:
            components = [run.bring_back(part) for part in plan.parts]
        back_seconds = clock.monotonic() - began
        asked = clock.monotonic()
        start_seconds = run.ask_all(plan)
        question_seconds = clock.monotonic() - asked - start_seconds
    finally:
        for stage in plan.stages:
            stage.close()
    return DrillOutcome(
        record=record,
        began_ms=began_ms,
        components=tuple(components),
        checks=(*plan.checks, *run.checks),
        phases=_add_up(components, start_seconds, question_seconds),
        rto_seconds=back_seconds + start_seconds,
        rpo_seconds=max(each.age_seconds for each in plan.parts)
        if plan.parts
        else max(0, began_ms - time_of(record)) / 1000,
        question_seconds=question_seconds,
        seconds=clock.monotonic() - began,
        is_sample=plan.is_sample,
        findings=tuple(run.findings),
    )


def _add_up(
    components: Iterable[DrilledComponent], start_seconds: float, question_seconds: float
) -> Mapping[str, float]:
    phases: dict[str, float] = {}
    for component in components:
        for name, seconds in component.phases.items():
            phases[name] = phases.get(name, 0.0) + seconds
    started = {START: start_seconds} if start_seconds else {}
    return {**phases, **started, "questions": question_seconds}


class _Fetched(Struct, frozen=True):
    """The files of a component that were put back: some of them, and how many they are."""

    sample: Sample
    files: int


class _Drill:
    """One drill under way."""

    def __init__(self, snapshots: OpenSnapshots, observer: Observer, clock: Clock) -> None:
        self._snapshots = snapshots
        self._clock = clock
        self._observer = observer
        self._fetched: dict[str, _Fetched] = {}
        self.checks: list[Check] = []
        self.findings: list[Finding] = []

    def bring_back(self, part: DrillPart) -> DrilledComponent:
        """Restore one component and let it stand."""
        phases: dict[str, float] = {}
        is_back, files, size_bytes = True, 0, part.size_bytes
        if part.fetches:
            began = self._clock.monotonic()
            fetched = self._fetch(part)
            is_back = fetched is not None
            files, size_bytes = (fetched.files, fetched.size_bytes) if fetched is not None else (0, 0)
            phases[FETCH] = self._clock.monotonic() - began
        if is_back and part.load is not None:
            self._observer.advanced(Advance(phase=LOAD, subject=part.name))
            began = self._clock.monotonic()
            self.checks += self._ask(Question(code="loaded", subject=part.name, ask=part.load))
            phases[LOAD] = self._clock.monotonic() - began
        return DrilledComponent(
            name=part.name,
            kind=part.kind,
            files=files,
            bytes=size_bytes,
            phases=phases,
            age_seconds=part.age_seconds,
        )

    def ask_all(self, plan: DrillPlan) -> float:
        """Ask every question, of the components and of the whole. Files are read back beside what else is asked.

        Return the seconds that it took to bring the whole up: after what came back was looked at, which an application
        may change.
        """
        rereader = ThreadPoolExecutor(1, "reread")
        try:
            rereads = [rereader.submit(self._ask_files, part) for part in plan.parts]
            asked = [[check for each in part.questions for check in self._ask(each)] for part in plan.parts]
            for reread_files, others in zip(rereads, asked, strict=True):
                self.checks += [*reread_files.result(), *others]
        finally:
            rereader.shutdown(wait=True, cancel_futures=True)
        start_seconds = 0.0
        for question in plan.questions:
            began = self._clock.monotonic()
            if question.brings_up:
                self._observer.advanced(Advance(phase=START, subject=question.subject))
            self.checks += self._ask(question)
            start_seconds += self._clock.monotonic() - began if question.brings_up else 0.0
        return start_seconds

    def _ask_files(self, part: DrillPart) -> list[Check]:
        fetched = self._fetched.get(part.name)
        if fetched is None or not fetched.sample.chosen:
            return []
        return list(self._ask(Question(code="files-reread", subject=part.name, ask=_comparing(part, fetched))))

    def _fetch(self, part: DrillPart) -> RestoreOutcome | None:
        """Put the files of a component back; ``None`` where there is nothing to go on with."""
        self._observer.advanced(Advance(phase=FETCH, subject=part.name))
        request = RestoreRequest(
            target=os.fsencode(part.target),
            components=(part.name,),
            selection=part.selection,
            strip=1,
            overwrite=Overwrite.ALWAYS if part.target.exists() and any(part.target.iterdir()) else None,
            keeps_owner=os.geteuid() == 0,
        )
        began = self._clock.monotonic()
        try:
            reader = self._snapshots.open(part.vault, part.record, for_all=not part.selection.includes)
            sample = Sample()
            outcome = restore(part.vault, part.record, request, self._observer, part.hear, opened=reader, drawn=sample)
            sample.settle(reader.chunk_rows)
        except UNANSWERED:
            raise
        except RebondError as error:
            self.checks.append(check_of_error("restored", part.name, error, is_obstacle=False))
            return None
        self._fetched[part.name] = _Fetched(sample, outcome.files)
        wrong = [each for each in outcome.findings if each.severity is not Severity.NOTE]
        self.findings += wrong
        self.checks += [_tell_finding(part.name, each) for each in wrong[:_FINDINGS_TOLD]]
        if not wrong:
            self.checks.append(
                Check(
                    code="restored",
                    subject=part.name,
                    answer=Answer.PASS,
                    template="{files} files and {directories} directories are back, {bytes} bytes.",
                    values={"files": outcome.files, "directories": outcome.directories, "bytes": outcome.size_bytes},
                    seconds=self._clock.monotonic() - began,
                )
            )
        return outcome

    def _ask(self, question: Question) -> Iterator[Check]:
        """Ask one question; whatever an error says is its answer."""
        began = self._clock.monotonic()
        try:
            for check in question.ask():
                seconds = self._clock.monotonic() - began
                yield check if check.seconds else replace(check, seconds=seconds)
                began = self._clock.monotonic()
        except UNANSWERED:
            raise
        except RebondError as error:
            yield check_of_error(
                question.code,
                question.subject,
                error,
                is_obstacle=isinstance(error, OBSTACLES),
                seconds=self._clock.monotonic() - began,
            )


_FINDINGS_TOLD = 20  # of one component; all are in the findings


def _comparing(part: DrillPart, fetched: _Fetched) -> Ask:
    target = os.fsencode(part.target)
    return lambda: [reread(part.vault, part.record, part.name, fetched.sample, target, fetched.files)]


def _tell_finding(component: str, finding: Finding) -> Check:
    return Check(
        code="restored",
        subject=component,
        answer=Answer.FAIL,
        template=finding.template,
        hint_template=finding.hint_template,
        values=finding.values,
    )
