"""``rebond wal receive``: stream the log from a server into the vault."""

import contextlib
from pathlib import Path

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.services.log import log_of_service
from rebond.cli.services.signals import stop_on_signals
from rebond.cli.wal.at_hand import OpenVault, log_finding, wal_at_hand
from rebond.cli.wal.components import choose_component
from rebond.clock import Clock, SystemClock
from rebond.errors import RebondError, VaultLocked
from rebond.operations.wal.coverage import survey_wal
from rebond.schedule.holding import Lock, find_holder, try_lock
from rebond.schedule.stack_folders import folder_of
from rebond.service.attendants import is_abandoned
from rebond.service.wal_receiving import FAR_TAIL_SECONDS, TAIL_SECONDS, Receiving, WalReceiver
from rebond.service.wal_spool import WalSpool
from rebond.stack.wal import find_access
from rebond.stack.wal_lines import SLOT
from rebond.stack.wal_ways import StreamWay

SPOOL = "spool"
_TURN_SECONDS = 0.2


@verb(
    "receive",
    help="Stream the write-ahead log of a component from its server, over a replication slot, until told to stop. "
    "What the server has flushed is flushed here at once; whole segments go into the vault as they come, what is not "
    "whole every few seconds. 'rebond serve' starts this by itself where the configuration says wal = \"receive\".",
    example="rebond wal receive --component database",
)
@option("--component", default="", metavar="NAME", help="The component; needed where several keep a log.")
@option("--slot", default=SLOT, metavar="NAME", help="The replication slot; made where there is none.")
@option(
    "--accept-gap",
    is_flag=True,
    help="Go on where the slot is, though what came before is "
    "lost; a slot that waits for what the server removed is made anew.",
)
@click.pass_obj
def receive(invocation: Invocation, component: str, slot: str, accept_gap: bool) -> None:
    """Raises ``VaultLocked`` when another process receives for this component."""
    loaded = require_configuration(invocation)
    name, settings = choose_component(loaded, component)
    clock = SystemClock()
    folder = folder_of(invocation.state_folder, loaded) / "wal"
    lock = _lock(folder, name, clock)
    vault = OpenVault(invocation, log_finding, clock)
    kept = wal_at_hand(invocation, loaded, name, vault.get, clock)
    receiving = Receiving(
        component=name,
        slot=slot,
        find_access=lambda: find_access(name, settings, loaded),
        get_vault=vault.get,
        survey=lambda system_id: survey_wal(vault.get(), system_id),
        way=StreamWay(name, settings, loaded),
        clock=clock,
        tail_seconds=_find_tail_seconds(vault, settings.rpo),
        accepts_gap=accept_gap,
    )
    receiver = WalReceiver(receiving, WalSpool(folder / SPOOL / name, kept.archive, kept.ledger))
    try:
        with log_of_service(invocation, loaded), stop_on_signals() as stop:
            try:
                while not stop.wait(_TURN_SECONDS) and not is_abandoned(invocation.environment):
                    receiver.turn()
                    kept.ledger.save()
            finally:
                receiver.close()
    finally:
        kept.ledger.save()
        vault.close()
        lock.release()


def _lock(folder: Path, component: str, clock: Clock) -> Lock:
    path = folder / f"{component}.receive.lock"
    lock = try_lock(path, "rebond wal receive", clock)
    if lock is None:
        holder = find_holder(path)
        raise VaultLocked(
            "Another process receives the log of {component} already: {pid}.",
            hint="Stop it first, or leave it: one is enough.",
            component=component,
            pid=holder.pid if holder else "?",
        )
    return lock


def _find_tail_seconds(vault: OpenVault, rpo_seconds: int | None) -> float:
    """Return how often what is not whole goes into the vault: what may be lost with this machine as well."""
    if rpo_seconds is not None:
        return min(FAR_TAIL_SECONDS, max(1.0, rpo_seconds / 2))
    with contextlib.suppress(RebondError):  # it does not answer now: it is nearer than it seems, or farther
        return FAR_TAIL_SECONDS if vault.get().store.traits.latency else TAIL_SECONDS
    return TAIL_SECONDS
