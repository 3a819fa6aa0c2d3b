"""What lay of unfinished segments when a stream began: it writes each of them once more, from its beginning.

A server never writes anew what it has sent. Where the same bytes do not come again, its disk was put back to an earlier
moment, also when it has caught up by then; no number tells that.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from rebond.errors import Refused
from rebond.service.wal_spool_files import is_of_stream, list_names
from rebond.service.wal_spool_state import STATE
from rebond.sources.postgres.wal_names import is_partial, parse_segment_name, timeline_of

OTHER = "other-history-"  # what came of a server that went back; it goes nowhere


class BegunSegments:
    """Used by one thread. What is noted of a spool holds until the next stream begins."""

    def __init__(self, folder: Path, forget: Callable[[str], None]) -> None:
        """``forget`` is told the name of a file that is of another history, once that has another name."""
        self._folder = folder
        self._forget = forget
        self._begun: dict[str, tuple[int, bytes]] = {}
        self._other = ""  # the first that came anew

    def note(self) -> None:
        """Remember what lies there of segments that are not whole. Raises ``OSError``."""
        names = [*filter(is_partial, list_names(self._folder))]
        contents = ((each, (self._folder / each).read_bytes().rstrip(b"\0")) for each in names)
        self._begun = {name[:24]: (len(content), _sum(content)) for name, content in contents if content}
        self._other = ""

    def require_same(self, name: str, content: bytes) -> None:
        """Raise ``Refused`` where a segment, whole or not, does not begin with what lay there: it goes nowhere."""
        size, said = self._begun.get(name[:24], (0, b""))
        if size and _sum(content[:size]) != said:
            self._other = name[:24]
        if not self._is_other(name):
            return
        for each in (name, f"{name[:24]}.partial", name[:24]):  # it may have become whole meanwhile
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._folder / each, self._folder / f"{OTHER}{each}")
        self._forget(name[:24])
        raise went_back(timeline_of(name), str(self._folder / STATE))

    def _is_other(self, name: str) -> bool:
        """Say whether a file is of the segment that is another one, or of one behind it."""
        is_of_it = is_of_stream(name) and bool(self._other) and name[:8] == self._other[:8]
        return is_of_it and name[8:24] >= self._other[8:]


def find_flushed_end(folder: Path, timeline: int, segment_bytes: int) -> int:
    """Return the position behind what came of a timeline's unfinished segments; 0 where nothing of it lies there."""
    ends = [0]
    for each in filter(is_partial, list_names(folder)):
        own, number = parse_segment_name(each, segment_bytes)
        if own == timeline:
            with contextlib.suppress(FileNotFoundError):  # it has just become whole
                count = len((folder / each).read_bytes().rstrip(b"\0"))
                ends.append(number * segment_bytes + count if count else 0)
    return max(ends)


def went_back(timeline: int, path: str) -> Refused:
    """Return the error for a server that wrote anew what is saved; ``path`` is what says so from then on."""
    return Refused(
        "The server went back: more of its timeline {timeline} is saved than it had when the stream was to go "
        "on. Its disk may have been put back to an earlier moment.",
        hint="Nothing can be saved of what it writes since then. Bring it back by 'rebond restore', which has "
        "all that is saved and gives it a timeline of its own. Where 'host' merely named a copy for a time, "
        "name the server in use, end the receiver, delete {path} (that file alone) and start it again.",
        timeline=timeline,
        path=path,
    )


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
