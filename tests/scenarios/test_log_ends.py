"""What would be lost of a database with a log is what came after the end of that, not after its last base."""

import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.logged_stack import LoggedStack

from rebond.clock import SystemClock
from rebond.units import parse_moment

pytestmark = pytest.mark.judge("postgres")
LATER_SECONDS = 1.2
CHECK = '[drill]\nchecks = [{ name = "row", sql = "SELECT count(*) > 0 FROM t", component = "db" }]'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggedStack]:
    made = LoggedStack(tmp_path_factory.mktemp("logged"))
    try:
        made.describe(more=CHECK)
        made.server.sql("CREATE TABLE t (id int)")
        made.program.good("backup")
        time.sleep(LATER_SECONDS)
        made.server.sql("INSERT INTO t VALUES (1)")
        made.switch()
        yield made
    finally:
        made.close()


@pytest.fixture
def holed(tmp_path: pathlib.Path) -> Iterator[LoggedStack]:
    """One of its own: what is lost of its log stays lost."""
    made = LoggedStack(tmp_path)
    try:
        made.describe()
        made.server.sql("CREATE TABLE t (id int)")
        made.program.good("backup")
        yield made
    finally:
        made.close()


def find(document: Any, name: str = "db") -> Any:
    return next(each for each in document["components"] if each["name"] == name)


def moment_ms(text: str) -> int:
    return parse_moment(text, now_ms=SystemClock().now_ms())


def test_status_counts_from_the_end_of_the_log_and_shows_the_window(stack: LoggedStack, tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.html"
    found = stack.program.ask("status", "--html", page)
    db = find(found)
    (window,) = found["windows"]
    assert db["rpo_basis"] == "log"
    assert moment_ms(window["until"]) >= moment_ms(db["newest"]) + LATER_SECONDS * 1000
    age_ms = moment_ms(found["time"]) - moment_ms(window["until"])
    assert db["rpo_seconds"] == pytest.approx(age_ms / 1000, abs=0.01)
    assert (window["component"], window["timeline"], window["gap"], window["current"]) == ("db", 1, None, True)
    assert "any moment from" in stack.program.good("status").out
    assert "any moment from" in stack.program.good("snapshots").out
    assert "go back to any second" in page.read_text()
    assert find(found, "media")["rpo_basis"] == "snapshot"


def test_a_drill_counts_from_the_end_of_the_log_too(stack: LoggedStack) -> None:
    done = stack.drill()
    db, media = (find(done.document, each) for each in ("db", "media"))
    assert db["age_seconds"] <= media["age_seconds"] - LATER_SECONDS + 0.5
    lost = stack.drill("--scenario", "lost-server").document
    rows = [[each["answer"] for each in one["checks"] if each["subject"] == "row"] for one in (done.document, lost)]
    assert rows == [["fail"], ["pass"]]  # the set's own moment, and the newest one
    assert find(lost)["age_seconds"] < find(lost, "media")["age_seconds"]


def test_without_the_key_that_reads_the_arrival_of_the_log_is_told(stack: LoggedStack) -> None:
    key = stack.folder / "keeper.key"
    if not key.exists():
        stack.program.good("key", "issue", "keeper", "web", "--output", key)
    found = stack.program.ask("status", REBOND_KEY_FILE=str(key))
    db = find(found)
    (window,) = found["windows"]
    assert (db["rpo_basis"], window["estimate"], window["timeline"]) == ("log-arrival", True, 1)
    assert moment_ms(window["until"]) == stack.find_segment(stack.last).modified_ms
    assert "by when the log arrived" in stack.program.good("status", REBOND_KEY_FILE=str(key)).out


def test_a_server_that_nobody_uses_loses_nothing_and_one_that_wrote_does(stack: LoggedStack) -> None:
    stack.describe(rpo="1s")
    try:
        time.sleep(1.1)
        stack.server.sql("CHECKPOINT")  # it writes a little of its own
        idle = find(stack.program.ask("status"))
        assert (idle["rpo_basis"], idle["rpo_seconds"], idle["missed"]) == ("server-wrote-nothing", 0, [])
        stack.server.sql("INSERT INTO t VALUES (2)")
        missed = stack.program("status", "--json")
        assert missed.status == 5
        assert find(missed.document)["missed"] == ["rpo"]
        (remark,) = (each for each in missed.document["remarks"] if each["code"] == "rpo-missed")
        assert "wal status" in remark["hint"]
    finally:
        stack.describe()


def test_a_hole_ends_what_can_be_reached_until_a_new_base_lies_behind_it(holed: LoggedStack) -> None:
    holed.server.sql("INSERT INTO t VALUES (3)")
    lost = holed.switch()
    holed.server.sql("INSERT INTO t VALUES (4)")
    holed.switch()
    holed.vault.store.delete(holed.find_segment(lost).name)
    holed.describe(rpo="1s")
    time.sleep(1.1)  # longer than is promised
    found = holed.program("status", "--json")
    assert found.status == 5
    (window,) = found.document["windows"]
    assert window["gap"] == lost
    (remark,) = (each for each in found.document["remarks"] if each["code"] == "rpo-missed")
    assert lost in remark["message"]
    assert f"then {lost} is missing" in holed.program("snapshots").out
    key = holed.folder / "keeper.key"
    if key.exists():
        assert holed.program("status", "--json", REBOND_KEY_FILE=str(key)).document["windows"][0]["gap"] == lost

    holed.program.good("backup", "db")
    mended = holed.program("status", "--json").document
    assert [each["gap"] for each in mended["windows"]] == [lost, None]
    assert [each["current"] for each in mended["windows"]] == [False, True]
