"""The snapshots that a drill reads, each opened once: to open one takes in the index of its whole domain."""

import contextlib

from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord


class OpenSnapshots:
    """Readers of one thread, kept until ``close``, which may be called twice."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()
        self._readers: dict[tuple[int, bytes], SnapshotReader] = {}
        self._ready: set[tuple[int, bytes]] = set()

    def open(self, vault: Vault, record: SnapshotRecord, *, for_all: bool = False) -> SnapshotReader:
        """Return the reader of a snapshot; ``for_all`` says that most of its chunks will be looked for.

        Raises what opening it does.
        """
        key = id(vault), record.snapshot  # a reader keeps its vault, so the number stays that vault's
        reader = self._readers.get(key)
        if reader is None:
            reader = self._readers[key] = self._held.enter_context(SnapshotReader(vault, record))
        if for_all and key not in self._ready:
            self._ready.add(key)
            reader.expect_many_finds()
        return reader

    def close(self) -> None:
        """Close all of them."""
        self._readers.clear()
        self._ready.clear()
        self._held.close()

    def __enter__(self) -> "OpenSnapshots":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
