"""Which names an object may have. One rule for every store, so that a vault can move between them."""

import re

from rebond.errors import UsageError

LONGEST_PART = 200  # of the 255 bytes that file systems allow
LONGEST_NAME = 700  # of the 1,024 bytes that S3 allows, with room for a prefix
TEMPORARY_PREFIX = ".tmp-"  # how a local store calls what is not an object yet

_NAME = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*\Z")
_PREFIX = re.compile(r"(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9._-]*\Z")
_CLIMBS = re.compile(r"(?:^|/)\.\.?/")
_RESERVED = re.compile(r"(?:^|/)(?:\.\.?(?:/|\Z)|\.tmp-)")


def is_valid_name(name: str) -> bool:
    """Say whether an object may be called ``name``.

    Parts match ``[A-Za-z0-9._-]+`` and are joined by ``/``. No part is ``.`` or ``..`` or starts
    with ``.tmp-``; a part has at most 200 characters, the whole at most 700.
    """
    if not _NAME.match(name) or len(name) > LONGEST_NAME:
        return False
    if "." in name and _RESERVED.search(name):
        return False
    return len(name) <= LONGEST_PART or all(len(part) <= LONGEST_PART for part in name.split("/"))


def check_name(name: str) -> None:
    """Raise ``UsageError`` unless an object may be called ``name``."""
    if not is_valid_name(name):
        raise UsageError(
            "{name} cannot be the name of an object.",
            hint="Use letters, digits, '.', '_' and '-', in parts joined by '/'.",
            name=repr(name),
        )


def check_prefix(prefix: str) -> None:
    """Raise ``UsageError`` unless a name may start with ``prefix``."""
    if not _PREFIX.match(prefix) or _CLIMBS.search(prefix):
        raise UsageError(
            "{name} cannot be the start of an object's name.",
            hint="Use letters, digits, '.', '_' and '-', in parts joined by '/'.",
            name=repr(prefix),
        )


def check_range(start: int, length: int | None) -> None:
    """Raise ``UsageError`` unless the range of bytes can exist."""
    if start < 0 or (length is not None and length < 0):
        raise UsageError(
            "A read cannot start at {start} and have {length} bytes.",
            hint="Use numbers that are not negative.",
            start=start,
            length=length,
        )
