"""Runs of restores in place on the disk: what has to be known to go on with one, or to undo it, without a vault."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

import rebond
from rebond.cli.configuration.at_hand import from_anywhere
from rebond.cli.in_place.last_words import LastWords
from rebond.cli.in_place.saved_configuration import is_below
from rebond.cli.invocation import Invocation
from rebond.clock import Clock
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.durable_files import make_directories_durably, write_durably
from rebond.errors import ConfigError, Refused, RestoreError, VaultLocked
from rebond.operations.recovery.journal import OPEN_STATES, PLAN, RESTORES, Journal, RunState, spoilt
from rebond.operations.recovery.known_runs import look_at_runs
from rebond.operations.recovery.plan import PlannedPart, RecoveryPlan, Step
from rebond.presence import is_file, is_there
from rebond.stack.half_done import describe_half_done
from rebond.stack.recovery_wishes import RecoveryWish
from rebond.stack.sets import read_configuration

_CONFIGURATION = "configuration"


def restores_of(invocation: Invocation) -> Path:
    """Return the folder of all runs."""
    return invocation.state_folder / RESTORES


def begin_run(
    invocation: Invocation,
    loaded: Loaded,
    wish: RecoveryWish,
    plan: RecoveryPlan,
    clock: Clock,
    words: LastWords | None = None,
    stored: Mapping[str, bytes] | None = None,
) -> Journal:
    """Write down all that a later process needs, before anything is done. Raises ``RestoreError``.

    ``stored`` is what a snapshot has of the configuration and beside it, such as the runbook: whoever goes on with the
    run lays that too, and whoever undoes it takes it away.
    """
    beside = {name: content for name, content in (stored or {}).items() if is_below(name)}
    files = {**read_configuration(loaded), **beside}
    names = _keep_configuration(restores_of(invocation) / plan.run / _CONFIGURATION, files)
    document = {
        "run": plan.run,
        "stack": plan.stack,
        "root": os.fsdecode(loaded.root),
        "made_ms": clock.now_ms(),
        "program": f"rebond {rebond.__version__}",
        "configuration": names,
        "wish": msgspec.to_builtins(wish),
        "parts": msgspec.to_builtins(plan.parts),
        "steps": msgspec.to_builtins(plan.steps),
        "vault": from_anywhere(invocation.named_vault or ""),
        "is_bare": plan.is_bare,
        "last_words": msgspec.to_builtins(words),
    }
    journal = Journal.begin(restores_of(invocation), plan.run, document, clock)
    for part in plan.parts:
        journal.folder_of(part.name)
    return journal


def _keep_configuration(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Keep the configuration as it is now: a restore may bring back another one while it goes on."""
    names = []
    try:
        for name, content in files.items():
            names.append(name)
            path = folder / name if not os.path.isabs(name) else None
            if path is not None:  # one from elsewhere stays there
                make_directories_durably(os.fspath(path.parent))
                if not is_there(path):
                    write_durably(os.fspath(path), content)
    except OSError as error:
        raise RestoreError(
            "{path} cannot be written: {reason}. Without it a restore in place could not be undone.",
            hint="Check the rights and the room there, or set REBOND_STATE_DIR.",
            path=str(error.filename or folder),
            reason=error.strerror or str(error),
        ) from error
    return names


def read_kept_configuration(journal: Journal) -> dict[str, bytes]:
    """Return the files of the configuration that a run began with, as far as they are kept with it."""
    found = {}
    for name in journal.read_plan().get("configuration") or ():
        path = journal.folder / _CONFIGURATION / str(name)
        if not os.path.isabs(name) and is_file(path):
            found[str(name)] = path.read_bytes()
    return found


def find_kept_configuration(journal: Journal) -> Path:
    """Return where the first file of the configuration lies that a run began with."""
    names = journal.read_plan().get("configuration") or [""]
    return journal.folder / _CONFIGURATION / str(names[0])


class BegunRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it was when it began."""

    loaded: Loaded
    wish: RecoveryWish
    plan: RecoveryPlan
    words: LastWords | None = None


def load_run(invocation: Invocation, journal: Journal) -> BegunRun:
    """Return the configuration, the wish and the plan of a run as they were when it began.

    Raises ``ConfigError``, and ``RestoreError`` where the plan was spoilt.
    """
    document = journal.read_plan()
    try:
        wish = msgspec.convert(document["wish"], RecoveryWish)
        plan = _read_steps(journal.run, document)
        words = msgspec.convert(document.get("last_words"), LastWords | None)
        names, root = document.get("configuration") or [""], Path(str(document["root"]))
    except (KeyError, TypeError, msgspec.MsgspecError) as error:
        raise spoilt(journal.run, journal.folder / PLAN, error) from error
    path = journal.folder / _CONFIGURATION / str(names[0])
    verdict = load_configuration(path, invocation.environment, root=root)
    if verdict.loaded is None:
        raise ConfigError(
            "The configuration that the restore {run} began with cannot be used any more: {reason}",
            hint="It lies in {path}. Where it cannot be mended: rebond restore --leave {run}",
            run=journal.run,
            reason=verdict.problems[0].error.message if verdict.problems else "?",
            path=str(path),
        )
    if invocation.recording is not None:
        invocation.recording.meet_configuration(verdict.loaded)
    return BegunRun(loaded=verdict.loaded, wish=wish, plan=plan, words=words)


def _read_steps(run: str, document: Mapping[str, Any]) -> RecoveryPlan:
    return RecoveryPlan(
        run=run,
        stack=str(document["stack"]),
        parts=msgspec.convert(document["parts"], tuple[PlannedPart, ...]),
        steps=msgspec.convert(document["steps"], tuple[Step, ...]),
        is_bare=bool(document.get("is_bare", False)),
    )


def require_no_open_run(invocation: Invocation, stack: str, clock: Clock) -> None:
    """Raise ``Refused`` where another restore of the stack is half done, ``VaultLocked`` while one goes on."""
    journal = find_open_run(invocation, stack, clock)
    if journal is None:
        return
    if journal.is_held():
        raise VaultLocked(
            "Another process is at work on the restore {run}.", hint="Wait until it has ended.", run=journal.run
        )
    if journal.state is RunState.UNFINISHED:
        raise Refused(
            "The restore {run} of the stack {stack} was cut, and is half done.",
            hint="Go on with: rebond restore --resume {run}\n  → or undo it: rebond restore --rollback {run}",
            run=journal.run,
            stack=stack,
        )
    found = describe_half_done(journal, stack).finding
    raise Refused(found.template, hint=found.hint_template, **found.values)


def find_open_run(invocation: Invocation, stack: str, clock: Clock) -> Journal | None:
    """Return a restore of the stack that is half done, if there is one. Raises ``RestoreError`` where one may be."""
    runs = look_at_runs(restores_of(invocation), clock)
    runs.require_none_half_done(stack)
    for each in runs.whole:
        if each.state in OPEN_STATES and each.read_plan().get("stack") == stack:
            return each
    return None


def require_newest(invocation: Invocation, journal: Journal, clock: Clock) -> None:
    """Raise ``Refused`` when a later restore stands on this one: undoing it would mix the two."""
    stack = str(journal.read_plan().get("stack"))
    known = look_at_runs(restores_of(invocation), clock)
    known.require_none_standing(stack)
    runs = [each for each in known.whole if each.read_plan().get("stack") == stack]
    gone = {RunState.ROLLED_BACK}
    later = [each for each in runs[[each.run for each in runs].index(journal.run) + 1 :] if each.state not in gone]
    if later:
        raise Refused(
            "The restore {later} came after {run}.",
            hint="Undo the later one first: rebond restore --rollback {later}",
            later=later[-1].run,
            run=journal.run,
        )
