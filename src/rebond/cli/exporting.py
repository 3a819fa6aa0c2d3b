"""What a class wants written after its snapshots: plain files for tools that know no vault."""

import datetime
import os
from typing import TYPE_CHECKING

from rebond.cli.answering import note
from rebond.cli.invocation import Invocation
from rebond.cli.opening import VaultAtHand, vault_at_hand
from rebond.cli.speech import show_path, tr
from rebond.clock import SystemClock
from rebond.durable_files import make_directories_durably
from rebond.errors import RebondError, RoleTooSmall
from rebond.findings import Finding, Severity
from rebond.progress import Observer

if TYPE_CHECKING:
    from rebond.operations.backup import BackupOutcome
    from rebond.stack.exports import PlannedExport
    from rebond.stack.planning import PlannedBackup


def export_after(
    invocation: Invocation, plan: "PlannedBackup", outcome: "BackupOutcome", observer: Observer
) -> "BackupOutcome":
    """Write the files of a class; return the outcome with what went wrong: the snapshot stands all the same."""
    if not plan.exports:
        return outcome
    from msgspec.structs import replace

    findings = []
    with vault_at_hand(invocation, observer.noticed, only_reads=True) as vault:
        for each in plan.exports:
            try:
                for path in _write(vault, each, outcome, observer):
                    note(invocation, tr("Exported: {path}", path=show_path(path)))
            except (RebondError, OSError) as error:
                findings.append(_failed(each, error))
                observer.noticed(findings[-1])
    return replace(outcome, findings=(*outcome.findings, *findings))


def _write(vault: VaultAtHand, export: "PlannedExport", outcome: "BackupOutcome", observer: Observer) -> list[str]:
    from rebond.operations.export import list_exports
    from rebond.operations.exporting_classes import export_all, name_export, remove_old_exports

    record, request = outcome.record, export.request
    databases = list_exports(vault.live, record, request)
    make_directories_durably(export.folder)
    zone = vault.configured.zone
    paths = {
        each: os.path.join(export.folder, name_export(record, request, each, databases, zone)) for each in databases
    }
    written = export_all(vault.live, record, request, paths, observer)
    until = export.ends_before(datetime.datetime.fromtimestamp(SystemClock().now_ms() / 1000, zone))
    if until is not None:  # only once the new one is whole
        remove_old_exports(export.folder, request, databases, until=until)
    return list(written.paths)


def _failed(export: "PlannedExport", error: RebondError | OSError) -> Finding:
    reason = error.message if isinstance(error, RebondError) else error.strerror or str(error)
    values = {
        "component": export.request.component,
        "form": str(export.request.format),
        "folder": export.folder,
        "reason": reason,
    }
    if isinstance(error, RoleTooSmall):
        return Finding(
            code="export-failed",
            severity=Severity.WARNING,
            subject=export.request.component,
            template="The snapshot stands, but {component} could not be exported into {folder}: {reason}",
            hint_template="A writer cannot read: let a machine with the owner's key write it, or take 'export' out.",
            values=values,
        )
    return Finding(
        code="export-failed",
        severity=Severity.WARNING,
        subject=export.request.component,
        template="The snapshot stands, but {component} could not be exported into {folder}: {reason}",
        hint_template="Then 'rebond export latest {component} --format {form} --output {folder}/' writes it.",
        values=values,
    )
