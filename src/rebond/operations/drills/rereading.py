"""Reading back from the disk what a restore wrote: some files, chosen by chance, against what the snapshot says."""

import math
import os
import random
from collections.abc import Iterator

from msgspec import Struct, field

from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.restore_findings import show_bytes
from rebond.vault.access import Vault
from rebond.vault.primitives import keyed_id
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trees import CHUNK_ROW, StoredEntry

LOOKED_AT = 1000  # files whose presence, size and permissions are compared
READ_BYTES = 16 << 20  # of those, so much content
_BELOW_ONE = 1 - 1e-12
_NAMED = 5  # of what is wrong, so many are named


class Sample(Struct):
    """Files of one component, chosen by chance while they are planned: each has the same chance.

    How many are passed over before the next one is taken is drawn, not whether each is taken: of many, few are.
    """

    most: int = LOOKED_AT
    chosen: list[tuple[bytes, StoredEntry]] = field(default_factory=list)
    next_file: int = 1  # the number of the file that is taken next, of all files counted from 1
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
        reads_content = read_bytes < READ_BYTES and entry.chunk_list is None and not entry.holes
        reason = _compare(os.path.join(target, below), entry, key if reads_content else None)
        read_bytes += entry.size if reads_content else 0
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


def _compare(path: bytes, entry: StoredEntry, key: bytes | None) -> str:
    """Return what is wrong with a file, in a word; empty for nothing."""
    try:
        found = os.lstat(path)
        if found.st_size != entry.size:
            return f"{found.st_size} != {entry.size} B"
        if found.st_mode & 0o777 != entry.mode & 0o777:
            return f"{found.st_mode & 0o777:o} != {entry.mode & 0o777:o}"
        if key is not None and entry.size and not _has_content(path, entry, key):
            return "!= BLAKE3"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _has_content(path: bytes, entry: StoredEntry, key: bytes) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return all(keyed_id(key, os.read(descriptor, length)) == chunk_id for chunk_id, length in _rows(entry))
    finally:
        os.close(descriptor)


def _rows(entry: StoredEntry) -> Iterator[tuple[bytes, int]]:
    for position in range(0, len(entry.chunks), CHUNK_ROW.size):
        yield CHUNK_ROW.unpack_from(entry.chunks, position)
