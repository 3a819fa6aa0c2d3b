"""The programs of MySQL and MariaDB servers on this machine, and of which server a dump is."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from rebond.errors import CommandFailed, SourceUnfit
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.whole_output import read_output

MARIADB, MYSQL = "MariaDB", "MySQL"
_SERVERS = ("mariadbd", "mysqld")
_INSTALLERS = ("mariadb-install-db", "mysql_install_db")
_CLIENTS = {MARIADB: ("mariadb", "mysql"), MYSQL: ("mysql",)}
_MORE_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec", "/usr/local/mysql/bin")  # few a PATH names
_PACKAGES = {
    MARIADB: "mariadb-server-core mariadb-client-core",
    MYSQL: "mysql-server-core-8.0 mysql-client-core-8.0",
}
_VERSION = re.compile(r"\bVer (\d+)\.(\d+)\.\d+(\S*)")
_DUMPED = re.compile(rb"^-- Server version\s+(?:5\.5\.5-)?(\d+)\.(\d+)\.\d+(\S*)", re.MULTILINE)
_NO_SHELL = (("--sandbox", "--sandbox"), ("--system-command", "--system-command=OFF"))  # as the help names it; to give
_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A product, and the first two numbers of its version: what is the same in both stores alike."""

    product: str
    series: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.product} {self.series[0]}.{self.series[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlPrograms:
    """The programs of one server. ``installer`` makes a data directory; without it the server itself does."""

    version: Version
    server: str
    client: str
    installer: str = ""


def find_mysql_programs(environment: Mapping[str, str]) -> dict[str, MysqlPrograms]:
    """Return what is installed here, by product; empty for none."""
    path = widen_path(environment)
    found: dict[str, MysqlPrograms] = {}
    for name in _SERVERS:
        server = shutil.which(name, path=path)
        version = _ask_version(server, path) if server else None
        if server is None or version is None or version.product in found:
            continue
        client = _find_first(_CLIENTS[version.product], path)
        installer = _find_first(_INSTALLERS, path) if version.product == MARIADB else ""
        if client and (installer or version.product == MYSQL):
            found[version.product] = MysqlPrograms(version=version, server=server, client=client, installer=installer)
    return found


def widen_path(environment: Mapping[str, str]) -> str:
    """Return where programs are looked for: also where few a ``PATH`` leads that is not root's."""
    return os.pathsep.join((environment.get("PATH", os.defpath), *_MORE_PLACES))


def choose_programs(found: Mapping[str, MysqlPrograms], dumped: Version | None) -> MysqlPrograms:
    """Return what loads a dump: the same product, not older. Raises ``SourceUnfit`` where that is not installed.

    A dump that does not say where it comes from is tried with what there is.
    """
    product = dumped.product if dumped else next(iter(found), MARIADB)
    if product not in found:
        raise SourceUnfit(
            "No server of {product} is installed here, so the dump was not loaded.",
            hint="Install it, it need not run: apt-get install {packages}",
            product=product,
            packages=_PACKAGES[product],
        )
    if dumped is not None and found[product].version.series < dumped.series:
        raise SourceUnfit(
            "The dump is of {dumped}, and here is {here}, which is older. It was not loaded.",
            hint="Install the same version on the machine that drills; it need not run.",
            dumped=str(dumped),
            here=str(found[product].version),
        )
    return found[product]


def find_no_shell(programs: MysqlPrograms, environment: Mapping[str, str]) -> str:
    """Return the option by which a client starts no program that a dump names.

    Raises ``SourceUnfit`` for a client that has none, since older ones ignore what they do not know.
    """

    def ask() -> CommandReader:
        return CommandReader(
            [programs.client, "--no-defaults", "--help"], environment=environment, timeout_seconds=_SECONDS
        )

    try:
        answer = read_output(ask, program="mysql").decode(errors="replace")
    except CommandFailed:  # one that cannot say what it knows is not trusted with a dump either
        answer = ""
    for named, given in _NO_SHELL:
        if re.search(rf"^\s*{named}\b", answer, re.MULTILINE):
            return given
    raise SourceUnfit(
        "The client {client} cannot be kept from starting programs that a dump names, so the dump was not loaded.",
        hint="Install a newer one, which knows {options}: apt-get install {packages}",
        client=programs.client,
        options=" / ".join(named for named, _ in _NO_SHELL),
        packages=_PACKAGES[programs.version.product],
    )


def read_dumped_version(head: bytes) -> Version | None:
    """Return of which server a dump is, by its first lines; ``None`` where they do not say."""
    found = _DUMPED.search(head)
    return _make_version(found[1], found[2], found[3]) if found else None


def _make_version(major: bytes | str, minor: bytes | str, rest: bytes | str) -> Version:
    words = rest.decode(errors="replace") if isinstance(rest, bytes) else rest
    return Version(product=MARIADB if "mariadb" in words.lower() else MYSQL, series=(int(major), int(minor)))


def _ask_version(server: str, path: str) -> Version | None:
    def ask() -> CommandReader:
        return CommandReader(
            [server, "--no-defaults", "--version"], environment={"PATH": path}, timeout_seconds=_SECONDS
        )

    try:
        answer = read_output(ask, program="mysqld").decode(errors="replace")
    except CommandFailed:  # a program of another machine, or half an installation: as good as none
        return None
    found = _VERSION.search(answer)
    return _make_version(found[1], found[2], found[3]) if found else None


def _find_first(names: tuple[str, ...], path: str) -> str:
    return next(filter(None, (shutil.which(each, path=path) for each in names)), "")
