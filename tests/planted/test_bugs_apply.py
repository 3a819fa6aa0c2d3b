"""Every planted bug still fits the product, and its judges exist."""

import pathlib

import pytest
from tests.planted.bug import Bug
from tests.planted.bugs import BUGS

import rebond

SOURCE = pathlib.Path(rebond.__file__).resolve().parent
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_fits(bug: Bug) -> None:
    contents: dict[str, str] = {}
    for change in bug.changes:
        content = contents.get(change.file) or (SOURCE / change.file).read_text(encoding="utf-8")
        assert content.count(change.old) == 1, f"{change.file} has this not exactly once:\n{change.old}"
        contents[change.file] = content.replace(change.old, change.new)
    for file, content in contents.items():
        compile(content, file, "exec")
    for judge in bug.judges:
        assert (ROOT / judge.split("::")[0]).is_file(), judge


def test_there_are_enough_of_them_and_no_two_have_one_name() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 12
