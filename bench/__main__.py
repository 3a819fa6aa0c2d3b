"""Measures Rebond beside its peers. Without a command: compare on all data sets, start-up, and docs/benchmarks.md."""

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

from bench.churn import measure_churn
from bench.comparing import ComparePlan, compare, say_aloud
from bench.data_sets import DATA_SETS
from bench.growth import measure_growth
from bench.latency import measure_latency
from bench.pages import render_page
from bench.peers import Rebond, Tool, make_tools
from bench.precedence import take_precedence
from bench.recovery import LARGEST, STACKS, choose_stacks, measure_file, measure_part, prepare_part
from bench.rounds import PHASES
from bench.startup import measure_startup

HERE = Path(__file__).resolve().parent
RESULTS = HERE / ".data/results"


def main() -> int:
    """Parse the arguments and run what they ask for."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended
    if arguments.peers:
        arguments.peers = arguments.peers.resolve()
        os.environ["PATH"] = f"{arguments.peers}/bin:{arguments.peers}/borg/bin:{os.environ['PATH']}"
    if arguments.niceness:
        take_precedence(arguments.niceness)
    command = arguments.command
    if command in {"compare", "all"}:
        run_compare(arguments)
    if command in {"startup", "all"}:
        run_startup(arguments)
    if command == "growth":
        run_growth(arguments)
    if command == "latency":
        run_latency(arguments)
    if command == "churn":
        run_churn(arguments)
    if command == "recovery":
        run_recovery(arguments)
    if command == "prepare":
        for name in arguments.data.split(","):
            say_aloud(f"{name}: {DATA_SETS[name].prepare(arguments.cache)}")
    if command in {"render", "all"}:
        page = HERE.parent / "docs/benchmarks.md"
        page.write_text(render_page(RESULTS, page.read_text() if page.exists() else ""))
    return 0


def parse_arguments() -> argparse.Namespace:
    """Return the arguments; every option has a default, so that no command is a whole run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = ("all", "compare", "startup", "growth", "latency", "churn", "recovery", "prepare", "render")
    parser.add_argument("command", nargs="?", default="all", choices=commands)
    parser.add_argument("--data", default="app,node_modules,venv,guides", help=f"of {', '.join(DATA_SETS)}")
    parser.add_argument(
        "--tools", default="restic,borg,kopia,rustic,rebond,tar-zstd", help=f"of {', '.join(make_tools(rebond=''))}"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--phases", default=",".join(PHASES))
    parser.add_argument(
        "--budget",
        type=float,
        default=60,
        metavar="MINUTES",
        help="compare starts no round after that, churn no month",
    )
    parser.add_argument(
        "--quiet-wait",
        type=float,
        default=0,
        metavar="SECONDS",
        help="before each measure, wait so long for other programs to be quiet",
    )
    parser.add_argument("--niceness", type=int, default=0, help="-15: the measured programs go first (root only)")
    parser.add_argument("--days", type=int, default=730, help="of churn")
    parser.add_argument(
        "--recoveries",
        default=",".join(each for each in (*STACKS, "file") if each != LARGEST),
        help=f"of recovery: {', '.join(STACKS)}, file; --rounds 0 only makes them ready",
    )
    parser.add_argument("--files-per-part", type=int, metavar="N", help="recovery: fifteen parts of so many files each")
    parser.add_argument("--largest-bytes", type=int, metavar="N", help="recovery: and of a quarter of that on average")
    parser.add_argument("--delay", type=float, default=20, metavar="MS", help="of each answer, for latency")
    parser.add_argument("--restore-all", action="store_true", help="growth: restore everything too")
    parser.add_argument("--cache", type=Path, default=HERE / ".data", help="where data sets are kept once made")
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/rebond-bench"), help="where is measured: memory")
    parser.add_argument("--disk", type=Path, default=HERE / ".data/work", help="where growth is measured: a disk")
    parser.add_argument("--peers", type=Path, help="the directory that install_peers.sh filled")
    parser.add_argument("--rebond", help="the program to measure: that of the peers' directory, else of .venv")
    parser.add_argument("--output", type=Path, help="where compare keeps its figures")
    arguments = parser.parse_args()
    for name in ("cache", "work", "disk"):  # the measured programs run in other folders
        setattr(arguments, name, getattr(arguments, name).resolve())
    installed = arguments.peers / "rebond/bin/rebond" if arguments.peers else None
    if arguments.rebond is None and installed is not None and installed.exists():
        arguments.rebond = str(installed)
    arguments.rebond = str(Path(arguments.rebond or HERE.parent / ".venv/bin/rebond").absolute())
    return arguments


def choose_tools(arguments: argparse.Namespace) -> list[Tool]:
    """Return the tools that were asked for."""
    known = make_tools(rebond=arguments.rebond)
    return [known[name] for name in arguments.tools.split(",")]


def run_compare(arguments: argparse.Namespace) -> None:
    """Compare and print the tables."""
    plan = ComparePlan(
        tools=choose_tools(arguments),
        data_sets=tuple(arguments.data.split(",")),
        rounds=arguments.rounds,
        phases=tuple(arguments.phases.split(",")),
        quiet_wait_seconds=arguments.quiet_wait,
        budget_seconds=arguments.budget * 60,
        cache=arguments.cache,
        work=arguments.work,
        output=arguments.output or RESULTS / "compare.json",
    )
    print("\n".join(compare(plan, say_aloud).render()))


def run_startup(arguments: argparse.Namespace) -> None:
    """Measure start-up and print it."""
    work = arguments.work / "startup"
    section = measure_startup(rebond=arguments.rebond, rounds=15, log=work / "log")
    shutil.rmtree(work)
    section.write(RESULTS / "startup.json")
    print("\n".join(section.render()))


def run_growth(arguments: argparse.Namespace) -> None:
    """Measure growth, in place, for it is too large to copy."""
    name = arguments.data if arguments.data in DATA_SETS else "growth"
    tree = DATA_SETS[name].prepare(arguments.cache)
    tools = [tool for tool in choose_tools(arguments) if tool.is_incremental]
    section = measure_growth(
        tools=tools, tree=tree, work=arguments.disk, say=say_aloud, restores_all=arguments.restore_all
    )
    section.write(RESULTS / "growth.json")
    print("\n".join(section.render()))


def run_latency(arguments: argparse.Namespace) -> None:
    """Measure restores through a slow store."""
    tools = [tool for tool in choose_tools(arguments) if tool.name.split("-")[0] in {"restic", "kopia", "rebond"}]
    trees = [DATA_SETS[name].prepare(arguments.cache) for name in arguments.data.split(",")]
    section = measure_latency(
        tools=tools,
        trees=trees,
        work=arguments.work / "latency",
        delay_seconds=arguments.delay / 1000,
        rounds=arguments.rounds,
        say=say_aloud,
    )
    section.write(RESULTS / "latency.json")
    print("\n".join(section.render()))


def run_recovery(arguments: argparse.Namespace) -> None:
    """Measure one part of fifteen, and one file of a million (the first time a quarter of an hour)."""
    program, work, rounds = arguments.rebond, arguments.work, arguments.rounds
    wanted = arguments.recoveries.split(",")
    for stack in choose_stacks(wanted, arguments.files_per_part, arguments.largest_bytes):
        if not rounds:  # only made ready: the measures can then be taken in a short quiet while
            prepare_part(stack, program, work)
            continue
        part = measure_part(stack=stack, program=program, work=work, rounds=rounds, say=say_aloud)
        part.write(RESULTS / f"recovery-{stack.name}.json")
    if "file" not in wanted or arguments.files_per_part or arguments.largest_bytes:
        return
    tree = arguments.cache / "million"
    file = measure_file(program=program, work=work, tree=tree, rounds=max(1, rounds), say=say_aloud)
    file.write(RESULTS / "recovery-file.json")


def run_churn(arguments: argparse.Namespace) -> None:
    """Measure what two years leave behind."""
    tools = [tool for tool in choose_tools(arguments) if isinstance(tool, Rebond)]
    section = measure_churn(
        tools=tools,
        make_tree=lambda: DATA_SETS["small-app"].place(arguments.cache, arguments.work),
        work=arguments.work,
        days=arguments.days,
        budget_seconds=arguments.budget * 60,
        say=say_aloud,
    )
    section.write(RESULTS / "churn.json")
    print("\n".join(section.render()))


if __name__ == "__main__":
    sys.exit(main())
