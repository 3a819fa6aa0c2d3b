"""Where a database is to go: what an address on the command line means, or the place that a component came from."""

import urllib.parse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from msgspec.structs import replace as struct_replace

from rebond.config.components import Postgres
from rebond.config.model import Configuration, Loaded
from rebond.config.stacks import Stack
from rebond.errors import RebondError, UsageError
from rebond.sources.channels.addresses import Client, parse_address
from rebond.sources.postgres.server import PostgresServer
from rebond.sources.postgres.target import DatabaseTarget, reach_target
from rebond.stack.postgres import ConfiguredPostgres, read_url
from rebond.stack.surroundings import address_of
from rebond.stack.whereabouts import Place, looking_up, words_of

_SCHEMES = ("postgres://", "postgresql://")


def is_database_address(text: str) -> bool:
    """Say whether a text is an address of a database: a DSN, or a container."""
    return text.startswith(_SCHEMES) or text.partition(":")[0] in set(Client)


def find_target(text: str, loaded: Loaded | None, variables: Mapping[str, str]) -> DatabaseTarget:
    """Return what ``postgresql://USER@HOST:PORT/DATABASE`` or ``compose:NAME[/DATABASE]`` means.

    Inside a container user and password are those of the component that lives there, where a configuration has one;
    ``?user=U&database=D`` say it otherwise. A DSN on this machine takes its password from PGPASSWORD or PGPASSFILE,
    or from the component with the same host. Raises ``UsageError`` and ``SourceError``.
    """
    known = loaded or _make_bare(variables)
    if not text.startswith(_SCHEMES):
        return _find_inside(text, known, loaded)
    host, port, user, database, options = read_url(text)
    server = PostgresServer(host=host, port=port, user=user, options=options)
    place = Place(loaded=known)
    return reach_target(_with_password(server, loaded), place.open, database, is_local=place.is_own)


def target_of_component(name: str, component: Postgres, loaded: Loaded) -> DatabaseTarget:
    """Return the server that a component was saved from. Raises ``SourceError``.

    Where it has several databases the target names none: each has its own name there.
    """
    with looking_up():
        configured = ConfiguredPostgres(name, component, loaded)
        server, database = configured.find_server()
        place = configured.find_place()
        name = "" if component.databases else database
        return reach_target(server, place.open, name, is_local=place.is_own)


def describe_home(name: str, component: Postgres, loaded: Loaded) -> str:
    """Return the server of a component and its databases as an address for people; nothing is asked of the server.

    Where what it refers to is not on this machine yet, it is the container without its databases, else the
    component's name.
    """
    configured = ConfiguredPostgres(name, struct_replace(component, password=None), loaded)
    try:
        server, database = configured.find_server()
        names = configured.list_wanted() or [database]
        volume = words_of(component.volume, loaded)
    except RebondError:
        return _describe_unknown(name, component)
    databases = "" if "*" in names or not names[0] else f"/{','.join(names)}"
    if component.inside is not None:
        return f"{address_of(component.inside)}{databases}"
    if volume:
        return f"volume:{volume}{databases}"
    user = f"{server.user}@" if server.user else ""
    if server.host.startswith(("/", "@")):
        port = f":{server.port}" if server.port else ""
        return f"postgresql://{user}{port}{databases or '/'}?host={server.host}"
    return f"postgresql://{user}{server}{databases}"


def _describe_unknown(name: str, component: Postgres) -> str:
    return str(address_of(component.inside)) if component.inside is not None else f"postgresql:{name}"


def may_be_home(told: str, name: str, component: Postgres, home: str) -> bool:
    """Say whether ``told`` was the address ``home`` as well, when what it refers to was not on the machine yet."""
    if told == home:
        return True
    if told != _describe_unknown(name, component):
        return False
    return component.inside is None or home.startswith(f"{told}/")


def _find_inside(text: str, known: Loaded, loaded: Loaded | None) -> DatabaseTarget:
    whole, _, query = text.partition("?")
    options = dict(urllib.parse.parse_qsl(query))
    client, _, rest = whole.partition(":")
    parts = rest.split("/")
    count = 3 if client == Client.KUBERNETES else 1
    # The last part is a container or a database: of Kubernetes only KIND/NAME/CONTAINER/DATABASE names both.
    database = "/".join(parts[count:])
    address = parse_address(f"{client}:{'/'.join(parts[:count])}")
    if "password" in options:
        raise _has_password()
    server = _find_server_at(address, loaded)
    server = replace(
        server, place=str(address), user=options.get("user") or server.user, host=options.get("host") or server.host
    )
    place = Place(loaded=known, address=address)
    return reach_target(server, place.open, options.get("database") or options.get("dbname") or database)


def _find_server_at(address: object, loaded: Loaded | None) -> PostgresServer:
    for name, component in _list_components(loaded):
        configured = ConfiguredPostgres(name, component, loaded) if loaded else None
        if configured is not None and component.inside is not None and configured.find_place().address == address:
            return configured.find_server()[0]
    return PostgresServer()


def _with_password(server: PostgresServer, loaded: Loaded | None) -> PostgresServer:
    """Take the password of a component that is reached at the same host, port and user."""
    for name, component in _list_components(loaded):
        if loaded is None or component.inside is not None or component.volume is not None:
            continue
        other, _ = ConfiguredPostgres(name, component, loaded).find_server()
        if (other.host, other.port or 5432) == (server.host, server.port or 5432) and other.user == server.user:
            return replace(server, password=other.password)
    return server


def _list_components(loaded: Loaded | None) -> list[tuple[str, Postgres]]:
    components = loaded.configuration.component if loaded else {}
    return [(name, each) for name, each in components.items() if isinstance(each, Postgres)]


def _make_bare(variables: Mapping[str, str]) -> Loaded:
    """Return what stands for a configuration where there is none."""
    root = Path.cwd()
    configuration = Configuration(version=1, stack=Stack(name=root.name or "stack"))
    return Loaded(configuration=configuration, files=(), root=root, variables=variables)


def _has_password() -> UsageError:
    return UsageError(
        "The address of a server may hold no password.",
        hint="Set PGPASSWORD or PGPASSFILE, or 'password' of a component with that address.",
    )
