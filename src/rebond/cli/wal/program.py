"""``rebond-wal`` without a daemon: the same, slower. Its launcher turns these statuses into PostgreSQL's.

The statuses are odd ones on purpose: an interpreter that breaks ends with none of them.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import hint_of, message_of
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.wal.at_hand import read_options, wal_at_hand
from rebond.cli.wal.components import choose_component
from rebond.clock import SystemClock
from rebond.errors import RebondError, UsageError
from rebond.findings import Finding
from rebond.operations.wal.archiving import WalFile
from rebond.operations.wal.fetching import fetch_wal
from rebond.service.wal_socket import describe_place
from rebond.vault.access import Vault

DONE, ABSENT, FAILED = 70, 71, 72
_SYSTEM_ID_BYTES = 8  # at the beginning of global/pg_control


def run(words: Sequence[str]) -> int:
    """Do what was asked; return one of the three statuses."""
    try:
        options, (verb, *rest) = read_options(list(words))
        invocation = Invocation(config=options["--config"] or None, is_quiet=True)
        if verb == "push":
            return _push(invocation, options["--component"], int(options["--system"]), rest[0])
        return _fetch(invocation, int(options["--system"]), *rest)
    except RebondError as error:
        sys.stderr.write(f"rebond-wal: {message_of(error)} {hint_of(error)}\n")
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is no answer
        sys.stderr.write(f"rebond-wal: {type(error).__name__}: {error}\n")
    return FAILED


def _push(invocation: Invocation, component: str, system_id: int, path: str) -> int:
    loaded = require_configuration(invocation)
    name, _ = choose_component(loaded, component)
    with _open_vault(invocation) as vault:
        at_hand = wal_at_hand(invocation, loaded, name, lambda: vault, SystemClock())
        with open(path, "rb") as file:
            content = file.read()
        at_hand.archive.push(
            WalFile(
                name=os.path.basename(path),
                content=content,
                system_id=system_id or read_system_id(),
                place=_describe_here(),
            )
        )
    return DONE


def _fetch(invocation: Invocation, system_id: int, name: str, target: str) -> int:
    system_id = system_id or read_system_id()
    if not system_id:
        raise UsageError(
            "Nobody said of which cluster {name} is wanted.",
            hint="PostgreSQL calls this in the data directory; by hand, run it there.",
            name=name,
        )
    with _open_vault(invocation) as vault:
        content = fetch_wal(vault, system_id, name)
    if content is None:
        return ABSENT
    temporary = f"{target}.rebond-{os.getppid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.rename(temporary, target)
    return DONE


@contextlib.contextmanager
def _open_vault(invocation: Invocation) -> Iterator[Vault]:
    with vault_at_hand(invocation, _tell) as at_hand:
        yield at_hand.live


def _tell(finding: Finding) -> None:
    sys.stderr.write(f"rebond-wal: {describe_finding(finding)}\n")


def read_system_id() -> int:
    """Return the system id of the data directory that we are in; 0 where this is none."""
    with contextlib.suppress(OSError), open("global/pg_control", "rb") as file:
        return int.from_bytes(file.read(_SYSTEM_ID_BYTES), sys.byteorder)
    return 0


def _describe_here() -> str:
    with contextlib.suppress(OSError):
        return describe_place(os.stat("PG_VERSION").st_ino)
    return ""


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
