"""``rebond restore`` and nothing else, on a terminal: three questions, and the command that they come to."""

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.in_place.beginning import begin_in_place
from rebond.cli.in_place.runs import require_no_open_run
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.config.components import NOTHING_TO_SAVE, Postgres
from rebond.errors import UnknownName, UsageError
from rebond.operations.snapshots import SnapshotFilter, SnapshotState, is_ahead, list_snapshots, state_of, time_of
from rebond.units import format_moment, format_span

if TYPE_CHECKING:
    from rebond.vault.snapshots import SnapshotRecord

SHOWN = 10  # snapshots from which one is chosen
_ALL = "0"
_LEAST_OF_ID = 4  # digits: fewer are a slip


def guide(invocation: Invocation, wishes: Mapping[str, Any]) -> int:
    """Ask what is broken and when it was good, show what will be overwritten, ask once more, and do it."""
    loaded = require_configuration(invocation)
    stack = loaded.configuration.stack.name
    require_no_open_run(invocation, stack, SystemClock())
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        records = list_snapshots(vault.live, SnapshotFilter(stack=wishes["stack"] or stack))
    if not records:
        raise UnknownName(
            "There is no snapshot of the stack {stack} in this vault.",
            hint="'rebond snapshots' lists what there is.",
            stack=stack,
        )
    components = loaded.configuration.component
    names = _ask_what([name for name, each in components.items() if not isinstance(each, NOTHING_TO_SAVE)])
    meant = [components[each] for each in names]
    tables = _ask_tables(names[0]) if len(names) == 1 and isinstance(meant[0], Postgres) else ()
    has_log = bool(meant) and all(isinstance(each, Postgres) and each.wal for each in meant)
    chosen = _ask_when([each for each in records if _holds(each, names)], has_log=has_log)
    moment = chosen if isinstance(chosen, str) else None
    words = names if isinstance(chosen, str) else [chosen.snapshot.hex()[:12], *names]
    options = [*(["--at", moment] if moment else []), *words, "--in-place", *_repeat("--table", tables)]
    command = shlex.join(["rebond", *name_places(invocation), "restore", *options])
    note(invocation, tr("The command for this, and for the next time: {command}", command=command))
    return begin_in_place(invocation, words, moment, {**wishes, "table": tables})


def _repeat(option: str, values: Sequence[str]) -> list[str]:
    return [word for each in values for word in (option, each)]


def _ask_what(names: Sequence[str]) -> list[str]:
    """Return the components that are broken; none named means all."""
    _say(tr("What is broken?"))
    _say(f"  {_ALL}  {tr('everything')}")
    for number, name in enumerate(names, 1):
        _say(f"  {number}  {name}")
    while True:
        text = str(click.prompt(tr("Numbers or names, with commas between"), default=_ALL, err=True))
        words = [each.strip() for each in text.replace(" ", ",").split(",") if each.strip()]
        if words == [_ALL]:
            return []
        found = [names[int(each) - 1] if _is_number(each, len(names)) else each for each in words]
        if found and all(each in names for each in found):
            return list(dict.fromkeys(found))
        _say(tr("There is no '{text}' among them.", text=text))


def _ask_tables(name: str) -> tuple[str, ...]:
    """Return the tables of a database that are broken; none named means all of it."""
    _say("\n" + tr("Which tables of {component}? Nothing means the whole database.", component=name))
    text = str(click.prompt(tr("Tables, with commas between"), default="", show_default=False, err=True))
    return tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))


def _ask_when(records: Sequence["SnapshotRecord"], *, has_log: bool) -> "SnapshotRecord | str":
    """Return the snapshot of when it was good, the newest one is proposed; or a moment, for what has a log."""
    now_ms = SystemClock().now_ms()
    newest = choose_shown(records, now_ms)
    if not newest:
        raise UnknownName(
            "No whole snapshot holds what is broken.", hint="'rebond snapshots' lists them with the state of each."
        )
    _say("\n" + tr("When was it good?"))
    for number, each in enumerate(newest, 1):
        _say(f"  {number}  {describe_moment(each, now_ms)}")
    if len(records) > len(newest):
        _say(tr("  Another one by its id or the beginning of it, as 'rebond snapshots' shows it."))
    if has_log:
        _say(tr("  Or any moment of its log: '2026-02-04 14:32:07', -2h, xid:4711, latest."))
    while True:
        text = str(click.prompt(tr("Number"), default="1", err=True)).strip()
        if _is_number(text, len(newest)):
            return newest[int(text) - 1]
        if (named := choose_named(records, text)) is not None:
            return named
        if has_log and _is_moment(text):
            return text.strip("'\"")
        _say(tr("There is no '{text}' among them.", text=text))


def _is_moment(text: str) -> bool:
    from rebond.operations.physical.targets import parse_target

    try:
        parse_target(text.strip("'\""), now_ms=SystemClock().now_ms())
    except UsageError:
        return False
    return True


def choose_shown(records: Sequence["SnapshotRecord"], now_ms: int) -> list["SnapshotRecord"]:
    """Return the newest snapshots, newest first; those that are dated ahead of this machine's clock come after them."""
    present = [each for each in records if not is_ahead(each, now_ms)]
    ahead = [each for each in records if is_ahead(each, now_ms)]
    return [*present[::-1][:SHOWN], *ahead[::-1][:SHOWN]]


def choose_named(records: Sequence["SnapshotRecord"], text: str) -> "SnapshotRecord | None":
    """Return the one snapshot whose id begins so; ``None`` for none, several, or less than four digits."""
    found = [each for each in records if each.snapshot.hex().startswith(text.lower())]
    return found[0] if len(text) >= _LEAST_OF_ID and len(found) == 1 else None


def name_places(invocation: Invocation) -> list[str]:
    """Return the options that say which configuration and vault are meant, where somebody said so on this line."""
    config = ["--config", os.path.abspath(invocation.config)] if invocation.config else []
    vault = invocation.vault or ""
    place = os.path.abspath(vault) if os.path.isdir(vault) else vault
    return [*config, *(["--vault", place] if vault else [])]


def describe_moment(record: "SnapshotRecord", now_ms: int) -> str:
    """Return when a snapshot was made and how long ago that is, or how far it is ahead of this machine's clock."""
    age_ms = now_ms - time_of(record)
    moment, short = format_moment(time_of(record)), record.snapshot.hex()[:8]
    if is_ahead(record, now_ms):
        age = format_span(-age_ms / 1000)
        return tr(
            "{moment}, dated {age} ahead of this machine's clock, snapshot {id}", moment=moment, age=age, id=short
        )
    return tr("{moment}, {age} ago, snapshot {id}", moment=moment, age=format_span(max(0, age_ms) / 1000), id=short)


def _holds(record: "SnapshotRecord", names: Sequence[str]) -> bool:
    if state_of(record) is SnapshotState.PARTIAL:
        return False
    held = {each.name for each in record.catalog.components}
    return held.issuperset(names) if names else not record.catalog.lacks


def _is_number(text: str, most: int) -> bool:
    return text.isdecimal() and 1 <= int(text) <= most


def _say(text: str) -> None:
    click.echo(text, err=True)
