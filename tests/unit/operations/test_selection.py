"""Choosing paths: what a pattern fits comes back with all below it, and no directory on the way is passed over."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebond.operations.selection import Selection

PARTS = st.sampled_from(["a", "b", "ab", "a*b", "[a]", "a.b", "site", "é"])
PATHS = st.lists(PARTS, min_size=1, max_size=4)
SLASH = st.sampled_from(["", "/"])
GLOBS = st.lists(
    st.sampled_from(
        ["a", "b", "ab", "*", "**", "?", "a*", "*b", "[a]", "[^a]", "[!b]", "a\\*b", "\\[a\\]", "site", "a**"]
    ),
    min_size=1,
    max_size=4,
)


def fits_somewhere(selection: Selection, parts: list[str]) -> bool:
    """Whether the path or anything above it is included; the last part is a file."""
    return any(
        selection.includes_path(b"site", "/".join(parts[:count]).encode(), is_directory=count < len(parts))
        for count in range(len(parts) + 1)
    )


def is_reached(selection: Selection, parts: list[str]) -> bool:
    """What a walk does: go into a directory that is wanted, or that something wanted may lie below."""
    is_wanted = selection.includes_path(b"site", b"", is_directory=True)
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count]).encode()
        is_directory = count < len(parts)
        names = None if is_wanted else selection.names_below(b"site", "/".join(parts[: count - 1]).encode())
        if names is not None and parts[count - 1].encode() not in names:
            return False
        is_wanted = is_wanted or selection.includes_path(b"site", path, is_directory=is_directory)
        if not is_wanted and (not is_directory or not selection.may_include_below(b"site", path)):
            return False
    return is_wanted


@settings(max_examples=400, deadline=None)
@given(globs=st.lists(GLOBS, min_size=1, max_size=2), path=PATHS, lead=SLASH, tail=SLASH)
def test_a_walk_reaches_everything_that_a_pattern_fits(
    globs: list[list[str]], path: list[str], lead: str, tail: str
) -> None:
    selection = Selection.from_flags(include=[lead + "/".join(glob) + tail for glob in globs])

    assert is_reached(selection, path) == fits_somewhere(selection, path)


@pytest.mark.parametrize(
    ("includes", "directory", "names"),
    [
        (["/a/b"], "", {"a"}),
        (["/a/b"], "a", {"b"}),
        (["site/a/b"], "a", {"b"}),
        (["/a/b", "/a/c/d", "/e/f"], "a", {"b", "c"}),
        (["/a/b", "c"], "a", None),
        (["/a/b*"], "a", None),
        (["/a*/b"], "ab", {"b"}),
        (["/a/**/b"], "a/x", None),
        (["**/a/b"], "x", None),
        (["/a/b\\*"], "a", None),
    ],
)
def test_where_patterns_name_what_they_want_nothing_else_is_looked_for(
    includes: list[str], directory: str, names: set[str] | None
) -> None:
    found = Selection.from_flags(include=includes).names_below(b"site", directory.encode())

    assert found == (None if names is None else {each.encode() for each in names})


@pytest.mark.parametrize(
    ("pattern", "included", "left_out"),
    [
        ("logo.png", ["logo.png", "a/b/logo.png", "logo.png/x"], ["logo.jpg"]),
        ("*.png", ["x.png", "a/x.png"], ["x.jpg"]),
        ("/a/b", ["a/b", "a/b/c"], ["x/a/b", "a/c"]),
        ("a/b", ["a/b", "a/b/c"], ["x/a/b"]),
        ("site/a/b", ["a/b"], ["b"]),
        ("site", ["a", "b/c"], []),
        ("/s?te", ["a", "b/c"], []),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["z", "b/z"]),
        ("**/z", ["z", "b/z"], ["y"]),
        ("dir/", ["dir/x"], ["x/dir"]),
        ("other", ["x/other"], ["x"]),
    ],
)
def test_patterns_mean_what_they_mean_to_git(pattern: str, included: list[str], left_out: list[str]) -> None:
    selection = Selection.from_flags(include=[pattern])

    assert [path for path in included if not is_reached(selection, path.split("/"))] == []
    assert [path for path in left_out if is_reached(selection, path.split("/"))] == []


def test_without_flags_everything_is_wanted() -> None:
    assert Selection().wants_everything
    assert Selection.from_flags(["", "/"]).wants_everything
    assert not Selection.from_flags(["a"]).wants_everything


def test_an_exclude_always_wins() -> None:
    selection = Selection.from_flags(include=["a"], exclude=["a/b"])

    assert selection.includes_path(b"site", b"a", is_directory=True)
    assert selection.excludes_path(b"site", b"a/b", is_directory=False)
    assert not selection.excludes_path(b"site", b"a/c", is_directory=False)
    assert Selection.from_flags(exclude=["site/a"]).excludes_path(b"site", b"a", is_directory=True)


def test_names_that_are_not_text_can_be_chosen() -> None:
    selection = Selection.from_flags(include=[b"\xff*".decode(errors="surrogateescape")])

    assert selection.includes_path(b"site", b"a/\xff\xfe", is_directory=False)


PATTERNS = ("a", "/a", "a/b", "/a/b/c", "a/**/c", "**/c", "/*/b", "*.x", "b/", "/site/a", "site/a/b", "/s*/a/*", "a/**")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_where_nothing_below_may_be_left_out_nothing_is(pattern: str) -> None:
    """A walk asks no more from such a directory on."""
    selection = Selection.from_flags(exclude=[pattern])
    names = (b"a", b"b", b"c", b"f.x")
    paths = [b"/".join(each) for depth in (1, 2, 3, 4) for each in itertools.product(names, repeat=depth)]
    excluded = [each for each in paths if selection.excludes_path(b"site", each, is_directory=True)]
    assert excluded
    for path in excluded:
        parts = path.split(b"/")
        above = [b"/".join(parts[:count]) for count in range(len(parts))]
        reached = itertools.takewhile(
            lambda each: not (each and selection.excludes_path(b"site", each, is_directory=True)), above
        )
        assert all(selection.may_exclude_below(b"site", each) for each in reached)


def test_an_anchored_exclude_is_asked_only_on_its_way() -> None:
    selection = Selection.from_flags(exclude=["/a/b", "/site/c"])
    assert selection.may_exclude_below(b"site", b"a")
    assert not selection.may_exclude_below(b"site", b"b")
    assert not selection.may_exclude_below(b"site", b"a/b/c")


def test_what_is_others_is_told_by_its_path_below_the_component_only() -> None:
    selection = Selection.from_flags(exclude=["*.x"], others=["/site/a", "/site", "/c/d"])
    for path in (b"site/a", b"site", b"c/d", b"f.x"):
        assert selection.excludes_path(b"site", path, is_directory=True)
    for path in (b"", b"a", b"d"):
        assert not selection.excludes_path(b"site", path, is_directory=True)
    assert selection.may_exclude_below(b"site", b"c")
    only = Selection().leaving(["/c/d"])
    assert only.wants_everything
    assert (only.may_exclude_below(b"site", b""), only.may_exclude_below(b"site", b"a")) == (True, False)
    assert Selection().leaving([]) == Selection()
