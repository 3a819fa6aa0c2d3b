"""Second copies of the few objects without which nothing of a vault can be opened (format page, section 3.9).

``vault.json``, every roster, every keyring and every slot lie below ``spare/`` once more, byte for
byte. Each of them is a few kilobytes, and one flipped bit of the only one would cost the whole vault.
A copy is judged by the same sums and signatures as what it stands for, so it is trusted no more
and no less; it is looked at only where that is damaged or gone.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from rebond.errors import (
    ForeignObject,
    FormatTooNew,
    ObjectExists,
    ObjectMissing,
    RebondError,
    StoreError,
    VaultDamaged,
)
from rebond.findings import Finding, Severity
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.signed_objects import Notice, read_capped

SPARE_PREFIX = "spare/"
COPY_USED = "copy-used"  # the code of a finding
Parsed = TypeVar("Parsed")


def spare_name(name: str) -> str:
    """Where the copy of an object lies."""
    return f"{SPARE_PREFIX}{name}"


def name_of_original(name: str) -> str:
    """What a copy stands for."""
    return name.removeprefix(SPARE_PREFIX)


def put_spare(store: Store, name: str, content: bytes) -> None:
    """Lay the copy of what was put at ``name`` just now.

    A store that fails here does not undo what was put: ``verify`` misses the copy, and its ``--repair`` lays it.
    """
    with suppress(StoreError):
        replace_object(store, spare_name(name), content)
        withdraw_alone(store, spare_name(name), name)


def withdraw_alone(store: Store, placed: str, other: str) -> bool:
    """Delete what was put at ``placed`` just now if ``other``, its copy or original, went meanwhile; say whether so.

    That is what becomes of a keyring that a removed key could open: neither of the two may outlive the other.
    """
    with suppress(ObjectMissing):
        store.stat(other)
        return False
    store.delete(placed)
    return True


def delete_both(store: Store, name: str) -> None:
    """Delete an object and its copy for good, also from whoever is laying one of them at this moment.

    The copy goes first, so that none is left in vain by a cut, and once more at last: one that was laid between
    is either met by that, or its maker finds the object gone (``withdraw_alone``).
    """
    for place in (spare_name(name), name, spare_name(name)):
        store.delete(place)


def replace_object(store: Store, name: str, content: bytes) -> None:
    """Put ``content`` at ``name`` in the stead of whatever is there; its other copy is whole meanwhile."""
    try:
        store.put_if_absent(name, content)
    except ObjectExists:
        store.delete(name)
        store.put_if_absent(name, content)


def read_either(
    store: Store,
    name: str,
    limit_bytes: int,
    parse: Callable[[bytes], Parsed],
    *,
    notice: Notice,
    listed: ObjectInfo | None = None,
) -> Parsed:
    """Return what lies at ``name``, or its copy where that is damaged or gone: then ``notice`` is told.

    Where the copy is no better, raises what is wrong with the object itself: ``ObjectMissing``, or what ``parse`` does.
    An object of a newer format is not damaged: no copy stands in for it.
    """
    try:
        return parse(read_capped(store, name, limit_bytes, listed=listed))
    except (StoreError, VaultDamaged, ForeignObject) as error:
        if is_store_away(store, error):
            raise
        with suppress(StoreError, VaultDamaged, ForeignObject, FormatTooNew):
            found = parse(read_capped(store, spare_name(name), limit_bytes))
            notice(copy_used(name, None if isinstance(error, ObjectMissing) else error))
            return found
        raise


def is_store_away(store: Store, error: RebondError) -> bool:
    """Say whether an error of reading one object would meet its copy too: no bad sector, but a host that is away."""
    return isinstance(error, StoreError) and not isinstance(error, ObjectMissing) and store.traits.latency


def copy_used(name: str, reason: RebondError | None) -> Finding:
    """Say that an object is damaged, for ``reason``, or gone (``None``), and that its copy did as well."""
    return Finding(
        code=COPY_USED,
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} is damaged: {reason} Its copy {copy} is whole and was used."
        if reason is not None
        else "{name} is missing. Its copy {copy} is whole and was used.",
        hint_template="'rebond verify --repair' puts it right. Find out what changed it: a failing disk damages more.",
        values={"name": name, "copy": spare_name(name), "reason": reason},
    )
