"""Options and rules that choose snapshots and paths, shared by several commands."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.grammar.verbs import Callback, option
from rebond.cli.vaults.opening import VaultAtHand
from rebond.clock import SystemClock
from rebond.errors import UnknownName, UsageError
from rebond.units import format_moment, parse_last_moment, parse_size

if TYPE_CHECKING:
    from rebond.vault.snapshots import SnapshotRecord


class Size(click.ParamType[int]):
    """A size such as 10MB, as bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return value if isinstance(value, int) else parse_size(value)


def stack_option(function: Callback) -> Callback:
    """Add ``--stack``, which says whose ``latest`` is meant."""
    return option("--stack", default="", metavar="NAME", help="Only snapshots of this stack.")(function)


def choose_snapshot(
    vault: VaultAtHand, text: str, *, stack: str = "", records: "Sequence[SnapshotRecord] | None" = None
) -> "SnapshotRecord":
    """Return the snapshot that ``text`` means, of ``records`` where given. Raises ``UnknownName`` and ``UsageError``.

    One that its writer took back is found by its id alone: it may lack something, or a thief hid it.
    """
    from rebond.operations.snapshots import list_snapshots, resolve_snapshot, resolve_withdrawn

    records = list_snapshots(vault.live) if records is None else records
    stack = stack or vault.configured.stack
    try:
        found = resolve_snapshot(
            records, text, stack=stack, zone=vault.configured.zone, now_ms=vault.live.clock.now_ms()
        )
    except UnknownName:
        withdrawn = resolve_withdrawn(vault.live, text)
        if withdrawn is None:
            raise
        return withdrawn
    if text == "latest" or text.startswith("latest:"):
        vault.doubts.judge(found)
    elif not found.snapshot.hex().startswith(text.lower()):
        vault.doubts.judge(found, _list_sets(records, found))
    return found


def _list_sets(records: "Sequence[SnapshotRecord]", like: "SnapshotRecord") -> "list[SnapshotRecord]":
    """Return the whole sets of the same stack: of a day, or until a moment, the newest of them is taken."""
    from rebond.operations.snapshots import SnapshotState, state_of

    of_stack = [each for each in records if each.catalog.stack == like.catalog.stack]
    return [each for each in of_stack if state_of(each) is SnapshotState.WHOLE and not each.catalog.lacks]


def choose_moment(
    vault: VaultAtHand, text: str, *, stack: str = "", records: "Sequence[SnapshotRecord] | None" = None
) -> tuple["SnapshotRecord", int]:
    """Return the newest whole snapshot of ``stack`` that shows ``text`` or an earlier moment, and that moment.

    It is one of ``records`` where given.
    The moment is in milliseconds since 1970, the last one that ``text`` names.
    """
    from rebond.operations.snapshots import list_snapshots, resolve_snapshot, time_of

    until_ms = parse_last_moment(text, now_ms=SystemClock().now_ms(), zone=vault.configured.zone)
    known = list_snapshots(vault.live) if records is None else records
    until_then = [each for each in known if time_of(each) <= until_ms]
    if not until_then:
        raise UnknownName(
            "There is no snapshot of {moment} or earlier.",
            hint="'rebond snapshots' lists them with their times.",
            moment=format_moment(until_ms),
        )
    found = resolve_snapshot(until_then, "latest", now_ms=until_ms, stack=stack or vault.configured.stack)
    vault.doubts.judge(found, _list_sets(known, found))
    return found, until_ms


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Return I and N of ``I/N``. Raises ``UsageError``."""
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        number, count = int(parts[0]), int(parts[1])
        if number < count:
            return number, count
    raise UsageError("'{text}' is not a share.", hint="Write I/N with 0 ≤ I < N, such as 0/4.", text=text)


def combine(*decorators: Callable[[Callback], Callback]) -> Callable[[Callback], Callback]:
    """Return one decorator that applies several, the first outermost."""

    def decorate(function: Callback) -> Callback:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate


def split_all(texts: Sequence[str]) -> tuple[str, ...]:
    """Return words that were given one by one or with commas between."""
    return tuple(word for text in texts for word in text.split(",") if word)
