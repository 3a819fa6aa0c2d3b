"""One session that holds a snapshot of a database open, so that others can read of the same moment."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from rebond.errors import CommandFailed, SourceError
from rebond.sources.postgres import catalogue
from rebond.sources.postgres.catalogue import Database, Table
from rebond.sources.postgres.failures import explain_failure, has_changed
from rebond.sources.postgres.programs import Programs
from rebond.sources.postgres.raw_text import CHOOSE_ENCODING, read_json
from rebond.sources.postgres.server import OpenProgram, PostgresServer, describe_input, wrap_program
from rebond.sources.streams.readers import FedReader, StreamReader

_TRIES = 3  # a table that is dropped between two looks makes another necessary
_LOCK_SECONDS = 60
PADDING = "-" * 400  # what stands behind the mark pushes it through whoever holds back the last bytes

COMMON = f"""\\set ON_ERROR_STOP on
\\set VERBOSITY verbose
{CHOOSE_ENCODING} AS encoding \\gset
SET DateStyle = ISO;
SET IntervalStyle = postgres;
SET TimeZone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = hex;
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET lock_timeout = '{_LOCK_SECONDS}s';
SET row_security = off;
SET synchronize_seqscans = off;
SET max_parallel_workers_per_gather = 0;
SELECT pg_catalog.count(pg_catalog.set_config(name, '0', false)) AS unlimited FROM pg_catalog.pg_settings
 WHERE name IN ('transaction_timeout', 'jit') \\gset
SELECT pg_catalog.set_config('search_path', '', false) AS path \\gset
"""  # noqa: S608 - made of constants
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"
# The locks come before the snapshot: else a table that is emptied between the two would look empty in it.
_HOLD = f"""{COMMON}{catalogue.LIST_TABLES_TO_LOCK} \\gset
{_BEGIN}\\if :has_tables
LOCK TABLE :tables IN ACCESS SHARE MODE;
\\endif
{catalogue.DESCRIBE_DATABASE};
{catalogue.COUNT_SEQUENCES};
{catalogue.DESCRIBE_TABLES};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a database is reached: the server, its programs, and what runs them.

    ``is_local`` says that they run on this machine, as ourselves, so that this process reaches the same server.
    """

    server: PostgresServer
    programs: Programs
    open_program: OpenProgram
    is_local: bool = False

    def open_psql(self, database: str, script: str, *, keeps_input: bool = False) -> FedReader:
        """Begin to run a script; its answers are lines without a frame."""
        words = (self.programs.psql, "-X", "-w", "-q", "-A", "-t", "-f", "-", "-d")
        return self.open_program(
            wrap_program((*words, self.server.describe_connection(database)), self.server),
            given=describe_input(self.server, script),
            label="psql",
            keeps_input=keeps_input,
        )

    def open_dump(self, program: str, database: str, *options: str, label: str) -> FedReader:
        """Begin to run pg_dump or pg_dumpall."""
        return self.open_program(
            wrap_program((program, "-w", *options, "-d", self.server.describe_connection(database)), self.server),
            given=describe_input(self.server),
            label=label,
        )


class HeldSnapshot:
    """A snapshot that is there from now until ``close``; every table of it is kept from being changed or dropped."""

    def __init__(self, access: Access, database: str) -> None:
        """Raises ``SourceError``."""
        self.access = access
        self.name = database
        self._is_partial = False
        for left in reversed(range(_TRIES)):
            try:
                self._begin()
                break
            except SourceError as error:
                if not left or not has_changed(error):
                    raise explain_failure(error, server=str(access.server), database=database) from error

    def _begin(self) -> None:
        mark = f"rebond-end-{secrets.token_hex(16)}"
        script = f"{_HOLD}SELECT '{mark}';\nSELECT '{PADDING}';\n"
        self._reader = self.access.open_psql(self.name, script, keeps_input=True)
        try:
            lines = read_until(self._reader, mark)
            self.database = read_json(lines[0], Database)
            self.sequences = int(lines[1])
            self.tables = [read_json(each, Table) for each in lines[2:]]
        except BaseException:
            self._reader.close()
            raise

    def keep_only(self, is_wanted: Callable[[Table], bool]) -> None:
        """Leave out the rows of all other tables, and large objects."""
        self._is_partial = True
        self.tables = [each for each in self.tables if is_wanted(each)]
        self.database = msgspec.structs.replace(self.database, large_objects=0)

    def list_left_out(self) -> tuple[str, ...]:
        """Return the tables whose rows are missed: none where single ones are wanted, who say so themselves."""
        return () if self._is_partial else self.database.left_out

    def join(self, command: str) -> str:
        """Return a script that runs a command in this snapshot, in a session of its own."""
        return f"{COMMON}{_BEGIN}SET TRANSACTION SNAPSHOT '{self.database.snapshot}';\n{command}\n"

    def open_rows(self, query: str) -> StreamReader:
        """Begin to read what a query of the user's answers in this snapshot, as COPY writes it."""
        commands = f"RESET search_path;\nCOPY ({query}) TO STDOUT;"
        return self.access.open_psql(self.name, self.join(commands))

    def close(self) -> None:
        """Let go; may be called twice."""
        self._reader.close()


def list_databases(access: Access, maintenance: str) -> list[str]:
    """Return the databases of a server that can be opened, templates left out. Raises ``SourceError``."""
    return [
        each.name for each in look_for_databases(access, maintenance) if each.can_be_opened and not each.is_template
    ]


def look_for_databases(access: Access, maintenance: str) -> list[catalogue.ListedDatabase]:
    """Return all databases of a server but the templates that it brings. Raises ``SourceError``."""
    mark = f"rebond-end-{secrets.token_hex(16)}"
    script = f"{COMMON}{catalogue.LIST_DATABASES};\nSELECT '{mark}';\n"
    reader = access.open_psql(maintenance, script)
    try:
        lines = read_until(reader, mark)
    except SourceError as error:
        raise explain_failure(error, server=str(access.server), database=maintenance) from error
    finally:
        reader.close()
    return [read_json(each, catalogue.ListedDatabase) for each in lines]


def read_until(reader: StreamReader, mark: str) -> list[bytes]:
    """Return the lines before the one that is the mark. Raises ``SourceError`` when it does not come."""
    content = bytearray()
    block = memoryview(bytearray(1 << 16))
    end = b"\n" + mark.encode() + b"\n"
    searched = 0
    while (place := content.find(end, searched)) < 0:
        searched = max(0, len(content) - len(end))
        count = reader.readinto(block)
        if not count:
            reader.finish()
            raise CommandFailed(
                "The answer of psql was cut: the mark at its end is missing.",
                hint="Run the backup again. If that happens often, see what ends the connection.",
            )
        content += block[:count]
    return [each for each in bytes(content[:place]).split(b"\n") if each]
