"""Before a saved data directory is called whole: the log that it needs has to be in the vault."""

from collections.abc import Callable

from rebond.errors import StoreError, VaultDamaged, WalGap
from rebond.findings import Finding, Severity
from rebond.operations.components import WalNeed
from rebond.operations.wal.coverage import prove_wal
from rebond.vault.access import Vault

PATIENCE_SECONDS = 60.0  # with nothing new in the archive
_QUIET_SECONDS = 5.0
_LOOK_EVERY_SECONDS = 0.25

Report = Callable[[Finding], None]


def wait_for_wal(
    vault: Vault, need: WalNeed, report: Report, *, patience_seconds: float | None = None
) -> tuple[str, int, int] | None:
    """Wait until all of it is there and read it; return the stream and the numbers of the first and last segment.

    ``None``, and a finding, when it does not come while nothing else comes either.
    """
    clock = vault.clock
    patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
    end = clock.monotonic() + patience
    missing, is_told, began = "", False, clock.monotonic()
    while True:
        try:
            return prove_wal(vault, need.system_id, need.timeline, need.start_lsn, need.stop_lsn, need.segment_bytes)
        except WalGap as error:
            reason: WalGap | StoreError | VaultDamaged = error
            name = str(error.values.get("name", ""))
            if name != missing:
                missing, end = name, clock.monotonic() + patience
        except (StoreError, VaultDamaged) as error:
            reason = error
            end = clock.monotonic()
        if clock.monotonic() >= end:
            report(_not_proven(reason))
            return None
        if not is_told and clock.monotonic() >= began + _QUIET_SECONDS:
            is_told = True
            report(_awaited(missing, patience))
        clock.sleep(_LOOK_EVERY_SECONDS)


def _awaited(name: str, patience_seconds: float) -> Finding:
    return Finding(
        code="wal-awaited",
        severity=Severity.NOTE,
        subject=name,
        template="The server has not archived {name} yet; it is awaited for {seconds} s.",
        hint_template="See 'rebond wal status', or pg_stat_archiver and the log of the server, for what keeps it.",
        values={"name": name, "seconds": round(patience_seconds)},
    )


def _not_proven(error: WalGap | StoreError | VaultDamaged) -> Finding:
    return Finding(
        code="wal-not-proven",
        severity=Severity.WARNING,
        subject=str(error.values.get("name", "write-ahead log")),
        template="The log that this data directory needs is not in the vault, so the snapshot is incomplete: {reason}",
        hint_template="See 'rebond wal status' for what keeps it from coming; then run the backup again.",
        values={"reason": error},
    )
