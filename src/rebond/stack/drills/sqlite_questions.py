"""What a drill asks of SQLite databases: whether they are whole, and whether the files that they name came back."""

import contextlib
import os
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

from rebond.config.components import FileReference
from rebond.entries import EntryKind
from rebond.errors import CommandFailed
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.restore_findings import show_bytes
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.vault.trees import StoredEntry

_NAMED = 5


class RestoredDatabases:
    """The SQLite databases of one component: ``hear`` learns of them while they are planned."""

    def __init__(self, component: str, folder: Path) -> None:
        """``folder`` is where the component's tree is put."""
        self.component = component
        self._folder = folder
        self._paths: list[bytes] = []

    def hear(self, path: bytes, entry: StoredEntry) -> None:
        """Take note of a file of the component."""
        if entry.kind == EntryKind.FILE and not path.endswith(COMPANIONS):
            self._paths.append(path.partition(b"/")[2])

    def files(self) -> list[Path]:
        """Return where they are now."""
        return [self._folder / os.fsdecode(each) for each in self._paths]

    def check(self) -> Iterator[Check]:
        """Ask each whether it is whole."""
        for path in self.files():
            words = ask_first(path, "PRAGMA integrity_check")
            is_whole = words == "ok"
            yield Check(
                code="integrity",
                subject=self.component,
                answer=Answer.PASS if is_whole else Answer.FAIL,
                template="The database {path} is whole." if is_whole else "The database {path} is damaged: {words}",
                hint_template="" if is_whole else "Look at the live one: PRAGMA integrity_check.",
                values={"path": path.name, "words": words},
            )


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a restored database, which a question may not change. Raises ``CommandFailed``."""
    try:
        connection = sqlite3.connect(f"file:{urllib.parse.quote(os.fsencode(path))}?mode=ro", uri=True)
        with contextlib.closing(connection):
            yield connection
    except sqlite3.Error as error:
        raise CommandFailed(
            "The database {path} cannot be asked: {reason}.",
            hint="Try the query with sqlite3.",
            path=path.name,
            reason=str(error),
        ) from error


def ask_first(path: Path, sql: str) -> str:
    """Return the first value of a query as text; empty without a row. Raises ``CommandFailed``."""
    with opened(path) as connection:
        row = connection.execute(sql).fetchone()
    return "" if row is None or not row or row[0] is None else str(row[0])


def make_reference_question(
    component: str, reference: FileReference, files: Path, rows: Callable[[], Iterator[bytes]]
) -> Question:
    """Return what asks whether each file that a database names came back; ``files`` is where the others' tree is."""

    def ask() -> Iterator[Check]:
        below = os.path.join(os.fsencode(files), os.fsencode(reference.below))
        named = {each for each in rows() if each}
        missing = sorted(each for each in named if not os.path.lexists(os.path.join(below, each.lstrip(b"/"))))
        yield Check(
            code="named-files",
            subject=component,
            answer=Answer.FAIL if missing else Answer.PASS,
            template="{missing} of {count} files that {component} names are missing in {files}: {names}"
            if missing
            else "All {count} files that {component} names are there in {files}.",
            hint_template="See 'rebond explain PATH' for one of them; then save both together again."
            if missing
            else "",
            values={
                "missing": len(missing),
                "count": len(named),
                "component": component,
                "files": reference.component,
                "names": ", ".join(map(show_bytes, missing[:_NAMED])),
            },
        )

    return Question(code="named-files", subject=component, ask=ask)


def read_named(path: Path, sql: str) -> Iterator[bytes]:
    """Yield the paths that a query of a database gives. Raises ``CommandFailed``."""
    with opened(path) as connection:
        for row in connection.execute(sql):
            value = row[0]
            if value is not None:
                yield value if isinstance(value, bytes) else os.fsencode(str(value))
