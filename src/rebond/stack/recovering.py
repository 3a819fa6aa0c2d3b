"""From a configuration and snapshots to a plan of coming back, and to what carries it out."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from msgspec import structs

from rebond.config.components import NOTHING_TO_SAVE, Component, Files, Regenerable
from rebond.config.loading import refresh_variables
from rebond.config.model import Loaded
from rebond.config.steps import Probe, Restoring, Step
from rebond.errors import RebondError, RestoreError, SourceError, UsageError
from rebond.findings import Finding, Severity
from rebond.operations.hooks import Hook
from rebond.operations.recovery.carrying_out import Means
from rebond.operations.recovery.checking import Question, ask_address
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.late_part import KeptInside, LatePart
from rebond.operations.recovery.parts import NeedsServer, Part
from rebond.operations.recovery.plan import (
    IMAGES,
    CommandNames,
    LeftOut,
    PlannedPart,
    RecoveryPlan,
    StepKind,
    make_plan,
)
from rebond.presence import is_folder
from rebond.stack.hooks import make_hook
from rebond.stack.recovery_parts import is_bare, make_images_part, make_part
from rebond.stack.recovery_places import Relocation
from rebond.stack.recovery_wishes import ChosenPart, RecoveryWish, Surroundings
from rebond.stack.whereabouts import looking_up, resolver_of


class NothingComesBack(UsageError):
    """Nothing that was chosen can be brought back into its place; ``left_out`` says of each why."""

    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def of(cls, error: UsageError, left_out: Sequence[LeftOut]) -> "NothingComesBack":
        """Return an error with the words of another one."""
        made = cls(error.template, hint=error.hint_template, **error.values)
        made.left_out = tuple(left_out)
        return made


def plan_recovery(
    loaded: Loaded, wish: RecoveryWish, around: Surroundings, *, is_dry: bool = False
) -> tuple[RecoveryPlan, Means]:
    """Return the plan and what carries it out. Nothing is asked of any server, and nothing is touched.

    Raises ``NothingComesBack`` when nothing that was chosen can be brought back into its place, ``RestoreError`` where
    something else lies in the place of a server than what was saved, or where it runs and no command stops it: to a
    plan that is only looked at (``is_dry``) that is a remark.
    """
    relocation = Relocation(loaded, wish.to)
    parts: dict[str, Part] = {}
    planned: list[PlannedPart] = []
    left_out: list[LeftOut] = []
    for chosen in wish.chosen:
        component = loaded.configuration.component[chosen.name]
        try:
            part, place = make_part(chosen, component, relocation, wish, around)
            if isinstance(part, LatePart) and is_folder(loaded.root):  # else nobody can tell yet whose a volume is
                part.require_free()
        except SourceError as error:
            if isinstance(error, KeptInside) and not (wish.is_bare or wish.to or chosen.include or chosen.exclude):
                from rebond.stack.copying_inside import tell_copy  # noqa: PLC0415 - many stacks have no containers

                error = tell_copy(error, component, relocation.loaded, around.sources.get(chosen.name))
            left_out.append(leave_out(chosen.name, error))
            continue
        if isinstance(part, FilePart) and not wish.takes_other_cluster:
            part.require_same_thing()
        parts[chosen.name] = part
        planned.append(_describe(chosen, component, part, place))
    if not parts:
        _refuse(left_out)
    hooks = choose_hooks(relocation.loaded, wish, around.environment) if wish.runs_commands else {}
    if not is_folder(relocation.loaded.root):
        hooks = {**hooks, StepKind.STOP: ()}  # commands start in the root: where that is gone, nothing is to be stopped
    refusals: list[Finding] = []
    if wish.runs_commands and not hooks.get(StepKind.STOP):  # nobody will stop what runs: better said before the fetch
        refusals = _find_running(parts.values(), is_dry=is_dry)
    questions = choose_questions(relocation.loaded, around.environment) if wish.runs_commands else ()
    plan = make_plan(
        run=around.run,
        stack=loaded.configuration.stack.name,
        parts=planned,
        commands=name_commands(
            hooks, questions, len([each for each in _list_regenerable(loaded, wish) if each.inside])
        ),
        left_out=left_out,
        expect=around.expect,
        is_bare=is_bare(relocation.loaded, wish),
    )
    ordered = {each.name: parts[each.name] for each in plan.parts}
    remarks = (remark for each in ordered.values() if isinstance(each, FilePart) for remark in each.remarks())
    plan = structs.replace(plan, remarks=(*refusals, *remarks), to=wish.to)
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
        if each.kind == IMAGES:  # whose place is the engine
            found[each.name] = make_images_part(each.name, each.place, relocation.loaded, around)
            continue
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


def _find_running(parts: Iterable[Part], *, is_dry: bool) -> list[Finding]:
    """Say why a plan cannot be carried out as long as something runs; raises that unless ``is_dry``."""
    found: list[Finding] = []
    for each in parts:
        try:
            if isinstance(each, FilePart):
                each.require_at_rest()
        except RestoreError as error:
            if not is_dry:
                raise
            found.append(
                Finding(
                    code="still-runs",
                    severity=Severity.WARNING,
                    subject=each.name,
                    template=error.template,
                    hint_template=error.hint_template,
                    values=error.values,
                )
            )
    return found


def _describe(chosen: ChosenPart, component: Component, part: Part, place: str) -> PlannedPart:
    return PlannedPart(
        name=chosen.name,
        kind=component.kind,
        snapshot=chosen.snapshot,
        moment_ms=chosen.moment_ms,
        place=place,
        files=chosen.files,
        bytes=chosen.bytes,
        is_new=component.kind == IMAGES
        or isinstance(part, LatePart)
        or (os.path.isabs(place) and not os.path.lexists(place)),
        needs_server=isinstance(part, NeedsServer),
        goes_on=chosen.target == "latest",
        is_late=isinstance(part, LatePart),
        only=(*chosen.include, *chosen.tables, *(f"{each}.*" for each in chosen.schemas)),
    )


def leave_out(name: str, error: RebondError) -> LeftOut:
    """Return a component that is not brought back, with the error that says why."""
    return LeftOut(name=name, template=error.template, hint_template=error.hint_template, values=error.values)


def _refuse(left_out: Sequence[LeftOut]) -> NoReturn:
    error = UsageError(
        "None of the components {names} can be brought back into its place.",
        hint="Bring them below a directory: rebond restore SNAPSHOT --to DIR",
        names=", ".join(each.name for each in left_out) or "–",
    )
    if len(left_out) == 1:
        error = UsageError(left_out[0].template, hint=left_out[0].hint_template, **left_out[0].values)
    raise NothingComesBack.of(error, left_out)


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
    if any(each.is_partial for each in wish.chosen):
        return []
    chosen = {each.name for each in wish.chosen}
    missing = [
        each
        for name, each in loaded.configuration.component.items()
        if name not in chosen and isinstance(each, Files) and each.rebuild
    ]
    return [Step(run=each.rebuild or "", timeout=3600) for each in missing]


def _list_regenerable(loaded: Loaded, wish: RecoveryWish) -> list[Step]:
    """Return what makes anew what is not saved; what runs inside of services comes last."""
    if any(each.is_partial for each in wish.chosen):
        return []
    return [
        Step(run=each.run, timeout=each.timeout, inside=each.inside, user=each.user)
        for each in sorted(loaded.configuration.component.values(), key=lambda each: each.inside is not None)
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


def name_commands(
    hooks: Mapping[StepKind, Sequence[Hook]], questions: Sequence[Question], regenerated_inside: int
) -> CommandNames:
    """Return what the plan calls the commands. The last of those that make anew run inside of what is started."""

    def names(kind: StepKind) -> tuple[str, ...]:
        return tuple(each.name for each in hooks.get(kind, ()))

    anew = names(StepKind.REGENERATE)
    first_inside = len(anew) - regenerated_inside
    return CommandNames(
        isolate=names(StepKind.ISOLATE),
        stop=names(StepKind.STOP),
        rebuild=names(StepKind.REBUILD),
        regenerate=anew[:first_inside],
        start=names(StepKind.START),
        regenerate_running=anew[first_inside:],
        healthy=tuple(each.name for each in questions),
    )


def holds_data(component: Component) -> bool:
    """Say whether a component is of a kind of which anything is saved."""
    return not isinstance(component, NOTHING_TO_SAVE)
