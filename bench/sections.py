"""What a measurement hands to the report: a title, an explanation, a table, and the raw figures."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of docs/benchmarks.md. ``raw`` is kept beside it and not shown."""

    title: str
    intro: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)
    raw: list[dict[str, Any]] = field(default_factory=list)

    def render(self) -> list[str]:
        """Return the section as lines of Markdown."""
        lines = [f"## {self.title}", "", self.intro, ""]
        if self.rows:
            lines += [f"| {' | '.join(self.header)} |", "|" + "---|" * len(self.header)]
            lines += [f"| {' | '.join(row)} |" for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return [*lines, ""]

    def write(self, path: Path) -> None:
        """Keep the section as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read_section(path: Path) -> Section:
    """Read what ``Section.write`` wrote."""
    content = json.loads(path.read_text())
    return Section(**{**content, "header": tuple(content["header"]), "rows": [tuple(row) for row in content["rows"]]})


def format_bytes(count: float | None) -> str:
    """Return megabytes of a million, as storage is sold."""
    return "-" if count is None else f"{count / 1e6:,.0f} MB"
