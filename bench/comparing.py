"""Runs the rounds: every tool on every data set, in turn, until all is done or time is up."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data_sets import DATA_SETS, measure_tree
from bench.peers import Rebond, Tool
from bench.reporting import Comparison, describe_machine
from bench.rounds import Result, Round, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePlan:
    """What is compared, where, and for how long at most."""

    tools: list[Tool]
    data_sets: tuple[str, ...]
    rounds: int
    phases: tuple[str, ...]
    quiet_wait_seconds: float
    budget_seconds: float
    cache: Path
    work: Path
    output: Path


def compare(plan: ComparePlan, say: Callable[[str], None]) -> Comparison:
    """Run everything and return it; what was measured so far is kept in ``plan.output`` at every moment."""
    versions = {tool.name: version for tool in plan.tools if (version := tool.read_version())}
    for tool in plan.tools:
        if tool.name not in versions:
            say(f"not installed: {tool.name}")
    comparison = Comparison(
        machine=describe_machine(plan.work.parent, _program_of(plan.tools)),
        least_versions={tool.name: tool.least_version for tool in plan.tools},
        sizes={},
        results=[],
    )

    def report(result: Result) -> None:
        comparison.results.append(result)
        say(describe_result(result))
        comparison.write(plan.output)

    deadline = time.monotonic() + plan.budget_seconds
    present = [tool for tool in plan.tools if tool.name in versions]
    for name in plan.data_sets:
        tree = DATA_SETS[name].place(plan.cache, plan.work)
        size = measure_tree(tree)
        comparison.sizes[name] = (size.file_count, size.total_bytes)
        for number in range(plan.rounds):
            start = number % len(present)
            for tool in present[start:] + present[:start]:
                if time.monotonic() > deadline and number:
                    say(f"out of time in round {number + 1} of {name}")
                    break
                rules = Rules(phases=plan.phases, quiet_wait_seconds=plan.quiet_wait_seconds, must_compare=number == 0)
                Round(
                    tool=tool,
                    version=versions[tool.name],
                    tree=tree,
                    work=plan.work,
                    number=number,
                    rules=rules,
                    report=report,
                ).run()
        shutil.rmtree(tree)
    return comparison


def describe_result(result: Result) -> str:
    """Return one line for a measured phase."""
    measure = result.measure
    start = f"{result.data_set} {result.round_number + 1} {result.tool} {result.phase}: "
    if measure is None:
        return start + result.problem
    return start + (
        f"{measure.wall_seconds:.2f} s, processor {measure.processor_seconds:.2f} s,"
        f" stored {result.stored_bytes / 1e6:.0f} MB, anonymous {measure.peak_anonymous_bytes / 1e6:.0f} MB,"
        f" others {measure.others_share:.0%} {result.problem}"
    )


def say_aloud(line: str) -> None:
    """Tell how it goes, on standard error."""
    print(line, file=sys.stderr, flush=True)


def _program_of(tools: Sequence[Tool]) -> Path:
    """Return Rebond's program, for the machine's description."""
    return next((Path(tool.program) for tool in tools if isinstance(tool, Rebond)), Path(sys.executable))
