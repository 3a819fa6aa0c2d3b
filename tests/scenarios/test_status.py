"""Objectives against facts: what is promised beside what was measured, and what would mend it."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.drilled_stack import DrilledStack


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[DrilledStack]:
    made = DrilledStack(tmp_path)
    yield made
    made.close()


def by_name(document: Any) -> dict[str, Any]:
    return {each["name"]: each for each in document["components"]}


def test_before_anything_was_saved_or_drilled_nothing_is_claimed(stack: DrilledStack) -> None:
    found = stack.program.ask("status")
    media = by_name(found)["media"]
    assert (media["rto_seconds"], media["rpo_seconds"], media["newest"]) == (None, None, None)
    assert {each["code"] for each in found["remarks"] if each["subject"] == "media"} == {"never-saved", "rto-unknown"}
    assert found["last_drill"] is None


def test_promises_stand_beside_what_drills_and_snapshots_show(stack: DrilledStack) -> None:
    stack.configure(
        '[objective]\nlost-server = { rto = "2h" }\n[class.daily]\nschedule = "0 3 * * *"\ncomponents = "all"\n'
    )
    stack.program.good("backup", "--class", "daily")
    stack.program.good("drill")
    found = stack.program.ask("status")
    media = by_name(found)["media"]
    assert 0 < media["rto_seconds"] < 3600
    assert (media["rto_objective"], media["rpo_objective"], media["missed"]) == (3600, 3600, [])
    assert media["rto_expected_seconds"] > 0
    assert found["ok"] is True
    assert found["last_drill"]["verdict"] == "pass"
    assert [(each["subject"], each["missed"]) for each in found["scenarios"]] == [("lost-server", False)]
    assert found["classes"][0]["newest"] is not None
    assert found["classes"][0]["next"] is not None
    assert found["can_destroy"] is None  # the owner may, by right


def test_a_promise_that_is_missed_ends_with_5_and_says_what_mends_it(stack: DrilledStack) -> None:
    text = (stack.root / "rebond.toml").read_text().replace('rto = "1h"\nrpo = "1h"', 'rto = "1h"\nrpo = "0s"')
    (stack.root / "rebond.toml").write_text(text)
    stack.program.good("backup")
    missed = stack.program("status", "--json")
    assert missed.status == 5
    assert [(each["subject"], each["measure"]) for each in missed.document["missed"]] == [("media", "rpo")]
    (remark,) = (each for each in missed.document["remarks"] if each["code"] == "rpo-missed")
    assert "change" in remark["hint"]
    assert "MISSED" in stack.program("status").out


def test_what_is_saved_at_every_change_loses_nothing_until_it_changes_whoever_saved_it(stack: DrilledStack) -> None:
    text = (stack.root / "rebond.toml").read_text().replace('paths = [".env"]', 'paths = [".env"]\nrpo = "0s"')
    text += '[class.changes]\ntrigger = "change"\ncomponents = ["env"]\n'
    text += '[class.all]\ntrigger = "manual"\ncomponents = "all"\n'
    (stack.root / "rebond.toml").write_text(text)
    stack.program.good("backup")  # by hand, and by no class

    assert by_name(stack.program.ask("status"))["env"]["rpo_seconds"] == 0

    (stack.root / ".env").write_text("API_KEY=another-one\n")
    missed = stack.program("status", "--json")
    (remark,) = (each for each in missed.document["remarks"] if each["code"] == "rpo-missed")
    assert (missed.status, remark["subject"]) == (5, "env")
    assert "rebond backup --class changes" in remark["hint"]
    stack.program.good("backup", "--class", "changes")
    assert stack.program("status", "--json").status == 0

    (stack.root / ".env").rename(stack.root / "x")
    (stack.root / "x").rename(stack.root / ".env")  # touched, and the same: nothing is to be saved
    assert stack.program("status", "--json").status == 0, "what is there is what the snapshot holds"
    assert stack.program.ask("backup", "--class", "changes")["is_unchanged"]

    (stack.root / ".env").write_text("API_KEY=another-two\n")
    assert stack.program("status", "--json").status == 5
    (stack.root / ".env").write_text("API_KEY=another-one\n")
    assert stack.program("status", "--json").status == 0
    newest = max(stack.program.ask("snapshots"), key=lambda each: str(each["time"]))["id"]
    stack.program.good("forget", newest, "--yes")
    assert stack.program("status", "--json").status == 5, "what held it lies in the trash"


def test_the_page_needs_nothing_else_and_speaks_french(stack: DrilledStack) -> None:
    stack.program.good("backup")
    page = stack.folder / "page.html"
    stack.program.good("status", "--html", page, "--lang", "fr")
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "Promis et mesuré" in text
    assert "promised" not in text.lower()
    assert not any(each in text for each in ("<script", "http://", "https://", "<img"))
