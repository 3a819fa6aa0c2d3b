"""Which component saves a database: of its own kind where this version can, else by the database's own program."""

from collections.abc import Callable

from rebond.stack.discovery.compose_model import Service, Variable
from rebond.stack.discovery.expressions import kind_of_address
from rebond.stack.discovery.looking import Surveyed
from rebond.stack.discovery.proposal import Lines, ProposedPart, from_variable
from rebond.stack.discovery.remarks import Remark

IsSavable = Callable[[str, Lines], bool]
POSTGRES_MARK = "PostgreSQL database dump complete"
MYSQL_MARK = "-- Dump completed"
# The variables are those of the image, inside the container: nothing of them is written here.
_PG_DUMP = (
    'pg_dump --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" '
    "--clean --if-exists"
)
_PSQL = 'psql --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}"'
_MYSQLDUMP = (
    'MYSQL_PWD="${MYSQL_ROOT_PASSWORD:-$MARIADB_ROOT_PASSWORD}" "$(command -v mariadb-dump || command -v mysqldump)" '
    "--user=root --all-databases --single-transaction --routines --events"
)


def propose_postgres_service(service: Service, name: str, extra: Lines, is_savable: IsSavable) -> ProposedPart:
    """Propose the database of a compose service."""
    seen = Remark(
        template="The service {service} of compose, image {image}.",
        values={"service": service.name, "image": service.image_name or "–"},
    )
    own = {
        "kind": "postgres",
        "in": f"compose:{service.name}",
        **_said("database", service.variables.get("POSTGRES_DB")),
        **_said("user", service.variables.get("POSTGRES_USER")),
        "method": "logical",
        **extra,
    }
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
    return ProposedPart(heading=f"component.{name}", lines=dump, remarks=(seen, _BY_PROGRAM))


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
        "run": _MYSQLDUMP,
        "end_mark": MYSQL_MARK,
        **extra,
    }
    return ProposedPart(heading=f"component.{name}", lines=dump, remarks=(seen, _BY_PROGRAM))


def propose_database_of_variables(surveyed: Surveyed, is_savable: IsSavable) -> ProposedPart | None:
    """Propose the database that ``DATABASE_URL`` or ``POSTGRES_*`` name, when no service of compose is it."""
    names = surveyed.file_variables
    address = names.get("DATABASE_URL", "")
    if kind_of_address(address) == "postgresql":
        return _by_address(address, is_savable)
    if "POSTGRES_DB" not in names:
        return None
    own: Lines = {
        "kind": "postgres",
        **({"host": from_variable("POSTGRES_HOST", "localhost")} if "POSTGRES_HOST" in names else {}),
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
    seen = Remark(template="The database that DATABASE_URL names.")
    own: Lines = {"kind": "postgres", "url": from_variable("DATABASE_URL")}
    if is_savable("database", own):
        return ProposedPart(heading="component.database", lines=own, remarks=(seen,))
    # The address is taken apart by the shell, so that the password is in no list of processes and in no file.
    run = (
        "address=${DATABASE_URL#*://} login=${address%@*} rest=${address##*@}\n"
        'export PGPASSWORD="${login#*:}" PGUSER="${login%%:*}" PGHOST="${rest%%[:/]*}"\n'
        'place=${rest%%/*} name=${rest#*/}; case $place in *:*) export PGPORT="${place#*:}";; esac\n'
        'pg_dump --dbname="${name%%\\?*}" --clean --if-exists'
    )
    is_plain = "%" not in address.partition("?")[0] and ":" in address.partition("://")[2].rpartition("@")[0]
    odd = Remark(template="Its password has signs that are written as %XX there: write 'run' for it by hand.")
    return ProposedPart(
        heading="component.database",
        lines={"kind": "command", "run": run, "end_mark": POSTGRES_MARK},
        remarks=(seen, _BY_PROGRAM) if is_plain else (seen, odd),
        is_active=is_plain,
    )


def _said(key: str, variable: Variable | None) -> dict[str, object]:
    """Return a line for a name that is no secret: as a reference where it is one."""
    if variable is None or not variable.text:
        return {}
    if variable.reference:
        return {key: from_variable(variable.reference.name, variable.reference.default)}
    return {key: variable.text}


def _mysql_login(service: Service) -> dict[str, object]:
    for name in ("MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"):
        variable = service.variables.get(name)
        if variable and variable.reference:
            return {"user": "root", "password": from_variable(variable.reference.name)}
    return {}


_BY_PROGRAM = Remark(template="Saved by the database's own program, whose last line says that the dump is whole.")
