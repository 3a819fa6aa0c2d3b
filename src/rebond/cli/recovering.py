"""Bringing a stack back on a bare machine, from nothing but its vault."""

import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rebond.cli.answering import GOOD, answer, note, require_consent
from rebond.cli.choosing import choose_snapshot
from rebond.cli.configured import describe_problem
from rebond.cli.documents import describe_choice
from rebond.cli.in_place import carry_out, learn_expectations, list_untouchable, name_run
from rebond.cli.in_place_choosing import Sources, choose_all
from rebond.cli.in_place_runs import begin_run, require_no_open_run, restores_of
from rebond.cli.in_place_shown import describe_plan, plan_document
from rebond.cli.invocation import Invocation
from rebond.cli.observing import describe_finding, finding_document
from rebond.cli.opening import VaultAtHand, vault_at_hand
from rebond.cli.speech import show_path, tr
from rebond.cli.turns import stack_held
from rebond.cli.watching import watching
from rebond.clock import SystemClock
from rebond.config.components import Component, Postgres
from rebond.config.loading import Verdict, load_configuration
from rebond.config.model import Loaded
from rebond.durable_files import make_directories_durably, replace_durably, write_durably
from rebond.errors import ConfigError, RestoreError, SourceUnreachable, UsageError
from rebond.findings import Finding
from rebond.operations.recovery.plan import LeftOut, RecoveryPlan
from rebond.operations.stored_configuration import read_stored_configuration
from rebond.stack.preconditions import list_missing
from rebond.stack.recovering import RecoveryWish, Surroundings, leave_out, plan_recovery
from rebond.stack.recovery_places import find_old_root
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

FETCHED = "recovered"  # below the state folder: configurations that came out of vaults
_MODE = 0o644  # a configuration names its secrets and holds none


def recover_stack(invocation: Invocation, url: str, target: Path | None, wishes: Mapping[str, Any]) -> int:
    """Fetch the configuration, show plan and preconditions, carry the plan out. Raises ``UsageError`` and others."""
    invocation.vault = url
    clock = SystemClock()
    with ExitStack() as held, watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        record = choose_snapshot(vault, "latest", stack=wishes["stack"])
        note(invocation, describe_choice(record, clock.now_ms()))
        stored = _require_configuration(vault, record)
        loaded = _load(invocation, vault, record, stored)
        plan_parts = held.enter_context(ExitStack())
        sources = Sources(invocation, loaded, vault, watcher, plan_parts)
        to = str(target.expanduser().absolute()) if target is not None else ""
        wish, later = _wish(invocation, loaded, sources, record, to, wishes)
        run = name_run(invocation)
        around = Surroundings(
            run=run,
            folder_of=lambda name: restores_of(invocation) / run / "parts" / name,
            sources=sources.by_component(wish),
            untouchable=list_untouchable(invocation, vault.store.location),
            expect=learn_expectations(invocation),
        )
        plan, means = plan_recovery(loaded, wish, around)
        plan = replace(plan, left_out=(*plan.left_out, *(_come_later(name, loaded, record, url) for name in later)))
        root = Path(to) if to else loaded.root
        missing = list_missing(loaded, [os.fsencode(each.place) for each in plan.parts])
        if wishes["dry_run"]:
            return _answer_dry(invocation, plan, missing)
        _show(invocation, plan, missing)
        require_no_open_run(invocation, plan.stack, clock)
        require_consent(invocation, tr("Carry this plan out?"), is_given=wishes["yes"])
        held.enter_context(stack_held(invocation, waits=False, what="rebond recover", loaded=loaded))
        journal = begin_run(invocation, loaded, wish, plan, clock)
        status = carry_out(invocation, plan, means, journal, watcher, loaded)
        _write_configuration(invocation, root, stored)
        _say_next(invocation, root, {name: _command_for(name, loaded, record, url) for name in later})
    return status


def _require_configuration(vault: VaultAtHand, record: SnapshotRecord) -> Mapping[str, bytes]:
    stored = read_stored_configuration(vault.live, record)
    if not stored:
        raise UsageError(
            "The snapshot {id} was made without a configuration, so nothing says where its parts belong.",
            hint="Bring them below a directory: rebond restore {id} --vault {url} --to DIR",
            id=record.snapshot.hex()[:12],
            url=vault.store.location,
        )
    return stored


def _load(invocation: Invocation, vault: VaultAtHand, record: SnapshotRecord, stored: Mapping[str, bytes]) -> Loaded:
    """Return the configuration as if it lay where it was. Raises ``ConfigError``."""
    folder = invocation.state_folder / FETCHED / record.snapshot.hex()
    first = next(iter(stored))
    try:
        for name, content in stored.items():
            if _is_below(name):
                make_directories_durably(os.fspath((folder / name).parent))
                replace_durably(os.fspath(folder / name), content)
    except OSError as error:
        raise RestoreError(
            "{path} cannot be written: {reason}",
            hint="Check the rights and the room there, or set REBOND_STATE_DIR.",
            path=str(folder),
            reason=error.strerror or str(error),
        ) from error
    path = folder / first if _is_below(first) else folder / Path(first).name
    verdict = load_configuration(path, invocation.environment)
    with SnapshotReader(vault.live, record) as reader:
        roots = {each.name: each.root for each in reader.components}
    found = _require_usable(invocation, verdict)
    root = find_old_root(found, roots, folder)
    if root is None:
        raise UsageError(
            "Nothing in the snapshot {id} says where the stack lay.",
            hint="Say where its root is to be: --to DIR",
            id=record.snapshot.hex()[:12],
        )
    return _require_usable(invocation, load_configuration(path, invocation.environment, root=root))


def _require_usable(invocation: Invocation, verdict: Verdict) -> Loaded:
    if verdict.loaded is None:
        for problem in verdict.problems:
            note(invocation, describe_problem(problem))
        raise ConfigError(
            "The configuration in the snapshot cannot be used here.",
            hint="It lies in {path}. Mend a copy of it, then: rebond restore latest --in-place --config COPY",
            path=str(verdict.path),
        )
    if invocation.recording is not None:
        invocation.recording.meet_configuration(verdict.loaded)
    return verdict.loaded


def _is_below(name: str) -> bool:
    """Say whether a stored file lay below the configuration's folder, and may be written below another one."""
    return not os.path.isabs(name) and ".." not in Path(name).parts


def _wish(
    invocation: Invocation,
    loaded: Loaded,
    sources: Sources,
    record: SnapshotRecord,
    to: str,
    wishes: Mapping[str, Any],
) -> tuple[RecoveryWish, list[str]]:
    """Return what is brought back now, and the databases that come when their servers run."""
    names = [each.name for each in record.catalog.components]
    is_server = {name: _needs_a_server(loaded.configuration.component.get(name)) for name in names}
    chosen = choose_all(invocation, loaded, sources, [each for each in names if not is_server[each]], record)
    wish = RecoveryWish(
        chosen=chosen,
        to=to,
        runs_commands=not to,
        keeps_owner=not wishes["no_owner"],
        workers=wishes["jobs"],
    )
    return wish, [each for each in names if is_server[each]]


def _needs_a_server(component: Component | None) -> bool:
    """Say whether a component comes back only when something of it runs or lies elsewhere already."""
    return isinstance(component, Postgres) and not (component.method == "physical" and component.data_directory)


def _command_for(name: str, loaded: Loaded, record: SnapshotRecord, url: str) -> str:
    """Return what brings a server's databases back: into it when it runs; a data directory before it is started."""
    component = loaded.configuration.component.get(name)
    if isinstance(component, Postgres) and component.method == "physical":
        return shlex.join(["rebond", "restore", "--at", "latest", name, "--vault", url, "--to"]) + " DIR"
    return shlex.join(["rebond", "restore", record.snapshot.hex()[:12], name, "--in-place", "--vault", url])


def _come_later(name: str, loaded: Loaded, record: SnapshotRecord, url: str) -> LeftOut:
    command = _command_for(name, loaded, record, url)
    component = loaded.configuration.component.get(name)
    if isinstance(component, Postgres) and component.method == "physical":
        return leave_out(
            name,
            SourceUnreachable(
                "It is a data directory, which is laid down with its log and then started.",
                hint="With: {command}",
                command=command,
            ),
        )
    return leave_out(
        name, SourceUnreachable("Its server has to run first.", hint="When it does: {command}", command=command)
    )


def _show(invocation: Invocation, plan: RecoveryPlan, missing: Sequence[Finding]) -> None:
    note(invocation, describe_plan(plan))
    if missing:
        note(invocation, "\n" + tr("What this machine lacks:"))
        for each in missing:
            note(invocation, describe_finding(each))
    else:
        note(invocation, tr("This machine has all that the plan needs."))


def _answer_dry(invocation: Invocation, plan: RecoveryPlan, missing: Sequence[Finding]) -> int:
    lines = [describe_plan(plan), ""]
    lines += [describe_finding(each) for each in missing] or [tr("This machine has all that the plan needs.")]
    document = {**plan_document(plan), "dry_run": True, "missing": [finding_document(each) for each in missing]}
    answer(invocation, document, "\n".join(lines))
    return GOOD


def _write_configuration(invocation: Invocation, root: Path, stored: Mapping[str, bytes]) -> None:
    """Put the files of the configuration into the root, unless the stack itself has brought them."""
    for name, content in stored.items():
        path = root / name if _is_below(name) else root / Path(name).name
        try:
            make_directories_durably(os.fspath(path.parent), mode=0o755)
            write_durably(os.fspath(path), content, mode=_MODE)
        except FileExistsError:
            continue
        except OSError as error:
            raise RestoreError(
                "{path} cannot be written: {reason}",
                hint="The stack is back. Its configuration is in {folder} too.",
                path=str(path),
                reason=error.strerror or str(error),
                folder=str(invocation.state_folder / FETCHED),
            ) from error


def _say_next(invocation: Invocation, root: Path, later: Mapping[str, str]) -> None:
    note(invocation, tr("The stack lies in {root}, with its configuration.", root=show_path(str(root))))
    for name, command in later.items():
        note(invocation, tr("What brings {component} back: {command}", component=name, command=command))
    note(invocation, tr("What else is missing for backups from here: {command}", command="rebond doctor"))
