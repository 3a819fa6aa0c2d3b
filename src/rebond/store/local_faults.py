"""From what the operating system says to what a store says."""

import errno

from rebond.errors import AccessDenied, StoreError, StoreFull, StoreUnfit, StoreUnreachable, UsageError

_DENIED = frozenset({errno.EACCES, errno.EPERM})
_GONE = frozenset(
    {
        errno.ENODEV,
        errno.ENXIO,
        errno.ENOMEDIUM,
        errno.ESTALE,
        errno.ENOTCONN,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EREMOTEIO,
    }
)
_CANNOT_LINK = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP})


def translate_os_error(error: OSError, name: str, location: str) -> StoreError | UsageError:
    """Return the error of ours that says what happened to ``name`` in the directory ``location``."""
    number = error.errno
    values = {"location": location, "name": name or location, "reason": error.strerror or str(error)}
    if number == errno.ENOSPC:
        return StoreFull(
            "No room left in {location}.", hint="Free some space there, then run the same command again.", **values
        )
    if number == errno.EDQUOT:
        return StoreFull(
            "No room left in {location} for this account: its quota is used up, whatever room the disk has.",
            hint="Raise the quota ('quota -s' shows it) or free some of it, then run the same command again.",
            **values,
        )
    if number == errno.EFBIG:
        return StoreFull(
            "{location} takes no file as large as {name}: a limit is set on the size of files.",
            hint="Lift it ('ulimit -f' shows that of a shell, LimitFSIZE= is that of a unit), or put the vault on "
            "another file system. Then run the same command again: it goes on from what it had stored.",
            **values,
        )
    if number == errno.EROFS:
        return AccessDenied(
            "{location} can only be read: {name} cannot be written there.",
            hint="Look at the system's log: a disk with errors is made read-only. Else mount it for writing. A unit of "
            "systemd may not write to a folder that was made after it began: restart it.",
            **values,
        )
    if number in _DENIED and not name:
        return AccessDenied(
            "This account may not use {location}: {reason}.",
            hint="Give this account the right to read and write there, or run as the account that owns it.",
            **values,
        )
    if number in _DENIED:
        return AccessDenied(
            "{location} does not let this account handle {name}: {reason}.",
            hint="Give this account the right to read and write there, or run as the account that owns it.",
            **values,
        )
    if number in _GONE:
        return StoreUnreachable(
            "{location} does not answer: {reason}.",
            hint="Look whether the disk or the network share is still connected, then run the same command again.",
            **values,
        )
    if number == errno.ENOTDIR and not name:
        return UsageError(
            "{location} cannot be made: a part of it is not a directory.", hint="Give another path.", **values
        )
    if number == errno.ENOTDIR:
        return UsageError(
            "{name} cannot be an object in {location}: a part of it is an object already.",
            hint="Choose another name.",
            **values,
        )
    if number in _CANNOT_LINK:
        return StoreUnfit(
            "The file system of {location} can make a file neither by a link nor by a rename that replaces nothing.",
            hint="Put the vault on another file system, such as ext4, XFS or ZFS.",
            **values,
        )
    return StoreError(
        "{location} could not handle {name}: {reason}.",
        hint="Look at the system's log for faults of the disk, then run the same command again.",
        **values,
    )
