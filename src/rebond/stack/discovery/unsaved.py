"""What settings, variables, links and manifests name, and no component of a proposal saves. It is said, not guessed."""

import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rebond.stack.discovery.looking import Surveyed
from rebond.stack.discovery.proposal import Lines, ProposedPart
from rebond.stack.discovery.proposing_services import choose_name
from rebond.stack.discovery.recognizing import kind_of
from rebond.stack.discovery.remarks import Remark
from rebond.stack.discovery.written_paths import read_path

_KINDS = {
    **dict.fromkeys(("postgres", "postgresql", "pgsql", "postgis"), "postgres"),
    **dict.fromkeys(("postgresql_psycopg2", "timescaledb", "cockroachdb"), "postgres"),
    **dict.fromkeys(("mysql", "mariadb", "mysql2"), "mysql"),
    **dict.fromkeys(("mongodb", "mongo", "mssql", "sqlserver", "oracle", "clickhouse", "neo4j", "bolt"), "other"),
}
_MOST_SHOWN = 10
_HERE = {"", "localhost", "127.0.0.1", "::1", "host.docker.internal"}
_DATABASE_NAMES = re.compile(
    r"(?:.*_)?(?:DB|DATABASE|PG|MYSQL|MARIADB|POSTGRES|POSTGRESQL|MONGO|MONGODB)_?(?:NAME|DATABASE|DB)"
)
_BUCKETS = re.compile(r"(?:AWS_STORAGE_BUCKET_NAME|AWS_BUCKET|S3_BUCKET(?:_NAME)?|GS_BUCKET_NAME|AZURE_CONTAINER)")


@dataclass(slots=True)
class Unsaved:
    """Components that are proposed as comments, and what is to be said."""

    parts: list[ProposedPart] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A database that something names. ``host`` is ``None`` where it is not told."""

    by: str
    kind: str
    host: str | None
    name: str = ""
    user: str = ""
    is_certain: bool = False  # settings say another name where they run


def find_unsaved(surveyed: Surveyed, parts: Sequence[ProposedPart], taken: set[str]) -> Unsaved:
    """Return what no active part saves, as far as somebody names it."""
    found = Unsaved()
    for named in _find_named(surveyed):
        if not _is_saved(named, surveyed, parts):
            _add_database(named, taken, found)
    _add_loose_names(surveyed, parts, found)
    _add_links(surveyed, parts, found)
    if surveyed.has_manifests and not any(str(each.lines.get("in", "")).startswith("kubernetes:") for each in parts):
        found.remarks.append(
            Remark(
                template="Manifests of Kubernetes are here. What runs in the cluster was not looked at, and is not "
                'saved: write components with in = "kubernetes:KIND/NAME".'
            )
        )
    if surveyed.unread_files:
        found.remarks.append(
            Remark(
                template="{paths} cannot be read by this user, so nobody looked which databases are named there.",
                values={
                    "paths": ", ".join(os.path.relpath(each, surveyed.directory) for each in surveyed.unread_files)
                },
            )
        )
    if surveyed.dependencies.was_cut:
        found.remarks.append(
            Remark(
                template="There are too many folders here to look into each: settings and databases far below were not "
                "looked for."
            )
        )
    return found


def _find_named(surveyed: Surveyed) -> Iterator[_Named]:
    for project in surveyed.django:
        by = f"DATABASES in {project.settings.name if project.settings else ''}"
        for each in project.databases.values():
            engine = each.engine.lower()
            is_sqlite = "sqlite" in engine or "spatialite" in engine
            if each.url_variable:
                address = surveyed.variables.get(each.url_variable, "")
                kind = "sqlite" if is_sqlite else _KINDS.get(engine, "")
                named = _read_address(each.url_variable, address) if address else None
                if named or not address:
                    yield named or _Named(by=each.url_variable, kind=kind, host=None)
            elif not is_sqlite and engine != "dummy":
                kind = _KINDS.get(engine, "other")
                yield _Named(by=by, kind=kind, host=each.host, name=each.name, user=each.user)
        if "DATABASES" in project.untold:
            yield _Named(by=by, kind="", host=None)
    for name, text in surveyed.file_variables.items():
        if named := _read_address(name, text):
            yield named


def _read_address(name: str, text: str) -> _Named | None:
    """Return the database of an address; ``None`` for any other text. Its password is not looked at."""
    scheme, sign, _ = text.partition("://")
    kind = _KINDS.get(scheme.lower().removeprefix("jdbc:").partition("+")[0])
    if not sign or kind is None:
        return None
    try:
        parts = urllib.parse.urlsplit(text.removeprefix("jdbc:"))
        host, user = parts.hostname or "", urllib.parse.unquote(parts.username or "")
    except ValueError:
        return _Named(by=name, kind=kind, host=None)
    return _Named(
        by=name, kind=kind, host=host, name=urllib.parse.unquote(parts.path.strip("/")), user=user, is_certain=True
    )


def _is_saved(named: _Named, surveyed: Surveyed, parts: Sequence[ProposedPart]) -> bool:
    active = [each for each in parts if each.is_active]
    compose = surveyed.compose
    services = compose.services if compose else {}
    if not named.kind:  # settings that nobody can work out: one database that is saved is likely the one
        return any(each.lines["kind"] in {"postgres", "mysql", "sqlite"} for each in active)
    if named.kind == "other":  # what its service mounts is a component, with a remark of its own
        return named.host is not None and named.host in services and services[named.host].is_active
    same = [each.lines for each in active if _kind_of_part(each) == named.kind]
    same = [each for each in same if _holds(each, named.name if named.is_certain else "", surveyed)]
    service = services.get(named.host or "")
    if compose and service and kind_of(service, compose) == named.kind:
        return any(each.get("in") == f"compose:{service.name}" for each in same)
    if named.host is None or named.host in services or named.host in _HERE:
        return bool(same)
    return any(_names_host(each, named.host, surveyed) for each in same)


def _holds(lines: Lines, name: str, surveyed: Surveyed) -> bool:
    """Say whether a component saves the database of that name, where it says which one it saves."""
    said = _look_up(lines.get("database"), surveyed)
    return not name or not said or said == name


def _kind_of_part(part: ProposedPart) -> str:
    kind = str(part.lines["kind"])
    run = str(part.lines.get("run", ""))
    if kind == "command":
        return "postgres" if "pg_dump" in run else "mysql" if "mysqldump" in run else ""
    return kind


def _names_host(lines: Lines, host: str, surveyed: Surveyed) -> bool:
    said = _look_up(lines.get("host"), surveyed)
    return said == host or (said is None and lines["kind"] == "command" and "in" not in lines)


def _look_up(said: object, surveyed: Surveyed) -> object:
    """Return what a line of a component says, or what the variable is that it refers to."""
    return surveyed.variables.get(str(said.get("env")), said.get("default")) if isinstance(said, dict) else said


def _add_database(named: _Named, taken: set[str], found: Unsaved) -> None:
    host = "?" if named.host is None else named.host or "localhost"
    remark = Remark(
        template="{source} names a database ({kind}, host {host}) that nothing here saves: write a component for it.",
        values={"source": named.by, "kind": named.kind if named.kind not in {"", "other"} else "?", "host": host},
    )
    if remark in found.remarks:
        return
    found.remarks.append(remark)
    if named.kind in {"postgres", "mysql"}:
        lines: Lines = {
            "kind": named.kind,
            "host": named.host or "localhost",
            "database": named.name or "NAME",
            "user": named.user or "USER",
            "password": {"env": "NAME_OF_A_VARIABLE"},
        }
        name = choose_name("database", f"database-{named.host or named.kind}", taken)
        found.parts.append(ProposedPart(heading=f"component.{name}", lines=lines, remarks=(remark,), is_active=False))


def _add_loose_names(surveyed: Surveyed, parts: Sequence[ProposedPart], found: Unsaved) -> None:
    """Say which variables name a database or a bucket, where nothing else tells what they mean."""
    active = [each for each in parts if each.is_active]
    has_database = any(_kind_of_part(each) in {"postgres", "mysql", "sqlite"} for each in (*active, *found.parts))
    names = [each for each in surveyed.file_variables if surveyed.file_variables[each]]
    databases = [each for each in names if _DATABASE_NAMES.fullmatch(each)]
    if databases and not has_database:
        found.remarks.append(
            Remark(
                template="The variables {names} name a database, and nothing here saves one: write a component for it.",
                values={"names": ", ".join(databases)},
            )
        )
    if buckets := [each for each in names if _BUCKETS.fullmatch(each)]:
        found.remarks.append(
            Remark(
                template="The variables {names} name a place in an object store. What lies there is not saved.",
                values={"names": ", ".join(buckets)},
            )
        )


def _add_links(surveyed: Surveyed, parts: Sequence[ProposedPart], found: Unsaved) -> None:
    paths = {surveyed.directory / each for part in parts if part.is_active for each in _paths_of(part.lines)}
    saved = paths - {surveyed.directory}
    ends = {each.resolve() for each in saved}
    left = [
        each
        for each in surveyed.dependencies.links_out
        if not _is_within(each, saved) and not _is_within(each.resolve(), ends)
    ]
    if left:
        names = [str(each.relative_to(surveyed.directory)) for each in left]
        shown = names if len(names) <= _MOST_SHOWN else [*names[:_MOST_SHOWN], "…"]
        found.remarks.append(
            Remark(
                template="Links lead out of this directory, and only they are saved, not what they lead to: {paths}. "
                "Write a component for what belongs to the stack.",
                values={"paths": ", ".join(shown)},
            )
        )


def _is_within(path: Path, places: set[Path]) -> bool:
    return path in places or not places.isdisjoint(path.parents)


def _paths_of(lines: Lines) -> Iterable[Path]:
    if "in" in lines or lines["kind"] not in {"files", "secrets", "sqlite"}:
        return []
    several = lines.get("paths", [])
    texts = [lines["path"]] if "path" in lines else several if isinstance(several, list) else []
    return [Path(read_path(str(each))) for each in texts]
