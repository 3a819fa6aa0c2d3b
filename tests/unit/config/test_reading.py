"""Where values stand, where the configuration is, and what variables stand for."""

import os
import pathlib
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.config.written import read, read_body, read_good

from rebond.cli.configuration.toml_text import write_toml
from rebond.config.components import Files
from rebond.config.documents import parse_document
from rebond.config.finding import find_configuration
from rebond.config.places import Problems, find_nearest
from rebond.config.reaching import find_longest_gap
from rebond.errors import ConfigError

DOCUMENT = """\
version = 1
[stack]
name = "x"
kube.context = "p"
[a.b]
list = [
  "a",
  { k = 1 },
]
[[r]]
n = 1

[[r]]
# a remark
n = 2
[a]
y = 3
"""


def test_every_value_has_its_line() -> None:
    problems = Problems()
    root = parse_document(DOCUMENT, "f.toml", problems)
    lines = {each.path: each.place.line for each in root.walk()}

    assert problems.found == []
    assert lines == {
        "": 1,
        "version": 1,
        "stack": 2,
        "stack.name": 3,
        "stack.kube": 4,
        "stack.kube.context": 4,
        "a": 5,
        "a.b": 5,
        "a.b.list": 6,
        "a.b.list[1]": 7,
        "a.b.list[2]": 8,
        "a.b.list[2].k": 8,
        "r": 10,
        "r[1]": 10,
        "r[1].n": 11,
        "r[2]": 13,
        "r[2].n": 15,
        "a.y": 17,
    }


def test_the_configuration_is_the_first_that_is_there(tmp_path: pathlib.Path) -> None:
    home = tmp_path / "home"
    folder = tmp_path / "here"
    for each in (home / ".config" / "rebond", folder):
        each.mkdir(parents=True)
    usual = home / ".config" / "rebond" / "rebond.toml"
    environment = {"HOME": str(home)}
    assert find_configuration(None, environment, folder) in {None, pathlib.Path("/etc/rebond/rebond.toml")}
    usual.touch()
    assert find_configuration(None, environment, folder) == usual
    (folder / "rebond.toml").touch()
    assert find_configuration(None, environment, folder) == folder / "rebond.toml"
    (tmp_path / "other.toml").touch()
    environment["REBOND_CONFIG"] = "../other.toml"
    assert find_configuration(None, environment, folder) == folder / "../other.toml"
    assert find_configuration(str(usual), environment, folder) == usual


@pytest.mark.parametrize("environment", [{}, {"REBOND_CONFIG": "nowhere.toml"}])
def test_a_configuration_that_was_named_has_to_be_there(tmp_path: pathlib.Path, environment: dict[str, str]) -> None:
    (tmp_path / "rebond.toml").touch()
    with pytest.raises(ConfigError, match=r"There is no configuration at .*nowhere\.toml"):
        find_configuration(None if environment else "nowhere.toml", environment, tmp_path)


def test_a_variable_comes_from_the_environment_before_the_files_of_the_stack(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".env").write_text("# a remark\nexport RPO='2h'\nMEDIA=\"from-file\"\n")
    body = (
        'env = [".env", "missing.env"]\n[component.media]\nkind = "files"\n'
        'path = { env = "MEDIA" }\nrpo = { env = "RPO" }\nrto = { env = "RTO", default = "5min" }\n'
    )
    media = read_good(tmp_path, body, MEDIA="from-environment").component["media"]

    assert isinstance(media, Files)
    assert (media.path, media.rpo, media.rto) == ("from-environment", 7200, 300)


def test_the_root_is_the_folder_of_the_file_unless_it_says_otherwise(tmp_path: pathlib.Path) -> None:
    roots = []
    for body in ("", 'root = "sub"', 'root = "/srv/app"', 'root = { env = "ROOT" }'):
        loaded = read_body(tmp_path, body, ROOT="/from/outside").loaded
        assert loaded
        roots.append(loaded.root)

    assert roots == [tmp_path, tmp_path / "sub", pathlib.Path("/srv/app"), pathlib.Path("/from/outside")]


def test_a_rule_of_its_own_severity(tmp_path: pathlib.Path) -> None:
    body = (
        '[component.media]\nkind = "files"\npath = "m"\nrequire = [{ path = "a", else = "warn" }, "b"]\n'
        'expect = { files = { is = ">= 1", else = "warn" } }\n'
    )
    media = read_good(tmp_path, body).component["media"]

    assert isinstance(media, Files)
    assert [(each.path, each.is_fatal) for each in media.require] == [("a", False), ("b", True)]
    assert media.expect
    assert media.expect.files
    assert not media.expect.files.is_fatal


def test_a_reading_never_stops_at_odd_types(tmp_path: pathlib.Path) -> None:
    for text in (
        "stack = 1",
        "version = []",
        "component = [1]",
        "[stack]\nname = 1979-05-27\n[class]\nx = 2",
        "vault = {}",
    ):
        verdict = read(tmp_path, text)
        assert verdict.loaded is None
        assert verdict.problems


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [("0 3 * * *", 24), ("0 * * * *", 1), ("0 3 * * mon-fri", 72), ("0 4 * * sun", 168), ("0 0 1 * *", 31 * 24)],
)
def test_the_longest_gap_of_a_schedule(schedule: str, hours: int) -> None:
    assert find_longest_gap(schedule) == hours * 3600


def test_the_nearest_spelling() -> None:
    assert find_nearest("exclude_form", ["exclude", "exclude_from"]) == "exclude_from"
    assert find_nearest("Media", ["media", "x"]) == "media"
    assert find_nearest("zzz", ["media"]) == ""


names = st.text("abz-_ é.", min_size=1, max_size=4)
scalars = st.one_of(st.text(max_size=5), st.integers(-9, 9), st.booleans())
values = st.recursive(
    scalars, lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(names, below, max_size=2))
)


@given(st.dictionaries(names, values, max_size=4))
def test_what_is_shown_says_the_same_when_it_is_read_again(document: dict[str, object]) -> None:
    problems = Problems()
    shown = parse_document(write_toml(document), "f.toml", problems)

    assert problems.found == []
    assert shown.plain() == document


def test_a_folder_that_may_not_be_entered_holds_no_configuration(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, **_wishes: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))  # as the system answers whoever is not root

    monkeypatch.setattr(os, "stat", refuse)
    assert find_configuration(None, {"HOME": str(tmp_path)}, tmp_path) is None
    with pytest.raises(ConfigError, match="There is no configuration at"):
        find_configuration("rebond.toml", {}, tmp_path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x = " + "[" * 20_000 + "]" * 20_000, "too deep"),
        ("x = " + "[" * 200 + "]" * 200, "too deep"),
        ("a" + ".a" * 5000 + " = 1", "too deep"),
        ("x = " + "9" * 5000, "too many digits"),
        ('root = "a\\u0000b"', "character of number 0"),
        ('env = ["a\\u0000b"]', "character of number 0"),
        ('include = ["a\\u0000*.toml"]', "character of number 0"),
        ('root = "~nobody-of-that-name/shop"', "home of nobody-of-that-name"),
        ('[log]\nfile = "l"\nsize = "' + "9" * 400 + 'PB"', "is not a size"),
    ],
)
def test_what_is_hostile_is_a_problem_like_any_other(tmp_path: pathlib.Path, body: str, words: str) -> None:
    verdict = read_body(tmp_path, body)

    assert verdict.loaded is None
    assert [each.error.message for each in verdict.problems if words in each.error.message]


def test_a_folder_may_be_called_as_a_home_is(tmp_path: pathlib.Path) -> None:
    below = tmp_path / "~old"
    below.mkdir()
    verdict = read_body(below, 'root = "shop/~new"')

    assert verdict.loaded is not None
    assert verdict.loaded.root == below / "shop" / "~new"
