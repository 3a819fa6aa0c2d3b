"""A vault made quickly, and what it holds: for tests of whatever works on vaults."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rebond.clock import Clock
from rebond.findings import Finding
from rebond.operations.backup import BackupOutcome, BackupRequest, ComponentToSave, back_up
from rebond.operations.browsing import content_of, root_of, walk
from rebond.progress import Advance
from rebond.store.protocol import Store
from rebond.store.proving import prove_store
from rebond.testing.memory_tree import MemoryTree
from rebond.vault.access import Vault
from rebond.vault.creation import Created, create_vault
from rebond.vault.credentials import Credentials
from rebond.vault.frames import LEVELS
from rebond.vault.opening import VaultSecret, open_vault
from rebond.vault.papers import VaultPapers
from rebond.vault.pins import Pins
from rebond.vault.reading import SnapshotReader
from rebond.vault.slots import Argon2Cost
from rebond.vault.snapshots import SnapshotRecord

QUICK_COST = Argon2Cost(memory_kib=64, passes=1, lanes=1)


@dataclass(slots=True)
class Notebook:
    """An observer that remembers what it heard."""

    findings: list[Finding] = field(default_factory=list)
    advances: list[Advance] = field(default_factory=list)

    def advanced(self, advance: Advance) -> None:
        """Remember."""
        self.advances.append(advance)

    def noticed(self, finding: Finding) -> None:
        """Remember."""
        self.findings.append(finding)


def make_vault(store: Store, clock: Clock) -> Created:
    """Make a vault at ``store`` with a quick key derivation; its recovery key opens it."""
    proof = prove_store(store, clock, large_bytes=100_000)
    return create_vault(store, clock=clock, proof=proof, cost=QUICK_COST, papers=VaultPapers(contents={}))


def open_made(
    created: Created,
    store: Store,
    clock: Clock,
    caches: Path,
    *,
    credentials: Credentials | None = None,
    report: Callable[[Finding], None] = lambda _: None,
) -> Vault:
    """Open a vault that ``make_vault`` made, as its owner or with other credentials."""
    return Vault(
        store=store,
        credentials=credentials or created.credentials,
        roster=created.roster,
        caches=caches,
        clock=clock,
        report=report,
    )


def save(
    vault: Vault,
    tree: MemoryTree,
    *,
    level: str = "fast",
    observer: Notebook | None = None,
    name: str = "site",
    **words: object,
) -> BackupOutcome:
    """Back a memory tree up as one component of the stack ``test``."""
    component = ComponentToSave(name=name, root=b"/" + name.encode(), open_tree=lambda _: tree)
    request = BackupRequest(components=(component,), stack="test", host="here", level=LEVELS[level], **words)  # type: ignore[arg-type]
    return back_up(vault, request, observer or Notebook())


def read_back(vault: Vault, record: SnapshotRecord) -> dict[str, bytes]:
    """Return every file of a snapshot; raises when one cannot be read."""
    found: dict[str, bytes] = {}
    with SnapshotReader(vault, record) as reader:
        for component in reader.components:
            for item in walk(reader, root_of(component)):
                if item.entry is not None and item.entry.kind == "f":
                    found[item.path.decode()] = b"".join(content_of(reader, item.entry))
    return found


def open_credentials(store: Store, secret: VaultSecret, *, pins: Pins | None = None) -> Credentials:
    """Return what ``secret`` makes of its holder; raises as ``open_vault`` does."""
    return open_vault(store, secret, pins=pins).credentials
