"""Which snapshots a policy keeps, and what it says of each."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId
from rebond.vault.retention import (
    LATE_CLAIM_MS,
    LONGEST_RUN_MS,
    Candidate,
    Decision,
    GroupBy,
    KeepPolicy,
    Period,
    candidate_of,
    decide_retention,
    find_last_complete,
    find_steady,
    label_period,
    newest_of_each,
    time_that_counts,
)
from rebond.vault.retention_simulation import simulate_retention
from rebond.vault.snapshots import CatalogPart, SnapshotRecord

PARIS = ZoneInfo("Europe/Paris")
MEMBER = MemberId(bytes(8))
DAY_MS = 86_400_000


def moment(text: str, zone: dt.tzinfo = PARIS) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def snapshot(text: str | int, *, number: int = 0, **words: object) -> Candidate:
    time_ms = text if isinstance(text, int) else moment(text)
    values: dict[str, object] = {
        "name": ObjectName(f"snapshots/{text}/{number}"),
        "snapshot": SnapshotId(str(text).encode()[:16].ljust(16, b".")),
        "member": MEMBER,
        "host": "web",
        "stack": "shop",
        "class_": "",
        "tags": frozenset(),
        "complete": frozenset({"media"}),
        "incomplete": frozenset(),
        "time_ms": time_ms,
        "store_time_ms": time_ms,
    }
    return Candidate(**(values | words))  # type: ignore[arg-type]


def kept(decisions: list[Decision]) -> set[str]:
    return {decision.candidate.name.split("/")[1] for decision in decisions if decision.is_kept}


def codes(decisions: list[Decision], name: str) -> set[str]:
    return {
        reason.code
        for decision in decisions
        if decision.candidate.name.split("/")[1] == name
        for reason in decision.reasons
    }


def test_a_snapshot_that_is_dated_ahead_pushes_nothing_out() -> None:
    """One run with a clock that was ahead must not make all that came before, and all that comes after, old."""
    days = [snapshot(f"2026-02-{day:02} 03:00") for day in range(1, 21)]
    ahead = snapshot("2031-06-01 03:00")
    now_ms = moment("2026-02-20 04:00")
    for policy in (
        KeepPolicy(within_ms=7 * DAY_MS),
        KeepPolicy(daily=8),
        KeepPolicy(keeps_all=True, at_most_ms=8 * DAY_MS),
    ):
        stays = kept(decide_retention(days, policy, zone=PARIS, now_ms=now_ms))
        assert len(stays) == (9 if policy.keeps_all else 8)

        assert kept(decide_retention([*days, ahead], policy, zone=PARIS, now_ms=now_ms)) == {*stays, "2031-06-01 03:00"}


def test_a_clock_that_is_behind_lets_go_neither_of_what_was_there_nor_of_what_comes() -> None:
    before = [snapshot(f"2026-02-{day:02} 03:00") for day in range(1, 9)]
    behind = [snapshot(f"2020-01-{day:02} 03:00") for day in range(1, 3)]

    decisions = decide_retention([*before, *behind], KeepPolicy(daily=8), zone=PARIS, now_ms=moment("2020-01-02 04:00"))

    assert all(decision.is_kept for decision in decisions)


def test_what_is_dated_back_takes_no_day_away_from_what_came_that_day() -> None:
    """With a stolen writer's key every day of the past could be filled with rubbish in one night."""
    days = [snapshot(f"2026-02-{day:02} 03:00") for day in range(1, 21)]
    now_ms = moment("2026-02-20 23:59")
    rubbish = [snapshot(f"2026-02-{day:02} 23:00", number=1, store_time_ms=now_ms) for day in range(1, 20)]
    rubbish += [snapshot(f"2026-01-{day:02} 23:00", number=1, store_time_ms=now_ms) for day in range(1, 31)]
    policy = KeepPolicy(daily=7, weekly=4, monthly=12)
    stays = kept(decide_retention(days, policy, zone=PARIS, now_ms=now_ms))

    assert stays <= kept(decide_retention([*days, *rubbish], policy, zone=PARIS, now_ms=now_ms))


def test_what_comes_late_after_a_pause_takes_at_most_one_day_though_it_comes_in_order() -> None:
    """Nothing came in the pause, so rubbish that is dated into it is newer than all that came before."""
    days = [snapshot(f"2026-01-{day:02} 03:00") for day in range(1, 32)]
    now_ms = moment("2026-02-20 04:00")
    rubbish = [snapshot(f"2026-02-{day:02} 03:00", number=1, store_time_ms=now_ms) for day in range(1, 21)]

    stays = kept(decide_retention([*days, *rubbish], KeepPolicy(daily=14), zone=PARIS, now_ms=now_ms))

    assert {f"2026-01-{day:02} 03:00" for day in range(19, 32)} <= stays


def test_a_vault_that_was_copied_keeps_by_the_times_that_its_snapshots_claim() -> None:
    """All store times are those of the copy then."""
    copied_ms = moment("2026-03-01 12:00")
    days = [snapshot(f"2026-02-{day:02} 03:00", store_time_ms=copied_ms) for day in range(1, 21)]

    stays = kept(decide_retention(days, KeepPolicy(daily=7), zone=PARIS, now_ms=copied_ms + DAY_MS))

    assert stays == {f"2026-02-{day:02} 03:00" for day in range(14, 21)}


def test_the_newest_of_each_day_stays_in_the_zone_of_the_stack() -> None:
    days = [snapshot(f"2026-02-0{day} {hour}:30") for day in (1, 2, 3) for hour in ("00", "12", "23")]

    decisions = decide_retention(days, KeepPolicy(daily=2), zone=PARIS)

    assert kept(decisions) == {"2026-02-03 23:30", "2026-02-02 23:30"}
    assert codes(decisions, "2026-02-02 23:30") == {"kept-daily"}
    assert codes(decisions, "2026-02-01 00:30") == {"expired-no-rule"}
    # Half past midnight in Paris is the day before in UTC, so another one is the newest there.
    assert "2026-02-01 00:30" in kept(decide_retention(days, KeepPolicy(daily=4), zone=dt.UTC))


def test_an_hour_that_the_clocks_repeat_is_two_hours() -> None:
    first = int(dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC).timestamp() * 1000)

    labels = {label_period(first + minutes * 60_000, Period.HOURLY, PARIS) for minutes in (0, 60)}

    assert labels == {"2026-10-25 02:00 +0200", "2026-10-25 02:00 +0100"}


def test_each_rule_counts_the_newest_of_its_period_and_says_so() -> None:
    snapshots = [snapshot(f"2026-{month:02d}-15 03:00") for month in range(1, 13)] + [snapshot("2025-06-01 03:00")]

    decisions = decide_retention(snapshots, KeepPolicy(last=1, monthly=3, yearly=2), zone=PARIS)

    assert kept(decisions) == {
        "2026-12-15 03:00",
        "2026-11-15 03:00",
        "2026-10-15 03:00",
        "2025-06-01 03:00",
    }
    assert codes(decisions, "2026-12-15 03:00") == {"kept-last", "kept-monthly", "kept-yearly", "kept-last-complete"}


def test_weeks_are_those_of_the_calendar() -> None:
    sunday, monday = snapshot("2026-02-01 10:00"), snapshot("2026-02-02 10:00")

    assert len(kept(decide_retention([sunday, monday], KeepPolicy(weekly=2), zone=PARIS))) == 2
    assert label_period(moment("2027-01-01 10:00"), Period.WEEKLY, PARIS) == "2026-W53"


def test_only_complete_snapshots_fill_a_rule() -> None:
    whole, partial = snapshot("2026-02-01 03:00"), snapshot("2026-02-01 04:00", incomplete=frozenset({"database"}))

    decisions = decide_retention([whole, partial, snapshot("2026-02-02 03:00")], KeepPolicy(daily=2), zone=PARIS)

    assert kept(decisions) == {"2026-02-01 03:00", "2026-02-02 03:00"}
    assert codes(decisions, "2026-02-01 04:00") == {"expired-partial"}


def test_a_partial_one_stays_while_nothing_complete_is_newer() -> None:
    partial = snapshot("2026-02-02 03:00", complete=frozenset(), incomplete=frozenset({"media"}))

    decisions = decide_retention([snapshot("2026-02-01 03:00"), partial], KeepPolicy(last=1), zone=PARIS)

    assert kept(decisions) == {"2026-02-01 03:00", "2026-02-02 03:00"}


def test_a_held_snapshot_stays_whatever_the_policy() -> None:
    held = snapshot("2020-01-01 03:00", is_held=True)

    decisions = decide_retention(
        [held, snapshot("2026-02-01 03:00")], KeepPolicy(last=1, at_most_ms=DAY_MS), zone=PARIS
    )

    assert codes(decisions, "2020-01-01 03:00") == {"kept-held"}


def test_one_of_some_components_between_the_usual_ones_does_not_count_for_the_last() -> None:
    both = frozenset({"media", "database"})
    found = [
        snapshot("2026-02-01 03:00", complete=both),
        snapshot("2026-02-02 03:00", complete=both),
        snapshot("2026-02-02 12:00"),
        snapshot("2026-02-02 12:30"),
        snapshot("2026-02-03 03:00", complete=both),
    ]
    decisions = decide_retention(found, KeepPolicy(last=2), zone=PARIS)
    assert kept(decisions) == {"2026-02-03 03:00", "2026-02-02 12:30", "2026-02-02 12:00", "2026-02-02 03:00"}

    found += [snapshot("2026-02-04 03:00", complete=both)]
    decisions = decide_retention(found, KeepPolicy(last=2), zone=PARIS)
    assert kept(decisions) == {"2026-02-04 03:00", "2026-02-03 03:00"}


def test_a_class_that_got_fewer_components_lets_the_older_ones_go() -> None:
    more = frozenset({"media", "database"})
    found = [snapshot(f"2026-02-0{day} 03:00", complete=more) for day in range(1, 4)]
    found += [snapshot(f"2026-02-0{day} 03:00") for day in range(4, 7)]
    decisions = decide_retention(found, KeepPolicy(last=2), zone=PARIS)
    assert kept(decisions) == {"2026-02-06 03:00", "2026-02-05 03:00", "2026-02-03 03:00"}, "the last with a database"


def test_the_last_complete_one_of_a_component_stays() -> None:
    old = snapshot("2025-01-01 03:00", complete=frozenset({"database", "media"}))
    new = snapshot("2026-02-01 03:00", complete=frozenset({"media"}))

    decisions = decide_retention([old, new], KeepPolicy(last=1), zone=PARIS)

    assert codes(decisions, "2025-01-01 03:00") == {"kept-last-complete"}
    assert find_last_complete([old, new])[old.name] == {"database"}


def test_the_longest_allowed_age_overrules_every_keep_rule() -> None:
    snapshots = [snapshot("2026-01-01 03:00"), snapshot("2026-02-01 03:00")]

    decisions = decide_retention(snapshots, KeepPolicy(last=5, at_most_ms=7 * DAY_MS), zone=PARIS)

    assert codes(decisions, "2026-01-01 03:00") == {"expired-at-most"}


def test_within_counts_from_the_newest_complete_one_so_a_pause_expires_nothing() -> None:
    snapshots = [snapshot("2026-01-01 03:00"), snapshot("2026-01-05 03:00"), snapshot("2025-11-01 03:00")]

    decisions = decide_retention(snapshots, KeepPolicy(within_ms=30 * DAY_MS), zone=PARIS)

    assert kept(decisions) == {"2026-01-01 03:00", "2026-01-05 03:00"}


def test_groups_are_weighed_apart() -> None:
    one, other = snapshot("2026-02-01 03:00"), snapshot("2026-02-02 03:00", host="mail", member=MemberId(b"other..."))
    policy = KeepPolicy(last=1)

    assert len(kept(decide_retention([one, other], policy, zone=PARIS))) == 2
    decisions = decide_retention([one, other], policy, zone=PARIS, group_by=[GroupBy.STACK])
    assert codes(decisions, "2026-02-01 03:00") == {"kept-last-complete"}  # it is another member's last one


def test_a_tag_keeps() -> None:
    tagged = snapshot("2020-01-01 03:00", tags=frozenset({"release"}))

    decisions = decide_retention(
        [tagged, snapshot("2026-02-01 03:00")], KeepPolicy(last=1, tags=frozenset({"release"})), zone=PARIS
    )

    assert codes(decisions, "2020-01-01 03:00") == {"kept-tag"}


times = st.lists(st.integers(0, 900 * 24).map(lambda hour: hour * 3_600_000), min_size=1, max_size=40, unique=True)
numbers = st.integers(0, 5)


@given(times, numbers, numbers, numbers, st.integers(1, 5))
def test_every_policy_keeps_the_newest_and_says_why_of_each(
    hours: list[int], daily: int, weekly: int, monthly: int, last: int
) -> None:
    snapshots = [snapshot(hour) for hour in hours]
    policy = KeepPolicy(last=last, daily=daily, weekly=weekly, monthly=monthly)

    decisions = decide_retention(snapshots, policy, zone=PARIS)

    assert {d.candidate.name for d in decisions} == {c.name for c in snapshots}
    assert all(d.reasons for d in decisions)
    newest = max(snapshots, key=lambda c: c.time_ms)
    assert next(d for d in decisions if d.candidate == newest).is_kept
    assert len(kept(decisions)) >= min(last, len(snapshots))
    for period, count in ((Period.DAILY, daily), (Period.WEEKLY, weekly), (Period.MONTHLY, monthly)):
        labels = {label_period(c.time_ms, period, PARIS) for c in snapshots}
        assert len([d for d in decisions if f"kept-{period}" in {r.code for r in d.reasons}]) == min(count, len(labels))


@given(times, numbers, st.integers(1, 5))
def test_judging_again_what_was_kept_lets_nothing_more_go(hours: list[int], daily: int, last: int) -> None:
    policy = KeepPolicy(last=last, daily=daily)
    stayed = [d.candidate for d in decide_retention([snapshot(h) for h in hours], policy, zone=PARIS) if d.is_kept]

    assert all(d.is_kept for d in decide_retention(stayed, policy, zone=PARIS))


@pytest.mark.parametrize(("days", "left"), [(0, 3), (2, 3), (60, 3)])
def test_a_simulation_goes_on_at_the_rhythm_of_the_past(days: int, left: int) -> None:
    snapshots = [snapshot(f"2026-02-0{day} 03:00") for day in (1, 2, 3)]

    simulation = simulate_retention(snapshots, KeepPolicy(daily=3), zone=PARIS, span_ms=days * DAY_MS)

    assert simulation.made == days
    assert len(simulation.kept) + simulation.left == left


def simulate_one_by_one(
    snapshots: list[Candidate], policy: KeepPolicy, interval_ms: int, steps: int
) -> tuple[set[ObjectName], int]:
    """Return which of the snapshots are left, and how many others, when the policy is applied after every new one."""
    present = list(snapshots)
    newest = max(snapshots, key=lambda each: each.time_ms)
    for step in range(1, steps + 1):
        time_ms = newest.time_ms + step * interval_ms
        name = ObjectName(f"new {step}")
        present.append(msgspec.structs.replace(newest, name=name, time_ms=time_ms, store_time_ms=time_ms))
        present = [each.candidate for each in decide_retention(present, policy, zone=PARIS) if each.is_kept]
    known = {each.name for each in snapshots}
    return {each.name for each in present} & known, sum(each.name not in known for each in present)


@pytest.mark.parametrize(
    "policy",
    [
        KeepPolicy(last=5),
        KeepPolicy(hourly=3, daily=2),
        KeepPolicy(last=2, weekly=2, within_ms=3_600_000),
        KeepPolicy(within_ms=5 * 3_600_000, at_most_ms=2 * 3_600_000, daily=7),
        KeepPolicy(keeps_all=True),
        KeepPolicy(keeps_all=True, at_most_ms=7_000_000),
    ],
)
@pytest.mark.parametrize("minutes", [7, 25, 190])
def test_a_simulation_of_many_is_what_one_after_the_other_leaves(policy: KeepPolicy, minutes: int) -> None:
    began = snapshot("2026-03-28 22:11")  # the clock is put forward that night
    snapshots = [
        msgspec.structs.replace(began, name=ObjectName(f"old {number}"), time_ms=at_ms, store_time_ms=at_ms)
        for number in range(4)
        for at_ms in [began.time_ms + number * minutes * 60_000]
    ]
    steps = 180

    simulation = simulate_retention(snapshots, policy, zone=PARIS, span_ms=steps * minutes * 60_000)

    left = simulate_one_by_one(snapshots, policy, minutes * 60_000, steps)
    assert simulation.made == steps
    assert ({each.name for each in simulation.kept}, simulation.left) == left


@pytest.mark.parametrize(("policy", "left"), [(KeepPolicy(last=4, daily=3), 6), (KeepPolicy(within_ms=DAY_MS), 86_401)])
def test_a_simulation_of_a_stack_that_is_saved_every_second_ends(policy: KeepPolicy, left: int) -> None:
    began = snapshot("2026-02-01 03:00")
    snapshots = [
        msgspec.structs.replace(began, name=ObjectName(f"old {number}"), time_ms=at_ms, store_time_ms=at_ms)
        for number in range(4)
        for at_ms in [began.time_ms + number * 1000]
    ]

    simulation = simulate_retention(snapshots, policy, zone=PARIS, span_ms=30 * DAY_MS)

    assert (simulation.made, simulation.left) == (30 * 86_400, left)


def test_what_left_out_components_does_not_stand_for_a_day_that_has_all() -> None:
    whole = [snapshot(f"2026-02-0{day} 03:00") for day in (1, 2, 3)]
    parts = [snapshot(f"2026-02-0{day} 12:00", lacks=frozenset({"db"})) for day in (2, 3)]

    decisions = decide_retention([*whole, *parts], KeepPolicy(daily=2), zone=PARIS)
    assert {name for name in kept(decisions) if "kept-daily" in codes(decisions, name)} == {
        "2026-02-03 03:00",
        "2026-02-02 03:00",
    }
    alone = decide_retention(parts, KeepPolicy(daily=1), zone=PARIS)
    assert kept(alone) == {"2026-02-03 12:00"}
    assert decide_retention(parts, KeepPolicy(daily=0, last=1), zone=PARIS)[0].is_kept


@pytest.mark.parametrize(
    ("claimed_ms", "arrived_ms", "is_believed"),
    [
        (LATE_CLAIM_MS, LATE_CLAIM_MS, True),
        (LATE_CLAIM_MS + 1, LATE_CLAIM_MS + 1, False),
        (0, 0, True),
        (-LONGEST_RUN_MS, 0, True),
        (-LONGEST_RUN_MS - 1, 0, False),
    ],
)
def test_a_time_is_believed_as_far_as_a_clock_and_a_run_may_go(
    claimed_ms: int, arrived_ms: int, is_believed: bool
) -> None:
    now_ms = moment("2026-02-04 03:00")
    candidate = snapshot(now_ms + claimed_ms, store_time_ms=now_ms + arrived_ms)
    assert (find_steady([candidate], now_ms) == [candidate]) is is_believed
    assert find_steady([candidate], None) == ([candidate] if arrived_ms - claimed_ms <= LONGEST_RUN_MS else [])


@pytest.mark.parametrize(
    "rule", ["last", "hourly", "daily", "weekly", "monthly", "yearly", "within_ms", "tags", "keeps_all"]
)
def test_any_one_rule_keeps_something_and_none_nothing(rule: str) -> None:
    value = {"tags": frozenset({"x"}), "keeps_all": True}.get(rule, 1)
    assert not KeepPolicy(**{rule: value}).keeps_nothing  # type: ignore[arg-type]
    assert KeepPolicy().keeps_nothing
    assert KeepPolicy(at_most_ms=1).keeps_nothing


def test_a_rule_of_nothing_keeps_nothing_of_its_period() -> None:
    days = [snapshot(f"2026-02-0{day} 03:00") for day in (3, 2, 1)]
    assert newest_of_each(days, Period.DAILY, PARIS, 0) == []
    assert [label for label, _ in newest_of_each(days, Period.DAILY, PARIS, 2)] == ["2026-02-03", "2026-02-02"]


def test_only_what_a_rule_would_have_kept_goes_for_its_age() -> None:
    days = [snapshot(f"2026-02-{day:02d} 03:00") for day in (1, 20, 28)]
    decisions = decide_retention(days, KeepPolicy(last=3, at_most_ms=10 * DAY_MS), zone=PARIS)
    assert codes(decisions, "2026-02-01 03:00") == {"expired-at-most"}
    decisions = decide_retention(days, KeepPolicy(last=1, at_most_ms=10 * DAY_MS), zone=PARIS)
    assert codes(decisions, "2026-02-01 03:00") == {"expired-no-rule"}, "its age took nothing away from it"
    kept_to_the_day = decide_retention(days, KeepPolicy(last=3, at_most_ms=8 * DAY_MS), zone=PARIS)
    assert "2026-02-20 03:00" in kept(kept_to_the_day), "at most is not less than"


@pytest.mark.parametrize(
    ("moment_ms", "time_ms", "store_ms", "counts_ms"),
    [(None, 5, 7, 5), (3, 5, 7, 3), (None, LATE_CLAIM_MS + 9, 7, LATE_CLAIM_MS + 7), (LATE_CLAIM_MS + 9, 5, 7, None)],
)
def test_the_time_that_counts_is_the_moment_and_never_long_after_the_stores(
    moment_ms: int | None, time_ms: int, store_ms: int, counts_ms: int | None
) -> None:
    record = SnapshotRecord(
        name=ObjectName("aaaa"),
        snapshot=SnapshotId(bytes(16)),
        session=SessionId(bytes(16)),
        member=MEMBER,
        domain=DomainId(bytes(8)),
        catalog=CatalogPart(sequence=1, time_ms=time_ms, moment_ms=moment_ms, host="h", stack="s", components=[]),
        private_segment=b"",
        content_hash=b"",
        store_time_ms=store_ms,
    )
    assert time_that_counts(record) == (LATE_CLAIM_MS + store_ms if counts_ms is None else counts_ms)
    shown = candidate_of(record, ())
    assert (shown.time_ms, shown.shown_ms) == (time_that_counts(record), time_ms if moment_ms is None else moment_ms), (
        "as every list shows it"
    )
