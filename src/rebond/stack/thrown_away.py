"""A server that is brought to a moment, asked, and thrown away."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from rebond.clock import SystemClock
from rebond.operations.physical.laying import lay_directory
from rebond.operations.physical.trying import start_recovered
from rebond.operations.point_in_time import PlannedServer
from rebond.private_folders import PrivateFolder
from rebond.progress import Observer
from rebond.sources.postgres_physical.running import Recovered, RecoveredServer
from rebond.stack.drills.place import SERVER_PREFIX, clear_left_servers
from rebond.stack.recovered import find_programs_for, make_recovered
from rebond.vault.access import Vault


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
        finally:
            server.remove()
