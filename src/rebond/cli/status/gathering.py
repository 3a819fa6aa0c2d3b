"""What ``rebond status`` is made of: the configuration, the vaults, the ledger."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from rebond.cli.invocation import Invocation
from rebond.cli.vaults.others import open_by_name
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError, StoreError
from rebond.history.drills import read_drills
from rebond.history.learning import learn
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY
from rebond.history.runs import Run
from rebond.operations.snapshots import list_snapshots
from rebond.progress import Observer
from rebond.schedule.stack_folders import folder_of
from rebond.stack.half_done import remark_half_done
from rebond.stack.objectives.log_ends import find_log_ends
from rebond.stack.objectives.status import StackStatus, VaultFacts, gather_status
from rebond.store.canary import CanaryFate, try_canary
from rebond.vault.access import Vault
from rebond.vault.credentials import Role
from rebond.vault.snapshots import SnapshotRecord

_DRILLS = 200


def find_status(
    invocation: Invocation, vault: Vault, loaded: Loaded, observer: Observer, *, tries_canary: bool = True
) -> StackStatus:
    """Return the status of a stack. Raises ``StoreError`` when its main vault does not answer."""
    records = list_snapshots(vault)
    facts = VaultFacts(
        records=[*records, *_list_apart(invocation, loaded, observer)],
        main_records=records,
        can_read=vault.can_read(),
        canary=_find_fate(vault) if tries_canary else None,
        location=vault.store.location,
    )
    stack, clock = loaded.configuration.stack.name, SystemClock()
    folder = folder_of(invocation.state_folder, loaded)
    own = [each for each in records if each.catalog.stack == stack]
    drills = _read_drills(invocation, stack)
    status = gather_status(
        loaded,
        facts,
        drills,
        learn(drills),
        find_log_ends(vault, loaded, own, folder, clock.now_ms()),
        folder=folder,
        clock=clock,
        stands_as_it_is=partial(_stands_as_it_is, invocation, loaded, vault, observer),
    )
    return replace(status, remarks=(*remark_half_done(invocation.state_folder, stack, clock), *status.remarks))


def _stands_as_it_is(
    invocation: Invocation,
    loaded: Loaded,
    vault: Vault,
    observer: Observer,
    class_name: str,
    newest: Mapping[str, SnapshotRecord],
) -> bool:
    from rebond.cli.backup.standing import stands_as_it_is  # what plans a backup is loaded where it is asked

    return stands_as_it_is(invocation, loaded, vault, observer, class_name, newest)


def _list_apart(invocation: Invocation, loaded: Loaded, observer: Observer) -> list[SnapshotRecord]:
    """Return the snapshots of vaults that are kept apart; one that cannot be opened here has none to show."""
    records: list[SnapshotRecord] = []
    names = dict.fromkeys(each.vault for each in loaded.configuration.component.values() if each.vault)
    for name in names:
        with contextlib.suppress(RebondError), open_by_name(invocation, loaded, name, observer) as other:
            records += list_snapshots(other)
    return records


def _find_fate(vault: Vault) -> CanaryFate | None:
    """Try to overwrite and delete a canary, as ``doctor`` does; the owner may by right, and tries nothing."""
    if vault.credentials.role is Role.OWNER:
        return None
    try:
        return try_canary(vault.store)
    except StoreError:  # a place that may only be read: nothing can be destroyed from here
        return None


def _read_drills(invocation: Invocation, stack: str) -> list[Run]:
    try:
        return read_drills(Ledger(invocation.state_folder / HISTORY), stack=stack, newest=_DRILLS)
    except OSError:  # without a ledger nothing was measured, and the page says so
        return []
