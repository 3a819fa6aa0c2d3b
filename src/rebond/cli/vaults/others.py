"""Vaults of the configuration besides the main one: by their names, each with its own key."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from rebond.cli.configuration.at_hand import describe_place, list_places, require_configuration
from rebond.cli.configuration.vault_found import Configured
from rebond.cli.invocation import Invocation
from rebond.cli.vaults.key_at_hand import find_key
from rebond.cli.vaults.opening import limited_store_at_hand
from rebond.config.model import Loaded
from rebond.config.places import find_nearest
from rebond.errors import UnknownName
from rebond.findings import Finding
from rebond.progress import Observer
from rebond.schedule.keeping import MAIN_PLACE
from rebond.store.protocol import Store
from rebond.vault.access import Vault
from rebond.vault.member_files import MemberFileSecret
from rebond.vault.opening import open_vault
from rebond.vault.pins import Pins
from rebond.vault.slots import SlotSecret

_KEYS_OF_THE_MAIN_VAULT = (
    "REBOND_KEY_FILE",
    "REBOND_PASSPHRASE",
    "REBOND_PASSPHRASE_FILE",
    "REBOND_PASSPHRASE_COMMAND",
)


def enter_place(invocation: Invocation, name: str) -> Invocation:
    """Return the invocation with the vault that the configuration calls so, and its key. Raises ``UnknownName``."""
    loaded = require_configuration(invocation)
    places = {each.name: each for each in list_places(loaded)}
    if name not in places:
        nearest = find_nearest(name, places)
        raise UnknownName(
            "There is no vault '{name}' in the configuration.",
            hint="Did you mean '{nearest}'?" if nearest else "There are: {known}.",
            name=name,
            nearest=nearest,
            known=", ".join(places) or "–",
        )
    if name == MAIN_PLACE:
        return invocation
    place = places[name]
    return with_its_own_key(replace(invocation, vault=place.address), describe_place(loaded, place))


@contextmanager
def open_by_name(invocation: Invocation, loaded: Loaded, name: str, watcher: Observer) -> Iterator[Vault]:
    """Open a vault of the configuration that is kept apart, by its name. Raises ``VaultError`` and ``StoreError``."""
    configured = describe_place(loaded, next(each for each in list_places(loaded) if each.name == name))
    with limited_store_at_hand(invocation, configured) as store:
        key = find_key(with_its_own_key(invocation, configured), configured)
        yield open_live(invocation, store, key, watcher.noticed)


def open_live(
    invocation: Invocation, store: Store, key: SlotSecret | MemberFileSecret, report: Callable[[Finding], None]
) -> Vault:
    """Open a vault; ``report`` hears what is odd in it, now and later. Raises ``VaultError`` and ``StoreError``."""
    opened = open_vault(store, key, pins=Pins(invocation.state_folder / "vaults"), notice=report)
    return Vault(
        store=store,
        credentials=opened.credentials,
        roster=opened.roster,
        caches=invocation.cache_folder / "vaults",
        report=report,
    )


def with_its_own_key(invocation: Invocation, configured: Configured) -> Invocation:
    """Return the invocation without what the environment says of the main vault's key, where this one has its own.

    ``REBOND_KEY_FILE_NAME`` and its kin are for the vault of that name, and win over its configuration.
    """
    environment = dict(invocation.environment)
    own = {
        name: text
        for name in _KEYS_OF_THE_MAIN_VAULT
        if (text := environment.get(name_variable(name, configured.place)))
    }
    if configured.has_key or own:
        for name in _KEYS_OF_THE_MAIN_VAULT:
            environment.pop(name, None)
    return replace(invocation, environment={**environment, **own})


def name_variable(variable: str, vault: str) -> str:
    """Return the variable that says for one vault what ``variable`` says for the main one."""
    return f"{variable}_{vault.upper().replace('-', '_').replace('.', '_')}"
