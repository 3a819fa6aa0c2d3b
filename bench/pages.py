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


def render_page(results: Path, known: str = "") -> str:
    """Return the page, from whichever results are there; what else the ``known`` page has stays in its place."""
    sections = _split(known)
    for path in sorted(results.glob("compare*.json"), key=lambda found: found.stem):
        title = path.stem.removeprefix("compare").strip("-").replace("-", " ")
        heading = f"## Beside the others{f': {title}' if title else ''}"
        sections[heading] = "\n".join(["", *read_comparison(path).render(), ""])
    for name in ("latency", "growth", "churn", "startup", "stack", "recovery", "drills", "postgres", "wal"):
        for path in sorted(results.glob(f"{name}*.json")):
            heading, *lines = read_section(path).render()
            sections[heading] = "\n".join(lines)
    texts = [f"{heading}\n{text.rstrip()}\n" for heading, text in sections.items()]
    return "\n".join([OPENING, render_aims(), "", *texts]).rstrip() + "\n"


def _split(page: str) -> dict[str, str]:
    """Return the text below each heading of the second order, in the page's order."""
    sections: dict[str, str] = {}
    heading = ""
    for line in page.splitlines():
        if line.startswith("## "):
            heading = line
            sections[heading] = ""
        elif heading:
            sections[heading] += f"{line}\n"
    return sections


def render_aims() -> str:
    """Say what Rebond promises of itself."""
    words = ", ".join(f"{phase} {AT_LEAST[phase]:.2f} × ({aim:.2f} ×)" for phase, aim in AIMS.items())
    return (
        f"What Rebond has to reach beside restic, and in brackets aims at: {words}, stored 0.85 × (0.78 ×), peak"
        " anonymous memory 300 MB (200 MB)."
    )
