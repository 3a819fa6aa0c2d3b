"""From the common options to a live vault."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, ClassVar

from rebond.cli.at_hand import find_vault
from rebond.cli.invocation import Invocation
from rebond.cli.vault_found import Configured
from rebond.clock import SystemClock
from rebond.errors import StoreUnreachable, VaultMissing
from rebond.findings import Finding
from rebond.secret import Reserved
from rebond.store.anticipating import AnticipatingStore
from rebond.store.opening import open_store
from rebond.store.protocol import Store
from rebond.vault.asked_first import ASKED_FIRST

if TYPE_CHECKING:
    from rebond.vault.access import Vault
    from rebond.vault.opening import OpenedVault

_ACCESS = "rebond.vault.access"
_TO_OPEN = (ASKED_FIRST,)
# A snapshot that is listed has its index lists already; so these are asked for after those.
_TO_READ = ((*ASKED_FIRST, "trash/", "snapshots/"), ("index/",))


class VaultAtHand(Reserved, frozen=True, kw_only=True):
    """An open vault: ``live`` for the verbs, ``opened`` for those that manage keys, ``configured`` what was said."""

    SHOWN: ClassVar[tuple[str, ...]] = ("store", "configured")

    store: Store
    configured: Configured
    opened: "OpenedVault"
    live: "Vault"


@contextmanager
def store_at_hand(invocation: Invocation, address: str | None = None, *, create: bool = False) -> Iterator[Store]:
    """Open the store that was named, without any key, and close it in the end."""
    with missing_vault_told():
        store = open_store(find_vault(invocation).address if address is None else address, create=create)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def missing_vault_told() -> Iterator[None]:
    """Raise ``VaultMissing`` where a directory that was named is not there.

    Nothing was asked over a network yet. Once a vault is open, a directory that goes away is a store that does not
    answer.
    """
    try:
        yield
    except StoreUnreachable as error:
        raise VaultMissing(error.template, hint=error.hint_template, **error.values) from error


def _keep_to_limits(store: Store, configured: Configured) -> Store:
    if not (configured.upload_bytes_per_second or configured.download_bytes_per_second):
        return store
    from rebond.store.limiting import LimitedStore

    return LimitedStore(
        store,
        SystemClock(),
        upload_bytes_per_second=configured.upload_bytes_per_second,
        download_bytes_per_second=configured.download_bytes_per_second,
    )


@contextmanager
def vault_at_hand(
    invocation: Invocation,
    report: Callable[[Finding], None],
    *,
    only_reads: bool = False,
    meanwhile: Sequence[str] = (),
) -> Iterator[VaultAtHand]:
    """Open the vault with the key at hand; ``report`` hears what is odd. Raises ``VaultError`` and ``StoreError``.

    With ``only_reads`` a distant store is asked beforehand for what is read first. The modules
    ``meanwhile`` are loaded while the passphrase is stretched and the store answers.
    """
    configured = find_vault(invocation)
    recording = invocation.recording
    with ExitStack() as closing:
        # The run's own record is sealed last of all, so a store stays open until then.
        held = closing if recording is None else recording.closing
        store = _keep_to_limits(held.enter_context(store_at_hand(invocation, configured.address)), configured)
        ahead = AnticipatingStore(store, _TO_READ if only_reads else _TO_OPEN)
        closing.callback(ahead.finish)
        from rebond.cli.key_at_hand import find_key
        from rebond.vault.opening import open_vault
        from rebond.vault.pins import Pins

        key = find_key(invocation, configured)
        pins = Pins(invocation.state_folder / "vaults")
        with ThreadPoolExecutor(1, "open") as opener:
            opening = opener.submit(open_vault, ahead, key, pins=pins, notice=report)
            for module in (_ACCESS, *meanwhile):
                importlib.import_module(module)
            opened = opening.result()
        if not only_reads:
            ahead.finish()
        live = importlib.import_module(_ACCESS).Vault(
            store=ahead if only_reads else store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=invocation.cache_folder / "vaults",
            report=report,
        )
        if recording is not None:
            recording.meet_vault(live, store.location)
        yield VaultAtHand(store=store, configured=configured, opened=opened, live=live)
