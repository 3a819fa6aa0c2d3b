"""A saved data directory as a server on this machine, thrown away afterwards."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rebond.clock import SystemClock
from rebond.config.model import Configuration, Loaded
from rebond.config.stacks import Stack
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.operations.physical.bases import Base
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.local_programs import ServerPrograms, find_server_programs
from rebond.sources.postgres.own_server import SUPERUSER
from rebond.sources.postgres.packaged_programs import bring_near
from rebond.sources.postgres.programs import find_programs
from rebond.sources.postgres.server import PostgresServer
from rebond.sources.postgres.session import Access
from rebond.sources.postgres_physical.running import RecoveredServer
from rebond.stack.file_trees import Report
from rebond.stack.postgres import open_databases
from rebond.stack.whereabouts import Place


def find_programs_for(major: int, folder: Path, environment: Mapping[str, str]) -> ServerPrograms:
    """Return the programs of just that version: no other starts its data directory. Raises ``SourceUnfit``."""
    found = find_server_programs(environment)
    if major not in found:
        raise SourceUnfit(
            "Starting this data directory takes PostgreSQL {major}, and here are: {known}.",
            hint="Install it: apt-get install postgresql-{major}; it need not run. Or restore it --to a directory.",
            major=major,
            known=", ".join(map(str, sorted(found))) or "–",
        )
    programs = found[major]
    near = bring_near(programs.folder, folder)
    if near == programs.folder:
        return programs
    return ServerPrograms(major=major, folder=near, psql=str(near / "psql"))


def make_recovered(
    folder: Path, programs: ServerPrograms, base: Base, environment: Mapping[str, str], *, mark: str = ""
) -> RecoveredServer:
    """Return a server that is not there yet: its ``data`` is to be laid down."""
    path = environment.get("PATH", "")
    folder.parent.chmod(0o711)  # it may run as another user, who has to come this far
    return RecoveredServer(
        folder,
        programs,
        environment={"PATH": f"{programs.folder}:{path}"},
        clock=SystemClock(),
        superuser=base.facts.server.superuser or SUPERUSER,
        mark=mark,
    )


def open_recovered(
    server: RecoveredServer,
    base: Base,
    databases: Sequence[str],
    environment: Mapping[str, str],
    report: Report,
    *,
    is_wanted: Callable[[Table], bool] | None = None,
) -> Tree:
    """Take a snapshot of databases of a server that has come to its moment. Raises ``SourceError``.

    With ``is_wanted`` the rows of all other tables are left out.
    """
    root = server.folder
    bare = Loaded(
        configuration=Configuration(version=1, stack=Stack(name="recovered")),
        files=(),
        root=root,
        variables={"PATH": f"{server.programs.folder}:{environment.get('PATH', '')}"},
    )
    place = Place(loaded=bare)
    programs = find_programs(place.open)
    here = PostgresServer(host=str(server.folder), port=5432, user=base.facts.server.superuser or SUPERUSER)
    access = Access(server=here, programs=programs[0], open_program=place.open)
    return open_databases(
        access, programs, databases, is_several=len(databases) > 1, report=report, is_wanted=is_wanted
    )
