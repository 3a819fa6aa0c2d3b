"""A component that the snapshot lacks, and words in the wrong place: what was meant is said as a command."""

import pathlib
import shlex

import pytest
from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "src"
[component.media]
kind = "files"
path = "media"
[class.code]
trigger = "manual"
components = ["code"]
[class.media]
trigger = "manual"
components = ["media"]
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Two snapshots of media, then one of code alone, which is the latest."""
    folder = tmp_path_factory.mktemp("named")
    for name in ("src", "media"):
        (folder / "shop" / name).mkdir(parents=True)
        (folder / "shop" / name / "file").write_text(name)
    (folder / "shop" / "rebond.toml").write_text(CONFIGURATION)
    made = Program.with_vault(folder)
    made.leave_vault_to_configuration()
    made.environment["REBOND_CONFIG"] = str(folder / "shop" / "rebond.toml")
    for name in ("media", "media", "code"):
        made.good("backup", "--class", name)
    return made


@pytest.mark.parametrize("place", [("--to", "back"), ("--in-place",)])
def test_the_newest_snapshot_that_has_the_component_is_named_with_its_command(
    program: Program, tmp_path: pathlib.Path, place: tuple[str, ...]
) -> None:
    words = [str(tmp_path / each) if each == "back" else each for each in place]
    refused = program("restore", "latest", "media", *words)
    assert refused.status == 2
    command = refused.err.splitlines()[-1].partition(": rebond ")[2]
    newest = [each["id"] for each in program.ask("snapshots") if each["class"] == "media"][-1]
    assert shlex.split(command) == ["restore", newest[:12], "media", *words]
    program.good(*shlex.split(command), *(["--yes"] if "--in-place" in words else []))

    unknown = program("restore", "latest", "medai", *words)
    assert (unknown.status, "It has: code." in unknown.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["media"], "Put the snapshot before it, such as: latest media"),
        (["--at", "media"], "--at '2026-02-04 14:32' media"),
        (["--at", "2099-01-01", "medai"], "There are: code, media."),
        (["--at", "2099-01-01", "latest", "code"], "Leave one of them out"),
    ],
)
def test_words_in_the_wrong_place_are_told_where_they_belong(
    program: Program, tmp_path: pathlib.Path, words: list[str], said: str
) -> None:
    refused = program("restore", *words, "--to", tmp_path / "back")
    assert (refused.status, said in refused.err, (tmp_path / "back").exists()) == (2, True, False), refused.err
    if "latest" not in words and "medai" not in words:
        assert said in program("restore", *words, "--in-place").err
