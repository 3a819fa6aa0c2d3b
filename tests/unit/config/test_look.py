"""How often what no file shows is looked at: only where a change is waited for, and not without end."""

import pathlib

import pytest

from rebond.clock import Clock
from rebond.config.loading import load_configuration
from rebond.schedule.jobs import Deed, Job
from rebond.schedule.observing import Observer
from rebond.testing.manual_clock import ManualClock

CLASS = (
    'version = 1\n[stack]\nname = "x"\n[component.it]\nkind = "secrets"\nkubernetes = {}\n'
    '[class.watch]\ncomponents = ["it"]\n'
)


def make_observer(tmp_path: pathlib.Path, lines: str, clock: Clock) -> Observer:
    path = tmp_path / "rebond.toml"
    path.write_text(CLASS + lines)
    loaded = load_configuration(path, {}).loaded
    assert loaded is not None
    return Observer(loaded, tmp_path, clock)


@pytest.mark.parametrize(("line", "seconds"), [("", 300), ('look = "30s"', 30)])
def test_a_cluster_is_looked_at_as_often_as_its_class_says(tmp_path: pathlib.Path, line: str, seconds: int) -> None:
    clock = ManualClock(0)
    observe = make_observer(tmp_path, f'trigger = "change"\n{line}', clock)
    job = Job(deed=Deed.BACKUP, class_name="watch", trigger="change")
    first = observe(job)
    clock.advance(seconds - 1)
    assert observe(job) == first
    clock.advance(1)
    assert observe(job) != first


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('schedule = "0 3 * * *"\nlook = "1min"', "needs the trigger"),
        ('trigger = "change"\nlook = "9s"', "is less than 10 seconds"),
    ],
)
def test_a_look_that_means_nothing_or_costs_too_much_is_refused(
    tmp_path: pathlib.Path, lines: str, message: str
) -> None:
    path = tmp_path / "rebond.toml"
    path.write_text(CLASS + lines)
    problems = [each.error.message for each in load_configuration(path, {}).problems]
    assert len(problems) == 1
    assert message in problems[0]
