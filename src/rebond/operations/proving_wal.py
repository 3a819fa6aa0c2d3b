"""Before a saved data directory is called whole: the log that it needs has to be in the vault."""

from collections.abc import Callable

from rebond.clock import Clock
from rebond.errors import StoreError, VaultDamaged, WalGap
from rebond.findings import Finding, Severity
from rebond.operations.components import Receiving, WalNeed
from rebond.operations.wal.coverage import prove_wal
from rebond.vault.access import Vault

PATIENCE_SECONDS = 60.0  # with nothing new in the archive
_QUIET_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.05  # a segment that is received at once is there soon, and else later and later
_LOOK_SLOWER, _LOOK_EVERY_SECONDS = 1.5, 0.25
_ASK_EVERY_SECONDS = 2.0
# While nobody streams: a receiver makes its slot as it begins, and rests up to 30 s between two tries.
_PATIENCE_ALONE = {Receiving.NOBODY: 10.0, Receiving.PAUSES: 40.0}

Report = Callable[[Finding], None]


def wait_for_wal(
    vault: Vault, need: WalNeed, report: Report, *, patience_seconds: float | None = None
) -> tuple[str, int, int] | None:
    """Wait until all of it is there and read it; return the stream and the numbers of the first and last segment.

    ``None``, and a finding, when it does not come while nothing else comes either. Where nobody takes the log away that
    is known sooner, and said within seconds.
    """
    clock = vault.clock
    receiver = _Receiver(need.ask_receiving, clock)
    patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
    end = clock.monotonic() + patience
    missing, is_told, began = "", False, clock.monotonic()
    pause = _LOOK_AGAIN_SECONDS
    while True:
        try:
            return prove_wal(vault, need.system_id, need.timeline, need.start_lsn, need.stop_lsn, need.segment_bytes)
        except WalGap as error:
            reason: WalGap | StoreError | VaultDamaged = error
            name = str(error.values.get("name", ""))
            if name != missing:
                missing, end = name, clock.monotonic() + patience
                receiver.meet()
        except (StoreError, VaultDamaged) as error:
            reason = error
            end = clock.monotonic()
        if clock.monotonic() >= end or receiver.is_missed():
            report(_not_proven(reason, receiver.state))
            return None
        if not is_told and clock.monotonic() >= began + _QUIET_SECONDS:
            is_told = True
            awaited = _PATIENCE_ALONE.get(receiver.state, patience)
            report(_awaited(missing, min(awaited, patience), receiver.state))
        clock.sleep(pause)
        pause = min(_LOOK_EVERY_SECONDS, pause * _LOOK_SLOWER)


class _Receiver:
    """Who is to bring the log, as its server says from time to time."""

    def __init__(self, ask: Callable[[], Receiving] | None, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._asked = self._seen = clock.monotonic()
        self.state = Receiving.GOES_ON

    def meet(self) -> None:
        """Take note that something came."""
        self._seen = self._clock.monotonic()

    def is_missed(self) -> bool:
        """Say whether nobody was seen for so long that nobody will come."""
        now = self._clock.monotonic()
        if self._ask is None or now < self._asked + _ASK_EVERY_SECONDS:
            return False
        self._asked, self.state = now, self._ask()
        if self.state is Receiving.GOES_ON:
            self._seen = now
            return False
        return now >= self._seen + _PATIENCE_ALONE[self.state]


def _awaited(name: str, patience_seconds: float, state: Receiving) -> Finding:
    if state is not Receiving.GOES_ON:
        return Finding(
            code="no-receiver",
            severity=Severity.NOTE,
            subject=name,
            template="No receiver takes the log of the server away: no replication slot is in use. {name} is awaited "
            "for {seconds} s all the same.",
            hint_template="Start it: rebond wal receive --component NAME",
            values={"name": name, "seconds": round(patience_seconds)},
        )
    return Finding(
        code="wal-awaited",
        severity=Severity.NOTE,
        subject=name,
        template="The server has not archived {name} yet; it is awaited for {seconds} s.",
        hint_template="See 'rebond wal status', or pg_stat_archiver and the log of the server, for what keeps it.",
        values={"name": name, "seconds": round(patience_seconds)},
    )


def _not_proven(error: WalGap | StoreError | VaultDamaged, state: Receiving) -> Finding:
    return Finding(
        code="wal-not-proven",
        severity=Severity.WARNING,
        subject=str(error.values.get("name", "write-ahead log")),
        template="The log that this data directory needs is not in the vault, so the snapshot is incomplete: {reason}",
        hint_template="See 'rebond wal status' for what keeps it from coming; then run the backup again."
        if state is Receiving.GOES_ON
        else "No receiver runs: start it with 'rebond wal receive --component NAME'; then run the backup again.",
        values={"reason": error},
    )
