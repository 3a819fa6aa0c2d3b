"""Listing snapshots, and finding the one that a person means."""

import datetime
import enum
import re
from collections.abc import Sequence

from msgspec import Struct

from rebond.errors import UnknownName, UsageError
from rebond.units import parse_last_moment, parse_moment
from rebond.vault.access import Vault
from rebond.vault.commits import read_snapshots, read_withdrawn
from rebond.vault.marks import read_marks, report_unreadable
from rebond.vault.snapshots import SnapshotRecord

AHEAD_MS = 10 * 60_000  # of this machine's clock: a record that is dated later shows a clock that is wrong
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:([-T ]\d{2}):?\d{2}(?::?\d{2})?(?: ?(Z|UTC|[+-]\d\d(?::?\d\d)?))?)?")
_ID = re.compile(r"[0-9a-f]{4,32}")  # fewer digits would be mistaken for words


class SnapshotState(enum.StrEnum):
    """What a snapshot is worth."""

    WHOLE = "whole"
    PARTIAL = "partial"
    DEGRADED = "degraded"


class SnapshotFilter(Struct, frozen=True):
    """Which snapshots are asked for; empty fields ask for any. Times are milliseconds since 1970, UTC."""

    component: str = ""
    tag: str = ""
    class_: str = ""
    stack: str = ""
    host: str = ""
    until_ms: int | None = None
    newest: int | None = None
    in_trash: bool = False

    def accepts(self, record: SnapshotRecord) -> bool:
        """Whether a record is one of those asked for."""
        catalog = record.catalog
        return (
            (not self.component or any(c.name == self.component for c in catalog.components))
            and (not self.tag or self.tag in catalog.tags)
            and (not self.class_ or catalog.class_ == self.class_)
            and (not self.stack or catalog.stack == self.stack)
            and (not self.host or catalog.host == self.host)
            and (self.until_ms is None or time_of(record) <= self.until_ms)
        )


def time_of(record: SnapshotRecord) -> int:
    """The moment that a snapshot shows, in milliseconds since 1970, UTC."""
    return record.catalog.moment_ms if record.catalog.moment_ms is not None else record.catalog.time_ms


def is_ahead(record: SnapshotRecord, now_ms: int | None) -> bool:
    """Whether a snapshot is dated ahead of this machine's clock: the one or the other was wrong."""
    return now_ms is not None and time_of(record) > now_ms + AHEAD_MS


def leave_out_ahead(records: Sequence[SnapshotRecord], now_ms: int) -> list[SnapshotRecord]:
    """Return the snapshots that are not dated ahead of this machine's clock; all of them where there is no other."""
    return [each for each in records if not is_ahead(each, now_ms)] or list(records)


def state_of(record: SnapshotRecord) -> SnapshotState:
    """Whether a snapshot has everything that it was to have."""
    if any(not c.complete for c in record.catalog.components):
        return SnapshotState.PARTIAL
    if any(c.degraded for c in record.catalog.components):
        return SnapshotState.DEGRADED
    return SnapshotState.WHOLE


def list_snapshots(vault: Vault, wanted: SnapshotFilter | None = None) -> list[SnapshotRecord]:
    """Return the snapshots asked for, oldest first; those in the trash only when asked for."""
    wanted = wanted or SnapshotFilter()
    marks = read_marks(vault.store, vault.vault_id, vault.roster)
    report_unreadable(vault, marks)
    forgotten = marks.forgotten()
    found = [
        record
        for record in read_snapshots(vault)
        if (record.name in forgotten) == wanted.in_trash and wanted.accepts(record)
    ]
    found.sort(key=lambda record: (time_of(record), record.catalog.sequence, record.snapshot))
    return found[-wanted.newest :] if wanted.newest else found


def resolve_withdrawn(vault: Vault, text: str) -> SnapshotRecord | None:
    """Return the snapshot of that id, or start of one, that its writer took back; ``None`` when there is none."""
    if not _ID.fullmatch(text.lower()):
        return None
    fitting = [record for record in read_withdrawn(vault) if record.snapshot.hex().startswith(text.lower())]
    return _resolve_id(fitting, text.lower()) if fitting else None


def resolve_forgotten(vault: Vault, text: str) -> SnapshotRecord | None:
    """Return the snapshot in the trash of that id, or start of one; ``None`` when there is none."""
    if not _ID.fullmatch(text.lower()):
        return None
    trash = list_snapshots(vault, SnapshotFilter(in_trash=True))
    fitting = [record for record in trash if record.snapshot.hex().startswith(text.lower())]
    return _resolve_id(fitting, text.lower()) if fitting else None


def resolve_snapshot(
    records: Sequence[SnapshotRecord],
    text: str,
    *,
    now_ms: int | None,
    stack: str = "",
    zone: datetime.tzinfo = datetime.UTC,
) -> SnapshotRecord:
    """Return the snapshot that ``text`` means: an id, a unique prefix, latest, latest:NAME, or a date.

    ``latest`` is the newest whole one of ``stack`` that is a set: not one of some components only, unless there is no
    other; one that is dated ahead of ``now_ms`` only where all are. Without a stack and with several in the vault it
    is refused. A day means its newest in the same sense, and the newest at all where none of that day is whole; with a
    time it is the newest of that day that is not later. Both are of that stack; without one it must be clear too.
    Raises ``UnknownName`` when nothing fits and ``UsageError`` when more than one thing does.
    """
    if not records:
        raise UnknownName(
            "There is no snapshot in this vault yet.",
            hint="Make one with 'rebond backup'; 'rebond snapshots' lists them.",
        )
    if text == "latest" or text.startswith("latest:"):
        return _resolve_latest(records, text.partition(":")[2], stack, now_ms)
    if (match := _DATE.fullmatch(text)) is not None:
        if any(record.snapshot.hex().startswith(text) for record in records):
            return _resolve_digits(records, text, match, stack, zone)
        return _resolve_date(records, text, match, stack, zone)
    if _ID.fullmatch(text.lower()):
        return _resolve_id(records, text.lower())
    if any(text == each.name for record in records for each in record.catalog.components):
        raise UnknownName(
            "{text} is a component, and the first word names a snapshot.",
            hint="Put the snapshot before it, such as: latest {text}",
            text=text,
        )
    raise UnknownName(
        "{text} names no snapshot.",
        hint="Give an id or the start of one, 'latest', 'latest:CLASS' or a date such as 2026-02-04; "
        "'rebond snapshots' lists them.",
        text=text,
    )


def _resolve_latest(records: Sequence[SnapshotRecord], label: str, stack: str, now_ms: int | None) -> SnapshotRecord:
    whole = [r for r in records if state_of(r) is SnapshotState.WHOLE and (not stack or r.catalog.stack == stack)]
    if label:
        whole = [r for r in whole if r.catalog.class_ == label or label in r.catalog.tags]
    else:
        whole = [r for r in whole if not r.catalog.lacks] or whole
    _require_one_stack(whole, "latest")
    if not whole:
        raise UnknownName(
            "No whole snapshot fits {text}.",
            hint="'rebond snapshots' lists what there is, with the state of each.",
            text=f"latest:{label}" if label else "latest",
        )
    return max(whole, key=lambda record: (not is_ahead(record, now_ms), *_age(record)))


def _age(record: SnapshotRecord) -> tuple[int, int]:
    return time_of(record), record.catalog.sequence


def _require_one_stack(records: Sequence[SnapshotRecord], text: str) -> None:
    stacks = sorted({record.catalog.stack for record in records})
    if len(stacks) > 1:
        raise UsageError(
            "'{text}' is not clear: the vault holds the stacks {stacks}.",
            hint="Name the snapshot by its id, or say which stack with --stack.",
            text=text,
            stacks=", ".join(stacks),
        )


def _resolve_digits(
    records: Sequence[SnapshotRecord], text: str, match: re.Match[str], stack: str, zone: datetime.tzinfo
) -> SnapshotRecord:
    """Eight digits that begin an id mean it, unless they are also a day of which there is a snapshot."""
    found = _resolve_id(records, text)
    try:
        of_the_day = _resolve_date(records, text, match, stack, zone)
    except UsageError:
        return found
    if found.snapshot != of_the_day.snapshot:
        raise UsageError(
            "{text} is a day of which there is a snapshot, and the start of the id {id}.",
            hint="Write the date with dashes, or more of the id.",
            text=text,
            id=found.snapshot.hex()[:12],
        )
    return found


def _resolve_date(
    records: Sequence[SnapshotRecord], text: str, match: re.Match[str], stack: str, zone: datetime.tzinfo
) -> SnapshotRecord:
    year, month, day = (int(part) for part in match.groups()[:3])
    has_time = match[4] is not None
    try:
        start = datetime.datetime(year, month, day, tzinfo=zone)
        from_ms, until_ms = (int(each.timestamp() * 1000) for each in (start, start + datetime.timedelta(days=1)))
        if has_time:  # refused where the clock was changed: an hour that came twice is two moments
            until_ms = parse_last_moment(text, now_ms=0, zone=zone) + 1
        if match[5]:  # whoever names a zone means the day there
            from_ms = parse_moment(f"{year:04}-{month:02}-{day:02} 00:00{match[5]}", now_ms=0)
    except (ValueError, OverflowError):
        raise UsageError(
            "{text} is not a date.", hint="Write it as 2026-02-04 or 2026-02-04T03:00.", text=text
        ) from None
    fitting = [r for r in records if from_ms <= time_of(r) < until_ms and (not stack or r.catalog.stack == stack)]
    _require_one_stack(fitting, text)
    if not fitting:
        raise UnknownName(
            "There is no snapshot of {text}.", hint="'rebond snapshots' lists them with their times.", text=text
        )
    return max(_prefer_sets(fitting) if not has_time else fitting, key=_age)


def _prefer_sets(records: list[SnapshotRecord]) -> list[SnapshotRecord]:
    """Return those that are whole sets; else those that are whole; else all: a day is asked for as ``latest`` is."""
    whole = [each for each in records if state_of(each) is SnapshotState.WHOLE]
    return [each for each in whole if not each.catalog.lacks] or whole or records


def _resolve_id(records: Sequence[SnapshotRecord], prefix: str) -> SnapshotRecord:
    fitting = [r for r in records if r.snapshot.hex().startswith(prefix)]
    if not fitting:
        raise UnknownName(
            "No snapshot has an id that starts with {prefix}.",
            hint="'rebond snapshots' lists them; forgotten ones are under --trash.",
            prefix=prefix,
        )
    if len({r.snapshot for r in fitting}) > 1:
        raise UsageError(
            "{prefix} is the start of several ids: {ids}.",
            hint="Give more of it.",
            prefix=prefix,
            ids=", ".join(sorted(r.snapshot.hex()[:12] for r in fitting)),
        )
    return fitting[-1]
