"""A run is written down when it begins and when it ends, and one that was killed shows."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rebond.findings import Finding, Severity
from rebond.history.ledger import Ledger
from rebond.history.lines import LOST
from rebond.history.recording import FINDINGS_KEPT, RunRecorder, note_event
from rebond.history.runs import Result, Run, RunFilter, read_runs
from rebond.logs.masking import remember_secret
from rebond.progress import Advance
from rebond.secret import Secret
from rebond.testing.manual_clock import ManualClock


def runs(folder: Path, **wanted: object) -> list[Run]:
    return read_runs(Ledger(folder), RunFilter(**wanted))  # type: ignore[arg-type]


def warn(subject: str, message: str = "cannot be read") -> Finding:
    return Finding(code="unreadable", severity=Severity.WARNING, subject=subject, template=message)


def test_a_run_is_a_begin_and_an_end(tmp_path: Path) -> None:
    clock = ManualClock()
    recorder = RunRecorder(tmp_path, "backup", clock=clock)
    recorder.begin({"class": "daily"})
    assert [(each.run, each.result, each.text("class")) for each in runs(tmp_path)] == [
        (recorder.run, Result.RUNNING, "daily")
    ]
    recorder.advanced(Advance(phase="scan"))
    clock.advance(2)
    recorder.advanced(Advance(phase="backup"))
    clock.advance(8)
    recorder.noticed(warn("/srv/x"))
    recorder.learn(stack="shop", vault="")
    recorder.learn_figures({"bytes": 5000, "stored_bytes": 7})
    recorder.learn_snapshots(["aa", "bb", "aa"])
    recorder.end(3)

    (run,) = runs(tmp_path)
    assert (run.status, run.result, run.text("stack"), run.text("class")) == (3, Result.DOUBTFUL, "shop", "daily")
    assert run.table("phases") == {"scan": 2.0, "backup": 8.0}
    assert (run.figure("seconds"), run.figure("bytes"), run.figure("bytes_per_second")) == (10.0, 5000, 500)
    assert run.figure("peak_bytes") > 5_000_000  # type: ignore[operator]
    assert run.figure("cpu_seconds") >= 0  # type: ignore[operator]
    assert run.texts("snapshots") == ["aa", "bb"]
    assert run.facts["findings"] == [
        {"code": "unreadable", "severity": "warning", "subject": "/srv/x", "message": "cannot be read"}
    ]
    assert run.table("counts") == {"warning": 1}
    assert "vault" not in run.facts
    assert run.ended_ms is not None
    assert run.ended_ms - run.began_ms == 10_000


def test_findings_are_counted_and_the_first_ones_kept(tmp_path: Path) -> None:
    recorder = RunRecorder(tmp_path, "backup")
    recorder.begin({})
    for number in range(1000):
        recorder.noticed(warn(str(number), "x" * 9000))
    recorder.end(3)

    (run,) = runs(tmp_path)
    assert len(run.facts["findings"]) == FINDINGS_KEPT
    assert run.table("counts") == {"warning": 1000}
    assert Ledger(tmp_path).files()[0].stat().st_size < 300_000


def test_no_secret_is_in_a_ledger_and_no_name_breaks_it(tmp_path: Path) -> None:
    remember_secret(Secret("never-in-a-ledger-1"))
    recorder = RunRecorder(tmp_path, "backup")
    recorder.begin({})
    recorder.noticed(warn("a\udcff\n\x00" + "b", "password never-in-a-ledger-1"))
    recorder.end(30, ("command-failed", "never-in-a-ledger-1 was refused"))

    assert b"never-in" not in Ledger(tmp_path).files()[0].read_bytes()
    (run,) = runs(tmp_path)
    assert run.facts["error"] == {"code": "command-failed", "message": "*** was refused"}
    assert run.facts["findings"][0]["subject"] == "a\\udcff\n\x00b"


_BEGIN_AND_WAIT = """
import sys, time
from pathlib import Path
from rebond.history.recording import RunRecorder
recorder = RunRecorder(Path(sys.argv[1]), "backup")
recorder.begin({})
print(recorder.run, flush=True)
time.sleep(60)
"""


@pytest.fixture
def killed(tmp_path: Path) -> str:
    """The id of a run that kill -9 ended."""
    process = subprocess.Popen([sys.executable, "-c", _BEGIN_AND_WAIT, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    run = process.stdout.readline().strip()
    assert [(each.run, each.result) for each in runs(tmp_path)] == [(run, Result.RUNNING)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return run


def test_a_run_that_was_killed_began_and_never_ended(tmp_path: Path, killed: str) -> None:
    assert [(each.run, each.result, each.status) for each in runs(tmp_path)] == [(killed, Result.NEVER_ENDED, None)]


def test_the_next_run_writes_down_that_it_was_lost_once(tmp_path: Path, killed: str) -> None:
    for _ in range(2):
        recorder = RunRecorder(tmp_path, "backup")
        recorder.begin({})
        recorder.end(0)

    lost = [line.facts for line in Ledger(tmp_path).lines() if line.event == LOST]
    assert [(each["run"], each["kind"]) for each in lost] == [(killed, "backup")]
    assert [each.result for each in runs(tmp_path)] == [Result.NEVER_ENDED, Result.GOOD, Result.GOOD]
    assert os.listdir(tmp_path / "running") == []


def test_a_run_under_way_is_not_taken_for_a_lost_one(tmp_path: Path) -> None:
    first, second = RunRecorder(tmp_path, "backup"), RunRecorder(tmp_path, "verify")
    first.begin({})
    second.begin({})
    second.end(0)

    assert [each.result for each in runs(tmp_path)] == [Result.RUNNING, Result.GOOD]
    first.end(0)
    assert [each.result for each in runs(tmp_path)] == [Result.GOOD, Result.GOOD]
    assert [line for line in Ledger(tmp_path).lines() if line.event == LOST] == []


def test_an_end_whose_begin_could_not_be_written_brings_its_begin(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    folder.write_text("in the way")
    recorder = RunRecorder(folder, "backup")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        recorder.begin({"class": "daily"})
    folder.unlink()
    recorder.end(0)

    assert [(each.result, each.text("class")) for each in runs(folder)] == [(Result.GOOD, "daily")]


def test_runs_are_chosen_by_time_kind_and_number(tmp_path: Path) -> None:
    clock = ManualClock()
    began = []
    for kind in ("backup", "key add", "backup", "verify", "key remove"):
        began.append(clock.now_ms())
        recorder = RunRecorder(tmp_path, kind, clock=clock)
        recorder.begin({})
        recorder.end(0)
        clock.advance(60)

    def kinds(**wanted: object) -> list[str]:
        return [each.kind for each in runs(tmp_path, **wanted)]

    assert kinds() == ["backup", "key add", "backup", "verify", "key remove"]
    assert kinds(newest=2) == ["verify", "key remove"]
    assert kinds(kind="backup", newest=1) == ["backup"]
    assert kinds(kind="key") == ["key add", "key remove"]
    assert kinds(since_ms=began[2]) == ["backup", "verify", "key remove"]
    assert kinds(since_ms=began[4] + 1) == kinds(kind="ver") == []


@pytest.mark.parametrize(
    ("status", "result"),
    [(0, "good"), (3, "doubtful"), (4, "damaged"), (6, "refused"), (130, "interrupted"), (31, "failed"), (1, "failed")],
)
def test_a_result_says_what_an_exit_status_means(tmp_path: Path, status: int, result: str) -> None:
    recorder = RunRecorder(tmp_path, "backup")
    recorder.begin({})
    recorder.end(status)

    assert runs(tmp_path)[0].result.value == result


def test_something_that_is_no_run_can_be_noted(tmp_path: Path) -> None:
    note_event(tmp_path, "pause", {"reason": "maintenance"})

    (run,) = runs(tmp_path)
    assert (run.kind, run.result, run.text("reason")) == ("pause", Result.NOTED, "maintenance")


def test_lines_of_strangers_are_read_without_harm(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append("ended", {"run": ["x"], "status": "good", "figures": [1], "snapshots": "no", "time": 7})
    ledger.append("began", {"run": "../../etc/passwd", "kind": 5})
    ledger.append("from a later version", {"run": "r"})

    assert [(each.kind, each.result) for each in runs(tmp_path)] == [("5", Result.NEVER_ENDED)]
    assert json.loads(Ledger(tmp_path).files()[0].read_bytes().splitlines()[1])["n"] == 1
