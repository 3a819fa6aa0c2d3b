"""From the configuration to what archives a write-ahead log: the component, its vault, its notes, its socket."""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rebond.cli.invocation import Invocation
from rebond.cli.output.observing import describe_finding
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import Clock
from rebond.config.model import Loaded
from rebond.errors import UsageError
from rebond.findings import Finding
from rebond.operations.wal.archiving import WalArchive
from rebond.operations.wal.coverage import survey_wal
from rebond.operations.wal.ledger import WalLedger
from rebond.schedule.stack_folders import folder_of
from rebond.stack.wal_places import find_wal_socket
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS

LOG = logging.getLogger("rebond.wal")
_REOPEN_SECONDS = 600.0  # a key that was revoked, or a new sealing key, is noticed at the latest then


def owner_of(loaded: Loaded, component: str) -> str:
    """Return the name under which a component archives in the vault."""
    return f"{loaded.configuration.stack.name}/{component}"


def notes_of(folder: Path, component: str) -> Path:
    """Return where this machine writes down what a component archived."""
    return folder / "wal" / f"{component}.json"


def wal_socket_of(invocation: Invocation, loaded: Loaded) -> Path:
    """Return where the daemon listens."""
    return find_wal_socket(invocation.environment, invocation.state_folder, loaded)


def log_finding(finding: Finding) -> None:
    """Write down what a process that archives noticed of its vault."""
    LOG.warning("%s", describe_finding(finding))


class OpenVault:
    """The vault of a process that lives long: opened when it is needed, and again from time to time."""

    def __init__(self, invocation: Invocation, report: Callable[[Finding], None], clock: Clock) -> None:
        self._invocation = invocation
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        self._held = ExitStack()
        self._former = ExitStack()
        self._vault: Vault | None = None
        self._until = 0.0

    def get(self) -> Vault:
        """Return it. Raises ``VaultError``, ``StoreError`` and ``ConfigError``; the next call tries again."""
        with self._lock:
            if self._vault is None or self._clock.monotonic() > self._until:
                held = ExitStack()
                vault = held.enter_context(vault_at_hand(self._invocation, self._report)).live
                self._former.close()  # ten minutes old: nobody uses it any more
                self._former, self._held, self._vault = self._held, held, vault
                self._until = self._clock.monotonic() + _REOPEN_SECONDS
            return self._vault

    def close(self) -> None:
        """Give back what was opened."""
        with self._lock:
            self._vault = None
            self._former.close()
            self._held.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class WalAtHand:
    """What archives one component's log."""

    component: str
    archive: WalArchive
    ledger: WalLedger


def wal_at_hand(
    invocation: Invocation, loaded: Loaded, component: str, get_vault: Callable[[], Vault], clock: Clock
) -> WalAtHand:
    """Return what archives a component's log into the vault that ``get_vault`` opens."""
    return WalAtHand(
        component=component,
        archive=WalArchive(get_vault, owner=owner_of(loaded, component), level=LEVELS["fast"]),
        ledger=WalLedger(
            notes_of(folder_of(invocation.state_folder, loaded), component),
            clock,
            lambda system_id: survey_wal(get_vault(), system_id),
        ),
    )


def read_options(words: list[str]) -> tuple[Mapping[str, str], list[str]]:
    """Take the command line of ``rebond-wal`` apart: options and what follows. Raises ``UsageError``."""
    options = {"--config": "", "--socket": "", "--system": "0", "--component": ""}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).partition("=")
        if name not in options or not (equals or rest):
            raise UsageError("rebond-wal knows no option {name}.", name=name)
        options[name] = value if equals else rest.pop(0)
    if not rest or (rest[0], len(rest)) not in {("push", 2), ("fetch", 3)}:
        raise UsageError("Write: rebond-wal [--config FILE] push PATH | fetch NAME TARGET")
    return options, rest
