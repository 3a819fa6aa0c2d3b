"""List, add and remove what opens a vault (format page, section 14, *Slot*)."""

from msgspec import Struct
from msgspec.structs import replace

from rebond.clock import Clock
from rebond.errors import ObjectMissing, RebondError, Refused, StoreError, UnknownName
from rebond.store.protocol import Store
from rebond.vault.keyring import (
    KEYRING_PREFIX,
    MAX_SLOTS,
    OpenKeyring,
    change_keyring,
    keyring_name,
    load_newest_keyring,
    open_keyring,
)
from rebond.vault.numbered_objects import list_numbered
from rebond.vault.signed_objects import put_once
from rebond.vault.slots import DEFAULT_COST, Argon2Cost, SlotSecret, make_slot, read_slot, slot_name
from rebond.vault.spare_copies import delete_both, name_of_original, put_spare, spare_name


class SlotSummary(Struct, frozen=True, kw_only=True):
    """One slot as ``key list`` shows it. ``trouble`` is why it cannot be used, ``None`` when it can."""

    id: bytes
    method: str = ""
    label: str = ""
    made_ms: int = 0
    is_trusted: bool = True
    is_current: bool = False
    trouble: RebondError | None = None

    @property
    def fault(self) -> str:
        """What is wrong with it, in English; empty when nothing is."""
        return self.trouble.message if self.trouble is not None else ""


def list_slots(store: Store, keyring: OpenKeyring) -> tuple[SlotSummary, ...]:
    """Return the slots that open the vault, and strays that open nothing, trusted ones first."""
    names = {slot_name(slot): slot for slot in keyring.trusted}
    # A slot that lost its object in a removal that was cut is known by its copy: the removal can be run again.
    places = ("keys/", spare_name("keys/"))
    lying = {name_of_original(info.name) for place in places for info in store.list_objects(place)}
    strays = sorted(lying - names.keys())
    found = [_summarize(store, slot, keyring) for slot in names.values()]
    for name in strays:
        slot = _id_in(name)
        if slot is not None:
            found.append(replace(_summarize(store, slot, keyring), is_trusted=False))
    return tuple(found)


def add_slot(
    store: Store,
    keyring: OpenKeyring,
    secret: SlotSecret,
    *,
    clock: Clock,
    label: str = "",
    cost: Argon2Cost = DEFAULT_COST,
) -> tuple[bytes, OpenKeyring]:
    """Let ``secret`` open the vault too; return the slot's id and the new keyring.

    The slot is put first, then the keyring that trusts it: cut between, it opens nothing and is
    reported as a stray. Raises ``Refused`` when there are as many slots as there may be.
    """
    _require_room(keyring)
    slot = make_slot(
        keyring.vault_id, keyring.secrets.owner_verify_key, secret, now_ms=clock.now_ms(), label=label, cost=cost
    )
    put_once(store, slot.name, slot.content)
    put_spare(store, slot.name, slot.content)
    changed = change_keyring(store, keyring, lambda current: _with_slot(current, slot.id, slot.public))
    return slot.id, changed


def remove_slot(store: Store, keyring: OpenKeyring, slot_id: bytes) -> OpenKeyring:
    """Let a slot open nothing any more; return the keyring that no longer trusts it.

    The new keyring, under a fresh key, is put first; then the older keyrings, which it could still
    open, are deleted, and at last the slot, each with its copy. Cut short, run it again: as long as
    anything is left, the slot is. Whoever copied both before can still read what he could read then.
    Raises ``Refused`` for the last slot and for the one in use, ``UnknownName`` for a slot that is not there.
    """
    places = (slot_name(slot_id), spare_name(slot_name(slot_id)))
    if slot_id not in keyring.trusted and not any(_is_there(store, place) for place in places):
        raise UnknownName(
            "The vault has no slot {slot}.", hint="'rebond key list' shows all slots.", slot=slot_id.hex()
        )
    changed = change_keyring(store, keyring, lambda current: _without(current, slot_id))
    _require_readable(store, changed)
    older = [keyring_name(number) for number in list_numbered(store, KEYRING_PREFIX).numbers if number < changed.number]
    for name in (*older, slot_name(slot_id)):
        delete_both(store, name)
    return changed


def find_slot(store: Store, keyring: OpenKeyring, text: str) -> bytes:
    """Return the id of the slot with that label or beginning of an id; raises ``UnknownName`` unless it is one."""
    slots = list_slots(store, keyring)
    found = [slot for slot in slots if slot.label == text] or [s for s in slots if text and s.id.hex().startswith(text)]
    if len(found) != 1:
        raise UnknownName(
            "{count} slots are named {text}." if found else "No slot is named {text}.",
            hint="'rebond key list' shows all slots; give more of the id.",
            count=len(found),
            text=text,
        )
    return found[0].id


def _require_room(keyring: OpenKeyring) -> None:
    if len(keyring.trusted) >= MAX_SLOTS:
        raise Refused(
            "The vault has {count} slots, which is as many as there may be.",
            hint="Remove one first: rebond key remove SLOT",
            count=len(keyring.trusted),
        )


def _with_slot(keyring: OpenKeyring, slot_id: bytes, public: bytes) -> OpenKeyring:
    if slot_id not in keyring.trusted:
        _require_room(keyring)  # others add slots too, and no keyring with more is valid
    return replace(keyring, trusted={**keyring.trusted, slot_id: public})


def _without(keyring: OpenKeyring, slot_id: bytes) -> OpenKeyring:
    if slot_id not in keyring.trusted:
        return keyring
    if len(keyring.trusted) == 1:
        raise Refused(
            "This is the last slot: without it nobody could ever open the vault.",
            hint="Add another one first: rebond key add.",
        )
    if slot_id == keyring.opened_by:
        raise Refused(
            "The vault was opened with this very slot.",
            hint="Run the command again with another secret, which proves that it opens the vault.",
        )
    return replace(keyring, trusted={slot: public for slot, public in keyring.trusted.items() if slot != slot_id})


def _require_readable(store: Store, keyring: OpenKeyring) -> None:
    """Open the newest keyring from the store once more before the older ones go: it will be the only one."""
    owner = keyring.secrets.owner_verify_key
    sealed = load_newest_keyring(store, keyring.vault_id, owner, keyring.number)
    open_keyring(sealed, keyring.opened_by, keyring.slot_seed, owner, keyring.description_hash)


def _summarize(store: Store, slot_id: bytes, keyring: OpenKeyring) -> SlotSummary:
    try:
        slot = read_slot(store, slot_id, keyring.vault_id)
    except StoreError as error:
        if not isinstance(error, ObjectMissing):
            raise
        return SlotSummary(id=slot_id, trouble=error)
    except RebondError as error:
        return SlotSummary(id=slot_id, trouble=error)
    return SlotSummary(
        id=slot_id,
        method=slot.method,
        label=slot.label,
        made_ms=slot.made_ms,
        is_current=slot_id == keyring.opened_by,
    )


def _id_in(name: str) -> bytes | None:
    try:
        return bytes.fromhex(name.removeprefix("keys/"))
    except ValueError:
        return None


def _is_there(store: Store, name: str) -> bool:
    try:
        store.stat(name)
    except ObjectMissing:
        return False
    return True
