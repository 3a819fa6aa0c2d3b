"""Components of kind ``sqlite``: their paths, and the tree of checked copies."""

import os
import re
from pathlib import Path

from rebond.clock import SystemClock
from rebond.config.components import Sqlite
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.sources.files.globs import translate_glob
from rebond.sources.sqlite.tree import SqliteTree
from rebond.stack.file_trees import Report, expand, is_glob
from rebond.stack.named_files import NamedFiles

BESIDE = (b"-wal", b"-shm", b"-journal")  # SQLite's own files: a pattern such as *.db* fits them too


class ConfiguredDatabases:
    """One component, ready to be copied.

    In the tree a single database lies at the top; several lie as they do below the stack's root, or below what their
    paths have in common where they are elsewhere.
    """

    root = b""  # read whole at each run: there is no tree of files to compare with
    exclusions: tuple[str, ...] = ()

    def __init__(
        self, name: str, component: Sqlite, *, stack_root: Path, named_files: NamedFiles | None = None
    ) -> None:
        """``named_files`` is asked of each copy."""
        self._name = name
        self._named_files = named_files
        root = os.path.normpath(os.fsencode(stack_root))
        paths = (*((component.path,) if component.path else ()), *component.paths)
        self._wanted = [os.path.normpath(os.path.join(root, os.fsencode(each))) for each in paths]
        if len(self._wanted) == 1 and not is_glob(self._wanted[0]):
            self._top = os.path.dirname(self._wanted[0])
        elif all(each.startswith(os.path.join(root, b"")) for each in self._wanted):
            self._top = root
        else:
            self._top = os.path.commonpath([_directory_of(each) for each in self._wanted])

    @property
    def top(self) -> bytes:
        """Where the tree begins on this machine."""
        return self._top

    def locate(self, path: bytes) -> bytes | None:
        """Return where a database lies in the tree, also by a file of SQLite beside it; ``None`` for others."""
        database = next((path.removesuffix(each) for each in BESIDE if path.endswith(each)), path)
        for wanted in self._wanted:
            expression = translate_glob(wanted, crosses_slashes=False) if is_glob(wanted) else None
            if database == wanted or (expression and re.compile(expression, re.DOTALL).fullmatch(database)):
                return os.path.relpath(database, self._top)
        return None

    def open_tree(self, report: Report) -> Tree:
        """Look for the databases. Raises ``SourceUnfit`` where a path fits none."""
        found: dict[bytes, bytes] = {}
        for wanted in self._wanted:
            fitting = [each for each in expand(self._top, wanted, report) if not each.endswith(BESIDE)]
            if not fitting:
                raise SourceUnfit(
                    "No database of the component {component} fits {path}.",
                    hint="Check the path, or take it out of the configuration.",
                    component=self._name,
                    path=os.fsdecode(wanted),
                )
            found |= {each: os.path.join(self._top, each) for each in fitting}
        if self._named_files is not None:
            self._named_files.begin()
        ask = self._named_files.ask if self._named_files is not None else None
        return SqliteTree(found, clock=SystemClock(), report=report, ask=ask)


def _directory_of(path: bytes) -> bytes:
    """Return the directory above a path, and above its first part that is a glob."""
    parts = path.split(b"/")
    first = next((number for number, part in enumerate(parts) if is_glob(part)), len(parts) - 1)
    return b"/".join(parts[:first]) or b"/"
