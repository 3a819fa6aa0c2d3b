"""Turns results into tables: medians over the rounds, and ratios to restic in the same run."""

import json
import os
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.measuring import Measure
from bench.peers import is_at_least
from bench.rounds import Result

REFERENCE = "restic"
COLUMNS = (
    ("first", "first backup"),
    ("unchanged", "nothing changed"),
    ("changed", "1 % changed"),
    ("restore", "restore"),
    ("one file", "one file"),
)


def describe_machine(work: Path) -> dict[str, str]:
    """Say what the figures were measured on."""
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", str(work)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "processors": f"{os.cpu_count()} × {model}",
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "file system": kind or "unknown",
        "python": platform.python_version(),
    }


def write_results(
    path: Path, machine: dict[str, str], sizes: dict[str, tuple[int, int]], results: list[Result]
) -> None:
    """Write everything that was measured as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine, "sizes": sizes, "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(content, indent=1) + "\n")


def read_results(path: Path) -> tuple[dict[str, str], dict[str, tuple[int, int]], list[Result]]:
    """Read what ``write_results`` wrote."""
    content = json.loads(path.read_text())
    results = [
        Result(**{**row, "measure": Measure(**row["measure"]) if row["measure"] else None})
        for row in content["results"]
    ]
    return content["machine"], {name: (size[0], size[1]) for name, size in content["sizes"].items()}, results


def render_versions(results: list[Result], least: dict[str, str]) -> str:
    """Return the first line: every tool with its version, older ones named."""
    known = {result.tool: result.version for result in results}
    words = []
    for tool, version in known.items():
        is_old = tool in least and not is_at_least(version, least[tool])
        words.append(f"{tool} {version}" + (f" (older than {least[tool]}: its ratio does not count)" if is_old else ""))
    return ", ".join(words)


def render_table(data_set: str, results: list[Result]) -> list[str]:
    """Return one data set's table as lines of Markdown. Every cell is a median; × is the ratio to restic."""
    mine = [result for result in results if result.data_set == data_set]
    tools = list(dict.fromkeys(result.tool for result in mine))
    lines = [
        "| | " + " | ".join(title for _, title in COLUMNS) + " | stored | peak anonymous | peak resident |",
        "|---|" + "---|" * (len(COLUMNS) + 3),
    ]
    reference_stored = find_stored(mine, REFERENCE)
    for tool in tools:
        cells = [render_time(mine, tool, phase) for phase, _ in COLUMNS]
        stored = find_stored(mine, tool)
        ratio = f" ({stored / reference_stored:.2f} ×)" if reference_stored and stored and tool != REFERENCE else ""
        measures = [result.measure for result in mine if result.tool == tool and result.measure]
        anonymous = max((measure.peak_anonymous_bytes for measure in measures), default=0)
        resident = max((measure.peak_resident_bytes for measure in measures), default=0)
        cells += [
            f"{stored / 1e6:.0f} MB{ratio}" if stored else "-",
            f"{anonymous / 1e6:.0f} MB",
            f"{resident / 1e6:.0f} MB",
        ]
        lines.append(f"| {tool} | " + " | ".join(cells) + " |")
    lines += [
        f"\n{tool}, round {result.round_number + 1}, {result.phase}: {result.problem}"
        for tool in tools
        for result in mine
        if result.tool == tool and result.problem
    ]
    return lines


def render_time(results: list[Result], tool: str, phase: str) -> str:
    """Return a cell: median seconds, processor seconds in brackets, and the ratio to restic."""
    measures = find_measures(results, tool, phase)
    if not measures:
        return "-"
    seconds = median(measure.wall_seconds for measure in measures)
    processor = median(measure.processor_seconds for measure in measures)
    reference = find_measures(results, REFERENCE, phase)
    ratio = ""
    if reference and tool != REFERENCE:
        ratio = f", **{seconds / median(measure.wall_seconds for measure in reference):.2f} ×**"
    return f"{seconds:.2f} s [{processor:.1f}]{ratio}"


def find_measures(results: list[Result], tool: str, phase: str) -> list[Measure]:
    """Return the measures of one phase of one tool over all rounds."""
    return [result.measure for result in results if result.tool == tool and result.phase == phase and result.measure]


def find_stored(results: list[Result], tool: str) -> float:
    """Return the median size of a vault after its first backup."""
    sizes = [result.stored_bytes for result in results if result.tool == tool and result.phase == "first"]
    return median(sizes) if sizes else 0


def describe_noise(results: list[Result]) -> str:
    """Say how busy other programs kept the machine while it measured."""
    shares = sorted(result.measure.others_share for result in results if result.measure)
    if not shares:
        return "Nothing was measured."
    return (
        f"Other programs used {median(shares):.0%} of the processors in the median measure, {shares[-1]:.0%} in the"
        f" worst; {sum(share > 0.15 for share in shares)} of {len(shares)} measures had more than 15 %."
    )
