"""Which databases of one server of compose are named: by its own variables and scripts, by other services, by files."""

import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

from rebond.stack.discovery.compose_model import ComposeStack, Service

_SCRIPTS = "/docker-entrypoint-initdb.d"
_SCRIPT_LIMIT_BYTES = 1_000_000
_MOST_SCRIPTS = 200
_MADE = re.compile(rb"""\bCREATE\s+DATABASE\s+(?:IF\s+NOT\s+EXISTS\s+)?\\?["']?([\w$][\w$.-]*)""", re.IGNORECASE)
_OWN_LISTS = re.compile(r"(?:POSTGRES|POSTGRESQL|PG)_(?:MULTIPLE_|EXTRA_|ADDITIONAL_)?(?:DATABASES|DBS)")
_HOSTS = re.compile(r"(.*?)_?(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS)")
_OF_POSTGRES = re.compile(r"(?:^|_)(?:DB|DATABASE|PG|PGSQL|POSTGRES|POSTGRESQL|SQL)_|^PGHOST")
_NAMES = ("NAME", "DB", "DATABASE", "DBNAME", "DB_NAME", "DATABASE_NAME", "DB_DATABASE")
_ADDRESS = re.compile(r"(?:jdbc:)?(postgres|postgresql|postgis|pgsql|timescaledb|timescale)(?:\+\w+)?$", re.IGNORECASE)
_HERE = ("localhost", "127.0.0.1", "::1", "host.docker.internal")


def find_named_databases(
    service: Service, stack: ComposeStack, variables: Mapping[str, str], *, is_only_server: bool
) -> list[str]:
    """Return the names of databases that are said to lie in the PostgreSQL of ``service``, in their order.

    ``variables`` are those of the stack's files. With ``is_only_server`` an address of this machine means it too, and
    one of another service: a pooler stands before its database.
    """
    found = [*_list_own(service), *_list_made(service)]
    others = {*stack.services} if is_only_server else set()
    for each in stack.services.values():
        if each.is_active:
            found += _list_in({name: said.text for name, said in each.variables.items()}, service.name, others)
    found += _list_in(variables, service.name, {*others, *(_HERE if is_only_server else ())})
    return [*dict.fromkeys(found)]


def _list_own(service: Service) -> Iterator[str]:
    """Yield the database that the image makes, and those of the variable that a well-known script reads."""
    names = ("POSTGRES_DB", "POSTGRES_USER", "POSTGRESQL_DATABASE")
    yield next((text for each in names if (text := service.text_of(each))), "postgres")
    for name in service.variables:
        if _OWN_LISTS.fullmatch(name):
            yield from filter(None, re.split(r"[\s,;:]+", service.text_of(name)))


def _list_made(service: Service) -> Iterator[str]:
    """Yield what the scripts make that the image runs once, when it has no data yet."""
    for mount in service.mounts:
        if mount.is_volume or not mount.source or not f"{mount.target}/".startswith(f"{_SCRIPTS}/"):
            continue
        for path in _list_scripts(Path(mount.source)):
            try:
                if path.stat().st_size <= _SCRIPT_LIMIT_BYTES:
                    content = re.sub(rb"(?m)^\s*(--|#).*$", b"", path.read_bytes())
                    names = (each.decode("utf-8", "replace") for each in _MADE.findall(content))
                    yield from (service.text_of(each.removeprefix("$")) or each for each in names)
            except OSError:
                continue  # a script that nobody may read; the first backup names what lies beside


def _list_scripts(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    try:
        names = sorted(os.listdir(path))[:_MOST_SCRIPTS]
    except OSError:
        return []
    return [path / each for each in names if each.endswith((".sql", ".sh")) and (path / each).is_file()]


def _list_in(variables: Mapping[str, str], own: str, others: set[str]) -> Iterator[str]:
    """Yield the databases of addresses, and of variables that go together by their names: DB_HOST, DB_NAME.

    ``others`` are hosts that mean the server too, unless a variable speaks of something else (REDIS_HOST).
    """
    for name, text in variables.items():
        if "://" in text:
            if (place := _read_address(text)) and place[0] in {own, *others} and place[1]:
                yield place[1]
        elif match := _HOSTS.fullmatch(name):
            host = text.partition(":")[0]
            if host == own or (host in others and _OF_POSTGRES.search(name)):
                yield from _list_beside(match[1], variables)


def _list_beside(start: str, variables: Mapping[str, str]) -> Iterator[str]:
    named = [f"{start}{sign}{each}" for each in _NAMES for sign in ("_", "")] if start else [*_NAMES]
    named += [start] if start.endswith(("DB", "DATABASE")) else []
    found = next((text for each in named if (text := variables.get(each, ""))), "")
    if found and "://" not in found and "/" not in found:
        yield found


def _read_address(text: str) -> tuple[str, str] | None:
    """Return host and database of an address of PostgreSQL; ``None`` for any other text."""
    scheme, _, rest = text.partition("://")
    if not _ADDRESS.match(scheme):
        return None
    try:
        parts = urllib.parse.urlsplit(f"postgres://{rest}")
        return parts.hostname or "", urllib.parse.unquote(parts.path.strip("/"))
    except ValueError:
        return None
