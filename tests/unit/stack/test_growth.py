"""When a component will have grown so far that it no longer comes back in time."""

from rebond.history.learning import learn
from rebond.history.runs import Run
from rebond.stack.objectives.growth import foresee_break, grow_per_day

DAY_MS = 86_400_000
GB = 1_000_000_000


def test_growth_is_the_line_through_all_sizes() -> None:
    sizes = [(day * DAY_MS, 5 * GB + day * GB) for day in range(10)]
    assert round(grow_per_day(sizes)) == GB
    assert grow_per_day(sizes[:1]) == 0
    shrinking = [(day * DAY_MS, 50 * GB - day * GB) for day in range(10)]
    assert grow_per_day(shrinking) == 0


def test_the_day_on_which_a_promise_breaks_is_foreseen() -> None:
    facts = {"verdict": "pass", "components": [{"name": "db", "bytes": GB, "phases": {"load": 60.0}}]}
    learned = learn([Run(run="1", kind="drilled", host="h", began_ms=1, facts=facts)])
    assert foresee_break(learned, "db", size_bytes=GB, bytes_per_day=0.1 * GB, promised_seconds=119) == 10
    assert foresee_break(learned, "db", size_bytes=GB, bytes_per_day=0.0, promised_seconds=119) is None
    assert foresee_break(learned, "db", size_bytes=GB, bytes_per_day=0.0, promised_seconds=59) == 0
    assert foresee_break(learned, "other", size_bytes=GB, bytes_per_day=GB, promised_seconds=59) is None
