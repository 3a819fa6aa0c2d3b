"""How far a run came in a large file, so that the run after one that was cut goes on inside it (decision 0251).

While a file is read, a note grows beside the file caches: which chunks it is made of, from its beginning on, so long
as its stamp is what it was. That says nothing of the vault, so it may run ahead of what is stored. The next run takes
a chunk from it only while the index knows a usable place of it (§9.3), as it would have referred to one that it read;
the others are read again, each at its place.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from blake3 import blake3
from msgspec.msgpack import encode

from rebond.entries import Content, Entry
from rebond.vault.begun_notes import GrowingNote, read_note
from rebond.vault.file_cache import CachePaths, CacheWriter
from rebond.vault.primitives import HASH_SIZE
from rebond.vault.trees import CHUNK_ROW

WORTH_NOTING_BYTES = 16 << 20  # less is in flight anyway when a run is killed
LEFT_FOR_MS = 30 * 86_400_000  # of a root that is saved no more
SYNC_SECONDS = 10.0  # how much of a run a power cut may take; a kill takes what came since the last batch


class BegunFiles:
    """The notes of one root: those that earlier runs left, and those of one walk. From one thread.

    ``identity`` tells vault, domain, root, key of the ids and way of cutting from every other. A host without room
    for notes backs up all the same.
    """

    def __init__(self, paths: CachePaths, identity: bytes, remember: CacheWriter, *, forgets: bool = False) -> None:
        """``remember`` is where files are noted once they are whole; ``forgets`` what earlier runs left."""
        self._paths = paths
        self._identity = identity
        self._remember = remember
        self._older: dict[bytes, list[tuple[bytes, Path]]] | None = {} if forgets else None
        self._done: list[Path] = []
        self._remembered: list[Path] = []
        self._next_sync = time.monotonic() + SYNC_SECONDS

    def begin(self, path: bytes, stamp: bytes, entry: Entry) -> "BegunFile | None":
        """Begin the note of a file, or go on with an earlier one; ``None`` where that is not worth it or cannot be."""
        if entry.size < WORTH_NOTING_BYTES or not stamp:
            return None
        self._let_go()
        mark = blake3(encode((stamp, entry.size, entry.holes))).digest()
        return BegunFile(self._paths.new_begun(), self._identity, path + mark, self._find(path, mark), self._done)

    def remembered(self) -> None:
        """The cache was told of every file that is whole by now."""
        self._remembered += self._done
        self._done.clear()

    def _let_go(self) -> None:
        """Remove the notes of files that are whole, once the cache has them for certain."""
        if self._remembered and time.monotonic() >= self._next_sync:
            self._next_sync = time.monotonic() + SYNC_SECONDS
            if self._remember.sync():
                for path in self._remembered:
                    _remove(path)
                self._remembered = []

    def _find(self, path: bytes, mark: bytes) -> Path | None:
        """Return the longest note of a file as it is now; others of the same file are of no use any more."""
        if self._older is None:
            self._older = self._look()
        found = self._older.pop(path, [])
        fitting = sorted((each for its_mark, each in found if its_mark == mark), key=_size_of)
        for _, each in found:
            if each not in fitting[-1:]:
                _remove(each)
        return fitting[-1] if fitting else None

    def _look(self) -> dict[bytes, list[tuple[bytes, Path]]]:
        found: dict[bytes, list[tuple[bytes, Path]]] = {}
        for path in self._paths.begun():
            subject = next(read_note(path, self._identity), b"")
            if len(subject) < HASH_SIZE:
                _remove(path)  # torn at its beginning, or of other keys
            else:
                found.setdefault(subject[:-HASH_SIZE], []).append((subject[-HASH_SIZE:], path))
        return found


class BegunFile:
    """One file while it is read: what an earlier run noted of it, and the note that this one writes."""

    def __init__(self, path: Path, identity: bytes, subject: bytes, older: Path | None, done: list[Path]) -> None:
        """``done`` is told of the note when the file is whole."""
        self._path = path
        self._identity = identity
        self._subject = subject
        self._older = older
        self._done = done
        self._note: GrowingNote | None = None
        self._has_room = True
        self._noted = 0
        self._next_sync = time.monotonic() + SYNC_SECONDS

    def rows(self) -> Iterator[tuple[bytes, bool]]:
        """Yield the rows that an earlier run noted, and of each whether it is the last."""
        last = b""
        for batch in self._batches():
            for start in range(0, len(batch), CHUNK_ROW.size):
                if last:
                    yield last, False
                last = batch[start : start + CHUNK_ROW.size]
        if last:
            yield last, True

    def _batches(self) -> Iterator[bytes]:
        batches = read_note(self._older, self._identity) if self._older is not None else iter(())
        next(batches, None)  # the subject
        return batches

    def note(self, rows: Sequence[bytes]) -> None:
        """Note what came since the last time; ``rows`` are all from the beginning on."""
        if not self._has_room or len(rows) <= self._noted:
            return
        try:
            if self._note is None:
                self._note = GrowingNote(self._path, self._identity, self._subject)
            self._note.add(b"".join(rows[self._noted :]))
            self._noted = len(rows)
            if time.monotonic() >= self._next_sync:
                self._sync(self._note)
        except OSError:  # what was noted stays: a batch that is torn ends it
            self._has_room = False

    def overtake(self, rows: Sequence[bytes]) -> None:
        """Let go of what an earlier run noted, once it is noted here for certain."""
        self.note(rows)
        if self._older is None or self._note is None:
            return
        try:
            self._sync(self._note)
        except OSError:
            self._has_room = False
        if self._has_room:
            _remove(self._older)
            self._older = None

    def distrust(self) -> None:
        """Begin anew: the file does not hold what was noted of it."""
        self.close()
        _remove(self._path)
        if self._older is not None:
            _remove(self._older)
        self._older, self._noted = None, 0

    def finish(self) -> None:
        """The file is whole."""
        self._done += [self._path] if self._older is None else [self._path, self._older]

    def close(self) -> None:
        """Leave the note for the next run; calling twice does no harm."""
        if self._note is not None:
            with suppress(OSError):
                self._note.close()
        self._note = None

    def _sync(self, note: GrowingNote) -> None:
        note.sync()
        self._next_sync = time.monotonic() + SYNC_SECONDS


class NoteUntrueError(Exception):
    """A file does not hold what was noted of it."""


def read_noted(content: Content, length: int) -> bytes:
    """Read the bytes of a noted chunk. Raises ``NoteUntrueError`` where the file ends before."""
    piece = bytearray(length)
    view, filled = memoryview(piece), 0
    while filled < length:
        count = content.readinto(view[filled:])
        if not count:
            raise NoteUntrueError
        filled += count
    return bytes(piece)


def forget_begun(paths: CachePaths, now_ms: int) -> None:
    """Remove every note of a root, whose snapshot stands, and of others those that were left a month ago."""
    for path in paths.begun():
        _remove(path)
    for path in paths.directory.glob("*.begun"):
        with suppress(OSError):
            if path.stat().st_mtime * 1000 < now_ms - LEFT_FOR_MS:
                _remove(path)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
