"""Components of kind ``sqlite``: their paths, and the tree of checked copies."""

import os
from pathlib import Path

from rebond.clock import SystemClock
from rebond.config.components import Sqlite
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.sources.sqlite.tree import SqliteTree
from rebond.stack.file_trees import Report, expand
from rebond.stack.named_files import NamedFiles
from rebond.stack.wanted_paths import WantedPath, want


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
        self._wanted = [want(root, os.fsencode(each)) for each in paths]
        if self.is_single:
            self._top = os.path.dirname(self._wanted[0].fixed)
        elif all(each.is_below(root) for each in self._wanted):
            self._top = root
        else:
            self._top = os.path.commonpath([_directory_of(each) for each in self._wanted])

    @property
    def is_single(self) -> bool:
        """Whether one database is meant, and not several or what fits a pattern."""
        return len(self._wanted) == 1 and not self._wanted[0].is_pattern

    @property
    def top(self) -> bytes:
        """Where the tree begins on this machine."""
        return self._top

    def locate(self, path: bytes) -> bytes | None:
        """Return where a database lies in the tree, also by a file of SQLite beside it; ``None`` for others."""
        database = next((path.removesuffix(each) for each in COMPANIONS if path.endswith(each)), path)
        if any(each.fits(database) for each in self._wanted):
            return os.path.relpath(database, self._top)
        return None

    def open_tree(self, report: Report) -> Tree:
        """Look for the databases. Raises ``SourceUnfit`` where a path fits none."""
        found: dict[bytes, bytes] = {}
        for wanted in self._wanted:
            found_here = expand(self._top, wanted, report)
            fitting = [each for each in found_here if not each.endswith(COMPANIONS)]  # *.db* fits them too
            if not fitting:
                raise SourceUnfit(
                    "No database of the component {component} fits {path}.",
                    hint="Check the path, or take it out of the configuration.",
                    component=self._name,
                    path=os.fsdecode(wanted.text),
                )
            found |= {each: os.path.join(self._top, each) for each in fitting}
        if self._named_files is not None:
            self._named_files.begin()
        ask = self._named_files.ask if self._named_files is not None else None
        return SqliteTree(found, clock=SystemClock(), report=report, ask=ask)


def _directory_of(wanted: WantedPath) -> bytes:
    """Return the directory above a path, or that in which a pattern is sought."""
    return wanted.fixed if wanted.is_pattern else os.path.dirname(wanted.fixed)
