"""A few tables of a large database, read back from the vault and counted: what a sample can say of it."""

import random
from collections.abc import Callable, Iterator

from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.saved_databases import SharedSegments, list_databases
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_TABLES = 5
_MOST_BYTES = 256 << 20


def make_table_reading(vault: Vault, record: SnapshotRecord, component: str) -> Callable[[], Iterator[Check]]:
    """Return what reads some tables, chosen by chance, and compares their rows with those that were saved."""

    def read() -> Iterator[Check]:
        with SnapshotReader(vault, record) as reader, SharedSegments(reader, workers=1) as segments:
            for database in list_databases(reader, segments, component):
                tables = [each for each in database.tables if each.rows]
                wrong, rows, size = [], 0, 0
                for table in random.sample(tables, min(len(tables), _TABLES)):
                    counted = 0
                    for piece in database.files.pieces(table.file):
                        counted += bytes(piece).count(b"\n")
                        size += len(piece)
                    rows += counted
                    if counted != table.rows:
                        wrong.append(f"{table.shown} ({counted}, {table.rows})")
                    if size > _MOST_BYTES:
                        break
                yield Check(
                    code="tables-read",
                    subject=component,
                    answer=Answer.FAIL if wrong else Answer.PASS,
                    template="Tables of {database} do not hold the rows that were saved (now, then): {tables}"
                    if wrong
                    else "Tables of {database}, chosen by chance, hold the rows that were saved: {rows}.",
                    hint_template="Run 'rebond verify --read-data'." if wrong else "",
                    values={"database": database.name, "tables": ", ".join(wrong), "rows": rows},
                )

    return read
