"""When each snapshot goes, compared with what comes of it when the runs really happen."""

import datetime as dt
import itertools
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rebond.identifiers import MemberId, ObjectName, SnapshotId
from rebond.schedule.cron_times import find_next_firing
from rebond.vault.retention import Candidate, KeepPolicy, decide_retention, find_last_complete
from rebond.vault.retention_forecast import forecast_expiry

PARIS = ZoneInfo("Europe/Paris")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = int(dt.datetime(2026, 3, 27, 12, 30, tzinfo=PARIS).timestamp() * 1000)  # two nights before a change of clocks
NIGHTLY = "0 3 * * *"


def snapshot(time_ms: int, **words: object) -> Candidate:
    values: dict[str, object] = {
        "name": ObjectName(f"snapshots/{time_ms}"),
        "snapshot": SnapshotId(str(time_ms).encode()[:16].ljust(16, b".")),
        "member": MemberId(bytes(8)),
        "host": "web",
        "stack": "shop",
        "class_": "night",
        "tags": frozenset(),
        "complete": frozenset({"media"}),
        "incomplete": frozenset(),
        "time_ms": time_ms,
        "store_time_ms": time_ms,
    }
    return Candidate(**(values | words))  # type: ignore[arg-type]


def forecast(present: Sequence[Candidate], policy: KeepPolicy, cron: str) -> dict[ObjectName, int]:
    return forecast_expiry(
        present,
        policy,
        zone=PARIS,
        now_ms=NOW_MS,
        find_next_run=lambda after_ms: find_next_firing(cron, after_ms, PARIS) if cron else None,
    )


def live_on(present: Sequence[Candidate], policy: KeepPolicy, cron: str, runs: int) -> dict[ObjectName, int]:
    """Make the next backups and forget after each; return at which run each of today's snapshots went."""
    gone: dict[ObjectName, int] = {}
    standing = list(present)
    pattern = max((each for each in present if each.is_complete), key=lambda each: each.time_ms)
    moment_ms = NOW_MS
    for number in range(runs + 1):
        if number:
            found = find_next_firing(cron, moment_ms, PARIS)
            assert found is not None
            moment_ms = found
            name = ObjectName(f"later/{number}")
            standing.append(
                replace(pattern, name=name, time_ms=moment_ms, store_time_ms=moment_ms, tags=frozenset(), is_held=False)
            )
        decided = decide_retention(standing, policy, zone=PARIS)
        standing = [each.candidate for each in decided if each.is_kept]
        for each in decided:
            if not each.is_kept:
                gone.setdefault(each.candidate.name, moment_ms)
    names = {each.name for each in present}
    return {name: went_ms for name, went_ms in gone.items() if name in names}


def nightly_past(days: int) -> list[Candidate]:
    return [snapshot(NOW_MS - number * DAY_MS) for number in range(days)]


counts = st.integers(0, 4)
policies = st.builds(
    KeepPolicy,
    last=counts,
    hourly=counts,
    daily=counts,
    weekly=counts,
    monthly=st.integers(0, 2),
    within_ms=st.one_of(st.none(), st.integers(1, 20).map(lambda days: days * DAY_MS)),
    tags=st.sampled_from([frozenset(), frozenset({"keep"})]),
    at_most_ms=st.one_of(st.none(), st.integers(5, 40).map(lambda days: days * DAY_MS)),
).filter(lambda policy: not policy.keeps_nothing)
pasts = st.lists(
    st.tuples(
        st.integers(1, 50 * 24 * 4),
        st.sampled_from([frozenset(), frozenset({"keep"})]),
        st.booleans(),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one[0],
)


@settings(max_examples=60, deadline=None)
@given(policy=policies, past=pasts, cron=st.sampled_from([NIGHTLY, "30 */8 * * *", "0 4 * * sun"]))
def test_each_goes_at_the_run_that_was_foretold(
    policy: KeepPolicy, past: list[tuple[int, frozenset[str], bool, bool]], cron: str
) -> None:
    present = [snapshot(NOW_MS)]
    for quarters, tags, is_held, is_partial in past:
        words: dict[str, object] = {"tags": tags, "is_held": is_held and bool(tags)}
        if is_partial:
            words |= {"complete": frozenset(), "incomplete": frozenset({"media"})}
        present.append(snapshot(NOW_MS - quarters * HOUR_MS // 4, **words))

    foretold = forecast(present, policy, cron)
    came = live_on(present, policy, cron, 90 if cron != NIGHTLY else 130)

    until_ms = max(came.values(), default=NOW_MS)
    assert {name: went_ms for name, went_ms in foretold.items() if went_ms <= until_ms} == came


def test_what_stays_for_ever_has_no_end() -> None:
    present = nightly_past(3)

    assert forecast(present, KeepPolicy(keeps_all=True), NIGHTLY) == {}
    tagged = [replace(present[2], tags=frozenset({"release"})), *present[:2]]
    assert tagged[0].name not in forecast(tagged, KeepPolicy(last=1, tags=frozenset({"release"})), NIGHTLY)
    held = [replace(present[2], is_held=True), *present[:2]]
    assert held[0].name not in forecast(held, KeepPolicy(last=1), NIGHTLY)


def test_without_a_schedule_only_an_age_can_be_foretold() -> None:
    newest, older, oldest = nightly_past(3)

    assert forecast([newest, older, oldest], KeepPolicy(daily=3), "") == {}
    by_age = forecast([newest, older, oldest], KeepPolicy(within_ms=30 * DAY_MS), "")
    assert by_age == {each.name: each.time_ms + 30 * DAY_MS for each in (older, oldest)}
    both = forecast([newest, older, oldest], KeepPolicy(daily=3, at_most_ms=10 * DAY_MS), "")
    assert both[oldest.name] == oldest.time_ms + 10 * DAY_MS


def test_the_last_with_a_component_that_is_saved_no_more_stays() -> None:
    present = nightly_past(3)
    present[2] = replace(present[2], complete=frozenset({"media", "old"}))

    assert present[2].name not in forecast(present, KeepPolicy(last=1), NIGHTLY)


def test_what_is_the_last_elsewhere_stays_here_too() -> None:
    """Retention goes class by class; the last whole one of a component is looked for in all of them."""
    here, elsewhere = snapshot(NOW_MS - DAY_MS), snapshot(NOW_MS - 9 * DAY_MS, class_="week")
    both = [here, elsewhere]
    last = find_last_complete(both)

    found = forecast_expiry(
        [elsewhere], KeepPolicy(last=1), zone=PARIS, now_ms=NOW_MS, find_next_run=lambda _: None, last_complete=last
    )
    assert found == {}
    assert here.name in last


@pytest.mark.parametrize("cron", ["*/10 * * * *"])
def test_years_are_foretold_without_walking_through_every_run(cron: str) -> None:
    asked = itertools.count()

    def next_run(after_ms: int) -> int | None:
        next(asked)
        return find_next_firing(cron, after_ms, PARIS)

    found = forecast_expiry(
        nightly_past(40), KeepPolicy(yearly=5, monthly=24), zone=PARIS, now_ms=NOW_MS, find_next_run=next_run
    )

    assert next(asked) < 200
    newest_of_february = snapshot(NOW_MS - 27 * DAY_MS).name
    ends = dt.datetime.fromtimestamp(found[newest_of_february] / 1000, PARIS)
    assert (ends.year, ends.month) == (2028, 2)
