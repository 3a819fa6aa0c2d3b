"""Finding the snapshot that a person means, and refusing where two could be meant."""

import datetime
import zoneinfo
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operations.restored import RestoredVault, a_tree

from rebond.errors import UnknownName, UsageError
from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId
from rebond.operations.snapshots import (
    SnapshotFilter,
    SnapshotState,
    leave_out_ahead,
    list_snapshots,
    resolve_snapshot,
    state_of,
    time_of,
)
from rebond.vault.marks import ClaimBody, MarkBody, claim_mark, put_mark
from rebond.vault.protocol_rules import ClaimPurpose
from rebond.vault.snapshots import CatalogPart, ComponentSummary, SnapshotRecord

PARIS = zoneinfo.ZoneInfo("Europe/Paris")


def at(text: str, zone: datetime.tzinfo = datetime.UTC) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def a_record(
    id_: str,
    time_ms: int,
    *,
    stack: str = "shop",
    class_: str = "",
    tags: Sequence[str] = (),
    complete: bool = True,
    degraded: bool = False,
    moment_ms: int | None = None,
    sequence: int = 1,
    lacks: Sequence[str] = (),
) -> SnapshotRecord:
    component = ComponentSummary(
        name="site", kind="files", domain=DomainId(bytes(8)), complete=complete, degraded=degraded
    )
    return SnapshotRecord(
        name=ObjectName(id_),
        snapshot=SnapshotId(bytes.fromhex(id_.ljust(32, "0"))),
        session=SessionId(bytes(16)),
        member=MemberId(bytes(8)),
        domain=DomainId(bytes(8)),
        catalog=CatalogPart(
            sequence=sequence,
            time_ms=time_ms,
            moment_ms=moment_ms,
            host="here",
            stack=stack,
            class_=class_,
            tags=list(tags),
            components=[component],
            lacks=list(lacks),
        ),
        private_segment=b"",
        content_hash=b"",
    )


OLD = a_record("aaaa1111", at("2026-02-03T10:00"), class_="daily", tags=["before upgrade"])
NIGHT = a_record("aaaa2222", at("2026-02-04T03:00"), class_="daily", sequence=2)
NOON = a_record("bbbb3333", at("2026-02-04T12:00"), class_="hourly", sequence=3)
PARTIAL = a_record("cccc4444", at("2026-02-05T12:00"), class_="daily", complete=False, sequence=4)
DEGRADED = a_record("dddd5555", at("2026-02-06T12:00"), degraded=True, sequence=5)
RECORDS = [OLD, NIGHT, NOON, PARTIAL, DEGRADED]


def test_latest_is_not_one_that_is_dated_ahead_while_there_is_another() -> None:
    """One run with a clock that was ahead would be the latest for years, and every restore bring that day back."""
    ahead = a_record("aa", at("2031-01-01"))
    now = a_record("bb", at("2026-02-04"))
    records = [now, ahead]

    assert resolve_snapshot(records, "latest", now_ms=at("2026-02-05")) is now
    assert resolve_snapshot(records, "aa00", now_ms=at("2026-02-05")) is ahead
    assert resolve_snapshot(records, "latest", now_ms=at("2031-01-02")) is ahead
    assert resolve_snapshot([ahead], "latest", now_ms=at("2026-02-05")) is ahead
    assert leave_out_ahead([ahead, now], at("2026-02-05")) == [now]
    assert leave_out_ahead([ahead], at("2026-02-05")) == [ahead]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latest", NOON),
        ("latest:daily", NIGHT),
        ("latest:hourly", NOON),
        ("latest:before upgrade", OLD),
        ("aaaa1111", OLD),
        ("AAAA1111", OLD),
        ("aaaa1", OLD),
        ("cccc", PARTIAL),
        ("dddd5555" + "0" * 24, DEGRADED),
        ("2026-02-04", NOON),
        ("20260204", NOON),
        ("20260204-030000", NIGHT),
        ("2026-02-04T03:00", NIGHT),
        ("2026-02-04 11:59:59", NIGHT),
        ("2026-02-04 12:00", NOON),
        ("2026-02-04 12:59:59+01", NIGHT),
        ("2026-02-04 11:59:59 UTC", NIGHT),
        ("20260204-030000Z", NIGHT),
        ("2026-02-05", PARTIAL),
    ],
)
def test_every_form_finds_what_it_means(text: str, expected: SnapshotRecord) -> None:
    assert resolve_snapshot(RECORDS, text, now_ms=None) is expected
    assert resolve_snapshot(list(reversed(RECORDS)), text, now_ms=None) is expected, "whatever their order"


def test_an_hour_that_came_twice_is_refused_and_each_of_the_two_can_be_named() -> None:
    first, second = a_record("aaaa", at("2026-10-25T00:40")), a_record("bbbb", at("2026-10-25T01:40"))

    with pytest.raises(UsageError, match=r"could be 2026-10-25 02:50:00 \+02:00 or 2026-10-25 02:50:00 \+01:00"):
        resolve_snapshot([first, second], "20261025-025000", now_ms=None, zone=PARIS)
    assert resolve_snapshot([first, second], "2026-10-25 02:50+02", now_ms=None, zone=PARIS) is first
    assert resolve_snapshot([first, second], "20261025-025000+01:00", now_ms=None, zone=PARIS) is second
    with pytest.raises(UsageError, match="not one moment"):  # an hour that never was
        resolve_snapshot([first, second], "2026-03-29 02:30", now_ms=None, zone=PARIS)


def test_a_time_with_a_zone_is_of_the_day_of_that_zone() -> None:
    before, earlier = a_record("aaaa", at("2026-02-03T14:00")), a_record("bbbb", at("2026-02-03T20:00"))

    assert resolve_snapshot([before, earlier], "2026-02-04 10:00+09:00", now_ms=None) is earlier
    with pytest.raises(UnknownName):  # it was the day before there, though not here
        resolve_snapshot([before], "2026-02-04 00:30+09:00", now_ms=None)
    assert resolve_snapshot([before, earlier], "2026-02-03 23:30 -05", now_ms=None) is earlier


def test_a_day_is_its_newest_set_and_not_what_was_saved_alone_after_it() -> None:
    everything = a_record("aaaa", at("2026-02-04T03:00"))
    secrets = a_record("bbbb", at("2026-02-04T11:00"), lacks=["database", "media"])
    broken = a_record("cccc", at("2026-02-04T12:00"), complete=False)

    assert resolve_snapshot([everything, secrets, broken], "2026-02-04", now_ms=None) is everything
    assert resolve_snapshot([secrets, broken], "20260204", now_ms=None) is secrets
    assert resolve_snapshot([broken], "2026-02-04", now_ms=None) is broken
    assert resolve_snapshot([everything, secrets, broken], "2026-02-04 11:00", now_ms=None) is secrets


@pytest.mark.parametrize(
    "text",
    [
        "aaaa",
        "2026-02-30",
        "2026-13-01",
        "2026-02-04T25:00",
        "0000-00-00",
        "9999-12-31",
        "0001-01-01",
        "yesterday",
        "aaa",
        "",
        "latest:weekly",
        "2026-02-07",
        "eeee",
        "a" * 33,
        "LATEST",
        "2026-02-04T02:59",
    ],
)
def test_what_is_unclear_or_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        resolve_snapshot(RECORDS, text, zone=PARIS if text.startswith("0001") else datetime.UTC, now_ms=None)
    assert raised.value.hint


@given(st.text(max_size=20))
def test_no_text_whatever_breaks_it(text: str) -> None:
    with suppress(UsageError):
        resolve_snapshot(RECORDS, text, now_ms=None)


def test_a_vault_without_snapshots_says_so() -> None:
    with pytest.raises(UnknownName):
        resolve_snapshot([], "latest", now_ms=None)


def test_a_day_begins_and_ends_in_the_zone_that_was_given() -> None:
    before_midnight = a_record("aaaa", at("2026-02-03T23:30"))  # 00:30 on the 4th in Paris

    assert resolve_snapshot([before_midnight], "2026-02-04", zone=PARIS, now_ms=None) is before_midnight
    with pytest.raises(UnknownName):
        resolve_snapshot([before_midnight], "2026-02-04", now_ms=None)


def test_a_day_of_twenty_three_or_twenty_five_hours_is_whole() -> None:
    for day in ("2026-03-29", "2026-10-25"):
        first = a_record("aaaa", at(f"{day}T00:00", PARIS))
        last = a_record("bbbb", at(f"{day}T23:59:59", PARIS))
        next_day = a_record("cccc", last.catalog.time_ms + 1000)
        assert resolve_snapshot([first], day, zone=PARIS, now_ms=None) is first
        assert resolve_snapshot([first, last, next_day], day, zone=PARIS, now_ms=None) is last


def test_what_an_import_shows_counts_by_the_moment_that_it_shows() -> None:
    imported = a_record("eeee", at("2026-02-08T12:00"), moment_ms=at("2026-02-04T18:00"))

    assert time_of(imported) == at("2026-02-04T18:00")
    assert resolve_snapshot([*RECORDS, imported], "2026-02-04", now_ms=None) is imported


def test_digits_are_a_day_or_an_id_and_refused_when_they_are_both() -> None:
    id_only = a_record("87654321", at("2026-02-09T00:00"))
    day_too = a_record("20260204", at("2026-02-09T00:00"))

    assert resolve_snapshot([*RECORDS, id_only], "87654321", now_ms=None) is id_only
    assert resolve_snapshot([day_too], "20260204", now_ms=None) is day_too
    assert resolve_snapshot([*RECORDS, day_too], "2026-02-04", now_ms=None) is NOON
    with pytest.raises(UsageError, match="start of the id"):
        resolve_snapshot([*RECORDS, day_too], "20260204", now_ms=None)


class TestSeveralStacks:
    """One vault, two applications: neither is restored in the place of the other."""

    other = a_record("ffff6666", at("2026-02-04T20:00"), stack="blog", class_="daily")
    records = (*RECORDS, other)

    @pytest.mark.parametrize("text", ["latest", "latest:daily", "2026-02-04"])
    def test_without_a_stack_it_is_refused_and_they_are_listed(self, text: str) -> None:
        with pytest.raises(UsageError, match="blog, shop"):
            resolve_snapshot(self.records, text, now_ms=None)

    def test_with_a_stack_it_is_that_one(self) -> None:
        assert resolve_snapshot(self.records, "latest", stack="blog", now_ms=None) is self.other
        assert resolve_snapshot(self.records, "latest", stack="shop", now_ms=None) is NOON
        assert resolve_snapshot(self.records, "2026-02-04", stack="shop", now_ms=None) is NOON
        assert resolve_snapshot(self.records, "2026-02-04", stack="blog", now_ms=None) is self.other

    def test_what_only_one_of_them_has_is_clear(self) -> None:
        assert resolve_snapshot(self.records, "latest:hourly", now_ms=None) is NOON
        assert resolve_snapshot(self.records, "2026-02-03", now_ms=None) is OLD

    def test_an_id_is_clear_whatever_the_stack(self) -> None:
        assert resolve_snapshot(self.records, "ffff", stack="shop", now_ms=None) is self.other


def test_states() -> None:
    assert [state_of(record) for record in (NOON, PARTIAL, DEGRADED)] == [
        SnapshotState.WHOLE,
        SnapshotState.PARTIAL,
        SnapshotState.DEGRADED,
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> RestoredVault:
    place = RestoredVault(tmp_path_factory.mktemp("listed"))
    place.listed = [  # type: ignore[attr-defined]
        place.save(a_tree(2), class_="daily", tags=("a",)),
        place.save(a_tree(2), name="other", class_="hourly", tags=("a", "b")),
        place.save(a_tree(2), class_="daily"),
    ]
    return place


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (SnapshotFilter(), [0, 1, 2]),
        (SnapshotFilter(tag="a"), [0, 1]),
        (SnapshotFilter(tag="b"), [1]),
        (SnapshotFilter(class_="daily"), [0, 2]),
        (SnapshotFilter(component="other"), [1]),
        (SnapshotFilter(stack="none"), []),
        (SnapshotFilter(host="here"), [0, 1, 2]),
        (SnapshotFilter(newest=2), [1, 2]),
        (SnapshotFilter(newest=1, class_="hourly"), [1]),
        (SnapshotFilter(in_trash=True), []),
    ],
)
def test_snapshots_are_listed_oldest_first_as_asked(
    place: RestoredVault, wanted: SnapshotFilter, expected: list[int]
) -> None:
    listed = [record.name for record in place.listed]  # type: ignore[attr-defined]

    assert [record.name for record in list_snapshots(place.vault(), wanted)] == [listed[n] for n in expected]


def test_snapshots_up_to_a_moment(place: RestoredVault) -> None:
    first, second, _ = place.listed  # type: ignore[attr-defined]

    found = list_snapshots(place.vault(), SnapshotFilter(until_ms=time_of(second)))

    assert [record.name for record in found] == [first.name, second.name]


def test_what_was_forgotten_is_in_the_trash_until_it_is_taken_back(tmp_path: Path) -> None:
    place = RestoredVault(tmp_path)
    kept, gone = place.save(a_tree(2)), place.save(a_tree(2, seed=2))
    credentials = place.created.credentials
    mark = put_mark(place.store, credentials, MarkBody(purpose="forget", time_ms=1, names=[gone.name]))

    assert [r.name for r in list_snapshots(place.vault())] == [kept.name]
    assert [r.name for r in list_snapshots(place.vault(), SnapshotFilter(in_trash=True))] == [gone.name]
    place.restore(gone)
    assert place.found()
    body = ClaimBody(run=bytes(16), time_ms=1, purpose=ClaimPurpose.WITHDRAW.value)
    assert claim_mark(place.store, credentials, mark, body)
    assert [r.name for r in list_snapshots(place.vault())] == [kept.name, gone.name]


def test_a_record_that_cannot_be_trusted_is_reported_and_not_listed(tmp_path: Path) -> None:
    place = RestoredVault(tmp_path)
    good, bad = place.save(a_tree(2)), place.save(a_tree(2, seed=2))
    content = bytearray(place.store.read(bad.name))
    content[200] ^= 1
    place.store.delete(bad.name)
    place.store.put_if_absent(bad.name, bytes(content))

    assert [r.name for r in list_snapshots(place.vault())] == [good.name]
    assert [finding.subject for finding in place.findings] == [bad.name]
