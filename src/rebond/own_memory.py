"""Large blocks of memory that are taken again and again: kept by the process, not given back and asked for anew.

The C library gives blocks above 128 KiB straight back to the system, and each page of the next one is a fault. What
reads, compresses and seals 16 MB a time spends a third of its processor time on that.
"""

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of malloc.h
_LARGEST_KEPT_BYTES = 32 << 20  # the most that the C library takes
_KEPT_BYTES = 256 << 20


def keep_memory() -> bool:
    """Let this process use blocks up to 32 MiB again; say whether the C library can. To be called once, early."""
    with contextlib.suppress(OSError, AttributeError):  # another C library than GNU's
        library = ctypes.CDLL(None)
        wishes = ((_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES), (_TRIM_THRESHOLD, _KEPT_BYTES), (_ARENA_MAX, 1))
        return all(bool(library.mallopt(name, value)) for name, value in wishes)
    return False


def give_memory_back() -> None:
    """Return to the system what is kept and not in use: for a process that has nothing to do for a while."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
