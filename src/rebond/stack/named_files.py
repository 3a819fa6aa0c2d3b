"""The files that a database names, asked of the very copy that is saved."""

import os
import sqlite3
from collections.abc import Collection, Mapping, Sequence

from rebond.config.components import FileReference, Files, Sqlite
from rebond.config.model import Loaded
from rebond.errors import SourceUnfit
from rebond.stack.file_trees import ConfiguredFiles


class NamedPaths:
    """How a value becomes a path in a tree that begins at ``root``: relative to ``below``."""

    def __init__(self, root: bytes, below: bytes) -> None:
        self._root = root
        self._below = below

    def locate(self, value: bytes) -> bytes:
        """Return where in the tree a value points to."""
        return os.path.relpath(os.path.normpath(os.path.join(self._below, value)), self._root)


class NamedFiles:
    """Gathers the paths that the queries of one component give. ``roots`` are where the trees of files begin."""

    def __init__(self, component: str, references: Sequence[FileReference], roots: Mapping[str, bytes]) -> None:
        self.component = component
        self.references = references
        self._roots = roots
        self._paths: dict[str, set[bytes]] = {}

    def begin(self) -> None:
        """Forget what an earlier attempt gathered."""
        self._paths = {each.component: set() for each in self.references}

    def ask(self, connection: sqlite3.Connection) -> None:
        """Ask a copy. Raises ``SourceUnfit`` for a query that it does not understand."""
        for each in self.references:
            try:
                for row in connection.execute(each.sql):
                    self.add(each, row[0])
            except (sqlite3.Error, IndexError) as error:
                raise SourceUnfit(
                    "The query for the files that {component} names cannot be answered: {reason}.",
                    hint="Check 'references' of the component; try the query with sqlite3.",
                    component=self.component,
                    reason=str(error),
                ) from error

    def add(self, reference: FileReference, value: object) -> None:
        """Take what a row of a query names."""
        found = self._paths.setdefault(reference.component, set())
        path = self._place(value, reference)
        if path:
            found.add(path)

    def find(self) -> Mapping[str, Collection[bytes]]:
        """Return the paths by component, relative to its tree."""
        return self._paths

    def _place(self, value: object, reference: FileReference) -> bytes:
        """Return where in the tree a value points to; empty for none."""
        if value is None or value in {"", b""}:
            return b""
        text = value if isinstance(value, bytes) else os.fsencode(str(value))
        root = self._roots[reference.component]
        return NamedPaths(root, os.path.join(root, os.fsencode(reference.below))).locate(text)


def find_named_files(loaded: Loaded, name: str, component: Sqlite) -> NamedFiles | None:
    """Return what asks a database for the files that it names; ``None`` where the configuration has no query."""
    if not component.references:
        return None
    return NamedFiles(name, component.references, find_roots(loaded, component.references))


def find_roots(loaded: Loaded, references: Sequence[FileReference]) -> dict[str, bytes]:
    """Return where the trees of the files begin that are named."""
    components = loaded.configuration.component
    roots = {}
    for each in references:
        files = components[each.component]
        assert isinstance(files, Files)  # noqa: S101 - the configuration was judged
        roots[each.component] = find_root(each.component, files, loaded)
    return roots


def find_root(name: str, files: Files, loaded: Loaded) -> bytes:
    """Return where the tree of a component begins, on this machine or where it lives."""
    if files.inside or files.volume:
        return os.fsencode(files.path or "/")
    return ConfiguredFiles(name, files, stack_root=loaded.root, strategy="complete").root
