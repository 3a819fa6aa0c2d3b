"""Which schedule keeps what an objective promises."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def quickest_schedule(span_seconds: int) -> str | None:
    """Return a schedule whose runs are never further apart; ``None`` below a minute."""
    if span_seconds >= _DAY:
        return "0 3 * * *"
    if span_seconds >= _HOUR:
        hours = max(each for each in (1, 2, 3, 4, 6, 8, 12) if each * _HOUR <= span_seconds)
        return "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
    if span_seconds >= _MINUTE:
        minutes = max(each for each in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30) if each * _MINUTE <= span_seconds)
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"
    return None
