"""Explore the large worlds, or print what goes wrong without one rule: ``python -m tests.model [RULE]``."""

import sys
import time

from tests.model.configurations import LARGE, SMALL
from tests.model.search import explore
from tests.model.switches import SWITCHES


def explore_all() -> int:
    """Explore every configuration; return how many broke an invariant."""
    broken = 0
    for configuration in (*SMALL, *LARGE):
        began = time.monotonic()
        found = explore(configuration)
        seconds = time.monotonic() - began
        print(f"{configuration.name}: {found.states} states, {found.steps} steps, {seconds:.0f} s", flush=True)
        if found.broken:
            broken += 1
            print(found.describe())
    return broken


def explain(words: str) -> int:
    """Print the counterexample of every rule whose name contains ``words``; return how many had none."""
    chosen = [switch for switch in SWITCHES if words in switch.rule]
    for switch in chosen:
        found = explore(switch.configuration, switch.rules(), invariants={switch.breaks})
        print(f"without the rule that {switch.rule}:\n{found.describe()}\n")
    return 0 if chosen else 2


if __name__ == "__main__":
    sys.exit(explain(" ".join(sys.argv[1:])) if sys.argv[1:] else min(explore_all(), 1))
