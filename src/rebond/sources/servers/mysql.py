"""What ``mysqldump`` or ``mariadb-dump`` is told, and how its end is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from rebond.errors import UsageError
from rebond.secret import Secret
from rebond.sources.streams.judging import Expectation

END = Expectation(mark=b"-- Dump completed")
_SCRIPT = """\
for each in mariadb-dump mysqldump; do
  if command -v "$each" >/dev/null 2>&1; then exec "$each" "$@"; fi
done
echo "neither mariadb-dump nor mysqldump is installed" >&2
exit 127
"""
_OPTIONS = (
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
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlServer:
    """Where it answers and as whom; empty means what the program itself would take."""

    host: str = ""
    port: int | None = None
    user: str = ""
    password: Secret | None = None
    databases: tuple[str, ...] = ("*",)


def build_dump(server: MysqlServer) -> tuple[str, ...]:
    """Return the command that dumps; it reads ``describe_login`` on its input. Raises ``UsageError``."""
    return ("sh", "-c", _SCRIPT, "sh", "--defaults-extra-file=/dev/stdin", *_OPTIONS, *_name_databases(server))


def describe_login(server: MysqlServer) -> Secret:
    """Return a file of options with the address and the password: neither is seen in a list of processes."""
    lines = ["[client]"]
    for name, text in (("host", server.host), ("port", str(server.port or "")), ("user", server.user)):
        if text:
            lines.append(f"{name}={_quote(text)}")
    if server.host and not server.host.startswith("/"):
        lines.append("protocol=tcp")
    if server.host.startswith("/"):
        lines[1] = f"socket={_quote(server.host)}"
    content = "\n".join(lines).encode() + b"\n"
    if server.password is not None:
        content += b"password=" + _quote(server.password.reveal().decode(errors="surrogateescape")).encode(
            errors="surrogateescape"
        )
    return Secret(content + b"\n")


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
        raise UsageError("What opens the database holds the end of a line.", hint="Check 'password' and 'user'.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
