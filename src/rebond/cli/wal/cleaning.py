"""What a clean-up takes of write-ahead logs: for each component that keeps one, what is older than its window."""

from rebond.cli.configuration.at_hand import judge_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.vaults.opening import VaultAtHand
from rebond.errors import RebondError
from rebond.operations.wal.retention import WalPlan, carry_out, plan_wal, read_needs
from rebond.stack.wal_places import find_wal_components
from rebond.units import format_size


def clean_wal(invocation: Invocation, vault: VaultAtHand, *, dry_run: bool) -> dict[str, object] | None:
    """Delete what no window and no base needs; return what that was, ``None`` where nobody says how long to keep it.

    Only clusters of which this stack has a base in the vault are touched, with the longest window of the stack.
    """
    window_ms = _find_window(invocation) if vault.configured.place else None
    if window_ms is None:
        return None
    own = {each.system_id for each in read_needs(vault.live) if each.stack == vault.configured.stack}
    plans = [plan_wal(vault.live, system_id, window_ms) for system_id in sorted(own)]
    if not dry_run:
        for plan in plans:
            carry_out(vault.live, plan)
    count, size = sum(len(each.doomed) for each in plans), sum(each.freed_bytes for each in plans)
    if count:
        values = {"count": count, "size": format_size(size)}
        note(
            invocation,
            tr("Would delete {count} objects of write-ahead logs and free {size}.", **values)
            if dry_run
            else tr("Deleted {count} objects of write-ahead logs and freed {size}.", **values),
        )
    return {"objects": count, "freed_bytes": size, "clusters": [_describe(each) for each in plans]}


def _find_window(invocation: Invocation) -> int | None:
    """Return the longest window of the configuration in milliseconds; ``None`` when a component keeps all, or none."""
    try:
        loaded = judge_configuration(invocation).loaded
    except RebondError:  # it merely lies around: nothing is deleted by it
        return None
    windows = [each.window for each in find_wal_components(loaded).values()] if loaded is not None else []
    known = [each for each in windows if each is not None]
    return max(known) * 1000 if known and len(known) == len(windows) else None


def _describe(plan: WalPlan) -> dict[str, object]:
    return {
        "system_id": str(plan.system_id),
        "objects": len(plan.doomed),
        "freed_bytes": plan.freed_bytes,
        "reason": plan.reason or None,
    }
