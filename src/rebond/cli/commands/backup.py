"""``rebond backup``: save the components of a configuration, or directories and files, as one snapshot."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.answering import DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.at_hand import find_vault
from rebond.cli.choosing import Size, combine, split_all
from rebond.cli.frame import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.observing import describe_finding, finding_document
from rebond.cli.opening import vault_at_hand
from rebond.cli.speech import show_path, tr
from rebond.cli.streaming import describe_stream, stream_to_save, wants_stream
from rebond.cli.vaults_left_out import leave_vault_out, leave_vaults_out, vault_left_out
from rebond.cli.watching import watching
from rebond.clock import SystemClock
from rebond.config.finding import find_configuration
from rebond.entries import Tree
from rebond.errors import UsageError
from rebond.findings import Finding, Severity
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.units import format_size, format_span, parse_last_moment
from rebond.vault.frames import LEVELS

if TYPE_CHECKING:
    from rebond.operations.backup import BackupOutcome, BackupRequest
    from rebond.operations.components import ComponentToSave
    from rebond.stack.planning import PlannedBackup

_MEANWHILE = ("rebond.operations.backup", "rebond.cli.documents", "rebond.history.sealing")

# what --path alone takes: of a component, the configuration says it
PATH_ONLY = ("exclude_from", "exclude_if_present", "larger_than", "one_file_system", "gitignore", "allow_empty")

what_to_save = combine(
    option(
        "--path",
        "paths",
        multiple=True,
        type=click.Path(path_type=Path, readable=False),
        metavar="DIR",
        help="Save this directory or file; may be repeated. It becomes a component named after its last part.",
    ),
    option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        help="Leave out what matches, by the rules of .gitignore; may be repeated.",
    ),
    option("--exclude-from", multiple=True, metavar="FILE", help="Leave out what matches a pattern in this file."),
    option("--exclude-if-present", multiple=True, metavar="NAME", help="Leave out directories that hold this name."),
    option("--larger-than", type=Size(), metavar="SIZE", help="Leave out files larger than this."),
    option("--one-file-system", is_flag=True, help="Stay on the file system of each path."),
    option("--gitignore", is_flag=True, help="Honour .gitignore files too."),
    option("--allow-empty", is_flag=True, help="An empty directory or stream is meant."),
)


@verb(
    "backup",
    help="Save the components of the configuration, or the directories and files of --path, as one snapshot. What did "
    "not change since the last one is not read again, and what is in the vault already is not stored again. What "
    "cannot be read is listed, and the exit status is 3.",
    example="rebond backup --class daily\n"
    "rebond backup --path ~/shop --exclude '*.log' --tag before-upgrade\n"
    "rebond backup --command shop.sql -- pg_dump shop",
)
@what_to_save
@stream_to_save
@click.argument("words", nargs=-1, metavar="[COMPONENT]... [-- CMD]...", type=click.UNPROCESSED)
@option("--class", "class_", default="", metavar="NAME", help="The class of the configuration, such as daily.")
@option("--tag", "tags", multiple=True, metavar="TAG", help="A word to find it by; may be repeated.")
@option("--note", "remark", default="", metavar="TEXT", help="A remark that only the owner can read.")
@option("--hold", "reason", default="", metavar="REASON", help="Protect it from being forgotten.")
@option("--until", metavar="DATE", help="How long --hold lasts; for ever without it.")
@option(
    "--stack",
    default="",
    metavar="NAME",
    help="What its snapshots are grouped by; else the configuration's stack, or the names of the paths.",
)
@option("--level", type=click.Choice(list(LEVELS)), help="How hard to compress; balanced unless told.")
@option("--reread", is_flag=True, help="Read every file, also where nothing seems to have changed.")
@option("--allow-partial", is_flag=True, help="Save the other components when one fails; the snapshot is partial.")
@option("--dry-run", is_flag=True, help="Only say what would be saved.")
@option("--wait", is_flag=True, help="Where another run holds the stack, wait for its end.")
@option("--drill", is_flag=True, help="Prove the snapshot by a drill at once; 4 is the exit status when that fails.")
@option("--scheduled", is_flag=True, help="For timers: run when the class is due, and not in a pause.")
@click.pass_obj
def backup(invocation: Invocation, /, paths: Sequence[Path], words: Sequence[str], **wishes: Any) -> int:
    """Return 3 when something could not be read."""
    if wishes["scheduled"] and not wishes["dry_run"]:
        from rebond.cli.turns import run_backup_in_turn

        return run_backup_in_turn(invocation, wishes["class_"], lambda: _back_up(invocation, paths, words, wishes))
    if wishes["class_"] and not (wishes["dry_run"] or words or paths):
        from rebond.cli.turns import run_class_by_hand

        return run_class_by_hand(invocation, wishes["class_"], lambda: _back_up(invocation, paths, words, wishes))
    return _back_up(invocation, paths, words, wishes)


def _back_up(invocation: Invocation, paths: Sequence[Path], words: Sequence[str], wishes: dict[str, Any]) -> int:
    if wants_stream(wishes):
        components: tuple[ComponentToSave, ...] = (
            describe_stream(invocation.environment, words, {**wishes, "paths": paths}),
        )
    elif paths and words:
        raise UsageError("'{word}' is not expected here.", hint="Name what to save with --path.", word=words[0])
    elif paths:
        address = find_vault(invocation).address
        components = tuple(_component(invocation, path, address, wishes) for path in paths)
    else:
        components = _plan_by_configuration(invocation, words, wishes)
    plan: PlannedBackup | None = wishes.get("plan")
    if wishes["dry_run"]:
        from rebond.cli.preview import preview_backup

        others = tuple(each for apart in plan.apart.values() for each in apart) if plan else ()
        return preview_backup(invocation, (*components, *others))
    until_ms = _read_until(wishes)
    with _alone(invocation, wishes), watching(invocation) as watcher:
        if plan is not None and (plan.apart or plan.is_of_change or any(each.kind == "secrets" for each in components)):
            from rebond.cli.apart import back_up_with_others, show_unchanged
            from rebond.operations.unchanged import Unchanged

            outcome = back_up_with_others(invocation, _request(components, wishes, until_ms), plan, watcher)
            if isinstance(outcome, Unchanged):
                if wishes["drill"]:
                    from rebond.cli.drill_gate import prove_standing

                    return prove_standing(invocation, outcome, watcher)
                return show_unchanged(invocation, outcome)
        else:
            with vault_at_hand(invocation, watcher.noticed, meanwhile=_MEANWHILE) as vault:
                from rebond.operations.backup import back_up

                outcome = back_up(vault.live, _request(components, wishes, until_ms), watcher)
        if plan is not None and plan.exports:
            from rebond.cli.exporting import export_after

            outcome = export_after(invocation, plan, outcome, watcher)
        if wishes["drill"]:
            from rebond.cli.drill_gate import prove

            return prove(invocation, outcome.record, watcher, lambda about: _show(invocation, outcome, about))
    return _show(invocation, outcome)


def _alone(invocation: Invocation, wishes: dict[str, Any]) -> contextlib.AbstractContextManager[None]:
    """Keep other runs of the configured stack out; a scheduled run does so already."""
    if wishes["scheduled"] or not wishes.get("is_configured"):
        return contextlib.nullcontext()
    from rebond.cli.stack_holding import stack_held
    from rebond.schedule.beside import SECRETS_LOCK

    plan: PlannedBackup | None = wishes.get("plan")
    if plan is not None and plan.is_beside:
        return stack_held(invocation, waits=wishes["wait"], lock_name=SECRETS_LOCK)
    return stack_held(invocation, waits=wishes["wait"])


def _plan_by_configuration(
    invocation: Invocation, names: Sequence[str], wishes: dict[str, Any]
) -> tuple[ComponentToSave, ...]:
    """Return the components of the configuration; what it says of the snapshot becomes a wish where nobody has one."""
    if not find_configuration(invocation.config, invocation.environment, Path.cwd()):
        raise UsageError(
            "There is nothing to save.",
            hint="'rebond init' writes a configuration for this directory. Without one: rebond backup --path DIR.",
        )
    from rebond.cli.configured import list_places, require_configuration
    from rebond.runbook.keeping import read_kept
    from rebond.schedule.stack_folders import folder_of
    from rebond.stack.planning import plan_backup

    for name in PATH_ONLY:
        if wishes[name]:
            raise UsageError(
                "--{option} goes with --path.",
                hint="Without --path, write it under the component in the configuration.",
                option=name.replace("_", "-"),
            )
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
    for each in plan.notes:
        note(invocation, describe_finding(each))
    wishes["stack"] = wishes["stack"] or plan.stack
    wishes["level"] = wishes["level"] or plan.level
    wishes["tags"] = (*wishes["tags"], *plan.tags)
    wishes["allow_partial"] = plan.allows_partial
    wishes["class_"] = plan.class_
    wishes["drill"] = wishes["drill"] or (plan.drills_each and not wishes["scheduled"])
    wishes["plan"] = plan
    wishes["runbooks"] = read_kept(folder_of(invocation.state_folder, loaded))
    wishes["is_configured"] = True
    return plan.components


def _read_until(wishes: dict[str, Any]) -> int | None:
    """Return the moment until which the snapshot is held; raises ``UsageError`` for one that is no use."""
    if wishes["until"] and not wishes["reason"]:
        raise UsageError("--until says how long a hold lasts.", hint="Add --hold REASON.")
    now_ms = SystemClock().now_ms()
    until_ms = parse_last_moment(wishes["until"], now_ms=now_ms) if wishes["until"] else None
    if until_ms is not None and until_ms <= now_ms:
        raise UsageError("{text} is over.", hint="Name a moment that is still to come.", text=wishes["until"])
    return until_ms


def _request(components: tuple[ComponentToSave, ...], wishes: dict[str, Any], until_ms: int | None) -> BackupRequest:
    from rebond.operations.backup import BackupRequest
    from rebond.operations.hooks import Hooks

    plan = wishes.get("plan")
    return BackupRequest(
        components=components,
        stack=wishes["stack"] or "+".join(each.name for each in components),
        host=socket.gethostname(),
        class_=wishes["class_"],
        tags=split_all(wishes["tags"]),
        note=wishes["remark"],
        held=wishes["reason"],
        held_until_ms=until_ms,
        level=LEVELS[wishes["level"] or "balanced"],
        rereads_all=wishes["reread"],
        allows_partial=wishes["allow_partial"],
        lacks=plan.lacks if plan else (),
        configuration={**plan.configuration, **wishes["runbooks"]} if plan else {},
        hooks=plan.hooks if plan else Hooks(),
    )


def _component(invocation: Invocation, path: Path, vault_address: str, wishes: dict[str, Any]) -> ComponentToSave:
    """Describe one path; it is looked at when its turn comes."""
    from rebond.operations.components import ComponentToSave

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
        name=os.fsdecode(os.path.basename(root)) or "root",
        root=root,
        open_tree=open_tree,
        exclusions=tuple(exclude),
    )


def _show(invocation: Invocation, outcome: BackupOutcome, more: Mapping[str, object] | None = None) -> int:
    from rebond.cli.documents import (
        SHORT_ID,
        describe_declared,
        describe_problems,
        describe_state,
        saved_names,
        snapshot_document,
    )

    record = outcome.record
    problems = [each for each in outcome.findings if each.severity is not Severity.NOTE]
    document = {
        **snapshot_document(record),
        "stored_bytes": outcome.stored_bytes,
        "read_files": sum(totals.read_files for _, totals in outcome.totals),
        "read_bytes": sum(totals.read_bytes for _, totals in outcome.totals),
        "seconds": round(outcome.seconds, 3),
        "problems": [finding_document(each) for each in problems],
        **(more or {}),
    }
    components = record.catalog.components
    text = tr(
        "Snapshot {id} stands: {names}, {files} files, {size}; {added} new, {stored} stored, in {span}.",
        id=record.snapshot.hex()[:SHORT_ID],
        names=show_path(", ".join(saved_names(record))),
        files=sum(each.files for each in components),
        size=format_size(sum(each.bytes for each in components)),
        added=format_size(sum(each.added_bytes for each in components)),
        stored=format_size(outcome.stored_bytes),
        span=format_span(outcome.seconds),
    )
    text = "\n".join(filter(None, (text, describe_declared(record), describe_state(record))))
    answer(invocation, document, with_problems(invocation, text, problems))
    if problems:
        note(invocation, describe_problems(problems))
    return DOUBTFUL if outcome.is_doubtful else GOOD
