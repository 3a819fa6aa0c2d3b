"""Moments to come, as people write them."""

from datetime import tzinfo

from rebond.errors import UsageError
from rebond.units import parse_last_moment, parse_span


def parse_coming_moment(text: str, *, now_ms: int, zone: tzinfo) -> int:
    """Return the last millisecond of a day or moment, or what lies so far ahead: ``2h``.

    Raises ``UsageError`` for what is neither, and for what is over.
    """
    try:
        moment_ms = now_ms + parse_span(text.removeprefix("+")) * 1000
    except UsageError:
        moment_ms = parse_last_moment(text, now_ms=now_ms, zone=zone)
    if moment_ms <= now_ms:
        raise UsageError("{text} is over.", hint="Name a moment that is still to come.", text=text)
    return moment_ms
