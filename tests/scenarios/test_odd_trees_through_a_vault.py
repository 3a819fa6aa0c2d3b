"""A tree of every odd thing goes through a real vault and comes back the same."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.store.local import LocalStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.odd_trees import build_odd_tree, remove_odd_tree
from rebond.testing.tree_comparing import compare_trees
from rebond.testing.vaults import Notebook, make_vault, open_made
from rebond.vault.access import Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    clock = ManualClock()
    store = LocalStore.create(tmp_path / "vault")
    return open_made(make_vault(store, clock), store, clock, tmp_path / "caches")


@pytest.fixture(autouse=True)
def trees_removed(tmp_path: Path) -> Iterator[None]:
    """What is immutable would be left lying for ever."""
    yield
    for tree in (tmp_path / "source", tmp_path / "target"):
        if tree.exists():
            remove_odd_tree(os.fsencode(tree))


def save_files(vault: Vault, root: Path, notebook: Notebook) -> BackupRequest:
    path = os.fsencode(root)
    component = ComponentToSave(
        name="odd",
        root=path,
        open_tree=lambda report: FileTree(path, Rules(), one_file_system=False, report=report),
    )
    return BackupRequest(components=(component,), stack="odd", host="here")


def test_every_odd_thing_comes_back_as_it_was(vault: Vault, tmp_path: Path) -> None:
    source = tmp_path / "source"
    build_odd_tree(os.fsencode(source))
    notebook = Notebook()
    outcome = back_up(vault, save_files(vault, source, notebook), notebook)

    target = tmp_path / "target"
    restored = restore(vault, outcome.record, RestoreRequest(target=os.fsencode(target)), notebook)

    assert not restored.is_damaged
    assert compare_trees(os.fsencode(source), os.fsencode(target / "odd")) == []


def test_a_second_run_over_the_odd_tree_stores_nothing_new_and_restores_the_same(vault: Vault, tmp_path: Path) -> None:
    source = tmp_path / "source"
    build_odd_tree(os.fsencode(source))
    notebook = Notebook()
    back_up(vault, save_files(vault, source, notebook), notebook)

    again = back_up(vault, save_files(vault, source, notebook), notebook)

    assert again.stored_bytes == 0
    target = tmp_path / "target"
    restore(vault, again.record, RestoreRequest(target=os.fsencode(target)), notebook)
    assert compare_trees(os.fsencode(source), os.fsencode(target / "odd")) == []
