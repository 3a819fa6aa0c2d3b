"""``rebond undelete``: put a forgotten snapshot back on the list."""

import click

from rebond.cli.grammar.verbs import verb
from rebond.cli.invocation import Invocation
from rebond.cli.keeping.heard import Heard
from rebond.cli.output.answering import answer, status_of, with_problems
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import stack_option
from rebond.cli.snapshots.documents import SHORT_ID, snapshot_document
from rebond.cli.vaults.opening import vault_at_hand
from rebond.errors import UnknownName
from rebond.operations.snapshots import SnapshotFilter, list_snapshots, resolve_snapshot
from rebond.vault.undeleting import undelete as take_back


@verb(
    "undelete",
    help="Put a forgotten snapshot back on the list, as long as no prune has begun to delete it. 'rebond snapshots "
    "--trash' shows which there are.",
    example="rebond undelete 49db0a78",
)
@click.argument("snapshot")
@stack_option
@click.pass_obj
def undelete(invocation: Invocation, snapshot: str, stack: str) -> int:
    """When this returns, it is listed again and no prune deletes it. Return 4 where damage was met beside it."""
    with watching(invocation) as watcher, vault_at_hand(invocation, (heard := Heard(watcher)).hear) as vault:
        trash = list_snapshots(vault.live, SnapshotFilter(in_trash=True))
        if not trash:
            raise UnknownName("The trash is empty.", hint="'rebond snapshots' lists what was not forgotten.")
        record = resolve_snapshot(
            trash,
            snapshot,
            now_ms=vault.live.clock.now_ms(),
            stack=stack or vault.configured.stack,
            zone=vault.configured.zone,
        )
        take_back(vault.live, record.name)
    answer(
        invocation,
        snapshot_document(record),
        with_problems(
            invocation, tr("Snapshot {id} is back on the list.", id=record.snapshot.hex()[:SHORT_ID]), heard.damage
        ),
    )
    return status_of(heard.damage)
