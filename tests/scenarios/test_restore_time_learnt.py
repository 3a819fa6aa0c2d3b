"""A stack grows, real drills are written into the ledger, and the status warns before its promise breaks."""

import importlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.drilled_stack import HEAD, DrilledStack

from rebond.clock import SystemClock

DAY_MS = 86_400_000
FIXED_SECONDS, SECONDS_PER_BYTE = 5.0, 1e-4  # 10 kB a second: what real seconds add does not count beside it


class SlowWorld:
    """The clock of this process, in which days are let pass, and in which a restore takes as long as it is large."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.days = 0
        self.waited_seconds = 0.0
        now_ms, monotonic = SystemClock.now_ms, SystemClock.monotonic
        patch.setattr(SystemClock, "now_ms", lambda clock: now_ms(clock) + self.days * DAY_MS)
        patch.setattr(SystemClock, "monotonic", lambda clock: monotonic(clock) + self.waited_seconds)
        drilling = importlib.import_module("rebond.operations.drills.drill")
        restore = drilling.restore

        def restore_slowly(*arguments: Any, **wishes: Any) -> Any:
            outcome = restore(*arguments, **wishes)
            self.waited_seconds += FIXED_SECONDS + outcome.size_bytes * SECONDS_PER_BYTE
            return outcome

        patch.setattr(drilling, "restore", restore_slowly)


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Iterator[DrilledStack]:
    made = DrilledStack(tmp_path)
    text = HEAD.replace('rto = "1h"\nrpo = "1h"', 'rto = "2min"')
    (made.root / "rebond.toml").write_text(text)
    yield made
    made.close()


def grow_to(stack: DrilledStack, size_bytes: int) -> None:
    """Let the media be so large, save it, and prove it."""
    folder = stack.root / "media"
    missing = size_bytes - sum(each.stat().st_size for each in folder.iterdir())
    (folder / f"more-{size_bytes}").write_bytes(os.urandom(missing))
    stack.program.good("backup")
    assert stack.drill().document["verdict"] == "pass"


def remarks(document: Any) -> list[str]:
    return [each["code"] for each in document["remarks"] if each["subject"] == "media"]


def test_status_warns_before_growth_breaks_a_promise_and_ends_with_5_once_it_has(
    stack: DrilledStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SlowWorld(monkeypatch)
    page = stack.folder / "page.html"
    grow_to(stack, 100_000)
    first = stack.program("status", "--json")
    assert (first.status, remarks(first.document)) == (0, [])

    world.days = 10
    grow_to(stack, 200_000)  # 25 s; 1 s more each day: some 95 days are left
    second = stack.program("status", "--json", "--html", page)
    assert (second.status, remarks(second.document)) == (0, [])
    assert "grows so fast" not in page.read_text()

    world.days = 20
    grow_to(stack, 600_000)  # 65 s; 2.5 s more each day
    warned = stack.program("status", "--json", "--html", page)
    (media,) = (each for each in warned.document["components"] if each["name"] == "media")
    assert (warned.status, remarks(warned.document)) == (0, ["rto-will-break"])  # nothing is missed yet
    assert 10 <= media["rto_breaks_in_days"] <= 30
    assert media["phases"]["fetch"] == pytest.approx(FIXED_SECONDS + 600_000 * SECONDS_PER_BYTE, rel=0.2)
    assert media["missed"] == []
    (remark,) = (each for each in warned.document["remarks"] if each["code"] == "rto-will-break")
    assert "most of it goes to 'fetch'" in remark["message"]
    assert remark["message"].partition(";")[0] in page.read_text()
    assert "grows so fast" in stack.program("status").out

    world.days = 30
    grow_to(stack, 1_300_000)
    missed = stack.program("status", "--json", "--html", page)
    assert (missed.status, remarks(missed.document)) == (5, ["rto-missed"])
    assert [(each["subject"], each["measure"]) for each in missed.document["missed"]] == [("media", "rto")]
    assert "grows so fast" not in page.read_text()
