"""Laying a saved data directory down, ready to be started, with the log that it needs beside it.

Everything is made in a folder of its own and gets its name last: a data directory that is not whole could be started
by somebody who does not know.
"""

import os
import secrets
import shutil
from pathlib import Path

from msgspec import Struct

from rebond.durable_files import fsync_directory, replace_durably
from rebond.errors import RestoreError, TargetNotEmpty, VaultDamaged, WalGap
from rebond.findings import Finding, Severity
from rebond.operations.physical.archived_log import ArchivedLog
from rebond.operations.physical.reaching import Reach
from rebond.operations.restore import RestoreOutcome, restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.progress import Advance, Observer
from rebond.sources.postgres.wal_names import history_name, is_segment, parse_segment_name
from rebond.sources.postgres_physical.log_tablespaces import (
    LogSegment,
    TablespaceChange,
    keep_tablespaces_inside,
    list_made,
)
from rebond.sources.postgres_physical.recovery_settings import (
    AUTO,
    CONFIGURATION,
    FETCH,
    LISTED,
    LOG_FOLDER,
    RESTORE_FROM_FOLDER,
    SIGNAL,
    comment_out_targets,
    write_fetch,
    write_listed,
    write_settings,
)
from rebond.units import format_size
from rebond.vault.access import Vault

TABLESPACES = "-tablespaces"
_LABEL, _MAP = "backup_label", "tablespace_map"
_DIRECTORY_MODE = 0o700


class LaidDirectory(Struct, frozen=True, kw_only=True):
    """A data directory that a server can be started in. ``tablespaces`` are where theirs lie now, by their numbers.

    ``owner`` is the number of the user to whom it belongs, and who starts it.
    """

    path: Path
    reach: Reach
    files: RestoreOutcome
    segments: int
    tablespaces: dict[str, str]
    owner: int


def lay_directory(
    vault: Vault,
    reach: Reach,
    log: ArchivedLog | None,
    target: Path,
    observer: Observer,
    *,
    action: str = "promote",
    keeps_owner: bool = True,
    workers: int = 2,
) -> LaidDirectory:
    """Make ``target``, which is not there yet or empty, the data directory that ends at a moment.

    Raises ``TargetNotEmpty``, ``RestoreError`` when there is no room, ``WalGap``, ``VaultDamaged`` when a file of it
    is lost: then nothing is left under that name.
    """
    require_empty(target)
    require_empty(target.with_name(target.name + TABLESPACES))
    folder = target.parent / f".rebond-{secrets.token_hex(6)}"
    missing = [each for each in target.parents if not each.exists()]
    folder.mkdir(mode=_DIRECTORY_MODE, parents=True)
    try:
        _require_room(folder, reach)
        outcome = _land_files(vault, reach, folder, observer, keeps_owner=keeps_owner, workers=workers)
        made = folder / reach.base.component
        owner = _owner_of(made / "PG_VERSION")
        _give_top(made, owner)
        _remove_traces(made, owner)
        tablespaces = _move_tablespaces(made, target, folder, owner)
        changes = [*_keep_own_log(made, owner), *_lay_log(made, reach, log, owner, observer)]
        _write_settings(made, reach, owner, action)
        _give_names(made, target, folder, tablespaces)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for each in missing:
            if each.exists() and not any(each.iterdir()):
                each.rmdir()
        raise
    for number, place in list_made(changes, reach.last_lsn).items():
        if str(number) not in tablespaces:
            observer.noticed(_made_inside(reach.base.component, target, number, place))
    return LaidDirectory(
        path=target,
        reach=reach,
        files=outcome,
        segments=len(reach.segments),
        tablespaces=tablespaces,
        owner=owner[0],
    )


def require_empty(target: Path) -> None:
    """Raise ``TargetNotEmpty`` where something is already."""
    try:
        is_empty = not any(target.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise RestoreError(
            "{target} cannot be restored into: {reason}",
            hint="Name a directory that this user may write to.",
            target=str(target),
            reason=error.strerror,
        ) from error
    if not is_empty:
        raise TargetNotEmpty(
            "{target} is not empty; nothing was written.",
            hint="Name an empty or new directory. A data directory is never restored over another one.",
            target=str(target),
        )


def _require_room(folder: Path, reach: Reach) -> None:
    base = reach.base
    summary = next(each for each in base.record.catalog.components if each.name == base.component)
    needed_bytes = summary.bytes + len(reach.segments) * base.facts.server.segment_bytes
    found = os.statvfs(folder)
    if needed_bytes > found.f_bavail * found.f_frsize:
        raise RestoreError(
            "{target} has room for {free} of the {needed} to be restored; nothing was written.",
            hint="Free some space there, or restore elsewhere. The log since the snapshot counts too: a newer one "
            "needs less.",
            target=str(folder.parent),
            free=format_size(found.f_bavail * found.f_frsize),
            needed=format_size(needed_bytes),
        )


def _land_files(
    vault: Vault, reach: Reach, folder: Path, observer: Observer, *, keeps_owner: bool, workers: int
) -> RestoreOutcome:
    request = RestoreRequest(
        target=os.fsencode(folder),
        components=(reach.base.component,),
        keeps_owner=keeps_owner,
        workers=workers,
        overwrite=None,
    )
    outcome = restore(vault, reach.base.record, request, observer)
    if outcome.is_damaged:
        lost = [each for each in outcome.findings if each.severity is Severity.DAMAGE]
        raise VaultDamaged(
            "{count} files of the data directory are damaged in the vault, so it was not laid down: {first}",
            hint="Choose another snapshot, or put what 'rebond verify --read-data' names back from a copy of "
            "the vault.",
            count=len(lost),
            first=lost[0].message,
        )
    if outcome.unwritten:  # a server without one of its files starts, and has fewer rows
        raise RestoreError(
            "{count} files of the data directory could not be written, so it was not laid down: {first}",
            hint="Lay it down where files of every size may be written, as a user who may.",
            count=len(outcome.unwritten),
            first=outcome.unwritten[0].message,
        )
    return outcome


def _owner_of(path: Path) -> tuple[int, int]:
    """Return to whom the saved files belong here: all that is added has to be theirs, or the server cannot start."""
    found = path.stat()
    return found.st_uid, found.st_gid


def _give_top(made: Path, owner: tuple[int, int]) -> None:
    for each in (made, *made.iterdir()):
        _give(each, owner)


def _remove_traces(made: Path, owner: tuple[int, int]) -> None:
    """Take away what told the saved server to recover or to follow another one: it is told anew here."""
    for name in ("standby.signal", SIGNAL):
        (made / name).unlink(missing_ok=True)
    shutil.rmtree(made / LOG_FOLDER, ignore_errors=True)
    configuration = made / CONFIGURATION
    if configuration.is_file():
        present = configuration.read_bytes()
        content = comment_out_targets(present)
        if content != present:
            _write(configuration, content, owner)


def _move_tablespaces(made: Path, target: Path, folder: Path, owner: tuple[int, int]) -> dict[str, str]:
    """Take tablespaces out of the data directory, where a server wants links to them."""
    links = made / "pg_tblspc"
    found = sorted(each.name for each in links.iterdir() if each.is_dir()) if links.is_dir() else []
    if not found:
        return {}
    aside = folder / (target.name + TABLESPACES)
    aside.mkdir(mode=_DIRECTORY_MODE)
    _give(aside, owner)
    places = {}
    for number in found:
        (links / number).rename(aside / number)
        place = target.with_name(target.name + TABLESPACES) / number
        places[number] = str(place)
        (links / number).symlink_to(place)
        os.lchown(links / number, *owner)
    lines = "".join(f"{number} {_escape(place)}\n" for number, place in places.items())
    _write(made / _MAP, lines.encode(errors="surrogateescape"), owner)
    return places


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\n", "\\\n").replace("\r", "\\\r")


def _keep_own_log(made: Path, owner: tuple[int, int]) -> list[TablespaceChange]:
    """Keep the tablespaces inside that the log makes which came with the snapshot."""
    changes: list[TablespaceChange] = []
    own = sorted(each for each in (made / "pg_wal").glob("*") if is_segment(each.name))
    if not own:
        return changes
    size = own[0].stat().st_size
    given = (LogSegment(each.name, parse_segment_name(each.name, size)[1] * size, each.read_bytes()) for each in own)
    for (name, content), path in zip(keep_tablespaces_inside(given, changes), own, strict=True):
        if content != path.read_bytes():
            _write(made / "pg_wal" / name, content, owner)
    return changes


def _lay_log(
    made: Path, reach: Reach, log: ArchivedLog | None, owner: tuple[int, int], observer: Observer
) -> list[TablespaceChange]:
    """Copy the log out of the vault, and put beside it what hands it to PostgreSQL.

    Return what it does to tablespaces: those that it makes are made inside the data directory.
    """
    changes: list[TablespaceChange] = []
    folder = made / LOG_FOLDER
    folder.mkdir(mode=_DIRECTORY_MODE)
    _give(folder, owner)
    names: list[str] = []
    if log is not None and reach.window is not None:
        for leg in reach.window.legs:
            if leg.timeline > 1:
                names.append(history_name(leg.timeline))
                _write(folder / names[-1], log.read_history_file(leg.timeline), owner)
        # A server takes the next number that nobody took: it looks for the histories of others to know that.
        for timeline in sorted({*log.list_timelines()} - {1, *(leg.timeline for leg in reach.window.legs)}):
            names.append(history_name(timeline))
            _write(folder / names[-1], _read_other_history(log, timeline), owner)
        given = (
            LogSegment(log.name_of(each), each.number * log.segment_bytes, log.read(each)) for each in reach.segments
        )
        for name, content in keep_tablespaces_inside(given, changes):
            names.append(name)
            _write(folder / name, content, owner)
            observer.advanced(
                Advance(phase="log", subject=names[-1], files=len(names), bytes=len(names) * log.segment_bytes)
            )
    _write(folder / FETCH, write_fetch(), owner)
    _write(folder / LISTED, write_listed(names), owner)
    fsync_directory(str(folder))
    return changes


def _made_inside(component: str, target: Path, number: int, place: str) -> Finding:
    return Finding(
        code="tablespace-inside",
        severity=Severity.NOTE,
        subject=component,
        template="{component} made a tablespace at {place} after its data directory was saved. It comes back inside of "
        "what is restored, at {path}; what lies at {place} is not touched.",
        hint_template="To have it on another disk: stop the server, move that directory there, and leave a link to it.",
        values={"component": component, "place": place, "path": str(target / "pg_tblspc" / str(number))},
    )


def _read_other_history(log: ArchivedLog, timeline: int) -> bytes:
    """Return the history of a timeline that is not gone along; one that cannot be read is empty, and still there."""
    try:
        return log.read_history_file(timeline)
    except (WalGap, VaultDamaged):
        return b""


def _write_settings(made: Path, reach: Reach, owner: tuple[int, int], action: str) -> None:
    if not (made / _LABEL).is_file():
        raise VaultDamaged("The snapshot has no backup_label: a server would start at the wrong place.")
    auto = made / AUTO
    present = auto.read_bytes() if auto.is_file() else b""
    window = reach.window
    content = write_settings(
        present,
        restore_command=RESTORE_FROM_FOLDER,
        setting=reach.setting,
        value=reach.value,
        is_inclusive=reach.is_inclusive,
        timeline=window.timeline if window is not None else reach.base.facts.timeline,
        action=action,
        floors=reach.base.facts.server.floors,
    )
    _write(auto, content, owner)
    _write(made / SIGNAL, b"", owner)


def _give_names(made: Path, target: Path, folder: Path, tablespaces: dict[str, str]) -> None:
    """The tablespaces first: a data directory that is there has them."""
    if tablespaces:
        place = target.with_name(target.name + TABLESPACES)
        (folder / place.name).rename(place)
    made.rename(target)
    folder.rmdir()
    fsync_directory(str(target.parent))


def _write(path: Path, content: bytes, owner: tuple[int, int]) -> None:
    replace_durably(str(path), content)
    _give(path, owner)


def _give(path: Path, owner: tuple[int, int]) -> None:
    if not os.geteuid():
        os.lchown(path, *owner)
