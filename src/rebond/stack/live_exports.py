"""Components read where they are, for exports of a machine whose key cannot read the vault."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rebond.clock import SystemClock
from rebond.config.components import Component, Postgres
from rebond.config.model import Loaded
from rebond.entries import ArrivingTree, Tree
from rebond.errors import SourceUnfit
from rebond.findings import Finding
from rebond.stack.whereabouts import looking_up

if TYPE_CHECKING:
    from rebond.sources.postgres.saved import SavedDatabase

Report = Callable[[Finding], None]
OpenTree = Callable[[Report], Tree]


class LiveComponents:
    """The components of a configuration; ``trees`` say how those are opened that are not databases."""

    def __init__(self, loaded: Loaded, trees: Mapping[str, OpenTree]) -> None:
        self._loaded = loaded
        self._trees = trees

    @contextlib.contextmanager
    def open_databases(self, name: str, report: Report) -> Iterator["list[SavedDatabase]"]:
        """Hold a snapshot of each database meanwhile. Raises ``SourceError``, and ``SourceUnfit`` for another kind."""
        component = self._find(name)
        if not isinstance(component, Postgres) or component.method == "physical":
            raise SourceUnfit(
                "The component {component} is no PostgreSQL database that is dumped.",
                hint="Export its files, as zip or tar.gz.",
                component=name,
            )
        # Loaded where there is a database to export: every backup plans its exports.
        from rebond.sources.postgres.live import open_live  # noqa: PLC0415
        from rebond.sources.postgres.tree import list_pieces  # noqa: PLC0415
        from rebond.stack.postgres import ConfiguredPostgres  # noqa: PLC0415

        source = ConfiguredPostgres(name, component, self._loaded)
        source.files = None  # they were asked for in the backup
        with looking_up():
            tree = source.open_tree(report)
        try:
            began_ns = SystemClock().now_ms() * 1_000_000
            yield [open_live(list_pieces(rows, began_ns)) for rows in tree.databases]
        finally:
            tree.close()

    def open_tree(self, name: str, report: Report) -> Tree:
        """Begin to walk files. Raises ``SourceError``, and ``SourceUnfit`` for what cannot be walked."""
        tree = self._trees[name](report)
        if isinstance(tree, ArrivingTree):
            raise SourceUnfit(
                "The component {component} comes in an order of its own.",
                hint="Let a machine with the owner's key export it.",
                component=name,
            )
        return tree

    def _find(self, name: str) -> Component:
        return self._loaded.configuration.component[name]
