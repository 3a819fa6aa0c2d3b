"""What is asked of folders, and done to them, while versions change places."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from rebond.operations.recovery.mounts import find_mount, list_mount_points


def may_hold(folder: bytes, other: bytes) -> bool:
    """Say whether things can be renamed between two folders: by what they are mounted on, not by the disk alone."""
    if not os.path.isdir(folder) or os.stat(folder).st_dev != os.stat(other).st_dev:
        return False
    mounts = list_mount_points()
    is_one_mount = find_mount(os.path.realpath(folder), mounts) == find_mount(os.path.realpath(other), mounts)
    return is_one_mount and os.access(folder, os.W_OK | os.X_OK)


def has_wanted(new: bytes, is_wanted: Callable[[bytes], bool]) -> bool:
    """Say whether a directory is wanted with all that is in it; if not, nothing but what was brought is touched."""
    if is_wanted(b""):
        return True
    pending = [b""]
    while pending:
        here = pending.pop()
        with os.scandir(os.path.join(new, here) if here else new) as entries:
            for each in entries:
                if each.is_dir(follow_symlinks=False):
                    below = os.path.join(here, each.name) if here else each.name
                    if is_wanted(below):
                        return True
                    pending.append(below)
    return False


def list_files(folder: bytes) -> Iterator[bytes]:
    """Yield every file below a folder, relative to it."""
    for directory, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(directory, name), folder)


def delete_tree(folder: bytes) -> None:
    """Remove a tree, also where its directories may not be written to."""

    def allow(function: Callable[..., object], path: Any, _error: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        if not os.path.islink(path) and os.path.isdir(path):
            os.chmod(path, 0o700)
        function(path)

    shutil.rmtree(folder, onerror=allow)


def remove_empty(folder: bytes) -> None:
    """Remove a folder that holds nothing but folders: what lay in it is back in its place."""
    for directory, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # something of somebody's was kept there
            os.rmdir(directory)
