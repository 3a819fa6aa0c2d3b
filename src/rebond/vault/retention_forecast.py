"""When a policy will let each snapshot go, if backups go on as their schedule says. Pure."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from rebond.identifiers import ObjectName
from rebond.vault.retention import (
    DEFAULT_GROUPS,
    Candidate,
    GroupBy,
    KeepPolicy,
    Period,
    find_last_complete,
    find_newest,
    find_steady,
    group_of,
    label_period,
    newest_of_each,
    order_by_age,
)

FindNextRun = Callable[[int], int | None]  # the first run after a moment; None when nobody can tell


def forecast_expiry(
    candidates: Sequence[Candidate],
    policy: KeepPolicy,
    *,
    zone: dt.tzinfo,
    now_ms: int,
    find_next_run: FindNextRun,
    group_by: Sequence[GroupBy] = DEFAULT_GROUPS,
    last_complete: Mapping[ObjectName, frozenset[str]] | None = None,
) -> dict[ObjectName, int]:
    """Return from when on nothing keeps each snapshot, in milliseconds since 1970; ``now_ms`` for what may go today.

    Left out is what stays for ever and what depends on backups that nobody can foresee. ``last_complete`` comes from
    ``find_last_complete`` over all snapshots of the vault, where ``candidates`` are only some.
    """
    must_stay = find_last_complete(candidates) if last_complete is None else last_complete
    groups: dict[tuple[tuple[str, str], ...], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(group_of(candidate, group_by), []).append(candidate)
    found: dict[ObjectName, int] = {}
    for members in groups.values():
        steady = find_steady(members, now_ms)
        looks = [members] if len(steady) == len(members) else [members, steady]  # an odd time pushes nothing out
        ends: dict[ObjectName, list[_Kept]] = {}
        for look in looks:
            forecast = _Forecast(look, policy, zone, now_ms, find_next_run)
            for each in look:
                end_ms = forecast.find_end(each, must_stay.get(each.name, frozenset()))
                ends.setdefault(each.name, []).append(_Kept(end_ms))
        found |= {name: end_ms for name, kept in ends.items() if (end_ms := _last_of(kept).until_ms) is not None}
    return found


class _Kept(Struct, frozen=True):
    """How long one rule keeps a snapshot: until ``until_ms``, or without an end that can be foreseen."""

    until_ms: int | None


_WITHOUT_END = _Kept(None)


class _Forecast:
    """One group, whose newest snapshot is the pattern of those to come."""

    def __init__(
        self, members: Sequence[Candidate], policy: KeepPolicy, zone: dt.tzinfo, now_ms: int, next_run: FindNextRun
    ) -> None:
        self._policy = policy
        self._zone = zone
        self._now_ms = now_ms
        self._next_run = next_run
        self._members = sorted(members, key=order_by_age, reverse=True)
        self._complete = [candidate for candidate in self._members if candidate.is_complete]
        self._ends: dict[ObjectName, list[_Kept]] = {}
        self._weigh()

    def find_end(self, candidate: Candidate, last_of: frozenset[str]) -> int | None:
        """Return from when on nothing keeps it; ``None`` when there is no such moment that can be foreseen."""
        if candidate.is_held:
            return None
        end = _last_of([_Kept(self._now_ms), *self._ends.get(candidate.name, [])])
        if self._policy.at_most_ms is not None:
            limit = self._run_later_than(candidate.time_ms + self._policy.at_most_ms)
            end = _Kept(limit if end.until_ms is None else min(end.until_ms, limit))
        if last_of:
            end = _last_of([end, self._until_next_whole(candidate, last_of)])
        return end.until_ms

    def _weigh(self) -> None:
        policy = self._policy
        newer = 0
        for place, candidate in find_newest(self._complete, policy.last):
            self._keep(candidate, self._until_run(policy.last - newer))
            newer = place
        for period in Period:
            self._weigh_period(period, policy.count_of(period))
        for candidate in self._members:
            if policy.keeps_all or candidate.tags & policy.tags:
                self._keep(candidate, _WITHOUT_END)
            if policy.within_ms is not None and self._complete:
                self._keep(candidate, _Kept(self._run_later_than(candidate.time_ms + policy.within_ms)))
        for candidate in self._members:
            if candidate.is_complete:
                break
            self._keep(candidate, self._until_run(1))

    def _weigh_period(self, period: Period, count: int) -> None:
        for place, (label, candidate) in enumerate(newest_of_each(self._complete, period, self._zone, count)):
            if place == 0 and self._is_pushed_out(candidate, label, period):
                self._keep(candidate, self._until_run(1))
            else:
                starts = self._list_periods(label, period, count - place)
                self._keep(candidate, _Kept(starts[-1]) if len(starts) == count - place else _WITHOUT_END)

    def _keep(self, candidate: Candidate, kept: _Kept) -> None:
        self._ends.setdefault(candidate.name, []).append(kept)

    def _is_pushed_out(self, candidate: Candidate, label: str, period: Period) -> bool:
        """Whether the next run falls into the same period and stands for it from then on."""
        next_ms = self._next_run(self._now_ms)
        if next_ms is None:
            return False
        return label_period(next_ms, period, self._zone) == label and not candidate.lacks < self._complete[0].lacks

    def _list_periods(self, last_label: str, period: Period, count: int) -> list[int]:
        """Return the first run of each of the next periods that have any and are not the newest one's."""
        newest_label = label_period(self._complete[0].time_ms, period, self._zone)
        starts: list[int] = []
        run_ms = self._next_run(self._now_ms)
        while run_ms is not None and len(starts) < count:
            if label_period(run_ms, period, self._zone) not in {last_label, newest_label}:
                starts.append(run_ms)
            run_ms = self._next_run(_end_of_period(run_ms, period, self._zone) - 1)
        return starts

    def _until_run(self, number: int) -> _Kept:
        """Return the end of what the ``number``-th run from now pushes out."""
        runs = [run_ms for run_ms, _ in zip(self._runs(), range(number), strict=False)]
        return _Kept(runs[-1]) if len(runs) == number else _WITHOUT_END

    def _runs(self) -> Iterator[int]:
        run_ms = self._next_run(self._now_ms)
        while run_ms is not None:
            yield run_ms
            run_ms = self._next_run(run_ms)

    def _run_later_than(self, moment_ms: int) -> int:
        """Return the first run after a moment; that moment itself where no run can be foreseen."""
        newest_ms = self._complete[0].time_ms if self._complete else self._now_ms
        if newest_ms > moment_ms:
            return self._now_ms
        run_ms = self._next_run(max(moment_ms, self._now_ms))
        return max(moment_ms, self._now_ms) if run_ms is None else run_ms

    def _until_next_whole(self, candidate: Candidate, components: frozenset[str]) -> _Kept:
        """Return until when it is the last one with these components."""
        pattern = self._complete[0] if self._complete else None
        if pattern is None or pattern.member != candidate.member or not components <= pattern.complete:
            return _WITHOUT_END
        return self._until_run(1)


def _last_of(ends: Sequence[_Kept]) -> _Kept:
    moments = [end.until_ms for end in ends if end.until_ms is not None]
    return _Kept(max(moments)) if len(moments) == len(ends) else _WITHOUT_END


def _end_of_period(moment_ms: int, period: Period, zone: dt.tzinfo) -> int:
    """Return when the hour, day, week, month or year ends that a moment lies in."""
    moment = dt.datetime.fromtimestamp(moment_ms / 1000, zone)
    if period is Period.HOURLY:
        minutes_left = dt.timedelta(minutes=60 - moment.minute)
        start = moment.astimezone(dt.UTC).replace(second=0, microsecond=0)
        return round((start + minutes_left).timestamp() * 1000)
    day = moment.date()
    next_day = {
        Period.DAILY: day + dt.timedelta(days=1),
        Period.WEEKLY: day + dt.timedelta(days=8 - day.isoweekday()),
        Period.MONTHLY: (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1),
        Period.YEARLY: day.replace(year=day.year + 1, month=1, day=1),
    }[period]
    return round(dt.datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone).timestamp() * 1000)
