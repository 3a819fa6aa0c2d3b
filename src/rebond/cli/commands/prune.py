"""``rebond prune``: free the room that forgotten snapshots took."""

import click

from rebond.cli.answering import DOUBTFUL, GOOD, answer, note
from rebond.cli.choosing import parse_shard
from rebond.cli.frame import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.opening import VaultAtHand, vault_at_hand
from rebond.cli.speech import tr
from rebond.cli.wal_cleaning import clean_wal
from rebond.cli.watching import watching
from rebond.cli.witness import Watcher
from rebond.units import format_size
from rebond.vault.prune_plan import PruneOptions, PrunePlan
from rebond.vault.pruning import PruneOutcome, plan_prune
from rebond.vault.pruning import prune as prune_vault


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
    """Plan, and carry the plan out."""
    part = parse_shard(shard) or (0, 1)
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        if dry_run:
            plan = plan_prune(vault.live, _options(vault, part))
        else:
            outcome = prune_now(vault, watcher, part)
        wal = clean_wal(invocation, vault, dry_run=dry_run) if part[0] == 0 else None
    if dry_run:
        text = tr(
            "Would delete {packs} packs, repack {repacked}, drop {records} snapshots from the trash, and free {size}.",
            packs=len(plan.packs),
            repacked=len(plan.repacked),
            records=len(plan.records),
            size=format_size(plan.freed_bytes),
        )
        answer(invocation, {"dry_run": True, **_plan_document(plan), "wal": wal}, text)
        return GOOD
    answer(invocation, {**outcome_document(outcome), "wal": wal}, outcome_text(outcome))
    return note_leftovers(invocation, outcome)


def prune_now(vault: VaultAtHand, watcher: Watcher, part: tuple[int, int] = (0, 1)) -> PruneOutcome:
    """Prune with what the store proved when the vault was made."""
    return prune_vault(vault.live, watcher, _options(vault, part))


def outcome_text(outcome: PruneOutcome) -> str:
    """Return one line on what was deleted."""
    return tr(
        "Deleted {objects} objects, dropped {records} snapshots from the trash, and freed {size}.",
        objects=len(outcome.deleted),
        records=len(outcome.records),
        size=format_size(outcome.freed_bytes),
    )


def note_leftovers(invocation: Invocation, outcome: PruneOutcome) -> int:
    """Say what a later prune will do; return the exit status."""
    if outcome.waiting_for:
        note(
            invocation,
            tr(
                "{count} running backups began before this and may still use what is marked; a later prune goes on.",
                count=len(outcome.waiting_for),
            ),
        )
    if outcome.is_postponed:
        note(
            invocation,
            tr("This store cannot create objects conditionally, so a prune deletes what was marked for seven days."),
        )
    return DOUBTFUL if outcome.plan.left_packs else GOOD


def _options(vault: VaultAtHand, part: tuple[int, int]) -> PruneOptions:
    promises = vault.opened.description.store.get("promises", {})
    has_proven = bool(promises.get("put-if-absent") and promises.get("race"))
    return PruneOptions(shard=part, is_store_proven=has_proven and vault.store.traits.conditional_create)


def _plan_document(plan: PrunePlan) -> dict[str, object]:
    return {
        "records": list(plan.records),
        "packs": [pack.pack_hash.hex() for pack in plan.packs],
        "repacked": [pack.pack_hash.hex() for pack in plan.repacked],
        "references": list(plan.references),
        "lists": list(plan.lists),
        "journals": list(plan.journals),
        "left_packs": plan.left_packs,
        "total_bytes": plan.total_bytes,
        "freed_bytes": plan.freed_bytes,
    }


def outcome_document(outcome: PruneOutcome) -> dict[str, object]:
    """Return what was done, for machines."""
    return {
        "dry_run": False,
        "records": list(outcome.records),
        "deleted": list(outcome.deleted),
        "spared": list(outcome.spared),
        "voided": list(outcome.voided),
        "waiting_for": list(outcome.waiting_for),
        "postponed": outcome.is_postponed,
        "copied_bytes": outcome.copied_bytes,
        "freed_bytes": outcome.freed_bytes,
        "swept": outcome.swept,
    }
