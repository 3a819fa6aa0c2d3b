"""The moment that a restore in place follows the logs of servers to."""

from collections.abc import Sequence

from msgspec import Struct

from rebond.cli.in_place.sources import Sources
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import UsageError

LATEST = "latest"
_KINDS = ("lsn:", "xid:", "name:")


class Followed(Struct, frozen=True, kw_only=True):
    """A moment as a log is asked for it, and about when that was, in milliseconds since 1970."""

    text: str
    moment_ms: int


NOTHING = Followed(text="", moment_ms=0)


def is_position(moment: str) -> bool:
    """Say whether a moment is named in a way that only a log knows."""
    return moment == LATEST or moment.startswith(_KINDS)


def find_position(
    sources: Sources, loaded: Loaded, names: Sequence[str], moment: str, stack: str, now_ms: int
) -> Followed:
    """Return when a position, a transaction or a restore point was, by the log of the server that is meant.

    Raises ``UsageError`` where there is not one such server, ``WalGap`` where its log does not lead there.
    """
    if moment == LATEST:
        return Followed(text=moment, moment_ms=now_ms)
    components = loaded.configuration.component
    logged = [
        name
        for name, each in components.items()
        if isinstance(each, Postgres) and each.wal and (not names or name in names)
    ]
    if len(logged) > 1:
        raise UsageError(
            "{moment} lies in one log, and several components have one: {known}.",
            hint="Name the one that is meant.",
            moment=moment,
            known=", ".join(logged),
        )
    zone = sources.main.configured.zone
    from rebond.operations.physical.reaching import find_time
    from rebond.operations.physical.targets import parse_target
    from rebond.operations.point_in_time import find_way

    target = parse_target(moment, now_ms=now_ms, zone=zone)
    if not logged:
        raise UsageError(
            "{moment} is known to a write-ahead log only, and nothing here was saved by the physical method.",
            hint="Name a snapshot, or a time with --at: the newest snapshot before it is taken.",
            moment=target.describe(zone),
        )
    planned = find_way(sources.main.live, logged[0], target, stack=stack, zone=zone)
    time_us = find_time(planned.log, planned.reach)
    return Followed(text=moment, moment_ms=now_ms if time_us is None else -(-time_us // 1000))
