"""What lies beside a commit record: a keeper's tombstone ends it, a writer's withdrawal hides it (§7.3)."""

from pathlib import Path

import pytest

from rebond.errors import VaultError
from rebond.identifiers import ObjectName, random_id
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, save
from rebond.vault.access import Vault
from rebond.vault.commits import read_snapshots
from rebond.vault.committing import CommitRequest
from rebond.vault.frames import LEVELS
from rebond.vault.needs import Needs, add_needs, list_records
from rebond.vault.snapshots import WITHDRAWN_SUFFIX, snapshot_name
from rebond.vault.trash_emptying import put_tombstone
from rebond.vault.writing import SnapshotSession


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    clock = ManualClock()
    store = MemoryStore(clock)
    return open_made(make_vault(store, clock), store, clock, tmp_path)


@pytest.fixture
def tree() -> MemoryTree:
    tree = MemoryTree()
    tree.write("file", b"content")
    return tree


def withdraw(vault: Vault, name: str, content: bytes = bytes(8)) -> None:
    vault.store.put_if_absent(name + WITHDRAWN_SUFFIX, content)


def test_a_tombstone_ends_a_record_and_frees_what_it_needs(vault: Vault, tree: MemoryTree) -> None:
    record = save(vault, tree).record
    put_tombstone(vault, record.name, random_id())
    needs = Needs()
    add_needs(vault, needs, list_records(vault))

    assert read_snapshots(vault) == []
    assert list_records(vault).tombstones == {record.name}
    assert not len(needs.segments)


@pytest.mark.parametrize("content", [bytes(8), b"", b"any other bytes" * 20])
def test_a_writers_withdrawal_hides_a_record_and_destroys_nothing(
    vault: Vault, tree: MemoryTree, content: bytes
) -> None:
    record = save(vault, tree).record
    withdraw(vault, record.name, content)
    needs = Needs()
    add_needs(vault, needs, list_records(vault))

    assert read_snapshots(vault) == []
    assert not list_records(vault).tombstones
    assert len(needs.segments)


def test_what_only_a_withdrawn_record_needs_may_be_gone(vault: Vault, tree: MemoryTree) -> None:
    """Otherwise one writer that withdrew because a pack had gone stops every prune for ever."""
    record = save(vault, tree).record
    withdraw(vault, record.name)
    needs = Needs()
    add_needs(vault, needs, list_records(vault))

    assert list_records(vault).withdrawn == {record.name}
    assert len(needs.segments)
    assert not len(needs.required)


@pytest.mark.xfail(strict=True, reason="a tombstone is not put where anything lies at its name already")
def test_a_withdrawal_does_not_keep_a_tombstone_away(vault: Vault, tree: MemoryTree) -> None:
    """A record forgotten after its writer withdrew it could be put again, and would then be needed and not there."""
    record = save(vault, tree).record
    withdraw(vault, record.name)
    put_tombstone(vault, record.name, random_id())

    assert list_records(vault).tombstones == {record.name}


def test_a_put_that_comes_after_its_record_was_forgotten_is_no_success(vault: Vault, tree: MemoryTree) -> None:
    """The first put arrived unnoticed, the record was forgotten and deleted, and the writer repeats its put."""
    session = SnapshotSession(vault, level=LEVELS["fast"], host="h", stack="s", observer=Silence())
    with session:
        saved = session.save_tree("files", "files", b"/", tree)
        name = snapshot_name(vault.credentials.member, session.snapshot, session.session)
        put_tombstone(vault, ObjectName(name), random_id())
        with pytest.raises(VaultError):
            session.commit(CommitRequest(time_ms=1), [saved])
