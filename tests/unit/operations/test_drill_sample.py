"""The files that a drill reads back are chosen by chance, and each has the same chance."""

import random

import pytest

from rebond.entries import EntryKind
from rebond.operations.drills.rereading import Sample
from rebond.vault.trees import StoredEntry

FILES, MOST = 200, 10


def drawn(seed: int, files: int = FILES) -> Sample:
    sample = Sample(most=MOST, _chance=random.Random(seed))
    for number in range(files):
        if number + 1 >= sample.next_file:
            sample.take(number + 1, b"%d" % number, StoredEntry(name=b"%d" % number, kind=EntryKind.FILE, size=2))
    return sample


@pytest.mark.parametrize("files", [0, 1, 9, 10, 11, 12])
def test_of_few_all_are_chosen_and_of_more_as_many_as_are_wanted(files: int) -> None:
    sample = drawn(1, files)
    assert len(sample.chosen) == min(files, MOST)
    assert len({path for path, _ in sample.chosen}) == len(sample.chosen)


def test_early_late_and_middle_files_are_chosen_equally_often() -> None:
    """With seeds that do not change: a fifth of the files has 1,000 of 5,000 places, give or take 30."""
    fifths = [0] * 5
    for seed in range(500):
        for path, _ in drawn(seed).chosen:
            fifths[int(path) * 5 // FILES] += 1
    assert sum(fifths) == 5_000
    assert all(880 < each < 1_120 for each in fifths), fifths
