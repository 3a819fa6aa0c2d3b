"""Components of kind ``sqlite`` inside a container or a volume."""

import os
import re
from pathlib import Path

from rebond.clock import SystemClock
from rebond.config.components import Sqlite
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.sources.documents.tree import FolderTree, Stream
from rebond.sources.files.globs import translate_glob
from rebond.sources.sqlite.receiving import ReceivedDatabase, wrap_copy
from rebond.sources.streams.readers import StreamReader
from rebond.stack.contained_files import place_below
from rebond.stack.databases import BESIDE, ConfiguredDatabases
from rebond.stack.file_trees import Report, fixed_part, is_glob
from rebond.stack.whereabouts import Place, find_folder

_COPY_SECONDS = 3600.0


class ContainedDatabases:
    """One component, ready to be copied: a program inside makes the copy, it is checked here.

    A single database lies at the top of the tree, several as they do below what their paths have in common.
    """

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Sqlite, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded

    def open_tree(self, report: Report) -> Tree:
        """Look for the databases. Raises ``SourceError``."""
        component = self._component
        place, folder = find_folder(component, self._loaded)
        paths = (*((component.path,) if component.path else ()), *component.paths)
        wanted = [place_below(folder, os.fsencode(each)) for each in paths]
        if place.address is None:
            inside = Sqlite(kind="sqlite", paths=tuple(map(os.fsdecode, wanted)), expect=component.expect)
            return ConfiguredDatabases(self._name, inside, stack_root=Path(os.fsdecode(folder))).open_tree(report)
        found = [each for path in wanted for each in self._find(place, path)]
        top = os.path.dirname(found[0]) if len(found) == 1 else os.path.commonpath(map(os.path.dirname, found))
        began_ns = SystemClock().now_ms() * 1_000_000

        def stream(path: bytes) -> Stream:
            def open_reader() -> StreamReader:
                shown = f"{place}:{os.fsdecode(path)}"
                return ReceivedDatabase(place.open(wrap_copy(path), seconds=_COPY_SECONDS, label="sqlite3"), shown)

            return Stream(open_reader=open_reader, began_ns=began_ns)

        return FolderTree({os.path.relpath(path, top): stream(path) for path in found})

    def _find(self, place: Place, path: bytes) -> list[bytes]:
        if not is_glob(path):
            return [path]
        expression = re.compile(translate_glob(path, crosses_slashes=False) or rb"(?!)", re.DOTALL)
        files = place.list_files(fixed_part(path))
        found = [each for each in files if expression.fullmatch(each) and not each.endswith(BESIDE)]
        if not found:
            raise SourceUnfit(
                "No database of the component {component} fits {path}.",
                hint="Check the path, or take it out of the configuration.",
                component=self._name,
                path=os.fsdecode(path),
            )
        return found
