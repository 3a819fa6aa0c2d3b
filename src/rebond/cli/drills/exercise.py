"""``rebond drill --exercise``: the first call tells what has happened, the second one judges what people did."""

import contextlib
import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec

from rebond.cli.drills.drilling import DrillWish, find_ages_of
from rebond.cli.drills.evidence_kept import publish
from rebond.cli.drills.scenarios import list_history
from rebond.cli.drills.sources import find_sources
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD, answer, note
from rebond.cli.output.speech import tr
from rebond.cli.vaults.opening import VaultAtHand
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import ConfigError, UnknownName
from rebond.operations.drills.outcomes import DrillOutcome
from rebond.operations.snapshots import list_snapshots, time_of
from rebond.stack.drills.evidence import Evidence
from rebond.stack.drills.exercises import Exercise, describe_lost, end, find_sealed, invent, judge_exercise, seal
from rebond.stack.objectives.promises import judge_drill
from rebond.units import format_iso, format_moment, format_span


def exercise(
    invocation: Invocation,
    vault: VaultAtHand,
    loaded: Loaded,
    watcher: Watcher,
    *,
    scenario: str,
    report: Path | None,
) -> int:
    """Begin an exercise, or end the one that is under way once something was brought back."""
    found = find_sealed(invocation.state_folder, loaded.configuration.stack.name)
    if found is None:
        return _begin(invocation, vault, loaded, watcher, scenario)
    if not Path(found.target).is_dir():
        answer(invocation, _document(found), _tell(vault, found))
        return GOOD
    return _end(invocation, vault, loaded, found, report)


def _begin(invocation: Invocation, vault: VaultAtHand, loaded: Loaded, watcher: Watcher, scenario: str) -> int:
    stack = loaded.configuration.stack.name
    records = list_history(vault.live, stack, None)
    if not records:
        raise UnknownName(
            "There is no whole snapshot of the stack {stack} to exercise with.",
            hint="Make one with 'rebond backup'; name the stack's configuration with --config.",
            stack=stack,
        )
    folder = Path(invocation.environment.get("TMPDIR") or tempfile.gettempdir())
    made = invent(records, scenario, stack=stack, now_ms=SystemClock().now_ms(), folder=folder)
    made = replace(made, ages=_find_ages(invocation, vault, loaded, watcher, made))
    try:
        seal(invocation.state_folder, made)
    except OSError as error:
        raise ConfigError(
            "The exercise cannot be written to {path}: {reason}.",
            hint="Make the folder writable, or set REBOND_STATE_DIR to one that is.",
            path=str(invocation.state_folder),
            reason=error.strerror or str(error),
        ) from error
    answer(invocation, _document(made), _tell(vault, made))
    return GOOD


def _find_ages(
    invocation: Invocation, vault: VaultAtHand, loaded: Loaded, watcher: Watcher, made: Exercise
) -> dict[str, float]:
    """Return how much work would be lost with each component now; nothing after a breach, whose snapshot is older."""
    if made.before_ms:
        return {}
    record = next(each for each in list_snapshots(vault.live) if each.snapshot.hex() == made.snapshot)
    with contextlib.ExitStack() as held:
        sources = find_sources(invocation, vault.live, record, loaded, watcher, held).limited_to(made.components)
        return find_ages_of(invocation, vault.live, loaded, sources, DrillWish(scenario=made.scenario))


def _end(invocation: Invocation, vault: VaultAtHand, loaded: Loaded, found: Exercise, report: Path | None) -> int:
    now_ms = SystemClock().now_ms()
    record = next((each for each in list_snapshots(vault.live) if each.snapshot.hex() == found.snapshot), None)
    if record is None:
        end(invocation.state_folder, found.stack)
        raise UnknownName(
            "The snapshot of the exercise, {id}, is not there any more. The exercise is over.",
            hint="Begin another: rebond drill --exercise",
            id=found.snapshot,
        )
    seconds = max(0, now_ms - found.began_ms) / 1000
    outcome = DrillOutcome(
        record=record,
        began_ms=found.began_ms,
        components=(),
        checks=tuple(judge_exercise(vault.live, record, found)),
        phases={"people": seconds},
        rto_seconds=seconds,
        rpo_seconds=max(found.ages.values(), default=max(0, found.began_ms - time_of(record)) / 1000),
        question_seconds=0.0,
        seconds=seconds,
    )
    configuration = loaded.configuration
    lost = msgspec.structs.replace(outcome, components=describe_lost(record, found))
    evidence = Evidence(
        outcome=outcome,
        judgement=judge_drill(lost, configuration, scenario=found.scenario, is_exercise=True),
        stack=found.stack,
        scenario=found.scenario,
        language=configuration.stack.language,
        is_exercise=True,
    )
    end(invocation.state_folder, found.stack)
    status = publish(invocation, evidence, report)
    command = shlex.join(["rm", "-r", found.target])
    note(
        invocation,
        tr("What was brought back for it is still there, with its secrets. To delete it: {command}", command=command),
    )
    return status


def _document(found: Exercise) -> dict[str, object]:
    """Return what people may know: not which snapshot is the right one."""
    return {
        "exercise": found.scenario,
        "stack": found.stack,
        "began": format_iso(found.began_ms),
        "target": found.target,
        "before": format_iso(found.before_ms) if found.before_ms else None,
        "components": list(found.components) if found.scenario == "lost-service" else None,
    }


def _tell(vault: VaultAtHand, found: Exercise) -> str:
    zone = vault.configured.zone
    situations = {
        "lost-service": tr(
            "The service around '{names}' of {stack} is gone.", names=", ".join(found.components), stack=found.stack
        ),
        "lost-server": tr(
            "The server of {stack} has burnt down. You have the kit and another machine.", stack=found.stack
        ),
        "security-breach": tr(
            "Somebody has been in {stack} since {moment}. Nothing of that time or later can be trusted.",
            stack=found.stack,
            moment=format_moment(found.before_ms or found.began_ms, zone),
        ),
    }
    since = format_span((SystemClock().now_ms() - found.began_ms) / 1000)
    return "\n".join(
        (
            tr("EXERCISE. The clock has been running for {since}.", since=since),
            situations.get(found.scenario, found.scenario),
            tr("Bring back what is lost below {target}: each component in a folder of its name.", target=found.target),
            tr("Use the runbook. When you are done, run the same again: rebond drill --exercise"),
        )
    )
