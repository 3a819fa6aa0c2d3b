"""What a drill reads back from the disk: small files whole, of large ones a part that is chosen by chance."""

import os
import random
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.errors import VaultDamaged
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.drills.rereading import READ_BYTES, STRETCH_BYTES, Sample, reread
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.progress import Silence
from rebond.vault.reading import SnapshotReader
from rebond.vault.trees import StoredEntry

FILES = 6
LARGE_BYTES = 32 << 20  # more chunks than an entry has room for


class Restored:
    """A restored folder and what was chosen of it."""

    def __init__(self, scratch: Path) -> None:
        self.folder, self.out = scratch / "site", scratch / "out"
        self.folder.mkdir()
        content = random.Random(5)
        (self.folder / "large").write_bytes(content.randbytes(LARGE_BYTES))
        for number in range(FILES - 1):
            (self.folder / f"small{number}").write_bytes(content.randbytes(1000 + number))
        self.place = RestoredVault(scratch)
        self.record, self.vault = self.place.save_files(self.folder), self.place.vault()
        self.sample = Sample(_chance=random.Random(7))
        request = RestoreRequest(target=os.fsencode(self.out), strip=1, components=("site",), keeps_owner=False)
        with SnapshotReader(self.vault, self.record) as reader:
            restore(self.vault, self.record, request, Silence(), opened=reader, drawn=self.sample)
            self.sample.settle(reader.chunk_rows)
        assert list(self.sample.large) == [b"site/large"]

    def reread(self) -> Check:
        return reread(self.vault, self.record, "site", self.sample, os.fsencode(self.out), FILES)


@pytest.fixture
def restored(tmp_path: Path) -> Restored:
    return Restored(tmp_path)


def test_what_is_as_it_was_saved_is_read_back_and_of_a_large_file_a_part(restored: Restored) -> None:
    check = restored.reread()
    assert check.answer is Answer.PASS
    assert check.values["looked"] == FILES
    small = sum(1000 + number for number in range(FILES - 1))
    assert small < int(str(check.values["bytes"])) < small + 2 * STRETCH_BYTES


def spoil(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    ("change", "name", "word"),
    [
        pytest.param(spoil, "large", "!= BLAKE3", id="the content of a large one"),
        pytest.param(spoil, "small3", "!= BLAKE3", id="the content of a small one"),
        pytest.param(lambda path: os.truncate(path, 5), "small1", "5 != 1001 B", id="its size"),
        pytest.param(lambda path: path.chmod(0o600), "small2", "600 != 644", id="its permissions"),
        pytest.param(os.unlink, "small4", "No such file", id="gone"),
    ],
)
def test_what_the_disk_has_otherwise_is_named(
    restored: Restored, change: Callable[[Path], None], name: str, word: str
) -> None:
    for each in restored.folder.iterdir():
        (restored.out / each.name).chmod(0o644)
    change(restored.out / name)
    check = restored.reread()
    assert (check.answer, check.values["count"]) == (Answer.FAIL, 1)
    assert str(check.values["files"]).startswith(f"site/{name} ({word}")


def test_parts_of_a_large_file_lie_anywhere_in_it(restored: Restored) -> None:
    (large,) = [entry for path, entry in restored.sample.chosen if path == b"site/large"]
    with SnapshotReader(restored.vault, restored.record) as reader:
        rows = list(reader.chunk_rows(large))
    offsets = list(accumulate((length for _, length in rows), initial=0))
    covered = set()
    for seed in range(1_000):
        sample = Sample(chosen=[(b"site/large", large)], _chance=random.Random(seed))
        sample.settle(lambda _: iter(rows))
        stretch = sample.large[b"site/large"]
        first = offsets.index(stretch.offset)
        assert list(stretch.rows) == rows[first : first + len(stretch.rows)]
        covered |= set(range(first, first + len(stretch.rows)))
    assert covered == set(range(len(rows)))


def test_no_more_is_read_than_is_meant_to_be_and_no_more_lists_than_that_takes() -> None:
    chunk = 1 << 20
    large = StoredEntry(name=b"f", kind="f", size=32 * chunk, chunk_list=(b"l", 1))
    asked = []

    def rows(entry: StoredEntry) -> Iterator[tuple[bytes, int]]:
        asked.append(entry)
        return iter([(b"c", chunk)] * 32)

    sample = Sample(chosen=[(b"%d" % number, large) for number in range(50)])
    sample.settle(rows)
    assert len(asked) == READ_BYTES // STRETCH_BYTES
    assert 0 < sum(each.size_bytes for each in sample.large.values()) <= READ_BYTES + len(asked) * chunk


def test_a_list_that_is_damaged_was_told_by_the_restore(restored: Restored) -> None:
    def fail(_: StoredEntry) -> Iterator[tuple[bytes, int]]:
        raise VaultDamaged("A list of chunks is cut short.")

    restored.sample.large.clear()
    restored.sample.settle(fail)
    assert restored.sample.large == {}
    assert restored.reread().answer is Answer.PASS
