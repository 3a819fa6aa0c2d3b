"""Records that are replaced by one with a higher number: rosters and keyrings (format page, section 3)."""

import re
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from rebond.errors import ForeignObject, ObjectMissing, RebondError, StoreError, VaultDamaged
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.signed_objects import Notice, read_capped
from rebond.vault.spare_copies import copy_used, is_store_away, spare_name

Parsed = TypeVar("Parsed")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class NumberedObjects(Struct, frozen=True):
    """One listing of ``roster/`` or ``keyring/``: numbers falling, with what the store says of each and of its copy."""

    prefix: str
    numbers: tuple[int, ...]
    places: tuple[tuple[ObjectInfo, ...], ...]

    def next_after(self, number: int) -> int:
        """Return the smallest number above ``number`` that nothing has, valid or not."""
        taken = set(self.numbers)
        number += 1
        while number in taken:
            number += 1
        return number


def list_numbered(store: Store, prefix: str) -> NumberedObjects:
    """List ``PREFIX N`` objects and their copies, highest number first; other names below the prefix are left out."""
    places: dict[int, list[ObjectInfo]] = {}
    # Copies first: each is put after its object, so whatever is listed here without one has lost it.
    for folder in (spare_name(prefix), prefix):
        for info in store.list_objects(folder):
            if _NUMBER.fullmatch(info.name[len(folder) :]):
                places.setdefault(int(info.name[len(folder) :]), []).insert(0, info)
    numbers = tuple(sorted(places, reverse=True))
    return NumberedObjects(prefix, numbers, tuple(tuple(places[number]) for number in numbers))


def find_newest_valid(
    store: Store,
    listed: NumberedObjects,
    parse: Callable[[bytes, int], Parsed],
    *,
    at_least: int,
    limit_bytes: int,
    pass_over: Callable[[str, RebondError], None],
    notice: Notice,
) -> Parsed | None:
    """Return the valid object with the highest number; ``None`` where none of ``at_least`` or more is valid.

    The copy of one counts as itself; ``notice`` is told when it was needed. Those above it that are not valid, nor
    their copies, are told to ``pass_over``, with their name and why. Nothing below ``at_least`` is looked at: that
    would be the way to roll a vault back. Raises ``ObjectMissing`` for what went since the listing.
    """
    for number, places in zip(listed.numbers, listed.places, strict=True):
        if number < at_least:
            break
        name = f"{listed.prefix}{number}"
        faults: list[tuple[str, RebondError]] = []
        for info in places:
            try:
                found = parse(read_capped(store, info.name, limit_bytes, listed=info), number)
            except (VaultDamaged, ForeignObject, StoreError) as error:
                if isinstance(error, ObjectMissing) or is_store_away(store, error):
                    raise
                faults.append((info.name, error))
                continue
            if info.name != name and (faults or _is_missing(store, name)):
                notice(copy_used(name, faults[0][1] if faults else None))
            return found
        for each, fault in faults:
            if isinstance(fault, StoreError):
                raise fault
            pass_over(each, fault)
    return None


def _is_missing(store: Store, name: str) -> bool:
    """Ask once more: copies and objects are not listed at one moment."""
    try:
        store.stat(name)
    except ObjectMissing:
        return True
    return False
