"""Components of kind ``sqlite`` inside a container or a volume."""

import os
from pathlib import Path

from rebond.clock import SystemClock
from rebond.config.components import Sqlite
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.sources.documents.tree import FolderTree, Stream
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.sources.sqlite.receiving import ReceivedDatabase, wrap_copy
from rebond.sources.streams.readers import StreamReader
from rebond.stack.databases import ConfiguredDatabases
from rebond.stack.file_trees import Report
from rebond.stack.wanted_inside import find_top_inside, want_below
from rebond.stack.wanted_paths import WantedPath
from rebond.stack.whereabouts import Place, find_folder

_COPY_SECONDS = 3600.0


class ContainedDatabases:
    """One component, ready to be copied: a program inside makes the copy, it is checked here.

    A single database lies at the top of the tree; several, or what a pattern finds, as they do below the folder of
    the volume, or in a container below what their paths have in common.
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
        if place.address is None:
            inside = Sqlite(kind="sqlite", paths=tuple(each.lstrip("/") for each in paths), expect=component.expect)
            return ConfiguredDatabases(self._name, inside, stack_root=Path(os.fsdecode(folder))).open_tree(report)
        wanted = [want_below(folder, each) for each in paths]
        found = [path for each in wanted for path in self._find(place, each)]
        is_single = len(wanted) == 1 and not wanted[0].is_pattern
        top = find_top_inside(b"" if is_single else folder, wanted)
        began_ns = SystemClock().now_ms() * 1_000_000

        def stream(path: bytes) -> Stream:
            def open_reader() -> StreamReader:
                shown = f"{place}:{os.fsdecode(path)}"
                return ReceivedDatabase(place.open(wrap_copy(path), seconds=_COPY_SECONDS, label="sqlite3"), shown)

            return Stream(open_reader=open_reader, began_ns=began_ns)

        return FolderTree({os.path.relpath(path, top): stream(path) for path in found})

    def _find(self, place: Place, wanted: WantedPath) -> list[bytes]:
        if not wanted.is_pattern:
            return [wanted.fixed]
        files = place.list_files(wanted.fixed)
        found = [each for each in files if wanted.fits(each) and not each.endswith(COMPANIONS)]
        if not found:
            raise SourceUnfit(
                "No database of the component {component} fits {path}.",
                hint="Check the path, or take it out of the configuration.",
                component=self._name,
                path=os.fsdecode(wanted.text),
            )
        return found
