"""Breadth-first search of every interleaving, so that the first counterexample is a shortest one."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass

from tests.model import keeper, operators, writer
from tests.model.endings import ENDING_INVARIANTS
from tests.model.invariants import STATE_INVARIANTS, judge_step
from tests.model.reduction import is_reducible, reduce_state
from tests.model.world import Configuration, Local, Program, Rules, State, Store

START = Local(at="start")
PROGRAMS: dict[str, tuple[Program, Local]] = {
    "writer": (writer.move_writer, writer.FIRST),
    "keeper": (keeper.move_keeper, keeper.FIRST),
    "forgetter": (operators.move_forgetter, START),
    "executor": (operators.move_executor, START),
    "undeleter": (operators.move_undeleter, START),
    "holder": (operators.move_holder, START),
    "copier": (operators.move_copier, START),
    "sweeper": (operators.move_sweeper, START),
    "journal cleaner": (operators.move_journal_cleaner, START),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What a search found. ``trace`` is empty when no invariant broke; ``reached`` tells what was seen to happen.

    ``is_whole`` says that every interleaving was explored.
    """

    states: int
    steps: int
    broken: str
    trace: tuple[str, ...]
    reached: frozenset[str]
    is_whole: bool = True

    def describe(self) -> str:
        """Return the counterexample as numbered lines."""
        lines = [f"{number:3}. {line}" for number, line in enumerate(self.trace, 1)]
        return "\n".join([*lines, f"   = {self.broken}"]) if self.broken else "no counterexample"


class _Search:
    def __init__(self, configuration: Configuration, rules: Rules, invariants: Collection[str] | None) -> None:
        self.configuration = configuration
        self.rules = rules
        self.judges_steps = invariants is None or "steps" in invariants
        self.invariants = [
            check for name, check in STATE_INVARIANTS.items() if invariants is None or name in invariants
        ]
        self.endings = [
            check
            for name, check in ENDING_INVARIANTS.items()
            if configuration.judges_endings and (invariants is None or name in invariants)
        ]
        self.judged: dict[tuple[Store, frozenset[tuple[str, ...]]], str] = {}
        first = State(configuration.store, tuple(PROGRAMS[process.kind][1] for process in configuration.processes))
        self.seen: dict[State, int] = {first: 0}
        self.order: list[State] = [first]
        self.origin: list[tuple[int, str]] = [(0, "")]
        self.broken = ""
        self.steps = 0
        self.reached: set[str] = set()

    def run(self, limit: int | None, until: float) -> Exploration:
        position = 0
        while position < len(self.order) and not self.broken and time.monotonic() < until:
            self._expand(position)
            position += 1
            if limit is not None and len(self.order) > limit:
                raise AssertionError(f"more than {limit} states in configuration {self.configuration.name}")
        return Exploration(
            states=len(self.order),
            steps=self.steps,
            broken=self.broken,
            trace=self._trace(len(self.order) - 1) if self.broken else (),
            reached=frozenset(self.reached),
            is_whole=position == len(self.order),
        )

    def _expand(self, position: int) -> None:
        state = self.order[position]
        for number, process in enumerate(self.configuration.processes):
            if process.twin is not None and _is_fresh(self.configuration, state, process.twin):
                continue
            program = PROGRAMS[process.kind][0]
            for step in program(self.configuration, self.rules, process, state.store, state.locals[number]):
                self.steps += 1
                locals_ = (*state.locals[:number], step.local, *state.locals[number + 1 :])
                after = State(step.store, locals_)
                if is_reducible(state.store, step, state.locals[number]):
                    after = reduce_state(self.configuration, after)
                wrong = judge_step(self.configuration, state, process, step) if self.judges_steps else ""
                if after in self.seen and not wrong:
                    continue
                self.seen[after] = len(self.order)
                self.order.append(after)
                self.origin.append((position, f"{process.name} {step.what}"))
                self._judge(state, after, wrong)
                if self.broken:
                    return

    def _judge(self, before: State, after: State, wrong: str) -> None:
        self.broken = wrong or next(filter(None, (check(self.configuration, after) for check in self.invariants)), "")
        self.broken = self.broken or self._judge_ending(after)
        if after.store.voids - before.store.voids:
            self.reached.add("void")
        if before.store.packs - after.store.packs:
            self.reached.add("delete")
        self.reached.update(local.verdict for local in after.locals)

    def _judge_ending(self, state: State) -> str:
        """Ask what later prunes make of a state. They see the store alone, so each is asked once."""
        if not self.endings:
            return ""
        told = frozenset(local.todo for local in state.locals if local.verdict == "held")
        key = (state.store, told)
        if key not in self.judged:
            found = (check(self.configuration, self.rules, state) for check in self.endings)
            self.judged[key] = next(filter(None, found), "")
        return self.judged[key]

    def _trace(self, position: int) -> tuple[str, ...]:
        lines: list[str] = []
        while position:
            position, line = self.origin[position]
            lines.append(line)
        return tuple(reversed(lines))


def _is_fresh(configuration: Configuration, state: State, twin: int) -> bool:
    """Say whether an identical process has not moved yet: then its twin waits (the names may be swapped)."""
    return state.locals[twin] == PROGRAMS[configuration.processes[twin].kind][1]


def explore(
    configuration: Configuration,
    rules: Rules | None = None,
    *,
    invariants: Collection[str] | None = None,
    limit: int | None = None,
    seconds: float = math.inf,
) -> Exploration:
    """Search every interleaving of ``configuration``; stop at the first state that breaks an invariant.

    ``invariants`` limits what is judged (names of ``STATE_INVARIANTS``, and ``steps`` for what is
    judged at deletions). More than ``limit`` states raise ``AssertionError``; after ``seconds`` the search ends.
    """
    return _Search(configuration, rules or Rules(), invariants).run(limit, time.monotonic() + seconds)
