"""Databases of one server as a tree of files that PostgreSQL's own psql loads."""

import secrets
from collections.abc import Callable, Mapping
from importlib import resources

import msgspec

from rebond.clock import Clock
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.sources.documents.tree import Document, FolderTree, Piece, Stream
from rebond.sources.postgres import catalogue
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.marked_output import DumpReader, ExplainedReader, RowsReader
from rebond.sources.postgres.names import name_file
from rebond.sources.postgres.session import Access, HeldSnapshot
from rebond.sources.streams.judging import Expectation
from rebond.sources.streams.readers import StreamReader
from rebond.sources.streams.whole_output import read_output

Report = Callable[[Finding], None]
FORMAT = 1
END_OF_DUMP = Expectation(mark=b"-- PostgreSQL database dump complete")
END_OF_GLOBALS = b"-- PostgreSQL database cluster dump complete"
_ANYTHING = Expectation(allows_empty=True)


class PostgresTree(FolderTree):
    """Databases of which snapshots are held. The moment is that of their opening; ``close`` lets go of them."""

    def __init__(self, pieces: Mapping[bytes, Piece], snapshots: list[HeldSnapshot]) -> None:
        super().__init__(pieces)
        self._snapshots = snapshots

    def close(self) -> None:
        """Let go of the snapshots; may be called twice."""
        for each in self._snapshots:
            each.close()


def list_pieces(snapshot: HeldSnapshot, began_ns: int) -> dict[bytes, Piece]:
    """Return the files of one database, all of its snapshot; nothing is read before its file is opened."""
    access, name = snapshot.access, snapshot.name
    rows = TableRows(snapshot)

    def dump(*options: str) -> Stream:
        def open_reader() -> StreamReader:
            words = (f"--snapshot={snapshot.database.snapshot}", "--lock-wait-timeout=60000", *options)
            reader = access.open_dump(access.programs.pg_dump, name, *words, label="pg_dump")
            return DumpReader(ExplainedReader(reader, server=str(access.server), database=name))

        return Stream(open_reader=open_reader, began_ns=began_ns, expected=END_OF_DUMP)

    def stream(open_reader: Callable[[], StreamReader]) -> Stream:
        return Stream(open_reader=open_reader, began_ns=began_ns, expected=_ANYTHING)

    pieces: dict[bytes, Piece] = {
        b"manifest.json": Document(content=_describe(snapshot), modified_ns=began_ns),
        b"restore.sh": Document(content=_read_script(), modified_ns=began_ns),
        b"pre-data.sql": dump("--section=pre-data"),
        b"post-data.sql": dump("--section=post-data"),
        b"totals/tables.tsv": stream(lambda: TextReader(rows.describe())),
    }
    if snapshot.database.large_objects:
        pieces[b"large-objects.sql"] = dump("--section=data", "--blobs", "--exclude-table-data=*.*")
    if snapshot.sequences:
        pieces[b"sequences.sql"] = stream(rows.open_sequences)
    for table in snapshot.tables:
        pieces[b"tables/" + _name_table(table)] = stream(lambda table=table: rows.open_table(table))  # type: ignore[misc]
    return pieces


class TableRows:
    """Opens the tables of one snapshot, and knows afterwards how many rows each had."""

    def __init__(self, snapshot: HeldSnapshot) -> None:
        self._snapshot = snapshot
        self._read: dict[Table, RowsReader] = {}

    def open_table(self, table: Table) -> StreamReader:
        """Begin to read the rows of a table."""
        # Through cat, because psql forgets the number of rows of what goes to its own output.
        command = f"{table.write_out(self._snapshot.database.encoding)} \\g |cat"
        reader = self._open(command, ":ROW_COUNT", table.sql)
        self._read[table] = reader
        return reader

    def open_sequences(self) -> StreamReader:
        """Begin to read the positions of all sequences, as SQL."""
        return self._open(catalogue.WRITE_SEQUENCES, str(self._snapshot.sequences), "sequences", counts_lines=False)

    def describe(self) -> bytes:
        """Return a line for each table that was read: rows, file and how they are loaded; the largest first."""
        encoding = self._snapshot.database.encoding
        lines = [
            f"{reader.counted}\ttables/{_name_table(table).decode()}\t{table.write_in(encoding)}\n"
            for table, reader in sorted(self._read.items(), key=lambda each: (-each[1].size_bytes, each[0].sql))
        ]
        return "".join(lines).encode(errors="surrogateescape")

    def _open(self, command: str, count: str, name: str, *, counts_lines: bool = True) -> RowsReader:
        snapshot = self._snapshot
        mark = f"rebond-rows-{secrets.token_hex(16)}"
        script = snapshot.join(f"{command}\n\\echo {mark} {count}")
        reader = snapshot.access.open_psql(snapshot.name, script)
        explained = ExplainedReader(reader, server=str(snapshot.access.server), database=snapshot.name)
        return RowsReader(explained, mark, name=name, counts_lines=counts_lines)


class TextReader:
    """A few bytes as a stream."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def readinto(self, buffer: memoryview, /) -> int:
        """Give them."""
        count = min(len(buffer), len(self._content))
        buffer[:count] = self._content[:count]
        self._content = self._content[count:]
        return count

    def finish(self) -> None:
        """They are always whole."""

    def close(self) -> None:
        """Nothing to give back."""


def read_globals(access: Access, database: str, *, may_read_passwords: bool, report: Report) -> bytes | None:
    """Return the roles and tablespaces of the server as SQL; report what may not be read of them."""
    options = ["--globals-only"]
    if not may_read_passwords:
        options.append("--no-role-passwords")
        report(_passwords_missing(database))
    try:
        content = read_output(
            lambda: DumpReader(access.open_dump(access.programs.pg_dumpall, database, *options, label="pg_dumpall")),
            program="pg_dumpall",
        )
    except SourceError as error:
        report(_globals_missing(explain_failure(error, server=str(access.server), database=database), database))
        return None
    END_OF_CLUSTER.judge("globals.sql", len(content), content[-1024:])
    return content


END_OF_CLUSTER = Expectation(mark=END_OF_GLOBALS)


def make_globals(content: bytes, clock: Clock) -> Document:
    """Return them as a file."""
    return Document(content=content, modified_ns=clock.now_ms() * 1_000_000)


def _name_table(table: Table) -> bytes:
    return name_file(table.schema, table.name) + b".copy"


def _describe(snapshot: HeldSnapshot) -> bytes:
    database = snapshot.database
    document = {
        "format": FORMAT,
        "database": database.database,
        "server_version": database.server_version,
        "pg_dump": snapshot.access.programs.major,
        "encoding": database.encoding,
        "collate": database.collate,
        "ctype": database.ctype,
        "extensions": database.extensions or {},
        "large_objects": database.large_objects,
        "sequences": snapshot.sequences,
        "tables": [
            {
                "schema": each.schema,
                "name": each.name,
                "file": f"tables/{_name_table(each).decode()}",
                "columns": each.columns,
            }
            for each in snapshot.tables
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _read_script() -> bytes:
    return resources.files("rebond.sources.postgres").joinpath("restore.sh").read_bytes()


def _passwords_missing(database: str) -> Finding:
    return Finding(
        code="role-passwords-missing",
        severity=Severity.NOTE,
        subject=database,
        template="The roles of {database} are saved without their passwords: this user may not read them.",
        hint_template="Keep the passwords among the secrets, or save as a superuser.",
        values={"database": database},
    )


def _globals_missing(error: SourceError, database: str) -> Finding:
    return Finding(
        code="globals-missing",
        severity=Severity.WARNING,
        subject=database,
        template="The roles and tablespaces of the server of {database} could not be saved: {reason}",
        hint_template="Let the user read them, or save as a superuser.",
        values={"database": database, "reason": error.message},
    )
