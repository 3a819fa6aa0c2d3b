"""Objectives beside what was measured."""

from collections.abc import Iterator

from rebond.pages.blocks import Block, Grid, Paragraph
from rebond.pages.words import Code, Text, say
from rebond.runbook.describing import show_moment, show_span
from rebond.runbook.facts import DrillFacts, Facts

SCENARIOS = ("lost-service", "corrupted-data", "lost-server", "security-breach")
DRILL = Code("rebond drill")


def write_objectives(facts: Facts) -> Iterator[Block]:
    """Write both tables: by component, by disaster."""
    drill = facts.history.newest_drill()
    rows: list[tuple[Text, ...]] = []
    for name, component in facts.configuration.component.items():
        if component.rto is None and component.rpo is None:
            continue
        rows.append(
            (
                Code(name),
                component.priority or "–",
                show_span(component.rto) if component.rto is not None else "–",
                measured_of(facts, name),
                show_span(component.rpo) if component.rpo is not None else "–",
                _lost_of(facts, name),
            )
        )
    if rows:
        head = (say("RTO promised"), say("RTO measured"), say("RPO promised"), say("RPO measured"))
        yield Grid((say("component"), say("priority"), *head), rows)
    yield Grid(
        (say("disaster"), say("RTO promised"), say("RTO measured"), say("RPO promised"), say("RPO measured")),
        [_scenario_row(facts, name) for name in list_scenarios(facts)],
    )
    if drill is None:
        yield Paragraph((say("Nothing of this was measured on this machine yet: run {command}.", command=DRILL),))
    else:
        yield Paragraph(
            (
                say(
                    "The last drill was on {moment}, of snapshot {snapshot}: {verdict}.",
                    moment=show_moment(facts, drill.began_ms),
                    snapshot=Code(drill.snapshot),
                    verdict=describe_verdict(drill),
                ),
            )
        )


def list_scenarios(facts: Facts) -> list[str]:
    """Return the four disasters, then what the configuration names besides."""
    return list(dict.fromkeys([*SCENARIOS, *facts.configuration.objective]))


def describe_verdict(drill: DrillFacts) -> Text:
    """Return what a drill came to, and whether that was all of it or a part."""
    words = {
        "pass": say("all came back, every question was answered well"),
        "partial": say("all came back, but not every question could be asked"),
        "fail": say("failed"),
    }
    if drill.is_of_a_part:
        words |= {
            "pass": say("a part came back, every question of it was answered well"),
            "partial": say("a part came back, but not every question of it could be asked"),
        }
    return words.get(drill.verdict, drill.verdict or "–")


def measured_of(facts: Facts, component: str) -> Text:
    """Return how long a component took to come back, and when that was seen; else how to see it."""
    drill = facts.history.newest_measure_of(component)
    if drill is None:
        return _not_measured()
    seconds = drill.parts[component].seconds
    return say("{span} on {moment}", span=show_span(seconds), moment=show_moment(facts, drill.began_ms))


def _lost_of(facts: Facts, component: str) -> Text:
    """Return how much work would have been lost with a component at the newest drill that shows it."""
    lost_seconds = facts.history.newest_loss_of(component)
    if lost_seconds is None:
        return _not_measured()
    return show_span(lost_seconds) if lost_seconds >= 0 else "–"


def _scenario_row(facts: Facts, name: str) -> tuple[Text, ...]:
    objective = facts.configuration.objective.get(name)
    rto, rpo = (objective.rto, objective.rpo) if objective else (None, None)
    drill = facts.history.newest_measure(name)
    return (
        Code(name),
        show_span(rto) if rto is not None else "–",
        show_span(drill.rto_seconds) if drill and drill.rto_seconds is not None else _not_measured(),
        show_span(rpo) if rpo is not None else "–",
        show_span(drill.rpo_seconds) if drill and drill.rpo_seconds is not None else _not_measured(),
    )


def _not_measured() -> Text:
    return say("not measured yet: run {command}", command=DRILL)
