"""Exports by name: the files that a class writes after its snapshots, and how long they stay."""

import datetime
import hashlib
import os
import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from rebond.archives.new_files import SUMS
from rebond.operations.export import ExportOutcome, export_to_file
from rebond.operations.export_requests import OF_DATABASES, ExportRequest
from rebond.progress import Observer
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_MOMENT = r"(\d{8}_\d{6})"


def name_export(
    time_ms: int, request: ExportRequest, database: str, databases: Sequence[str], zone: datetime.tzinfo
) -> str:
    """Return the name of a file: ``db_backup_20260204_030000.sql.gz``, or with the component instead of ``db_backup``.

    Of several databases each has its name in it. What holds only changes says since when: ``…_since_20260203_030000``.
    """
    moment = _name_moment(time_ms, zone)
    if request.since is not None:
        moment += f"_since_{_name_moment(request.since.catalog.time_ms, zone)}"
    return f"{_name_stem(request, database, databases)}_{moment}.{request.ending}"


def _name_moment(time_ms: int, zone: datetime.tzinfo) -> str:
    return f"{datetime.datetime.fromtimestamp(time_ms / 1000, zone):%Y%m%d_%H%M%S}"


def _name_stem(request: ExportRequest, database: str, databases: Sequence[str]) -> str:
    stem = "db_backup" if request.format in OF_DATABASES else request.component
    if len(databases) < 2:
        return stem
    name = _UNSAFE.sub("-", database)
    if sum(_UNSAFE.sub("-", each) == name for each in databases) > 1:  # 'a b' and 'a-b'
        name += "-" + hashlib.sha256(database.encode()).hexdigest()[:8]
    return f"{stem}_{name}"


def export_all(
    vault: Vault, record: SnapshotRecord, request: ExportRequest, paths: Mapping[str, str], observer: Observer
) -> ExportOutcome:
    """Write each database to its path. Raises as ``export_to_file`` does; files that are whole by then stay."""
    outcomes = [
        export_to_file(vault, record, replace(request, database=database), path, observer)
        for database, path in paths.items()
    ]
    return ExportOutcome(
        paths=tuple(path for each in outcomes for path in each.paths),
        size_bytes=sum(each.size_bytes for each in outcomes),
        findings=tuple(finding for each in outcomes for finding in each.findings),
        removed=tuple(path for each in outcomes for path in each.removed),
    )


def remove_old_exports(
    folder: str, request: ExportRequest, databases: Sequence[str], *, until: datetime.datetime
) -> list[str]:
    """Remove files of such a name whose moment is before ``until``, and their sums; return their paths.

    Only what ``name_export`` names is touched, and its age is what its name says. Raises ``OSError``.
    """
    removed = []
    for database in databases:
        stem = re.escape(_name_stem(request, database, databases))
        pattern = re.compile(rf"{stem}_{_MOMENT}\.{re.escape(request.ending)}(?:{re.escape(SUMS)})?")
        for name in sorted(os.listdir(folder)):
            found = pattern.fullmatch(name)
            if found is None:
                continue
            moment = _read_moment(found[1])
            if moment is not None and moment.replace(tzinfo=until.tzinfo) < until:
                os.unlink(os.path.join(folder, name))
                removed.append(os.path.join(folder, name))
    return removed


def _read_moment(text: str) -> datetime.datetime | None:
    """Return the moment in a name; ``None`` for digits that are none: such a file is somebody else's."""
    try:
        return datetime.datetime.strptime(text, "%Y%m%d_%H%M%S")  # noqa: DTZ007 - the caller knows the zone
    except ValueError:
        return None
