"""The verb ``backup``: one snapshot of one or more components."""

from collections.abc import Callable, Mapping
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from rebond import __version__
from rebond.errors import CacheDamaged, SessionVoided, SourceError, UsageError
from rebond.findings import Finding, Severity
from rebond.identifiers import SnapshotId, random_id
from rebond.operations.components import ComponentToSave, Judge, Judged, Moment, OpenTree, WalNeed
from rebond.operations.hooks import Hooks, surround
from rebond.operations.kept_findings import KeptFindings
from rebond.operations.saving import Collector, SetSaver
from rebond.operations.shared_domains import find_sharing
from rebond.operations.snapshots import AHEAD_MS
from rebond.private_folders import remove_left_behind
from rebond.progress import Observer
from rebond.units import format_moment
from rebond.vault.access import Vault
from rebond.vault.committing import CommitRequest
from rebond.vault.frames import LEVELS, Level
from rebond.vault.snapshots import SnapshotRecord, StoredProblem
from rebond.vault.walk_progress import TreeTotals
from rebond.vault.writing import SnapshotSession

__all__ = ["BackupOutcome", "BackupRequest", "ComponentToSave", "Judge", "Judged", "Moment", "OpenTree", "back_up"]

ATTEMPTS = 4  # a session that a keeper voided is begun again three times at most (§9.9)


class BackupRequest(Struct, frozen=True, kw_only=True):
    """What is to be saved and what the snapshot is to say of itself.

    ``lacks`` are components of the stack that are not in it by wish: then it is no whole set. ``configuration`` are
    files of the configuration by their names; they hold no secret.
    """

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
    lacks: tuple[str, ...] = ()
    configuration: Mapping[str, bytes] = field(default_factory=dict)
    hooks: Hooks = field(default_factory=Hooks)


class BackupOutcome(Struct, frozen=True, kw_only=True):
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


def back_up(vault: Vault, request: BackupRequest, observer: Observer) -> BackupOutcome:
    """Make one snapshot of all components. When this returns, it stands.

    Raises ``SourceError`` when a component cannot be saved (nothing is committed then, unless
    ``allows_partial``), ``CommandFailed`` when a hook stops it, ``StoreError`` when the vault cannot be
    written, ``RoleTooSmall`` for a keeper's key.
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
    remove_left_behind()  # nobody else runs as often
    around = Collector(observer)
    if (sharing := find_sharing(vault, request.components)) is not None:
        around.noticed(sharing)
    outcome, heard = surround(
        request.hooks,
        lambda: (_try(vault, request, observer, around), len(around.kept.items)),
        vault.clock,
        around.noticed,
    )
    return replace(outcome, findings=(*outcome.findings, *around.kept.findings()[heard:]))


def _try(vault: Vault, request: BackupRequest, observer: Observer, around: Collector) -> BackupOutcome:
    began = vault.clock.monotonic()
    snapshot = SnapshotId(random_id())
    for attempt in range(1, ATTEMPTS + 1):
        collector = Collector(observer, around.kept)
        try:
            return _attempt(vault, request, collector, snapshot, began)
        except (SessionVoided, CacheDamaged):  # what is damaged of the cache is found when it is opened, and made anew
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _attempt(
    vault: Vault, request: BackupRequest, collector: Collector, snapshot: SnapshotId, began: float
) -> BackupOutcome:
    session = SnapshotSession(
        vault, level=request.level, host=request.host, stack=request.stack, observer=collector, snapshot=snapshot
    )
    with session:
        time_ms = vault.clock.now_ms()
        if (behind := _notice_clock_behind(session, request.stack, time_ms)) is not None:
            collector.noticed(behind)
        saver = SetSaver(
            session,
            collector,
            vault.clock,
            rereads_all=request.rereads_all,
            allows_partial=request.allows_partial,
            prove_wal=partial(_prove_wal, vault),
        )
        saved = saver.save_all(request.components)
        if not any(component.summary.complete or component.private.tree for component in saved):
            raise SourceError(
                "No component could be saved, so there is no snapshot.",
                hint="Mend what is reported above, then run the backup again.",
            )
        record = session.commit(_commit_request(request, time_ms, saver, collector.kept), saved)
        return BackupOutcome(
            record=record,
            totals=tuple((component.summary.name, component.totals) for component in saved),
            stored_bytes=session.stored_bytes,
            seconds=vault.clock.monotonic() - began,
            findings=collector.kept.findings(),
        )


def _notice_clock_behind(session: SnapshotSession, stack: str, time_ms: int) -> Finding | None:
    """Return the warning that this machine's clock went back: then an older snapshot stays the latest one.

    One that was dated ahead of the store's clock shows no more than that it was wrong then.
    """
    newest_ms = session.parent.newest_ms if session.parent is not None else 0
    if newest_ms <= time_ms + AHEAD_MS:
        return None
    return Finding(
        code="clock-behind",
        severity=Severity.WARNING,
        subject=stack,
        template="This machine's clock says {now}, but this stack has a snapshot of {before}: the new one is listed "
        "before it, and 'latest' does not mean the new one.",
        hint_template="Set the clock ('timedatectl' shows it), then run the backup again.",
        values={"now": format_moment(time_ms), "before": format_moment(newest_ms)},
    )


def _prove_wal(vault: Vault, need: WalNeed, report: Callable[[Finding], None]) -> tuple[str, int, int] | None:
    from rebond.operations.proving_wal import wait_for_wal  # noqa: PLC0415 - for data directories only

    return wait_for_wal(vault, need, report)


def _commit_request(request: BackupRequest, time_ms: int, saver: SetSaver, kept: KeptFindings) -> CommitRequest:
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
        moment_ms=saver.moment_ms,
        needs=tuple(saver.needs),
        class_=request.class_,
        tags=request.tags,
        held=request.held,
        held_until_ms=request.held_until_ms,
        note=request.note,
        program=f"rebond {__version__}",
        problems=tuple(problems),
        problem_count=kept.problems,
        exclusions=tuple(text for component in request.components for text in component.exclusions),
        lacks=request.lacks,
        configuration=request.configuration,
    )
