"""10 GB in 1,000,000 files: does memory stay bounded, also where there is no more than 512 MB?"""

import shutil
from collections.abc import Callable
from pathlib import Path

from bench.data_sets import measure_tree
from bench.measuring import Command, CommandBroke, Measure, run_measured
from bench.memory_limits import MemoryLimit, limit_memory
from bench.mutations import list_files, mutate, undo_all
from bench.peers import Place, Tool
from bench.rounds import measure_stored
from bench.sections import Section, format_bytes

LIMIT_BYTES = 512 << 20


def measure_growth(
    *, tools: list[Tool], tree: Path, work: Path, say: Callable[[str], None], restores_all: bool
) -> Section:
    """Run every tool on the tree, free (only there everything is restored too) and then limited.

    ``tree`` and ``work`` must lie on a disk: what lies in memory would count against the limit.
    """
    rows: list[tuple[str, ...]] = []
    raw: list[dict[str, object]] = []
    kinds: set[str] = set()

    def note(
        tool: Tool, phase: str, limit: MemoryLimit | None, measure: Measure | None, stored: int, problem: str
    ) -> None:
        where = limit.kind if limit else "free"
        kinds.add(where)
        row = (
            tool.name,
            phase,
            where,
            f"{measure.wall_seconds:.1f} s" if measure else f"**failed** {problem[:120]}",
            format_bytes(measure.peak_anonymous_bytes) if measure else "-",
            format_bytes(measure.peak_resident_bytes) if measure else "-",
            format_bytes(stored),
        )
        say(" | ".join(row))
        rows.append(row)
        raw.append(
            {
                "tool": tool.name,
                "phase": phase,
                "limit": where,
                "stored": stored,
                "problem": problem,
                "seconds": measure.wall_seconds if measure else None,
                "others_share": measure.others_share if measure else None,
                "anonymous": measure.peak_anonymous_bytes if measure else None,
                "resident": measure.peak_resident_bytes if measure else None,
            }
        )

    size = measure_tree(tree)
    for tool in tools:
        run_all(tool, tree, work, None, note, restores_all=restores_all)
        with limit_memory(LIMIT_BYTES) as limit:
            run_all(tool, tree, work, limit, note, restores_all=False)
    return Section(
        title="Growth",
        intro=f"{size.total_bytes / 1e9:.1f} GB in {size.file_count:,} files of 0 to 100 kB,"
        " a fifth of them in one folder; on a disk. "
        f"Each tool runs free, then again from nothing within {LIMIT_BYTES >> 20} MB"
        f" ({', '.join(sorted(kinds - {'free'}))}). Anonymous memory is summed over the processes, every 50 ms.",
        header=("", "step", "limit", "time", "peak anonymous", "peak resident", "stored"),
        rows=rows,
        raw=raw,
    )


def run_all(
    tool: Tool, tree: Path, work: Path, limit: MemoryLimit | None, note: Callable[..., None], *, restores_all: bool
) -> None:
    """First backup, again, 1 % changed, one file, everything; a step that fails is noted and ends the tool's run."""
    shutil.rmtree(work, ignore_errors=True)
    place = Place(tree=tree, vault=work / "vault", cache=work / "cache")
    place.home.mkdir(parents=True)
    log = work / "log"

    def run(phase: str, command: Command | None) -> None:
        if command is None:
            return
        limited = limit.apply(command) if limit else command
        measure = run_measured(limited, log=log, cgroup=limit.cgroup if limit else None)
        note(tool, phase, limit, measure, measure_stored(place.vault), "")

    phase = "create"
    try:
        for command in tool.create(place):
            run_measured(command, log=log)
        for phase in ("first", "unchanged"):
            run(phase, tool.back_up(place))
        phase = "changed"
        changes = mutate(tree, 1.0, seed=1)
        try:
            run(phase, tool.back_up(place))
        finally:
            undo_all(changes)
        phase = "one file"
        (work / "one").mkdir()
        run(phase, tool.restore_file(place, find_quiet_file(tree), work / "one"))
        if restores_all:
            phase = "restore"
            (work / "all").mkdir()
            run(phase, tool.restore(place, work / "all"))
    except (CommandBroke, OSError) as error:
        note(tool, phase, limit, None, 0, str(error))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def find_quiet_file(tree: Path) -> str:
    """Return a file of the crowded folder that no change of these rounds deletes: the first that is there."""
    crowded = tree / "crowded"
    chosen = next(path for path in list_files(crowded if crowded.is_dir() else tree)[1000:] if path.stat().st_size)
    return str(chosen.relative_to(tree))
