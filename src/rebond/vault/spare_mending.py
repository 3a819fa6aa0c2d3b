"""Put the vital objects of a vault and their copies right, each from the other (format page, section 3.9)."""

from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct

from rebond.errors import ForeignObject, FormatTooNew, StoreError, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import VaultId
from rebond.store.protocol import Store
from rebond.vault.access import Vault
from rebond.vault.description import DESCRIPTION_LIMIT_BYTES, DESCRIPTION_NAME, parse_description
from rebond.vault.keyring import (
    KEYRING_LIMIT_BYTES,
    KEYRING_PREFIX,
    SealedKeyring,
    keyring_name,
    load_newest_keyring,
    parse_keyring,
)
from rebond.vault.numbered_objects import list_numbered
from rebond.vault.object_names import ObjectClass, classify_name
from rebond.vault.roster import ROSTER_LIMIT_BYTES, ROSTER_PREFIX, parse_roster, roster_name
from rebond.vault.signed_objects import Notice, read_capped
from rebond.vault.slots import SLOT_LIMIT_BYTES, parse_slot, slot_name
from rebond.vault.spare_copies import (
    SPARE_PREFIX,
    is_store_away,
    name_of_original,
    replace_object,
    spare_name,
    withdraw_alone,
)


class _Vital(Struct, frozen=True):
    """An object that has a copy; ``check`` raises for bytes that are not it."""

    name: str
    limit_bytes: int
    check: Callable[[bytes], object]


def mend_copies(vault: Vault, notice: Notice) -> tuple[str, ...]:
    """Put back what is damaged or gone from the one that is whole; return the names of what was put or deleted.

    A copy that stands for nothing any more is deleted: a key that was removed might open it. What the store refuses
    is told to ``notice``. Cut anywhere, the whole one is there, and it can be run again.
    Where no keyring is whole, keyrings and slots are left as they are.
    """
    try:
        keyring = load_newest_keyring(vault.store, vault.vault_id, vault.credentials.owner_verify_key)
    except (VaultDamaged, ForeignObject, FormatTooNew):
        keyring = None  # told by what checks every object; the rest can be mended all the same
    mended: list[str] = []
    for vital in _list_vital(vault, keyring):
        try:
            mended += _mend(vault.store, vital)
        except StoreError as error:
            notice(_not_mended(vital.name, error))
        except FormatTooNew:
            continue  # not damaged, and not ours to judge: what checks every object tells of it
    for name in _list_vain(vault.store, keyring) if keyring is not None else ():
        try:
            vault.store.delete(name)
        except StoreError as error:
            notice(_not_mended(name_of_original(name), error))
        else:
            mended.append(name)
    return tuple(mended)


def find_vain_copies(copies: frozenset[str], names: frozenset[str], keyring: SealedKeyring) -> list[str]:
    """Return which of ``copies``, named as their originals are, stand for nothing any more.

    They are older keyrings and slots that nobody trusts, where the original is not one of ``names``. Where a later
    keyring lies there that does not count, it may be damaged, and no slot is judged: that one may name it.
    """
    numbers = (name.removeprefix(KEYRING_PREFIX) for name in copies | names if name.startswith(KEYRING_PREFIX))
    is_newest = max(map(int, numbers), default=0) <= keyring.number
    needed = {str(slot_name(slot)) for slot in keyring.wraps}
    return sorted(
        name
        for name in copies - names
        if (is_newest and name.startswith("keys/") and name not in needed)
        or (name.startswith(KEYRING_PREFIX) and int(name.removeprefix(KEYRING_PREFIX)) < keyring.number)
    )


def _list_vital(vault: Vault, keyring: SealedKeyring | None) -> Iterator[_Vital]:
    check = _Checks(vault.vault_id, vault.credentials.owner_verify_key)
    yield _Vital(DESCRIPTION_NAME, DESCRIPTION_LIMIT_BYTES, check.description)
    for number in list_numbered(vault.store, ROSTER_PREFIX).numbers:
        yield _Vital(roster_name(number), ROSTER_LIMIT_BYTES, partial(check.roster, number))
    if keyring is None:
        return
    listed = list_numbered(vault.store, KEYRING_PREFIX)
    for number, places in zip(listed.numbers, listed.places, strict=True):
        if number >= keyring.number or any(not place.name.startswith(SPARE_PREFIX) for place in places):
            yield _Vital(keyring_name(number), KEYRING_LIMIT_BYTES, partial(check.keyring, number))
    for slot in keyring.wraps:
        yield _Vital(slot_name(slot), SLOT_LIMIT_BYTES, partial(check.slot, slot))


class _Checks(Struct, frozen=True):
    """Raise for bytes that are not a vital object of this vault."""

    vault_id: VaultId
    owner: bytes

    def description(self, content: bytes) -> None:
        found = parse_description(content)
        if (found.vault_id, found.owner_verify_key) != (self.vault_id, self.owner):
            raise ForeignObject("vault.json is that of another vault.")

    def roster(self, number: int, content: bytes) -> None:
        parse_roster(content, number, self.owner)

    def keyring(self, number: int, content: bytes) -> None:
        parse_keyring(content, number, self.vault_id, self.owner)

    def slot(self, slot_id: bytes, content: bytes) -> None:
        found = parse_slot(content, self.vault_id)
        if (found.id, found.owner_verify_key) != (slot_id, self.owner):
            raise ForeignObject("The slot is another one.")


def _list_vain(store: Store, keyring: SealedKeyring) -> Iterator[str]:
    # What has another name than a vault gives is not ours, and stays.
    copies = frozenset(
        name_of_original(info.name)
        for info in store.list_objects(SPARE_PREFIX)
        if classify_name(info.name) is ObjectClass.SPARE
    )
    names = frozenset(
        info.name
        for prefix, kind in (("keys/", ObjectClass.SLOT), (KEYRING_PREFIX, ObjectClass.KEYRING))
        for info in store.list_objects(prefix)
        if classify_name(info.name) is kind
    )
    yield from map(spare_name, find_vain_copies(copies, names, keyring))


def _mend(store: Store, vital: _Vital) -> Iterator[str]:
    places = (vital.name, spare_name(vital.name))
    found = [_read_whole(store, place, vital) for place in places]
    good = next((content for content in found if content is not None), None)
    if good is None:
        return
    for place, other, content in zip(places, reversed(places), found, strict=True):
        if content != good:
            replace_object(store, place, good)
            # Whoever removes a key meanwhile deletes the two of a keyring: what he deleted is not to come back.
            if not withdraw_alone(store, place, other):
                yield place


def _read_whole(store: Store, place: str, vital: _Vital) -> bytes | None:
    try:
        content = read_capped(store, place, vital.limit_bytes)
        vital.check(content)
    except (StoreError, VaultDamaged, ForeignObject) as error:
        if is_store_away(store, error):
            raise
        return None
    return content


def _not_mended(name: str, reason: StoreError) -> Finding:
    return Finding(
        code="copy-not-mended",
        severity=Severity.WARNING,
        subject=name,
        template="{name} or its copy could not be put right: {reason}",
        hint_template="Run 'rebond verify --repair' with the credentials that the vault was made with.",
        values={"name": name, "reason": reason},
    )
