"""Sizes, spans and moments."""

import datetime
import pathlib
import shutil
import zoneinfo
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rebond import units
from rebond.errors import UsageError
from rebond.units import (
    UNNAMED_ZONE,
    format_iso,
    format_moment,
    format_size,
    format_span,
    local_zone,
    parse_day,
    parse_exact_us,
    parse_last_moment,
    parse_moment,
    parse_size,
    parse_span,
    pin_moment,
)

PARIS = ZoneInfo("Europe/Paris")
NOON = 1_770_202_800_000  # 2026-02-04 12:00:00 +01:00


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("10MB", 10_000_000), ("10 mb", 10_000_000), ("1GiB", 1 << 30), ("1.5k", 1500), ("2TiB", 2 << 40)],
)
def test_a_size_is_read(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


def find_zone_file(name: str) -> pathlib.Path:
    return next(path for each in zoneinfo.TZPATH if (path := pathlib.Path(each, name)).exists())


def offsets_of(zone: datetime.tzinfo) -> list[float]:
    moments = (datetime.datetime(2026, month, 1, 12, tzinfo=zone) for month in (1, 7))
    return [offset.total_seconds() / 3600 for each in moments if (offset := each.utcoffset()) is not None]


def test_the_machines_zone_is_known_also_where_its_file_is_a_copy_as_in_containers(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "localtime"
    shutil.copy(find_zone_file("Europe/London"), copy)
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(units, "_LOCALTIME", str(copy))

    assert offsets_of(local_zone()) == [0, 1]
    assert str(local_zone()) == UNNAMED_ZONE
    copy.write_bytes(b"no zone")
    assert local_zone().utcoffset(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)) is not None


@pytest.mark.parametrize(
    ("zone", "offsets"),
    [
        ("Europe/Paris", [1, 2]),
        (":Europe/Paris", [1, 2]),
        ("FILE", [1, 2]),
        ("CET-1CEST,M3.5.0,M10.5.0/3", [1, 2]),
        ("<+0530>-5:30", [5.5, 5.5]),
        ("EST5EDT4", [-5, -4]),
        ("CET-1CEST", [1, 2]),
    ],
)
def test_the_zone_of_the_environment_may_be_a_name_a_file_or_a_rule(
    zone: str, offsets: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", str(find_zone_file("Europe/Paris")) if zone == "FILE" else zone)

    assert offsets_of(local_zone()) == offsets


def test_what_no_calendar_knows_is_no_length_of_time_and_no_size() -> None:
    for text in ("1001y", "9" * 5000 + "s", "99999999999999999999y"):
        with pytest.raises(UsageError, match="is not a length of time"):
            parse_span(text)
    for text in ("9" * 400 + "PB", "1." + "9" * 5000):
        with pytest.raises(UsageError, match="is not a size"):
            parse_size(text)
    assert parse_span("1000y") == 1000 * 365 * 86_400


@pytest.mark.parametrize("text", ["", "MB", "-1", "1XB", "1..5k", "ten", "1 2 MB"])
def test_what_is_no_size_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_499, "999 kB"),
        (999_999, "1.00 MB"),
        (1_339_000_000, "1.34 GB"),
        (-2500, "-2.50 kB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_a_size_is_written_with_three_digits(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@given(some.integers(min_value=0, max_value=10**17))
def test_a_written_size_is_read_as_nearly_the_same(size_bytes: int) -> None:
    assert abs(parse_size(format_size(size_bytes)) - size_bytes) <= size_bytes * 0.006


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2_592_000), ("2h", 7200), ("1h30m", 5400), ("1y", 31_536_000), ("2mo", 5_184_000), ("1w 2d", 777_600)],
)
def test_a_span_is_read(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "3x", "1h?", "-2h", "2h30"])
def test_what_is_no_span_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="is not a length of time"):
        parse_span(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "0.8 s"), (0, "0 s"), (45, "45 s"), (200, "3 min 20 s"), (7200, "2 h"), (187_200, "2 d 4 h")],
)
def test_a_span_is_written_with_two_units_at_most(seconds: float, text: str) -> None:
    assert format_span(seconds) == text


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-04 12:00:00",
        "2026-02-04 12:00",
        "20260204-120000",
        "2026-02-04T11:00:00Z",
        "2026-02-04 06:00:00-05",
        "2026-02-04 16:30:00+05:30",
    ],
)
def test_a_moment_is_read_in_its_zone_or_in_ours(text: str) -> None:
    assert parse_moment(text, now_ms=0, zone=PARIS) == NOON


@pytest.mark.parametrize(
    ("text", "last_ms"),
    [
        ("2026-02-04 12:00:00", NOON + 999),
        ("2026-02-04 12:00", NOON + 59_999),
        ("2026-02-04T11:00:00.250Z", NOON + 250),
        ("2026-02-04", NOON + 12 * 3_600_000 - 1),
        ("-2h", 42 - 7_200_000),
    ],
)
def test_until_a_moment_means_until_its_end_as_far_as_it_was_written(text: str, last_ms: int) -> None:
    assert parse_last_moment(text, now_ms=42, zone=PARIS) == last_ms


@pytest.mark.parametrize(
    ("text", "exact_us"),
    [
        ("2026-02-04 12:00:07.681845", (NOON + 7_000) * 1000 + 681_845),
        ("2026-02-04 12:00:07", (NOON + 7_000) * 1000),
        ("2026-02-04 12:00", NOON * 1000),
        ("2026-02-04", (NOON + 12 * 3_600_000) * 1000 - 1),
        ("-2h", (42 - 7_200_000) * 1000),
    ],
)
def test_a_log_is_followed_to_the_very_moment_that_was_written(text: str, exact_us: int) -> None:
    assert parse_exact_us(text, now_ms=42, zone=PARIS) == exact_us
    pinned = pin_moment(text, now_ms=42, zone=PARIS)
    assert parse_exact_us(pinned, now_ms=0) == exact_us  # read later, on a machine of another zone


@pytest.mark.parametrize(
    "text", ["9999-12-31", "99991231", "9999-12-31 23:59:59-12:00", "0001-01-01", "0001-01-01 00:00+14"]
)
@pytest.mark.parametrize("zone", [PARIS, None])
@pytest.mark.parametrize("read", [parse_moment, parse_last_moment, parse_exact_us])
def test_what_no_calendar_has_in_every_zone_is_refused(
    read: Callable[..., int], zone: datetime.tzinfo | None, text: str
) -> None:
    with pytest.raises(UsageError, match="further away"):
        read(text, now_ms=0, zone=zone)


@pytest.mark.parametrize("text", ["9998-12-31", "0002-01-01"])
def test_the_last_days_of_the_calendar_are_shown_in_every_zone(text: str) -> None:
    day = parse_day(text, datetime.timezone(datetime.timedelta(hours=-14)))
    assert day is not None
    assert all(format_moment(each, datetime.timezone(datetime.timedelta(hours=14))) for each in day)


def test_a_moment_may_be_counted_back_from_now() -> None:
    assert parse_moment("-2h", now_ms=NOON) == NOON - 7_200_000
    assert parse_moment("now", now_ms=NOON) == NOON


@pytest.mark.parametrize("text", ["2026-10-25 02:30:00", "2026-03-29 02:30:00"])
def test_an_hour_that_exists_twice_or_never_is_refused_with_both_readings(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_moment(text, now_ms=0, zone=PARIS)

    assert "+01:00" in str(caught.value)
    assert "+02:00" in str(caught.value)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01 00:00", "yesterday", "2026-02-04 25:00:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_moment(text, now_ms=0, zone=PARIS)


def test_a_day_lasts_as_long_as_it_does_in_its_zone() -> None:
    hours = {}
    for day in ("2026-02-04", "20260329", "20261025"):
        span = parse_day(day, PARIS)
        assert span is not None
        hours[day] = (span[1] - span[0]) / 3_600_000

    assert hours == {"2026-02-04": 24, "20260329": 23, "20261025": 25}
    assert parse_day("20260230", PARIS) is None
    assert parse_day("deadbeef", PARIS) is None


def test_every_moment_is_written_with_its_zone() -> None:
    assert format_moment(NOON, PARIS) == "2026-02-04 12:00:00 +01:00"
    assert format_iso(NOON + 250) == "2026-02-04T11:00:00.250Z"
