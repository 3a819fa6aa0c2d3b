"""What costs much and shows nothing in the process of a test: derivations of keys, and flushes to the disk."""

import os
from collections.abc import Callable

import msgspec

from rebond.operations.recovery import swap_steps
from rebond.sources.files import making_directories
from rebond.testing.vaults import QUICK_COST
from rebond.vault.slots import DEFAULT_COST


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


def _accept(descriptor: int) -> None:
    os.fstat(descriptor)  # what is not open is an error still


def _do_nothing() -> None:
    pass
