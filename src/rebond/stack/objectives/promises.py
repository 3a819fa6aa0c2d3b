"""One promise beside one fact: how long until something is back, or how much work is lost with it."""

import enum
from collections.abc import Iterable

from msgspec import Struct

from rebond.config.model import Configuration
from rebond.operations.drills.outcomes import DrillOutcome

WHOLE = "lost-server"  # the objective of a drill that brings everything back, where no scenario is named


class Measure(enum.StrEnum):
    """What is promised."""

    RTO = "rto"
    RPO = "rpo"


class Promise(Struct, frozen=True, kw_only=True):
    """What was promised of a component, or of a scenario, and what was measured; seconds, ``None`` for not known."""

    subject: str
    measure: Measure
    promised_seconds: int | None
    measured_seconds: float | None
    is_scenario: bool = False

    @property
    def is_missed(self) -> bool:
        """Whether the fact is known, and longer than the promise."""
        if self.promised_seconds is None or self.measured_seconds is None:
            return False
        return self.measured_seconds > self.promised_seconds

    @property
    def share(self) -> float:
        """How much of the promise the fact takes up; 0 where one of them is not known."""
        if self.promised_seconds is None or self.measured_seconds is None:
            return 0.0
        return self.measured_seconds / max(self.promised_seconds, 0.001)


class DrillJudgement(Struct, frozen=True, kw_only=True):
    """The promises that a drill speaks of, and the pair that stands for each of the two measures."""

    promises: tuple[Promise, ...]
    rto: Promise
    rpo: Promise

    @property
    def missed(self) -> tuple[Promise, ...]:
        """Those that do not hold."""
        return tuple(each for each in self.promises if each.is_missed)


def judge_drill(
    outcome: DrillOutcome, configuration: Configuration | None, *, scenario: str = "", is_exercise: bool = False
) -> DrillJudgement:
    """Set what a drill measured beside what is promised.

    A sample says nothing of how long the whole takes. ``age_seconds`` of a component is less than 0 where the snapshot
    was chosen by hand: then nothing follows for what would be lost. Of an exercise only the time of the whole is known:
    it stands beside the promise of the scenario, or else the longest of a component that was lost.
    """
    promises: list[Promise] = []
    for each in outcome.components:
        component = configuration.component.get(each.name) if configuration else None
        if component is None:
            continue
        promises.append(
            Promise(
                subject=each.name,
                measure=Measure.RTO,
                promised_seconds=component.rto,
                measured_seconds=None if outcome.is_sample or is_exercise else each.seconds,
            )
        )
        promises.append(
            Promise(
                subject=each.name,
                measure=Measure.RPO,
                promised_seconds=component.rpo,
                measured_seconds=None if each.age_seconds < 0 else each.age_seconds,
            )
        )
    rto = _find_whole(outcome, configuration, scenario, promises)
    rpo = _find_lost(outcome, configuration, scenario, promises)
    whole = [each for each in (rto, rpo) if each.is_scenario or (is_exercise and each is rto)]
    return DrillJudgement(promises=(*promises, *whole), rto=rto, rpo=rpo)


def _find_whole(
    outcome: DrillOutcome, configuration: Configuration | None, scenario: str, promises: Iterable[Promise]
) -> Promise:
    """Return how long everything took, beside the promise of the scenario, or else the longest of a component."""
    objectives = configuration.objective if configuration else {}
    name = scenario or WHOLE
    measured = None if outcome.is_sample else outcome.rto_seconds
    if name in objectives and objectives[name].rto is not None:
        return Promise(
            subject=name,
            measure=Measure.RTO,
            promised_seconds=objectives[name].rto,
            measured_seconds=measured,
            is_scenario=True,
        )
    known = [each for each in promises if each.measure is Measure.RTO and each.promised_seconds is not None]
    longest = max(known, key=lambda each: each.promised_seconds or 0, default=None)
    return Promise(
        subject=longest.subject if longest is not None else name,
        measure=Measure.RTO,
        promised_seconds=longest.promised_seconds if longest is not None else None,
        measured_seconds=measured,
    )


def _find_lost(
    outcome: DrillOutcome, configuration: Configuration | None, scenario: str, promises: Iterable[Promise]
) -> Promise:
    """Return how much work is lost, beside the promise of the scenario, or else of the component that is nearest it."""
    objectives = configuration.objective if configuration else {}
    measured = None if outcome.rpo_seconds < 0 else outcome.rpo_seconds
    name = scenario or WHOLE
    if name in objectives and objectives[name].rpo is not None:
        return Promise(
            subject=name,
            measure=Measure.RPO,
            promised_seconds=objectives[name].rpo,
            measured_seconds=measured,
            is_scenario=True,
        )
    known = [each for each in promises if each.measure is Measure.RPO and each.promised_seconds is not None]
    nearest = max(
        (each for each in known if each.measured_seconds is not None), key=lambda each: each.share, default=None
    )
    return nearest or Promise(subject=name, measure=Measure.RPO, promised_seconds=None, measured_seconds=measured)
