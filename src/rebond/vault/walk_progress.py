"""How far the walk through one root has come, for whoever watches."""

import time

from msgspec import Struct

from rebond.progress import Advance, Observer
from rebond.vault.content_writing import ContentWriter
from rebond.vault.file_cache import CacheWriter

_REPORT_EVERY_SECONDS = 0.1


class TreeTotals(Struct):
    """What a walk came to."""

    files: int = 0
    bytes: int = 0
    directories: int = 0
    read_files: int = 0
    read_bytes: int = 0


class WalkProgress:
    """Totals that whoever saves a tree counts up, told to an observer every tenth of a second at most."""

    def __init__(self, content: ContentWriter, remember: CacheWriter, observer: Observer) -> None:
        self.totals = TreeTotals()
        self._content = content
        self._remember = remember
        self._observer = observer
        self._next_report = 0.0

    def report(self, path: bytes, in_file_bytes: int = 0) -> None:
        """Tell where the walk is, and how much came of the file that is being read, unless it was told just now."""
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_SECONDS
            self._remember.flush()  # a run that is killed then loses a tenth of a second of what it knew
            self._observer.advanced(
                Advance(
                    phase="backup",
                    subject=path.decode(errors="backslashreplace"),
                    files=self.totals.files,
                    bytes=self.totals.bytes + in_file_bytes,
                    stored_bytes=self._content.added_bytes,
                )
            )
