"""restore, as it is typed."""

import os
import pathlib
import re

import pytest
from tests.unit.cli.program_runs import Program, plant_shop


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A vault with two snapshots of a small shop."""
    made = Program.with_vault(tmp_path_factory.mktemp("restore"))
    shop = plant_shop(made.folder / "shop")
    made.good("backup", "--path", shop, "--tag", "monday")
    (shop / "settings.py").write_text("DEBUG = True\n")
    made.good("backup", "--path", shop, "--tag", "tuesday")
    return made


def names_below(root: pathlib.Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_everything_comes_back_under_its_component_and_the_last_line_says_where(
    program: Program, tmp_path: pathlib.Path
) -> None:
    answer = program.good("restore", "latest", "--to", tmp_path / "back")
    back = tmp_path / "back" / "shop"

    assert answer.out.splitlines()[-1] == str(tmp_path / "back")
    assert (back / ".env").read_text() == "SECRET=1\n"
    assert (back / ".env").stat().st_mode & 0o777 == 0o600
    assert (back / ".env").stat().st_mtime_ns == (program.folder / "shop" / ".env").stat().st_mtime_ns
    assert os.readlink(back / "media" / "cover.jpg") == "photo.jpg"
    assert (back / "media" / "photo.jpg").read_bytes() == bytes(range(256)) * 400


def test_what_was_chosen_is_said_before_anything_is_written(program: Program, tmp_path: pathlib.Path) -> None:
    (chosen,) = program.ask("snapshots", "--tag", "monday")
    answer = program.good("restore", "latest:monday", "--to", tmp_path / "back")

    assert chosen["id"][:8] in answer.err
    assert "Not proven by a drill yet." in answer.err
    assert (tmp_path / "back" / "shop" / "settings.py").read_text() == "DEBUG = False\n"


def test_what_was_chosen_names_its_class_and_when_it_was_last_proven(tmp_path: pathlib.Path) -> None:
    made = Program.with_vault(tmp_path)
    made.good("backup", "--path", plant_shop(tmp_path / "shop"), "--class", "weekly")
    before = made.good("restore", "latest", "--to", tmp_path / "one").err
    made.good("drill")
    (known,) = made.ask("snapshots")
    after = made.good("restore", "latest", "--to", tmp_path / "two").err

    assert "Class weekly, not proven by a drill yet." in before
    assert f"Class weekly, last proven by a drill on {known['proven'][:10]}" in after


def test_patterns_choose(program: Program, tmp_path: pathlib.Path) -> None:
    program.good("restore", "latest", "--to", tmp_path / "some", "--include", "*.jpg", "--exclude", "cover*")
    program.good("restore", "latest", "--to", tmp_path / "media", "--include", "/media", "--strip", "1")

    assert names_below(tmp_path / "some") == {"shop/media/photo.jpg"}
    assert {name.rsplit("/", 1)[-1] for name in names_below(tmp_path / "media")} == {"photo.jpg", "cover.jpg"}


@pytest.mark.parametrize("words", [("--to", "back"), ("--in-place", "--yes")])
def test_a_pattern_whose_variable_is_not_set_does_not_mean_everything(
    program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    for narrowing in ("--include", "--table", "--schema"):
        answer = program("restore", "latest", *words, narrowing, "")
        assert (answer.status, "is a variable not set?" in answer.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_not_empty_is_left_alone_unless_told(program: Program, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "back"
    (target / "shop").mkdir(parents=True)
    (target / "shop" / "settings.py").write_text("mine\n")

    assert program("restore", "latest", "--to", target).status == 41
    assert program("restore", "latest", "--to", target, "--overwrite", "never").status in {0, 3}
    assert (target / "shop" / "settings.py").read_text() == "mine\n"
    program.good("restore", "latest", "--to", target, "--overwrite", "always")
    assert (target / "shop" / "settings.py").read_text() == "DEBUG = True\n"


def test_a_dry_run_writes_nothing(program: Program, tmp_path: pathlib.Path) -> None:
    document = program.ask("restore", "latest", "--to", tmp_path / "back", "--dry-run")

    assert document["dry_run"] is True
    assert document["files"] == 3
    assert not (tmp_path / "back").exists()


def test_a_moment_takes_the_newest_snapshot_before_it(program: Program, tmp_path: pathlib.Path) -> None:
    monday, tuesday = program.ask("snapshots")
    chosen = program.ask("restore", "--at", monday["moment"], "shop", "--to", tmp_path / "back")
    now = program.ask("restore", "--at", "now", "--to", tmp_path / "now")

    assert chosen["snapshot"] == monday["id"]
    assert now["snapshot"] == tuesday["id"]
    assert program("restore", "--at", "2001-01-01", "--to", tmp_path / "never").status == 2


def test_the_moment_that_was_asked_for_is_said_with_its_zone(program: Program, tmp_path: pathlib.Path) -> None:
    told = program.good("restore", "--at", "2099-02-04 14:32", "--to", tmp_path / "back")
    assert re.search(r"^As of 2099-02-04 14:32:59 [+-]\d\d:\d\d\.$", told.err, re.MULTILINE)


def test_what_cannot_be_meant_ends_with_2(program: Program, tmp_path: pathlib.Path) -> None:
    assert program("restore", "--to", tmp_path / "back").status == 2
    assert program("restore", "latest").status == 2
    assert program("restore", "latest", "no-such-component", "--to", tmp_path / "back").status == 2
    assert names_below(tmp_path) == set()


def test_nothing_is_written_through_a_link(program: Program, tmp_path: pathlib.Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "back" / "shop").mkdir(parents=True)
    (tmp_path / "back" / "shop" / "media").symlink_to(elsewhere)
    answer = program("restore", "latest", "--to", tmp_path / "back", "--overwrite", "always")

    assert answer.status in {3, 42}
    assert list(elsewhere.iterdir()) == []


def test_what_the_snapshot_does_not_have_is_set_aside_and_what_was_written_is_read_back(
    program: Program, tmp_path: pathlib.Path
) -> None:
    target = tmp_path / "back"
    program.good("restore", "latest", "--to", target, "--verify")
    (target / "shop" / "new.py").write_text("mine")

    planned = program.good("restore", "latest", "--to", target, "--delete", "--overwrite", "changed", "--dry-run")
    answer = program.good("restore", "latest", "--to", target, "--delete", "--overwrite", "changed", "--verify")

    assert "Would be set aside: shop/new.py" in planned.err
    assert "Set aside, since the snapshot does not have it: 1" in answer.out
    assert "each as it was saved" in answer.out
    assert [path.read_text() for path in target.glob(".rebond-aside-*/shop/new.py")] == ["mine"]
    assert not (target / "shop" / "new.py").exists()


def test_deleting_needs_overwrite_and_whole_paths(program: Program, tmp_path: pathlib.Path) -> None:
    wishes = ("restore", "latest", "--to", tmp_path / "back", "--delete")

    assert program(*wishes).status == 2
    assert program(*wishes, "--overwrite", "changed", "--strip", "1").status == 2
    assert not (tmp_path / "back").exists()
