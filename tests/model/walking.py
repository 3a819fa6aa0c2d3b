"""Random walks through worlds that are too large to be explored whole: any number of actors, no memory needed."""

import random
import time
from dataclasses import dataclass

from tests.model.endings import ENDING_INVARIANTS
from tests.model.invariants import STATE_INVARIANTS, judge_step
from tests.model.search import PROGRAMS
from tests.model.world import Configuration, Rules, State

_STOPS = 0.01  # how likely it is at each turn that a process stops for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What many walks found; ``trace`` is that of the last one."""

    walks: int
    steps: int
    broken: str
    trace: tuple[str, ...]

    def describe(self) -> str:
        """Return the counterexample as numbered lines."""
        lines = [f"{number:3}. {line}" for number, line in enumerate(self.trace, 1)]
        return "\n".join([*lines, f"   = {self.broken}"]) if self.broken else "no counterexample"


def walk(configuration: Configuration, rng: random.Random, *, seconds: float, rules: Rules | None = None) -> Walked:
    """Walk from the beginning to an end, again and again until the time is over or an invariant breaks.

    One process goes on for some steps before another has its turn: what matters is rarely one step away. Now and then
    one stops for ever.
    """
    until = time.monotonic() + seconds
    walks = steps = 0
    trace: list[str] = []
    while not walks or time.monotonic() < until:
        walks += 1
        trace, broken = _walk_once(configuration, rules or Rules(), rng)
        steps += len(trace)
        if broken:
            return Walked(walks=walks, steps=steps, broken=broken, trace=tuple(trace))
    return Walked(walks=walks, steps=steps, broken="", trace=tuple(trace))


def _walk_once(configuration: Configuration, rules: Rules, rng: random.Random) -> tuple[list[str], str]:
    processes = configuration.processes
    state = State(configuration.store, tuple(PROGRAMS[process.kind][1] for process in processes))
    living = list(range(len(processes)))
    trace: list[str] = []
    while living:
        number = rng.choice(living)
        if rng.random() < _STOPS:
            living.remove(number)
            continue
        process = processes[number]
        for _ in range(rng.choice((1, 1, 2, 4, 8))):
            steps = list(PROGRAMS[process.kind][0](configuration, rules, process, state.store, state.locals[number]))
            if not steps:
                living.remove(number)
                break
            step = rng.choice(steps)
            after = State(step.store, (*state.locals[:number], step.local, *state.locals[number + 1 :]))
            trace.append(f"{process.name} {step.what}")
            wrong = judge_step(configuration, state, process, step)
            wrong = wrong or next(
                filter(None, (check(configuration, after) for check in STATE_INVARIANTS.values())), ""
            )
            if wrong:
                return trace, wrong
            state = after
    endings = ENDING_INVARIANTS.values() if configuration.judges_endings else ()
    return trace, next(filter(None, (check(configuration, rules, state) for check in endings)), "")
