"""A writer that may not read packs, overwrite or delete does everything that a backup needs."""

import random
from pathlib import Path

import pytest
from tests.unit.vault.owned_vault import CHEAP, OwnedVault, own_a_vault, secret
from tests.unit.vault.small_segments import save_small

from rebond.errors import AccessDenied, ObjectExists, RoleTooSmall
from rebond.operations.snapshots import list_snapshots
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import ObjectInfo, Store
from rebond.store.retrying import RetryingStore
from rebond.testing.faulty_store import FaultyStore
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import read_back
from rebond.vault.access import Vault
from rebond.vault.members import issue_keeper, issue_writer
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.reading import SnapshotReader


class WritersStore(ForwardingStore):
    """The permissions of section 2: what a store should let a writer's credential do, and no more."""

    def __init__(self, inner: Store, member: bytes, domain: bytes) -> None:
        super().__init__(inner)
        m, d = member.hex(), domain.hex()
        self._puts = ("packs/", f"index/{d}/", f"references/{d}/", f"sessions/{m}/", f"snapshots/{m}/", f"streams/{d}/")
        self._gets = ("vault.json", "roster/", "trash/", *self._puts[1:])

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if not name.startswith(self._puts):
            raise AccessDenied("No put of {name} for this credential.", name=name)
        self.inner.put_if_absent(name, content)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        if not name.startswith(self._gets):
            raise AccessDenied("No get of {name} for this credential.", name=name)
        return self.inner.read(name, start=start, length=length)

    def stat(self, name: str) -> ObjectInfo:
        if not name.startswith(self._gets):
            raise AccessDenied("No look at {name} for this credential.", name=name)
        return self.inner.stat(name)

    def delete(self, name: str) -> None:
        raise AccessDenied("No delete of {name} for this credential.", name=name)


@pytest.fixture
def made() -> OwnedVault:
    return own_a_vault()


@pytest.fixture
def writer(made: OwnedVault, tmp_path: Path) -> Vault:
    return open_member(made, tmp_path, issue_writer)


def open_member(made: OwnedVault, caches: Path, issue: object, store: Store | None = None) -> Vault:
    owner = open_vault(made.store, secret())
    issued = issue(made.store, owner.require_keyring(), owner.roster, label="web", clock=made.clock, cost=CHEAP)  # type: ignore[operator]
    opened = open_vault(made.store, secret_from_file(issued.content))
    domain = issued.member.domains[0] if issued.member.domains else bytes(8)
    limited = WritersStore(store or made.store, issued.member.id, domain)
    return Vault(
        store=limited, credentials=opened.credentials, roster=opened.roster, caches=caches / "writer", clock=made.clock
    )


def owner_of(made: OwnedVault, caches: Path) -> Vault:
    opened, own = open_vault(made.store, secret()), caches / "owner"
    return Vault(store=made.store, credentials=opened.credentials, roster=opened.roster, caches=own, clock=made.clock)


def a_tree() -> MemoryTree:
    tree = MemoryTree()
    for number in range(30):
        tree.write(f"d{number % 4}/{number}", random.Random(number).randbytes(3000))
    return tree


def test_run_after_run_a_writer_saves_what_only_the_owner_reads(
    made: OwnedVault, writer: Vault, tmp_path: Path
) -> None:
    tree = a_tree()
    save_small(writer, tree)
    for number in range(3):
        tree.write(f"d1/new{number}", b"new %d" % number)
        made.clock.advance(60)
        record = save_small(writer, tree)
        assert read_back(owner_of(made, tmp_path), record) == tree.files
    assert [r.catalog.sequence for r in list_snapshots(writer)] == [1, 2, 3, 4]
    with pytest.raises(RoleTooSmall), SnapshotReader(writer, record):
        raise AssertionError("a writer's key opened a snapshot")


def test_a_writer_that_lost_its_caches_stores_nothing_twice(made: OwnedVault, writer: Vault, tmp_path: Path) -> None:
    tree = a_tree()
    save_small(writer, tree)
    packs = {info.name for info in made.store.list_objects("packs/")}
    moved = Vault(
        store=writer.store,
        credentials=writer.credentials,
        roster=writer.roster,
        caches=tmp_path / "new machine",
        clock=writer.clock,
    )

    record = save_small(moved, tree)

    assert {info.name for info in made.store.list_objects("packs/")} == packs
    assert read_back(owner_of(made, tmp_path), record) == tree.files


def test_every_answer_may_be_lost_once(made: OwnedVault, tmp_path: Path) -> None:
    """The put worked, the answer did not come, and its repetition meets its own bytes, which it may not read."""
    faulty = FaultyStore(made.store)
    vault = open_member(made, tmp_path, issue_writer, store=faulty)
    vault = Vault(
        store=RetryingStore(vault.store, made.clock),
        credentials=vault.credentials,
        roster=vault.roster,
        caches=vault.caches,
        clock=made.clock,
    )
    tree = a_tree()
    for number in range(14):
        made.clock.advance(60)
        tree.write("d0/changing", b"%d" % number)
        faulty.lose_answer_at_write = faulty.writes + number % 7
        record = save_small(vault, tree)
        assert read_back(owner_of(made, tmp_path), record) == tree.files
    assert len(list_snapshots(owner_of(made, tmp_path))) == 14


def test_a_keeper_makes_no_snapshot(made: OwnedVault, tmp_path: Path) -> None:
    keeper = open_member(made, tmp_path, issue_keeper)

    with pytest.raises(RoleTooSmall):
        save_small(keeper, a_tree())

    assert list(made.store.list_objects("snapshots/")) == []
    assert list(made.store.list_objects("sessions/")) == []


def test_two_writers_never_share_what_they_store(made: OwnedVault, writer: Vault, tmp_path: Path) -> None:
    owner = open_vault(made.store, secret())
    issued = issue_writer(made.store, owner.require_keyring(), owner.roster, label="db", clock=made.clock, cost=CHEAP)
    opened = open_vault(made.store, secret_from_file(issued.content))
    other = Vault(
        store=WritersStore(made.store, issued.member.id, issued.member.domains[0]),
        credentials=opened.credentials,
        roster=opened.roster,
        caches=tmp_path / "other",
        clock=made.clock,
    )
    tree = a_tree()

    records = [save_small(writer, tree), save_small(other, tree)]

    assert [len(list_snapshots(vault)) for vault in (writer, other)] == [1, 1]
    for record in records:
        assert read_back(owner_of(made, tmp_path), record) == tree.files
    with pytest.raises((RoleTooSmall, AccessDenied, ObjectExists)):
        SnapshotReader(other, records[0])
