"""Why a promise does not hold, and what would mend it, in one sentence each."""

from collections.abc import Mapping

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.findings import Finding, Severity
from rebond.stack.objectives.ages import find_waiting
from rebond.stack.objectives.log_ends import LogEnd
from rebond.stack.objectives.promises import Promise
from rebond.stack.rhythms import quickest_schedule
from rebond.units import format_span


def mend_rpo(loaded: Loaded, name: str, promise: Promise) -> Finding:
    """Return why more work would be lost than promised, and what keeps the promise."""
    promised = promise.promised_seconds or 0
    if promise.measured_seconds is None:
        return Finding(
            code="never-saved",
            severity=Severity.WARNING,
            subject=name,
            template="{component} was never saved, and no more than {promised} of its work may be lost.",
            hint_template="Save it: rebond backup",
            values={"component": name, "promised": format_span(promised)},
        )
    values = {"component": name, "measured": format_span(promise.measured_seconds), "promised": format_span(promised)}
    waiting = find_waiting(loaded).get(name)
    if waiting is not None:
        return Finding(
            code="rpo-missed",
            severity=Severity.WARNING,
            subject=name,
            template="{component} changed since it was last saved, {measured} ago, and {promised} promised.",
            hint_template="Save it: rebond backup --class {class}; and see that something starts that at every change: "
            "rebond schedule show",
            values={**values, "class": waiting},
        )
    return _mend_rhythm(loaded, name, promised, values)


def _mend_rhythm(loaded: Loaded, name: str, promised_seconds: int, values: Mapping[str, str]) -> Finding:
    """Return what saves a component often enough: another way of saving it, a change, or a quicker schedule."""
    component = loaded.configuration.component[name]
    schedule = quickest_schedule(promised_seconds)
    if isinstance(component, Postgres) and component.method == "logical" and promised_seconds < 3600:
        return Finding(
            code="rpo-missed",
            severity=Severity.WARNING,
            subject=name,
            template="{component}: {measured} of work could be lost, and {promised} promised: dumps are as far apart.",
            hint_template='Save every change: method = "physical" and wal = "receive" under component.{component}.',
            values=values,
        )
    if schedule is None:
        return Finding(
            code="rpo-missed",
            severity=Severity.WARNING,
            subject=name,
            template="{component}: {measured} of work could be lost, and {promised} promised: no schedule keeps that.",
            hint_template='Save it at every change: a class with trigger = "change", and rebond serve.',
            values=values,
        )
    classes = loaded.configuration.classes.items()
    saving = next((title for title, each in classes if each.takes_all or name in each.components), "NAME")
    return Finding(
        code="rpo-missed",
        severity=Severity.WARNING,
        subject=name,
        template="{component}: {measured} of work could be lost, and {promised} promised: its snapshots are as far "
        "apart.",
        hint_template='Save it as often: schedule = "{schedule}" under class.{class}, and see that it runs: '
        "rebond schedule show",
        values={**values, "schedule": schedule, "class": saving},
    )


def mend_log(end: LogEnd, promise: Promise) -> Finding:
    """Return why the log does not reach as near as promised, and how to see what holds it up."""
    values = {
        "component": end.component,
        "measured": format_span(promise.measured_seconds or 0),
        "promised": format_span(promise.promised_seconds or 0),
    }
    gap = next((each.gap for each in end.stretches if each.is_current), "")
    if gap:
        return Finding(
            code="rpo-missed",
            severity=Severity.WARNING,
            subject=end.component,
            template="{component}: {measured} of work could be lost, and {promised} promised: its log breaks off "
            "before {gap}.",
            hint_template="'rebond wal status' says whether its server still has that. Else save it now, so that a new "
            "beginning lies behind the hole: rebond backup {component}",
            values={**values, "gap": gap},
        )
    return Finding(
        code="rpo-missed",
        severity=Severity.WARNING,
        subject=end.component,
        template="{component}: {measured} of work could be lost, and {promised} promised: no log came since then.",
        hint_template="See what holds it up: rebond wal status",
        values=values,
    )


def mend_rto(loaded: Loaded, promise: Promise, slowest: str) -> Finding:
    """Return what takes longest of a restore that takes too long, and what makes it shorter."""
    component = loaded.configuration.component[promise.subject]
    is_dump = isinstance(component, Postgres) and component.method == "logical"
    values = {
        "component": promise.subject,
        "measured": format_span(promise.measured_seconds or 0),
        "promised": format_span(promise.promised_seconds or 0),
        "phase": slowest,
    }
    if is_dump:
        return Finding(
            code="rto-missed",
            severity=Severity.WARNING,
            subject=promise.subject,
            template="{component} is back after {measured}, and {promised} promised: loading a dump takes that long.",
            hint_template='Restore its files instead of its rows: method = "physical" under component.{component}; or '
            "promise more time.",
            values=values,
        )
    return Finding(
        code="rto-missed",
        severity=Severity.WARNING,
        subject=promise.subject,
        template="{component} is back after {measured}, and {promised} promised; most of it goes to '{phase}'.",
        hint_template="Keep a copy nearer to where it comes back, leave out what can be made anew, or promise more.",
        values=values,
    )


def warn_of_break(promise: Promise, days: int, slowest: str) -> Finding:
    """Return the warning that a promise will not hold much longer, as the component grows."""
    return Finding(
        code="rto-will-break",
        severity=Severity.WARNING,
        subject=promise.subject,
        template="{component} grows so fast that in {days} days it will take longer than the {promised} promised; most "
        "of it goes to '{phase}'.",
        hint_template="See what grows with 'rebond diff BEFORE AFTER', forget what nobody needs, or promise more time.",
        values={
            "component": promise.subject,
            "days": days,
            "promised": format_span(promise.promised_seconds or 0),
            "phase": slowest,
        },
    )


def warn_of_no_drill(name: str, promise: Promise) -> Finding:
    """Return the warning that nobody knows whether a promise holds."""
    return Finding(
        code="rto-unknown",
        severity=Severity.WARNING,
        subject=name,
        template="{component} is promised back within {promised}, and no drill has ever brought it back.",
        hint_template="Measure it: rebond drill",
        values={"component": name, "promised": format_span(promise.promised_seconds or 0)},
    )
