"""Components of kind files: which paths are walked, and what is left out."""

import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebond.config.components import Files
from rebond.config.quantities import Requirement
from rebond.errors import SourceError, SourceUnfit
from rebond.findings import Finding, Severity
from rebond.stack.file_trees import ConfiguredFiles, choose_only, expand
from rebond.stack.wanted_paths import want


def hear_nothing(_finding: Finding) -> None:
    """Nobody listens."""


@pytest.fixture
def shop(tmp_path: pathlib.Path) -> pathlib.Path:
    """A small application with everything twice."""
    for name in (
        "a/node_modules/left/node_modules/deep.js",
        "b/node_modules/right.js",
        "services/one/.env",
        "services/two/.env",
        "services/two/app.py",
        "services/three/app.py",
        "media/photo.jpg",
        "media/x.tmp",
        "logs/today.log",
        ".git/HEAD",
        "settings.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def saved(shop: pathlib.Path, component: Files, **settings: object) -> tuple[str, list[str], list[Finding]]:
    """Walk a component; return its root, its files and what was noticed."""
    noticed: list[Finding] = []
    files = ConfiguredFiles("it", component, stack_root=shop, strategy=str(settings.get("strategy", "complete")))
    found = [
        os.fsdecode(os.path.join(listing.path, name))
        for listing in files.open_tree(noticed.append).listings()
        for name in listing.names
    ]
    return os.path.relpath(os.fsdecode(files.root), shop), sorted(found), noticed


def test_one_path_is_the_root(shop: pathlib.Path) -> None:
    assert saved(shop, Files(kind="files", path="media"))[:2] == ("media", ["photo.jpg", "x.tmp"])
    assert saved(shop, Files(kind="files", paths=("media",)))[0] == "media"


def test_several_paths_are_below_the_stack_and_nothing_else_is(shop: pathlib.Path) -> None:
    component = Files(kind="files", paths=("media", "services/two", "settings.py"))

    assert saved(shop, component)[:2] == (
        ".",
        ["media/photo.jpg", "media/x.tmp", "services/two/.env", "services/two/app.py", "settings.py"],
    )


def test_paths_outside_have_their_common_folder_as_root(shop: pathlib.Path, tmp_path: pathlib.Path) -> None:
    component = Files(kind="files", paths=(str(shop / "a"), str(shop / "b")))
    files = ConfiguredFiles("it", component, stack_root=tmp_path / "elsewhere", strategy="complete")

    assert files.root == os.fsencode(shop)


def test_globs_are_sought_and_not_inside_what_was_found(shop: pathlib.Path) -> None:
    _, found, _ = saved(shop, Files(kind="files", paths=("**/node_modules", "services/*/.env")))

    assert found == [
        "a/node_modules/left/node_modules/deep.js",
        "b/node_modules/right.js",
        "services/one/.env",
        "services/two/.env",
    ]
    assert list(expand(os.fsencode(shop), want(os.fsencode(shop), b"**/node_modules"), hear_nothing)) == [
        b"a/node_modules",
        b"b/node_modules",
    ]


def test_a_link_is_not_entered_in_search(shop: pathlib.Path) -> None:
    (shop / "z").symlink_to(shop / "a")

    assert list(expand(os.fsencode(shop), want(os.fsencode(shop), b"*/node_modules"), hear_nothing)) == [
        b"a/node_modules",
        b"b/node_modules",
    ]


def test_exclusions_count_inside_of_several_paths_too_and_ignore_files_keep_their_say(shop: pathlib.Path) -> None:
    (shop / "services" / ".rebondignore").write_text("app.py\n")
    component = Files(kind="files", paths=("media", "services/two"), exclude=("*.tmp",))

    assert saved(shop, component)[1] == ["media/photo.jpg", "services/two/.env"]


def test_smart_leaves_out_git_logs_and_temporary_files_and_omit_what_others_save(shop: pathlib.Path) -> None:
    component = Files(kind="files", path=".", omit=("node_modules/",), exclude=("services/",))

    assert saved(shop, component, strategy="smart")[1] == ["media/photo.jpg", "settings.py"]
    assert ".git/HEAD" in saved(shop, component, strategy="complete")[1]


def test_globs_that_fit_nothing_are_refused_unless_that_is_meant(shop: pathlib.Path) -> None:
    with pytest.raises(SourceUnfit, match="Nothing fits the paths of the component it"):
        saved(shop, Files(kind="files", paths=("*/venv",)))
    assert saved(shop, Files(kind="files", paths=("*/venv",), allow_empty=True))[1] == []


def test_a_path_that_is_not_there_is_an_error(shop: pathlib.Path) -> None:
    with pytest.raises(SourceError):
        saved(shop, Files(kind="files", path="mediaa"))


def test_what_is_required_has_to_be_there(shop: pathlib.Path) -> None:
    with pytest.raises(SourceUnfit, match=r"manage\.py is not there, and the component it requires it"):
        saved(shop, Files(kind="files", path=".", require=(Requirement(path="manage.py"),)))
    missing = Requirement(path="manage.py", is_fatal=False)
    _, found, noticed = saved(shop, Files(kind="files", path=".", require=(missing, Requirement(path="media"))))

    assert found
    assert [(each.code, each.severity) for each in noticed] == [("required-missing", Severity.WARNING)]


def test_a_folder_that_cannot_be_searched_is_told(shop: pathlib.Path) -> None:
    folder = os.open(shop, os.O_RDONLY)
    for _ in range(20):  # longer than any path that a system call takes
        os.mkdir("x" * 250, dir_fd=folder)
        below = os.open("x" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    _, found, noticed = saved(shop, Files(kind="files", paths=("**/node_modules",)))

    assert len(found) == 2
    assert {(each.code, each.severity) for each in noticed} == {("unreadable", Severity.WARNING)}


parts = st.sampled_from(["a", "b", "*", "a[b", "?", "é", "-"])
paths = st.lists(st.lists(parts, min_size=1, max_size=3).map("/".join), min_size=1, max_size=4, unique=True)


@given(paths)
def test_only_what_was_chosen_is_taken_in_whatever_its_name(chosen: list[str]) -> None:
    """Judge the patterns alone, level by level, as a walk does."""
    encoded = sorted(each.encode() for each in chosen)
    kept = [each for each in encoded if not any(each.startswith(other + b"/") for other in encoded)]
    patterns = list(choose_only(kept, "test"))

    def is_reached(path: bytes) -> bool:
        steps = path.split(b"/")
        for depth in range(1, len(steps) + 1):
            here = b"/".join(steps[:depth])
            fitting = [each for each in patterns if each.matches(here, steps[depth - 1], is_directory=True)]
            if fitting and not fitting[-1].is_negated:
                return False
        return True

    for path in kept:
        assert is_reached(path)
        assert is_reached(path + b"/below/it")
        beside = path.rpartition(b"/")[0] + b"/" if b"/" in path else b""
        assert not is_reached(beside + b"other")
