"""The power fails at any write of a founding: the next run goes on, and what the kit says opens the vault."""

import itertools
import pathlib

import pytest

from rebond.clock import SystemClock
from rebond.errors import VaultExists, WrongKey
from rebond.operations.founding import Founded, KeyPlaces, clear_sealed_key, found_vault, seal_off
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.vault.credentials import Role
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.slots import key_file_secret, recovery_key_secret

Folder = pathlib.Path
CLOCK = SystemClock()


def found(store: Store, places: KeyPlaces) -> Founded:
    return found_vault(store, places, clock=CLOCK, label="host", proof_bytes=2**16)


def places_in(folder: Folder, *, is_safe: bool) -> KeyPlaces:
    return KeyPlaces(owner=folder / "keys" / "owner", writer=folder / "keys" / "writer" if is_safe else None)


def run(store: Store, places: KeyPlaces, shown: list[str]) -> None:
    """What ``init`` does, up to the configuration; the kit's key goes into ``shown``."""
    founded = found(store, places)
    shown.append(founded.recovery_key)
    if places.writer:
        seal_off(store, places.owner, founded.recovery_key)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the power fails in threads too
@pytest.mark.parametrize("is_safe", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_a_founding_cut_at_any_write_is_gone_on_with(tmp_path: Folder, is_safe: bool, after: bool) -> None:
    for cut_at in itertools.count():
        folder, inner, shown = tmp_path / f"{cut_at}", MemoryStore(CLOCK), list[str]()
        folder.mkdir()
        places = places_in(folder, is_safe=is_safe)
        cutting = CuttingStore(inner, cut_at=cut_at, after=after)
        try:
            run(cutting, places, shown)
        except PowerCut:
            run_again(inner, places, shown)
        judge(inner, places, shown[-1])
        if cut_at >= cutting.writes:
            assert cutting.writes > 20
            return


def run_again(store: Store, places: KeyPlaces, shown: list[str]) -> None:
    """What the next ``init`` does: nothing more, where the owner's key file is gone or opens nothing."""
    if places.writer and shown and (not places.owner.exists() or clear_sealed_key(store, places)):
        return
    run(store, places, shown)


def judge(store: Store, places: KeyPlaces, recovery_key: str) -> None:
    assert open_vault(store, recovery_key_secret(recovery_key)).credentials.role is Role.OWNER
    if places.writer is None:
        assert open_vault(store, key_file_secret(places.owner.read_bytes())).credentials.role is Role.OWNER
        return
    assert not places.owner.exists()
    writer = secret_from_file(places.writer.read_bytes())
    assert open_vault(store, writer).credentials.role is Role.WRITER


def test_an_owners_key_that_was_sealed_off_opens_nothing_any_more(tmp_path: Folder) -> None:
    store, places = MemoryStore(CLOCK), places_in(tmp_path, is_safe=True)
    founded = found(store, places)
    content = places.owner.read_bytes()

    seal_off(store, places.owner, founded.recovery_key)
    with pytest.raises(WrongKey):
        open_vault(store, key_file_secret(content))


def test_the_key_file_of_another_vault_is_not_taken_for_one_that_was_sealed_off(tmp_path: Folder) -> None:
    store, places = MemoryStore(CLOCK), places_in(tmp_path, is_safe=True)
    found(store, places)
    other = MemoryStore(CLOCK)
    found(other, places_in(tmp_path / "other", is_safe=True))

    assert not clear_sealed_key(other, places)
    assert not clear_sealed_key(store, places)
    assert places.owner.exists()


def test_a_wrong_recovery_key_leaves_the_owners_file(tmp_path: Folder) -> None:
    store, places = MemoryStore(CLOCK), places_in(tmp_path, is_safe=True)
    found(store, places)
    other = found(MemoryStore(CLOCK), places_in(tmp_path / "other", is_safe=True))

    with pytest.raises(WrongKey):
        seal_off(store, places.owner, other.recovery_key)
    assert places.owner.exists()


def test_no_key_file_is_written_for_a_vault_of_somebody_else(tmp_path: Folder) -> None:
    store = MemoryStore(CLOCK)
    found(store, places_in(tmp_path / "one", is_safe=False))
    mine = places_in(tmp_path / "two", is_safe=False)

    with pytest.raises(VaultExists):
        found(store, mine)
    assert not mine.owner.exists()
