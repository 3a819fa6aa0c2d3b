"""The rows of the tables of one database, each as a stream."""

import secrets
from collections.abc import Iterator

from rebond.sources.postgres import catalogue
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.marked_output import ExplainedReader, RowsReader
from rebond.sources.postgres.names import name_file
from rebond.sources.postgres.reading_ahead import PART_BYTES, Part, RowsAhead, TableReader
from rebond.sources.postgres.session import HeldSnapshot
from rebond.sources.streams.readers import StreamReader
from rebond.sources.streams.whole_output import read_output

USUAL_JOBS = 4  # sessions at most, where nobody says how many
_PAGES_SINCE = 140_000  # the server that reads a run of pages without looking at the others
_PUSH = 400  # letters behind a mark, which push it through whoever holds back the last bytes


class TableRows:
    """Opens the tables of one snapshot, and knows afterwards how many rows each had."""

    def __init__(self, snapshot: HeldSnapshot, *, jobs: int = 2) -> None:
        """``jobs`` is how many sessions read at once."""
        self.snapshot = snapshot
        self._read: dict[Table, RowsReader | TableReader] = {}
        # psql forgets the number of rows of what goes to its own output, so that is opened once more; where it
        # may not be, cat is in between: one has ended before the next begins, so what they write is in order.
        self._sink = "/proc/self/fd/1" if snapshot.access.is_local else "|cat"
        self._ahead = RowsAhead(self._open_session, list(self._list_parts()), jobs=jobs)

    def start(self) -> None:
        """Let the sessions begin to read ahead."""
        self._ahead.start()

    def open_table(self, table: Table) -> StreamReader:
        """Begin to read the rows of a table; those that are opened by the order of their files come ahead."""
        reader = self._ahead.open(table) or self._open_alone(table)
        self._read[table] = reader
        return reader

    def close(self) -> None:
        """End every session, and let go of the snapshot; may be called twice."""
        self._ahead.close()
        self.snapshot.close()

    def open_sequences(self) -> StreamReader:
        """Begin to read the positions of all sequences, as SQL."""
        mark = f"rebond-rows-{secrets.token_hex(16)}"
        reader = self._open(f"{catalogue.WRITE_SEQUENCES}\n\\echo {mark} {self.snapshot.sequences}\n")
        return RowsReader(reader, mark, name="sequences.sql", counts_lines=False)

    def describe(self) -> bytes:
        """Return a line for each table that was read: rows, file and how they are loaded; the largest first.

        Raises ``SourceError`` when the snapshot is not held any more: without its locks a table may have been emptied
        by ``TRUNCATE`` before it was read, which no snapshot shows.
        """
        read_output(lambda: self._open(""), program="psql")  # it can be joined only while it is held
        encoding = self.snapshot.database.encoding
        lines = [
            f"{reader.counted}\ttables/{name_table_file(table).decode()}\t{table.write_in(encoding)}\n"
            for table, reader in sorted(self._read.items(), key=lambda each: (-each[1].size_bytes, each[0].sql))
        ]
        return "".join(lines).encode(errors="surrogateescape")

    def _list_parts(self) -> Iterator[Part]:
        """Yield what is to be asked for, in the order in which the files are read."""
        for table in sorted(self.snapshot.tables, key=name_table_file):
            for condition in self._cut(table):
                yield Part(table=table, command=self._write_out(table, "\0", condition))

    def _cut(self, table: Table) -> list[str]:
        """Return the conditions that cut a table into runs of pages, in order; one empty one for a small table."""
        count = table.bytes // PART_BYTES
        is_cut = table.columns and table.pages and not table.condition
        if count < 2 or not is_cut or self.snapshot.database.server_version_num < _PAGES_SINCE:
            return [""]
        step = -(-table.pages // count)
        starts = range(0, table.pages, step)
        # The last one has no end: pages may have come since they were counted.
        return [
            f"WHERE ctid >= '({start},0)'" + (f" AND ctid < '({start + step},0)'" if start != starts[-1] else "")
            for start in starts
        ]

    def _write_out(self, table: Table, mark: str, condition: str = "") -> str:
        return (
            f"{table.write_out(self.snapshot.database.encoding, condition)} \\g {self._sink}\n"
            f"SELECT '{mark} ' || :ROW_COUNT || ' {'-' * _PUSH}' \\g {self._sink}\n"
        )

    def _open_alone(self, table: Table) -> RowsReader:
        mark = f"rebond-rows-{secrets.token_hex(16)}"
        encoding = self.snapshot.database.encoding
        reader = self._open(
            f"{table.write_out(encoding)} \\g {self._sink}\nSELECT '{mark} ' || :ROW_COUNT \\g {self._sink}\n"
        )
        return RowsReader(reader, mark, name=table.sql)

    def _open_session(self) -> ExplainedReader:
        return self._open("SET enable_seqscan = off;", keeps_input=True)  # runs of pages are read as such

    def _open(self, commands: str, *, keeps_input: bool = False) -> ExplainedReader:
        snapshot = self.snapshot
        reader = snapshot.access.open_psql(snapshot.name, snapshot.join(commands), keeps_input=keeps_input)
        return ExplainedReader(reader, server=str(snapshot.access.server), database=snapshot.name)


def name_table_file(table: Table) -> bytes:
    """Return the name of the file with the rows of a table."""
    return name_file(table.schema, table.name) + b".copy"
