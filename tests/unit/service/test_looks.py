"""What the service starts when something is in its way: a record that cannot be read, a disk that is full."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence

import pytest

from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.schedule.jobs import Deed, Job
from rebond.schedule.records import JOBS, JobRecord, Records
from rebond.service.configurations import Configurations
from rebond.service.daemon import Service, ServiceSettings
from rebond.testing.manual_clock import ManualClock

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "UTC"
[component.code]
kind = "files"
path = "."
[class.first]
schedule = "0 * * * *"
components = "all"
[class.second]
schedule = "0 * * * *"
components = "all"
"""


class Served:
    """A service whose runs are a shell line each, and that looks when it is told to."""

    def __init__(self, folder: pathlib.Path, line: str) -> None:
        self.path = folder / "rebond.toml"
        self.path.write_text(CONFIGURATION)
        self.state = folder / "state"
        self.clock = ManualClock()
        self.begun: list[str] = []
        self.wanted: list[Loaded] = []
        self._line = line
        self.service = Service(
            ServiceSettings(
                folder=self.state,
                make_command=self._make_command,
                environment=dict(os.environ),
                clock=self.clock,
                list_attendants=self._list_attendants,
            ),
            Configurations(lambda: load_configuration(self.path, {}), lambda *_: None),
        )

    def _make_command(self, job: Job) -> Sequence[str]:
        self.begun.append(job.name)
        return ("/bin/sh", "-c", self._line)

    def _list_attendants(self, loaded: Loaded) -> dict[str, Sequence[str]]:
        self.wanted.append(loaded)
        return {}

    def look(self) -> None:
        """Look, and look again at the end of each run, until nothing runs."""
        self.service._look_safely()
        while running := [lane.child for lane in self.service._lanes.values() if lane.child is not None]:
            for child in running:
                child._waiter.join(60)
            self.service._look_safely()

    def look_for_hours(self, hours: int) -> None:
        for _ in range(hours):
            self.clock.advance(3600)
            self.look()


def test_a_record_that_cannot_be_read_keeps_no_other_job_from_its_run(tmp_path: pathlib.Path) -> None:
    served = Served(tmp_path, "true")
    (served.state / JOBS / "first.json").mkdir(parents=True)  # as good as one of another user's
    served.look()
    served.look_for_hours(2)

    assert served.begun.count("second") == 2
    assert served.begun.count("first") == 2, "nor itself"
    assert any(each.startswith("first: ") for each in served.service.facts.troubles), "and it is told"
    (served.state / JOBS / "first.json").rmdir()
    served.look_for_hours(1)
    assert served.service.facts.troubles == ()
    assert Records(served.state).read("first") is not None


@pytest.mark.parametrize("fault", [PermissionError(13, "Permission denied", "calls/first"), ValueError("no such year")])
def test_what_cannot_be_looked_at_keeps_no_other_job_from_its_run(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    served = Served(tmp_path, "true")
    served.look()
    look = served.service._due._watches.look

    def fail_for_first(job: Job) -> object:
        if job.name == "first":
            raise fault
        return look(job)

    monkeypatch.setattr(served.service._due._watches, "look", fail_for_first)
    served.look_for_hours(1)

    assert served.begun == ["second"]
    assert [each for each in served.service.facts.troubles if each.startswith("first: ") and str(fault) in each]


def test_a_disk_without_room_for_records_lets_each_run_begin_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Records, name: str, _record: JobRecord) -> None:
        raise OSError(28, "No space left on device", name)

    write = Records.write
    monkeypatch.setattr(Records, "write", refuse)
    served = Served(tmp_path, "true")
    served.look()
    served.look_for_hours(2)
    for _ in range(15):
        served.clock.advance(60)
        served.look()

    assert sorted(served.begun) == ["first", "first", "second", "second"], "also the first of its life, and none twice"
    assert {each.partition(":")[0] for each in served.service.facts.troubles} == {"first", "second"}
    monkeypatch.setattr(Records, "write", write)
    served.look_for_hours(1)
    assert served.service.facts.troubles == ()


def test_a_run_that_failed_without_a_record_stays_due(tmp_path: pathlib.Path) -> None:
    served = Served(tmp_path, "exit 1")
    served.look()
    served.look_for_hours(1)
    served.clock.advance(60)
    served.look()

    assert served.begun.count("first") == 2


def test_a_run_that_says_that_it_did_not_begin_stays_due(tmp_path: pathlib.Path) -> None:
    served = Served(tmp_path, """echo '{"began": false}'""")
    served.look()
    served.look_for_hours(1)
    served.clock.advance(60)
    served.look()

    assert served.begun.count("first") == 2


def test_a_fault_of_our_own_ends_no_service_and_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, "true")
    served.look()
    look: Callable[..., object] = served.service._due._look

    def fail(_job: Job) -> object:
        raise KeyError("what nobody thought of")

    monkeypatch.setattr(served.service._due, "_look", fail)
    served.look_for_hours(1)
    assert served.begun == []
    assert "KeyError" in served.service.facts.troubles[0]
    monkeypatch.setattr(served.service._due, "_look", look)
    served.look_for_hours(1)
    assert sorted(served.begun) == ["first", "second"]
    assert served.service.facts.troubles == ()


def test_a_run_that_hangs_while_its_next_is_due_is_told_and_not_ended(tmp_path: pathlib.Path) -> None:
    served = Served(tmp_path, "exec sleep 600")
    served.service._look_safely()
    served.clock.advance(3600)
    served.service._look_safely()
    child = served.service._lanes["backup"].child
    assert child is not None
    served.clock.advance(86_000)
    served.service._look_safely()
    assert served.service.facts.troubles == (), "a long run is none that hangs"
    served.clock.advance(1000)
    served.service._look_safely()
    assert "first: runs since 24 hours" in " ".join(served.service.facts.troubles)
    assert child.status is None
    child.interrupt()
    served.service._look_safely()
    assert served.service.facts.troubles == ()
    since_ms = served.clock.now_ms()
    for trigger in ("start", "commit"):
        waiting = Job(deed=Deed.BACKUP, class_name="third", trigger=trigger)
        served.service._calendar = dataclasses.replace(served.service._calendar, jobs=(waiting,))
        served.service._due.find = lambda _: None  # type: ignore[method-assign,assignment]
        assert not served.service._has_missed("backup", since_ms), "it waits for nothing"
    for lane in served.service._lanes.values():
        if lane.child is not None:  # the other class had waited
            lane.child.interrupt()
