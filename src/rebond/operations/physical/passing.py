"""From a server that was brought back to a moment into another server: its databases are saved and loaded again.

What is saved on the way lies in a vault of its own in a private folder, and goes with it. So loading has one way only,
with its counts and its swap, whatever a snapshot was made of.
"""

import secrets
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from rebond.clock import Clock
from rebond.entries import Tree
from rebond.errors import UnknownName
from rebond.findings import Finding
from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.operations.components import Moment
from rebond.operations.restore_database import DatabaseOutcome, DatabaseWish, restore_database
from rebond.progress import Observer
from rebond.sources.postgres.target import DatabaseTarget
from rebond.store.local import LocalStore
from rebond.store.proving import prove_store
from rebond.vault.access import Vault
from rebond.vault.creation import create_vault
from rebond.vault.frames import LEVELS
from rebond.vault.papers import VaultPapers
from rebond.vault.slots import Argon2Cost
from rebond.vault.snapshots import SnapshotRecord

_QUICK = Argon2Cost(memory_kib=64, passes=1, lanes=1)  # nobody keeps what opens it
_PROOF_BYTES = 100_000


OpenTree = Callable[[Callable[[Finding], None]], Tree]


def pass_databases(
    open_tree: OpenTree,
    component: str,
    target: DatabaseTarget,
    wish: DatabaseWish,
    folder: Path,
    clock: Clock,
    observer: Observer,
) -> DatabaseOutcome:
    """Save what ``open_tree`` opens below ``folder``, and load it. Raises what both raise."""
    vault, record = save_on_the_way(open_tree, component, folder, clock, observer)
    wish = replace(wish, counts_objects=not (wish.tables or wish.schemas))  # they are left out where tables come alone
    return restore_database(vault, record, component, target, wish, observer)


def save_on_the_way(
    open_tree: OpenTree, component: str, folder: Path, clock: Clock, observer: Observer
) -> tuple[Vault, SnapshotRecord]:
    """Save what ``open_tree`` opens into a vault of its own below ``folder``. Raises what saving it does."""
    place = folder / "passing"
    place.mkdir(mode=0o700)
    store = LocalStore(str(place))
    proof = prove_store(store, clock, large_bytes=_PROOF_BYTES)
    key = secrets.token_bytes(32)
    created = create_vault(
        store, clock=clock, proof=proof, recovery_key=key, cost=_QUICK, papers=VaultPapers(contents={})
    )
    vault = Vault(
        store=store,
        credentials=created.credentials,
        roster=created.roster,
        caches=folder / "caches",
        clock=clock,
        report=observer.noticed,
    )
    saved = ComponentToSave(name=component, root=b"", open_tree=open_tree, kind="postgres", moment=Moment.WHEN_OPENED)
    request = BackupRequest(components=(saved,), stack="passing", host="here", level=LEVELS["fast"])
    return vault, back_up(vault, request, observer).record


def choose_database(known: list[str], target: DatabaseTarget, wish: DatabaseWish, usual: str) -> str:
    """Return which database of a server is meant: one that is renamed, that of the target, the usual, the only one.

    Raises ``UnknownName``.
    """
    own = [each for each in known if each != "postgres"] or known
    for name in (*wish.renames, target.database, usual):
        if name in known:
            return name
    if len(own) == 1:
        return own[0]
    raise UnknownName(
        "This server has several databases; which one is to be loaded?",
        hint="Name it as the database of the target, or with --rename OLD=NEW. It has: {known}.",
        known=", ".join(known),
    )
