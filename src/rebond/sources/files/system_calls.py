"""What Linux offers and Python does not: ``statx``, inode flags, ``syncfs``.

Each is optional: where the C library or the file system lacks it, the answer says so.
"""

import ctypes
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Callable

Status = tuple[int, int, int, int, int, int, int, int, int, int, int, int | None]
"""mode, inode, device, links, uid, gid, bytes, modified_ns, changed_ns, blocks of 512, rdev, born_ns"""

# Flags of FS_IOC_GETFLAGS that say how a file is to be treated, not how it happens to be stored.
FLAG_IMMUTABLE = 0x10
FLAG_APPEND_ONLY = 0x20
FLAG_NO_COPY_ON_WRITE = 0x800000
LOCKING_FLAGS = FLAG_IMMUTABLE | FLAG_APPEND_ONLY
RESTORABLE_FLAGS = (
    LOCKING_FLAGS
    | FLAG_NO_COPY_ON_WRITE
    | 0x4  # compress
    | 0x8  # synchronous
    | 0x40  # no dump
    | 0x80  # no access time
    | 0x400  # do not compress
    | 0x4000  # journal the data
    | 0x8000  # no tail merging
    | 0x10000  # synchronous directory
    | 0x20000  # top of a hierarchy
)

# These architectures number the direction bits of an ioctl differently.
_IS_ODD = platform.machine().startswith(("ppc", "mips", "sparc", "alpha"))
_LONG_BYTES = struct.calcsize("l")
_GET_FLAGS = (0x40000000 if _IS_ODD else 0x80000000) | _LONG_BYTES << 16 | 0x6601
_SET_FLAGS = (0x80000000 if _IS_ODD else 0x40000000) | _LONG_BYTES << 16 | 0x6602
_LACKS_FLAGS = frozenset({errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})

_LIBC = ctypes.CDLL(None, use_errno=True)
_STATX = struct.Struct("=I12xIIIH2xQQQ8x16xqI4xqI4xqI4xIIII")
_STATX_BYTES = 256
_EMPTY_PATH = 0x1000
_BASIC_AND_BIRTH = 0xFFF
_BIRTH = 0x800
_LATEST_BIRTH = 1 << 33  # seconds; the year 2242
_BILLION = 1_000_000_000


def make_status_reader() -> Callable[[int], Status]:
    """Return a function that reads the status of an open file. Each belongs to one thread.

    It raises ``OSError`` as ``os.fstat`` does, costs the same, and knows the birth time.
    """
    statx = getattr(_LIBC, "statx", None)
    if statx is None:
        return _read_plain_status
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    # Arguments that are ctypes values already save half of the time of the call.
    path, flags, mask = ctypes.c_char_p(b""), ctypes.c_int(_EMPTY_PATH), ctypes.c_uint(_BASIC_AND_BIRTH)
    devices: dict[tuple[int, int], int] = {}

    def read_status(fd: int) -> Status:
        if statx(fd, path, flags, mask, buffer):
            return _read_plain_status(fd)  # raises, or does without the birth time (a sandbox that forbids statx)
        (known, links, uid, gid, mode, inode, size, blocks,
         born, born_part, changed, changed_part, modified, modified_part,
         rdev_major, rdev_minor, major, minor) = _STATX.unpack_from(buffer)  # fmt: skip
        device = devices.get((major, minor))
        if device is None:
            device = devices[major, minor] = os.makedev(major, minor)
        rdev = os.makedev(rdev_major, rdev_minor) if rdev_major or rdev_minor else 0
        return (
            mode, inode, device, links, uid, gid, size,
            modified * _BILLION + modified_part, changed * _BILLION + changed_part, blocks, rdev,
            # Some file systems answer with nonsense; a birth time is never worth an error.
            born * _BILLION + born_part if known & _BIRTH and 0 <= born < _LATEST_BIRTH else None,
        )  # fmt: skip

    return read_status


def _read_plain_status(fd: int) -> Status:
    return status_of(os.fstat(fd))


def status_of(status: os.stat_result) -> Status:
    """Return what ``os.stat`` found in the order of ``Status``, without a birth time."""
    mode, inode, device, links, uid, gid, size = status[:7]
    return (
        mode, inode, device, links, uid, gid, size,
        status.st_mtime_ns, status.st_ctime_ns, status.st_blocks, status.st_rdev, None,
    )  # fmt: skip


def make_flags_reader() -> Callable[[int], int | None]:
    """Return a function that reads the inode flags of an open file or directory. Each belongs to one thread.

    It returns ``None`` where the file system has none, and raises ``OSError`` for other faults.
    """
    buffer = bytearray(_LONG_BYTES)
    unpack = struct.Struct("=i").unpack_from  # the kernel fills an int, whatever the request's number says

    def read_flags(fd: int) -> int | None:
        try:
            fcntl.ioctl(fd, _GET_FLAGS, buffer)
        except OSError as error:
            if error.errno in _LACKS_FLAGS:
                return None
            raise
        flags: int = unpack(buffer)[0]
        return flags

    return read_flags


def read_inode_flags(fd: int) -> int | None:
    """Read the inode flags once; see ``make_flags_reader``."""
    return make_flags_reader()(fd)


def write_inode_flags(fd: int, flags: int) -> None:
    """Set the inode flags of an open file or directory. Raises ``OSError``."""
    fcntl.ioctl(fd, _SET_FLAGS, struct.pack("=i", flags).ljust(_LONG_BYTES, b"\0"))


def sync_file_system(fd: int) -> None:
    """Bring everything written to the file system of ``fd`` to the disk. Raises ``OSError``."""
    syncfs = getattr(_LIBC, "syncfs", None)
    if syncfs is None:
        os.sync()
    elif syncfs(fd):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
