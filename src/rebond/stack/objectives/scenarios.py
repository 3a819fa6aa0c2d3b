"""What is promised of a disaster, beside the newest drill of it; why such a promise is missed, and what mends that."""

from collections.abc import Iterator, Sequence
from math import isfinite

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.findings import Finding, Severity
from rebond.history.drills import list_components, tells_times
from rebond.history.runs import Run
from rebond.stack.objectives.promises import WHOLE, Measure, Promise
from rebond.units import format_span

_CODE = "objective-missed"


def list_scenarios(loaded: Loaded, drills: Sequence[Run]) -> tuple[Promise, ...]:
    """Return the promises of scenarios, each beside the newest drill that brought back what it takes."""
    promises = []
    for name, objective in loaded.configuration.objective.items():
        newest = _find_newest(drills, name)
        for measure, promised in ((Measure.RTO, objective.rto), (Measure.RPO, objective.rpo)):
            if promised is not None:
                measured = _number(newest.facts.get(f"{measure}_seconds")) if newest else None
                promises.append(
                    Promise(
                        subject=name,
                        measure=measure,
                        promised_seconds=promised,
                        measured_seconds=measured,
                        is_scenario=True,
                    )
                )
    return tuple(promises)


def explain_missed(loaded: Loaded, promises: Sequence[Promise], drills: Sequence[Run]) -> Iterator[Finding]:
    """Yield of each promise of a scenario that is missed why, and what would mend it."""
    for promise in promises:
        drill = _find_newest(drills, promise.subject)
        if drill is not None and promise.is_missed:
            explain = _explain_time if promise.measure is Measure.RTO else _explain_loss
            yield explain(loaded, promise, drill)


def _find_newest(drills: Sequence[Run], scenario: str) -> Run | None:
    fitting = (each for each in reversed(drills) if (each.text("scenario") or WHOLE) == scenario and tells_times(each))
    return next(fitting, None)


def _explain_time(loaded: Loaded, promise: Promise, drill: Run) -> Finding:
    """Name what took longest: a phase of a component, the search, what stands around them, or people."""
    values = _values_of(promise)
    if drill.facts.get("exercise"):
        return Finding(
            code=_CODE,
            severity=Severity.WARNING,
            subject=promise.subject,
            template="{scenario}: people were back after {measured}, and {promised} promised.",
            hint_template="Exercise it again, by the runbook: rebond drill --exercise --scenario {scenario}; or "
            "promise more time.",
            values=values,
        )
    component, phase, longest, together = _find_longest(drill)
    if (promise.measured_seconds or 0.0) - together > longest:
        is_search = promise.subject == "corrupted-data"
        return Finding(
            code=_CODE,
            severity=Severity.WARNING,
            subject=promise.subject,
            template="{scenario}: back after {measured}, and {promised} promised; most of it went to the search."
            if is_search
            else "{scenario}: back after {measured}, and {promised} promised; most of it went to opening the vault and "
            "to starting servers and the application.",
            hint_template="Checks that are all queries need the databases only, and are asked sooner; or promise more "
            "time."
            if is_search
            else "See what these wait for when they start, and how far away the vault is; or promise more time.",
            values=values,
        )
    configured = loaded.configuration.component.get(component)
    is_dump = isinstance(configured, Postgres) and configured.method == "logical" and phase == "load"
    return Finding(
        code=_CODE,
        severity=Severity.WARNING,
        subject=promise.subject,
        template="{scenario}: back after {measured}, and {promised} promised; most of it went to '{phase}' of "
        "{component}.",
        hint_template='Restore its files instead of its rows: method = "physical" under component.{component}; or '
        "promise more time."
        if is_dump
        else "Keep a copy nearer to where it comes back, leave out what can be made anew, or promise more.",
        values={**values, "component": component, "phase": phase},
    )


def _explain_loss(loaded: Loaded, promise: Promise, drill: Run) -> Finding:
    """Name what would be lost most of, and what saves it more often."""
    ages = {each.get("name"): _number(each.get("age_seconds")) or 0.0 for each in list_components(drill)}
    name = max((each for each in ages if each in loaded.configuration.component), key=ages.__getitem__, default=None)
    configured = loaded.configuration.component.get(name) if isinstance(name, str) else None
    is_dump = isinstance(configured, Postgres) and configured.method == "logical"
    return Finding(
        code=_CODE,
        severity=Severity.WARNING,
        subject=promise.subject,
        template="{scenario}: {measured} of work would be lost, most of it of {component}, and {promised} promised."
        if configured is not None
        else "{scenario}: {measured} of work would be lost, and {promised} promised.",
        hint_template='Save every change: method = "physical" and wal = "receive" under component.{component}.'
        if is_dump
        else "See what is saved too seldom, and give its class a quicker schedule: rebond schedule show",
        values={**_values_of(promise), "component": name or ""},
    )


def _values_of(promise: Promise) -> dict[str, object]:
    return {
        "scenario": promise.subject,
        "measured": format_span(promise.measured_seconds or 0),
        "promised": format_span(promise.promised_seconds or 0),
    }


def _find_longest(drill: Run) -> tuple[str, str, float, float]:
    """Return the component and the phase that took longest, how long that was, and how long all of them took."""
    found = [
        (str(each.get("name")), str(name), _number(seconds) or 0.0)
        for each in list_components(drill)
        if isinstance(phases := each.get("phases"), dict)
        for name, seconds in phases.items()
    ]
    component, phase, longest = max(found, key=lambda each: each[2], default=("", "", 0.0))
    return component, phase, longest, sum(seconds for _, _, seconds in found)


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and isfinite(value) else None
