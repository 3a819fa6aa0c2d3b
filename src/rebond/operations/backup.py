"""The verb ``backup``: one snapshot of one or more trees."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rebond import __version__
from rebond.entries import Tree
from rebond.errors import SessionVoided, SourceError, UsageError
from rebond.findings import Finding, Severity
from rebond.identifiers import SnapshotId, random_id
from rebond.operations.kept_findings import KeptFindings
from rebond.progress import Advance, Observer
from rebond.vault.access import Vault
from rebond.vault.committing import CommitRequest
from rebond.vault.frames import LEVELS, Level
from rebond.vault.snapshots import SnapshotRecord, StoredProblem
from rebond.vault.tree_writing import TreeTotals
from rebond.vault.writing import SavedComponent, SnapshotSession

ATTEMPTS = 4  # a session that a keeper voided is begun again three times at most (§9.9)

OpenTree = Callable[[Callable[[Finding], None]], Tree]
Judge = Callable[[TreeTotals, Callable[[Finding], None]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentToSave:
    """One tree to save. ``open_tree`` begins a walk that reports what it could not read.

    ``judge`` looks at what was saved, before anything is committed; it raises ``SourceError`` when that will not do.
    """

    name: str
    root: bytes
    open_tree: OpenTree
    kind: str = "files"
    exclusions: tuple[str, ...] = ()
    judge: Judge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """What is to be saved and what the snapshot is to say of itself."""

    components: tuple[ComponentToSave, ...]
    stack: str
    host: str
    class_: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    held: str = ""
    held_until_ms: int | None = None
    level: Level = LEVELS["balanced"]
    rereads_all: bool = False
    allows_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupOutcome:
    """A snapshot that stands, and what was noticed on the way. ``stored_bytes`` are those put by this run.

    ``findings`` are the first 10,000 of each severity; ``record.catalog.problems`` counts all but notes.
    """

    record: SnapshotRecord
    totals: tuple[tuple[str, TreeTotals], ...]
    stored_bytes: int
    seconds: float
    findings: tuple[Finding, ...] = field(default=())

    @property
    def is_doubtful(self) -> bool:
        """Whether something could not be read: exit status 3."""
        return any(f.severity is not Severity.NOTE for f in self.findings) or not self.record.is_complete


class _Collector:
    """Passes everything on and keeps the findings, by component."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.component = ""
        self.kept = KeptFindings()

    def advanced(self, advance: Advance) -> None:
        self._observer.advanced(advance)

    def noticed(self, finding: Finding) -> None:
        self.kept.add(finding, self.component)
        self._observer.noticed(finding)


def back_up(vault: Vault, request: BackupRequest, observer: Observer) -> BackupOutcome:
    """Make one snapshot of all components. When this returns, it stands.

    Raises ``SourceError`` when a component cannot be saved (nothing is committed then, unless
    ``allows_partial``), ``StoreError`` when the vault cannot be written, ``RoleTooSmall`` for a
    keeper's key.
    """
    if not request.components:
        raise UsageError("There is nothing to save.", hint="Name what to save with --path.")
    names = [component.name for component in request.components]
    if len(set(names)) < len(names):
        raise UsageError(
            "Two components have the same name: {names}.",
            hint="Give paths whose last parts differ.",
            names=", ".join(sorted({name for name in names if names.count(name) > 1})),
        )
    began = vault.clock.monotonic()
    snapshot = SnapshotId(random_id())
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(vault, request, observer, snapshot, began)
        except SessionVoided:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _attempt(
    vault: Vault, request: BackupRequest, observer: Observer, snapshot: SnapshotId, began: float
) -> BackupOutcome:
    collector = _Collector(observer)
    session = SnapshotSession(
        vault, level=request.level, host=request.host, stack=request.stack, observer=collector, snapshot=snapshot
    )
    with session:
        time_ms = vault.clock.now_ms()
        saved = [_save(session, component, request, collector) for component in request.components]
        if not any(component.summary.complete for component in saved):
            raise SourceError(
                "No component could be saved, so there is no snapshot.",
                hint="Mend what is reported above, then run the backup again.",
            )
        record = session.commit(_commit_request(request, time_ms, collector.kept), saved)
        return BackupOutcome(
            record=record,
            totals=tuple((component.summary.name, component.totals) for component in saved),
            stored_bytes=session.stored_bytes,
            seconds=vault.clock.monotonic() - began,
            findings=collector.kept.findings(),
        )


def _save(
    session: SnapshotSession, component: ComponentToSave, request: BackupRequest, collector: _Collector
) -> SavedComponent:
    collector.component = component.name
    try:
        saved = session.save_tree(
            component.name,
            component.kind,
            component.root,
            component.open_tree(collector.noticed),
            reread=request.rereads_all,
        )
        if component.judge:
            component.judge(saved.totals, collector.noticed)
        return saved
    except SourceError as error:
        if not request.allows_partial:
            raise
        collector.noticed(
            Finding(
                code=error.code,
                severity=Severity.WARNING,
                subject=component.name,
                template="The component {component} is not in this snapshot: {reason}",
                hint_template=error.hint_template,
                values={**error.values, "component": component.name, "reason": error.message},
            )
        )
        return session.leave_out(component.name, component.kind, component.root)


def _commit_request(request: BackupRequest, time_ms: int, kept: KeptFindings) -> CommitRequest:
    problems = [
        StoredProblem(
            code=finding.code,
            severity=finding.severity.value,
            component=component,
            subject=finding.subject.encode(errors="surrogateescape"),
            message=finding.message,
            hint=finding.hint,
        )
        for component, finding in kept.items
        if finding.severity is not Severity.NOTE
    ]
    return CommitRequest(
        time_ms=time_ms,
        class_=request.class_,
        tags=request.tags,
        held=request.held,
        held_until_ms=request.held_until_ms,
        note=request.note,
        program=f"rebond {__version__}",
        problems=tuple(problems),
        problem_count=kept.problems,
        exclusions=tuple(text for component in request.components for text in component.exclusions),
    )
