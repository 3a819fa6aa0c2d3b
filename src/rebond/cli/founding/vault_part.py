"""What a new configuration says of its vault: where it is, and by which key this machine opens it."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rebond.cli.invocation import Invocation
from rebond.cli.vaults.key_at_hand import find_key
from rebond.cli.vaults.opening import store_at_hand
from rebond.errors import VaultMissing
from rebond.stack.discovery.choosing_places import ChosenPlaces
from rebond.stack.discovery.proposal import ProposedPart
from rebond.stack.discovery.remarks import Remark
from rebond.vault.opening import open_vault


class OwnKey(Struct, frozen=True, kw_only=True):
    """A key that somebody has already: what the configuration calls it, and where it is found."""

    word: str  # "key" or "passphrase"
    reference: Mapping[str, str]


def find_own_key(invocation: Invocation, places: ChosenPlaces) -> OwnKey | None:
    """Return a key at hand that opens the vault that is there; ``None`` where there is no vault, or no such key."""
    if places.owner_key.exists():
        return None
    if places.writer_key.is_file():
        return OwnKey(word="key", reference={"file": str(places.writer_key)})
    given = _find_given(invocation.environment)
    if given is None:
        return None
    try:
        with store_at_hand(invocation, places.vault) as store:
            open_vault(store, find_key(invocation))
    except VaultMissing:
        return None
    return given


def _find_given(environment: Mapping[str, str]) -> OwnKey | None:
    """Return what the environment names; ``find_key`` takes them in this order."""
    if path := environment.get("REBOND_KEY_FILE"):
        return OwnKey(word="key", reference={"file": str(Path(path).absolute())})
    if environment.get("REBOND_PASSPHRASE"):
        return OwnKey(word="passphrase", reference={"env": "REBOND_PASSPHRASE"})
    if path := environment.get("REBOND_PASSPHRASE_FILE"):
        return OwnKey(word="passphrase", reference={"file": str(Path(path).absolute())})
    return None


def describe_vault(places: ChosenPlaces, own: OwnKey | None, *, is_safe: bool) -> ProposedPart:
    """Return the table ``[vault]``, with remarks on what its place and its key are worth."""
    remarks = []
    if "://" not in places.vault:
        remarks.append(
            Remark(template="It lies on this machine: it helps against mistakes, not against the loss of the machine.")
        )
    if own is None:
        own = OwnKey(word="key", reference={"file": str(places.writer_key if is_safe else places.owner_key)})
        remarks.append(
            Remark(template="A writer's key: with it this machine can save, and can read nothing that it saved.")
            if is_safe
            else Remark(
                template="The owner's key: whoever has this file reads everything. The recovery kit opens "
                "the vault too, and belongs in a safe."
            )
        )
    lines: dict[str, object] = {"url": places.vault, own.word: own.reference}
    return ProposedPart(heading="vault", lines=lines, remarks=tuple(remarks))
