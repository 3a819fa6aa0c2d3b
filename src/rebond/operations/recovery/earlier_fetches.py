"""What an earlier try of fetching left, and whether it may be gone on with.

A file that a power cut interrupted may have its size and its times and not its content: those are written to the disk
when its system finds it convenient, in any order. So what was fetched before the machine was started anew is fetched
again; what a killed process left is as good as it looks.
"""

import os
from pathlib import Path

from rebond.durable_files import replace_durably
from rebond.sources.files.overwriting import Overwrite

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NOTED = "boot"


def read_boot() -> bytes:
    """Return what tells this start of the machine from every other; empty where the system does not say."""
    try:
        return Path(_BOOT_ID).read_bytes().strip()
    except OSError:
        return b""


def choose_overwriting(folder: Path, target: bytes) -> Overwrite | None:
    """Say what becomes of files that an earlier try left in ``target``; ``None`` where there are none.

    ``folder`` is the part's own, which outlives the try. Raises ``OSError``.
    """
    boot, note = read_boot(), folder / _NOTED
    if os.listdir(target):
        try:
            is_same_start = bool(boot) and note.read_bytes() == boot
        except FileNotFoundError:
            is_same_start = False
        return Overwrite.CHANGED if is_same_start else Overwrite.ALWAYS
    replace_durably(os.fspath(note), boot)
    return None
