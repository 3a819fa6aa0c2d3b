"""The pages say what the program does."""

import pathlib
import re
import tomllib

import pytest
from tests.message_templates import collect
from tests.unit.test_errors import every_error
from tools import print_decisions
from tools.print_configuration import print_page
from tools.print_reference import print_reference

from rebond.cli.output.answering import DAMAGED, DOUBTFUL, GOOD, MISSED
from rebond.cli.output.endings import READER_WENT_AWAY
from rebond.config.json_schema import write_schema
from rebond.errors import Interrupted

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
REFERENCE = print_reference()


def relative(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_printed_reference_is_the_committed_one() -> None:
    assert (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8") == REFERENCE, "make docs prints it anew"


def test_the_printed_pages_of_the_configuration_are_the_committed_ones() -> None:
    assert (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8") == print_page(), "make docs"
    assert (ROOT / "docs/reference/rebond.schema.json").read_text(encoding="utf-8") == write_schema(), "make docs"


def test_the_printed_list_of_decisions_is_the_committed_one() -> None:
    assert (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8") == print_decisions.print_page(), "make docs"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_to_a_page_of_ours_leads_somewhere(page: pathlib.Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [each for each in targets if not (page.parent / each).exists()] == []


def test_the_index_names_every_page_that_is_for_users() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = [*ROOT.glob("docs/*.md"), *(ROOT / "docs").glob("[ehr]*/*.md")]

    named = set(re.findall(r"\]\(([^)#]+)", index))
    missing = {each.relative_to(ROOT / "docs").as_posix() for each in pages} - named
    assert missing == {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_on_a_page_exists(page: pathlib.Path) -> None:
    known = set(re.findall(r"^## `(rebond[a-z -]*)`$", REFERENCE, re.MULTILINE))
    lines = re.findall(
        r"^\$ (?:[A-Z_]+=\S+ )*(rebond [a-z]+(?: [a-z]+)?)", page.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert [each for each in lines if each not in known and each.rsplit(" ", 1)[0] not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_option_in_a_session_on_a_page_exists(page: pathlib.Path) -> None:
    text = page.read_text(encoding="utf-8")
    used = {
        option
        for line in re.findall(r"^\$ .*\brebond\b.*$", text, re.MULTILINE)
        for option in re.findall(r" (--[a-z-]+)", line)
    }

    assert sorted(each for each in used if each not in REFERENCE) == []


def test_every_exit_status_is_on_its_page() -> None:
    page = (ROOT / "docs/reference/exit-statuses.md").read_text(encoding="utf-8")
    listed = {int(each) for each in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    used = {each.exit_status for each in every_error()} | {
        Interrupted.exit_status,
        GOOD,
        DOUBTFUL,
        DAMAGED,
        MISSED,
        READER_WENT_AWAY,
    }

    assert used == listed


@pytest.mark.parametrize(("picture", "house"), [(0, "rebond"), (1, "rebond.cli")])
def test_a_picture_of_the_house_is_that_of_its_layers(picture: int, house: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(each["layers"] for each in settings["contracts"] if each.get("containers") == [house])
    pictures = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("```")[1::2]

    drawn = [re.split(r"  +", line.strip())[0] for line in pictures[picture].strip().splitlines()]
    assert drawn == layers


def test_every_file_that_the_page_of_the_house_names_is_there() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)+[\w/]*(?:\.py)?)`", page)

    places = (ROOT, ROOT / "src" / "rebond")
    missing = [each for each in named if "VERB" not in each and not any((place / each).exists() for place in places)]
    assert missing == []


def test_the_pages_for_contributors_stay_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) < 150


def test_every_command_and_option_in_a_message_exists() -> None:
    commands = set(re.findall(r"^## `(rebond[a-z -]*)`$", REFERENCE, re.MULTILINE))
    wrong = []
    for template, place in collect().templates.items():
        named = {f"rebond {word}" for word in re.findall(r"\brebond ([a-z]+)", template)}
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", template))
        wrong += [
            f"{place}: {each}"
            for each in sorted((named - commands) | {each for each in options if each not in REFERENCE})
        ]

    assert wrong == []
