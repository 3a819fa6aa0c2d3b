"""Opening segments and writing their small files in a process of its own (decision 0023).

A process is given segments as they are stored, in memory, and the files that are to come out of them.
It checks everything that ``SnapshotReader.fetch`` checks, and writes what is simple: new files that
lie whole in one segment. For all else the opened segment comes back, and whoever asked does it.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from rebond.errors import RestoreError, VaultDamaged
from rebond.own_memory import give_memory_back
from rebond.own_processes import OwnProcess, ProcessLost, answer_requests, write_parts
from rebond.sources.files.landed_metadata import OwnerLosses
from rebond.sources.files.plain_files import PlainFiles
from rebond.vault.decoded_segments import CopyOpener, DecodedSegment, StoredCopy, pays_to_spare
from rebond.vault.frames import split_chunks
from rebond.vault.trees import decode_entry

Pieces = Sequence[tuple[bytes, int]]  # the first 16 bytes of each chunk's id, and its length


_USUAL_BYTES = 8 << 20  # of a segment: larger ones (``dense``) are few, and what they took is given back


class _Setting(msgspec.Struct, frozen=True):
    """What a process is told when it starts."""

    target: bytes
    directories: str
    keeps_owner: bool
    data_id_key: bytes


class _Request(msgspec.Struct, frozen=True, array_like=True):
    """A segment, in the file, and what is to come of it."""

    stored_bytes: int
    stored_hash: bytes
    session: bytes
    number: int
    seed: bytes
    files: Sequence[tuple[int, bytes, Pieces]]  # place of the directory, encoded entry, chunks
    wants_raw: bool


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    """What came of it. Without ``is_opened`` nothing was done; ``left`` are the files that were not written.

    The segment does not come back for these where only as much of it was opened as they need.
    """

    is_opened: bool
    left: list[int] = []
    written_bytes: int = 0
    raw_bytes: int = 0  # of the opened segment, in the file, when somebody needs it
    losses: OwnerLosses = (0, b"", "")


class Landed(Struct, frozen=True):
    """What a process did: which files it left, and the opened segment if there are any or it was wanted."""

    left: Sequence[int]
    written_bytes: int
    segment: DecodedSegment | None
    losses: OwnerLosses


class LandingProcess:
    """One process that writes files of one restore, asked by one thread, into ``directories`` that are all made.

    Raises ``ProcessLost`` where none can be had.
    """

    def __init__(self, target: bytes, directories: Path, data_id_key: bytes, *, keeps_owner: bool) -> None:
        self._process = OwnProcess(__name__, make_handler)
        setting = _Setting(target, str(directories), keeps_owner, data_id_key)
        try:
            if self._process.ask(msgspec.msgpack.encode(setting)) != b"ready":
                raise ProcessLost("it cannot open the target")
        except ProcessLost:
            self._process.close()
            raise

    def write(self, copy: StoredCopy, files: Sequence[tuple[int, bytes, Pieces]], *, wants_raw: bool) -> Landed | None:
        """Write the files of a segment; ``None`` when the copy is not good, and nothing was done.

        Raises ``ProcessLost``: any of the files may be there, and one may be half there, until it was closed.
        """
        request = _Request(
            len(copy.stored),
            copy.stored_hash,
            copy.session,
            copy.number,
            copy.seed,
            files,
            wants_raw,
        )
        self._process.write((copy.stored,))
        answer = msgspec.msgpack.decode(self._process.ask(msgspec.msgpack.encode(request)), type=_Answer)
        raw = self._process.read(answer.raw_bytes) if answer.raw_bytes else b""
        if not answer.is_opened:
            return None
        segment = DecodedSegment(split_chunks(raw)) if raw else None
        return Landed(answer.left, answer.written_bytes, segment, answer.losses)

    def let_end(self) -> None:
        """Ask no more: the process ends when it has done what it is at, and nobody waits for it."""
        self._process.let_end()

    def close(self) -> None:
        """End the process when it has done what it is at, and wait for it."""
        self._process.close()


# -- the other side -------------------------------------------------------------------------------


def make_handler(file: int) -> Callable[[bytes], bytes]:
    """Return what answers: first the setting, then one segment after the other."""
    worker: _Worker | None = None

    def handle(request: bytes) -> bytes:
        nonlocal worker
        if worker is None:
            setting = msgspec.msgpack.decode(request, type=_Setting)
            try:
                files = PlainFiles(setting.target, Path(setting.directories), keeps_owner=setting.keeps_owner)
            except (OSError, RestoreError):
                return b"no"
            worker = _Worker(file, files, setting.data_id_key)
            return b"ready"
        return msgspec.msgpack.encode(worker.do(msgspec.msgpack.decode(request, type=_Request)))

    return handle


class _Worker:
    def __init__(self, file: int, files: PlainFiles, data_id_key: bytes) -> None:
        self._file = file
        self._files = files
        self._opener = CopyOpener(data_id_key)

    def do(self, request: _Request) -> _Answer:
        segment = self._open(request)
        if segment is None:
            return _Answer(is_opened=False)
        left: list[int] = []
        written_bytes = 0
        for position, (directory, encoded, pieces) in enumerate(request.files):
            size = self._write(segment, directory, encoded, pieces)
            if size is None:
                left.append(position)
            else:
                written_bytes += size
        is_asked_back = request.wants_raw or (left and segment.is_whole)
        raw_bytes = write_parts(self._file, (segment.raw,)) if is_asked_back else 0
        answer = _Answer(True, left, written_bytes, raw_bytes, self._files.take_owner_losses())
        if request.stored_bytes > _USUAL_BYTES or len(segment) > _USUAL_BYTES:
            del segment
            give_memory_back()  # several such processes would keep it all at once
        return answer

    def _open(self, request: _Request) -> DecodedSegment | None:
        stored = os.pread(self._file, request.stored_bytes, 0)
        copy = StoredCopy(stored, request.stored_hash, request.session, request.number, request.seed)
        wanted = {short_id: length for _, _, pieces in request.files for short_id, length in pieces}
        is_sparing = not request.wants_raw and pays_to_spare(wanted.values())
        return self._opener.open(copy, wanted.keys() if is_sparing else None)

    def _write(self, segment: DecodedSegment, directory: int, encoded: bytes, pieces: Pieces) -> int | None:
        """Write one file; return its bytes, ``None`` when it is not simple or could not be written."""
        contents = []
        for short_id, length in pieces:
            content = segment.find(short_id)
            if content is None or len(content) != length:
                return None
            contents.append(content)
        try:
            entry = decode_entry(encoded).to_entry()
        except VaultDamaged:
            return None
        whole = contents[0] if len(contents) == 1 else b"".join(contents)
        return len(whole) if self._files.write(directory, entry, whole) else None


if __name__ == "__main__":
    answer_requests(make_handler)
    os._exit(0)  # taking the interpreter down would cost half of what it was started for
