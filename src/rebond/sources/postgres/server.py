"""Where a PostgreSQL server answers, and how its programs are called so that no password is seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rebond.errors import UsageError
from rebond.secret import Secret
from rebond.sources.streams.readers import FedReader

# The first line of the input is the password: so it is among no arguments, here and inside a container.
_SCRIPT = """\
IFS= read -r password
if [ -n "$password" ]; then PGPASSWORD=$password; export PGPASSWORD; fi
unset password
LC_ALL=C; export LC_ALL
exec "$@"
"""
_FORGET = "unset PGHOSTADDR\n"  # some programs read what is empty in a connection as what is not said there
_CONNECT_SECONDS = 30


class OpenProgram(Protocol):
    """Begins to run a program where the server's programs are; see ``rebond.stack.whereabouts.Place.open``."""

    def __call__(
        self,
        words: Sequence[str],
        *,
        given: Secret | None = None,
        seconds: float | None = None,
        label: str = "",
        keeps_input: bool = False,
    ) -> FedReader:
        """Return its output."""
        ...


_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """Where it answers and as whom; empty means what the programs themselves would take.

    ``options`` are other words of a connection, such as ``sslmode``; ``place`` names, for people, the container that it
    is reached from.
    """

    host: str = ""
    port: int | None = None
    user: str = ""
    password: Secret | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    place: str = ""

    def __str__(self) -> str:
        is_there = self.place and (not self.host or self.host in _LOOPBACK or self.host.startswith("/"))
        host = self.place if is_there else self.host or "localhost"
        shown = f"{host}:{self.port}" if self.port else host
        return shown if is_there or not self.place else f"{shown} ({self.place})"

    def describe_connection(self, database: str) -> str:
        """Return the connection to a database as ``libpq`` reads it; it holds no password."""
        words = {
            "host": self.host,
            "port": str(self.port or ""),
            "user": self.user,
            "dbname": database,
            "connect_timeout": str(_CONNECT_SECONDS),
            "fallback_application_name": "rebond",
            **self.options,
        }
        written = [f"{name}={_quote(text)}" for name, text in words.items() if text]
        if self.is_named:
            written.append("hostaddr=''")
        return " ".join(written)

    @property
    def is_named(self) -> bool:
        """Whether it is said where it answers: then PGHOSTADDR of a user must not lead to another one."""
        return bool(self.host) and "hostaddr" not in self.options

    def describe_own_connection(self, database: str) -> str:
        """Return the same with the password, for a connection that this process itself opens; never for arguments."""
        words = self.describe_connection(database)
        if self.password is None:
            return words
        return f"{words} password={_quote(self.password.reveal().decode(errors='surrogateescape'))}"


def wrap_program(words: Sequence[str], server: PostgresServer, script: str = _SCRIPT) -> tuple[str, ...]:
    """Return a command that reads the password on the first line of its input, then runs the program."""
    return ("sh", "-c", f"{_FORGET}{script}" if server.is_named else script, "sh", *words)


def describe_input(server: PostgresServer, script: str = "") -> Secret:
    """Return the input of a wrapped program: the password, then what it reads itself. Raises ``UsageError``."""
    password = server.password.reveal() if server.password is not None else b""
    if b"\n" in password or b"\0" in password:
        raise UsageError("The password of a database holds the end of a line.", hint="Check 'password'.")
    return Secret(password + b"\n" + script.encode(errors="surrogateescape"))


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
