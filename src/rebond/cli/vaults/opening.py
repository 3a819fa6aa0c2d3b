"""From the common options to a live vault."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, ClassVar

from rebond.cli.configuration.vault_found import Configured
from rebond.cli.invocation import Invocation
from rebond.cli.vaults.asked_early import begin_opening, finish_opening, leave_unanswered, take_asked
from rebond.cli.vaults.at_hand import find_vault
from rebond.cli.vaults.doubts import Doubts
from rebond.clock import SystemClock
from rebond.errors import RebondError, StoreUnreachable, VaultMissing
from rebond.findings import Finding
from rebond.secret import Reserved
from rebond.store.anticipating import AnticipatingStore
from rebond.store.opening import open_store
from rebond.store.protocol import Store
from rebond.vault.asked_first import TO_OPEN, TO_READ

if TYPE_CHECKING:
    from rebond.vault.access import Vault
    from rebond.vault.opening import OpenedVault

_ACCESS = "rebond.vault.access"


class VaultAtHand(Reserved, frozen=True, kw_only=True):
    """An open vault: ``live`` for the verbs, ``opened`` for those that manage keys, ``configured`` what was said."""

    SHOWN: ClassVar[tuple[str, ...]] = ("store", "configured")

    store: Store
    configured: Configured
    opened: "OpenedVault"
    live: "Vault"
    doubts: Doubts


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


@contextmanager
def limited_store_at_hand(invocation: Invocation, configured: Configured) -> Iterator[Store]:
    """Open a vault's store without any key; it takes no more of the network than the configuration allows."""
    with store_at_hand(invocation, configured.address) as store:
        yield _keep_to_limits(store, configured)


def _has_no_limit(configured: Configured) -> bool:
    return not (configured.upload_bytes_per_second or configured.download_bytes_per_second)


def _keep_to_limits(store: Store, configured: Configured) -> Store:
    if _has_no_limit(configured):
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
    recording, doubts = invocation.recording, Doubts(invocation, report)
    with ExitStack() as closing:
        # The run's own record is sealed last of all, so a store stays open until then.
        held = closing if recording is None else recording.closing
        asked = take_asked(configured.address) if only_reads and _has_no_limit(configured) else None
        if asked is None:
            store = held.enter_context(limited_store_at_hand(invocation, configured))
            ahead = AnticipatingStore(store, TO_READ if only_reads else TO_OPEN)
        else:
            store, ahead = asked.store, asked.ahead
            held.callback(store.close)
        closing.callback(ahead.finish)
        if asked is None or asked.opening is None:
            from rebond.cli.vaults.key_at_hand import find_key

            try:
                key = find_key(invocation, configured)
            except RebondError:
                leave_unanswered()
                raise
            leave_unanswered(is_left=False)
            opening = begin_opening(ahead, key, invocation)
        else:
            opening = asked.opening
        for module in (_ACCESS, *meanwhile):
            importlib.import_module(module)
        opened = finish_opening(opening, invocation, report)
        if not only_reads:
            ahead.finish()
        live = importlib.import_module(_ACCESS).Vault(
            store=ahead if only_reads else store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=invocation.cache_folder / "vaults",
            report=doubts.hear,
        )
        if recording is not None:
            recording.meet_vault(live, store.location)
        yield VaultAtHand(store=store, configured=configured, opened=opened, live=live, doubts=doubts)
