"""Components that belong into a vault of their own: saved there first, then named by the snapshot of the others."""

import json
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rebond.cli.configuration.at_hand import list_places, require_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.snapshots.documents import SHORT_ID, snapshot_document
from rebond.cli.turns.holding import stack_held
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.vaults.others import open_by_name
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import RebondError, SourceError
from rebond.findings import Severity
from rebond.operations.backup import BackupOutcome, BackupRequest, back_up
from rebond.operations.components import ComponentToSave, OpenTree, Report
from rebond.operations.shared_domains import enter_domain, find_private_domain
from rebond.operations.unchanged import Unchanged, back_up_if_changed, can_be_compared
from rebond.progress import Observer
from rebond.schedule.beside import SECRETS_LOCK
from rebond.sources.documents.tree import Document, FolderTree
from rebond.stack.apart import find_class_of_change
from rebond.stack.planning import PlannedBackup
from rebond.stack.sets import find_lacking
from rebond.units import format_iso, format_moment
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS
from rebond.vault.primitives import hash_of
from rebond.vault.snapshots import SnapshotRecord

REFERENCE_NAME = b"kept-apart.json"


class Apart(Struct, frozen=True, kw_only=True):
    """What was saved in another vault, or stood there already, and what that vault is called."""

    vault: str
    address: str
    outcome: BackupOutcome | Unchanged

    @property
    def record(self) -> SnapshotRecord:
        """The snapshot."""
        return self.outcome.record


def back_up_with_others(
    invocation: Invocation, request: BackupRequest, plan: PlannedBackup, watcher: Observer
) -> BackupOutcome | Unchanged:
    """Save what belongs into other vaults, then the rest; return what the rest came to, or the last of the others.

    Where another vault cannot be written, nothing is made at all, unless a partial snapshot is allowed: then the
    components that belong there are missing from it. Raises what ``back_up`` does.
    """
    loaded = require_configuration(invocation)
    stand_ins: list[ComponentToSave] = []
    outcome: BackupOutcome | Unchanged | None = None
    for name, components in plan.apart.items():
        try:
            saved = _save_apart(invocation, loaded, name, components, request, plan, watcher)
        except RebondError as error:
            if not request.allows_partial or not request.components:
                raise
            stand_ins += [_missing(each, name, error) for each in components]
            continue
        stand_ins += [_reference(each, saved) for each in components]
        outcome = saved.outcome
    if not request.components:
        assert outcome is not None  # noqa: S101 - a plan has components, or others have them
        return outcome
    with vault_at_hand(invocation, watcher.noticed) as vault:
        if (domain := find_private_domain(vault.live)) is not None and _has_secrets(request.components):
            saved = _save_in_private(invocation, loaded, enter_domain(vault.live, domain), request, plan, watcher)
            own = {each.name: each for each in request.components}
            stand_ins += [_reference(own.pop(each.name), saved) for each in saved.record.catalog.components]
            if not own:
                return saved.outcome
            request = replace(request, components=tuple(own.values()))
        rest = replace(request, components=(*request.components, *stand_ins))
        if plan.is_of_change and can_be_compared(rest.components):
            memory = memory_of(invocation, loaded, "vault", plan.class_)
            with _secrets_held(invocation, plan):
                return back_up_if_changed(vault.live, rest, watcher, memory=memory)
        return back_up(vault.live, rest, watcher)


def _secrets_held(invocation: Invocation, plan: PlannedBackup) -> AbstractContextManager[None]:
    """Let no other run read and save secrets meanwhile; a run that saves nothing else keeps them out already."""
    return nullcontext() if plan.is_beside else stack_held(invocation, waits=True, lock_name=SECRETS_LOCK)


def _has_secrets(components: Sequence[ComponentToSave]) -> bool:
    return any(each.kind == "secrets" for each in components)


def _save_in_private(
    invocation: Invocation, loaded: Loaded, vault: Vault, request: BackupRequest, plan: PlannedBackup, watcher: Observer
) -> Apart:
    """Save the secrets among the components as a snapshot of their own, in the domain that no other writer shares."""
    secrets = tuple(each for each in request.components if each.kind == "secrets")
    names = {each.name for each in secrets}
    class_ = find_class_of_change(loaded.configuration, names, plan.class_)
    wanted = replace(
        request,
        components=secrets,
        class_=class_,
        lacks=find_lacking(loaded.configuration, names),
        hooks=type(request.hooks)(),
    )
    memory = memory_of(invocation, loaded, "private", class_)
    with _secrets_held(invocation, plan):
        outcome = back_up_if_changed(vault, wanted, watcher, memory=memory)
    return Apart(vault="vault", address=vault.store.location, outcome=outcome)


def _save_apart(
    invocation: Invocation,
    loaded: Loaded,
    name: str,
    components: Sequence[ComponentToSave],
    request: BackupRequest,
    plan: PlannedBackup,
    watcher: Observer,
) -> Apart:
    place = next(each for each in list_places(loaded) if each.name == name)
    class_ = plan.class_of_apart.get(name, request.class_)
    wanted = replace(
        request,
        components=tuple(components),
        class_=class_,
        lacks=(),
        hooks=type(request.hooks)(),
        level=LEVELS[plan.level_of_apart[name]],
    )
    with open_by_name(invocation, loaded, name, watcher) as vault:
        outcome: BackupOutcome | Unchanged
        if can_be_compared(components):
            memory = memory_of(invocation, loaded, name, class_)
            with _secrets_held(invocation, plan):
                outcome = back_up_if_changed(vault, wanted, watcher, memory=memory)
        else:
            outcome = back_up(vault, wanted, watcher)
    saved = Apart(vault=name, address=place.address, outcome=outcome)
    if invocation.recording is not None and not isinstance(outcome, Unchanged):
        invocation.recording.meet_snapshot(saved.record.snapshot.hex())
    return saved


def memory_of(invocation: Invocation, loaded: Loaded, vault: str, class_: str) -> Path:
    """Return the file that remembers what the last snapshot of a class held in a vault; ``private``: see above."""
    about = f"{loaded.files[0].absolute()}\0{vault}\0{class_}"
    return invocation.state_folder / "unchanged" / f"{hash_of(about.encode()).hex()[:32]}.json"


def _reference(component: ComponentToSave, saved: Apart) -> ComponentToSave:
    record = saved.record
    known = {
        "component": component.name,
        "vault": saved.vault,
        "address": saved.address,
        "snapshot": record.snapshot.hex(),
        "time": format_iso(record.catalog.time_ms),
        "comes_back_by": shlex.join(
            ("rebond", "restore", record.snapshot.hex(), component.name, "--vault", saved.address, "--to", "DIR")
        ),
    }
    content = json.dumps(known, indent=2, sort_keys=True).encode() + b"\n"
    document = Document(content=content, modified_ns=record.catalog.time_ms * 1_000_000)

    def open_tree(_report: Report) -> Tree:
        return FolderTree({REFERENCE_NAME: document})

    return _stand_in(component, open_tree)


def _missing(component: ComponentToSave, vault: str, error: RebondError) -> ComponentToSave:
    def open_tree(_report: Report) -> Tree:
        raise SourceError(
            "{component} belongs into the vault {vault}, which could not be written: {reason}",
            hint="Mend that, then run the backup again.",
            component=component.name,
            vault=vault,
            reason=error,
        )

    return _stand_in(component, open_tree)


def _stand_in(component: ComponentToSave, open_tree: OpenTree) -> ComponentToSave:
    return ComponentToSave(name=component.name, root=b"", open_tree=open_tree, kind=component.kind, is_reference=True)


def show_unchanged(invocation: Invocation, unchanged: Unchanged) -> int:
    """Say that nothing changed. Return 3 when something could not be read."""
    record = unchanged.record
    problems = [each for each in unchanged.findings if each.severity is not Severity.NOTE]
    document = {
        **snapshot_document(record),
        "is_unchanged": True,
        "problems": [finding_document(each) for each in problems],
    }
    text = tr(
        "Nothing changed since the snapshot {id} of {time}: there is no new one.",
        id=record.snapshot.hex()[:SHORT_ID],
        time=format_moment(record.catalog.time_ms),
    )
    answer(invocation, document, with_problems(invocation, text, problems))
    return DOUBTFUL if unchanged.is_doubtful else GOOD
