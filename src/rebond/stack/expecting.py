"""What a component has to look like at the end of a backup."""

import operator
from collections.abc import Callable

from rebond.config.components import Expectations
from rebond.config.quantities import Bound
from rebond.errors import SourceUnfit
from rebond.findings import Finding, Severity
from rebond.operations.components import Judge, Judged
from rebond.units import format_size, format_span

Report = Callable[[Finding], None]
SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def make_judge(component: str, expect: Expectations | None) -> Judge | None:
    """Return what judges a component; it raises ``SourceUnfit`` where a rule that may fail does not hold.

    ``newest`` is the age of the newest file; ``shrink`` the part of the bytes of the last comparable snapshot that is
    not there any more, and holds where there is none.
    """
    if expect is None:
        return None

    def judge(judged: Judged, report: Report) -> None:
        totals = judged.totals
        if expect.files and not holds(expect.files, totals.files):
            _tell(component, f"{totals.files}", "files", expect.files, f"{expect.files.amount:g}", report)
        if expect.size and not holds(expect.size, totals.bytes):
            wanted = format_size(round(expect.size.amount))
            _tell(component, format_size(totals.bytes), "size", expect.size, wanted, report)
        if expect.newest:
            _judge_newest(component, expect.newest, judged, report)
        if expect.shrink:
            _judge_shrink(component, expect.shrink, judged, report)

    return judge


def _judge_newest(component: str, bound: Bound, judged: Judged, report: Report) -> None:
    newest_ns = judged.find_newest_ns()
    wanted = format_span(bound.amount)
    if newest_ns is None:
        _tell(component, "–", "newest", bound, wanted, report)
        return
    age_seconds = max(0.0, judged.now_ms / 1000 - newest_ns / 1_000_000_000)
    if not holds(bound, age_seconds):
        _tell(component, format_span(age_seconds), "newest", bound, wanted, report)


def _judge_shrink(component: str, bound: Bound, judged: Judged, report: Report) -> None:
    if judged.before is None or not judged.before.bytes:
        return
    share = max(0.0, 1 - judged.totals.bytes / judged.before.bytes)
    if not holds(bound, share):
        _tell(component, f"{100 * share:.3g}%", "shrink", bound, f"{100 * bound.amount:g}%", report)


def holds(bound: Bound, amount: float) -> bool:
    """Say whether an amount is within a bound."""
    return SIGNS[bound.sign](amount, bound.amount)


def _tell(component: str, found: str, rule: str, bound: Bound, wanted: str, report: Report) -> None:
    values = {"component": component, "rule": rule, "found": found, "wanted": f"{bound.sign} {wanted}"}
    if bound.is_fatal:
        raise SourceUnfit(
            "The component {component} is not as expected: {rule} is {found}, not {wanted}.",
            hint="Look whether something is missing; if not, change 'expect'.",
            **values,
        )
    report(
        Finding(
            code="not-as-expected",
            severity=Severity.WARNING,
            subject=component,
            template="The component {component} is not as expected: {rule} is {found}, not {wanted}.",
            hint_template="Look whether something is missing; if not, change 'expect'.",
            values=values,
        )
    )
