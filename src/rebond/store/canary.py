"""Whether this credential can overwrite and delete what a store holds: tried on one object that nobody needs."""

import contextlib
import os

from msgspec import Struct

from rebond.errors import AccessDenied, ObjectExists, ObjectMissing, StoreError
from rebond.store.forwarding import ForwardingStore
from rebond.store.local import LocalStore
from rebond.store.protocol import Store

CANARY_NAME = "probe/canary"
_FIRST = b"A canary of 'rebond doctor'. It may be deleted.\n"
_SECOND = b"Overwritten by 'rebond doctor', which should not have been possible.\n"


class CanaryFate(Struct, frozen=True, kw_only=True):
    """What could be done to the canary. ``could_overwrite`` is ``None`` where it could not be tried."""

    could_overwrite: bool | None
    could_delete: bool

    @property
    def is_safe(self) -> bool:
        """Whether this credential can destroy nothing."""
        return self.could_overwrite is False and not self.could_delete


def try_canary(store: Store) -> CanaryFate:
    """Put an object below ``probe/``, try to overwrite it and to delete it; touch nothing else.

    It stays where it cannot be deleted, and the next try uses it again. Raises ``StoreError`` when it cannot even be
    put or read.
    """
    with contextlib.suppress(ObjectExists):
        store.put_if_absent(CANARY_NAME, _FIRST)
    try:
        before = store.read(CANARY_NAME)
        could_overwrite = _try_overwrite(store, before)
    except ObjectMissing:  # another run with the same right has just deleted it
        return CanaryFate(could_overwrite=None, could_delete=True)
    try:
        store.delete(CANARY_NAME)
        could_delete = not _is_there(store)
    except AccessDenied:
        could_delete = False
    return CanaryFate(could_overwrite=could_overwrite, could_delete=could_delete)


def _try_overwrite(store: Store, before: bytes) -> bool | None:
    """Write over the object as a thief would, past the rule that a put replaces nothing."""
    content = _SECOND if before != _SECOND else _FIRST
    inner = store
    while isinstance(inner, ForwardingStore):
        inner = inner.inner
    try:
        if isinstance(inner, LocalStore):
            _overwrite_file(f"{inner.location}/{CANARY_NAME}", content)
        elif replace := getattr(inner, "replace_probe", None):
            replace(CANARY_NAME, content)
        else:
            return None
    except (AccessDenied, ObjectExists, PermissionError):
        return False
    return store.read(CANARY_NAME) != before


def _overwrite_file(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def _is_there(store: Store) -> bool:
    try:
        store.stat(CANARY_NAME)
    except ObjectMissing:
        return False
    except StoreError:
        return True
    return True
