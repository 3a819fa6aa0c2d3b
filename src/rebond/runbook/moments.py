"""To a moment: days and hours by the snapshots, any second by the write-ahead log of a database."""

from collections.abc import Iterator

from rebond.config.components import Postgres
from rebond.pages.blocks import Block, Commands, Grid, Notice, Paragraph
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Joined, say
from rebond.runbook.covered import list_physical
from rebond.runbook.describing import show_moment, show_run
from rebond.runbook.facts import Facts, Reachable
from rebond.runbook.putting_back import NEW_FOLDER

_MINUTE_MS = 60_000


def write_moments(facts: Facts) -> Iterator[Block]:
    """Write how a stack comes back to a moment: what snapshots hold, then what a log reaches."""
    yield Paragraph(
        (
            say(
                "A day, or a moment in the time zone {zone}: the newest snapshot that is not later is taken.",
                zone=Code(str(facts.zone)),
            ),
        )
    )
    physical = list_physical(facts)
    yield from _write_by_snapshot(facts, set(physical))
    if not physical:
        yield Paragraph(
            (
                say(
                    'Between two snapshots there is nothing: a database with `method = "physical"` would reach any '
                    "second."
                ),
            )
        )
        return
    yield from _write_by_log(facts, physical)


def _write_by_snapshot(facts: Facts, physical: set[str]) -> Iterator[Block]:
    """Write the line for what has no log. A moment behind the end of a log cannot be reached, so those stay out."""
    newest = facts.vault.newest_whole
    if newest is None:
        return
    others = [each.name for each in newest.components if each.name not in physical] if physical else []
    if others or not physical:
        moment = show_moment(facts, newest.time_ms + _MINUTE_MS)
        names = "".join(f" {quote(each)}" for each in others)
        yield Commands((NEW_FOLDER, f"rebond restore --at '{moment}'{names} --to \"$TO\" --dry-run"))


def _write_by_log(facts: Facts, physical: list[str]) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "Any second within its window: {names}, from their write-ahead log. All others come from the newest "
                "snapshot before it; the spread is said.",
                names=Joined(tuple(map(Code, physical))),
            ),
            say("`rebond snapshots` ends with what can be reached now, and `rebond wal status` says what is missing."),
        )
    )
    reached = [each for each in facts.vault.reachable if each.component in physical]
    if reached:
        yield Paragraph((say("What could be reached when this page was made:"),))
        yield Grid(
            (say("component"), say("not before"), say("not after")),
            [(Code(each.component), show_moment(facts, each.since_ms), _show_end(facts, each)) for each in reached],
        )
    for name in physical:
        yield from _write_component(facts, name, [each for each in reached if each.component == name])
    yield Notice(
        (
            say(
                "What came back is a data directory: start it beside, on another port, look at it, and only then let "
                "it take over (5.5). It archives nothing until you set `archive_mode`; then make a backup at once: no "
                "moment after its start can be reached before there is a new base."
            ),
        )
    )


def _write_component(facts: Facts, name: str, reached: list[Reachable]) -> Iterator[Block]:
    component = facts.configuration.component[name]
    if component.vault or (facts.vault.snapshots and not reached):
        return  # its log is elsewhere, or not there: no line that could be typed
    yield Paragraph((say("Up to the last transaction that {name} has in the vault:", name=Code(name)),))
    yield Commands((NEW_FOLDER, f'rebond restore --at latest {quote(name)} --to "$TO"'))
    whole = [each.until_ms // 1000 * 1000 for each in reached if each.until_ms is not None]
    if whole and reached[-1].since_ms <= whole[-1]:
        yield Paragraph((say("Up to a second; write the one from before the damage in its place:"),))
        moment = show_moment(facts, whole[-1])
        yield Commands((NEW_FOLDER, f"rebond restore --at '{moment}' {quote(name)} --to \"$TO\""))
        return
    yield Paragraph(
        (
            say(
                "For instance: {command}",
                command=Code(f"rebond restore --at '2026-02-04 14:32:07' {quote(name)} --to \"$TO\""),
            ),
        )
    )


def write_going_on(facts: Facts, name: str, component: Postgres) -> Iterator[Block]:
    """Write how the log goes on once a data directory that came back is the one that stays."""
    if component.wal == "receive":
        yield Paragraph(
            (
                say(
                    "When it is the server that stays: {command} once, then save it, so that a new base begins.",
                    command=Code("rebond wal receive --accept-gap"),
                ),
            )
        )
        return
    yield Paragraph(
        (
            say(
                "What came back archives nothing yet. When it is the server that stays: let it archive, tell the vault "
                "that it is the one, restart it, and save it."
            ),
        )
    )
    lines: list[str] = []
    if name in facts.targets and component.data_directory is not None:
        address, _, asked = facts.targets[name].partition("?")
        server = f"{address.rpartition('/')[0]}/postgres{'?' if asked else ''}{asked}"
        lines.append(f"psql {quote(server)} -c 'ALTER SYSTEM RESET archive_mode'")
    if component.data_directory is not None:
        data = quote(str(facts.machine.root / component.data_directory))
        lines.append(f"rebond wal adopt --component {quote(name)} --data {data} --yes")
    saving = f"rebond backup {quote(name)}"
    restarting = _list_restarting(facts, component)
    if restarting:
        yield Commands([*lines, *restarting, saving])
        return
    yield Commands(lines)
    yield Paragraph((say("Restart it as its machine does that; then save it: {command}", command=Code(saving)),))


def _list_restarting(facts: Facts, component: Postgres) -> list[str]:
    """Return the commands that restart the server of a component; empty where nothing says how."""
    root = quote(str(facts.machine.root))
    if component.inside is not None and component.inside.engine in {"docker", "podman"}:
        return [f"{component.inside.engine} restart {quote(component.inside.name)}"]
    if component.inside is not None:
        return []
    if component.restart is not None and "{part}" not in component.restart:
        return [f"(cd {root} && {show_run(component.restart)})"]
    restoring = facts.configuration.restore
    steps = (*restoring.stop, *restoring.start) if restoring and restoring.stop and restoring.start else ()
    if any(each.inside is not None or each.user is not None or each.only_for for each in steps):
        return []  # what is done elsewhere, or as somebody else, is no line for this shell
    return [f"(cd {root} && {show_run(each.run)})" for each in steps]


def _show_end(facts: Facts, reachable: Reachable) -> str:
    return "–" if reachable.until_ms is None else show_moment(facts, reachable.until_ms)
