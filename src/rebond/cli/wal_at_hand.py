"""From the configuration to what archives a write-ahead log: the component, its vault, its notes, its socket."""

import hashlib
import os
import pwd
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rebond.cli.invocation import Invocation
from rebond.cli.opening import vault_at_hand
from rebond.cli.wal_components import find_wal_components
from rebond.clock import Clock
from rebond.config.model import Loaded
from rebond.errors import UsageError
from rebond.findings import Finding
from rebond.operations.wal.archiving import WalArchive
from rebond.operations.wal.coverage import survey_wal
from rebond.operations.wal.ledger import WalLedger
from rebond.schedule.stack_folders import folder_of
from rebond.service.wal_socket import find_user
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS

SOCKET = "wal.sock"
RUN_FOLDER = Path("/run/rebond")
_REOPEN_SECONDS = 600.0  # a key that was revoked, or a new sealing key, is noticed at the latest then
_LONGEST_SOCKET = 107


def owner_of(loaded: Loaded, component: str) -> str:
    """Return the name under which a component archives in the vault."""
    return f"{loaded.configuration.stack.name}/{component}"


def notes_of(folder: Path, component: str) -> Path:
    """Return where this machine writes down what a component archived."""
    return folder / "wal" / f"{component}.json"


def wal_socket_of(invocation: Invocation, loaded: Loaded) -> Path:
    """Return where the daemon listens: where the user of the server comes to, which is not the folder of the stack.

    As root that is below /run; else the stack's own folder where the server is run by ourselves, and a folder of ours
    in /tmp where it is not.
    """
    if chosen := invocation.environment.get("REBOND_WAL_SOCKET"):
        return Path(chosen).absolute()
    folder = folder_of(invocation.state_folder, loaded)
    mark = hashlib.blake2b(os.fsencode(folder), digest_size=4).hexdigest()
    name = f"{loaded.configuration.stack.name[:40]}-{mark}.sock"
    if os.geteuid() == 0:
        return RUN_FOLDER / name
    users = {find_user(each.wal_user) for each in find_wal_components(loaded).values()}
    path = folder / SOCKET
    if users <= {os.geteuid(), None} and len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    return Path(f"/tmp/rebond-{os.geteuid()}") / name  # noqa: S108 - made, and looked at, before it is used


def make_socket_folder(path: Path) -> None:
    """Make the folder of the socket; others may pass through it, and no more. Raises ``RebondError``."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    status = os.lstat(path.parent)
    if status.st_uid not in {0, os.geteuid()} or not stat.S_ISDIR(status.st_mode):
        raise UsageError(
            "{path} is somebody else's, so no socket is made there.",
            hint="Find out who made it, or set REBOND_WAL_SOCKET to a path of your own.",
            path=str(path.parent),
        )


def find_barrier(path: Path, user: int) -> str:
    """Return the first folder on the way to ``path`` that a user may not pass; empty when there is none."""
    try:
        account = pwd.getpwuid(user)
        groups = set(os.getgrouplist(account.pw_name, account.pw_gid))
    except KeyError:
        groups = set()
    for folder in reversed(path.parents):
        try:
            status = os.stat(folder)
        except OSError:
            return str(folder)
        shift = 6 if status.st_uid == user else 3 if status.st_gid in groups else 0
        if user and not (status.st_mode >> shift) & 1:
            return str(folder)
    return ""


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
