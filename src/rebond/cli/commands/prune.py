"""``rebond prune``: free the room that forgotten snapshots took."""

import click

from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.keeping.heard import Heard
from rebond.cli.keeping.pruning import (
    note_leftovers,
    options_of,
    outcome_document,
    outcome_text,
    plan_document,
    prune_now,
)
from rebond.cli.output.answering import answer, status_of, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import tr
from rebond.cli.output.watching import watching
from rebond.cli.snapshots.choosing import parse_shard
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.wal.cleaning import clean_wal
from rebond.units import format_size
from rebond.vault.pruning import plan_prune


@verb(
    "prune",
    help="Delete what no listed snapshot needs: the trash first, then the content that nothing else uses. Backups may "
    "run meanwhile, and other prunes; if it is cut anywhere, every listed snapshot is whole. It takes the key of the "
    "owner or a keeper.",
    example="rebond prune --dry-run",
)
@option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@option("--shard", metavar="I/N", help="Only the I-th of N parts, 0 ≤ I < N, so that machines can share the work.")
@click.pass_obj
def prune(invocation: Invocation, dry_run: bool, shard: str | None) -> int:
    """Plan, and carry the plan out. Return 4 where damage was met, 3 where something had to be left undone."""
    part = parse_shard(shard) or (0, 1)
    with watching(invocation) as watcher, vault_at_hand(invocation, (heard := Heard(watcher)).hear) as vault:
        heard.keep_damage()
        if dry_run:
            plan = plan_prune(vault.live, options_of(vault, part))
        else:
            outcome = prune_now(vault, watcher, part)
        wal = clean_wal(invocation, vault, dry_run=dry_run) if part[0] == 0 else None
    problems = [finding_document(each) for each in heard.findings]
    status = status_of(heard.findings)
    if dry_run:
        text = tr(
            "Would delete {packs} packs, repack {repacked}, drop {records} snapshots from the trash, and free {size}.",
            packs=len(plan.packs),
            repacked=len(plan.repacked),
            records=len(plan.records),
            size=format_size(plan.freed_bytes),
        )
        document = {"dry_run": True, **plan_document(plan), "wal": wal, "problems": problems}
        answer(invocation, document, with_problems(invocation, text, heard.findings))
        return status
    document = {**outcome_document(outcome), "wal": wal, "problems": problems}
    answer(invocation, document, with_problems(invocation, outcome_text(outcome), heard.findings))
    return max(status, note_leftovers(invocation, outcome))
