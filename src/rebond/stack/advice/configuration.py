"""The configuration itself: its problems, objectives that no schedule reaches, runs that fall into maintenance."""

import json
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import count, takewhile

from rebond.config.components import Files, Secrets, Sqlite
from rebond.config.places import Node
from rebond.schedule.cron_times import iterate_firings
from rebond.schedule.jobs import zone_of
from rebond.schedule.maintenance import Window, leave_windows, read_window
from rebond.stack.advice.lines import change_value, open_editor, read_nodes
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.rhythms import quickest_schedule

CHECK = "configuration"
_LOOKED_AHEAD_MS = 35 * 86_400_000
_MOST_FIRINGS = 2_000
_DAY = 86_400
_WATCHED = (Files, Secrets, Sqlite)  # whose changes are seen


def check_configuration(scene: Scene) -> Iterator[Observation]:
    """Yield what is wrong with the configuration though it can be used."""
    nodes = read_nodes(scene.path)
    yield from _find_problems(scene, nodes)
    yield from _find_maintenance(scene, nodes)
    yield from _find_unscheduled(scene, nodes)
    yield from _find_unclassed(scene)


def _find_problems(scene: Scene, nodes: Node) -> Iterator[Observation]:
    changed = set()
    for problem in scene.problems:
        values = problem.error.values
        if {"component", "rpo", "title", "gap"} <= set(values):
            title = str(values["title"])
            if title in changed:
                continue  # the same schedule is too slow for several; the slowest to be served comes in the next run
            changed.add(title)
            yield Observation(
                check=CHECK,
                code="objective-unreachable",
                weight=Weight.WARNING,
                template="The component {component} may lose {rpo}, but its quickest class, {title}, runs every {gap}.",
                values=values,
                command=_speed_up(scene, nodes, str(values["component"]), title),
            )
        else:
            yield Observation(
                check=CHECK,
                code="configuration",
                weight=Weight.WARNING,
                template="{place}: {problem}",
                values={"place": str(problem.place), "problem": problem.error},
                command=open_editor(Node(value="", place=problem.place, path="")),
            )


def _speed_up(scene: Scene, nodes: Node, component: str, title: str) -> str:
    """Return the command that lets a class run as often as those ask that nothing else saves often enough."""
    late = {str(each.error.values["component"]) for each in scene.problems if each.error.values.get("title") == title}
    members = scene.configuration.component
    wanted = {name: rpo for name in late if name in members and (rpo := members[name].rpo) is not None}
    schedule = quickest_schedule(min(wanted.values(), default=_DAY))
    if schedule is None:
        soonest = sorted(name for name, rpo in wanted.items() if quickest_schedule(rpo) is None)
        if all(isinstance(members[name], _WATCHED) for name in soonest):
            return _save_at_change(scene, soonest)
        return open_editor(nodes.find("component", component, "rpo"))
    return change_value(nodes.find("class", title, "schedule"), schedule)


def _save_at_change(scene: Scene, names: Sequence[str]) -> str:
    """Return the command that adds a class which saves these whenever they change: no schedule is quick enough."""
    title = next(each for n in count() if (each := f"changes{n or ''}") not in scene.configuration.classes)
    lines = ["", f"[class.{title}]", 'trigger = "change"', f"components = {json.dumps([*names])}"]
    return f"printf '%s\\n' {shlex.join(lines)} >> {shlex.quote(str(scene.path))}"


def _find_maintenance(scene: Scene, nodes: Node) -> Iterator[Observation]:
    windows = [read_window(each.when) for each in scene.configuration.maintenance]
    if not windows:
        return
    zone, now_ms = zone_of(scene.configuration), scene.clock.now_ms()
    for title, class_ in scene.configuration.classes.items():
        if not class_.schedule:
            continue
        firings = takewhile(
            lambda pair: pair[0] < _MOST_FIRINGS and pair[1] < now_ms + _LOOKED_AHEAD_MS,
            enumerate(iterate_firings(class_.schedule, now_ms, zone)),
        )
        fallen = next((at for _, at in firings if leave_windows(windows, at, zone) != at), None)
        if fallen is not None:
            yield Observation(
                check=CHECK,
                code="in-maintenance",
                weight=Weight.WARNING,
                template="The class {title} is due at {moment}, within hours of maintenance, and has to wait.",
                values={"title": title, "moment": _say(fallen, zone)},
                command=_leave(nodes, title, class_.schedule, windows, fallen, zone),
            )


def _leave(nodes: Node, title: str, schedule: str, windows: list[Window], fallen_ms: int, zone: tzinfo) -> str:
    """Return the command that moves a daily or weekly run behind the hours."""
    node = nodes.find("class", title, "schedule")
    end = datetime.fromtimestamp(leave_windows(windows, fallen_ms, zone) / 1000, UTC).astimezone(zone)
    minute, hour, *rest = schedule.split()
    if not (minute.isdigit() and hour.isdigit()) or end.date() != _date(fallen_ms, zone):
        return open_editor(node)
    return change_value(node, " ".join([str(end.minute), str(end.hour), *rest]))


def _find_unscheduled(scene: Scene, nodes: Node) -> Iterator[Observation]:
    """Yield every component that promises an objective and is saved by hand only."""
    for name, component in scene.configuration.component.items():
        if component.rpo is None:
            continue
        classes = [
            (title, each)
            for title, each in scene.configuration.classes.items()
            if each.takes_all or name in each.components
        ]
        if classes and not any(each.schedule or each.trigger in {"change", "commit"} for _, each in classes):
            yield Observation(
                check=CHECK,
                code="by-hand-only",
                weight=Weight.WARNING,
                template="The component {component} has an objective, and its classes are started by hand only.",
                values={"component": name},
                command=open_editor(nodes.find("class", classes[0][0])),
            )


def _find_unclassed(scene: Scene) -> Iterator[Observation]:
    if not scene.configuration.classes:
        yield Observation(
            check=CHECK,
            code="no-class",
            weight=Weight.NOTE,
            template="There is no class: nothing is saved unless somebody runs 'rebond backup'.",
        )


def _say(moment_ms: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _date(moment_ms: int, zone: tzinfo) -> object:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone).date()
