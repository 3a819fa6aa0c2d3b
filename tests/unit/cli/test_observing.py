"""Progress, as lines, as JSON, as a bar, and how fast it says things go."""

import io
import json

import pytest

from rebond.cli.invocation import Invocation
from rebond.cli.output.observing import JsonLines, PlainLines, describe_advance, describe_finding
from rebond.cli.output.pace import Pace
from rebond.cli.output.watching import Nobody, choose_watcher
from rebond.findings import Finding, Severity
from rebond.progress import Advance
from rebond.testing.manual_clock import ManualClock

HALFWAY = Advance(
    phase="saving", subject="a/b", files=50, total_files=100, bytes=500_000_000, total_bytes=1_000_000_000
)
UNREADABLE = Finding(
    code="unreadable",
    severity=Severity.WARNING,
    subject="a\x1bb",
    template="{path} cannot be read.",
    hint_template="Check its mode.",
    values={"path": "a\x1bb"},
)


def test_the_rate_is_that_of_the_last_seconds_and_the_wait_that_of_the_slower() -> None:
    pace = Pace()
    for second in range(100):
        done = second * 10 if second < 50 else 500 + (second - 50)
        pace.note(Advance(phase="saving", bytes=done, total_bytes=649, files=second, total_files=109), second)

    assert pace.bytes_per_second == pytest.approx(1)
    assert pace.remaining_seconds == pytest.approx(100)


def test_another_phase_begins_anew() -> None:
    pace = Pace()
    pace.note(Advance(phase="scanning", files=1000), 0)
    pace.note(Advance(phase="scanning", files=2000), 1)
    pace.note(Advance(phase="saving", files=1, total_files=2), 2)

    assert pace.files_per_second is None
    assert pace.remaining_seconds is None


def test_a_component_that_is_counted_by_itself_begins_anew() -> None:
    pace = Pace()
    pace.note(Advance(phase="backup", bytes=8000, files=3), 0.0)
    pace.note(Advance(phase="backup", bytes=100, files=3), 1.0)
    assert pace.bytes_per_second is None
    pace.note(Advance(phase="backup", bytes=300, files=1), 2.0)
    pace.note(Advance(phase="backup", bytes=700, files=1), 3.0)
    assert pace.bytes_per_second == 400


def test_a_line_says_how_far_how_fast_and_how_long_still() -> None:
    pace = Pace()
    pace.note(Advance(phase="saving"), 0)
    pace.note(HALFWAY, 5)

    assert describe_advance(HALFWAY, pace) == "saving, 50 of 100 files, 500 MB of 1.00 GB, 100 MB/s, 5.0 s left"


def test_plain_lines_come_every_ten_seconds_and_findings_at_once() -> None:
    out, clock = io.StringIO(), ManualClock()
    lines = PlainLines(out, clock)
    for _ in range(25):
        clock.sleep(1)
        lines.advanced(HALFWAY)
    lines.noticed(UNREADABLE)

    written = out.getvalue().splitlines()
    assert len([line for line in written if line.startswith("saving")]) == 2
    assert "warning: a\\x1bb cannot be read." in written


def test_json_lines_are_one_object_each() -> None:
    out = io.StringIO()
    lines = JsonLines(out, ManualClock())
    lines.advanced(HALFWAY)
    lines.advanced(HALFWAY)
    lines.noticed(UNREADABLE)
    advance, finding = [json.loads(line) for line in out.getvalue().splitlines()]

    assert advance["event"] == "advance"
    assert advance["files"] == 50
    assert finding["code"] == "unreadable"
    assert finding["severity"] == "warning"


def test_a_finding_shows_its_hint_on_a_line_of_its_own() -> None:
    assert describe_finding(UNREADABLE) == "warning: a\\x1bb cannot be read.\n  → Check its mode."


def test_quiet_is_quiet_and_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())

    assert isinstance(choose_watcher(Invocation(is_quiet=True, progress="bar")), Nobody)
    assert isinstance(choose_watcher(Invocation()), PlainLines)
    assert isinstance(choose_watcher(Invocation(progress="json")), JsonLines)


def test_the_bar_leaves_the_terminal_clean_and_shows_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    bar = choose_watcher(Invocation(progress="bar"))
    bar.advanced(HALFWAY)
    bar.noticed(UNREADABLE)
    bar.close()

    assert "cannot be read." in out.getvalue()
