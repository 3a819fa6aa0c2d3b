"""A prune of the vault at hand, and how it is told."""

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DOUBTFUL, GOOD, note
from rebond.cli.output.speech import tr
from rebond.cli.vaults.opening import VaultAtHand
from rebond.cli.witness import Watcher
from rebond.units import format_moment, format_size
from rebond.vault.prune_plan import PruneOptions, PrunePlan
from rebond.vault.pruning import PruneOutcome
from rebond.vault.pruning import prune as prune_vault


def prune_now(vault: VaultAtHand, watcher: Watcher, part: tuple[int, int] = (0, 1)) -> PruneOutcome:
    """Prune with what the store proved when the vault was made."""
    return prune_vault(vault.live, watcher, options_of(vault, part))


def outcome_text(outcome: PruneOutcome) -> str:
    """Return one line on what was deleted."""
    if outcome.freed_bytes < 0:
        return tr(
            "Deleted {objects} objects and dropped {records} snapshots from the trash. The vault takes {size} more for "
            "now: a later prune deletes the packs whose content was copied.",
            objects=len(outcome.deleted),
            records=len(outcome.records),
            size=format_size(-outcome.freed_bytes),
        )
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
    if outcome.left.until_ms:
        note(
            invocation,
            tr(
                "Left to a prune that began to delete them: {records} snapshots in the trash, {packs} packs. If it was "
                "cut short, the first prune after {moment} takes them up.",
                records=outcome.left.records,
                packs=outcome.left.packs,
                moment=format_moment(outcome.left.until_ms),
            ),
        )
    if outcome.is_postponed:
        note(
            invocation,
            tr("This store cannot create objects conditionally, so a prune deletes what was marked for seven days."),
        )
    return DOUBTFUL if outcome.plan.left_packs else GOOD


def options_of(vault: VaultAtHand, part: tuple[int, int]) -> PruneOptions:
    """Return what a prune may do here, by what the store proved when the vault was made."""
    promises = vault.opened.description.store.get("promises", {})
    has_proven = bool(promises.get("put-if-absent") and promises.get("race"))
    return PruneOptions(shard=part, is_store_proven=has_proven and vault.store.traits.conditional_create)


def plan_document(plan: PrunePlan) -> dict[str, object]:
    """Return what would be done, for machines."""
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
        "left_to_others": {"records": outcome.left.records, "packs": outcome.left.packs},
        "copied_bytes": outcome.copied_bytes,
        "freed_bytes": outcome.freed_bytes,
        "swept": outcome.swept,
    }
