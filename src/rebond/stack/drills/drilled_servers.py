"""The throw-away servers as applications and commands of a drill find them: variables, sockets and ports."""

import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.servers.own_mysql import SUPERUSER as MYSQL_USER
from rebond.sources.servers.own_mysql import OwnMysqlServer

_HERE = "127.0.0.1"
POSTGRES, MYSQL = "postgresql", "mysql"
_PREFIXES = {POSTGRES: "POSTGRES", MYSQL: "MYSQL"}
_FAMILIES = {POSTGRES: ("postgres", "pgsql", "psql"), MYSQL: ("mysql", "mariadb")}
_PORTS = {POSTGRES: 5432, MYSQL: 3306}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrilledServer:
    """A server that stands. ``folder`` is where its socket lies; ``database`` is what an application is about."""

    scheme: str
    folder: Path
    socket: Path
    user: str
    database: str

    @property
    def port(self) -> int:
        """At which port it is found where there is a network of its own: the one that programs expect."""
        return _PORTS[self.scheme]


def make_drilled(server: OwnServer | OwnMysqlServer, database: str) -> DrilledServer:
    """Return a server as one to be found."""
    if isinstance(server, OwnServer):
        socket, scheme, user = server.folder / ".s.PGSQL.5432", POSTGRES, server.superuser
    else:
        socket, scheme, user = server.socket, MYSQL, MYSQL_USER
    return DrilledServer(scheme=scheme, folder=server.folder, socket=socket, user=user, database=database)


def first_of_each(servers: Sequence[DrilledServer]) -> list[DrilledServer]:
    """Return the first server of each product: a port is one server's."""
    found: dict[str, DrilledServer] = {}
    for each in servers:
        found.setdefault(each.scheme, each)
    return list(found.values())


def describe_servers(servers: Sequence[DrilledServer], *, has_ports: bool, url: str = "") -> dict[str, str]:
    """Return the variables by which applications find their databases, all of them of throw-away servers.

    What every product calls ``DB_…`` is the first one. With ``has_ports`` hosts are 127.0.0.1, else sockets: a driver
    that knows none reaches nothing then, since ``localhost`` would be the live server. The own variables of clients
    (``PGHOST``, ``MYSQL_UNIX_PORT``) always name the sockets. ``url`` is what the application had: its scheme says how
    it speaks to the server.
    """
    variables: dict[str, str] = {}
    for each in reversed(first_of_each(servers)):  # so that the first one wins
        host = _HERE if has_ports else str(each.socket if each.scheme == MYSQL else each.folder)
        variables |= _describe_clients(each)
        for start in ("DB", "DATABASE", _PREFIXES[each.scheme]):
            variables |= {
                f"{start}_HOST": host,
                f"{start}_PORT": str(each.port),
                f"{start}_USER": each.user,
                f"{start}_PASSWORD": "",
                f"{start}_NAME": each.database,
            }
        variables["DATABASE_URL"] = _keep_scheme(url, _make_url(each, has_ports=has_ports))
    return variables


def _describe_clients(server: DrilledServer) -> dict[str, str]:
    """Return what the product's own programs and images read."""
    if server.scheme == MYSQL:
        return {
            "MYSQL_UNIX_PORT": str(server.socket),
            "MYSQL_PWD": "",
            "MYSQL_TCP_PORT": str(server.port),
            "MYSQL_DATABASE": server.database,
        }
    return {
        "PGHOST": str(server.folder),
        "PGPORT": str(server.port),
        "PGUSER": server.user,
        "PGDATABASE": server.database,
        "PGPASSWORD": "",
        "PGPASSFILE": f"{server.folder}/no-passwords",
        "PGSERVICEFILE": f"{server.folder}/no-services",
        "POSTGRES_DB": server.database,
    }


def _keep_scheme(before: str, url: str) -> str:
    """Return an address with the scheme of another one of the same product, such as ``postgresql+asyncpg``."""
    scheme, is_url, _ = before.partition("://")
    ours, _, rest = url.partition("://")
    is_same = scheme.startswith(_FAMILIES[ours])
    return f"{scheme}://{rest}" if is_url and is_same else url


def _make_url(server: DrilledServer, *, has_ports: bool) -> str:
    user, folder, socket, shown = (
        urllib.parse.quote(each, safe="")
        for each in (server.user, str(server.folder), str(server.socket), server.database)
    )
    if has_ports:
        return f"{server.scheme}://{user}@{_HERE}:{server.port}/{shown}"
    if server.scheme == MYSQL:  # without a host drivers take localhost, where the live server listens
        return f"{server.scheme}://{user}@{socket}/{shown}?unix_socket={socket}"
    return f"{server.scheme}://{user}@{folder}:{server.port}/{shown}"
