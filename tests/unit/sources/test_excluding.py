"""What is left out, and what says so."""

import os
import pathlib
from collections.abc import Iterable

import pytest

from rebond.errors import UsageError
from rebond.findings import Finding, Severity
from rebond.sources.files.excluding import Rule, Rules
from rebond.sources.files.explaining import explain
from rebond.sources.files.scanning import FileTree

CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n"


def make(root: pathlib.Path, files: dict[str, str] | Iterable[str]) -> pathlib.Path:
    for path in files:
        place = root / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(files[path] if isinstance(files, dict) else "x")
    return root


def saved(root: pathlib.Path, rules: Rules, findings: list[Finding] | None = None) -> set[str]:
    """Return all that a walk yields; directories end with a slash."""
    tree = FileTree(
        os.fsencode(root), rules, one_file_system=False, report=(findings if findings is not None else []).append
    )
    found = set()
    for listing in tree.listings():
        path = os.fsdecode(listing.path)
        if path:
            found.add(path + "/")
        found.update(os.path.join(path, os.fsdecode(name)) for name in listing.names)
    return found


def verdict(root: pathlib.Path, path: str, rules: Rules) -> tuple[bool, str]:
    """Return whether a path is saved, and where the deciding rule is written."""
    explained = explain(os.fsencode(root), os.fsencode(path), rules)
    return explained.is_saved, explained.rule.place if explained.rule is not None else ""


def test_without_rules_everything_is_saved(tmp_path: pathlib.Path) -> None:
    make(tmp_path, ["a", "b/c", "b/.hidden", "d/"])

    assert saved(tmp_path, Rules()) == {"a", "b/", "b/c", "b/.hidden", "d/"}


def test_a_pattern_of_the_command_line_counts_everywhere(tmp_path: pathlib.Path) -> None:
    make(tmp_path, ["x.log", "b/y.log", "b/c", "node_modules/m/i.js", "b/node_modules/i.js"])

    assert saved(tmp_path, Rules.from_flags(exclude=["*.log", "node_modules/"])) == {"b/", "b/c"}


def test_a_leading_slash_means_the_root_also_when_the_root_is_written_out(tmp_path: pathlib.Path) -> None:
    make(tmp_path, ["cache/x", "b/cache/x"])

    assert saved(tmp_path, Rules.from_flags(exclude=["/cache"])) == {"b/", "b/cache/", "b/cache/x"}
    assert saved(tmp_path, Rules.from_flags(exclude=[f"{tmp_path}/cache"])) == {"b/", "b/cache/", "b/cache/x"}


def test_a_later_pattern_takes_back_an_earlier_one(tmp_path: pathlib.Path) -> None:
    make(tmp_path, ["a.log", "keep.log"])

    assert saved(tmp_path, Rules.from_flags(exclude=["*.log", "!keep.log"])) == {"keep.log"}


def test_nothing_comes_back_from_below_a_directory_that_is_left_out(tmp_path: pathlib.Path) -> None:
    make(tmp_path, ["var/keep", "x"])

    assert saved(tmp_path, Rules.from_flags(exclude=["var/", "!var/keep"])) == {"x"}


def test_a_file_of_patterns_has_comments_and_names_its_lines(tmp_path: pathlib.Path) -> None:
    make(tmp_path / "tree", ["a.log", "b"])
    listed = tmp_path / "rules"
    listed.write_text("# what nobody needs\n\n*.log\n")
    rules = Rules.from_flags(exclude_from=[str(listed)])

    assert saved(tmp_path / "tree", rules) == {"b"}
    assert verdict(tmp_path / "tree", "a.log", rules) == (False, f"{listed}:3")


def test_a_missing_file_of_patterns_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Rules.from_flags(exclude_from=[str(tmp_path / "none")])


def test_an_ignore_file_of_ours_counts_from_its_directory_on(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {"a/.rebondignore": "/x\n*.tmp\n", "a/x": "", "a/b/x": "", "a/b/y.tmp": "", "x": "", "y.tmp": ""})

    assert saved(tmp_path, Rules()) == {"a/", "a/.rebondignore", "a/b/", "a/b/x", "x", "y.tmp"}
    assert verdict(tmp_path, "a/b/y.tmp", Rules()) == (False, f"{tmp_path}/a/.rebondignore:2")


def test_the_nearest_ignore_file_decides_and_the_command_line_over_all(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {".rebondignore": "*.a\n*.b\n", "d/.rebondignore": "!x.a\n!x.b\n", "d/x.a": "", "d/x.b": ""})

    assert {"d/x.a", "d/x.b"} <= saved(tmp_path, Rules())
    assert "d/x.b" not in saved(tmp_path, Rules.from_flags(exclude=["*.b"]))


def test_an_ignore_file_that_cannot_be_followed_leaves_nothing_out_and_is_reported(tmp_path: pathlib.Path) -> None:
    make(tmp_path, ["a.log", "rules"])
    (tmp_path / ".rebondignore").symlink_to("rules")
    findings: list[Finding] = []

    assert "a.log" in saved(tmp_path, Rules(), findings)
    assert [(each.code, each.severity) for each in findings] == [("rules-unreadable", Severity.WARNING)]


def test_gitignore_counts_only_on_request(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {".gitignore": "dist/\n", "dist/x": "", "y": "", ".git/HEAD": "", ".git/dist/z": ""})

    assert "dist/x" in saved(tmp_path, Rules())
    asked = saved(tmp_path, Rules.from_flags(gitignore=True))
    assert "dist/" not in asked
    assert {".git/HEAD", ".git/dist/z", "y"} <= asked


def test_a_repository_within_another_has_its_own_gitignore(tmp_path: pathlib.Path) -> None:
    make(
        tmp_path,
        {
            ".git/HEAD": "",
            ".gitignore": "*.o\n",
            "a.o": "",
            "inner/.git/HEAD": "",
            "inner/.gitignore": "*.x\n",
            "inner/a.o": "",
            "inner/a.x": "",
            "module/.git": "gitdir: ../.git/modules/module\n",
            "module/a.o": "",
        },
    )
    found = saved(tmp_path, Rules.from_flags(gitignore=True))

    assert {"inner/a.o", "module/a.o"} <= found
    assert not {"a.o", "inner/a.x"} & found


def test_a_root_within_a_repository_obeys_the_gitignore_files_above_it(tmp_path: pathlib.Path) -> None:
    rules = {".git/info/exclude": "*.swp\n", ".gitignore": "/src/gen/\n*.o\n"}
    make(tmp_path, {**rules, "src/gen/x": "", "src/a.o": "", "src/b.swp": "", "src/c": ""})

    assert saved(tmp_path / "src", Rules.from_flags(gitignore=True)) == {"c"}
    assert saved(tmp_path / "src", Rules()) == {"gen/", "gen/x", "a.o", "b.swp", "c"}


def test_our_ignore_file_overrules_gitignore(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {".git/HEAD": "", ".gitignore": ".env\n", ".rebondignore": "!.env\n", ".env": "SECRET"})

    assert ".env" in saved(tmp_path, Rules.from_flags(gitignore=True))


def test_of_a_cache_only_the_tag_is_saved_and_that_is_noted(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {"c/CACHEDIR.TAG": CACHE_TAG, "c/x": "", "c/d/y": "", "z": ""})
    findings: list[Finding] = []

    assert saved(tmp_path, Rules(), findings) == {"c/", "c/CACHEDIR.TAG", "z"}
    assert [(each.code, each.subject) for each in findings] == [("marked-directory", f"{tmp_path}/c")]
    assert verdict(tmp_path, "c/d/y", Rules())[0] is False
    assert verdict(tmp_path, "c/CACHEDIR.TAG", Rules())[0] is True


def test_a_tag_without_the_signature_is_only_a_file(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {"c/CACHEDIR.TAG": "Signature: something else, of the same length..", "c/x": ""})

    assert "c/x" in saved(tmp_path, Rules())


@pytest.mark.parametrize("marker", [".nobackup", "skip-me"])
def test_a_marked_directory_is_saved_with_the_marker_alone(tmp_path: pathlib.Path, marker: str) -> None:
    make(tmp_path, [f"d/{marker}", "d/x", "d/e/y", "z"])
    rules = Rules.from_flags(exclude_if_present=["skip-me"])

    assert saved(tmp_path, rules) == {"d/", f"d/{marker}", "z"}
    assert verdict(tmp_path, "d/e/y", rules) == (False, "--exclude-if-present")


def test_of_a_marked_directory_no_other_file_is_asked(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {"d/.nobackup": "", "d/.rebondignore": "*\n", "d/x": "", "z": ""})

    assert saved(tmp_path, Rules()) == {"d/", "d/.nobackup", "z"}
    assert verdict(tmp_path, "d/.nobackup", Rules()) == (True, "")
    assert verdict(tmp_path, "d/.rebondignore", Rules()) == (False, "--exclude-if-present")


def test_a_marker_in_the_root_does_not_make_an_empty_snapshot(tmp_path: pathlib.Path) -> None:
    make(tmp_path, [".nobackup", "x"])
    findings: list[Finding] = []

    assert saved(tmp_path, Rules(), findings) == {".nobackup", "x"}
    assert [each.code for each in findings] == ["marked-root"]
    assert verdict(tmp_path, "x", Rules()) == (True, "")


def test_files_above_a_size_are_left_out_and_directories_are_not(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {"small": "1234", "large": "12345", "d/small": ""})
    rules = Rules.from_flags(larger_than_bytes=4)

    assert saved(tmp_path, rules) == {"small", "d/", "d/small"}
    assert verdict(tmp_path, "large", rules) == (False, "--larger-than")


def test_what_each_rule_left_out_is_counted(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {"a.log": "", "b.log": "", "m/x": "", "big": "123456789"})
    tree = FileTree(
        os.fsencode(tmp_path),
        Rules.from_flags(exclude=["*.log", "m/"], larger_than_bytes=5),
        one_file_system=False,
        report=lambda finding: pytest.fail(finding.message),
        allow_empty=True,
    )
    list(tree.listings())

    assert dict(tree.left_out) == {
        Rule(text="*.log", origin="--exclude"): 2,
        Rule(text="m/", origin="--exclude"): 1,
        Rule(text="5 bytes", origin="--larger-than"): 1,
    }


def test_an_explanation_speaks_of_every_directory_on_the_way(tmp_path: pathlib.Path) -> None:
    make(tmp_path, {".rebondignore": "b/*\n!b/keep\n", "a/b/keep/x": "", "a/b/drop/x": ""})
    rules = Rules()
    kept = explain(os.fsencode(tmp_path), b"a/b/keep/x", rules)
    (tmp_path / ".rebondignore").write_text("/a/b/*\n!/a/b/keep\n")
    kept = explain(os.fsencode(tmp_path), b"a/b/keep/x", rules)
    dropped = explain(os.fsencode(tmp_path), b"a/b/drop/x", rules)

    assert kept.is_saved
    assert [(step.path, step.rule.line if step.rule else 0) for step in kept.steps] == [
        (b"a", 0), (b"a/b", 0), (b"a/b/keep", 2), (b"a/b/keep/x", 0),
    ]  # fmt: skip
    assert not dropped.is_saved
    assert dropped.decided_at == b"a/b/drop"
    assert dropped.rule == Rule(text="/a/b/*", origin=f"{tmp_path}/.rebondignore", line=1)


def test_a_path_that_does_not_exist_is_judged_as_if_it_did(tmp_path: pathlib.Path) -> None:
    make(tmp_path, ["a/x"])
    rules = Rules.from_flags(exclude=["*.log", "tmp/"])

    assert verdict(tmp_path, "a/new.log", rules) == (False, "--exclude")
    assert verdict(tmp_path, "tmp/y", rules) == (False, "--exclude")
    assert verdict(tmp_path, "tmp", rules) == (True, "")
    assert not explain(os.fsencode(tmp_path), b"a/new", rules).exists


RULES = [
    Rules(),
    Rules.from_flags(exclude=["*.log", "/a/b", "!c.log", "d*/"]),
    Rules.from_flags(gitignore=True, larger_than_bytes=3, exclude_if_present=["m"]),
]


@pytest.mark.parametrize("rules", RULES)
def test_an_explanation_agrees_with_the_walk_about_every_path(tmp_path: pathlib.Path, rules: Rules) -> None:
    make(
        tmp_path,
        {
            ".git/HEAD": "x",
            ".gitignore": "*.o\n",
            ".rebondignore": "z/*\n!z/k\n",
            "a/b/x": "",
            "a/c.log": "",
            "a/d.log": "",
            "a/x.o": "",
            "deep/dir/x": "",
            "m1/m": "",
            "m1/x": "",
            "big": "12345",
            "z/k": "",
            "z/l": "",
            "cache/CACHEDIR.TAG": CACHE_TAG,
            "cache/x": "",
        },
    )
    found = saved(tmp_path, rules)
    every = [os.path.relpath(os.path.join(at, name), tmp_path) for at, _, names in os.walk(tmp_path) for name in names]

    assert {path for path in every if explain(os.fsencode(tmp_path), os.fsencode(path), rules).is_saved} == {
        path for path in every if path in found
    }
