"""What has happened, in a drill: a service, the data, the server or the trust in it is lost."""

import random
from collections.abc import Sequence

from msgspec.structs import replace

from rebond.cli.drills.drilling import DrillWish, run_drill
from rebond.cli.invocation import Invocation
from rebond.cli.snapshots.parts import fits
from rebond.cli.witness import Watcher
from rebond.config.components import Files, Secrets
from rebond.config.model import Loaded
from rebond.entries import EntryKind
from rebond.errors import UsageError
from rebond.operations.browsing import children, content_of, root_of, walk
from rebond.operations.diffing import Change, diff_snapshots
from rebond.operations.restore_findings import show_bytes
from rebond.operations.selection import Selection
from rebond.operations.snapshots import SnapshotState, list_snapshots, state_of, time_of
from rebond.stack.drills.evidence import ComponentChanges, Evidence
from rebond.stack.drills.exposed_secrets import ExposedSecret, list_secrets
from rebond.stack.drills.planning import DrillPlanner
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_PATHS_NAMED = 50
_HAVE_METADATA = frozenset({"files", "secrets", "sqlite"})  # what is saved of others has only the times of its making


def drill_lost_service(
    invocation: Invocation,
    vault: Vault,
    record: SnapshotRecord,
    loaded: Loaded | None,
    watcher: Watcher,
    *,
    is_newest: bool,
) -> Evidence:
    """Bring back one service, with its secrets: a part of a component, chosen by chance, or else all files."""
    configuration = require_loaded(loaded).configuration
    held = {each.name for each in record.catalog.components}
    files = {name: each for name, each in configuration.component.items() if isinstance(each, Files) and name in held}
    secrets = [name for name, each in configuration.component.items() if isinstance(each, Secrets)]
    parts = _list_parts(vault, record, files)
    if parts:
        component, path = random.choice(parts)
        chosen = Selection.from_flags((f"/{component}/{path}",))
        wish = DrillWish(
            scenario="lost-service",
            is_newest=is_newest,
            only=(component, *secrets),
            selections={component: chosen},
        )
    else:
        urgent = min((each.priority or "P9" for each in files.values()), default="")
        names = [name for name, each in files.items() if (each.priority or "P9") == urgent]
        wish = DrillWish(scenario="lost-service", is_newest=is_newest, only=(*names, *secrets))
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
        later = _read_later_secrets(vault, record)
        secrets.extend(list_secrets(loaded, planner.files_of("secrets"), planner.root, later))

    wish = DrillWish(scenario="security-breach", is_newest=is_newest)
    evidence = run_drill(invocation, vault, record, loaded, watcher, wish, look)
    return replace(evidence, secrets=tuple(secrets), changes=_find_changes(vault, record))


def _read_later_secrets(vault: Vault, record: SnapshotRecord) -> dict[str, bytes]:
    """Return the files of secrets as they were saved last, where that was after the snapshot: they were read too."""
    later = [each for each in list_snapshots(vault) if each.catalog.stack == record.catalog.stack]
    newest: dict[str, SnapshotRecord] = {}
    for each in sorted(later, key=time_of):
        if time_of(each) > time_of(record):
            newest |= {held.name: each for held in each.catalog.components if held.kind == "secrets" and held.complete}
    found: dict[str, bytes] = {}
    for name, each in newest.items():
        with SnapshotReader(vault, each) as reader:
            for item in walk(reader, root_of(next(stored for stored in reader.components if stored.name == name))):
                if item.entry is not None and item.entry.kind == EntryKind.FILE:
                    found[f"{name}/{show_bytes(item.path)}"] = b"".join(content_of(reader, item.entry))
    return found


def _find_changes(vault: Vault, record: SnapshotRecord) -> tuple[ComponentChanges, ...]:
    """Return what the newest snapshot of the stack has otherwise."""
    later = [each for each in list_snapshots(vault) if each.catalog.stack == record.catalog.stack]
    newest = max((each for each in later if not each.catalog.lacks), key=time_of, default=record)
    if newest.snapshot == record.snapshot:
        return ()
    kinds = {each.name: each.kind for each in (*record.catalog.components, *newest.catalog.components)}
    counts: dict[str, list[int]] = {}
    paths: dict[str, list[str]] = {}
    with SnapshotReader(vault, record) as before, SnapshotReader(vault, newest) as after:
        for each in diff_snapshots(before, after):
            name, _, path = show_bytes(each.path).partition("/")
            if not path or (each.change is Change.METADATA and kinds.get(name) not in _HAVE_METADATA):
                continue  # only the time is another: of the component's own folder, or of what a backup makes anew
            place = 0 if each.change is Change.ADDED else 1 if each.change is Change.REMOVED else 2
            counts.setdefault(name, [0, 0, 0])[place] += 1
            if len(paths.setdefault(name, [])) < _PATHS_NAMED:
                paths[name].append(f"{each.change.value} {path}")
    return tuple(
        ComponentChanges(name=name, added=each[0], removed=each[1], changed=each[2], paths=tuple(paths[name]))
        for name, each in counts.items()
    )


def list_history(vault: Vault, stack: str, until_ms: int | None, names: Sequence[str] = ()) -> list[SnapshotRecord]:
    """Return the whole sets of a stack, oldest first, up to a moment; with ``names`` all that hold these whole."""
    return [
        each
        for each in list_snapshots(vault)
        if each.catalog.stack == stack
        and (until_ms is None or time_of(each) <= until_ms)
        and (_holds(each, names) if names else state_of(each) is SnapshotState.WHOLE and not each.catalog.lacks)
    ]


def _holds(record: SnapshotRecord, names: Sequence[str]) -> bool:
    return set(names) <= {each.name for each in record.catalog.components if each.is_whole}


def require_loaded(loaded: Loaded | None) -> Loaded:
    """Return the configuration of the stack. Raises ``UsageError`` where there is none at hand."""
    if loaded is None:
        raise UsageError(
            "This scenario needs the configuration of the stack.",
            hint="Run it in the stack's folder, or name the configuration with --config.",
        )
    return loaded
