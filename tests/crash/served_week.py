"""A service and its runs as processes of their own, by a clock in a file that the test moves.

``python served_week.py serve FOLDER`` serves; ``python served_week.py run FOLDER JOB`` is one run: it takes its turn
and leaves its effect, a line in a file, in the middle.
"""

import os
import pathlib
import sys
import time

from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.schedule.jobs import Job, make_calendar
from rebond.schedule.observing import Observer
from rebond.schedule.turns import NotNow, Surroundings, take_turn
from rebond.service.configurations import Configurations
from rebond.service.daemon import Service, ServiceSettings

CONFIGURATION = """\
version = 1
[stack]
name = "week"
timezone = "Europe/Paris"
[component.all]
kind = "files"
path = "."
[class.daily]
schedule = "30 2 * * *"
components = "all"
[class.often]
schedule = "0 */6 * * *"
components = "all"
"""
STEP_SECONDS = 0.03  # before and after the effect of a run


class FileClock:
    """The wall time of a file, and the machine's own monotonic one."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._path = folder / "now"

    def now_ms(self) -> int:
        return int(self._path.read_text())

    def set(self, now_ms: int) -> None:
        """Move it; readers see the old time or the new."""
        beside = self._path.with_suffix(".new")
        beside.write_text(str(now_ms))
        beside.replace(self._path)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.02))


def load(folder: pathlib.Path) -> Loaded:
    """Return the stack's configuration."""
    loaded = load_configuration(folder / "rebond.toml", {}).loaded
    assert loaded is not None
    return loaded


def state_of(folder: pathlib.Path) -> pathlib.Path:
    """Return where the stack's records are."""
    return folder / "state"


def effects_of(folder: pathlib.Path) -> list[tuple[str, int, int]]:
    """Return every effect: its job, the firing that it took, and when it happened."""
    path = folder / "effects"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(job, int(firing_ms), int(now_ms)) for job, firing_ms, now_ms in map(str.split, lines)]


def serve(folder: pathlib.Path) -> None:
    """Serve until killed."""
    settings = ServiceSettings(
        folder=state_of(folder),
        make_command=lambda job: (sys.executable, __file__, "run", str(folder), job.name),
        environment=dict(os.environ),
        clock=FileClock(folder),
        look_every_seconds=0.01,
        first_rest_seconds=0.01,
    )
    configurations = Configurations(lambda: load_configuration(folder / "rebond.toml", {}), keep=lambda *_: None)
    service = Service(settings, configurations)
    service.run(open_doors=lambda: None, notice_ready=(folder / "ready").touch)


def run(folder: pathlib.Path, name: str) -> None:
    """Run one job in its turn."""
    loaded, clock = load(folder), FileClock(folder)
    calendar = make_calendar(loaded.configuration)
    job = calendar.find(name)
    assert job is not None

    def was_saved(job: Job, began_ms: int) -> bool:
        return any(each == job.name and at_ms >= began_ms for each, _, at_ms in effects_of(folder))

    around = Surroundings(
        folder=state_of(folder),
        calendar=calendar,
        clock=clock,
        observe=Observer(loaded, state_of(folder), clock),
        was_saved=was_saved,
    )
    with take_turn(job, around) as turn:
        if isinstance(turn, NotNow):
            return
        time.sleep(STEP_SECONDS)
        line = f"{name} {turn.record.taken_ms} {clock.now_ms()}\n"
        descriptor = os.open(folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        time.sleep(STEP_SECONDS)
        turn.end(0)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(pathlib.Path(sys.argv[2]))
    else:
        run(pathlib.Path(sys.argv[2]), sys.argv[3])
