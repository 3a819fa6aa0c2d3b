"""How long a step is expected to take: learnt from the same step of the same stack, seen in one go."""

from typing import Any

import pytest

from rebond.history.runs import Run
from rebond.history.step_times import StepTimes
from rebond.operations.recovery.plan import StepKind

MB = 1_000_000


def restored(stack: str = "shop", kind: str = "fetch", **step: Any) -> Run:
    whole = {"kind": kind, "subject": "media", "seconds": 10.0, "bytes": 100 * MB, **step}
    return Run(run="1", kind="restore", host="h", began_ms=1, facts={"stack": stack, "steps": [whole]})


def drilled(**facts: Any) -> Run:
    component = {"name": "data", "bytes": 50 * MB, "seconds": 20.0}
    return Run(
        run="2", kind="drilled", host="h", began_ms=2, facts={"stack": "shop", "components": [component], **facts}
    )


def expected(*runs: Run, kind: StepKind = StepKind.FETCH, subject: str = "media", size: int = 100 * MB) -> float | None:
    return StepTimes(runs, "shop").expect(kind, subject, size)


def test_what_is_fetched_grows_with_its_size_and_what_is_opened_or_run_does_not() -> None:
    assert expected(restored(), size=200 * MB) == pytest.approx(20)
    assert expected(restored(kind="verify"), kind=StepKind.VERIFY, size=1000 * MB) == 10
    assert expected(restored(kind="start", bytes=0), kind=StepKind.START, size=0) == 10


def test_a_drill_teaches_how_long_each_component_takes_a_database_too() -> None:
    assert expected(drilled(), subject="data", size=25 * MB) == pytest.approx(10)
    assert expected(drilled(), subject="media") is None


@pytest.mark.parametrize("facts", [{"sample": True}, {"exercise": True}, {"verdict": "fail"}, {"stack": "other"}])
def test_a_sample_an_exercise_a_drill_that_failed_and_another_stack_teach_nothing(facts: dict[str, Any]) -> None:
    assert expected(drilled(**facts), subject="data") is None


def test_another_stack_with_a_component_of_the_same_name_is_another() -> None:
    assert expected(restored(stack="other")) is None
    assert expected(restored(stack="")) == pytest.approx(10)  # older runs do not say


def test_a_step_that_was_cut_and_gone_on_with_teaches_nothing() -> None:
    """Its last try is short: nearly all was there."""
    assert expected(restored(seconds=0.1, tries=2)) is None
    assert expected(restored(), restored(seconds=0.1, tries=2)) == pytest.approx(10)


def test_the_middle_of_the_newest_is_taken() -> None:
    runs = [restored(seconds=seconds) for seconds in (99.0, 1.0, 2.0, 3.0, 4.0, 50.0)]
    assert expected(*runs) == pytest.approx(3)
