"""Data directories that are restored, as they are told: before anything is written, and when they lie there."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import tr
from rebond.units import format_iso

if TYPE_CHECKING:
    from rebond.operations.physical.laying import LaidDirectory
    from rebond.operations.point_in_time import PlannedServer
    from rebond.sources.postgres_physical.start_line import StartLine


def describe_planned(
    planned: "Sequence[PlannedServer]", starts: "Sequence[StartLine | None]", zone: Any
) -> list[dict[str, Any]]:
    """Return what is said of each in a document; how one is started, once it lies there."""
    from rebond.cli.restore.starting import describe_start
    from rebond.sources.postgres.wal_names import format_lsn

    found = []
    for each, start in zip_longest(planned, starts):
        reach, facts = each.reach, each.reach.base.facts
        window = reach.window
        found.append(
            {
                "component": reach.base.component,
                "snapshot": reach.base.record.snapshot.hex(),
                "system_identifier": facts.server.system_identifier,
                "version": facts.server.version,
                "moment": reach.target.describe(zone),
                "recovery": {"setting": reach.setting, "value": reach.value},
                "timeline": window.timeline if window else facts.timeline,
                "newer_timeline": reach.unled or None,
                "last_lsn": format_lsn(reach.last_lsn),
                "segments": len(reach.segments),
                "start": describe_start(start) if start is not None else None,
                "others": [
                    {
                        "timeline": other.timeline,
                        "lsn": format_lsn(other.lsn),
                        "time": format_iso(other.time_us // 1000) if other.time_us is not None else None,
                    }
                    for other in reach.others
                ],
                "window": None
                if window is None
                else {
                    "timeline": window.timeline,
                    "since": format_iso(window.since_ms),
                    "until": format_iso(window.until_us // 1000) if window.until_us is not None else None,
                    "since_lsn": format_lsn(window.since_lsn),
                    "until_lsn": format_lsn(window.until_lsn),
                },
            }
        )
    return found


def tell_planned(planned: "Sequence[PlannedServer]", zone: Any) -> list[str]:
    """Return a line for each that says what is chosen, before anything is written; one more where that was a choice."""
    from rebond.operations.physical.places import say_other_places

    lines = []
    for each in planned:
        reach = each.reach
        values = {
            "component": reach.base.component,
            "snapshot": reach.base.record.snapshot.hex()[:8],
            "moment": reach.target.describe(zone),
            "segments": len(reach.segments),
        }
        if reach.window is None:
            lines.append(tr("{component}: the data directory of snapshot {snapshot}, with its own log.", **values))
        else:
            lines.append(
                tr(
                    "{component}: the data directory of snapshot {snapshot}, replayed to {moment} (timeline "
                    "{timeline}, {segments} segments of the log). Within reach: {window}.",
                    timeline=reach.window.timeline,
                    window=reach.window.describe(zone),
                    **values,
                )
            )
        if (finding := say_other_places(reach, zone)) is not None:
            lines.append(describe_finding(finding))
    return lines


def tell_laid(laid: "Sequence[LaidDirectory]", starts: "Sequence[StartLine | None]") -> list[str]:
    """Return what to do with each, and where its tablespaces lie."""
    from rebond.cli.restore.starting import tell_start

    lines = []
    for each, start in zip(laid, starts, strict=True):
        lines += tell_start(each.reach.base.component, start) if start is not None else []
        for number, place in each.tablespaces.items():
            lines.append(tr("Tablespace {number}: {place}", number=number, place=place))
    return lines
