"""Components of kind ``postgres``: one database, several, or all of a server."""

import ipaddress
import os
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace

from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import RebondError, SourceError, UsageError
from rebond.findings import Finding, Severity
from rebond.sources.documents.tree import Piece
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.making import find_set_aside
from rebond.sources.postgres.names import name_file
from rebond.sources.postgres.programs import Programs, choose_programs, find_programs
from rebond.sources.postgres.server import PostgresServer
from rebond.sources.postgres.session import Access, HeldSnapshot, list_databases, look_for_databases
from rebond.sources.postgres.table_rows import USUAL_JOBS, TableRows
from rebond.sources.postgres.tree import PostgresTree, list_pieces, make_globals, read_globals, report_left_out
from rebond.stack.file_questions import FileQuestions
from rebond.stack.file_trees import Report
from rebond.stack.surroundings import address_of
from rebond.stack.whereabouts import Place, place_of, secret_of, words_of

_MOST_SHOWN = 10
_SCHEMES = ("postgres", "postgresql")
_USUAL_PORT = 5432
Way = tuple[object, str, int]


class ConfiguredPostgres:
    """One component, ready to be saved by the programs where the server is, or by those here.

    One database lies at the top of the tree; of several, or all, each has a folder of its own.
    """

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Postgres, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded
        self.files: FileQuestions | None = FileQuestions(name, component, loaded)

    def open_tree(self, report: Report) -> PostgresTree:
        """Take a snapshot of every database, and hold it. Raises ``SourceError`` and ``ConfigError``."""
        server, database = self.find_server()
        place = self.find_place()
        programs = find_programs(place.open)
        is_local = place.address is None and not place.user
        access = Access(server=server, programs=programs[0], open_program=place.open, is_local=is_local)
        names, is_several = self._find_databases(access, database, report)
        jobs = self._component.jobs
        tree = open_databases(access, programs, names, is_several=is_several, report=report, jobs=jobs)
        with ExitStack() as unasked:
            unasked.callback(tree.close)
            if self.files is not None:
                self.files.ask(tree.snapshots, report)
            self._tell_others(access, names, tree, report)
            unasked.pop_all()
        return tree

    def _tell_others(self, access: Access, names: Sequence[str], tree: PostgresTree, report: Report) -> None:
        """Say which databases of the server no component saves: they may have been made after the configuration."""
        if not tree.snapshots or not tree.snapshots[0].database.beside or "*" in self.list_wanted():
            return
        try:
            there = list_databases(access, names[0])
        except SourceError:
            return  # a pooler may show one database alone; what is asked for is saved
        saved = {*names, "postgres", *self.list_saved_beside()}
        left = [each for each in there if each not in saved]
        if "*" in saved:
            return
        aside = [each for each in find_set_aside(there) if each in left]
        if aside:
            report(_aside_not_saved(self._name, aside))
        if others := [each for each in left if each not in aside]:
            report(_others_not_saved(self._name, others))

    def list_saved_beside(self) -> Iterator[str]:
        """Yield the databases of the same server that other components save."""
        for name, other in self._loaded.configuration.component.items():
            if name == self._name or not isinstance(other, Postgres):
                continue
            beside = ConfiguredPostgres(name, other, self._loaded)
            with suppress(RebondError):  # that component says itself what is wrong with it
                if is_same_server(self.find_way(), beside.find_way()):
                    yield from beside.list_wanted() or [beside.find_server()[1]]

    def find_way(self) -> Way:
        """Return the container or volume, and host and port, with what the programs take for what is not said."""
        server, _ = self.find_server()
        container = self._component.inside or self._component.volume
        variables = {} if container else self._loaded.variables
        port = server.port or variables.get("PGPORT", "")
        host = server.host or variables.get("PGHOST", "")
        return container, host, int(port) if str(port).isdecimal() else _USUAL_PORT

    def list_wanted(self) -> list[str]:
        """Return what stands under ``databases``."""
        return [words_of(each, self._loaded) for each in self._component.databases]

    def _find_databases(self, access: Access, database: str, report: Report) -> tuple[list[str], bool]:
        wanted = self.list_wanted()
        if "*" in wanted:
            found = look_for_databases(access, database or "postgres")
            aside = [each for each in find_set_aside([each.name for each in found]) if each not in wanted]
            if aside:
                report(_aside_not_saved(self._name, aside))
            left = [each for each in found if each.name not in wanted and each.name not in aside]
            if templates := [each.name for each in left if each.is_template and each.can_be_opened]:
                report(_templates_not_saved(self._name, templates))
            if closed := [each.name for each in left if not each.can_be_opened]:
                report(_closed_not_saved(self._name, closed))
            left_out = {*aside, *templates, *closed}
            return [each.name for each in found if each.name not in left_out], True
        if wanted:
            return list(dict.fromkeys(wanted)), True
        if not database:
            raise UsageError(
                "The component {component} does not say which database is meant.",
                hint='Add database = "NAME", or databases = ["*"] for all.',
                component=self._name,
            )
        return [database], False

    def find_place(self) -> Place:
        """Return where its programs run. Raises ``SourceError``."""
        return place_of(self._component, self._loaded)

    def _name_place(self) -> str:
        if self._component.inside is not None:
            return str(address_of(self._component.inside))
        return f"volume:{words_of(self._component.volume, self._loaded)}" if self._component.volume is not None else ""

    def find_server(self) -> tuple[PostgresServer, str]:
        """Return the server and the one database that is meant; empty for none. Raises ``ConfigError``."""
        component, loaded = self._component, self._loaded
        host, port, user, database, options = read_url(words_of(component.url, loaded))
        user = words_of(component.user, loaded) or user
        server = PostgresServer(
            host=words_of(component.host, loaded) or host,
            port=component.port or port,
            user=user,
            password=secret_of(component.password, loaded),
            options=options,
            place=self._name_place(),
        )
        return server, words_of(component.database, loaded) or database or user


def is_same_server(one: Way, other: Way) -> bool:
    """Say whether two ways, each a container (or none), host and port, lead to one server.

    A socket and the loopback of one machine do; two folders of sockets are of two servers that know no network.
    """
    (place, host, port), (other_place, other_host, other_port) = one, other
    if (place, port) != (other_place, other_port):
        return False
    if host.startswith("/") and other_host.startswith("/"):
        return os.path.realpath(host) == os.path.realpath(other_host)
    return host.lower() == other_host.lower() or (_is_here(host) and _is_here(other_host))


def _is_here(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _aside_not_saved(component: str, names: Sequence[str]) -> Finding:
    return Finding(
        code="databases-set-aside",
        severity=Severity.NOTE,
        subject=component,
        template="The server of {component} has old versions of databases that restores set aside. They are not saved: "
        "{names}.",
        hint_template="When all is well, 'rebond restore --accept RUN' drops those of a restore in place, and "
        "DROP DATABASE the others. One that is to be saved is named under 'databases'.",
        values={"component": component, "names": ", ".join(names)},
    )


def _templates_not_saved(component: str, names: Sequence[str]) -> Finding:
    return Finding(
        code="templates-not-saved",
        severity=Severity.NOTE,
        subject=component,
        template="The server of {component} has templates, which are not saved: {names}.",
        hint_template="One that is to be saved is named under 'databases', beside \"*\".",
        values={"component": component, "names": ", ".join(names)},
    )


def _closed_not_saved(component: str, names: Sequence[str]) -> Finding:
    return Finding(
        code="closed-databases-not-saved",
        severity=Severity.NOTE,
        subject=component,
        template="The server of {component} has databases that nobody can open, and that are not saved: {names}.",
        hint_template="They take no connections, or are left of a DROP DATABASE that was cut. "
        "ALTER DATABASE NAME ALLOW_CONNECTIONS true opens one of the first, DROP DATABASE ends the others.",
        values={"component": component, "names": ", ".join(names)},
    )


def _others_not_saved(component: str, names: Sequence[str]) -> Finding:
    shown = names if len(names) <= _MOST_SHOWN else [*names[:_MOST_SHOWN], "…"]
    return Finding(
        code="other-databases",
        severity=Severity.NOTE,
        subject=component,
        template="The server of {component} has other databases, which no component saves: {names}.",
        hint_template='If they belong to the stack, write databases = ["*"], or a component for each.',
        values={"component": component, "names": ", ".join(shown)},
    )


def open_databases(
    access: Access,
    programs: Sequence[Programs],
    names: Sequence[str],
    *,
    is_several: bool,
    report: Report,
    jobs: int | None = None,
    is_wanted: Callable[[Table], bool] | None = None,
) -> PostgresTree:
    """Take a snapshot of every database that is named, and hold it. Raises ``SourceError``.

    ``jobs`` sessions read at once; else as many as there are processors, but not many. With ``is_wanted`` the rows
    of all other tables are left out.
    """
    clock = SystemClock()
    jobs = jobs or min(USUAL_JOBS, os.cpu_count() or 1)
    with ExitStack() as held:
        snapshots: list[HeldSnapshot] = []
        for name in names:
            snapshots.append(HeldSnapshot(access, name))
            held.callback(snapshots[-1].close)
            if is_wanted is not None:
                snapshots[-1].keep_only(is_wanted)
            report_left_out(snapshots[-1], report)
            fitting = choose_programs(programs, snapshots[-1].database.major)
            snapshots[-1].access = replace(access, programs=fitting)
        pieces: dict[bytes, Piece] = {}
        rows: list[TableRows] = []
        for each in snapshots:
            below = name_file(each.name) + b"/" if is_several else b""
            rows.append(TableRows(each, jobs=jobs))
            own = list_pieces(rows[-1], clock.now_ms() * 1_000_000)
            pieces |= {below + path: piece for path, piece in own.items()}
        content = read_globals(snapshots[0], report=report)
        if content is not None:
            pieces[b"globals.sql"] = make_globals(content, clock)
        tree = PostgresTree(pieces, rows)
        held.pop_all()
    return tree


def read_url(text: str) -> tuple[str, int | None, str, str, dict[str, str]]:
    """Take a URL apart: host, port, user, database and options. Raises ``UsageError``.

    Where its query names one of the four, that is the one, as for ``libpq``; several ports stay an option.
    """
    if not text:
        return "", None, "", "", {}
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port
        options = dict(urllib.parse.parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        parts, port, options = urllib.parse.urlsplit(""), None, {}
    if parts.scheme not in _SCHEMES or parts.password or "password" in options:
        raise UsageError(
            "The address of a server has to begin with {scheme}://, and may hold no password.",
            hint="Write {scheme}://USER@HOST:PORT, and the password under 'password'.",
            scheme="postgres",
        )
    host = options.pop("host", "") or urllib.parse.unquote(parts.hostname or "")
    user = options.pop("user", "") or urllib.parse.unquote(parts.username or "")
    database = options.pop("dbname", "") or urllib.parse.unquote(parts.path.strip("/"))
    if options.get("port", "").isdecimal():
        port = int(options.pop("port"))
    return host, port, user, database, options
