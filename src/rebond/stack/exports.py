"""The files that a class writes after its snapshots, as the configuration wishes them."""

import datetime
import os
from collections.abc import Sequence

from msgspec import Struct

from rebond.config.classes import Export
from rebond.config.model import Loaded
from rebond.findings import Finding, Severity
from rebond.operations.export_requests import OF_DATABASES, USUAL_LEVEL, ExportRequest, Format


class PlannedExport(Struct, frozen=True, kw_only=True):
    """One file, or one for each database: what, into which folder, and how long earlier ones stay."""

    request: ExportRequest
    folder: str
    keep_seconds: int | None = None

    def ends_before(self, now: datetime.datetime) -> datetime.datetime | None:
        """Return which moments are too old; ``None`` where all of them stay."""
        return now - datetime.timedelta(seconds=self.keep_seconds) if self.keep_seconds else None

    @property
    def is_of_database(self) -> bool:
        """Whether a database is written."""
        return self.request.format in OF_DATABASES


def plan_exports(loaded: Loaded, exports: Sequence[Export]) -> tuple[list[PlannedExport], list[Finding]]:
    """Return what is to be written, and what cannot be: what is to be encrypted is never written in the clear."""
    planned, left = [], []
    for each in exports:
        if each.format not in set(Format) or each.encrypt:
            left.append(_not_yet(each))
            continue
        request = ExportRequest(
            component=each.component,
            format=Format(each.format),
            level=each.level or USUAL_LEVEL,
            threads=os.cpu_count() or 1,
        )
        folder = os.path.join(loaded.root, os.path.expanduser(each.to))
        planned.append(PlannedExport(request=request, folder=folder, keep_seconds=each.keep))
    return planned, left


def _not_yet(export: Export) -> Finding:
    wish = f"{export.format}, {export.encrypt}" if export.encrypt else export.format
    return Finding(
        code="not-done-yet",
        severity=Severity.NOTE,
        subject=export.component,
        template="The export of {component} ({wish}) is not carried out yet; nothing is written for it.",
        values={"component": export.component, "wish": wish},
    )
