"""Reading back from the disk what a restore wrote: some files, chosen by chance, against what the snapshot says."""

import contextlib
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

from rebond.errors import VaultDamaged
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.restore_findings import show_bytes
from rebond.vault.access import Vault
from rebond.vault.primitives import keyed_id
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trees import CHUNK_ROW, StoredEntry

LOOKED_AT = 1000  # files whose presence, size and permissions are compared
READ_BYTES = 16 << 20  # of those, so much content
STRETCH_BYTES = READ_BYTES >> 2  # of one file
_LARGE_FILES = READ_BYTES // STRETCH_BYTES  # so many whose chunks stand in a list: a list has to be fetched
_WALKED_BYTES = 16 << 30  # of a large file's list: a stretch begins before that
_BELOW_ONE = 1 - 1e-12
_NAMED = 5  # of what is wrong, so many are named


class Stretch(Struct, frozen=True):
    """A part of a file's content: from ``offset`` on these chunks, each by id and length."""

    offset: int
    rows: tuple[tuple[bytes, int], ...]

    @property
    def size_bytes(self) -> int:
        """How much it is."""
        return sum(length for _, length in self.rows)


class Sample(Struct):
    """Files of one component, chosen by chance while they are planned: each has the same chance.

    How many are passed over before the next one is taken is drawn, not whether each is taken: of many, few are.
    """

    most: int = LOOKED_AT
    chosen: list[tuple[bytes, StoredEntry]] = field(default_factory=list)
    next_file: int = 1  # the number of the file that is taken next, of all files counted from 1
    large: dict[bytes, Stretch] = field(default_factory=dict)  # of files whose chunks stand in a list
    _weight: float = 1.0  # the largest of the ``most`` least draws so far
    _chance: random.Random = field(default_factory=random.Random)

    def take(self, number: int, path: bytes, entry: StoredEntry) -> None:
        """Take a file, its path and its entry, and draw the number of the next one."""
        self.next_file = number + 1
        if len(self.chosen) < self.most:
            self.chosen.append((path, entry))
            if len(self.chosen) < self.most:
                return
        else:
            self.chosen[self._chance.randrange(self.most)] = (path, entry)
        self._weight = min(self._weight * self._draw() ** (1 / self.most), _BELOW_ONE)
        self.next_file += int(math.log(self._draw()) / math.log1p(-self._weight))

    def settle(self, chunk_rows: Callable[[StoredEntry], Iterable[tuple[bytes, int]]]) -> None:
        """Put what was chosen into an order of chance, and look up what is read back of large files.

        ``chunk_rows`` gives the chunks of a file. Raises ``StoreError``; a list that is damaged was a finding already.
        """
        self._chance.shuffle(self.chosen)
        for path, entry in self.chosen:
            if len(self.large) == _LARGE_FILES:
                break
            if entry.chunk_list is not None and not entry.holes:
                with contextlib.suppress(VaultDamaged):
                    self.large[path] = self._choose(chunk_rows(entry), entry.size)

    def stretch_of(self, path: bytes, entry: StoredEntry) -> Stretch | None:
        """Return what of a chosen file's content is read back; ``None`` where it has none, or holes, or too much."""
        if entry.chunk_list is not None or entry.holes or not entry.size:
            return self.large.get(path)
        return self._choose(_rows(entry), entry.size)

    def _choose(self, rows: Iterable[tuple[bytes, int]], size: int) -> Stretch:
        """Choose all of a small file, and of a large one what ``STRETCH_BYTES`` touch that begin or end anywhere."""
        is_large = size > STRETCH_BYTES
        wanted = self._chance.randrange(1 - STRETCH_BYTES, min(size, _WALKED_BYTES)) if is_large else 0
        offset = end = 0
        taken: list[tuple[bytes, int]] = []
        for row in rows:
            end += row[1]
            if end <= wanted:
                offset = end
                continue
            taken.append(row)
            if is_large and end >= wanted + STRETCH_BYTES:
                break
        return Stretch(offset, tuple(taken))

    def _draw(self) -> float:
        """Return a number above 0, and 1 at most."""
        return 1.0 - self._chance.random()


def reread(vault: Vault, record: SnapshotRecord, component: str, sample: Sample, target: bytes, files: int) -> Check:
    """Compare the chosen files below ``target`` with the snapshot: there, as large, with these permissions and bytes.

    ``target`` is where the component's own tree begins, ``files`` of how many they were chosen.
    """
    key = vault.credentials.domain_keys(record.domain).data_id_key
    prefix = component.encode() + b"/"
    wrong: list[str] = []
    read_bytes = 0
    for path, entry in sample.chosen:
        below = path.removeprefix(prefix)
        stretch = sample.stretch_of(path, entry) if read_bytes < READ_BYTES else None
        reason = _compare(os.path.join(target, below), entry, key, stretch)
        read_bytes += stretch.size_bytes if stretch is not None else 0
        if reason:
            wrong.append(f"{show_bytes(path)} ({reason})")
    if wrong:
        return Check(
            code="files-reread",
            subject=component,
            answer=Answer.FAIL,
            template="{count} files are not as they were saved, of {looked} looked at: {files}",
            hint_template="Run 'rebond verify --read-data'; and look at the disk that the drill restores to.",
            values={"count": len(wrong), "looked": len(sample.chosen), "files": ", ".join(wrong[:_NAMED])},
        )
    return Check(
        code="files-reread",
        subject=component,
        answer=Answer.PASS,
        template="Chosen by chance, {looked} of {files} files: each is there as it was saved; {bytes} bytes of content "
        "read back.",
        values={"looked": len(sample.chosen), "files": files, "bytes": read_bytes},
    )


def _compare(path: bytes, entry: StoredEntry, key: bytes, stretch: Stretch | None) -> str:
    """Return what is wrong with a file, in a word; empty for nothing."""
    try:
        found = os.lstat(path)
        if found.st_size != entry.size:
            return f"{found.st_size} != {entry.size} B"
        if found.st_mode & 0o777 != entry.mode & 0o777:
            return f"{found.st_mode & 0o777:o} != {entry.mode & 0o777:o}"
        if stretch is not None and not _has_content(path, stretch, key):
            return "!= BLAKE3"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _has_content(path: bytes, stretch: Stretch, key: bytes) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stretch.offset:
            os.lseek(descriptor, stretch.offset, os.SEEK_SET)
        return all(keyed_id(key, os.read(descriptor, length)) == chunk_id for chunk_id, length in stretch.rows)
    finally:
        os.close(descriptor)


def _rows(entry: StoredEntry) -> Iterator[tuple[bytes, int]]:
    for position in range(0, len(entry.chunks), CHUNK_ROW.size):
        yield CHUNK_ROW.unpack_from(entry.chunks, position)
