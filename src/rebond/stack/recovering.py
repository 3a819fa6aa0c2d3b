"""From a configuration and snapshots to a plan of coming back, and to what carries it out."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from msgspec import structs

from rebond.config.components import NOTHING_TO_SAVE, Component, Files, Postgres, Regenerable
from rebond.config.loading import refresh_variables
from rebond.config.model import Loaded
from rebond.config.steps import Probe, Restoring, Step
from rebond.errors import RebondError, SourceError, SourceUnfit, UsageError
from rebond.operations.hooks import Hook
from rebond.operations.recovery.carrying_out import Means
from rebond.operations.recovery.checking import Question, ask_address
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.parts import Part, Source
from rebond.operations.recovery.plan import (
    CommandNames,
    Expect,
    LeftOut,
    PlannedPart,
    RecoveryPlan,
    StepKind,
    expect_nothing,
    make_plan,
)
from rebond.stack.file_places import find_files_place
from rebond.stack.hooks import make_hook
from rebond.stack.recovery_places import Relocation
from rebond.stack.whereabouts import looking_up, resolver_of

if TYPE_CHECKING:
    from rebond.sources.postgres.target import DatabaseTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPart:
    """A component that is to come back: from which snapshot, and what of it.

    ``snapshot`` is its id in hexadecimal, ``vault`` the name of another vault than the main one. ``parts`` are the
    pieces of it that were named, such as single services; ``target`` the moment of a server with a log, else that of
    the snapshot.
    """

    name: str
    snapshot: str
    moment_ms: int
    vault: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryWish:
    """What is asked for, in a form that can be written down and read again.

    ``to`` is another folder in the place of the stack's root; empty for the configured places. Without
    ``runs_commands`` nothing is stopped, rebuilt, started or asked: for a place that nobody uses.
    """

    chosen: tuple[ChosenPart, ...]
    scenario: str = ""
    to: str = ""
    runs_commands: bool = True
    keeps_owner: bool = True
    workers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a plan is made with. ``folder_of`` gives a part a folder of its own, that outlives a crash.

    ``sources`` are by component; empty when nothing is fetched any more. ``untouchable`` are paths that no restore
    may move: the vault, what this machine remembers.
    """

    run: str
    folder_of: Callable[[str], Path]
    sources: Mapping[str, Source] = field(default_factory=dict)
    untouchable: Sequence[bytes] = ()
    expect: Expect = expect_nothing
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def plan_recovery(loaded: Loaded, wish: RecoveryWish, around: Surroundings) -> tuple[RecoveryPlan, Means]:
    """Return the plan and what carries it out. Nothing is asked of any server, and nothing is touched.

    Raises ``UsageError`` when nothing that was chosen can be brought back into its place.
    """
    relocation = Relocation(loaded, wish.to)
    parts: dict[str, Part] = {}
    planned: list[PlannedPart] = []
    left_out: list[LeftOut] = []
    for chosen in wish.chosen:
        component = loaded.configuration.component[chosen.name]
        try:
            part, place = make_part(chosen, component, relocation, wish, around)
        except SourceError as error:
            left_out.append(leave_out(chosen.name, error))
            continue
        parts[chosen.name] = part
        planned.append(_describe(chosen, component, place))
    if not parts:
        _refuse(left_out)
    hooks = choose_hooks(relocation.loaded, wish, around.environment) if wish.runs_commands else {}
    if not relocation.loaded.root.is_dir():
        hooks = {**hooks, StepKind.STOP: ()}  # commands start in the root: where that is gone, nothing is to be stopped
    questions = choose_questions(relocation.loaded, around.environment) if wish.runs_commands else ()
    plan = make_plan(
        run=around.run,
        stack=loaded.configuration.stack.name,
        parts=planned,
        commands=name_commands(hooks, questions),
        left_out=left_out,
        expect=around.expect,
    )
    ordered = {each.name: parts[each.name] for each in plan.parts}
    sources = [around.sources[name] for name in ordered if name in around.sources]
    return plan, Means(parts=ordered, sources=sources, commands=hooks, questions=questions)


def make_means(loaded: Loaded, wish: RecoveryWish, around: Surroundings, parts: Sequence[PlannedPart]) -> Means:
    """Return what carries out, or undoes, the rest of a plan that was begun, and touched ``parts``.

    A part whose place cannot be found out any more goes by what it remembers.
    """
    relocation = Relocation(loaded, wish.to)
    chosen = {each.name: each for each in wish.chosen}
    found: dict[str, Part] = {}
    for each in parts:
        try:
            found[each.name], _ = make_part(
                chosen[each.name], loaded.configuration.component[each.name], relocation, wish, around
            )
        except SourceError:
            place = FilesPlace(name=each.name, kind=each.kind, top=os.fsencode(each.place))
            found[each.name] = FilePart(place, Wish(), run=around.run, folder=around.folder_of(each.name), source=None)
    return Means(
        parts=found,
        sources=[around.sources[name] for name in found if name in around.sources],
        commands=choose_hooks(relocation.loaded, wish, around.environment) if wish.runs_commands else {},
        questions=choose_questions(relocation.loaded, around.environment) if wish.runs_commands else (),
    )


def make_part(
    chosen: ChosenPart, component: Component, relocation: Relocation, wish: RecoveryWish, around: Surroundings
) -> tuple[Part, str]:
    """Return what brings a component back, and its place in words. Raises ``SourceUnfit`` where nothing can."""
    source = around.sources.get(chosen.name)
    if isinstance(component, Postgres):
        return _make_database_part(chosen, component, relocation, wish, around)
    place = find_files_place(
        chosen.name,
        component,
        relocation.loaded,
        source=source,
        relocate=relocation.move,
        untouchable=around.untouchable,
    )
    wanted = Wish(
        include=chosen.include,
        exclude=chosen.exclude,
        bytes=chosen.bytes,
        keeps_owner=wish.keeps_owner,
        workers=wish.workers,
    )
    part = FilePart(place, wanted, run=around.run, folder=around.folder_of(chosen.name), source=source)
    return part, os.fsdecode(place.top)


def _make_physical_part(
    chosen: ChosenPart, component: Postgres, relocation: Relocation, wish: RecoveryWish, around: Surroundings
) -> tuple[Part, str]:
    """Return what lays a data directory down and puts it in its place. Raises ``SourceUnfit`` where that is unknown."""
    from rebond.operations.physical.targets import SET, parse_target  # noqa: PLC0415 - few stacks have one
    from rebond.operations.recovery.physical_part import PhysicalPart  # noqa: PLC0415

    if component.data_directory is None or component.inside is not None or component.volume is not None:
        raise SourceUnfit(
            "Where the data directory of {component} lies on this machine is not known.",
            hint="Say it with data_directory; or lay it down: rebond restore --at latest {component} --to DIR",
            component=chosen.name,
        )
    place = os.path.normpath(os.fsencode(os.path.join(relocation.loaded.root, component.data_directory)))
    top = relocation.move(place)
    zone = relocation.loaded.configuration.stack.timezone
    part = PhysicalPart(
        chosen.name,
        top,
        Wish(bytes=chosen.bytes, keeps_owner=wish.keeps_owner),
        run=around.run,
        folder=around.folder_of(chosen.name),
        source=around.sources.get(chosen.name),
        target=parse_target(chosen.target, now_ms=0) if chosen.target else SET,
        stack=relocation.loaded.configuration.stack.name,
        zone=ZoneInfo(zone) if zone else None,
    )
    return part, os.fsdecode(top)


def _make_database_part(
    chosen: ChosenPart, component: Postgres, relocation: Relocation, wish: RecoveryWish, around: Surroundings
) -> tuple[Part, str]:
    """Return what loads databases beside those that are there. Raises ``SourceUnfit`` for a whole data directory."""
    if component.method == "physical":
        return _make_physical_part(chosen, component, relocation, wish, around)
    if wish.to:
        raise SourceUnfit(
            "The databases of {component} belong into a server, and not below another folder.",
            hint="Load them with --into, or bring their files with --to DIR.",
            component=chosen.name,
            kind=component.kind,
        )
    if chosen.include or chosen.exclude:
        raise SourceUnfit(
            "Of the databases of {component} no single paths come back.",
            hint="Name tables with --into … --table NAME.",
            component=chosen.name,
            kind=component.kind,
        )

    from rebond.operations.recovery.database_part import DatabasePart  # noqa: PLC0415 - many stacks have none
    from rebond.stack.database_targets import target_of_component  # noqa: PLC0415

    def find_target() -> "DatabaseTarget":
        return target_of_component(chosen.name, component, relocation.loaded)

    part = DatabasePart(
        chosen.name,
        find_target,
        run=around.run,
        folder=around.folder_of(chosen.name),
        source=around.sources.get(chosen.name),
        jobs=wish.workers,
        keeps_owner=wish.keeps_owner,
    )
    return part, f"postgres:{chosen.name}"


def _describe(chosen: ChosenPart, component: Component, place: str) -> PlannedPart:
    return PlannedPart(
        name=chosen.name,
        kind=component.kind,
        snapshot=chosen.snapshot,
        moment_ms=chosen.moment_ms,
        place=place,
        files=chosen.files,
        bytes=chosen.bytes,
        is_new=os.path.isabs(place) and not os.path.lexists(place),
    )


def leave_out(name: str, error: RebondError) -> LeftOut:
    """Return a component that is not brought back, with the error that says why."""
    values = {key: str(value) for key, value in error.values.items()}
    return LeftOut(name=name, template=error.template, hint_template=error.hint_template, values=values)


def _refuse(left_out: Sequence[LeftOut]) -> None:
    if len(left_out) == 1:
        raise UsageError(left_out[0].template, hint=left_out[0].hint_template, **left_out[0].values)
    raise UsageError(
        "None of the components {names} can be brought back into its place.",
        hint="Bring them below a directory with --to DIR.",
        names=", ".join(each.name for each in left_out) or "–",
    )


# -- commands -------------------------------------------------------------------------------------


def choose_hooks(
    loaded: Loaded, wish: RecoveryWish, environment: Mapping[str, str]
) -> dict[StepKind, tuple[Hook, ...]]:
    """Return the commands of a restore: those of the configuration, and what makes anew what is not saved.

    Where single parts are named, and each of their components says how a part is restarted, nothing else is stopped.
    """
    restoring = loaded.configuration.restore or Restoring()
    variables = {"REBOND_HOOK": "restore", "REBOND_SCENARIO": wish.scenario}

    def hooks(steps: Sequence[Step]) -> tuple[Hook, ...]:
        wanted = (each for each in steps if not each.only_for or wish.scenario in each.only_for)
        return tuple(make_late_hook(each, loaded, variables, environment) for each in wanted)

    if restarts := find_restarts(loaded, wish):
        return {StepKind.START: hooks([Step(run=each) for each in restarts])}
    return {
        StepKind.ISOLATE: hooks(restoring.isolate) if wish.scenario else (),
        StepKind.STOP: hooks(restoring.stop),
        StepKind.REBUILD: hooks([*restoring.rebuild, *_list_rebuilds(loaded, wish)]),
        StepKind.REGENERATE: hooks(_list_regenerable(loaded, wish)),
        StepKind.START: hooks(restoring.start),
    }


def make_late_hook(step: Step, loaded: Loaded, variables: dict[str, str], environment: Mapping[str, str]) -> Hook:
    """Return a step as a hook that looks up the stack's variables when it runs: its files may have come back by then.

    What was read before would win over them, and start the services with secrets of another time.
    """

    def run() -> str:
        return make_hook(step, refresh_variables(loaded, environment), variables).run()

    return structs.replace(make_hook(step, loaded, variables), run=run)


def find_restarts(loaded: Loaded, wish: RecoveryWish) -> tuple[str, ...]:
    """Return the commands that restart the parts that were named; none unless that is enough."""
    found: list[str] = []
    for chosen in wish.chosen:
        restart = loaded.configuration.component[chosen.name].restart
        if not chosen.parts or restart is None:
            return ()
        for part in chosen.parts:
            found.append(restart.replace("{part}", shlex.quote(part.rpartition("/")[2])))
    return tuple(dict.fromkeys(found))


def _list_rebuilds(loaded: Loaded, wish: RecoveryWish) -> list[Step]:
    """Return how components are made anew that are in none of the snapshots."""
    if any(each.parts or each.include for each in wish.chosen):
        return []
    chosen = {each.name for each in wish.chosen}
    missing = [
        each
        for name, each in loaded.configuration.component.items()
        if name not in chosen and isinstance(each, Files) and each.rebuild
    ]
    return [Step(run=each.rebuild or "", timeout=3600) for each in missing]


def _list_regenerable(loaded: Loaded, wish: RecoveryWish) -> list[Step]:
    if any(each.parts or each.include for each in wish.chosen):
        return []
    return [
        Step(run=each.run, timeout=each.timeout, inside=each.inside, user=each.user)
        for each in loaded.configuration.component.values()
        if isinstance(each, Regenerable)
    ]


def choose_questions(loaded: Loaded, environment: Mapping[str, str]) -> tuple[Question, ...]:
    """Return the questions that say that the application is back."""
    restoring = loaded.configuration.restore or Restoring()
    return tuple(_make_question(each, loaded, environment) for each in restoring.healthy)


def _make_question(probe: Probe, loaded: Loaded, environment: Mapping[str, str]) -> Question:
    if probe.run is not None:
        step = Step(run=probe.run, timeout=probe.timeout, inside=probe.inside, user=probe.user)
        hook = make_late_hook(step, loaded, {"REBOND_HOOK": "healthy"}, environment)

        def run() -> None:
            hook.run()

        return Question(name=hook.name, ask=run, within_seconds=probe.within)
    assert probe.url is not None  # noqa: S101 - the configuration was judged
    url = probe.url

    def ask() -> None:
        with looking_up():
            address = resolver_of(refresh_variables(loaded, environment)).resolve_words(url)
        ask_address(address, status=probe.status, timeout_seconds=probe.timeout)

    return Question(name=url if isinstance(url, str) else "restore.healthy.url", ask=ask, within_seconds=probe.within)


def name_commands(hooks: Mapping[StepKind, Sequence[Hook]], questions: Sequence[Question]) -> CommandNames:
    """Return what the plan calls the commands."""

    def names(kind: StepKind) -> tuple[str, ...]:
        return tuple(each.name for each in hooks.get(kind, ()))

    return CommandNames(
        isolate=names(StepKind.ISOLATE),
        stop=names(StepKind.STOP),
        rebuild=names(StepKind.REBUILD),
        regenerate=names(StepKind.REGENERATE),
        start=names(StepKind.START),
        healthy=tuple(each.name for each in questions),
    )


def holds_data(component: Component) -> bool:
    """Say whether a component is of a kind of which anything is saved."""
    return not isinstance(component, NOTHING_TO_SAVE)
