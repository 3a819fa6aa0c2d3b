"""The first questions to a distant store, asked while the program is still being loaded.

What a command that only reads asks first is known from its name and the vault's address alone. Asked before the command
line is parsed, the answers, and the stretching of a passphrase that waits for one of them, take no time of their own.
Nothing is decided here: whoever opens the vault checks every answer as always, or asks again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from rebond.cli.invocation import Invocation
    from rebond.findings import Finding
    from rebond.store.anticipating import AnticipatingStore
    from rebond.store.protocol import Store
    from rebond.vault.opening import OpenedVault, VaultSecret

_PINS = "vaults"  # the folder of the pins, below the state folder
_AT_HAND = ("REBOND_PASSPHRASE", "REBOND_PASSPHRASE_FILE")
_READING = frozenset({"cat", "diff", "export", "find", "ls", "restore", "snapshots"})
_DISTANT = ("s3://", "gs://", "az://")
_NOT_PLAIN = ("--help", "--config")


class Opening(NamedTuple):
    """A vault that is being opened: ``result`` is awaited, ``noticed`` is what was odd, to be told then."""

    opener: "ThreadPoolExecutor"
    result: "Future[OpenedVault]"
    noticed: "list[Finding]"


class Asked(NamedTuple):
    """A store that was opened early, the same with what it was asked, and the vault, where its passphrase is known."""

    address: str
    store: "Store"
    ahead: "AnticipatingStore"
    opening: Opening | None


_asked: list[Asked] = []
_unanswered: list[bool] = []


def ask_early(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Ask a distant vault for what a reading command needs first. Never raises: what fails is met again, and told.

    Only where no configuration speaks of the vault: that may name another, or say how fast it may be read.
    """
    address = _find_address(arguments, environment)
    if address is None:
        return
    with suppress(Exception):
        from rebond.config.finding import find_configuration

        if find_configuration(None, environment, Path.cwd()) is not None:
            return
        from rebond.store.anticipating import AnticipatingStore
        from rebond.store.opening import open_store
        from rebond.vault.asked_first import TO_READ

        store = open_store(address)
        ahead = AnticipatingStore(store, TO_READ)
        _asked.append(Asked(address, store, ahead, None))
        _asked[0] = Asked(address, store, ahead, _open_early(ahead, environment))


def _open_early(store: "Store", environment: Mapping[str, str]) -> Opening | None:
    """Begin to open the vault where the passphrase is at hand: stretching it takes longer than all that is asked.

    Nothing is written: whoever takes the vault remembers it.
    """
    if environment.get("REBOND_KEY_FILE") or not any(environment.get(name) for name in _AT_HAND):
        return None
    from rebond.cli.invocation import Invocation
    from rebond.cli.vaults.key_at_hand import find_key

    invocation = Invocation(environment=environment)
    return begin_opening(store, find_key(invocation), invocation)


def begin_opening(store: "Store", key: "VaultSecret", invocation: "Invocation") -> Opening:
    """Open a vault in a thread of its own, while modules are loaded."""
    from concurrent.futures import ThreadPoolExecutor

    from rebond.vault.opening import open_vault
    from rebond.vault.pins import Pins

    pins = Pins(invocation.state_folder / _PINS)
    noticed: list[Finding] = []
    opener = ThreadPoolExecutor(1, "open")
    result = opener.submit(open_vault, store, key, pins=pins, notice=noticed.append, remembers=False)
    return Opening(opener, result, noticed)


def finish_opening(opening: Opening, invocation: "Invocation", report: "Callable[[Finding], None]") -> "OpenedVault":
    """Wait for the vault, tell what was odd, and remember whose it is. Raises what opening it raised."""
    from rebond.interruptions import wait_for
    from rebond.vault.opening import remember_vault
    from rebond.vault.pins import Pins

    is_stopped = False
    try:
        opened = wait_for(opening.result)
    except KeyboardInterrupt:
        is_stopped = True
        raise
    finally:
        # No thread is left over for whoever makes copies of this process; who is stopped makes none, and does not wait
        # for a store that does not answer.
        opening.opener.shutdown(wait=not is_stopped)
        for finding in opening.noticed:
            report(finding)
    remember_vault(Pins(invocation.state_folder / _PINS), opened, report)
    return opened


def take_asked(address: str) -> Asked | None:
    """Return the store of this address, if it was opened early; it is given once, and then its taker's to close."""
    if _asked and _asked[0].address == address:
        return _asked.pop()
    return None


def leave_unanswered(*, is_left: bool = True) -> None:
    """Say that what was asked is needed no more, as there is no key: nobody waits for a store that does not answer."""
    _unanswered[:] = [True] if is_left else []


def were_in_vain() -> bool:
    """Whether questions were asked whose answers nobody takes: the line says something else, or there is no key."""
    return bool(_asked or _unanswered)


def _find_address(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the address of a distant vault that a reading command names; ``None`` for anything less plain."""
    if not arguments or arguments[0] not in _READING or environment.get("REBOND_CONFIG"):
        return None
    address = environment.get("REBOND_VAULT")
    for position, word in enumerate(arguments):
        if word.partition("=")[0] in _NOT_PLAIN:
            return None
        if word == "--vault" and position + 1 < len(arguments):
            address = arguments[position + 1]
        elif word.startswith("--vault="):
            address = word.partition("=")[2]
    return address if address is not None and address.startswith(_DISTANT) else None
