"""A real service keeps every promise too, where ``REBOND_TEST_STORE`` names a place in one.

Its value is the address of a bucket that is there, and of a folder in it that is the tests' own: ``s3://bucket/tests?…``.
Credentials come from the environment, as always. What the tests make lies in folders with names of their own, and goes
again. Without the variable there is no test here: nothing of the ordinary run needs a network.
"""

import os
import pathlib
import shutil
from collections.abc import Iterator

import pytest
from tests.torture.real_program import fingerprint, plant_tree
from tests.unit.cli.program_runs import Program

from rebond.clock import SystemClock
from rebond.identifiers import random_id
from rebond.store.opening import open_store
from rebond.store.protocol import Store
from rebond.store.proving import prove_store
from rebond.testing.store_contract import StoreContract

PLACE = os.environ.get("REBOND_TEST_STORE", "")


def name_place() -> str:
    """Return the address of a folder that nobody has used."""
    path, _, query = PLACE.partition("?")
    return f"{path.rstrip('/')}/{random_id().hex()}?{query}"


@pytest.fixture
def place() -> Iterator[str]:
    address = name_place()
    yield address
    store = open_store(address)
    for info in list(store.list_objects()):
        store.delete(info.name)


@pytest.fixture
def real_store(place: str) -> Store:
    return open_store(place)


if PLACE:

    class TestRealStore(StoreContract):
        @pytest.fixture
        def store(self, real_store: Store) -> Store:
            return real_store

    def test_the_proof_of_a_real_store_finds_nothing_broken(real_store: Store) -> None:
        assert [promise.words for promise in prove_store(real_store, SystemClock()).broken] == []

    def test_more_objects_than_any_page_has_are_listed_from_any_place(real_store: Store) -> None:
        names = sorted(f"packs/{number % 16:x}/{number:05}" for number in range(1_100))
        for name in names:
            real_store.put_if_absent(name, b"")

        assert [info.name for info in real_store.list_objects("packs/")] == names
        assert [info.name for info in real_store.list_objects("packs/7")] == [
            name for name in names if name.startswith("packs/7")
        ]

    def test_a_vault_in_a_real_store_is_filled_verified_restored_and_pruned(place: str, tmp_path: pathlib.Path) -> None:
        program = Program(tmp_path, REBOND_VAULT=place)
        program.good("vault", "create", "--kit", tmp_path / "kit.txt", "--key-file", tmp_path / "owner.key")
        program.environment["REBOND_KEY_FILE"] = str(tmp_path / "owner.key")
        tree = tmp_path / "tree"
        plant_tree(tree, seed=1, total_bytes=2_000_000)
        first = program.ask("backup", "--path", tree)["id"]
        shutil.rmtree(tree)
        plant_tree(tree, seed=2, total_bytes=300_000)
        program.good("backup", "--path", tree)
        program.good("forget", first, "--yes")
        program.good("prune")

        assert program.ask("verify", "--read-data")["ok"]
        program.good("restore", "latest", "--to", tmp_path / "back", REBOND_CACHE_DIR=str(tmp_path / "cold"))
        assert fingerprint(tmp_path / "back" / "tree") == fingerprint(tree)
