"""What costs much and shows nothing in the process of a test: derivations of keys, and flushes to the disk."""

import contextlib
import fcntl
import os
import pathlib
import struct
from collections.abc import Callable

import msgspec

from rebond.operations.recovery import swap_steps
from rebond.sources.files import making_directories
from rebond.testing.vaults import QUICK_COST
from rebond.vault.slots import DEFAULT_COST

_GET_FLAGS, _SET_FLAGS, _TOP = 0x80086601, 0x40086602, 0x00020000  # of linux/fs.h; the last is T of chattr
_FLAGS = struct.Struct("i4x")  # the kernel says "long", and takes an int


def make_derivations_cheap() -> None:
    """Let a passphrase cost next to nothing, in this process alone: by design it takes a third of a second."""
    for name in DEFAULT_COST.__struct_fields__:
        msgspec.structs.force_setattr(DEFAULT_COST, name, getattr(QUICK_COST, name))


def leave_flushes_out() -> None:
    """Let nothing in this process wait for the disk.

    A flush shows only after a power cut, and a real one comes to no test: ``ForgetfulDisk`` takes note of every
    flush and says what it left. Whoever records the calls of ``os.fsync`` still sees them.
    """
    flushes: dict[str, Callable[..., None]] = {"fsync": _accept, "fdatasync": _accept, "sync": _do_nothing}
    vars(os).update(flushes)
    vars(making_directories)["sync_file_system"] = _accept
    vars(swap_steps)["sync_file_system"] = _accept


def spread_folders_below(folder: pathlib.Path) -> None:
    """Let ext4 lay each folder in this one into another group of inodes, as it does with those at its root.

    Where it has no journal it gives no inode anew for minutes after it was deleted, and looks through all of those of
    the group for each new file: that took a third of what the kernel did for the tests. Elsewhere nothing changes.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # another file system
            (flags,) = _FLAGS.unpack(fcntl.ioctl(opened, _GET_FLAGS, bytes(_FLAGS.size)))
            fcntl.ioctl(opened, _SET_FLAGS, _FLAGS.pack(flags | _TOP))
    finally:
        os.close(opened)


def _accept(descriptor: int) -> None:
    os.fstat(descriptor)  # what is not open is an error still


def _do_nothing() -> None:
    pass
