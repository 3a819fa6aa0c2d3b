"""Behind which segment a stream of the log goes on, so that nothing is left out; numbers only, no file is looked at."""

from rebond.sources.postgres.wal_names import Switch


def find_anchor(
    have: dict[int, int], timeline: int, history: tuple[Switch, ...], segment_bytes: int
) -> tuple[int, int] | None:
    """Return timeline and number of the segment behind which the stream has to go on; ``None`` for nowhere yet."""
    if timeline in have:
        return timeline, have[timeline]
    ways = [*history]
    for position in range(len(ways) - 1, -1, -1):
        switch = ways[position]
        if switch.timeline not in have:
            continue
        following = ways[position + 1].timeline if position + 1 < len(ways) else timeline
        if (have[switch.timeline] + 1) * segment_bytes < switch.lsn:  # at its very end a server refuses to begin
            return switch.timeline, have[switch.timeline]
        return following, switch.lsn // segment_bytes - 1
    return None


def add_what_lies_here(
    have: dict[int, int], here: set[tuple[int, int]], timeline: int, history: tuple[Switch, ...], segment_bytes: int
) -> dict[int, int]:
    """Return the newest segment of each timeline that is had, without a hole behind it, on the way to ``timeline``.

    ``have`` is what is had elsewhere, ``here`` timeline and number of what lies here; where nothing is had elsewhere,
    what lies here begins with its oldest one.
    """
    have = {**have}
    if here and not have:
        number, first = min((number, each) for each, number in here)
        have = {first: number - 1}
    while (last := find_anchor(have, timeline, history, segment_bytes)) is not None:
        number = last[1] + 1
        owner = _find_owner(number, timeline, history, segment_bytes)
        following = next((each for each in (owner, last[0]) if (each, number) in here), None)
        if following is None:
            break
        have[following] = number
    return have


def find_before(position: int, timeline: int, history: tuple[Switch, ...], segment_bytes: int) -> tuple[int, int]:
    """Return timeline and number of the segment before the one with ``position``, on the way to ``timeline``."""
    number = position // segment_bytes
    return _find_owner(number, timeline, history, segment_bytes), number - 1


def _find_owner(number: int, timeline: int, history: tuple[Switch, ...], segment_bytes: int) -> int:
    """Return the timeline whose file holds a segment, on the way to ``timeline``: where it switches, the later one."""
    return next((each.timeline for each in history if number < each.lsn // segment_bytes), timeline)


def find_held(
    reached: dict[int, int],
    here: set[tuple[int, int]],
    timeline: int,
    history: tuple[Switch, ...],
    segment_bytes: int,
) -> set[tuple[int, int]]:
    """Return what of ``here`` lies behind a hole on the way to ``timeline``: the stream is yet to come by it.

    ``reached`` is what is had without a hole, see ``add_what_lies_here``. Where it leads nowhere, all on the way does.
    """
    place = find_anchor(reached, timeline, history, segment_bytes)
    on_way = {each for each in here if _find_owner(each[1], timeline, history, segment_bytes) == each[0]}
    return {each for each in on_way if place is None or each[1] > place[1]}
