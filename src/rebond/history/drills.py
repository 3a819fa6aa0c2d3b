"""Drills as the ledger knows them: one line of each, written when it had ended."""

from collections.abc import Iterable, Mapping
from typing import Any

from rebond.history.ledger import Ledger
from rebond.history.runs import Run, RunFilter, read_runs

DRILLED = "drilled"
OF_A_PART = "lost-service"


def read_drills(
    ledger: Ledger, *, stack: str = "", newest: int | None = None, since_ms: int | None = None
) -> list[Run]:
    """Return the drills of this machine, or those of one stack, oldest first. Raises ``OSError``."""
    return read_runs(ledger, RunFilter(kind=DRILLED, stack=stack, newest=newest, since_ms=since_ms))


def tells_times(drill: Run) -> bool:
    """Say whether a drill shows how long something takes: a sample brings back a part, a failed one nothing good."""
    return not drill.facts.get("sample") and drill.facts.get("verdict") != "fail"


def tells_times_of_components(drill: Run) -> bool:
    """Say whether a drill shows how long a component takes: of a lost service a part of one may be all that came."""
    return tells_times(drill) and drill.text("scenario") != OF_A_PART


def find_proven(drills: Iterable[Run]) -> dict[str, int]:
    """Return when each snapshot was last proved whole, by its id in hexadecimal: milliseconds since 1970.

    A sample proves a part, so does a drill in which something could not be asked, and an exercise proves people: none
    of them counts. A proof that
    failed later takes back an earlier one.
    """
    proven: dict[str, int] = {}
    for each in drills:
        snapshot = each.text("snapshot")
        if each.facts.get("exercise"):
            continue
        if each.facts.get("verdict") == "pass" and not each.facts.get("sample"):
            proven[snapshot] = each.began_ms
        elif each.facts.get("verdict") == "fail":
            proven.pop(snapshot, None)
    return proven


def list_components(drill: Run) -> list[Mapping[str, Any]]:
    """Return what a drill says of each component: ``name``, ``bytes``, ``phases``, ``seconds``."""
    found = drill.facts.get("components")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
