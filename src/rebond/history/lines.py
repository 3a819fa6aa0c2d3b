"""The lines of a ledger: JSON objects, each of which names the hash of the one before.

``n`` counts from 0, ``previous`` is the SHA-256 of the line before without its line feed, so ``sha256sum`` checks a
ledger as well as this program.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

NO_PREVIOUS = "0" * 64
LINE_LIMIT_BYTES = 1 << 20  # of one line; what a run says is cut to far less before
OPENED, BEGAN, ENDED, LOST, NOTED, SET_ASIDE = "opened", "began", "ended", "lost", "noted", "set-aside"


class Line(msgspec.Struct, frozen=True):
    """One line as it is written. ``content`` is without its line feed, ``facts`` what it says."""

    number: int
    content: bytes
    facts: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """What the next line names as the one before."""
        return hash_line(self.content)

    @property
    def previous(self) -> str:
        """The hash of the line before, as this one names it."""
        return str(self.facts.get("previous", ""))

    @property
    def event(self) -> str:
        """What kind of line it is."""
        return str(self.facts.get("event", ""))


def hash_line(content: bytes) -> str:
    """Return the hash of a line without its line feed."""
    return hashlib.sha256(content).hexdigest()


def make_line(number: int, previous: str, event: str, time: str, facts: Mapping[str, object]) -> Line:
    """Return a new line. What it says of itself comes first, so that nothing in ``facts`` can take its place."""
    said = {"n": number, "previous": previous, "event": event, "time": time}
    said |= {name: value for name, value in facts.items() if name not in said}
    content = json.dumps(said, separators=(",", ":"), ensure_ascii=True, default=str).encode()
    return Line(number, content, said)


def read_line(content: bytes) -> Line | None:
    """Take a line apart, without its line feed; ``None`` for what is none."""
    if len(content) > LINE_LIMIT_BYTES:
        return None
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict):
        return None
    number = facts.get("n")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        return None
    if not isinstance(facts.get("previous"), str) or not isinstance(facts.get("event"), str):
        return None
    return Line(number, content, facts)
