"""A vault with one object of every kind, several snapshots, and an oracle that knows what can be read back."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from rebond.errors import RebondError
from rebond.identifiers import ObjectName, SnapshotId, random_id
from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.operations.browsing import children, content_of, root_of
from rebond.operations.verify import VerifyOutcome, verify
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.store.proving import prove_store
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import QUICK_COST
from rebond.vault.access import Vault
from rebond.vault.commits import read_snapshots
from rebond.vault.creation import Created, create_vault
from rebond.vault.credentials import Credentials
from rebond.vault.frames import Codec, Level
from rebond.vault.holds import hold_snapshot, release_snapshot
from rebond.vault.marks import ClaimBody, MarkBody, claim_mark, put_mark
from rebond.vault.object_names import ObjectClass, classify_name
from rebond.vault.opening import open_vault
from rebond.vault.papers import README_NAME, VaultPapers, load_papers
from rebond.vault.primitives import hash_of
from rebond.vault.protocol_rules import ClaimPurpose
from rebond.vault.reading import SnapshotReader
from rebond.vault.runs import begin_record, put_run
from rebond.vault.slots import recovery_key_secret
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.streams import put_item
from rebond.vault.unlisted_packs import SelfDescribedPack, read_unlisted_packs

TINY = Level("tiny", Codec.ZSTD, 1, 48 << 10, 1 << 20)  # segments of some 40 kB: many in a small pack
COMPONENT = "site"


@dataclass
class World:
    """A vault in memory, the tree that it saves, and what each snapshot should give back."""

    store: MemoryStore
    clock: ManualClock
    created: Created
    tree: MemoryTree
    base: Path
    saved: dict[SnapshotId, dict[str, bytes]] = field(default_factory=dict)
    visits: int = 0

    def vault(self, *, caches: str = "", credentials: Credentials | None = None, store: Store | None = None) -> Vault:
        """Open the vault with caches of its own, as from another machine."""
        self.visits += 1
        return Vault(
            store=store or self.store,
            credentials=credentials or self.created.credentials,
            roster=self.created.roster,
            caches=self.base / (caches or f"visit-{self.visits}"),
            clock=self.clock,
        )

    def owner(self) -> Vault:
        """Open the vault anew as its owner, with the roster that lies there now."""
        opened = open_vault(self.store, recovery_key_secret(self.created.recovery_key))
        return replace(self.vault(credentials=opened.credentials), roster=opened.roster)

    def save(self, *, caches: str = "writer") -> SnapshotRecord:
        """Make a snapshot of the tree as it is now."""
        component = ComponentToSave(name=COMPONENT, root=b"/site", open_tree=lambda _: self.tree)
        request = BackupRequest(components=(component,), stack="test", host="here", level=TINY)
        record = back_up(self.vault(caches=caches), request, Silence()).record
        self.saved[record.snapshot] = self.tree.copy()
        self.clock.advance(60)
        return record

    def verify(self, **words: object) -> VerifyOutcome:
        """Verify as the owner, from a machine that remembers nothing, unless said otherwise."""
        vault = words.pop("vault", None) or self.vault()
        return verify(vault, **words)  # type: ignore[arg-type]

    def records(self) -> list[SnapshotRecord]:
        """The snapshots that can be listed, oldest first."""
        return read_snapshots(self.vault())

    def names(self, object_class: ObjectClass) -> list[str]:
        """The objects of a class, in byte order."""
        return [info.name for info in self.store.list_objects() if classify_name(info.name) is object_class]

    def packs(self) -> list[SelfDescribedPack]:
        """Every pack by its own tail."""
        domain = self.created.roster.domains[0].id
        return list(read_unlisted_packs(self.vault(), set(), domain))

    def copy(self, base: Path) -> "World":
        """An independent copy of everything, caches of the writer included."""
        store = MemoryStore(self.clock)
        store._objects = dict(self.store._objects)
        if (self.base / "writer").exists():
            _copy_tree(self.base / "writer", base / "writer")
        tree = MemoryTree(dict(self.tree.files), dict(self.tree.versions))
        return World(store, self.clock, self.created, tree, base, dict(self.saved))


def _copy_tree(source: Path, target: Path) -> None:
    for directory, _, files in os.walk(source):
        to = target / Path(directory).relative_to(source)
        to.mkdir(parents=True, exist_ok=True)
        for name in files:
            (to / name).write_bytes((Path(directory) / name).read_bytes())


def build_world(base: Path) -> World:
    """Three snapshots in packs of their own, references objects, and a record of every other kind."""
    clock = ManualClock()
    store = MemoryStore(clock)
    papers = VaultPapers(
        contents={
            README_NAME: load_papers().contents[README_NAME],
            "VAULT-FORMAT.md": b"# format",
            "rescue/rescue-1.py": b"print('rescue')",
        }
    )
    created = create_vault(
        store,
        clock=clock,
        proof=prove_store(MemoryStore(clock), clock, large_bytes=100_000),
        cost=QUICK_COST,
        papers=papers,
    )
    world = World(store, clock, created, MemoryTree(), base)
    with pytest.MonkeyPatch.context() as patch:
        # References as objects of their own, as large snapshots have them.
        patch.setattr("rebond.vault.committing.EMBED_LIMIT", 0)
        _save_three(world)
    _put_records(world)
    return world


def _save_three(world: World) -> None:
    rng = random.Random(7)
    for name in ("code/a.py", "code/b.py", "code/deep/c.py", "media/one", "media/two", "notes"):
        world.tree.write(name, rng.randbytes(30_000))
    world.tree.write("media/large", rng.randbytes(150_000))
    world.save()
    world.tree.write("extra/new", rng.randbytes(70_000))
    world.save()
    world.tree.write("code/a.py", rng.randbytes(31_000))
    world.tree.write("media/three", rng.randbytes(20_000))
    world.save()


def _put_records(world: World) -> None:
    vault = world.vault()
    credentials = vault.credentials
    records = world.records()
    for purpose in ("prune", "prune"):
        put_run(world.store, credentials, begin_record(random_id(), purpose, world.clock))
    hold_snapshot(vault, records[0], reason="kept", until_ms=None, who="me")
    release_snapshot(vault, records[0], reason="done", who="me")
    for number in range(2):
        put_item(vault, "ledger", f"item {number}", f"what happened, part {number}".encode(), sequence=number)
    for gone in ("packs/00/" + "0" * 64, "packs/11/" + "1" * 64):
        mark = put_mark(
            world.store, credentials, MarkBody(purpose="delete", time_ms=world.clock.now_ms(), names=[gone])
        )
        claim = ClaimBody(run=random_id(), time_ms=world.clock.now_ms(), purpose=ClaimPurpose.DELETE.value)
        assert claim_mark(world.store, credentials, mark, claim)


def find_unreadable(world: World) -> dict[SnapshotId, set[str]]:
    """Restore every file of every snapshot that was made, each by itself; return those that do not come back."""
    vault = world.vault()
    records = {record.snapshot: record for record in read_snapshots(vault)}
    missing: dict[SnapshotId, set[str]] = {}
    for snapshot, wanted in world.saved.items():
        record = records.get(snapshot)
        found = dict(_read_files(vault, record)) if record is not None else {}
        bad = {path for path, content in wanted.items() if found.get(path) != content}
        if bad:
            missing[snapshot] = bad
    return missing


def _read_files(vault: Vault, record: SnapshotRecord) -> Iterator[tuple[str, bytes]]:
    try:
        reader = SnapshotReader(vault, record)
    except RebondError:
        return
    with reader:
        pending = [root_of(component) for component in reader.components]
        while pending:
            parent = pending.pop()
            try:
                for item in children(reader, parent):
                    if item.directory:
                        pending.append(item)
                    elif item.entry is not None:
                        try:
                            yield item.path.decode(), b"".join(content_of(reader, item.entry))
                        except RebondError:
                            continue
            except RebondError:
                continue


def named_paths(outcome: VerifyOutcome) -> dict[SnapshotId, set[tuple[str, bool]]]:
    """What a check says that damage reaches: path and whether all below it is meant, by snapshot."""
    found: dict[SnapshotId, set[tuple[str, bool]]] = {}
    for damaged in outcome.damage:
        for reached in damaged.paths:
            for snapshot in reached.snapshots:
                found.setdefault(snapshot, set()).add((reached.path.decode(), reached.is_subtree))
    return found


def assert_names_exactly(outcome: VerifyOutcome, unreadable: dict[SnapshotId, set[str]]) -> None:
    """Every file that cannot be read back is named, and no other one is."""
    named = named_paths(outcome)
    assert named.keys() == unreadable.keys()
    for snapshot, paths in unreadable.items():
        subtrees = {path for path, is_subtree in named[snapshot] if is_subtree}
        single = {path for path, is_subtree in named[snapshot] if not is_subtree}
        covered = {path for path in paths if any(not top or path.startswith(top + "/") for top in subtrees)}
        assert paths - covered == single
        assert all(any(not top or path.startswith(top + "/") for path in paths) for top in subtrees)


def put_forged(store: Store, folder: str, content: bytes) -> str:
    """Put bytes where an object named by its hash belongs."""
    name = ObjectName(f"{folder}/{hash_of(content).hex()}")
    store.put_if_absent(name, content)
    return name
