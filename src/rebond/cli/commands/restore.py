"""``rebond restore``: bring files back."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.grammar.verbs import Later, Word, later_option, option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DAMAGED, DOUBTFUL, GOOD, answer, note, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.cli.restore.compared import describe_comparison, tell_comparison, tell_surplus
from rebond.cli.snapshots.choosing import stack_option
from rebond.cli.vaults.opening import VaultAtHand, vault_at_hand
from rebond.errors import UsageError
from rebond.findings import Severity
from rebond.units import format_size, format_span

if TYPE_CHECKING:
    from rebond.cli.restore.data_directories import Servers
    from rebond.operations.restore import RestoreOutcome
    from rebond.operations.restore_planning import RestoreRequest
    from rebond.vault.snapshots import SnapshotRecord

_OVERWRITE = ("never", "changed", "always")
_FOR_PLANS = (
    "in_place",
    "resume",
    "rollback",
    "accept",
    "leave",
    "set_newer_aside",
    "without",
    "scenario",
    "other_cluster",
)
_MEANWHILE = (
    "rebond.operations.restore",
    "rebond.cli.snapshots.documents",
    "rebond.cli.snapshots.parts",
    "rebond.history.sealing",
)


@verb(
    "restore",
    help="Bring a snapshot, or some COMPONENTs of it, back below a directory: DIR/COMPONENT/… Nothing is written "
    "through a symbolic link, and nothing that is there is replaced unless --overwrite says so. The last line says "
    "where things are.",
    example="rebond restore latest --to ./back --include '*.py'",
)
@click.argument("words", nargs=-1, metavar="[SNAPSHOT] [COMPONENT]...")
@option("--to", "target", type=click.Path(path_type=Path, readable=False), metavar="DIR", help="Where things go.")
@option(
    "--into",
    metavar="TARGET",
    help="Load a database into a server: postgresql://USER@HOST:PORT/DATABASE, compose:NAME/DATABASE, docker:, "
    "podman:, kubernetes:KIND/NAME. It is made beside and then swapped in.",
)
@option("--in-place", is_flag=True, help="Back into the configuration's own places, by a plan that can be undone.")
@option("--resume", metavar="RUN", help="Go on with a restore in place that was cut.")
@option("--rollback", metavar="RUN", help="Undo a restore in place: the old version comes back.")
@option("--accept", metavar="RUN", help="Delete the old version that a restore in place set aside.")
@option("--set-newer-aside", is_flag=True, help="With --rollback: also when somebody wrote since; that is kept.")
@option(
    "--without",
    multiple=True,
    metavar="COMPONENT",
    help="With --rollback and --accept: leave out a database whose server is lost for good; may be repeated.",
)
@option("--leave", metavar="RUN", help="End a restore in place whose record cannot be read; nothing is touched.")
@option(
    "--other-cluster",
    is_flag=True,
    help="With --in-place: set a data directory of another PostgreSQL cluster aside too.",
)
@option("--scenario", metavar="NAME", help="With --in-place: also the steps that are for this disaster only.")
@option("--at", "moment", metavar="MOMENT", help="Instead of SNAPSHOT: the newest one not later than this.")
@option(
    "--include",
    type=Word(),
    multiple=True,
    metavar="PATTERN",
    help="Only what matches, with all below it; may be repeated.",
)
@option("--exclude", multiple=True, metavar="PATTERN", help="Not what matches; may be repeated.")
@option(
    "--table",
    type=Word(),
    multiple=True,
    metavar="TABLE",
    help="Of a database only this table, with --into or --in-place; may be repeated.",
)
@option(
    "--schema",
    type=Word(),
    multiple=True,
    metavar="SCHEMA",
    help="Of a database only the tables of this schema, with --into or --in-place.",
)
@option("--rename", multiple=True, metavar="OLD=NEW", help="With --into: another name for a database or a table.")
@option("--strip", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N parts of each path.")
@option(
    "--overwrite",
    type=click.Choice(_OVERWRITE),
    help="What may be replaced in a directory that is not empty.",
)
@option("--delete", is_flag=True, help="Set aside what lies there and is not in the snapshot; with --overwrite.")
@option("--verify", is_flag=True, help="Read back what was written and compare it.")
@option("--no-owner", is_flag=True, help="Everything belongs to who restores, not to whom it belonged.")
@option("--jobs", type=click.IntRange(1, 64), default=2, metavar="N", help="How many threads decode.")
@option("--dry-run", is_flag=True, help="Only say what would be restored.")
@option("--yes", is_flag=True, help="Do it without asking; with --into: also where a database is there, which is kept.")
@later_option(Later("--replica", "A copy of the vault is a vault: --vault ADDRESS-OF-THE-COPY."), metavar="NAME")
@stack_option
@click.pass_obj
def restore(
    invocation: Invocation, /, words: Sequence[str], target: Path | None, moment: str | None, **wishes: Any
) -> int:
    """Return 3 when something could not be put back as it was, 4 when the vault is damaged."""
    if target is None and wishes["into"] is None:
        from rebond.cli.in_place.deeds import restore_by_plan

        return restore_by_plan(invocation, words, moment, wishes)
    check_places(target, wishes)
    if not words and moment is None:
        raise UsageError("What is to be restored?", hint="Name a snapshot, such as latest, or a moment with --at.")
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, only_reads=True, meanwhile=_MEANWHILE) as vault,
    ):
        from rebond.cli.drills.proofs import describe_chosen
        from rebond.cli.restore.data_directories import Servers
        from rebond.cli.snapshots.parts import choose_parts
        from rebond.operations.restore import restore as restore_snapshot

        servers = Servers.choose(vault, words, moment, wishes)
        record, named = servers.record, servers.names
        servers.tell_moment(invocation)
        note(invocation, describe_chosen(invocation, record))
        if target is None:
            if servers.is_meant(named):
                return servers.load(invocation, wishes["into"], watcher)
            _require_components(vault, record, named, wishes, target)
            from rebond.cli.restore.databases import restore_into

            return restore_into(invocation, vault, record, named, wishes["into"], wishes, watcher)
        servers.plan(invocation, target)
        if servers.are_all:
            return servers.lay_alone(invocation, target, watcher)
        chosen = choose_parts(invocation, record, servers.leave_out(named), wishes["include"])
        _require_components(vault, record, chosen.components, wishes, target)
        request = _request(target, chosen.components, {**wishes, "include": chosen.include})
        outcome = restore_snapshot(
            vault.live, record, request, watcher, surplus=lambda path: tell_surplus(invocation, request, path)
        )
        servers.lay(invocation, target, watcher)
    status = _show(invocation, outcome, servers, is_dry=request.dry_run)
    for command in chosen.restarts:
        note(invocation, tr("When it is in its place again: {command}", command=command))
    return status


def _require_components(
    vault: "VaultAtHand", record: "SnapshotRecord", named: Sequence[str], wishes: Mapping[str, Any], target: Path | None
) -> None:
    """Raise ``UnknownName`` for a component that the snapshot lacks; only then the others are listed."""
    held = {each.name for each in record.catalog.components}
    if not held.issuperset(named):
        from rebond.cli.snapshots.named import list_places, require_components
        from rebond.operations.snapshots import list_snapshots

        records = list_snapshots(vault.live)
        places = list_places(wishes, target)
        require_components(named, held, records, stack=record.catalog.stack, places=places)


def check_places(target: Path | None, wishes: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` unless there is one place to restore to, and what else is wished goes with it."""
    if (target is None) == (wishes["into"] is None):
        raise UsageError(
            "Where is it to go?", hint="Name a directory with --to, or a database server with --into: one of them."
        )
    for_databases = [name for name in ("table", "schema", "rename", "yes") if wishes[name]]
    if given := [name for name in _FOR_PLANS if wishes[name]]:
        raise UsageError(
            "--{option} goes neither with --to nor with --into.",
            hint="Leave one out.",
            option=given[0].replace("_", "-"),
        )
    for_files = [name for name in ("include", "exclude", "strip", "overwrite", "delete", "verify") if wishes[name]]
    wrong = for_databases if target is not None else for_files
    if wrong:
        raise UsageError(
            "--{option} goes with {place} only.",
            hint="Leave it out.",
            option=wrong[0],
            place="--into" if target is not None else "--to",
        )
    if wishes["delete"] and (wishes["strip"] or not wishes["overwrite"]):
        raise UsageError(
            "--delete needs --overwrite, and goes without --strip: what is surplus is found by its whole path.",
            hint="Add --overwrite changed; 'rebond restore … --dry-run' lists what would be set aside.",
        )


def _request(target: Path, components: Sequence[str], wishes: Mapping[str, Any]) -> "RestoreRequest":
    from rebond.operations.restore_planning import RestoreRequest
    from rebond.operations.selection import Selection
    from rebond.sources.files.landing import Overwrite

    return RestoreRequest(
        target=os.path.abspath(os.fsencode(target.expanduser())),
        components=tuple(components),
        selection=Selection.from_flags(wishes["include"], wishes["exclude"]),
        strip=wishes["strip"],
        overwrite=Overwrite(wishes["overwrite"]) if wishes["overwrite"] else None,
        keeps_owner=not wishes["no_owner"],
        dry_run=wishes["dry_run"],
        workers=wishes["jobs"],
        sets_aside=wishes["delete"],
        reads_back=wishes["verify"],
    )


def _show(invocation: Invocation, outcome: "RestoreOutcome", servers: "Servers", *, is_dry: bool) -> int:
    problems = [each for each in outcome.findings if each.severity is not Severity.NOTE]
    document = {
        "snapshot": outcome.record.snapshot.hex(),
        "target": os.fsdecode(outcome.target),
        "dry_run": is_dry,
        "files": outcome.files,
        "directories": outcome.directories,
        "bytes": outcome.size_bytes,
        "seconds": round(outcome.seconds, 3),
        "problems": [finding_document(each) for each in problems],
        **describe_comparison(outcome.compared),
        **servers.describe(),
    }
    values = {
        "files": outcome.files,
        "directories": outcome.directories,
        "size": format_size(outcome.size_bytes),
        "span": format_span(outcome.seconds),
        "target": show_path(outcome.target),
    }
    text = (
        tr("Would restore {files} files and {directories} directories, {size}, to\n{target}", **values)
        if is_dry
        else tr("Restored {files} files and {directories} directories, {size}, in {span}, to\n{target}", **values)
    )
    if problems:
        from rebond.cli.snapshots.documents import describe_problems

        note(invocation, describe_problems(problems))
    text = "\n".join([*servers.tell(), *tell_comparison(outcome.compared, is_dry=is_dry), text])
    answer(invocation, document, with_problems(invocation, text, problems))
    if outcome.is_damaged:
        return DAMAGED
    return DOUBTFUL if outcome.is_doubtful else GOOD
