"""The plan of coming back, as a value: which steps, in which order, and how long each is expected to take."""

import enum
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from rebond.findings import Finding

BEGIN_ANEW = "begin-anew"  # of a remark: a server that comes back wants a new base
IMAGES = "images"
DATABASES = frozenset({"postgres", "sqlite", "mysql", "redis", "command"})


class StepKind(enum.StrEnum):
    """What a step does."""

    VERIFY = "verify"
    ROOM = "room"
    FETCH = "fetch"
    ISOLATE = "isolate"
    STOP = "stop"
    MAKE = "make"
    REACH = "reach"
    SET_ASIDE = "set-aside"
    PUT = "put"
    REBUILD = "rebuild"
    REGENERATE = "regenerate"
    START = "start"
    HEALTHY = "healthy"


COMMANDS = frozenset(
    {StepKind.ISOLATE, StepKind.STOP, StepKind.REBUILD, StepKind.REGENERATE, StepKind.START, StepKind.HEALTHY}
)
CHANGES_NOTHING = frozenset({StepKind.VERIFY, StepKind.ROOM, StepKind.REACH, StepKind.MAKE, StepKind.FETCH})


class Step(Struct, frozen=True, kw_only=True):
    """One step. ``subject`` is a component, or how a command is called; ``number`` is its place in the plan, from 1.

    ``expected_seconds`` is what earlier runs let expect; ``None`` where nothing was learnt yet.
    """

    number: int
    kind: StepKind
    subject: str = ""
    bytes: int = 0
    expected_seconds: float | None = None


class PlannedPart(Struct, frozen=True, kw_only=True):
    """A component that comes back: from which snapshot, as of when (milliseconds since 1970, UTC), to where.

    ``is_new`` says that nothing lies there that would have to be set aside; ``needs_server`` that it lies in a server.
    ``goes_on`` says that it comes back later: to the end of its log; ``is_late`` that the plan makes its place.
    ``only`` are the patterns, or the tables and schemas, that come back of it; all of it where there are none.
    """

    name: str
    kind: str
    snapshot: str
    moment_ms: int
    place: str
    files: int = 0
    bytes: int = 0
    is_new: bool = False
    needs_server: bool = False
    goes_on: bool = False
    is_late: bool = False
    only: tuple[str, ...] = ()


class LeftOut(Struct, frozen=True, kw_only=True):
    """A component that this plan does not bring back, why, and what does. ``hint_template`` may be empty."""

    name: str
    template: str
    hint_template: str = ""
    values: Mapping[str, object]


class CommandNames(Struct, frozen=True, kw_only=True):
    """How the commands and questions of a plan are called, in their order.

    ``regenerate_running`` makes anew inside of what ``start`` starts.
    """

    isolate: Sequence[str] = ()
    stop: Sequence[str] = ()
    rebuild: Sequence[str] = ()
    regenerate: Sequence[str] = ()
    start: Sequence[str] = ()
    regenerate_running: Sequence[str] = ()
    healthy: Sequence[str] = ()


class RecoveryPlan(Struct, frozen=True, kw_only=True):
    """What a restore in place will do. ``remarks`` are what is out of the ordinary at the places of its parts.

    On a bare machine (``is_bare``) nothing ran before: a step that fails leaves things as far as they came, to be
    gone on with, and servers are there only when the files of the stack are. ``to`` is another folder in the place of
    the stack's root; empty for its own places.
    """

    run: str
    stack: str
    parts: tuple[PlannedPart, ...]
    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[Finding, ...] = ()
    is_bare: bool = False
    to: str = ""

    @property
    def spread_ms(self) -> int:
        """How far apart the moments of the parts are."""
        moments = [each.moment_ms for each in self.parts]
        return max(moments) - min(moments) if moments else 0

    @property
    def expected_seconds(self) -> float | None:
        """How long all steps take together; ``None`` as long as one of them was never seen."""
        spans = [each.expected_seconds for each in self.steps]
        return None if None in spans else sum(each for each in spans if each is not None)

    @property
    def unknown_steps(self) -> int:
        """How many steps nothing was learnt about."""
        return sum(each.expected_seconds is None for each in self.steps)


Expect = Callable[[StepKind, str, int], float | None]


def expect_nothing(_kind: StepKind, _subject: str, _size_bytes: int) -> float | None:
    """Know nothing of how long a step takes."""
    return None


def order_parts(parts: Sequence[PlannedPart]) -> tuple[PlannedPart, ...]:
    """Return files first, then secrets, which lie among them, then databases; else the order of the configuration."""

    def rank(part: PlannedPart) -> int:
        return 2 if part.kind in DATABASES else 1 if part.kind == "secrets" else 0

    return tuple(sorted(parts, key=rank))


def make_plan(
    *,
    run: str,
    stack: str,
    parts: Sequence[PlannedPart],
    commands: CommandNames,
    left_out: Sequence[LeftOut] = (),
    expect: Expect = expect_nothing,
    is_bare: bool = False,
) -> RecoveryPlan:
    """Put the steps in their order. What is fetched is fetched while everything still runs.

    On a bare machine databases of servers are fetched when the files are in their place: those say how a server runs.
    What lies in containers (``is_late``) comes just before: the first server that is started may start what uses it.
    """
    ordered = order_parts(parts)
    size_bytes = sum(each.bytes for each in ordered)
    wanted: list[tuple[StepKind, str, int]] = [(StepKind.VERIFY, "", size_bytes), (StepKind.ROOM, "", size_bytes)]
    for each in ordered:
        if not (is_bare and each.needs_server) and not each.is_late:
            wanted += _fetch(each)
    wanted += [(StepKind.ISOLATE, each, 0) for each in commands.isolate]
    wanted += [(StepKind.STOP, each, 0) for each in commands.stop]
    for each in ordered:
        # Images lie where they are used as soon as they are loaded.
        if each.kind not in DATABASES and each.kind != IMAGES and not each.is_late:
            wanted += _bring_back(each)
    wanted += [(StepKind.REBUILD, each, 0) for each in commands.rebuild]
    if late := [each for each in ordered if each.is_late]:
        wanted += [(StepKind.MAKE, "", 0), *(step for each in late for step in (*_fetch(each), *_bring_back(each)))]
    for each in ordered:
        if each.kind in DATABASES and not each.is_late:
            if is_bare and each.needs_server:
                wanted += _fetch(each)
            elif each.needs_server and (commands.stop or commands.isolate):  # which may have stopped it too
                wanted += [(StepKind.REACH, each.name, 0)]
            wanted += _bring_back(each)
    wanted += [(StepKind.REGENERATE, each, 0) for each in commands.regenerate]
    wanted += [(StepKind.START, each, 0) for each in commands.start]
    wanted += [(StepKind.REGENERATE, each, 0) for each in commands.regenerate_running]
    wanted += [(StepKind.HEALTHY, each, 0) for each in commands.healthy]
    steps = tuple(
        Step(number=number, kind=kind, subject=subject, bytes=size, expected_seconds=expect(kind, subject, size))
        for number, (kind, subject, size) in enumerate(wanted, 1)
    )
    return RecoveryPlan(run=run, stack=stack, parts=ordered, steps=steps, left_out=tuple(left_out), is_bare=is_bare)


def _fetch(part: PlannedPart) -> list[tuple[StepKind, str, int]]:
    reach = [(StepKind.REACH, part.name, 0)] if part.needs_server else []
    return [*reach, (StepKind.FETCH, part.name, part.bytes)]


def _bring_back(part: PlannedPart) -> list[tuple[StepKind, str, int]]:
    aside = [] if part.is_new else [(StepKind.SET_ASIDE, part.name, part.bytes)]
    return [*aside, (StepKind.PUT, part.name, part.bytes)]
