"""What of a data directory belongs to a backup: by the rules of PostgreSQL's manual, and of its own base backup."""

import os
import re
from collections.abc import Iterator

from msgspec import Struct

_EMPTIED = frozenset(
    {b"pg_wal", b"pg_replslot", b"pg_dynshmem", b"pg_notify", b"pg_serial", b"pg_snapshots", b"pg_stat_tmp",
     b"pg_subtrans"}
)  # fmt: skip
_LEFT_OUT = frozenset(
    {b"postmaster.pid", b"postmaster.opts", b"postgresql.auto.conf.tmp", b"current_logfiles", b"current_logfiles.tmp",
     b"backup_label", b"backup_label.old", b"tablespace_map", b"tablespace_map.old", b"backup_manifest",
     b"backup_manifest.tmp", b"rebond-wal"}
)  # fmt: skip
_TEMPORARY = (b"pgsql_tmp", b"pg_internal.init")
_OF_A_SESSION = re.compile(rb"t\d+_\d+(?:_\w+)?(?:\.\d+)?")
_FORK = re.compile(rb"(\d+)(?:_(?:fsm|vm))?(?:\.\d+)?")
_INIT = b"_init"
CONTROL = b"global/pg_control"


class Found(Struct, frozen=True):
    """A file or directory to be saved: its path in the tree, and where it lies."""

    path: bytes
    place: bytes
    is_directory: bool


def walk_directory(top: bytes, major: int) -> Iterator[Found]:
    """Yield what is to be saved, ``global/pg_control`` left out: that is read last.

    What vanishes meanwhile is not there; other faults of reading a directory raise ``OSError``.
    """
    pending = [(b"", top)]
    while pending:
        folder, place = pending.pop()
        names = _list(place)
        if names is None:
            continue
        if folder:
            yield Found(folder, place, is_directory=True)
        unlogged = {each.removesuffix(_INIT) for each in names if each.endswith(_INIT)}
        for name in names:
            path, at = (folder + b"/" + name if folder else name), os.path.join(place, name)
            if _is_left_out(folder, name, unlogged) or path == CONTROL:
                continue
            if folder == b"" and name in _EMPTIED:
                yield Found(path, at, is_directory=True)
                if name == b"pg_wal":
                    yield Found(path + b"/archive_status", at, is_directory=True)
            elif os.path.isdir(at):
                if folder == b"pg_tblspc":
                    pending += [
                        (path + b"/" + each, os.path.join(at, each))
                        for each in _list(at) or ()
                        if each.startswith(b"PG_%d_" % major)
                    ]
                    yield Found(path, at, is_directory=True)
                else:
                    pending.append((path, at))
            elif os.path.isfile(at):
                yield Found(path, at, is_directory=False)


def _list(place: bytes) -> list[bytes] | None:
    try:
        return sorted(os.listdir(place))
    except FileNotFoundError:
        return None


def _is_left_out(folder: bytes, name: bytes, unlogged: set[bytes]) -> bool:
    if name.startswith(_TEMPORARY) or (not folder and name in _LEFT_OUT):
        return True
    if _OF_A_SESSION.fullmatch(name):
        return True
    fork = _FORK.fullmatch(name)
    return fork is not None and fork[1] in unlogged  # it is made anew from its first state
