"""Components of the kinds ``mysql`` and ``redis``: their servers, dumped by their own tools."""

import urllib.parse
from dataclasses import dataclass

from rebond.clock import SystemClock
from rebond.config.components import Mysql, Redis
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import SourceError, UsageError
from rebond.findings import Finding, Severity
from rebond.secret import Secret
from rebond.sources.documents.tree import FolderTree, Stream
from rebond.sources.servers import mysql, mysql_looks, redis
from rebond.sources.streams.readers import StreamReader
from rebond.sources.streams.whole_output import read_output
from rebond.stack.file_trees import Report
from rebond.stack.whereabouts import Place, place_of, secret_of, words_of

_LOOK_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Address:
    """The parts of a URL; empty where it has none."""

    scheme: str = ""
    host: str = ""
    port: int | None = None
    user: str = ""
    path: str = ""


class ConfiguredMysql:
    """One component, ready to be dumped as one file of SQL, by the tool where the server is, or by the one here."""

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Mysql, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded

    def open_tree(self, report: Report) -> Tree:
        """Return the tree; the dump begins when its file is opened. Raises ``SourceError`` and ``ConfigError``.

        What the dump will lack is asked before, and reported.
        """
        component, loaded = self._component, self._loaded
        place = place_of(component, loaded)
        url = _read_url(words_of(component.url, loaded), ("mysql", "mariadb"))
        databases = tuple(words_of(each, loaded) for each in component.databases)
        one = words_of(component.database, loaded) or url.path
        server = mysql.MysqlServer(
            host=words_of(component.host, loaded) or url.host,
            port=component.port or url.port,
            user=words_of(component.user, loaded) or url.user,
            password=secret_of(component.password, loaded),
            databases=databases or ((one,) if one else ("*",)),
        )
        login = mysql.describe_login(server)
        words = mysql.build_dump(server, takes_history=self._look(server, place, login, report))
        stream = Stream(
            open_reader=lambda: place.open(words, given=login, label="mysqldump"),
            began_ns=SystemClock().now_ms() * 1_000_000,
            expected=mysql.END,
        )
        return FolderTree({f"{self._name}.sql".encode(): stream})

    def _look(self, server: mysql.MysqlServer, place: Place, login: Secret, report: Report) -> bool:
        """Report what the dump will lack; say whether it can take the history of tables."""
        asked = mysql_looks.build_look(server)
        try:
            answer = read_output(
                lambda: place.open(asked, given=login, seconds=_LOOK_SECONDS, label="mysql"), program="mysql"
            )
        except SourceError as error:  # where nothing answers the dump itself fails, and says why
            report(_could_not_look(self._name, error))
            return False
        looks = mysql_looks.read_looks(answer)
        for each in mysql_looks.list_findings(looks, server, self._name):
            report(each)
        return looks.takes_history


class ConfiguredRedis:
    """One component, ready to be dumped as one file that a server reads when it starts."""

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Redis, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded

    def open_tree(self, _report: Report) -> Tree:
        """Return the tree; the dump begins when its file is opened. Raises ``SourceError`` and ``ConfigError``."""
        component, loaded = self._component, self._loaded
        place = place_of(component, loaded)
        url = _read_url(words_of(component.url, loaded), ("redis", "rediss", "valkey", "valkeys", "unix"))
        server = redis.RedisServer(
            host=words_of(component.host, loaded) or (url.path if url.scheme == "unix" else url.host),
            port=component.port or url.port,
            user=words_of(component.user, loaded) or url.user,
            password=secret_of(component.password, loaded),
            uses_tls=url.scheme in {"rediss", "valkeys"},
        )
        words, login = redis.build_dump(server), redis.describe_login(server)

        def open_reader() -> StreamReader:
            return redis.RdbReader(place.open(words, given=login, label="redis-cli"))

        began_ns = SystemClock().now_ms() * 1_000_000
        return FolderTree({f"{self._name}.rdb".encode(): Stream(open_reader=open_reader, began_ns=began_ns)})


def _could_not_look(component: str, error: SourceError) -> Finding:
    return Finding(
        code="not-looked",
        severity=Severity.WARNING,
        subject=component,
        template="The dump of {component} is made, but what it lacks, if anything, could not be asked: {reason}",
        hint_template="mariadb or mysql has to be where mariadb-dump is: both come in one package.",
        values={"component": component, "reason": error.values.get("words") or error},
    )


def _read_url(text: str, schemes: tuple[str, ...]) -> _Address:
    """Take a URL apart. Raises ``UsageError`` for another scheme, and for a password in it."""
    if not text:
        return _Address()
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urllib.parse.urlsplit(""), "", None
    if parts.scheme not in schemes or parts.password:
        raise UsageError(
            "The address of a server has to begin with {scheme}://, and may hold no password.",
            hint="Write {scheme}://USER@HOST:PORT, and the password under 'password'.",
            scheme=schemes[0],
        )
    path = parts.path if parts.scheme == "unix" else parts.path.strip("/")
    user = urllib.parse.unquote(parts.username or "")
    return _Address(scheme=parts.scheme, host=host, port=port, user=user, path=urllib.parse.unquote(path))
