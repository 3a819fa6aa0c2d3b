"""Turns results into tables: medians over the rounds, and ratios to restic (or 7z) in the same run."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.data_sets import DATA_SETS
from bench.measuring import Measure
from bench.peers import is_at_least
from bench.rounds import Result

REFERENCES = ("restic", "7z")  # ratios are to the first of these that is in the run
COLUMNS = (
    ("first", "first backup"),
    ("unchanged", "nothing changed"),
    ("changed", "1 % changed"),
    ("restore", "restore"),
    ("one file", "one file"),
)
AT_LEAST = {"first": 0.45, "unchanged": 0.35, "changed": 0.40, "restore": 0.60}
AIMS = {"first": 0.35, "unchanged": 0.20, "changed": 0.25, "restore": 0.35}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that one run of ``compare`` measured."""

    machine: dict[str, str]
    least_versions: dict[str, str]
    sizes: dict[str, tuple[int, int]]
    results: list[Result]

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    def render(self) -> list[str]:
        """Return the versions, the machine, a table for each data set, and how quiet it was, as Markdown."""
        lines = [self.render_versions(), "", "; ".join(f"{key}: {value}" for key, value in self.machine.items()) + "."]
        for name, (count, total_bytes) in self.sizes.items():
            lines += [
                "",
                f"### {name}: {total_bytes / 1e6:,.0f} MB in {count:,} files",
                "",
                DATA_SETS[name].meaning,
                "",
            ]
            lines += render_table([result for result in self.results if result.data_set == name], self.find_counting())
        return [*lines, "", describe_noise(self.results)]

    def find_counting(self) -> set[str]:
        """Return the tools that are new enough for their figures to count."""
        return {
            result.tool
            for result in self.results
            if is_at_least(result.version, self.least_versions.get(result.tool, "0"))
        }

    def render_versions(self) -> str:
        """Return the first line: every tool with its version, older ones named."""
        counting = self.find_counting()
        words = []
        for tool, version in {result.tool: result.version for result in self.results}.items():
            least = self.least_versions.get(tool, "0")
            words.append(f"{tool} {version}" + ("" if tool in counting else f" (older than {least}: does not count)"))
        return ", ".join(words) + "."


def read_comparison(path: Path) -> Comparison:
    """Read what ``Comparison.write`` wrote."""
    content = json.loads(path.read_text())
    results = [
        Result(**{**row, "measure": Measure(**row["measure"]) if row["measure"] else None})
        for row in content["results"]
    ]
    sizes = {name: (size[0], size[1]) for name, size in content["sizes"].items()}
    return Comparison(**{**content, "results": results, "sizes": sizes})


def describe_machine(work: Path, rebond: Path) -> dict[str, str]:
    """Say what the figures were measured on; ``rebond`` is the program that was measured."""
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )
    question = ["stat", "-f", "-c", "%T", str(work)]
    kind = subprocess.run(question, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "processors": f"{os.cpu_count()} × {model}",
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "trees, vaults and restores on": kind or "unknown",
        "python of rebond": _describe_python(rebond),
    }


def _describe_python(program: Path) -> str:
    """Say which Python runs a program: the build matters as much as the version."""
    with program.open("rb") as file:
        first = file.readline()
    if not first.startswith(b"#!"):
        return platform.python_version()
    python = first[2:].decode().strip()
    question = "import sys, platform; print(platform.python_version(), platform.python_compiler(), sys.base_prefix)"
    asked = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False).stdout.split()
    is_distributed = asked[-1:] == ["/usr"]
    return f"{asked[0] if asked else 'unknown'}{', of the distribution' if is_distributed else ''}"


def render_table(results: list[Result], counting: set[str]) -> list[str]:
    """Return one data set's table. Every cell is a median; × is the ratio to the reference's in the same run."""
    tools = list(dict.fromkeys(result.tool for result in results))
    reference = find_reference(results)
    titles = " | ".join(title for _, title in COLUMNS)
    lines = [f"| | {titles} | stored | peak anonymous | peak resident |", "|---|" + "---|" * (len(COLUMNS) + 3)]
    for tool in tools:
        compared = reference if tool != reference and {reference, tool} <= counting else None
        cells = [render_time(results, tool, phase, reference=compared) for phase, _ in COLUMNS]
        cells += [render_stored(results, tool, reference=compared), *render_memory(results, tool)]
        lines.append(f"| {tool} | " + " | ".join(cells) + " |")
    for result in results:
        if result.problem:
            words = result.problem.strip().splitlines()[-1]
            lines += ["", f"{result.tool}, round {result.round_number + 1}, {result.phase}: {words}"]
    return lines


def find_reference(results: list[Result]) -> str:
    """Return the tool that the others are compared with: restic, and for the levels alone 7z."""
    measured = {result.tool for result in results}
    return next((tool for tool in REFERENCES if tool in measured), REFERENCES[0])


def render_time(results: list[Result], tool: str, phase: str, *, reference: str | None) -> str:
    """Return a cell: median seconds, and the ratio to the reference."""
    measures = find_measures(results, tool, phase)
    if not measures:
        return "-"
    seconds = median(measure.wall_seconds for measure in measures)
    compared = find_measures(results, reference, phase) if reference else []
    if not compared:
        return f"{seconds:.2f} s"
    return f"{seconds:.2f} s, {seconds / median(measure.wall_seconds for measure in compared):.2f} ×"


def render_stored(results: list[Result], tool: str, *, reference: str | None) -> str:
    """Return a cell: the vault after the first backup, and the ratio to the reference."""
    stored, compared = find_stored(results, tool), find_stored(results, reference) if reference else 0
    ratio = f", {stored / compared:.2f} ×" if compared else ""
    return f"{stored / 1e6:.0f} MB{ratio}" if stored else "-"


def render_memory(results: list[Result], tool: str) -> list[str]:
    """Return two cells: the most that any phase held, anonymous and resident."""
    measures = [result.measure for result in results if result.tool == tool and result.measure]
    peaks = [
        max((measure.peak_anonymous_bytes for measure in measures), default=0),
        max((measure.peak_resident_bytes for measure in measures), default=0),
    ]
    return [f"{peak / 1e6:.0f} MB" for peak in peaks]


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
        f"Other programs used {median(shares):.0%} of the processors during the median measure, {shares[-1]:.0%} during"
        f" the worst; {sum(share > 0.15 for share in shares)} of {len(shares)} measures had more than 15 %."
    )
