"""Databases of one server as a tree of files that PostgreSQL's own psql loads."""

from collections.abc import Callable, Mapping
from importlib import resources

from rebond.clock import Clock
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.sources.documents.tree import Document, FolderTree, Piece, Stream
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.key_triggers import FILE, list_turns
from rebond.sources.postgres.marked_output import DumpReader, ExplainedReader
from rebond.sources.postgres.raw_text import write_json
from rebond.sources.postgres.session import HeldSnapshot
from rebond.sources.postgres.table_rows import TableRows, name_table_file
from rebond.sources.streams.judging import Expectation
from rebond.sources.streams.readers import StreamReader
from rebond.sources.streams.whole_output import read_output

Report = Callable[[Finding], None]
FORMAT = 1
END_OF_DUMP = Expectation(mark=b"-- PostgreSQL database dump complete")
END_OF_GLOBALS = b"-- PostgreSQL database cluster dump complete"
_ANYTHING = Expectation(allows_empty=True)
_SHOWN = 8  # tables that are left out, by name
_OF_ONE_BYTE = ("LATIN", "WIN", "KOI8", "ISO_8859")  # encodings with one byte for each letter


class PostgresTree(FolderTree):
    """Databases of which snapshots are held. The moment is that of their opening; ``close`` lets go of them."""

    def __init__(self, pieces: Mapping[bytes, Piece], databases: list[TableRows]) -> None:
        super().__init__(pieces)
        self._databases = databases

    @property
    def databases(self) -> list[TableRows]:
        """The rows of each database."""
        return self._databases

    @property
    def snapshots(self) -> list[HeldSnapshot]:
        """What is held, one for each database."""
        return [each.snapshot for each in self._databases]

    def close(self) -> None:
        """Let go of the snapshots; may be called twice."""
        for each in self._databases:
            each.close()


def list_pieces(rows: TableRows, began_ns: int) -> dict[bytes, Piece]:
    """Return the files of one database, all of its snapshot; nothing is read before its file is opened."""
    snapshot = rows.snapshot
    access, name = snapshot.access, snapshot.name
    encoding = _say_encoding(snapshot)

    def dump(*options: str) -> Stream:
        def open_reader() -> StreamReader:
            rows.start()
            words = (f"--snapshot={snapshot.database.snapshot}", "--lock-wait-timeout=60000", *encoding, *options)
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
    if snapshot.database.turned:
        script = b"\n".join(list_turns(snapshot.database.turned)) + b"\n"
        pieces[FILE.encode()] = Document(content=script, modified_ns=began_ns)
    for table in snapshot.tables:
        pieces[b"tables/" + name_table_file(table)] = stream(lambda table=table: rows.open_table(table))  # type: ignore[misc]
    return pieces


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


def _say_encoding(snapshot: HeldSnapshot) -> tuple[str, ...]:
    """Let definitions come as UTF-8 where every letter of the database has a place in that: names are compared."""
    return ("--encoding=UTF8",) if snapshot.database.encoding.startswith(_OF_ONE_BYTE) else ()


def read_globals(snapshot: HeldSnapshot, *, report: Report) -> bytes | None:
    """Return the roles and tablespaces of the server as SQL; report what may not be read of them."""
    access, database = snapshot.access, snapshot.name
    options = ["--globals-only", *_say_encoding(snapshot)]
    if not snapshot.database.may_read_passwords:
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


def report_left_out(snapshot: HeldSnapshot, report: Report) -> None:
    """Tell of the tables whose rows are not saved, because a standby, or a server that was recovered, has none."""
    names = snapshot.list_left_out()
    if not names:
        return
    shown = ", ".join(names[:_SHOWN])
    report(
        Finding(
            code="unlogged-left-out",
            severity=Severity.NOTE,
            subject=snapshot.name,
            template="{server} is a standby, to which no rows of unlogged tables come. Of {database} these will come "
            "back empty: {tables}"
            if snapshot.database.is_standby
            else "No log has rows of unlogged tables, nor has a data directory that was saved. Of {database} these "
            "come back empty: {tables}",
            hint_template="Save from the primary if their rows matter."
            if snapshot.database.is_standby
            else "Where their rows matter, save them by the logical method too.",
            values={
                "server": str(snapshot.access.server),
                "database": snapshot.name,
                "tables": f"{shown} …" if len(names) > _SHOWN else shown,
            },
        )
    )


def make_globals(content: bytes, clock: Clock) -> Document:
    """Return them as a file."""
    return Document(content=content, modified_ns=clock.now_ms() * 1_000_000)


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
        "owner": database.owner,
        "comment": database.comment,
        "details": database.details,
        "settings": database.settings or {},
        "extensions": database.extensions or {},
        "large_objects": database.large_objects,
        "sequences": snapshot.sequences,
        **({"turned": database.turned} if database.turned else {}),
        **({"left_out": database.left_out} if database.left_out else {}),
        "tables": [
            {
                "schema": each.schema,
                "name": each.name,
                "file": f"tables/{name_table_file(each).decode()}",
                "columns": each.columns,
                "types": each.types,
                **({"condition": each.condition} if each.condition else {}),
                **({"root": each.root} if each.root else {}),
            }
            for each in snapshot.tables
        ],
    }
    return write_json(document)


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
        values={"database": database, "reason": error},
    )
