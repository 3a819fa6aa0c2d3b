"""A backup that is proved at once: a gate for deployments."""

from collections.abc import Callable, Mapping

from rebond.cli.backup.apart import show_unchanged
from rebond.cli.drills.configuration import find_loaded
from rebond.cli.drills.drilling import DrillWish, run_drill
from rebond.cli.drills.evidence_kept import keep_evidence, status_of_evidence
from rebond.cli.drills.shown import describe_drill
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD
from rebond.cli.output.standard_output import write
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.witness import Watcher
from rebond.operations.unchanged import Unchanged
from rebond.vault.snapshots import SnapshotRecord

Show = Callable[[Mapping[str, object]], int]


def prove(invocation: Invocation, record: SnapshotRecord, watcher: Watcher, show: Show) -> int:
    """Drill a snapshot that was just made, show it with what came of that, and return the graver exit status.

    The snapshot stands whatever the drill says. Raises ``RoleTooSmall`` for a key that cannot read.
    """
    with vault_at_hand(invocation, watcher.noticed, only_reads=True) as vault:
        evidence = run_drill(invocation, vault.live, record, find_loaded(invocation, record), watcher, DrillWish())
        document = keep_evidence(invocation, evidence)
    status = show({"drill": document})
    if not invocation.wants_json:
        write(describe_drill(evidence) + "\n")
    proved = status_of_evidence(evidence)
    return status if proved == GOOD else proved


def prove_standing(invocation: Invocation, unchanged: Unchanged, watcher: Watcher) -> int:
    """Drill the snapshot that stands because nothing changed since."""
    return prove(invocation, unchanged.record, watcher, lambda _document: show_unchanged(invocation, unchanged))
