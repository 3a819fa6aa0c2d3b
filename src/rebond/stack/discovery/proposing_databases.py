"""Which component saves a database: of its own kind where this version can, else by the database's own program."""

import os
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path

from rebond.sources.servers.mysql import write_dump
from rebond.stack.discovery.compose_model import Service, Variable
from rebond.stack.discovery.looking import Surveyed
from rebond.stack.discovery.proposal import Lines, ProposedPart, from_variable
from rebond.stack.discovery.remarks import Remark
from rebond.stack.django_code.expressions import kind_of_address

IsSavable = Callable[[str, Lines], bool]
POSTGRES_MARK = "PostgreSQL database dump complete"
MYSQL_MARK = "-- Dump completed"
# The variables are those of the image, inside the container: nothing of them is written here.
_PG_DUMP = (
    'pg_dump --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" '
    "--clean --if-exists"
)
_PSQL = 'psql --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}"'
# The shell takes the password out of the variable, so that it is in no file and in no list of processes.
_LOGIN_OF_ADDRESS = """a=${DATABASE_URL#*://}; a=${a%@*}; printf '%s\\n' "${a#*:}\""""
MYSQLDUMP = write_dump('export MYSQL_PWD="${MYSQL_ROOT_PASSWORD:-$MARIADB_ROOT_PASSWORD}"')


def propose_postgres_service(
    service: Service, name: str, extra: Lines, is_savable: IsSavable, named: Sequence[str] = ()
) -> ProposedPart:
    """Propose the database of a compose service; where several are ``named``, all that its server has."""
    seen = Remark(
        template="The service {service} of compose, image {image}.",
        values={"service": service.name, "image": service.image_name or "–"},
    )
    own = {
        "kind": "postgres",
        "in": f"compose:{service.name}",
        **_postgres_login(service),
        "method": "logical",
        **extra,
    }
    if len(named) > 1:
        seen_all = Remark(
            template="Several databases of it are named ({names}): all that are there are saved, with the roles.",
            values={"names": ", ".join(named)},
        )
        pairs = (("databases", ["*"]) if key == "database" else (key, each) for key, each in own.items())
        every: Lines = dict(pairs)
        if is_savable(name, every):
            return ProposedPart(heading=f"component.{name}", lines=every, remarks=(seen, seen_all))
    if is_savable(name, own):
        return ProposedPart(heading=f"component.{name}", lines=own, remarks=(seen,))
    dump = {
        "kind": "command",
        "in": f"compose:{service.name}",
        "run": _PG_DUMP,
        "end_mark": POSTGRES_MARK,
        "restore": _PSQL,
        **extra,
    }
    return ProposedPart(
        heading=f"component.{name}", lines=dump, remarks=(seen, _BY_PROGRAM), is_active=is_savable(name, dump)
    )


def propose_mysql_service(service: Service, name: str, extra: Lines, is_savable: IsSavable) -> ProposedPart:
    """Propose the databases of a compose service."""
    seen = Remark(
        template="The service {service} of compose, image {image}.",
        values={"service": service.name, "image": service.image_name or "–"},
    )
    own = {"kind": "mysql", "in": f"compose:{service.name}", "databases": ["*"], **_mysql_login(service), **extra}
    if is_savable(name, own):
        return ProposedPart(heading=f"component.{name}", lines=own, remarks=(seen,))
    dump = {
        "kind": "command",
        "in": f"compose:{service.name}",
        "run": MYSQLDUMP,
        "end_mark": MYSQL_MARK,
        **extra,
    }
    return ProposedPart(
        heading=f"component.{name}", lines=dump, remarks=(seen, _BY_PROGRAM), is_active=is_savable(name, dump)
    )


def find_sqlite_of_variables(surveyed: Surveyed) -> list[Path]:
    """Return the SQLite databases that addresses in the file of variables name; a relative one begins here."""
    found = []
    for text in surveyed.file_variables.values():
        scheme, sign, rest = text.partition("://")
        path = rest.removeprefix("/").partition("?")[0]
        if sign and scheme.partition("+")[0].lower() in {"sqlite", "sqlite3", "spatialite"} and path != ":memory:":
            found += [Path(os.path.normpath(surveyed.directory / urllib.parse.unquote(path)))] if path else []
    return found


def propose_database_of_variables(surveyed: Surveyed, is_savable: IsSavable) -> ProposedPart | None:
    """Propose the database that ``DATABASE_URL`` or ``POSTGRES_*`` name, when no service of compose is it."""
    names = surveyed.file_variables
    address = names.get("DATABASE_URL", "")
    if kind_of_address(address) == "postgresql":
        return _by_address(address, is_savable)
    if "POSTGRES_DB" not in names:
        return None
    text = names.get("POSTGRES_PORT", "")
    port = int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65536 else 0
    own: Lines = {
        "kind": "postgres",
        **({"host": from_variable("POSTGRES_HOST", "localhost")} if "POSTGRES_HOST" in names else {}),
        **({"port": port} if port else {}),
        "database": from_variable("POSTGRES_DB"),
        **({"user": from_variable("POSTGRES_USER")} if "POSTGRES_USER" in names else {}),
        **({"password": from_variable("POSTGRES_PASSWORD")} if "POSTGRES_PASSWORD" in names else {}),
    }
    seen = Remark(template="The database that the file of variables names.")
    if is_savable("database", own):
        return ProposedPart(heading="component.database", lines=own, remarks=(seen,))
    run = (
        'PGPASSWORD="$POSTGRES_PASSWORD" pg_dump --host="${POSTGRES_HOST:-localhost}" '
        '--port="${POSTGRES_PORT:-5432}" --username="${POSTGRES_USER:-postgres}" --dbname="$POSTGRES_DB" '
        "--clean --if-exists"
    )
    lines = {"kind": "command", "run": run, "end_mark": POSTGRES_MARK}
    return ProposedPart(heading="component.database", lines=lines, remarks=(seen, _BY_PROGRAM))


def _by_address(address: str, is_savable: IsSavable) -> ProposedPart:
    """Take the address apart. Its password is looked up again at each backup, and written nowhere."""
    seen = Remark(template="The database that DATABASE_URL names.")
    try:
        parts = urllib.parse.urlsplit(address)
        port = parts.port
    except ValueError:
        return ProposedPart(
            heading="component.database", lines={"kind": "postgres"}, remarks=(seen, _ODD), is_active=False
        )
    own: Lines = {
        "kind": "postgres",
        "host": urllib.parse.unquote(parts.hostname or "localhost"),
        **({"port": port} if port else {}),
        "database": urllib.parse.unquote(parts.path.strip("/")) or "postgres",
        **({"user": urllib.parse.unquote(parts.username)} if parts.username else {}),
        **({"password": {"command": _LOGIN_OF_ADDRESS}} if parts.password else {}),
    }
    is_plain = "%" not in (parts.password or "")
    if is_savable("database", own):
        return ProposedPart(
            heading="component.database", lines=own, remarks=(seen,) if is_plain else (seen, _ODD), is_active=is_plain
        )
    run = (
        "address=${DATABASE_URL#*://} login=${address%@*} rest=${address##*@}\n"
        'export PGPASSWORD="${login#*:}" PGUSER="${login%%:*}" PGHOST="${rest%%[:/]*}"\n'
        'place=${rest%%/*} name=${rest#*/}; case $place in *:*) export PGPORT="${place#*:}";; esac\n'
        'pg_dump --dbname="${name%%\\?*}" --clean --if-exists'
    )
    is_plain = is_plain and bool(parts.password)
    return ProposedPart(
        heading="component.database",
        lines={"kind": "command", "run": run, "end_mark": POSTGRES_MARK},
        remarks=(seen, _BY_PROGRAM) if is_plain else (seen, _ODD),
        is_active=is_plain,
    )


def _said(key: str, variable: Variable | None) -> dict[str, object]:
    """Return a line for a name that is no secret: as a reference where it is one."""
    if variable is None or not variable.text or "://" in variable.text:  # an address may have a password in it
        return {}
    if variable.reference:
        return {key: from_variable(variable.reference.name, variable.reference.default)}
    return {key: variable.text}


def _postgres_login(service: Service) -> dict[str, object]:
    """Return database, user and password as the image takes them: each has a default."""
    user = _said("user", service.variables.get("POSTGRES_USER")) or {"user": "postgres"}
    database = _said("database", service.variables.get("POSTGRES_DB")) or {"database": user["user"]}
    password = service.variables.get("POSTGRES_PASSWORD")
    is_known = password is not None and password.reference is not None
    secret = (
        {"password": from_variable(password.reference.name)} if is_known and password and password.reference else {}
    )
    return {**database, **user, **secret}


def _mysql_login(service: Service) -> dict[str, object]:
    for name in ("MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"):
        variable = service.variables.get(name)
        if variable and variable.reference:
            return {"user": "root", "password": from_variable(variable.reference.name)}
    return {}


_ODD = Remark(template="Its address or password has signs of its own: write this component by hand.")
_BY_PROGRAM = Remark(template="Saved by the database's own program, whose last line says that the dump is whole.")
