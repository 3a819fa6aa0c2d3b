"""When the snapshots at hand will go, as the configuration keeps them."""

from collections.abc import Sequence

from rebond.cli.invocation import Invocation
from rebond.cli.vaults.opening import VaultAtHand
from rebond.identifiers import ObjectName
from rebond.vault.holds import find_held, read_holds
from rebond.vault.retention import candidate_of
from rebond.vault.snapshots import SnapshotRecord


def foresee_ends(invocation: Invocation, vault: VaultAtHand, listed: Sequence[SnapshotRecord]) -> dict[ObjectName, int]:
    """Return from when on nothing keeps each snapshot, in milliseconds since 1970; empty without a configuration.

    ``listed`` are all snapshots that are not in the trash.
    """
    configured = vault.configured
    if not configured.place:
        return {}
    from rebond.cli.configuration.at_hand import require_configuration
    from rebond.stack.expiring import foresee_expiry

    now_ms = vault.live.clock.now_ms()
    held = find_held(listed, read_holds(vault.live), now_ms)
    return foresee_expiry(
        require_configuration(invocation),
        configured.place,
        [candidate_of(record, held) for record in listed],
        stack=configured.stack,
        zone=configured.zone,
        now_ms=now_ms,
    )
