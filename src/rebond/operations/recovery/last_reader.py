"""The snapshot that was read last, kept open: to open one takes in the lists of its whole domain."""

import contextlib
from collections.abc import Iterator

from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_YOUNG_SECONDS = 60.0  # then it is opened anew: a person may have thought over a plan for an hour


class LastReader:
    """One reader of one thread, for whatever asks for the same snapshot within a minute; closed by ``close``."""

    def __init__(self) -> None:
        self._reader: SnapshotReader | None = None
        self._vault: Vault | None = None
        self._opened = 0.0
        self._is_lent = False

    @contextlib.contextmanager
    def reading(self, vault: Vault, record: SnapshotRecord) -> Iterator[SnapshotReader]:
        """Lend a reader of a snapshot; whoever asks while it is lent gets one of its own. Raises what opening does."""
        if self._is_lent:
            with SnapshotReader(vault, record) as own:
                yield own
            return
        reader = self._find(vault, record)
        self._is_lent = True
        try:
            yield reader
        finally:
            self._is_lent = False

    def _find(self, vault: Vault, record: SnapshotRecord) -> SnapshotReader:
        now = vault.clock.monotonic()
        known = self._reader
        is_same = known is not None and self._vault is vault and known.record.snapshot == record.snapshot
        if known is None or not is_same or now - self._opened > _YOUNG_SECONDS:
            self.close()
            known = SnapshotReader(vault, record).__enter__()
            self._reader, self._vault, self._opened = known, vault, now
        return known

    def close(self) -> None:
        """Close it, if there is one; it may be called twice."""
        known, self._reader, self._vault = self._reader, None, None
        if known is not None:
            known.__exit__(None, None, None)
