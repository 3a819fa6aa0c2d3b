"""``rebond backup``: save the components of a configuration, or directories and files, as one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.backup.streaming import stream_to_save
from rebond.cli.backup.wanted import PATH_ONLY, WantedBackup, want_backup
from rebond.cli.grammar.verbs import option, verb, words_option
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import Size, combine
from rebond.cli.vaults.opening import vault_at_hand
from rebond.errors import SourceUnreachable, UsageError
from rebond.findings import Severity
from rebond.units import format_size, format_span
from rebond.vault.frames import LEVELS

if TYPE_CHECKING:
    from rebond.cli.witness import Watcher
    from rebond.operations.backup import BackupOutcome
    from rebond.operations.unchanged import Unchanged

# with one of these a run saves something else than its class says, or not all of it
_UNLIKE_THE_CLASS = ("dry_run", "stdin", "command", "exclude", "stack", "allow_partial", *PATH_ONLY)
_MEANWHILE = ("rebond.operations.backup", "rebond.cli.snapshots.documents", "rebond.history.sealing")

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
@words_option("--class", "class_", default="", metavar="NAME", help="The class of the configuration, such as daily.")
@words_option("--tag", "tags", multiple=True, metavar="TAG", help="A word to find it by; may be repeated.")
@words_option("--note", "remark", default="", metavar="TEXT", help="A remark that only the owner can read.")
@words_option("--hold", "reason", default="", metavar="REASON", help="Protect it from being forgotten.")
@option("--until", metavar="DATE", help="How long --hold lasts; for ever without it.")
@words_option(
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
        from rebond.cli.turns.taking import run_backup_in_turn

        _refuse_less_than_the_class(words, paths, wishes)
        return run_backup_in_turn(invocation, wishes["class_"], lambda: _back_up(invocation, paths, words, wishes))
    if wishes["class_"] and not (words or paths or any(wishes[name] for name in _UNLIKE_THE_CLASS)):
        from rebond.cli.turns.taking import run_class_by_hand

        return run_class_by_hand(invocation, wishes["class_"], lambda: _back_up(invocation, paths, words, wishes))
    return _back_up(invocation, paths, words, wishes)


def _refuse_less_than_the_class(words: Sequence[str], paths: Sequence[Path], wishes: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` where a turn would count as taken by a run that saves something else."""
    named = ("path",) if paths else tuple(each for each in _UNLIKE_THE_CLASS if wishes[each])
    unlike = next((each for each in named if each != "allow_partial"), None)  # unattended runs allow that anyhow
    if words or unlike:
        raise UsageError(
            "--scheduled is the turn of a whole class, and {option} saves something else.",
            hint="Leave --scheduled out: then the turn is not taken.",
            option=f"--{unlike.replace('_', '-')}" if unlike else words[0],
        )


def _back_up(invocation: Invocation, paths: Sequence[Path], words: Sequence[str], wishes: Mapping[str, Any]) -> int:
    wanted = want_backup(invocation, paths, words, wishes)
    if wishes["dry_run"]:
        from rebond.cli.backup.preview import preview_backup

        return preview_backup(invocation, wanted.all_components)
    keeps_others_out = wanted.plan is not None and not wishes["scheduled"]  # a scheduled run does so already
    others = _others_kept_out(invocation, wanted, waits=wishes["wait"]) if keeps_others_out else nullcontext()
    with others, watching(invocation) as watcher:
        outcome = _save(invocation, wanted, watcher)
        from rebond.operations.backup import BackupOutcome  # loaded by now, while the passphrase was stretched

        if not isinstance(outcome, BackupOutcome):
            return _tell_unchanged(invocation, outcome, watcher, drills=wanted.drills)
        if wanted.plan is not None and wanted.plan.exports:
            from rebond.cli.exports.after_backups import export_after

            outcome = export_after(invocation, wanted.plan, outcome, watcher)
        if wanted.drills:
            from rebond.cli.drills.gate import prove

            return prove(invocation, outcome.record, watcher, partial(_show, invocation, outcome))
    return _show(invocation, outcome)


def _others_kept_out(invocation: Invocation, wanted: WantedBackup, *, waits: bool) -> AbstractContextManager[None]:
    from rebond.cli.turns.holding import stack_held
    from rebond.schedule.beside import SECRETS_LOCK
    from rebond.schedule.holding import RUN_LOCK

    is_beside = wanted.plan is not None and wanted.plan.is_beside
    return stack_held(invocation, waits=waits, lock_name=SECRETS_LOCK if is_beside else RUN_LOCK)


def _save(invocation: Invocation, wanted: WantedBackup, watcher: Watcher) -> BackupOutcome | Unchanged:
    plan = wanted.find_plan_of_sets()
    if plan is not None:
        from rebond.cli.backup.apart import back_up_with_others

        return back_up_with_others(invocation, wanted.make_request(), plan, watcher)
    with vault_at_hand(invocation, watcher.noticed, meanwhile=_MEANWHILE) as vault:
        from rebond.operations.backup import back_up

        return back_up(vault.live, wanted.make_request(), watcher)


def _tell_unchanged(invocation: Invocation, outcome: Unchanged, watcher: Watcher, *, drills: bool) -> int:
    if drills:
        from rebond.cli.drills.gate import prove_standing

        return prove_standing(invocation, outcome, watcher)
    from rebond.cli.backup.apart import show_unchanged

    return show_unchanged(invocation, outcome)


def _show(invocation: Invocation, outcome: BackupOutcome, more: Mapping[str, object] | None = None) -> int:
    from rebond.cli.snapshots.documents import (
        SHORT_ID,
        describe_declared,
        describe_problems,
        describe_state,
        saved_names,
        snapshot_document,
    )

    record = outcome.record
    problems = [each for each in outcome.findings if each.severity is not Severity.NOTE]
    invocation.may_be_whole_later = any(each.code == SourceUnreachable.code for each in problems)
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
        names=show_path(", ".join(saved_names(record))) or "–",
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
