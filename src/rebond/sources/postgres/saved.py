"""A database as it was saved: what its files say, whoever keeps them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from rebond.errors import VaultDamaged
from rebond.sources.postgres.key_triggers import TurnedTrigger
from rebond.sources.postgres.names import quote_name, quote_text, quote_whole
from rebond.sources.postgres.raw_text import read_json
from rebond.sources.postgres.statements import Script, parse_script

Piece = bytes | bytearray | memoryview
_MAJOR = re.compile(r"\d+")


class SavedFiles(Protocol):
    """The files of one database. Several threads may read different ones at once."""

    def has(self, path: str) -> bool:
        """Say whether there is a file."""
        ...

    def size(self, path: str) -> int:
        """Return how many bytes a file that is there has."""
        ...

    def read(self, path: str) -> bytes:
        """Return all of a file. Raises ``VaultError``."""
        ...

    def pieces(self, path: str) -> Iterator[Piece]:
        """Yield a file piece by piece. Raises ``VaultError``."""
        ...


class SavedTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table. ``columns`` are those that were saved, of ``types``; ``rows`` is how many the server sent.

    ``root`` are schema and name of the table that its rows go in by; empty where that is itself.
    """

    schema: str
    name: str
    file: str
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    condition: str = ""
    root: tuple[str, ...] = ()
    rows: int = 0

    @property
    def sql(self) -> str:
        """Its whole name as SQL."""
        return f"{quote_name(self.schema)}.{quote_name(self.name)}"

    @property
    def shown(self) -> str:
        """Its whole name as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql_of_root(self) -> str:
        """The whole name, as SQL, of the table that its rows go in by."""
        return quote_whole(self.root) or self.sql

    def write_in(self, encoding: str, *, into: str = "", options: Sequence[str] = ()) -> str:
        """Return the command that reads its rows, ``into`` another table where that is named."""
        columns = f" ({', '.join(map(quote_name, self.columns))})" if self.columns else ""
        words = ", ".join((f"ENCODING {quote_text(encoding)}", *options))
        return f"COPY {into or self.sql_of_root}{columns} FROM STDIN WITH ({words});"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the backup wrote down of a database. ``left_out`` are tables without their rows, by whole names as SQL.

    ``turned`` are triggers of constraints that did not act as usual.
    """

    format: int = 1
    database: str
    server_version: str
    encoding: str
    collate: str = ""
    ctype: str = ""
    owner: str = ""
    comment: str = ""
    details: dict[str, object] = {}
    settings: dict[str, list[str]] = {}
    extensions: dict[str, str] = {}
    large_objects: int = 0
    sequences: int = 0
    turned: tuple[TurnedTrigger, ...] = ()
    left_out: tuple[str, ...] = ()
    tables: tuple[SavedTable, ...] = ()

    @property
    def major(self) -> int:
        """The version of the server by its first number."""
        found = _MAJOR.match(self.server_version)
        return int(found[0]) if found else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedDatabase:
    """One database. ``tables`` come with their rows, the largest first; ``globals_script`` is of its whole server."""

    manifest: Manifest
    tables: tuple[SavedTable, ...]
    files: SavedFiles
    globals_script: bytes = b""

    @property
    def name(self) -> str:
        """What it was called."""
        return self.manifest.database

    @property
    def rows(self) -> int:
        """How many rows all of its tables have."""
        return sum(each.rows for each in self.tables)

    def read_script(self, path: str) -> Script:
        """Return a script of its definitions, taken apart."""
        return parse_script(self.files.read(path))


def open_saved(files: SavedFiles, globals_script: bytes = b"") -> SavedDatabase:
    """Read what the files say of their database. Raises ``VaultDamaged`` when they contradict one another."""
    manifest = read_json(files.read("manifest.json"), Manifest)
    known = {each.file: each for each in manifest.tables}
    tables = []
    for line in files.read("totals/tables.tsv").decode(errors="surrogateescape").splitlines():
        rows, file, _ = line.split("\t", 2)
        table = known.pop(file, None)
        if table is None or not files.has(file):
            raise _contradiction(manifest.database, file)
        tables.append(msgspec.structs.replace(table, rows=int(rows)))
    if known:
        raise _contradiction(manifest.database, next(iter(known)))
    return SavedDatabase(manifest=manifest, tables=tuple(tables), files=files, globals_script=globals_script)


def _contradiction(database: str, file: str) -> VaultDamaged:
    return VaultDamaged(
        "The files of the database {database} do not fit together: {file}.",
        hint="Take another snapshot; 'rebond verify --read-data' says what else is damaged.",
        database=database,
        file=file,
    )
