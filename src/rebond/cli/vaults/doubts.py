"""Records of snapshots that cannot be trusted: whoever asked for the newest may not have got it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rebond.cli.invocation import Invocation
from rebond.findings import Finding, Severity
from rebond.units import format_moment

if TYPE_CHECKING:
    from rebond.vault.snapshots import SnapshotRecord

STORED_MS = "stored_ms"  # among the values of a finding: when the store took such a record


class Doubts:
    """Passes on what a vault reports, and remembers the records that could not be read."""

    def __init__(self, invocation: Invocation, report: Callable[[Finding], None]) -> None:
        self._invocation = invocation
        self._report = report
        self._untrusted: dict[str, int] = {}

    def hear(self, finding: Finding) -> None:
        """Take one finding and pass it on."""
        if isinstance(stored_ms := finding.values.get(STORED_MS), int):
            self._untrusted[finding.subject] = stored_ms
        self._report(finding)

    def judge(self, chosen: "SnapshotRecord", passed_over: "Sequence[SnapshotRecord]" = ()) -> None:
        """Say it where a record that cannot be trusted may be what was asked for; the status becomes 3.

        It was stored after what was chosen, and before all that was ``passed_over`` since it is too new.
        """
        since_ms = chosen.store_time_ms
        until_ms = min((each.store_time_ms for each in passed_over if each.store_time_ms > since_ms), default=None)
        newer = [
            name
            for name, stored_ms in self._untrusted.items()
            if stored_ms > since_ms and (until_ms is None or stored_ms < until_ms)
        ]
        if not newer or self._invocation.is_doubtful:
            return
        self._invocation.is_doubtful = True
        self._report(
            Finding(
                code="older-taken",
                severity=Severity.WARNING,
                subject=chosen.snapshot.hex(),
                template="A newer snapshot may be what was meant: its record {name} cannot be trusted, so {id} of "
                "{moment} was taken.",
                hint_template="'rebond verify' says what is wrong with it. A copy of the vault may have it whole: "
                "--vault ADDRESS-OF-THE-COPY.",
                values={
                    "name": max(newer, key=self._untrusted.__getitem__),
                    "id": chosen.snapshot.hex()[:12],
                    "moment": format_moment(chosen.catalog.time_ms),
                },
            )
        )
