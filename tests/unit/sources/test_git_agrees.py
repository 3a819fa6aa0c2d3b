"""Patterns mean what they mean to Git: the same tree, the same rules, the same answer."""

import os
import pathlib
import re
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebond.findings import Finding
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree

pytestmark = pytest.mark.judge("git")

DIRECTORIES = (b"a", b"b", b"a/a", b"a/b", b"ab", b"a/a/b", b"b/a", b"b/a/a", b"foo", b"foo/bar", b"a.b", b"a/[b]")
FILES = (
    b"a",
    b"b",
    b"ab",
    b"ba",
    b"a.b",
    b"bar",
    b"[a]",
    b"a b",
    b"!a",
    b"#a",
    b"-",
    b"a\\b",
    b"*",
    b"aa",
    b"^",
    b"\xe9",
)
ENVIRONMENT = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C"}


def refuse(finding: Finding) -> None:
    pytest.fail(finding.message)


class Tree:
    """A repository with a fixed set of paths, whose ignore files are written anew for each question."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = os.fsencode(root)
        subprocess.run(["git", "init", "-q", self.root], check=True, env=ENVIRONMENT)
        for directory in DIRECTORIES:
            os.makedirs(os.path.join(self.root, directory), exist_ok=True)
        for directory in (b"", *DIRECTORIES):
            for name in FILES:
                path = os.path.join(self.root, directory, name)
                if not os.path.lexists(path):
                    with open(path, "wb"):
                        pass

    def write(self, path: bytes, lines: list[bytes]) -> None:
        with open(os.path.join(self.root, path), "wb") as file:
            file.write(b"\n".join(lines) + b"\n")

    def paths(self) -> list[bytes]:
        found = []
        for directory, below, names in os.walk(self.root):
            below[:] = [name for name in below if name != b".git"]
            found += [os.path.relpath(os.path.join(directory, name), self.root) for name in [*below, *names]]
        return found

    def ignored_by_git(self) -> set[bytes]:
        result = subprocess.run(
            ["git", "-C", self.root, "check-ignore", "--no-index", "-z", "--stdin"],
            input=b"\0".join(self.paths()),
            capture_output=True,
            check=False,
            env=ENVIRONMENT,
        )
        assert result.returncode in (0, 1), result.stderr
        return set(filter(None, result.stdout.split(b"\0")))

    def left_out_by_us(self) -> set[bytes]:
        tree = FileTree(
            self.root,
            Rules(reads_gitignore=True, honours_cache_tags=False, markers=()),
            one_file_system=False,
            allow_empty=True,
            report=refuse,
        )
        saved = set()
        for listing in tree.listings():
            saved.add(listing.path)
            saved.update(os.path.join(listing.path, name) for name in listing.names)
        return set(self.paths()) - saved


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("git"))


TABLE = [
    [b"a"],
    [b"/a"],
    [b"a/"],
    [b"a/b"],
    [b"/a/b/"],
    [b"*"],
    [b"*", b"!*/", b"!bar"],
    [b"a/*", b"!a/b"],
    [b"a/", b"!a/b"],
    [b"**"],
    [b"**/a"],
    [b"a/**"],
    [b"a/**/b"],
    [b"**/a/**"],
    [b"a**/b"],
    [b"**a"],
    [b"a**b"],
    [b"a***/b"],
    [b"?"],
    [b"??", b"!ab"],
    [b"[ab]"],
    [b"[!a]"],
    [b"[^a]"],
    [b"[a-b]a"],
    [b"[]a]"],
    [b"[a"],
    [b"a]"],
    [b"[[:alpha:]]"],
    [b"[[:nonsense:]]"],
    [b"[[:alpha]"],
    [b"[\\]a]"],
    [b"[--/]"],
    [b"[a-]"],
    [b"\\[a\\]"],
    [b"\\!a"],
    [b"\\#a"],
    [b"#a"],
    [b"!a"],
    [b"!"],
    [b"/"],
    [b"//"],
    [b"a//b"],
    [b"a b"],
    [b"a b   "],
    [b"a\\ b\\ "],
    [b"a b\\"],
    [b"a\\b"],
    [b"a\\\\b"],
    [b"*.b"],
    [b"*.*"],
    [b"b*"],
    [b"a?b"],
    [b"a/?"],
    [b"a[/]b"],
    [b"foo/*", b"!foo/bar"],
    [b"foo/bar/"],
    [b"bar/"],
    [b" a"],
    [b"a\r"],
    [b"\\*"],
    [b"\xe9"],
    [b"[\xe0-\xef]"],
    [b"*\\"],
    [b"a/\\**"],
    [b"**/"],
    [b"/**/"],
    [b"/*", b"!/a", b"/a/*", b"!/a/b"],
]


READ_IN_TWO_WAYS = re.compile(rb"!?/?[^*?\[\\]*[^*?\[\\/]\*\*+(\\?/|$)")  # by Git before 2.52, and since


def compare(tree: Tree, lines: list[bytes]) -> None:
    """Where versions of Git differ, nothing is left out that any of them keeps: so, nothing that this one keeps."""
    ours, theirs = tree.left_out_by_us(), tree.ignored_by_git()
    if any(READ_IN_TWO_WAYS.match(each) for each in lines):
        assert ours <= theirs
    else:
        assert ours == theirs


@pytest.mark.parametrize("lines", TABLE, ids=lambda lines: b" | ".join(lines).decode("latin-1"))
def test_each_corner_of_the_grammar_means_what_it_means_to_git(tree: Tree, lines: list[bytes]) -> None:
    tree.write(b".gitignore", lines)

    compare(tree, lines)


@pytest.mark.parametrize(("of_some", "of_all"), [(b"a**/b", b"a*/b"), (b"/a***/b", b"a*/b"), (b"/ab**", b"/ab*")])
def test_stars_after_plain_text_leave_out_what_every_version_of_git_leaves_out(
    tree: Tree, of_some: bytes, of_all: bytes
) -> None:
    tree.write(b".gitignore", [of_all])
    left_out = tree.ignored_by_git()

    tree.write(b".gitignore", [of_some])

    assert left_out
    assert tree.left_out_by_us() == left_out


def test_stars_after_plain_text_keep_what_any_version_of_git_keeps(tree: Tree) -> None:
    everything_but_folders = [b"*", b"!*/"]
    tree.write(b".gitignore", [*everything_but_folders, b"!a*/b", b"!/a/**/b"])
    left_out = tree.ignored_by_git()

    tree.write(b".gitignore", [*everything_but_folders, b"!a**/b"])

    assert tree.left_out_by_us() <= left_out


PIECES = st.sampled_from(
    [piece.encode() for piece in "a b ab * ** / / ? [ ] ! - \\ . ^ [:alpha:] # foo bar".split(" ")] + [b" "]
)
PATTERNS = st.lists(st.lists(PIECES, min_size=1, max_size=6).map(b"".join), min_size=1, max_size=4)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lines=PATTERNS, nested=st.lists(PIECES, max_size=4).map(b"".join))
def test_any_rules_mean_what_they_mean_to_git(tree: Tree, lines: list[bytes], nested: bytes) -> None:
    tree.write(b".gitignore", lines)
    tree.write(b"a/.gitignore", [nested])
    try:
        compare(tree, [*lines, nested])
    finally:
        tree.write(b"a/.gitignore", [])


def test_a_repository_never_ignores_itself(tree: Tree) -> None:
    tree.write(b".gitignore", [b"*", b"logs/", b".git"])
    rules = Rules(reads_gitignore=True)

    saved = {listing.path for listing in FileTree(tree.root, rules, one_file_system=False, report=refuse).listings()}

    assert {b".git", b".git/info", b".git/objects"} <= saved


def test_info_exclude_counts_and_a_nearer_file_overrules_it(tree: Tree) -> None:
    tree.write(b".git/info/exclude", [b"bar", b"aa"])
    tree.write(b".gitignore", [b"!aa"])
    try:
        left_out = tree.left_out_by_us()
        assert left_out == tree.ignored_by_git()
        assert b"bar" in left_out
        assert b"aa" not in left_out
    finally:
        tree.write(b".git/info/exclude", [])
