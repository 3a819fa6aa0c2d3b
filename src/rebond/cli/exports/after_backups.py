"""What a class wants written after its snapshots: plain files for tools that know no vault."""

import datetime
import os
from typing import TYPE_CHECKING

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import show_path, tr
from rebond.cli.vaults.opening import VaultAtHand, vault_at_hand
from rebond.clock import SystemClock
from rebond.durable_files import make_directories_durably
from rebond.errors import RebondError, RoleTooSmall
from rebond.findings import Finding, Severity
from rebond.progress import Observer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rebond.operations.backup import BackupOutcome
    from rebond.operations.export import ExportOutcome
    from rebond.operations.export_requests import ExportRequest
    from rebond.stack.exports import PlannedExport
    from rebond.stack.planning import PlannedBackup


def export_after(
    invocation: Invocation, plan: "PlannedBackup", outcome: "BackupOutcome", observer: Observer
) -> "BackupOutcome":
    """Write the files of a class; return the outcome with what went wrong: the snapshot stands all the same."""
    if not plan.exports:
        return outcome
    from msgspec.structs import replace

    findings: list[Finding] = []
    with vault_at_hand(invocation, observer.noticed, only_reads=True) as vault:
        for each in plan.exports:
            try:
                written = _write(invocation, vault, each, outcome, observer)
            except (RebondError, OSError) as error:
                findings.append(_failed(each, error))
                observer.noticed(findings[-1])
                continue
            findings += written.findings
            for path in written.paths:
                note(invocation, tr("Exported: {path}", path=show_path(path)))
    return replace(outcome, findings=(*outcome.findings, *findings))


def _write(
    invocation: Invocation,
    vault: VaultAtHand,
    export: "PlannedExport",
    outcome: "BackupOutcome",
    observer: Observer,
) -> "ExportOutcome":
    """Write the files out of the snapshot; with a key that cannot read it, out of what is there now."""
    from rebond.operations.exporting_classes import remove_old_exports

    request = _fill_in(invocation, export)
    make_directories_durably(export.folder)
    try:
        written, databases = _write_saved(vault, export, request, outcome, observer)
    except RoleTooSmall:
        written, databases = _write_live(vault, export, request, observer)
    now = datetime.datetime.fromtimestamp(SystemClock().now_ms() / 1000, vault.configured.zone)
    until = export.ends_before(now)
    if until is not None:  # only once the new one is whole
        remove_old_exports(export.folder, request, databases, until=until)
    return written


def _fill_in(invocation: Invocation, export: "PlannedExport") -> "ExportRequest":
    if export.request.encryption is None:
        return export.request
    from msgspec.structs import replace

    from rebond.cli.exports.password import find_export_password

    return replace(export.request, password=export.find_password() or find_export_password(invocation))


def _write_saved(
    vault: VaultAtHand,
    export: "PlannedExport",
    request: "ExportRequest",
    outcome: "BackupOutcome",
    observer: Observer,
) -> "tuple[ExportOutcome, Sequence[str]]":
    from rebond.operations.export import list_exports
    from rebond.operations.exporting_classes import export_all, name_export

    databases = list_exports(vault.live, outcome.record, request)
    time_ms, zone = outcome.record.catalog.time_ms, vault.configured.zone
    paths = {
        each: os.path.join(export.folder, name_export(time_ms, request, each, databases, zone)) for each in databases
    }
    return export_all(vault.live, outcome.record, request, paths, observer), databases


def _write_live(
    vault: VaultAtHand, export: "PlannedExport", request: "ExportRequest", observer: Observer
) -> "tuple[ExportOutcome, Sequence[str]]":
    from rebond.operations.export_live import export_databases, export_tree
    from rebond.operations.exporting_classes import name_export

    now_ms, zone = SystemClock().now_ms(), vault.configured.zone
    if not export.is_of_database:
        path = os.path.join(export.folder, name_export(now_ms, request, "", [""], zone))
        tree = export.live.open_tree(request.component, observer.noticed)
        return export_tree(tree, request, path, observer), [""]
    with export.live.open_databases(request.component, observer.noticed) as databases:
        names = [each.name for each in databases]
        paths = {each: os.path.join(export.folder, name_export(now_ms, request, each, names, zone)) for each in names}
        return export_databases(databases, request, paths, made_ms=now_ms), names


def _failed(export: "PlannedExport", error: RebondError | OSError) -> Finding:
    reason = error if isinstance(error, RebondError) else error.strerror or str(error)
    return Finding(
        code="export-failed",
        severity=Severity.WARNING,
        subject=export.request.component,
        template="The snapshot stands, but {component} could not be exported into {folder}: {reason}",
        hint_template="Then 'rebond export latest {component} --format {form} --output {folder}/' writes it.",
        values={
            "component": export.request.component,
            "form": str(export.request.format),
            "folder": export.folder,
            "reason": reason,
        },
    )
