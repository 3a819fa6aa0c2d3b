"""Root writes into another user's vault as that user: what it made as itself, that user could neither read nor replace.

The kernel is told, for this thread alone, whose rights count on files. So the new files and directories belong to that
user from their first moment, and whoever owns the vault can lead root nowhere with it where that user may not write.
"""

import contextlib
import ctypes
import functools
import os
from collections.abc import Callable, Iterator

ROOT = 0
_ASK = 0xFFFFFFFF  # no user has this number: the answer is who counts, and nothing changes


@contextlib.contextmanager
def acting_as(uid: int, gid: int) -> Iterator[bool]:
    """Say whether files are handled as that user and group meanwhile: not by who is not root, nor where nothing can."""
    calls = _find_calls() if os.geteuid() == ROOT and uid != ROOT else None
    if calls is None:
        yield False
        return
    set_user, set_group = calls
    own_gid = set_group(_ASK)
    try:
        set_group(gid)
        set_user(uid)  # the last: with it the right to change either is gone, but for the way back
        yield set_user(_ASK) == uid
    finally:
        set_user(ROOT)
        set_group(own_gid)


@functools.cache
def _find_calls() -> tuple[Callable[[int], int], Callable[[int], int]] | None:
    """Return what sets the user and the group for files; each answers who it was before. ``None`` off Linux."""
    try:
        library = ctypes.CDLL(None)
        calls = library.setfsuid, library.setfsgid
    except (OSError, AttributeError):
        return None
    for each in calls:
        each.argtypes, each.restype = [ctypes.c_uint], ctypes.c_int
    return calls
