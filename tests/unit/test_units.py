"""Sizes, spans and moments."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rebond.errors import UsageError
from rebond.units import (
    format_iso,
    format_moment,
    format_size,
    format_span,
    parse_day,
    parse_last_moment,
    parse_moment,
    parse_size,
    parse_span,
)

PARIS = ZoneInfo("Europe/Paris")
NOON = 1_770_202_800_000  # 2026-02-04 12:00:00 +01:00


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("10MB", 10_000_000), ("10 mb", 10_000_000), ("1GiB", 1 << 30), ("1.5k", 1500), ("2TiB", 2 << 40)],
)
def test_a_size_is_read(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


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
