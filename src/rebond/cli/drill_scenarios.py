"""What has happened, in a drill: a service, the data, the server or the trust in it is lost."""

import random
from collections.abc import Sequence
from dataclasses import replace

from rebond.cli.drilling import DrillWish, run_drill, try_out
from rebond.cli.invocation import Invocation
from rebond.cli.parts import fits
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.config.components import Files, Postgres, Secrets, Sqlite
from rebond.config.model import Loaded
from rebond.errors import UnknownName, UsageError
from rebond.operations.browsing import children, root_of, walk
from rebond.operations.diffing import Change, diff_snapshots
from rebond.operations.drills.outcomes import Answer, Verdict
from rebond.operations.drills.searching import find_last_good
from rebond.operations.restore_findings import show_bytes
from rebond.operations.selection import Selection
from rebond.operations.snapshots import SnapshotState, list_snapshots, state_of, time_of
from rebond.stack.drills.evidence import ComponentChanges, Evidence, SearchStep
from rebond.stack.drills.exposed_secrets import ExposedSecret, list_secrets
from rebond.stack.drills.planning import DrillPlanner
from rebond.stack.objectives.promises import judge_drill
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_PATHS_NAMED = 50


def drill_lost_service(
    invocation: Invocation, vault: Vault, record: SnapshotRecord, loaded: Loaded | None, watcher: Watcher
) -> Evidence:
    """Bring back one service, with its secrets: a part of a component, chosen by chance, or else all files."""
    configuration = _require(loaded).configuration
    held = {each.name for each in record.catalog.components}
    files = {name: each for name, each in configuration.component.items() if isinstance(each, Files) and name in held}
    secrets = [name for name, each in configuration.component.items() if isinstance(each, Secrets)]
    parts = _list_parts(vault, record, files)
    if parts:
        component, path = random.choice(parts)
        chosen = Selection.from_flags((f"/{component}/{path}",))
        wish = DrillWish(scenario="lost-service", only=(component, *secrets), selections={component: chosen})
    else:
        urgent = min((each.priority or "P9" for each in files.values()), default="")
        names = [name for name, each in files.items() if (each.priority or "P9") == urgent]
        wish = DrillWish(scenario="lost-service", only=(*names, *secrets))
    return run_drill(invocation, vault, record, loaded, watcher, wish)


def _list_parts(vault: Vault, record: SnapshotRecord, files: dict[str, Files]) -> list[tuple[str, str]]:
    """Return the parts that a snapshot holds: component and path."""
    if not any(each.parts for each in files.values()):
        return []
    found = []
    with SnapshotReader(vault, record) as reader:
        for stored in reader.components:
            patterns = files[stored.name].parts if stored.name in files else ()
            deepest = max((each.strip("/").count("/") for each in patterns), default=-1)
            for item in walk(reader, root_of(stored)) if deepest > 0 else children(reader, root_of(stored)):
                path = show_bytes(item.path)
                if item.directory and path.count("/") <= deepest and any(fits(path, each) for each in patterns):
                    found.append((stored.name, path))
    return found


def drill_security_breach(
    invocation: Invocation,
    vault: Vault,
    record: SnapshotRecord,
    loaded: Loaded | None,
    watcher: Watcher,
    *,
    is_newest: bool,
) -> Evidence:
    """Bring back a snapshot from before the breach; say which secrets are to be changed, and what changed since."""
    secrets: list[ExposedSecret] = []

    def look(planner: DrillPlanner) -> None:
        secrets.extend(list_secrets(loaded, planner.places_of("secrets"), planner.root))

    wish = DrillWish(scenario="security-breach", is_newest=is_newest)
    evidence = run_drill(invocation, vault, record, loaded, watcher, wish, look)
    return replace(evidence, secrets=tuple(secrets), changes=_find_changes(vault, record))


def _find_changes(vault: Vault, record: SnapshotRecord) -> tuple[ComponentChanges, ...]:
    """Return what the newest snapshot of the stack has otherwise."""
    later = [each for each in list_snapshots(vault) if each.catalog.stack == record.catalog.stack]
    newest = max((each for each in later if not each.catalog.lacks), key=time_of, default=record)
    if newest.snapshot == record.snapshot:
        return ()
    counts: dict[str, list[int]] = {}
    paths: dict[str, list[str]] = {}
    with SnapshotReader(vault, record) as before, SnapshotReader(vault, newest) as after:
        for each in diff_snapshots(before, after):
            name, _, path = show_bytes(each.path).partition("/")
            if not path:
                continue  # of the component's own folder only the time is another
            place = 0 if each.change is Change.ADDED else 1 if each.change is Change.REMOVED else 2
            counts.setdefault(name, [0, 0, 0])[place] += 1
            if len(paths.setdefault(name, [])) < _PATHS_NAMED:
                paths[name].append(f"{each.change.value} {path}")
    return tuple(
        ComponentChanges(name=name, added=each[0], removed=each[1], changed=each[2], paths=tuple(paths[name]))
        for name, each in counts.items()
    )


def drill_corrupted_data(
    invocation: Invocation, vault: Vault, loaded: Loaded | None, watcher: Watcher, records: Sequence[SnapshotRecord]
) -> Evidence:
    """Find the last snapshot of ``records``, oldest first, in which the user's checks hold, and bring that back.

    Raises ``UsageError`` without a check to ask, ``UnknownName`` when no snapshot is good.
    """
    began, clock = SystemClock().monotonic(), SystemClock()
    only = _find_asked(_require(loaded))
    probing = DrillWish(only=only, asks_only_user=True, is_newest=False)

    def ask(record: SnapshotRecord) -> bool:
        outcome = try_out(invocation, vault, record, loaded, watcher, probing)
        if outcome.verdict is Verdict.PARTIAL:
            missing = next((each for each in outcome.checks if each.answer is Answer.NOT_RUN), None)
            raise UsageError(
                "The check {name} could not be asked, so nothing can be found with it: {reason}",
                hint="Mend that, then run the same drill again.",
                name=missing.subject if missing else "–",
                reason=missing.message if missing else "–",
            )
        return outcome.verdict is Verdict.PASS

    found = find_last_good(records, ask)
    steps = tuple(
        SearchStep(snapshot=each.moment.snapshot.hex(), moment_ms=time_of(each.moment), is_good=each.is_good)
        for each in found.probes
    )
    if found.last_good is None:
        raise UnknownName(
            "No snapshot is good: the checks fail in the oldest of {count} too.",
            hint="See whether the checks are right: 'rebond drill' names what they say.",
            count=len(records),
        )
    search_seconds = clock.monotonic() - began
    wish = DrillWish(scenario="corrupted-data", is_newest=True)
    evidence = run_drill(invocation, vault, found.last_good, loaded, watcher, wish)
    lost = max(0, evidence.outcome.began_ms - time_of(found.last_good)) / 1000
    outcome = replace(
        evidence.outcome,
        rto_seconds=evidence.outcome.rto_seconds + search_seconds,
        rpo_seconds=lost,
        components=tuple(replace(each, age_seconds=lost) for each in evidence.outcome.components),
    )
    judgement = judge_drill(outcome, _require(loaded).configuration, scenario="corrupted-data")
    # What is promised of each component speaks of losing it, not of finding out late that it was spoilt.
    judgement = replace(judgement, promises=tuple(each for each in judgement.promises if each.is_scenario))
    return replace(evidence, outcome=outcome, judgement=judgement, search=steps, search_seconds=search_seconds)


def list_history(vault: Vault, stack: str, until_ms: int | None) -> list[SnapshotRecord]:
    """Return the whole sets of a stack, oldest first, up to a moment."""
    return [
        each
        for each in list_snapshots(vault)
        if each.catalog.stack == stack
        and state_of(each) is SnapshotState.WHOLE
        and not each.catalog.lacks
        and (until_ms is None or time_of(each) <= until_ms)
    ]


def _find_asked(loaded: Loaded) -> tuple[str, ...]:
    """Return the components that the user's checks need; empty for all. Raises ``UsageError`` without a check."""
    drilling, components = loaded.configuration.drill, loaded.configuration.component
    if drilling is None or not drilling.checks:
        raise UsageError(
            "There is no check that could tell good data from bad.",
            hint='Write one: [drill] checks = [{{ name = "…", sql = "SELECT …" }}].',
        )
    if any(each.sql is None for each in drilling.checks):
        return ()
    named = tuple(each.component for each in drilling.checks if each.component is not None)
    if len(named) == len(drilling.checks):
        return named
    return tuple(name for name, each in components.items() if isinstance(each, Postgres | Sqlite))


def _require(loaded: Loaded | None) -> Loaded:
    if loaded is None:
        raise UsageError(
            "This scenario needs the configuration of the stack.",
            hint="Run it in the stack's folder, or name the configuration with --config.",
        )
    return loaded
