"""What a directory that stays in its place looks like from outside, so that it can be given another look, and back."""

import contextlib
import errno
import os
import stat

import msgspec

_NO_ATTRIBUTES = frozenset({errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA, errno.EINVAL})
_OF_PEOPLE = "user.", "system.posix_acl_"  # what a system sets for itself, such as labels, is not taken off


class DirectoryState(msgspec.Struct, frozen=True, kw_only=True):
    """Mode, owner, times and extended attributes, access lists among them."""

    mode: int
    uid: int
    gid: int
    accessed_ns: int
    modified_ns: int
    attributes: dict[str, bytes] = {}


def read_state(path: bytes) -> DirectoryState:
    """Look at a directory. Raises ``OSError``."""
    status = os.stat(path, follow_symlinks=False)
    attributes: dict[str, bytes] = {}
    try:
        for name in os.listxattr(path, follow_symlinks=False):
            with contextlib.suppress(OSError):  # one that may not be read may not be written either
                attributes[name] = os.getxattr(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_ATTRIBUTES:
            raise
    return DirectoryState(
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        accessed_ns=status.st_atime_ns,
        modified_ns=status.st_mtime_ns,
        attributes=attributes,
    )


def apply_state(path: bytes, state: DirectoryState) -> None:
    """Make a directory look so, as far as this user may. Raises ``OSError`` when it is gone."""
    now = os.stat(path, follow_symlinks=False)
    if (now.st_uid, now.st_gid) != (state.uid, state.gid):
        with contextlib.suppress(PermissionError):  # only root gives things away; the landing has said so already
            os.chown(path, state.uid, state.gid, follow_symlinks=False)
    with contextlib.suppress(PermissionError):
        os.chmod(path, state.mode)
    _apply_attributes(path, state.attributes)
    with contextlib.suppress(PermissionError):
        os.chmod(path, state.mode)  # an access list that came or went has changed what the group may
    with contextlib.suppress(PermissionError):
        os.utime(path, ns=(state.accessed_ns, state.modified_ns))


def _apply_attributes(path: bytes, wanted: dict[str, bytes]) -> None:
    """Set them, and take off what somebody else may have set since: an access list lets people in."""
    now = read_state(path).attributes
    extra = [name for name in now if name not in wanted and name.startswith(_OF_PEOPLE)]
    for name, value in [*((name, None) for name in extra), *wanted.items()]:
        try:
            if value is None:
                os.removexattr(path, name, follow_symlinks=False)
            elif now.get(name) != value:
                os.setxattr(path, name, value, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTES:
                raise
