"""``rebond export``: a component of a snapshot as a file that other tools read."""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from rebond.cli.exports.password import find_export_password
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, answer, note
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.standard_output import output_sink
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import choose_snapshot, stack_option
from rebond.cli.vaults.opening import vault_at_hand
from rebond.errors import UsageError
from rebond.units import format_size

if TYPE_CHECKING:
    from datetime import tzinfo

    from rebond.operations.export import ExportOutcome
    from rebond.operations.export_requests import ExportRequest
    from rebond.vault.snapshots import SnapshotRecord

_FORMATS = ("sql.gz", "dump", "zip", "tar.gz", "tar.zst", "7z", "django")
_ENCRYPTIONS = ("gpg", "7z", "openssl")
_MEANWHILE = ("rebond.operations.export", "rebond.cli.snapshots.documents")


@verb(
    "export",
    help="Write a COMPONENT of a snapshot as one file that stock tools read: a database as sql.gz (psql) or dump "
    "(pg_restore), files as zip, 7z, tar.gz or tar.zst. --since takes only what changed after another snapshot. "
    "--encrypt asks for a password, or takes REBOND_EXPORT_PASSWORD, _FILE or _COMMAND. With a directory, which ends "
    "in /, the file is named after the component and the moment of the snapshot: db_backup_20260204_030000.sql.gz.",
    example="rebond export latest database --format sql.gz --output backups/",
)
@click.argument("snapshot")
@click.argument("component")
@option("--format", "form", type=click.Choice(_FORMATS), required=True, help="In what form.")
@option("--output", required=True, metavar="FILE|DIR/|-", help="Where to; - is standard output.")
@option("--level", type=click.IntRange(1, 9), default=6, metavar="1-9", help="How hard to compress.")
@option("--jobs", type=click.IntRange(1, 64), metavar="N", help="How many threads; else as many as processors.")
@option("--since", metavar="SNAPSHOT", help="Only files that changed after this snapshot.")
@option("--encrypt", type=click.Choice(_ENCRYPTIONS), help="By what program it is decrypted.")
@option("--checksum", is_flag=True, help="Write FILE.sha256 beside it, for sha256sum -c.")
@stack_option
@click.pass_obj
def export(invocation: Invocation, /, snapshot: str, component: str, output: str, **wishes: Any) -> int:
    """Return 3 when something could not be put into the archive."""
    invocation.has_answered = output == "-"  # then standard output is for the archive alone, also when it fails
    if wishes["form"] == "django":
        raise UsageError(
            "A dump in Django's own JSON is not in this version yet.",
            hint="Take --format sql.gz, load it, and run there: python manage.py dumpdata",
        )
    with (
        watching(invocation) as watcher,
        vault_at_hand(invocation, watcher.noticed, only_reads=True, meanwhile=_MEANWHILE) as vault,
    ):
        from rebond.cli.drills.proofs import describe_chosen
        from rebond.operations.export import export_to, list_exports
        from rebond.operations.export_requests import Encryption, ExportRequest, Format
        from rebond.operations.exporting_classes import export_all, name_export

        record = choose_snapshot(vault, snapshot, stack=wishes["stack"])
        note(invocation, describe_chosen(invocation, record))
        threads = wishes["jobs"] or os.cpu_count() or 1
        request = ExportRequest(
            component=component,
            format=Format(wishes["form"]),
            level=wishes["level"],
            threads=threads,
            encryption=Encryption(wishes["encrypt"]) if wishes["encrypt"] else None,
            password=find_export_password(invocation) if wishes["encrypt"] else None,
            since=choose_snapshot(vault, wishes["since"], stack=record.catalog.stack) if wishes["since"] else None,
            has_checksum=wishes["checksum"],
        )
        if output == "-":
            _refuse_terminal(request)
            with output_sink() as sink:
                outcome = export_to(vault.live, record, request, sink, watcher)
            if invocation.wants_json:  # standard output holds the archive
                sys.stderr.write(json.dumps(_describe(record, outcome)) + "\n")
            return DOUBTFUL if outcome.is_doubtful else GOOD
        databases = list_exports(vault.live, record, request)
        paths = _choose_paths(output, record.catalog.time_ms, request, databases, vault.configured.zone, name_export)
        outcome = export_all(vault.live, record, request, paths, watcher)
    return _show(invocation, record, outcome)


def _refuse_terminal(request: "ExportRequest") -> None:
    if request.format == "7z":
        raise UsageError("A 7z file cannot be written to a pipe.", hint="Write --output FILE.")
    if sys.stdout.isatty():
        raise UsageError("An archive does not go to a terminal.", hint="Write --output FILE, or send it on with |.")
    if request.has_checksum:
        raise UsageError("--checksum writes a file beside another one.", hint="Write --output FILE.")


def _choose_paths(
    output: str,
    time_ms: int,
    request: "ExportRequest",
    databases: list[str],
    zone: "tzinfo",
    name_export: Any,
) -> dict[str, str]:
    """Return where each database goes. Raises ``UsageError``."""
    if output.endswith("/") or os.path.isdir(output):
        return {each: os.path.join(output, name_export(time_ms, request, each, databases, zone)) for each in databases}
    if len(databases) > 1:
        raise UsageError(
            "The component holds several databases, and a file takes one: {known}.",
            hint="Name a directory with --output DIR/: each gets a file of its own.",
            known=", ".join(databases),
        )
    return dict.fromkeys(databases, output)


def _describe(record: "SnapshotRecord", outcome: "ExportOutcome") -> dict[str, object]:
    return {
        "snapshot": record.snapshot.hex(),
        "files": list(outcome.paths),
        "bytes": outcome.size_bytes or None,
        "removed": [each.decode(errors="backslashreplace") for each in outcome.removed],
        "problems": [finding_document(each) for each in outcome.findings],
    }


def _show(invocation: Invocation, record: "SnapshotRecord", outcome: "ExportOutcome") -> int:
    size = format_size(outcome.size_bytes)
    text = tr("Wrote {size}:", size=size) + "".join(f"\n{show_path(each)}" for each in outcome.paths)
    if outcome.removed:
        text += "\n" + tr("{count} paths were removed since then; --json lists them.", count=len(outcome.removed))
    answer(invocation, _describe(record, outcome), text)
    return DOUBTFUL if outcome.is_doubtful else GOOD
