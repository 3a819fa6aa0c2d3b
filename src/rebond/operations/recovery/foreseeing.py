"""What can be asked before a plan begins: whether each part will be taken by the server that it belongs into."""

from collections.abc import Iterable, Sequence

from rebond.errors import RebondError
from rebond.findings import Finding, Severity
from rebond.operations.recovery.parts import Foresees, Part


def foresee(parts: Iterable[Part]) -> list[RebondError | Finding]:
    """Return why parts cannot come back (an error), or may not (a finding); nothing is started or changed."""
    found: list[RebondError | Finding] = []
    for part in parts:
        if isinstance(part, Foresees):
            found += [each for each in part.foresee() if not _is_told(each, found)]
    return found


def tell_foreseen(foreseen: Sequence[RebondError | Finding]) -> list[Finding]:
    """Return all of it as findings, for a plan that is only looked at."""
    return [each if isinstance(each, Finding) else _as_finding(each) for each in foreseen]


def _is_told(one: RebondError | Finding, others: Sequence[RebondError | Finding]) -> bool:
    """Say whether it was said of another part in the same words: two databases of one server want the same right."""
    return any(type(each) is type(one) and each.message == one.message for each in others)


def _as_finding(error: RebondError) -> Finding:
    return Finding(
        code="will-not-come-back",
        severity=Severity.WARNING,
        subject="",
        template=error.template,
        hint_template=error.hint_template,
        values=error.values,
    )
