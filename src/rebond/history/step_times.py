"""How long the steps of a restore took in earlier runs and drills, and so how long they are likely to take."""

from collections.abc import Iterable, Mapping
from typing import Any

from rebond.history.drills import DRILLED, list_components
from rebond.history.runs import Run
from rebond.operations.recovery.plan import StepKind

STEPS = "steps"  # the fact of a run that lists them
NEWEST = 5  # of which the middle is taken: machines and data change
_LEAST_BYTES = 1 << 20  # below this, time does not go with size
_GROWS = frozenset({StepKind.FETCH})
LEARNT_FROM = ("restore", "recover", DRILLED)  # kinds of runs


class StepTimes:
    """What was learnt of each step. ``expect`` fits what a plan asks."""

    def __init__(self, runs: Iterable[Run], stack: str = "") -> None:
        """``runs`` are oldest first; those that list no steps say nothing, nor do those of another stack."""
        self._seen: dict[tuple[str, str], list[tuple[float, int]]] = {}
        for run in runs:
            if stack and run.text("stack") not in ("", stack):
                continue
            for step in list_steps_of_drill(run) if run.kind == DRILLED else read_steps(run.facts.get(STEPS)):
                self._seen.setdefault((step["kind"], step["subject"]), []).append((step["seconds"], step["bytes"]))

    def expect(self, kind: StepKind, subject: str, size_bytes: int) -> float | None:
        """Return how many seconds a step takes, by the newest runs of the same step; ``None`` when there is none.

        What is read grows with its size; everything else takes as long as it took.
        """
        seen = self._seen.get((kind.value, subject), [])[-NEWEST:]
        if not seen:
            return None
        large = [(seconds, size) for seconds, size in seen if size >= _LEAST_BYTES]
        if kind in _GROWS and large and size_bytes >= _LEAST_BYTES:
            return _middle([seconds / size for seconds, size in large]) * size_bytes
        return _middle([seconds for seconds, _ in seen])


def _middle(values: list[float]) -> float:
    """Return the median. The library's module costs each restore more time than this is worth."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def list_steps_of_drill(drill: Run) -> list[Mapping[str, Any]]:
    """Return what a drill teaches: how long each component took that it brought back whole, and fit for use."""
    if drill.facts.get("sample") or drill.facts.get("exercise") or drill.facts.get("verdict") == "fail":
        return []
    return read_steps(
        [
            {
                "kind": StepKind.FETCH.value,
                "subject": each.get("name"),
                "bytes": each.get("bytes"),
                "seconds": each.get("seconds"),
            }
            for each in list_components(drill)
        ]
    )


def read_steps(found: object) -> list[Mapping[str, Any]]:
    """Return the steps that a run lists: those that have a kind, a subject, seconds and bytes.

    A step that took several tries is none of them: how long it takes in one go, nobody saw.
    """
    if not isinstance(found, list):
        return []
    return [
        each
        for each in found
        if isinstance(each, dict)
        and isinstance(each.get("kind"), str)
        and isinstance(each.get("subject"), str)
        and isinstance(each.get("seconds"), int | float)
        and isinstance(each.get("bytes"), int)
        and each.get("tries", 1) == 1
    ]
