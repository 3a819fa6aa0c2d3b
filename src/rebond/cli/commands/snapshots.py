"""``rebond snapshots``: what can be restored."""

from collections.abc import Callable
from typing import Any

import click

from rebond.cli.drills.proofs import read_proven
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.keeping.expiring import foresee_ends
from rebond.cli.output.answering import DAMAGED, GOOD, answer, note, with_problems
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.documents import held_reasons, snapshot_document, snapshot_table
from rebond.cli.snapshots.windows_shown import describe_stretches, describe_windows, list_stretches
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.findings import Finding, Severity
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.units import parse_last_moment
from rebond.vault.verified_moments import find_verified_moments
from rebond.vault.verify_log import VerifyLog


@verb(
    "snapshots",
    help="List what can be restored, oldest first. Where the record of a snapshot cannot be trusted, the others are "
    "listed, and the exit status is 4.",
    example="rebond snapshots --tag before-upgrade --latest 3",
)
@option("--component", default="", metavar="NAME", help="Only snapshots that hold this component.")
@option("--tag", default="", metavar="TAG", help="Only snapshots with this tag.")
@option("--class", "class_", default="", metavar="NAME", help="Only snapshots of this class.")
@option("--stack", default="", metavar="NAME", help="Only snapshots of this stack.")
@option("--host", default="", metavar="HOST", help="Only snapshots of this host.")
@option("--latest", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@option("--at", "moment", metavar="TIME", help="Only those that show this moment or an earlier one.")
@option("--trash", is_flag=True, help="Those that were forgotten and not pruned yet.")
@click.pass_obj
def snapshots(invocation: Invocation, /, **wishes: Any) -> int:
    """Records that cannot be trusted are reported, not listed. Return 4 then: the list is not all there was."""
    wanted = SnapshotFilter(
        component=wishes["component"],
        tag=wishes["tag"],
        class_=wishes["class_"],
        stack=wishes["stack"],
        host=wishes["host"],
        until_ms=parse_last_moment(wishes["moment"], now_ms=SystemClock().now_ms()) if wishes["moment"] else None,
        newest=wishes["latest"],
        in_trash=wishes["trash"],
    )
    damage: list[Finding] = []
    with watching(invocation) as watcher:

        def hear(finding: Finding) -> None:
            if finding.severity is Severity.DAMAGE:
                damage.append(finding)
            watcher.noticed(finding)

        documents, text = _list(invocation, wanted, hear)
    answer(invocation, documents, with_problems(invocation, text, damage))
    if not documents:
        note(invocation, tr("No snapshot fits.") if wanted != SnapshotFilter() else tr("There is no snapshot yet."))
    return DAMAGED if damage else GOOD


def _list(
    invocation: Invocation, wanted: SnapshotFilter, report: Callable[[Finding], None]
) -> tuple[list[dict[str, object]], str]:
    """Return the documents and the table of the snapshots that are wanted."""
    with vault_at_hand(invocation, report, only_reads=True) as vault:
        records = list_snapshots(vault.live, wanted)
        held = held_reasons(vault, records)
        verified, ends, windows = {}, {}, {}
        stretches = [] if invocation.wants_json or wanted.in_trash else list_stretches(vault, records)
        if invocation.wants_json:  # it takes a look at the whole index, and at every snapshot
            ends = foresee_ends(
                invocation, vault, records if wanted == SnapshotFilter() else list_snapshots(vault.live)
            )
            log = VerifyLog(invocation.state_folder / "verified" / vault.live.vault_id.hex())
            verified = find_verified_moments(vault.live, records, log)
            windows = describe_windows(vault, records)
    proven = read_proven(invocation, min((each.catalog.time_ms for each in records), default=0))
    documents = [
        snapshot_document(
            record,
            held=held.get(record.snapshot, ""),
            verified_ms=verified.get(record.name),
            expires_ms=ends.get(record.name),
            proven_ms=proven.get(record.snapshot.hex()),
            windows=windows.get(record.snapshot),
        )
        for record in records
    ]
    lines = [snapshot_table(records, held, proven), *describe_stretches(stretches)] if records else []
    return documents, "\n".join(lines)
