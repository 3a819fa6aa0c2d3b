"""``rebond find``: every version of a path over all snapshots."""

import os
from collections.abc import Iterator

import click

from rebond.cli.grammar.verbs import Word, option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer_each, note
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.documents import SHORT_ID
from rebond.cli.snapshots.entries_shown import entry_document
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.operations.finding import FoundVersion, find_versions
from rebond.operations.snapshots import list_snapshots, time_of
from rebond.units import format_iso, format_moment, format_size, parse_last_moment, parse_moment


@verb(
    "find",
    help="Find every version of a path over all snapshots. A PATTERN without / is compared with the last part of each "
    "path, any other with COMPONENT/PATH; * and ? fit as in a shell.",
    example="rebond find 'settings*.py' --since 2026-01-01",
)
@click.argument("pattern", type=Word())
@option("--since", metavar="TIME", help="Only snapshots from then on.")
@option("--until", metavar="TIME", help="Only snapshots until then.")
@click.pass_obj
def find(invocation: Invocation, pattern: str, since: str | None, until: str | None) -> None:
    """Snapshots that share a directory look into it once."""
    now_ms = SystemClock().now_ms()
    from_ms = parse_moment(since, now_ms=now_ms) if since else None
    until_ms = parse_last_moment(until, now_ms=now_ms) if until else None
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed, only_reads=True) as vault:
        records = [
            record
            for record in list_snapshots(vault.live)
            if (from_ms is None or time_of(record) >= from_ms) and (until_ms is None or time_of(record) <= until_ms)
        ]
        found = answer_each(invocation, _shown(find_versions(vault.live, records, pattern)))
    if not found:
        note(invocation, tr("Nothing fits in {count} snapshots.", count=len(records)))


def _shown(versions: Iterator[FoundVersion]) -> Iterator[tuple[dict[str, object], str]]:
    for each in versions:
        document = {
            "path": os.fsdecode(each.path),
            "component": os.fsdecode(each.path.partition(b"/")[0]),
            **entry_document(each.entry),
            "snapshots": [
                {"id": record.snapshot.hex(), "time": format_iso(time_of(record))} for record in each.snapshots
            ],
        }
        holders = ", ".join(record.snapshot.hex()[:SHORT_ID] for record in each.snapshots)
        moment = format_moment(each.entry.modified_ns // 1_000_000)
        yield document, f"{show_path(each.path)}  {format_size(each.entry.size)}  {moment}  {holders}"
