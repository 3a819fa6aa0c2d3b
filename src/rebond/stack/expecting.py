"""What a component has to look like at the end of a backup."""

import operator
from collections.abc import Callable

from rebond.config.components import Expectations
from rebond.config.quantities import Bound
from rebond.errors import SourceUnfit
from rebond.findings import Finding, Severity
from rebond.units import format_size
from rebond.vault.tree_writing import TreeTotals

Report = Callable[[Finding], None]
Judge = Callable[[TreeTotals, Report], None]
SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


def make_judge(component: str, expect: Expectations | None) -> Judge | None:
    """Return what judges the totals of a component; it raises ``SourceUnfit`` where a rule that may fail does not hold.

    ``newest`` and ``shrink`` are said not to be judged yet.
    """
    if expect is None:
        return None

    def judge(totals: TreeTotals, report: Report) -> None:
        if expect.files and not holds(expect.files, totals.files):
            _tell(component, f"{totals.files}", "files", expect.files, f"{expect.files.amount:g}", report)
        if expect.size and not holds(expect.size, totals.bytes):
            wanted = format_size(round(expect.size.amount))
            _tell(component, format_size(totals.bytes), "size", expect.size, wanted, report)
        for rule in ("newest", "shrink"):
            if getattr(expect, rule):
                report(_not_judged(component, rule))

    return judge


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


def _not_judged(component: str, rule: str) -> Finding:
    return Finding(
        code="not-done-yet",
        severity=Severity.NOTE,
        subject=component,
        template="'{key}' of the configuration is not carried out yet.",
        values={"key": f"component.{component}.expect.{rule}"},
    )
