"""What a plan of coming back has to know of this machine."""

import os
from collections.abc import Mapping
from pathlib import Path

from rebond.cli.in_place.runs import restores_of
from rebond.cli.invocation import Invocation
from rebond.cli.vaults.opening import VaultAtHand
from rebond.config.model import Loaded
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.history.runs import RunFilter, read_runs
from rebond.history.step_times import LEARNT_FROM, NEWEST, StepTimes
from rebond.identifiers import random_id
from rebond.operations.recovery.parts import Source
from rebond.operations.recovery.plan import Expect
from rebond.stack.recovery_wishes import Surroundings

_LOOKED_AT = 20 * NEWEST  # runs of the ledger: restores and drills are rare


def name_run(invocation: Invocation) -> str:
    """Return the id of the run: the one under which the ledger knows it."""
    return invocation.recording.run if invocation.recording is not None else random_id(8).hex()


def look_around(
    invocation: Invocation, vault: VaultAtHand, loaded: Loaded, run: str, sources: Mapping[str, Source]
) -> Surroundings:
    """Return what a new plan is made from: its run, where each component comes from, what may not be moved."""
    return Surroundings(
        run=run,
        folder_of=lambda name: restores_of(invocation) / run / "parts" / name,
        sources=sources,
        untouchable=list_untouchable(invocation, vault.store.location),
        expect=learn_expectations(invocation, loaded.configuration.stack.name),
    )


def list_untouchable(invocation: Invocation, location: str) -> tuple[bytes, ...]:
    """Return what no restore may move: what this machine remembers, and the vault where it is a directory here."""
    found = [os.fsencode(invocation.state_folder), os.fsencode(invocation.cache_folder)]
    if os.path.isabs(location):
        found.append(os.path.realpath(os.fsencode(location)))
    return tuple(found)


def learn_expectations(invocation: Invocation, stack: str) -> Expect:
    """Return what earlier restores and drills of a stack here let expect; nothing where their record cannot be read."""
    ledger = Ledger(Path(invocation.state_folder) / HISTORY)
    try:
        runs = [run for kind in LEARNT_FROM for run in read_runs(ledger, RunFilter(kind=kind, newest=_LOOKED_AT))]
    except OSError:
        runs = []
    return StepTimes(sorted(runs, key=lambda each: each.began_ms), stack).expect
