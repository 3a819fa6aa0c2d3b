"""The data directory of a server on this machine: read here where little of it is to be read, else sent by the server.

A server judges its pages while it sends them some ten times faster than it is done here. So all of a directory with
checksums is let be sent, and only what changed since is read here; without checksums all of it is read here.
"""

from collections.abc import Callable, Iterator

from rebond.entries import Arrival, RememberedTree
from rebond.sources.postgres_physical.arrived_tree import ArrivedListing
from rebond.sources.postgres_physical.base_backup import BaseBackupTree
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.data_directory import DataDirectoryTree
from rebond.sources.postgres_physical.server_facts import ServerFacts
from rebond.sources.postgres_physical.wal_summaries import make_mark


class DirectoryOrStream:
    """Implements ``rebond.entries.RememberingTree``: opens the one that fits once it is known what is remembered."""

    def __init__(
        self,
        facts: ServerFacts,
        *,
        open_directory: Callable[[], DataDirectoryTree],
        open_stream: Callable[[], BaseBackupTree],
        pages: DamagedPages,
        now_ms: int,
    ) -> None:
        self._facts = facts
        self._open_directory = open_directory
        self._open_stream = open_stream
        self._pages = pages
        self._whole_ms = now_ms
        self._tree: DataDirectoryTree | BaseBackupTree | None = None

    def recall(self, remembered: RememberedTree) -> None:
        """Find out what changed since; when that is not known, the server sends all. Raises ``SourceError``."""
        if not remembered.mark:
            return
        tree = self._open_directory()
        try:
            tree.recall(remembered)
        except BaseException:
            tree.close()
            raise
        if tree.knows_changes or not self._facts.has_checksums:
            self._tree = tree
        else:
            tree.close()

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the files. Raises ``SourceError``."""
        if self._tree is None:
            self._tree = self._open_stream() if self._facts.has_checksums else self._open_directory()
        yield from self._tree.arrivals()

    def listings(self) -> Iterator[ArrivedListing]:
        """Yield every directory, once all has arrived."""
        assert self._tree is not None  # noqa: S101 - all has arrived
        return self._tree.listings()

    def make_mark(self) -> bytes:
        """Return what has to be known to read less the next time."""
        if isinstance(self._tree, DataDirectoryTree):
            return self._tree.make_mark()
        assert self._tree is not None  # noqa: S101 - all has arrived
        return make_mark(self._facts, self._tree.label, self._pages, self._whole_ms)

    def close(self) -> None:
        """End what was opened."""
        if self._tree is not None:
            self._tree.close()
