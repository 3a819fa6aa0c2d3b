"""From the common options to a live vault."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rebond.cli.at_hand import find_vault
from rebond.cli.invocation import Invocation
from rebond.cli.key_at_hand import find_key
from rebond.cli.vault_found import Configured
from rebond.errors import StoreUnreachable, VaultMissing
from rebond.findings import Finding
from rebond.store.opening import open_store
from rebond.store.protocol import Store
from rebond.vault.access import Vault
from rebond.vault.opening import OpenedVault, open_vault
from rebond.vault.pins import Pins


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultAtHand:
    """An open vault: ``live`` for the verbs, ``opened`` for those that manage keys, ``configured`` what was said."""

    store: Store
    configured: Configured
    opened: OpenedVault = field(repr=False)
    live: Vault = field(repr=False)


@contextmanager
def store_at_hand(invocation: Invocation, address: str | None = None, *, create: bool = False) -> Iterator[Store]:
    """Open the store that was named, without any key, and close it in the end."""
    try:
        store = open_store(address or find_vault(invocation).address, create=create)
    except StoreUnreachable as error:
        # Nothing was asked over a network yet: the directory is not there. Once a vault is open, a
        # directory that goes away is a store that does not answer.
        raise VaultMissing(error.template, hint=error.hint_template, **error.values) from error
    try:
        yield store
    finally:
        store.close()


@contextmanager
def vault_at_hand(invocation: Invocation, report: Callable[[Finding], None]) -> Iterator[VaultAtHand]:
    """Open the vault with the key at hand; ``report`` hears what is odd. Raises ``VaultError`` and ``StoreError``."""
    configured = find_vault(invocation)
    recording = invocation.recording
    with ExitStack() as closing:
        # The run's own record is sealed last of all, so a store stays open until then.
        held = closing if recording is None else recording.closing
        store = held.enter_context(store_at_hand(invocation, configured.address))
        key = find_key(invocation, configured)
        pins = Pins(invocation.state_folder / "vaults")
        opened = open_vault(store, key, pins=pins, notice=report)
        live = Vault(
            store=store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=invocation.cache_folder / "vaults",
            report=report,
        )
        if recording is not None:
            recording.meet_vault(live, store.location)
        yield VaultAtHand(store=store, configured=configured, opened=opened, live=live)
