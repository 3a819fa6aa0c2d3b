"""Everything that file backups get wrong, from the source straight to the landing, as root and as anybody.

Each cell of ``docs/reference/file-metadata.md`` names one of these tests.
"""

import os
import pathlib
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rebond.entries import Content, Entry
from rebond.findings import Finding
from rebond.sources.files.excluding import Rules
from rebond.sources.files.landing import FileLanding, Outcome, Overwrite
from rebond.sources.files.scanning import FileTree
from rebond.testing.odd_trees import CELLS, ROOT_CELLS, build_odd_tree, remove_odd_tree
from rebond.testing.tree_comparing import compare_trees
from rebond.testing.tree_copying import copy_tree

NOBODY = 65_534
PLACES = [place for place in ("/dev/shm", tempfile.gettempdir()) if os.path.isdir(place)]
EVERY_CELL = [pytest.param(cell, marks=[pytest.mark.root] if cell in ROOT_CELLS else [], id=cell) for cell in CELLS]
REPEATABLE = [cell for cell in CELLS if cell != "flag-immutable"]  # nobody may replace what is immutable
# What a file system on a disk may do otherwise than one in memory.
DISK_CELLS = sorted(
    {
        "access-lists",
        "attributes-of-the-system",
        "devices",
        "extended-attributes",
        "flag-immutable",
        "flag-no-dump",
        "names-of-255-bytes",
        "names-that-are-no-utf8",
        "owners",
        "sparse-files",
        "times",
    }
)


def make_workplace(parent: str) -> Iterator[bytes]:
    place = tempfile.mkdtemp(prefix="rebond-odd-", dir=parent)
    os.chmod(place, 0o777)
    yield os.fsencode(place)
    for name in os.listdir(place):
        remove_odd_tree(os.fsencode(os.path.join(place, name)))
    shutil.rmtree(place)


@pytest.fixture
def workplace() -> Iterator[bytes]:
    """A directory that anybody may use, in memory where there is such a place."""
    yield from make_workplace(PLACES[0])


@pytest.fixture
def workplace_on_disk() -> Iterator[bytes]:
    """A directory that anybody may use, where temporary files lie."""
    yield from make_workplace(PLACES[-1])


def copy(
    source: bytes, target: bytes, findings: list[Finding], overwrite: Overwrite = Overwrite.NEVER
) -> dict[Outcome, int]:
    tree = FileTree(source, Rules(), one_file_system=False, report=findings.append)
    with FileLanding(target, overwrite=overwrite, report=findings.append) as landing:
        return copy_tree(tree, landing)


def build(path: bytes, cells: list[str]) -> None:
    missing = build_odd_tree(path, cells)
    if missing:
        pytest.skip(f"not possible here: {missing}")


@pytest.mark.parametrize("cell", EVERY_CELL)
def test_each_oddity_comes_back_identical(workplace: bytes, cell: str) -> None:
    source, target = workplace + b"/source", workplace + b"/target"
    build(source, [cell])
    findings: list[Finding] = []
    outcomes = copy(source, target, findings)

    assert compare_trees(source, target) == []
    assert findings == []
    assert {outcome for outcome, count in outcomes.items() if count} <= {Outcome.CREATED}


@pytest.mark.root
@pytest.mark.parametrize("cell", DISK_CELLS)
def test_each_oddity_comes_back_identical_on_a_disk(workplace_on_disk: bytes, cell: str) -> None:
    test_each_oddity_comes_back_identical(workplace_on_disk, cell)


@pytest.mark.root
@pytest.mark.parametrize("cell", sorted(set(CELLS) - ROOT_CELLS))
def test_each_oddity_of_an_ordinary_user_comes_back_identical(workplace: bytes, cell: str) -> None:
    source, target = workplace + b"/source", workplace + b"/target"

    def run() -> tuple[object, object, object]:
        missing = build_odd_tree(source, [cell])
        findings: list[Finding] = []
        copy(source, target, findings)
        return missing, [each.message for each in findings], compare_trees(source, target)

    missing, findings, differences = run_as_nobody(run)
    if missing:
        pytest.skip(f"not possible here: {missing}")
    assert differences == []
    assert findings == []


@pytest.mark.root
def test_what_root_saved_an_ordinary_user_restores_but_for_what_is_forbidden(workplace: bytes) -> None:
    """Owners, devices and trusted attributes need root; set-user-ID bits of strangers are dropped."""
    source, target = workplace + b"/source", workplace + b"/target"
    build(source, ["owners", "devices", "modes", "attributes-of-the-system"])
    frozen = FrozenTree(source)

    def run() -> tuple[object, object]:
        findings: list[Finding] = []
        with FileLanding(target, overwrite=Overwrite.NEVER, report=findings.append) as landing:
            copy_tree(frozen, landing)
        set_ids = (b"/owners/set-user-id", b"/modes/4755", b"/modes/2755")
        return sorted({each.code for each in findings}), [
            path for path in set_ids if os.stat(target + path).st_mode & 0o6000
        ]

    codes, still_privileged = run_as_nobody(run)
    assert codes == ["attribute-not-set", "device-not-made", "owner-not-set"]
    assert still_privileged == []


@pytest.mark.slow
def test_a_second_restore_finds_everything_the_same(workplace: bytes) -> None:
    source, target = workplace + b"/source", workplace + b"/target"
    build_odd_tree(source, REPEATABLE)
    findings: list[Finding] = []
    first = copy(source, target, findings)
    second = copy(source, target, findings, Overwrite.CHANGED)

    assert second[Outcome.SAME] == first[Outcome.CREATED]
    assert second[Outcome.FAILED] == second[Outcome.CREATED] == second[Outcome.REPLACED] == 0
    assert compare_trees(source, target) == []


@pytest.mark.slow
def test_a_restore_over_everything_replaces_everything(workplace: bytes) -> None:
    source, target = workplace + b"/source", workplace + b"/target"
    build_odd_tree(source, REPEATABLE)
    findings: list[Finding] = []
    first = copy(source, target, findings)
    second = copy(source, target, findings, Overwrite.ALWAYS)

    assert second[Outcome.REPLACED] + second[Outcome.SAME] == first[Outcome.CREATED]
    assert compare_trees(source, target) == []


@pytest.mark.root
@pytest.mark.parametrize("overwrite", [Overwrite.CHANGED, Overwrite.ALWAYS])
def test_an_ordinary_user_restores_over_directories_that_forbid_it(workplace: bytes, overwrite: Overwrite) -> None:
    source, target = workplace + b"/source", workplace + b"/target"

    def run() -> tuple[object, object]:
        build_odd_tree(source, ["modes", "empty-directories"])
        findings: list[Finding] = []
        copy(source, target, findings)
        os.chmod(target + b"/modes", 0o500)
        os.chmod(target + b"/modes/d0700", 0)
        os.truncate(target + b"/modes/0644", 1)
        copy(source, target, findings, overwrite)
        return [each.message for each in findings], compare_trees(source, target)

    findings, differences = run_as_nobody(run)
    assert findings == []
    assert differences == []


@pytest.mark.root
def test_what_lies_in_a_closed_directory_is_finished_before_it_is_closed(workplace: bytes) -> None:
    source, target = workplace + b"/source", workplace + b"/target"
    for number in range(100):  # more than stay open
        os.makedirs(source + b"/closed/%d" % number)
        os.chmod(source + b"/closed/%d" % number, 0o501)
    os.chmod(source + b"/closed", 0)
    for path in (source, source + b"/closed", *(source + b"/closed/%d" % number for number in range(100))):
        os.chown(path, NOBODY, NOBODY)
    frozen = FrozenTree(source)

    def run() -> list[str]:
        findings: list[Finding] = []
        with FileLanding(target, overwrite=Overwrite.NEVER, report=findings.append) as landing:
            copy_tree(frozen, landing)
        return [each.message for each in findings]

    assert run_as_nobody(run) == []
    assert compare_trees(source, target) == []


@pytest.mark.root
def test_an_ordinary_user_who_restores_nothing_leaves_directories_as_closed_as_they_were(workplace: bytes) -> None:
    source, target = workplace + b"/source", workplace + b"/target"

    def run() -> int:
        build_odd_tree(source, ["empty-directories"])
        copy(source, target, [])
        os.chmod(target + b"/empty-directories/a", 0o100)
        copy(source, target, [])
        return os.stat(target + b"/empty-directories/a").st_mode & 0o7777

    assert run_as_nobody(run) == 0o100


SPOILS = ["names", "kind", "content", "hole", "mode", "time", "attribute", "link", "target", "size"]


@pytest.mark.parametrize("what", SPOILS)
def test_the_judge_sees_each_kind_of_difference(workplace: bytes, what: str) -> None:
    source, target = workplace + b"/source", workplace + b"/target"
    build_odd_tree(source, ["hard-links", "sparse-files", "symbolic-links", "sizes", "extended-attributes"])
    copy(source, target, [])
    spoil(what, os.fsdecode(target))
    seen = {each.what for each in compare_trees(source, target)}

    assert seen == {"modified"} if what == "time" else seen - {"modified"}


def spoil(what: str, target: str) -> None:
    def keep_time(path: str, change: Callable[[str], object]) -> None:
        status = os.stat(path)
        change(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    one = f"{target}/sizes/4096"
    if what == "names":
        os.rename(one, f"{target}/sizes/renamed")
    elif what == "kind":
        os.unlink(one)
        os.mkfifo(one)
    elif what == "content":
        keep_time(one, lambda path: pathlib.Path(path).write_bytes(bytes(4096)))
    elif what == "size":
        keep_time(one, lambda path: os.truncate(path, 4095))
    elif what == "hole":
        sparse = f"{target}/sparse-files/nothing-but-hole"
        keep_time(sparse, lambda path: pathlib.Path(path).write_bytes(bytes(os.stat(path).st_size)))
    elif what == "mode":
        os.chmod(one, 0o600)
    elif what == "time":
        os.utime(one, ns=(0, os.stat(one).st_mtime_ns + 1))
    elif what == "attribute":
        os.setxattr(f"{target}/extended-attributes/file", b"user.plain", b"other")
    elif what == "link":
        path = f"{target}/hard-links/second"
        content = pathlib.Path(path).read_bytes()
        status = os.stat(path)
        os.unlink(path)
        pathlib.Path(path).write_bytes(content)
        os.utime(path, ns=(0, status.st_mtime_ns))
    else:
        os.unlink(f"{target}/symbolic-links/absolute")
        os.symlink("/etc/group", f"{target}/symbolic-links/absolute")


# --- being somebody else ---------------------------------------------------------------------


@dataclass
class FrozenListing:
    """A listing that was read by root and can be handed to somebody else."""

    path: bytes
    depth: int
    stamp: bytes
    names: list[bytes]
    stamps: list[bytes]
    own: Entry
    entries: list[Entry | None]
    contents: list[bytes | None]

    def directory(self) -> Entry:
        return self.own

    def describe(self, position: int) -> Entry | None:
        return self.entries[position]

    def open(self, position: int) -> Content | None:
        pytest.fail(f"{self.names[position]!r} is no small file")

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        return None  # the long way

    def read_small(self, position: int, size: int) -> bytes | None:
        return self.contents[position]


class FrozenTree:
    """A whole tree of small files in memory."""

    def __init__(self, root: bytes) -> None:
        self._listings = []
        tree = FileTree(root, Rules(), one_file_system=False, report=lambda finding: pytest.fail(finding.message))
        for each in tree.listings():
            entries = [each.describe(position) for position in range(len(each.names))]
            contents = [each.read_small(position, entry.size) for position, entry in enumerate(entries) if entry]
            names, stamps = list(each.names), list(each.stamps)
            self._listings.append(
                FrozenListing(each.path, each.depth, each.stamp, names, stamps, each.directory(), entries, contents)
            )

    def listings(self) -> Iterator[FrozenListing]:
        yield from self._listings


def run_as_nobody(work: Callable[[], Any]) -> Any:
    """Do ``work`` in a child process that has given up root; return what it returns."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            with open(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, "the child failed; its traceback is above"
    return pickle.loads(answer)
