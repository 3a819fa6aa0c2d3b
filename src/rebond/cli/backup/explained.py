"""What ``rebond explain`` shows of a path, however that is saved."""

from collections.abc import Sequence
from typing import Any

from rebond.cli.output.speech import show_path, tr
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.operations.snapshots import time_of
from rebond.sources.files.excluding import Rule
from rebond.sources.files.explaining import LINK
from rebond.units import format_iso, format_moment
from rebond.vault.snapshots import SnapshotRecord


def rule_document(rule: Rule | None) -> dict[str, Any] | None:
    """Return the rule that decided, for machines."""
    if rule is None:
        return None
    return {"text": rule.text, "origin": rule.origin, "line": rule.line or None, "negated": rule.is_negated}


def holders_document(holders: Sequence[SnapshotRecord]) -> list[dict[str, str]]:
    """Return the snapshots that hold a path, for machines."""
    return [{"id": each.snapshot.hex(), "time": format_iso(time_of(each))} for each in holders]


def say_left_out(path: str, rule: Rule, decided: bytes) -> str:
    """Return a line that says by what rule a path is not saved; ``decided`` is what the rule speaks of."""
    if rule.origin == LINK:
        return tr(
            "{path} is not saved: {decided} is a link to {target}, and only the link is saved, not what it leads to.",
            path=path,
            decided=show_path(decided),
            target=rule.text,
        )
    return tr(
        "{path} is not saved: {rule} leaves out {decided} ({place}).",
        path=path,
        rule=rule.text,
        decided=show_path(decided),
        place=rule.place,
    )


def say_holders(holders: Sequence[SnapshotRecord]) -> str:
    """Return a line on the snapshots that hold a path, oldest first."""
    if not holders:
        return tr("No snapshot holds it.")
    first, last = holders[0], holders[-1]
    return tr(
        "{count} snapshots hold it, from {first} ({first_time}) to {last} ({last_time}).",
        count=len(holders),
        first=first.snapshot.hex()[:SHORT_ID],
        first_time=format_moment(time_of(first)),
        last=last.snapshot.hex()[:SHORT_ID],
        last_time=format_moment(time_of(last)),
    )
