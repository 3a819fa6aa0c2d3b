"""What ``mysqldump`` or ``mariadb-dump`` is told, and how its end is known."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from rebond.errors import UsageError
from rebond.secret import Secret
from rebond.sources.streams.judging import Expectation

END = Expectation(mark=b"\n-- Dump completed")  # in rows the end of a line is written as two letters
# MySQL's own tool writes down which transactions were done; a server that knows one of them refuses all of the dump.
_SCRIPT = """\
for each in mariadb-dump mysqldump; do
  command -v "$each" >/dev/null 2>&1 || continue
  case $("$each" --version 2>/dev/null </dev/null) in
  *MariaDB*) ;;
  *) first=$1; shift; set -- "$first" --loose-set-gtid-purged=OFF "$@" ;;
  esac
  exec "$each" "$@"
done
echo "neither mariadb-dump nor mysqldump is installed" >&2
exit 127
"""
_OPTIONS = (
    "--opt",  # the default, unless a file says otherwise; what follows counts more
    "--single-transaction",  # one moment for all tables of InnoDB, and nobody waits
    "--quick",
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--default-character-set=utf8mb4",
    "--no-tablespaces",  # they would ask for a right that a backup does not need
    "--skip-dump-date",  # so that an unchanged database is the same bytes again
    "--comments",  # the end mark is one
    "--max-allowed-packet=1G",  # else a row of more than 24 MB ends the dump
    "--skip-add-locks",  # under LOCK TABLES no row goes into a table whose default is the next of a sequence
    # Routines and events are dumped as such. As rows too they would be there before, dropped, and with them what
    # was granted on them.
    "--ignore-table=mysql.proc",
    "--ignore-table=mysql.event",
    # Files of options on that machine are obeyed as to the connection, and not as to what is saved.
    "--skip-no-data",
    "--skip-no-create-info",
    "--skip-insert-ignore",
    "--quote-names",
    "--tz-utc",
)
# With a password of ours a home has nothing to add: its files are read after ours, and their password would be taken.
_NO_HOME = "HOME=/nonexistent; export HOME\n"
LOADING = ("--binary-mode", "--comments")
"""What ``mysql`` has to be told when it loads a dump: else it changes line ends, and comments inside of routines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlServer:
    """Where it answers and as whom; empty means what the program itself would take."""

    host: str = ""
    port: int | None = None
    user: str = ""
    password: Secret | None = None
    databases: tuple[str, ...] = ("*",)


def build_dump(server: MysqlServer, *, takes_history: bool = False) -> tuple[str, ...]:
    """Return the command that dumps; it reads ``describe_login`` on its input. Raises ``UsageError``.

    ``takes_history`` brings the former rows of tables with system versioning too, which not every tool can.
    """
    address = [*describe_address(server), *(["--dump-history"] if takes_history else [])]
    words = ("--defaults-extra-file=/dev/stdin", *_OPTIONS, *address, *_name_databases(server))
    return ("sh", "-c", begin_script(server) + _SCRIPT, "sh", *words)


def write_dump(login: str) -> str:
    """Return ``build_dump`` for all databases, as a script that asks nothing of its input.

    ``login`` are lines of shell that let the program in, as ``export MYSQL_PWD=…`` does.
    """
    words = [*_OPTIONS, "--user=root", *_name_databases(MysqlServer())]
    return f"{login}\nset -- {shlex.join(words)}\n{_SCRIPT}"


def begin_script(server: MysqlServer) -> str:
    """Return the lines that a script begins with, of whatever client program."""
    return "" if server.password is None else _NO_HOME


def describe_login(server: MysqlServer) -> Secret:
    """Return a file of options with the password, which so is not seen in a list of processes."""
    content = b"[client]\n"
    if server.password is not None:
        content += b"password=" + _quote(server.password.reveal().decode(errors="surrogateescape")).encode(
            errors="surrogateescape"
        )
    return Secret(content + b"\n")


def describe_address(server: MysqlServer) -> Sequence[str]:
    """Return the options that lead to the server: as arguments they count more than any file that is there."""
    words = [f"--user={server.user}"] if server.user else []
    if server.host.startswith("/"):
        words += [f"--socket={server.host}", "--host=localhost", "--protocol=socket"]
    elif server.host:
        words += [f"--host={server.host}", "--protocol=tcp"]
    return [*words, f"--port={server.port}"] if server.port else words


def _name_databases(server: MysqlServer) -> Sequence[str]:
    if "*" in server.databases:
        return ("--all-databases", "--flush-privileges")
    for each in server.databases:
        if each.startswith("-") or not each:
            raise UsageError("'{name}' is no name of a database.", hint="Check 'database'.", name=each)
    return ("--databases", *server.databases)


def _quote(text: str) -> str:
    """Quote a value as files of options want it: ``#`` begins no comment inside, a backslash stands for itself."""
    if "\n" in text or "\r" in text:
        raise UsageError("What opens the database holds the end of a line.", hint="Check 'password'.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
