"""A server that is brought to a moment, asked, and thrown away."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import disk_usage

from msgspec import Struct

from rebond.clock import SystemClock
from rebond.errors import CommandFailed, RebondError, RestoreError
from rebond.operations.physical.laying import lay_directory
from rebond.operations.physical.trying import start_recovered
from rebond.operations.point_in_time import PlannedServer
from rebond.private_folders import PrivateFolder
from rebond.progress import Observer
from rebond.sources.postgres_physical.running import Recovered, RecoveredServer
from rebond.stack.drills.place import SERVER_PREFIX, clear_left_servers, end_processes
from rebond.stack.recovered import find_programs_for, make_recovered
from rebond.vault.access import Vault

_LEAST_BYTES = 32 << 20  # two segments of the log; with less it says that a file could not be fetched, and not why


class Thrown(Struct, frozen=True, kw_only=True):
    """A throw-away server that has come to its moment, and the private folder that it lies in."""

    server: RecoveredServer
    reached: Recovered
    folder: Path


@contextlib.contextmanager
def thrown_away(
    vault: Vault, planned: PlannedServer, environment: Mapping[str, str], observer: Observer, *, jobs: int
) -> Iterator[Thrown]:
    """Bring a server to its moment; nothing of it is left after the block. Raises ``RebondError``."""
    clear_left_servers(SystemClock())
    base = planned.reach.base
    with PrivateFolder("", prefix=SERVER_PREFIX) as folder:
        programs = find_programs_for(base.facts.server.major, folder, environment)
        server = make_recovered(folder / "pg", programs, base, environment)
        try:
            lay_directory(vault, planned.reach, planned.log, server.data, observer, workers=jobs)
            yield Thrown(server=server, reached=start_recovered(server, planned.reach), folder=folder)
        except RebondError as error:
            raise _explain(error, server, folder) from error
        finally:
            server.stop()
            end_processes(folder, SystemClock())  # of a server that was killed: its sessions are at work a while longer
            server.remove()


def _explain(error: RebondError, server: RecoveredServer, folder: Path) -> RebondError:
    """Return what a person can do something about, where that is not what the server, or who asked it, says."""
    if "No space left" in f"{error} {error.values.get('words', '')}" or disk_usage(folder).free < _LEAST_BYTES:
        return RestoreError(
            "There is no room left in {place} for the throw-away server: {reason}",
            hint="Free some space there, or set TMPDIR to a directory with more: it takes the data directory, its log "
            "since then, and the tables that are wanted. Then run the same command again.",
            place=str(folder.parent),
            reason=error,
        )
    if server.was_ended():
        return CommandFailed(
            "The throw-away server was ended by something outside of it. What came of that: {reason}",
            hint="Where memory was short, the kernel's log says so (dmesg). Nothing of that server is left: run the "
            "same command again.",
            reason=error,
        )
    return error
