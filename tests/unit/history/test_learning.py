"""How restore time grows with size: phase by phase, not a mean."""

import pytest

from rebond.history.learning import fit_growth, learn
from rebond.history.runs import Run

GB = 1_000_000_000


def drilled(number: int, size: int, **more: object) -> Run:
    phases = {"fetch": 2.0 + size / (100e6), "load": 10.0 + 4 * size / (100e6)}
    facts = {"verdict": "pass", "components": [{"name": "db", "bytes": size, "phases": phases}], **more}
    return Run(run=str(number), kind="drilled", host="h", began_ms=number, facts=facts)


def test_each_phase_has_a_fixed_part_and_one_that_grows() -> None:
    learned = learn([drilled(number, number * GB) for number in (1, 2, 3)])
    assert learned.phases["db"]["fetch"].expect(10 * GB) == pytest.approx(102)
    assert learned.phases["db"]["load"].expect(10 * GB) == pytest.approx(410)
    assert learned.expect_whole("db", 10 * GB) == pytest.approx(512)
    assert learned.find_slowest("db", GB) == "load"
    assert learned.expect_whole("unknown", GB) is None


def test_sizes_that_hardly_differ_promise_too_little_rather_than_too_much() -> None:
    growth = fit_growth([(GB, 10.0), (int(1.05 * GB), 9.0)])
    assert growth.expect(2 * GB) > 18
    assert fit_growth([(0, 3.0)]).expect(GB) == 3.0


def test_no_part_of_it_is_less_than_nothing() -> None:
    for points in ([(GB, 10.0), (3 * GB, 2.0)], [(GB, 1.0), (3 * GB, 10.0)]):
        growth = fit_growth(points)
        assert growth.fixed_seconds >= 0
        assert growth.seconds_per_byte >= 0


def test_a_part_of_a_component_says_how_time_grows_and_not_how_long_the_whole_takes() -> None:
    learned = learn([drilled(1, 3 * GB), drilled(2, GB // 100, scenario="lost-service")])
    assert (learned.newest_bytes["db"], learned.newest_ms["db"]) == (3 * GB, 1)
    assert learned.newest_seconds["db"] == pytest.approx(2 + 30 + 10 + 120)
    assert learned.phases["db"]["fetch"].drills == 2
    assert "db" not in learn([drilled(1, GB, scenario="lost-service")]).newest_seconds


def test_samples_failures_and_exercises_teach_nothing() -> None:
    others = [drilled(1, GB, sample=True), drilled(2, GB, verdict="fail"), drilled(3, GB, exercise=True)]
    assert learn(others).expect_whole("db", GB) is None
