"""Renders docs/benchmarks.md from what was measured last."""

from pathlib import Path

from bench.reporting import AIMS, AT_LEAST, read_comparison
from bench.sections import read_section

OPENING = """# Benchmarks

What `make bench` printed last, and nothing else. Every figure can be measured again with `python -m bench`: it makes or
fetches the same trees, runs every tool in turn on the same machine, several rounds, caches warm, and takes the median.
Ratios (×) are to restic in the same run, and to `7z` where a section says so: below 1 is faster or smaller. Peers are
built by `bench/install_peers.sh`. Encryption is on wherever a program has it; compression is each program's middle.

- *first backup*: into a new vault. *nothing changed*: the same again. *1 % changed*: of 100 files one is edited, grown,
  deleted or added. *restore*: everything, into an empty folder, and in the first round compared with the tree: content,
  rights and times. *one file*: one file out of the snapshot.
- *peak anonymous*, *peak resident*: the sum over all processes of a tool, sampled every 50 ms, the worst of all steps.
  What only maps a file counts as resident, not as anonymous.
- Archivers (`tar | zstd`, `zip`, `7z`) know no second backup, and are not encrypted here.
- Times depend on the machine, so no test fails on them; ratios travel further, and are what is promised.
"""


def render_page(results: Path) -> str:
    """Return the page, from whichever results are there."""
    lines = [OPENING, render_aims(), ""]
    for path in sorted(results.glob("compare*.json"), key=lambda found: found.stem):
        title = path.stem.removeprefix("compare").strip("-").replace("-", " ")
        lines += [f"## Beside the others{f': {title}' if title else ''}", "", *read_comparison(path).render(), ""]
    for name in ("latency", "growth", "churn", "startup", "stack", "recovery", "drills", "postgres", "wal"):
        for path in sorted(results.glob(f"{name}*.json")):
            lines += read_section(path).render()
    return "\n".join(lines).rstrip() + "\n"


def render_aims() -> str:
    """Say what Rebond promises of itself."""
    words = ", ".join(f"{phase} {AT_LEAST[phase]:.2f} × ({aim:.2f} ×)" for phase, aim in AIMS.items())
    return (
        f"What Rebond has to reach beside restic, and in brackets aims at: {words}, stored 0.85 × (0.78 ×), peak"
        " anonymous memory 300 MB (200 MB)."
    )
