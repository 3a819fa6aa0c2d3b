"""``rebond wal serve``: the daemon that ``rebond-wal`` asks."""

from collections.abc import Iterable

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import verb
from rebond.cli.invocation import Invocation
from rebond.cli.services.log import log_of_service
from rebond.cli.services.signals import stop_on_signals
from rebond.cli.wal.at_hand import OpenVault, log_finding, wal_at_hand, wal_socket_of
from rebond.cli.wal.components import choose_component, choose_components
from rebond.clock import SystemClock
from rebond.errors import VaultLocked
from rebond.own_memory import give_memory_back, keep_memory
from rebond.schedule.holding import find_holder, try_lock
from rebond.schedule.stack_folders import folder_of
from rebond.service.attendants import is_abandoned
from rebond.service.wal_desk import WalDesk
from rebond.service.wal_socket import wal_answered
from rebond.stack.wal_places import find_user, make_socket_folder

WAL_LOCK = "wal.lock"
_SAVE_EVERY_SECONDS = 1.0
_IDLE_TURNS = 10


@verb(
    "serve",
    help="Answer rebond-wal, which PostgreSQL calls as archive_command and restore_command, until told to stop. "
    "'rebond serve' starts this by itself. Without it rebond-wal does the same, slower.",
    example="rebond wal serve --config /etc/rebond/rebond.toml",
)
@click.pass_obj
def serve(invocation: Invocation) -> None:
    """Raises ``VaultLocked`` when another process answers for this stack."""
    loaded = require_configuration(invocation)
    components = choose_components(loaded)
    clock = SystemClock()
    folder = folder_of(invocation.state_folder, loaded)
    lock = try_lock(folder / WAL_LOCK, "rebond wal serve", clock)
    if lock is None:
        holder = find_holder(folder / WAL_LOCK)
        raise VaultLocked(
            "Another process answers rebond-wal for this stack already: {pid}.",
            hint="Stop it first, or leave it: one is enough.",
            pid=holder.pid if holder else "?",
        )
    keep_memory()
    socket = wal_socket_of(invocation, loaded)
    make_socket_folder(socket)
    vault = OpenVault(invocation, log_finding, clock)
    kept = {name: wal_at_hand(invocation, loaded, name, vault.get, clock) for name in components}
    desks = {name: WalDesk(each.archive, vault.get, each.ledger) for name, each in kept.items()}

    def find_desk(name: str) -> WalDesk:
        return desks[choose_component(loaded, name)[0]]

    users = frozenset(user for each in components.values() if (user := find_user(each.wal_user)) is not None)
    try:
        with (
            log_of_service(invocation, loaded),
            stop_on_signals() as stop,
            wal_answered(socket, find_desk, users=users),
        ):
            idle = Idleness(desks.values())
            while not stop.wait(_SAVE_EVERY_SECONDS) and not is_abandoned(invocation.environment):
                for each in kept.values():
                    each.ledger.save()
                idle.look()
    finally:
        for desk in desks.values():
            desk.close()
        for each in kept.values():
            each.ledger.save()
        vault.close()
        lock.release()


class Idleness:
    """Gives memory back once nobody has asked for some time."""

    def __init__(self, desks: Iterable[WalDesk]) -> None:
        self._desks = tuple(desks)
        self._seen, self._turns = 0, _IDLE_TURNS

    def look(self) -> None:
        """To be called every second."""
        asked = sum(each.asked for each in self._desks)
        self._turns = 0 if asked != self._seen else self._turns + 1
        self._seen = asked
        if self._turns == _IDLE_TURNS:
            give_memory_back()
