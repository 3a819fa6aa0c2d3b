"""Cron schedules as systemd writes them.

systemd leaves out an hour that a change of the clock skips, where cron makes up for it. So what would be left out is
named by its date, for the years to come.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim

from rebond.errors import UsageError
from rebond.schedule.cron_times import list_firings
from rebond.units import UNNAMED_ZONE

DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
YEARS_AHEAD = 10
_HOUR_SECONDS = 3600


def write_calendar(cron: str, zone: tzinfo, now_ms: int) -> list[str]:
    """Return the values of ``OnCalendar=``. Raises ``UsageError`` for what systemd has no words for."""
    fields = CronSim(cron, datetime(2026, 1, 1))  # noqa: DTZ001 - only its fields are read
    hours = _list_numbers(fields.hours, 24)
    time = f"{hours}:{_list_numbers(fields.minutes, 60)}:00"
    if hours == "*" and _is_every_day(fields) and _has_whole_hours(zone, now_ms):
        return [f"*-*-* {time} UTC"]  # evenly, also when the clock is changed
    days = _write_days(cron, fields)
    return [*(f"{day} {time} {_name_of(zone)}".rstrip() for day in days), *_list_skipped(cron, fields, zone, now_ms)]


def _name_of(zone: tzinfo) -> str:
    """Return a zone as systemd calls it; empty for the machine's own, which is what systemd takes then."""
    return zone.key if isinstance(zone, ZoneInfo) and zone.key != UNNAMED_ZONE else ""


def _list_numbers(numbers: Iterable[int], count: int) -> str:
    wanted = sorted(set(numbers))
    return "*" if len(wanted) == count else ",".join(f"{each:02}" for each in wanted)


def _is_every_day(fields: CronSim) -> bool:
    return len(fields.days) == 31 and len(fields.months) == 12 and len(_plain_weekdays(fields)) == 7


def _plain_weekdays(fields: CronSim) -> set[int]:
    return {each % 7 for each in fields.weekdays if isinstance(each, int)}


def _write_days(cron: str, fields: CronSim) -> list[str]:
    month = _list_numbers(fields.months, 12)
    plain = _plain_weekdays(fields)
    ordinal = [each for each in fields.weekdays if isinstance(each, tuple)]
    is_any_weekday, is_any_day = len(plain) == 7, len(fields.days) == 31
    if any(each < 0 and each != CronSim.LAST for each in fields.days):
        raise _not_writable(cron)
    dates = [f"*-{month}-{_list_numbers(plain_days, 31)}"] if (plain_days := {d for d in fields.days if d > 0}) else []
    if CronSim.LAST in fields.days:
        dates.append(f"*-{month}~01")
    if is_any_weekday:
        return dates
    by_weekday = [f"{_name_days(plain)} {date}" for date in dates] if plain else []
    if not fields.day_and:  # either the day or the weekday
        return [*dates, *([f"{_name_days(plain)} *-{month}-*"] if plain else []), *_write_ordinal(ordinal, month)]
    if ordinal and not is_any_day:
        raise _not_writable(cron)
    return [*by_weekday, *_write_ordinal(ordinal, month)]


def _name_days(days: Iterable[int]) -> str:
    return ",".join(DAYS[each] for each in sorted(days, key=lambda day: (day - 1) % 7))


def _write_ordinal(ordinal: Iterable[tuple[int, int]], month: str) -> list[str]:
    """The second Friday lies between the 8th and the 14th; the last one within the last seven days."""
    return [
        f"{DAYS[day % 7]} *-{month}~07/1"
        if number == CronSim.LAST
        else f"{DAYS[day % 7]} *-{month}-{7 * number - 6:02}..{min(7 * number, 31):02}"
        for day, number in sorted(ordinal)
    ]


def _list_skipped(cron: str, fields: CronSim, zone: tzinfo, now_ms: int) -> list[str]:
    """Return the moments at which a skipped hour is made up for, with their dates."""
    minute, hour = cron.split()[:2]
    if minute.startswith("*") or hour.startswith("*"):
        return []
    found = []
    for gap_ms in _find_gaps(zone, now_ms):
        # The run of a skipped hour comes with the first moment after it.
        for moment_ms in list_firings(cron, gap_ms - 1, gap_ms, zone):
            moment = datetime.fromtimestamp(moment_ms // 1000, UTC).astimezone(zone)
            if not (moment.hour in fields.hours and moment.minute in fields.minutes):  # else it is that hour's own
                found.append(f"{moment:%Y-%m-%d %H:%M:00} {_name_of(zone)}".rstrip())
    return found


def _find_gaps(zone: tzinfo, now_ms: int) -> list[int]:
    """Return the first moments after the hours that are skipped in the years to come."""
    start = datetime.fromtimestamp(now_ms // 1000, UTC).replace(minute=0, second=0)
    gaps = []
    for day in range(366 * YEARS_AHEAD):
        before, after = (_offset(start + timedelta(days=day + more), zone) for more in (0, 1))
        if after <= before:
            continue
        low, high = 0, 24 * 4  # quarters of an hour
        while high - low > 1:
            middle = (low + high) // 2
            if _offset(start + timedelta(days=day, minutes=15 * middle), zone) > before:
                high = middle
            else:
                low = middle
        gaps.append(round((start + timedelta(days=day, minutes=15 * high)).timestamp() * 1000))
    return gaps


def _has_whole_hours(zone: tzinfo, now_ms: int) -> bool:
    start = datetime.fromtimestamp(now_ms // 1000, UTC)
    offsets = (_offset(start + timedelta(days=30 * each), zone) for each in range(24))
    return all(each.total_seconds() % _HOUR_SECONDS == 0 for each in offsets)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _not_writable(cron: str) -> UsageError:
    return UsageError(
        "systemd has no words for the schedule '{cron}'.",
        hint="Use 'rebond serve' or another schedule.",
        cron=cron,
    )
