"""The benchmark's command line."""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from bench.data_sets import DATA_SETS, measure_tree
from bench.peers import make_tools
from bench.reporting import describe_machine, describe_noise, render_table, render_versions, write_results
from bench.rounds import PHASES, Result, Round, Rules

HERE = Path(__file__).parent
DEFAULT_TOOLS = "restic,borg,kopia,rustic,rebond,tar-zstd"


def main() -> int:
    """Parse the arguments and run what they ask for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser("compare", help="all tools on all data sets, several rounds, with ratios to restic")
    add_common_options(compare)
    compare.add_argument("--data", default="app,node_modules,venv,guides", help=f"of {', '.join(DATA_SETS)}")
    compare.add_argument("--tools", default=DEFAULT_TOOLS)
    compare.add_argument("--rounds", type=int, default=3)
    compare.add_argument("--phases", default=",".join(PHASES))
    compare.add_argument(
        "--quiet-wait",
        type=float,
        default=0,
        metavar="SECONDS",
        help="before each measure, wait so long for other programs to be quiet",
    )
    compare.add_argument("--budget", type=float, default=60, metavar="MINUTES", help="start no round after so long")
    compare.add_argument("--output", type=Path, default=HERE / ".data/results/compare.json")
    arguments = parser.parse_args()
    return run_compare(arguments)


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command takes: where things are."""
    parser.add_argument("--cache", type=Path, default=HERE / ".data", help="where data sets are kept once made")
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/rebond-bench"), help="where is measured (memory)")
    parser.add_argument("--peers", type=Path, help="the directory that install_peers.sh filled")
    parser.add_argument("--rebond", default=str(HERE.parent / ".venv/bin/rebond"), help="the program to measure")


def find_peers(folder: Path | None) -> None:
    """Look for programs in a directory of peers first."""
    if folder:
        os.environ["PATH"] = f"{folder}/bin:{folder}/borg/bin:{os.environ['PATH']}"


def run_compare(arguments: argparse.Namespace) -> int:
    """Run the rounds, tools in turn within each, and print tables and notes."""
    find_peers(arguments.peers)
    tools = make_tools(rebond=arguments.rebond)
    chosen = [tools[name] for name in arguments.tools.split(",")]
    versions = {tool.name: version for tool in chosen if (version := tool.read_version())}
    for tool in chosen:
        if tool.name not in versions:
            print(f"not installed: {tool.name}", file=sys.stderr)
    rules = Rules(phases=tuple(arguments.phases.split(",")), quiet_wait_seconds=arguments.quiet_wait)
    results: list[Result] = []
    sizes: dict[str, tuple[int, int]] = {}
    machine = describe_machine(arguments.work.parent)
    deadline = time.monotonic() + arguments.budget * 60
    names = arguments.data.split(",")

    def report(result: Result) -> None:
        results.append(result)
        print(describe_result(result), file=sys.stderr, flush=True)
        write_results(arguments.output, machine, sizes, results)

    for name in names:
        tree = DATA_SETS[name].place(arguments.cache, arguments.work)
        size = measure_tree(tree)
        sizes[name] = (size.file_count, size.total_bytes)
        for number in range(arguments.rounds):
            present = [tool for tool in chosen if tool.name in versions]
            for tool in present[number % len(present) :] + present[: number % len(present)]:
                if time.monotonic() > deadline and number:
                    print(f"out of time in round {number + 1} of {name}", file=sys.stderr)
                    break
                round_rules = Rules(
                    phases=rules.phases, quiet_wait_seconds=rules.quiet_wait_seconds, must_compare=number == 0
                )
                Round(
                    tool=tool,
                    version=versions[tool.name],
                    tree=tree,
                    work=arguments.work,
                    number=number,
                    rules=round_rules,
                    report=report,
                ).run()
        shutil.rmtree(tree)
    least = {tool.name: tool.least_version for tool in chosen}
    print(render_versions(results, least))
    print(", ".join(f"{key}: {value}" for key, value in machine.items()))
    for name in names:
        count, total = sizes[name]
        print(f"\n## {name}: {total / 1e6:.0f} MB in {count} files\n")
        print("\n".join(render_table(name, results)))
    print("\n" + describe_noise(results))
    return 1 if any(result.problem for result in results) else 0


def describe_result(result: Result) -> str:
    """Return one line for a measured phase."""
    measure = result.measure
    start = f"{result.data_set} {result.round_number + 1} {result.tool} {result.phase}: "
    if measure is None:
        return start + result.problem
    return start + (
        f"{measure.wall_seconds:.2f} s, processor {measure.processor_seconds:.2f} s, stored {result.stored_bytes / 1e6:.0f} MB, "
        f"anonymous {measure.peak_anonymous_bytes / 1e6:.0f} MB, others {measure.others_share:.0%} {result.problem}"
    )


if __name__ == "__main__":
    sys.exit(main())
