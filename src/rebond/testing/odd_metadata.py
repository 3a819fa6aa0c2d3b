"""Odd modes, owners, times, attributes, access lists and flags."""

import errno
import os
import struct

from rebond.testing.odd_cells import APPEND_ONLY, IMMUTABLE, NO_ATIME, NO_DUMP, add_flags, cell, root_cell, write

_STRANGER = 54_321  # a user id that no machine has


@cell
def _modes(place: bytes) -> None:
    for mode in (0o600, 0o640, 0o644, 0o664, 0o666, 0o777, 0o755, 0o400, 0o444, 0o604, 0o4755, 0o2755, 0o1644):
        write(place + b"/%04o" % mode, b"%o" % mode)
        os.chmod(place + b"/%04o" % mode, mode)
    for mode in (0o700, 0o755, 0o777, 0o1777, 0o2775, 0o555):
        os.mkdir(place + b"/d%04o" % mode)
        if mode != 0o555:
            write(place + b"/d%04o/file" % mode)
        os.chmod(place + b"/d%04o" % mode, mode)


@root_cell
def _files_and_directories_that_nobody_may_enter(place: bytes) -> None:
    if os.geteuid() != 0:
        raise PermissionError(errno.EPERM, "whoever makes them could not read them")
    os.mkdir(place + b"/closed")
    write(place + b"/closed/file")
    write(place + b"/secret")
    write(place + b"/only-to-be-run")
    os.chmod(place + b"/only-to-be-run", 0o111)  # noqa: S103 - the mode is the point
    os.chmod(place + b"/closed/file", 0)
    os.chmod(place + b"/secret", 0)
    os.chmod(place + b"/closed", 0)


@root_cell
def _owners(place: bytes) -> None:
    for name, uid, gid in ((b"nobody", 65_534, 65_534), (b"stranger", _STRANGER, _STRANGER), (b"group", 0, 65_534)):
        write(place + b"/" + name)
        os.chown(place + b"/" + name, uid, gid)
        os.symlink(b"x", place + b"/link-of-" + name)
        os.chown(place + b"/link-of-" + name, uid, gid, follow_symlinks=False)
        os.mkdir(place + b"/directory-of-" + name, 0o700)
        os.chown(place + b"/directory-of-" + name, uid, gid)
    write(place + b"/set-user-id")
    os.chown(place + b"/set-user-id", _STRANGER, _STRANGER)
    os.chmod(place + b"/set-user-id", 0o6755)  # noqa: S103


@cell
def _times(place: bytes) -> None:
    second = 1_000_000_000
    moments = {
        b"one-nanosecond-before-1970": -1,
        b"1901": -2_147_483_648 * second,
        b"1969": -86_400 * second + 123_456_789,
        b"zero": 0,
        b"nanoseconds": 1_700_000_000 * second + 123_456_789,
        b"after-2038": 2_147_483_648 * second + 1,
        b"2262": 9_214_646_400 * second,
        b"2400": 13_569_465_600 * second + 7,
    }
    for name, moment in moments.items():
        write(place + b"/" + name)
        os.utime(place + b"/" + name, ns=(moment, moment))
        os.mkdir(place + b"/d-" + name)
        write(place + b"/d-" + name + b"/file")
        os.utime(place + b"/d-" + name, ns=(moment, moment))
        if os.stat(place + b"/" + name).st_mtime_ns != moment:
            raise OSError(errno.ERANGE, f"this file system cannot hold the time {name.decode()}")


@cell
def _extended_attributes(place: bytes) -> None:
    write(place + b"/file")
    os.mkdir(place + b"/directory")
    for path in (place + b"/file", place + b"/directory"):
        os.setxattr(path, b"user.plain", b"value")
        os.setxattr(path, b"user.empty", b"")
        os.setxattr(path, b"user.binary", bytes(range(256)))
        os.setxattr(path, b"user.caf\xc3\xa9", b"name that is no ASCII")
        os.setxattr(path, b"user.large", b"L" * 2000)
    write(place + b"/read-only")
    os.setxattr(place + b"/read-only", b"user.plain", b"value")
    os.chmod(place + b"/read-only", 0o400)


@root_cell
def _attributes_of_the_system(place: bytes) -> None:
    write(place + b"/capable", b"#!/bin/true\n")
    os.chmod(place + b"/capable", 0o755)  # noqa: S103
    # cap_net_bind_service, permitted and effective
    os.setxattr(place + b"/capable", b"security.capability", struct.pack("<IIIII", 0x0200_0001, 1 << 10, 0, 0, 0))
    os.setxattr(place + b"/capable", b"trusted.secret", b"for root only")
    os.symlink(b"capable", place + b"/link")
    os.setxattr(place + b"/link", b"trusted.on-a-link", b"yes", follow_symlinks=False)
    os.mkfifo(place + b"/pipe")
    os.setxattr(place + b"/pipe", b"trusted.on-a-pipe", b"yes")


def pack_access_list(*entries: tuple[int, int, int]) -> bytes:
    """Return an access control list as the kernel keeps it, from (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


_NO_ID = 0xFFFF_FFFF
_LIST = pack_access_list(
    (0x01, 7, _NO_ID), (0x02, 4, 65_534), (0x04, 4, _NO_ID), (0x08, 6, 12_345), (0x10, 6, _NO_ID), (0x20, 0, _NO_ID)
)


@cell
def _access_lists(place: bytes) -> None:
    write(place + b"/file")
    os.setxattr(place + b"/file", b"system.posix_acl_access", _LIST)
    os.mkdir(place + b"/giving")
    os.setxattr(place + b"/giving", b"system.posix_acl_default", _LIST)
    write(place + b"/giving/inherits")
    os.mkdir(place + b"/giving/inherits-too")
    write(place + b"/giving/plain")
    os.removexattr(place + b"/giving/plain", b"system.posix_acl_access")
    os.chmod(place + b"/giving/plain", 0o644)


@cell
def _flag_no_dump(place: bytes) -> None:
    write(place + b"/file")
    os.mkdir(place + b"/directory")
    for name in (b"/file", b"/directory"):
        add_flags(place + name, NO_DUMP | NO_ATIME)


@root_cell
def _flag_immutable(place: bytes) -> None:
    write(place + b"/file")
    os.link(place + b"/file", place + b"/second-name")
    os.mkdir(place + b"/directory")
    write(place + b"/directory/file")
    write(place + b"/log")
    add_flags(place + b"/file", IMMUTABLE)
    add_flags(place + b"/directory", IMMUTABLE)
    add_flags(place + b"/log", APPEND_ONLY)
