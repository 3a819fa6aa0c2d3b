"""The files that a class writes after its snapshots, as the configuration wishes them."""

import datetime
import os
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from rebond.config.classes import Export
from rebond.config.model import Loaded
from rebond.findings import Finding, Severity
from rebond.operations.export_requests import OF_DATABASES, USUAL_LEVEL, Encryption, ExportRequest, Format
from rebond.secret import Secret
from rebond.stack.live_exports import LiveComponents, OpenTree
from rebond.stack.whereabouts import secret_of


class PlannedExport(Struct, frozen=True, kw_only=True):
    """One file, or one for each database: what, into which folder, and how long earlier ones stay.

    ``live`` reads its component where it is, for those who may not read the vault. ``find_password`` is asked when it
    is encrypted; ``None`` where the configuration has none.
    """

    request: ExportRequest
    folder: str
    live: LiveComponents
    keep_seconds: int | None = None
    find_password: Callable[[], Secret | None] = lambda: None

    def ends_before(self, now: datetime.datetime) -> datetime.datetime | None:
        """Return which moments are too old; ``None`` where all of them stay."""
        return now - datetime.timedelta(seconds=self.keep_seconds) if self.keep_seconds else None

    @property
    def is_of_database(self) -> bool:
        """Whether a database is written."""
        return self.request.format in OF_DATABASES


def plan_exports(
    loaded: Loaded, exports: Sequence[Export], trees: Mapping[str, OpenTree]
) -> tuple[list[PlannedExport], list[Finding]]:
    """Return what is to be written, and what cannot be yet. ``trees`` open the components where they are."""
    planned, left = [], []
    live = LiveComponents(loaded, trees)
    for each in exports:
        if each.format not in set(Format):
            left.append(_not_yet(each))
            continue
        request = ExportRequest(
            component=each.component,
            format=Format(each.format),
            level=each.level or USUAL_LEVEL,
            threads=os.cpu_count() or 1,
            encryption=Encryption(each.encrypt) if each.encrypt else None,
            has_checksum=each.checksum,
        )
        planned.append(
            PlannedExport(
                request=request,
                folder=os.path.join(loaded.root, os.path.expanduser(each.to)),
                live=live,
                keep_seconds=each.keep,
                find_password=lambda each=each: secret_of(each.password, loaded),  # type: ignore[misc]
            )
        )
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
