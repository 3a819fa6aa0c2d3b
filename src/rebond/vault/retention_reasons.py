"""Why a snapshot stays or goes, in words that a front end translates."""

from rebond.findings import Finding, Severity
from rebond.identifiers import SnapshotId


def kept_as_last(snapshot: SnapshotId, place: int, of: int) -> Finding:
    """Say that it is one of the newest."""
    return Finding(
        code="kept-last",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="kept: number {place} of the last {of}",
        values={"place": place, "of": of},
    )


def kept_for_period(snapshot: SnapshotId, rule: str, label: str, place: int, of: int) -> Finding:
    """Say that it is the newest of an hour, a day, a week, a month or a year."""
    return Finding(
        code=f"kept-{rule}",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="kept: {rule} {place} of {of}, the newest of {label}",
        values={"rule": rule, "place": place, "of": of, "label": label},
    )


def kept_for_ever(snapshot: SnapshotId) -> Finding:
    """Say that nothing ever goes."""
    return Finding(
        code="kept-for-ever",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="kept: the policy keeps everything for ever",
    )


def kept_within(snapshot: SnapshotId, within_ms: int) -> Finding:
    """Say that it is young enough."""
    return Finding(
        code="kept-within",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="kept: not older than {days} days, counted from the newest complete one",
        values={"days": f"{round(within_ms / 86_400_000, 2):g}"},
    )


def kept_for_tag(snapshot: SnapshotId, tag: str) -> Finding:
    """Say that a tag keeps it."""
    return Finding(
        code="kept-tag",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="kept: it has the tag {tag}",
        values={"tag": tag},
    )


def kept_as_newest_partial(snapshot: SnapshotId) -> Finding:
    """Say that nothing better is newer."""
    return Finding(
        code="kept-partial",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="kept: it is partial, and no complete one is newer",
    )


def kept_as_held(snapshot: SnapshotId) -> Finding:
    """Say that somebody holds it."""
    return Finding(code="kept-held", severity=Severity.NOTE, subject=snapshot.hex(), template="kept: it is held")


def kept_as_last_complete(snapshot: SnapshotId, components: frozenset[str]) -> Finding:
    """Say that nothing complete would be left."""
    return Finding(
        code="kept-last-complete",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="kept: the last complete one of {components}",
        values={"components": ", ".join(sorted(components))},
    )


def explain_expiry(snapshot: SnapshotId, *, is_complete: bool, at_most_ms: int | None) -> Finding:
    """Say why it goes; ``at_most_ms`` is given when that alone takes it."""
    if at_most_ms is not None:
        return Finding(
            code="expired-at-most",
            severity=Severity.NOTE,
            subject=snapshot.hex(),
            template="goes: older than the {days} days that are allowed",
            values={"days": f"{round(at_most_ms / 86_400_000, 2):g}"},
        )
    if not is_complete:
        return Finding(
            code="expired-partial",
            severity=Severity.NOTE,
            subject=snapshot.hex(),
            template="goes: it is partial, and a complete one is newer",
        )
    return Finding(
        code="expired-no-rule",
        severity=Severity.NOTE,
        subject=snapshot.hex(),
        template="goes: no rule keeps it; newer ones fill every rule's number",
    )
