"""Which directories of a target were made, on disk: a tree of any number of them takes little memory."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rebond.entries import Entry
from rebond.sources.files.landed_directories import Directory
from rebond.spool import Spool, SpoolReader

_MOST_AT_HAND = 1_000
_TOP = 0  # the place of the target itself
_EXISTS, _IS_NEW, _GIVES_LISTS = 1, 2, 4


class _KnownEntry(Entry, frozen=True, kw_only=True, array_like=True):
    """An entry as a list of its values: names of fields would be two thirds of it."""


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A directory as it is kept. ``parent`` is a place, that of the target for the target itself."""

    parent: int
    device: int
    inode: int
    gid: int
    state: int
    mode_before: int | None
    entry: _KnownEntry


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Row)


class KnownDirectories:
    """Directories by their places, as the process that made them knows them. Several threads may ask."""

    def __init__(self, spool: SpoolReader) -> None:
        self._spool = spool
        self._at_hand: dict[int, Directory] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> "KnownDirectories":
        """Read those that another process of this restore has made. Raises ``OSError``."""
        return cls(SpoolReader(path))

    def get(self, place: int) -> Directory:
        """Return a directory; the same one again, mostly. Raises ``RestoreError`` when its file is not to be read."""
        with self._lock:
            directory = self._at_hand.get(place)
            return self._read(place) if directory is None else directory

    def close(self) -> None:
        """Give the file back; calling twice does no harm."""
        self._spool.close()

    def _read(self, place: int) -> Directory:
        rows = []
        above: Directory | None = None
        while above is None:
            row = _DECODER.decode(self._spool.get(place))
            rows.append((place, row))
            if place == _TOP:
                break
            place = row.parent
            above = self._at_hand.get(place)
        for place, row in reversed(rows):
            above = self._keep(place, _as_directory(row, above, place))
        assert above is not None  # noqa: S101 - there was at least one row
        return above

    def _keep(self, place: int, directory: Directory) -> Directory:
        if len(self._at_hand) >= _MOST_AT_HAND:
            del self._at_hand[next(iter(self._at_hand))]
        self._at_hand[place] = directory
        return directory


class MadeDirectories(KnownDirectories):
    """The same for the process that makes them. Its file lies in ``folder``, where others can open it by ``path``."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder there is no path. Raises ``RestoreError`` where there is no room."""
        self._made = Spool(folder, "directories" if folder is not None else "")
        super().__init__(self._made)

    @property
    def path(self) -> Path | None:
        """Where others find what was flushed."""
        return self._made.path

    def add(self, directory: Directory) -> None:
        """Take in a directory, after the one that it lies in, with all that is known of it: it gets its place."""
        place = _TOP if directory.parent is None else directory.parent.place
        state = directory.exists * _EXISTS | directory.is_new * _IS_NEW | directory.gives_lists * _GIVES_LISTS
        row = (
            place,
            directory.device,
            directory.inode,
            directory.gid,
            state,
            directory.mode_before,
            msgspec.structs.astuple(directory.entry),
        )
        with self._lock:
            directory.place = self._made.add(_ENCODER.encode(row))

    def flush(self) -> None:
        """Let others read what was added so far."""
        with self._lock:
            self._made.flush()

    def deepest_first(self) -> Iterator[Directory]:
        """Yield all of them, whatever lies in one before it. Nothing may be added meanwhile."""
        for place, content in self._made.backwards():
            row = _DECODER.decode(content)
            yield _as_directory(row, None if place == _TOP else self.get(row.parent), place)


def _as_directory(row: _Row, parent: Directory | None, place: int) -> Directory:
    directory = Directory(parent, row.entry.name if parent is not None else b"", row.entry)
    directory.place = place
    directory.device, directory.inode, directory.gid = row.device, row.inode, row.gid
    directory.exists = bool(row.state & _EXISTS)
    directory.is_new = bool(row.state & _IS_NEW)
    directory.gives_lists = bool(row.state & _GIVES_LISTS)
    directory.mode_before = row.mode_before
    return directory
