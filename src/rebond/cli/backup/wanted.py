"""What one backup is to save and how, whoever said so: options, paths, a stream, the configuration."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rebond.cli.backup.half_restored import find_half_restored, refuse_half_restored
from rebond.cli.backup.streaming import describe_stream, wants_stream
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import hint_of, message_of
from rebond.cli.snapshots.choosing import split_all
from rebond.cli.vaults.at_hand import find_vault
from rebond.cli.vaults.left_out import leave_vault_out, leave_vaults_out, vault_left_out
from rebond.clock import SystemClock
from rebond.config.finding import find_configuration
from rebond.entries import Tree
from rebond.errors import UsageError
from rebond.findings import Finding, Severity
from rebond.sources.files.excluding import Rules
from rebond.sources.files.paths import show_path
from rebond.sources.files.scanning import FileTree
from rebond.units import parse_last_moment
from rebond.vault.frames import LEVELS

if TYPE_CHECKING:
    from rebond.operations.backup import BackupRequest
    from rebond.operations.components import ComponentToSave
    from rebond.stack.planning import PlannedBackup

# what --path alone takes: of a component, the configuration says it
PATH_ONLY = ("exclude_from", "exclude_if_present", "larger_than", "one_file_system", "gitignore", "allow_empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBackup:
    """One run. ``plan`` is what the configuration says of it, ``None`` for paths and streams.

    ``lacks`` are components of the configured stack of the same name that paths and streams leave out.
    ``runbooks`` are the pages that go with the configuration; ``drills`` says that the snapshot is proved at once.
    """

    components: tuple[ComponentToSave, ...]
    stack: str
    class_: str
    tags: tuple[str, ...]
    level: str
    note: str
    held: str
    held_until_ms: int | None
    rereads_all: bool
    allows_partial: bool
    drills: bool
    plan: PlannedBackup | None = None
    lacks: tuple[str, ...] = ()
    runbooks: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def all_components(self) -> tuple[ComponentToSave, ...]:
        """Those that other vaults take too."""
        apart = self.plan.apart.values() if self.plan else ()
        return (*self.components, *(each for components in apart for each in components))

    def find_plan_of_sets(self) -> PlannedBackup | None:
        """Return the plan where more than one snapshot may come of it, or none: secrets, other vaults, changes."""
        plan = self.plan
        if plan is None:
            return None
        has_secrets = any(each.kind == "secrets" for each in self.components)
        return plan if plan.apart or plan.is_of_change or has_secrets else None

    def make_request(self) -> BackupRequest:
        """Return what the operation takes."""
        from rebond.operations.backup import BackupRequest
        from rebond.operations.hooks import Hooks

        plan = self.plan
        return BackupRequest(
            components=self.components,
            stack=self.stack,
            host=socket.gethostname(),
            class_=self.class_,
            tags=self.tags,
            note=self.note,
            held=self.held,
            held_until_ms=self.held_until_ms,
            level=LEVELS[self.level or "balanced"],
            rereads_all=self.rereads_all,
            allows_partial=self.allows_partial,
            lacks=plan.lacks if plan else self.lacks,
            configuration={**plan.configuration, **self.runbooks} if plan else {},
            hooks=plan.hooks if plan else Hooks(),
        )


def want_backup(
    invocation: Invocation, paths: Sequence[Path], words: Sequence[str], wishes: Mapping[str, Any]
) -> WantedBackup:
    """Return what the options ask for, filled in by the configuration where no path and no stream is named.

    Raises ``UsageError``, and whatever a configuration that cannot be used raises.
    """
    if wants_stream(wishes):
        stream = describe_stream(invocation.environment, words, {**wishes, "paths": paths})
        return _by_options(invocation, (stream,), wishes)
    if paths and words:
        raise UsageError("'{word}' is not expected here.", hint="Name what to save with --path.", word=words[0])
    if paths:
        address = find_vault(invocation).address
        described = tuple(_describe_path(invocation, each, address, wishes) for each in paths)
        return _by_options(invocation, described, wishes)
    return _by_configuration(invocation, words, wishes)


def _by_options(
    invocation: Invocation, components: tuple[ComponentToSave, ...], wishes: Mapping[str, Any]
) -> WantedBackup:
    stack = wishes["stack"] or "+".join(each.name for each in components)
    return WantedBackup(
        components=components,
        stack=stack,
        lacks=_find_lacking(invocation, stack, {each.name for each in components}),
        class_=wishes["class_"],
        tags=split_all(wishes["tags"]),
        level=wishes["level"] or "",
        note=wishes["remark"],
        held=wishes["reason"],
        held_until_ms=_read_until(wishes),
        rereads_all=wishes["reread"],
        allows_partial=wishes["allow_partial"],
        drills=wishes["drill"],
    )


def _find_lacking(invocation: Invocation, stack: str, names: set[str]) -> tuple[str, ...]:
    """Return what the configured stack of that name has besides: one folder of it, saved by hand, is not its latest."""
    if not find_configuration(invocation.config, invocation.environment, Path.cwd()):
        return ()
    from rebond.cli.configuration.at_hand import find_own_configuration
    from rebond.stack.sets import find_lacking

    loaded = find_own_configuration(invocation, find_vault(invocation), stack)
    lacks = find_lacking(loaded.configuration, names) if loaded else ()
    if lacks:
        note(invocation, describe_finding(_no_set(stack, lacks)))
    return lacks


def _no_set(stack: str, lacks: tuple[str, ...]) -> Finding:
    return Finding(
        code="saved-by-hand",
        severity=Severity.NOTE,
        subject=stack,
        template="This is no whole set of {stack}, which has {components} too: 'latest' stays what it is.",
        hint_template="Name this snapshot by its id. 'rebond backup' saves the set.",
        values={"stack": stack, "components": ", ".join(lacks)},
    )


def _by_configuration(invocation: Invocation, names: Sequence[str], wishes: Mapping[str, Any]) -> WantedBackup:
    """What the configuration says counts where no option says otherwise; tags of both are given."""
    if not find_configuration(invocation.config, invocation.environment, Path.cwd()):
        raise UsageError(
            "There is nothing to save.",
            hint="'rebond init' writes a configuration for this directory. Without one: rebond backup --path DIR.",
        )
    from rebond.cli.configuration.at_hand import list_places, require_configuration
    from rebond.runbook.keeping import read_kept
    from rebond.schedule.stack_folders import folder_of
    from rebond.stack.planning import plan_backup

    _refuse_options_of_paths(wishes)
    loaded = require_configuration(invocation)
    class_ = loaded.configuration.classes.get(wishes["class_"])
    is_partial_fit = wishes["scheduled"] and not (class_ and class_.allow_partial is False)
    plan = plan_backup(
        loaded,
        names=names,
        class_name=wishes["class_"],
        allows_partial=wishes["allow_partial"] or is_partial_fit,
        excludes=(*wishes["exclude"], *leave_vaults_out([each.address for each in list_places(loaded)])),
    )
    if wishes["level"]:
        plan = replace(plan, level_of_apart=dict.fromkeys(plan.apart, wishes["level"]))
    for each in plan.notes:
        note(invocation, describe_finding(each))
    half_restored = find_half_restored(
        invocation.state_folder,
        loaded.configuration.stack.name,
        lambda spoilt: note(invocation, f"{message_of(spoilt)}\n  → {hint_of(spoilt)}"),
    )
    return WantedBackup(
        components=refuse_half_restored(plan.components, half_restored),
        stack=wishes["stack"] or plan.stack,
        class_=plan.class_,
        tags=split_all((*wishes["tags"], *plan.tags)),
        level=wishes["level"] or plan.level,
        note=wishes["remark"],
        held=wishes["reason"],
        held_until_ms=_read_until(wishes),
        rereads_all=wishes["reread"],
        allows_partial=plan.allows_partial and not invocation.must_be_whole,
        drills=wishes["drill"] or (plan.drills_each and not wishes["scheduled"]),
        plan=plan,
        runbooks=read_kept(folder_of(invocation.state_folder, loaded)),
    )


def _refuse_options_of_paths(wishes: Mapping[str, Any]) -> None:
    for name in PATH_ONLY:
        if wishes[name]:
            raise UsageError(
                "--{option} goes with --path.",
                hint="Without --path, write it under the component in the configuration.",
                option=name.replace("_", "-"),
            )


def _read_until(wishes: Mapping[str, Any]) -> int | None:
    """Return the moment until which the snapshot is held; raises ``UsageError`` for one that is no use."""
    if wishes["until"] and not wishes["reason"]:
        raise UsageError("--until says how long a hold lasts.", hint="Add --hold REASON.")
    now_ms = SystemClock().now_ms()
    until_ms = parse_last_moment(wishes["until"], now_ms=now_ms) if wishes["until"] else None
    if until_ms is not None and until_ms <= now_ms:
        raise UsageError("{text} is over.", hint="Name a moment that is still to come.", text=wishes["until"])
    return until_ms


def _describe_path(
    invocation: Invocation, path: Path, vault_address: str, wishes: Mapping[str, Any]
) -> ComponentToSave:
    """Describe one path; it is looked at when its turn comes."""
    from rebond.operations.components import ComponentToSave
    from rebond.operations.stored_rules import store_rules

    root = os.path.abspath(os.fsencode(path.expanduser()))
    vault = leave_vault_out(root, vault_address)
    if vault:
        note(invocation, describe_finding(vault_left_out(vault_address)))
    exclude = (*wishes["exclude"], vault) if vault else wishes["exclude"]
    rules = Rules.from_flags(
        exclude=exclude,
        exclude_from=wishes["exclude_from"],
        exclude_if_present=wishes["exclude_if_present"],
        larger_than_bytes=wishes["larger_than"],
        gitignore=wishes["gitignore"],
    )

    def open_tree(report: Callable[[Finding], None]) -> Tree:
        return FileTree(
            root, rules, one_file_system=wishes["one_file_system"], report=report, allow_empty=wishes["allow_empty"]
        )

    return ComponentToSave(
        name=show_path(os.path.basename(root)) or "root",
        root=root,
        open_tree=open_tree,
        exclusions=tuple(show_path(os.fsencode(each)) for each in exclude),
        rules=store_rules(rules, one_file_system=wishes["one_file_system"]),
    )
