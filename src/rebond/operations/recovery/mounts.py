"""Where things are mounted on this machine: such a place cannot be renamed, and nothing is renamed out of it."""

import os
import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from rebond.errors import RestoreError
from rebond.findings import Finding, Severity

_TABLE = "/proc/self/mountinfo"
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_PLACE_COLUMN = 4


def list_mount_points() -> frozenset[bytes]:
    """Return the full paths at which anything is mounted; none where the system has no such table."""
    try:
        with open(_TABLE, "rb") as table:
            lines = table.readlines()
    except OSError:
        return frozenset()
    return frozenset(_ESCAPED.sub(_unescape, each.split(b" ")[_PLACE_COLUMN]) for each in lines)


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])


def find_mount(path: bytes, mounts: AbstractSet[bytes]) -> bytes:
    """Return the mount point at or above a full path; things can be renamed between paths that have the same."""
    while path not in mounts and path != b"/":
        path = os.path.dirname(path)
    return path


def list_below(top: bytes, mounts: AbstractSet[bytes]) -> list[bytes]:
    """Return the mount points below a directory, relative to it."""
    start = os.path.join(top, b"")
    return sorted(each[len(start) :] for each in mounts if each.startswith(start) and each != start)


def require_replaceable(component: str, place: bytes, new: bytes) -> None:
    """Raise ``RestoreError`` where a mount point would have to give way; directories that stay need not."""
    for path in list_below(place, list_mount_points()):
        mounted, restored = os.path.join(place, path), os.path.join(new, path)
        if os.path.lexists(restored) and not (os.path.isdir(mounted) and _is_real_directory(restored)):
            raise RestoreError(
                "{path} is mounted by itself, so {component} cannot replace it.",
                hint="Unmount it for the restore, or leave it out: --exclude /{inner}",
                path=mounted.decode(errors="backslashreplace"),
                component=component,
                inner=path.decode(errors="backslashreplace"),
            )


def _is_real_directory(path: bytes) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def describe_mounted(place: bytes, is_touched: Callable[[bytes], bool]) -> list[Finding]:
    """Say what is not renamed as a whole when a place gets another version.

    ``is_touched`` says of a mount point below the place, relative to it, whether it is part of that.
    """
    shown, true = place.decode(errors="backslashreplace"), os.path.realpath(place)
    mounts, found = list_mount_points(), []
    if os.path.islink(place):
        found.append(
            Finding(
                code="place-linked",
                severity=Severity.NOTE,
                subject=shown,
                template="{path} is a link to {target}: the link stays, and what it leads to comes back.",
                values={"path": shown, "target": true.decode(errors="backslashreplace")},
            )
        )
    if true in mounts and os.path.isdir(true):
        found.append(
            Finding(
                code="place-mounted",
                severity=Severity.NOTE,
                subject=shown,
                template="{path} is a mount point: the old version will lie in it until it is accepted.",
                values={"path": shown},
            )
        )
    inner = [os.path.join(true, each) for each in list_below(true, mounts) if is_touched(each)]
    return found + [_describe_inner(each) for each in inner]


def _describe_inner(path: bytes) -> Finding:
    shown = path.decode(errors="backslashreplace")
    if os.path.isdir(path):
        return Finding(
            code="mount-inside",
            severity=Severity.NOTE,
            subject=shown,
            template="{path} is a mount point and stays. What comes back there is copied: it takes time and room.",
            values={"path": shown},
        )
    return Finding(
        code="file-mounted",
        severity=Severity.WARNING,
        subject=shown,
        template="{path} is a file that is mounted by itself: it cannot be replaced.",
        hint_template="Unmount it for the restore, or leave it out with --exclude.",
        values={"path": shown},
    )
