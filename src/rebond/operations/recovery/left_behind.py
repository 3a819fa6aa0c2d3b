"""A restore in place whose record was spoilt is left as it stands: what is still known of it, and its end.

Nothing that it restored or set aside is touched. Its record is kept under another name, and stands in nobody's way.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from rebond.durable_files import fsync_directory
from rebond.errors import RestoreError
from rebond.operations.recovery.database_part import NAMES, describe_left
from rebond.operations.recovery.file_part import SWAP, read_swap
from rebond.operations.recovery.journal import PARTS, Journal, RunState, folder_held, note_read
from rebond.operations.recovery.late_part import SEEN, read_seen
from rebond.operations.recovery.remembered_places import PLACES, read_places
from rebond.operations.recovery.tables_part import TABLES, describe_left_tables

_LEFT = ".left"  # ends the name of a record that is nobody's run any more


class LeftBehind(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one component. ``beside`` is the folder of its versions, ``databases`` are names in a server.

    They may be of tables too.
    """

    component: str
    place: str = ""
    beside: str = ""
    databases: str = ""


def list_left_behind(folder: Path) -> list[LeftBehind]:
    """Return what the parts of a run remembered, as far as that can be read."""
    found = []
    with contextlib.suppress(OSError):
        for part in sorted((folder / PARTS).iterdir()):
            places, databases = None, ""
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                places = read_places(part)
            with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
                databases = describe_left(part) or describe_left_tables(part)
            found.append(
                LeftBehind(
                    component=part.name,
                    place=os.fsdecode(places.place) if places else "",
                    beside=os.fsdecode(places.beside) if places and os.path.lexists(places.beside) else "",
                    databases=databases,
                )
            )
    return found


def find_spoilt_note(folder: Path) -> RestoreError | None:
    """Return why what a part of a run noted cannot be read; ``None`` where all of it can."""
    notes = {PLACES: read_places, SWAP: read_swap, NAMES: describe_left, TABLES: describe_left_tables, SEEN: read_seen}
    try:
        for part in sorted((folder / PARTS).iterdir()):
            for name, read in notes.items():
                with note_read(folder.name, part / name):
                    read(part)
    except FileNotFoundError:  # it came to no part
        return None
    except RestoreError as error:
        return error
    return None


def require_sound_notes(journal: Journal) -> None:
    """Raise ``RestoreError`` where a note of a run that has not ended cannot be read: half of it would be undone."""
    if journal.state not in (RunState.ROLLED_BACK, RunState.ACCEPTED) and (fault := find_spoilt_note(journal.folder)):
        raise fault


def leave_run(folder: Path) -> Path:
    """Give the record of a run another name, and return that. Raises ``VaultLocked`` while a process works on it."""
    left = folder.with_name(folder.name + _LEFT)
    try:
        with folder_held(folder):
            os.rename(folder, left)
            fsync_directory(os.fspath(folder.parent))
    except OSError as error:
        raise RestoreError(
            "The record of the restore {run} cannot be moved to {path}: {reason}",
            hint="Check the rights and the room there, then run the same command again.",
            run=folder.name,
            path=str(left),
            reason=error.strerror or str(error),
        ) from error
    return left
