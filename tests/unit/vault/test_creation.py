import json
import threading
from pathlib import Path

import pytest
from tests.bounded import join
from tests.unit.vault.owned_vault import (
    CHEAP,
    KEY_FILE,
    PAPERS,
    a_proof,
    contents,
    create,
    own_a_vault,
    replace_both,
    secret,
)

from rebond.errors import (
    RebondError,
    Refused,
    StoreUnfit,
    StoreUnreachable,
    VaultDamaged,
    VaultExists,
    VaultMissing,
)
from rebond.findings import Finding
from rebond.store.local import LocalStore
from rebond.store.memory import MemoryStore
from rebond.store.proving import ProvenPromise, StoreProof
from rebond.testing.faulty_store import CuttingStore, FaultyStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.vaults import open_credentials
from rebond.vault.creation import Created, create_vault, new_key_file
from rebond.vault.credentials import Role
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.papers import VaultPapers, load_papers
from rebond.vault.primitives import hash_of
from rebond.vault.slots import passphrase_secret, recovery_key_secret


def test_a_new_vault_holds_what_the_format_says() -> None:
    made = own_a_vault()
    lying = contents(made.store)
    names = sorted(name for name in lying if not name.startswith("spare/"))

    assert [n for n in names if not n.startswith("keys/")] == [
        "README.txt",
        "VAULT-FORMAT.md",
        "keyring/1",
        "rescue/rescue-1.py",
        "roster/1",
        "vault.json",
    ]
    assert len([n for n in names if n.startswith("keys/")]) == 2
    copied = {"vault.json", "roster/1", "keyring/1", *(n for n in names if n.startswith("keys/"))}
    assert {n.removeprefix("spare/") for n in lying if n.startswith("spare/")} == copied
    assert all(lying[f"spare/{n}"] == lying[n] for n in copied)
    fields = json.loads(made.store.read("vault.json"))
    assert fields["format"] == 1
    assert fields["vault_id"] == made.created.vault_id.hex()
    assert fields["store"]["promises"]["race"] is True
    rescue = {file.name: file.hash for file in made.created.roster.rescue}
    assert rescue["rescue/rescue-1.py"] == hash_of(PAPERS.contents["rescue/rescue-1.py"])


def test_the_owner_is_a_member_with_a_domain_of_his_own() -> None:
    made = own_a_vault()
    credentials, roster = made.created.credentials, made.created.roster

    member = roster.member(credentials.member)
    assert (member.role, member.verify_key) == (Role.OWNER, credentials.owner_verify_key)
    assert member.domains == (credentials.first_domain,)
    assert credentials.domain_keys(credentials.writing_domain()).secret
    assert open_credentials(made.store, secret()).member == credentials.member


def test_a_vault_is_never_made_over_another() -> None:
    made = own_a_vault()
    before = contents(made.store)

    with pytest.raises(VaultExists) as raised:
        create(made.store, made.clock)
    assert raised.value.exit_status == 13
    assert contents(made.store) == before


@pytest.mark.parametrize("name", ["photo.jpg", "packs/aa/bb", "keys/readme", "snapshots/x/y"])
def test_a_place_that_holds_other_things_is_refused_and_left_alone(name: str) -> None:
    store, clock = MemoryStore(), ManualClock()
    store.put_if_absent(name, b"mine")

    with pytest.raises(Refused):
        create(store, clock)
    assert contents(store) == {name: b"mine"}


def test_a_rescue_program_of_other_contents_is_not_taken_for_ours() -> None:
    store, clock = MemoryStore(), ManualClock()
    store.put_if_absent("rescue/rescue-1.py", b"import os; os.system('evil')")

    with pytest.raises(Refused, match="other contents"):
        create(store, clock)
    assert "vault.json" not in contents(store)


def test_a_store_that_breaks_its_promises_gets_no_vault() -> None:
    store, clock = MemoryStore(), ManualClock()
    proof = a_proof(clock)
    broken = StoreProof(
        proven_ms=1,
        location="somewhere",
        clock_offset_ms=0,
        promises=(*proof.promises, ProvenPromise(code="delete", holds=False, template="It came back.")),
    )

    with pytest.raises(StoreUnfit, match="It came back"):
        create_vault(store, clock=clock, proof=broken, passphrase=secret(), cost=CHEAP, papers=PAPERS)
    assert contents(store) == {}


def opens_whole(store: MemoryStore) -> bool:
    """Say whether the passphrase opens a vault with everything in it; raises when it is there and broken."""
    try:
        opened = open_vault(store, secret())
    except VaultMissing:
        return False
    assert opened.credentials.sealing_seeds
    assert opened.credentials.writing_domain()
    for file in opened.roster.rescue:
        assert hash_of(store.read(file.name)) == file.hash
    return True


CREATION_WRITES = 13  # three papers; two slots, keyring, roster and vault.json, each with its copy


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cut_at", range(CREATION_WRITES))
def test_a_creation_that_is_cut_leaves_nothing_or_a_whole_vault_and_can_be_run_again(cut_at: int, after: bool) -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    with pytest.raises(PowerCut):
        create(CuttingStore(store, cut_at=cut_at, after=after), clock)

    is_whole = opens_whole(store)
    assert is_whole == ((cut_at, after) >= (CREATION_WRITES - 2, True))
    if is_whole:
        with pytest.raises(VaultExists):
            create(store, clock)
    else:
        created = create(store, clock)
        told: list[Finding] = []
        opened = open_vault(store, recovery_key_secret(created.recovery_key), notice=told.append)
        assert opened.description == created.description
        assert told == []  # what the first attempt left was cleared away
        assert opens_whole(store)


def test_the_number_of_writes_of_a_creation_is_the_one_the_cuts_go_through() -> None:
    store = CuttingStore(MemoryStore())
    create(store, ManualClock())

    assert store.writes == CREATION_WRITES


def test_three_creations_cut_in_turn_end_with_one_whole_vault() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    for cut_at in (7, 9, 11):  # before keyring, roster, vault.json
        with pytest.raises(PowerCut):
            create(CuttingStore(store, cut_at=cut_at, after=False), clock)
    created = create(store, clock)

    assert open_vault(store, secret()).description == created.description
    found = contents(store)
    assert sorted(n for n in found if n.startswith(("keyring/", "roster/"))) == ["keyring/3", "roster/2"]
    assert {n for n in found if n.startswith("spare/") and n.removeprefix("spare/") not in found} == set()


@pytest.mark.parametrize("lost", range(CREATION_WRITES))
def test_a_put_whose_answer_is_lost_and_which_is_repeated_is_no_conflict(lost: int) -> None:
    """A retrying store meets its own first attempt."""

    class Retrying(FaultyStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            try:
                super().put_if_absent(name, content)
            except StoreUnreachable:
                super().put_if_absent(name, content)

    store = MemoryStore()
    create(Retrying(store, lose_answer_at_write=lost), ManualClock())

    assert opens_whole(store)


def test_of_creators_that_race_one_wins_whole_and_the_others_are_told() -> None:
    store, clock = MemoryStore(), ManualClock()
    won: list[Created] = []
    lost: list[RebondError] = []

    def run() -> None:
        try:
            won.append(create(store, clock))
        except VaultExists as error:
            lost.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        join(thread)

    assert (len(won), len(lost)) == (1, 3)
    opened = open_vault(store, recovery_key_secret(won[0].recovery_key))
    assert opened.description == won[0].description


@pytest.mark.parametrize("step", range(CREATION_WRITES - 1))
def test_a_creator_that_is_overtaken_at_any_step_leaves_the_other_s_vault_whole(step: int) -> None:
    store, clock = MemoryStore(), ManualClock()
    other: list[Created] = []

    class Overtaken(CuttingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if self.writes == step:
                other.append(create(store, clock))
            super().put_if_absent(name, content)

    with pytest.raises(VaultExists):
        create(Overtaken(store), clock)
    told: list[Finding] = []
    opened = open_vault(store, recovery_key_secret(other[0].recovery_key), notice=told.append)
    assert opened.description == other[0].description
    assert told == []


def test_a_vault_lives_in_a_directory_too(tmp_path: Path) -> None:
    create(LocalStore.create(tmp_path / "vault"), ManualClock())

    assert open_credentials(LocalStore(tmp_path / "vault"), secret()).role is Role.OWNER


def test_a_vault_without_a_passphrase_is_opened_by_recovery_key_and_key_file() -> None:
    store, clock = MemoryStore(), ManualClock()
    created = create(store, clock, passphrase=None, with_file=True)

    assert open_credentials(store, recovery_key_secret(created.recovery_key)).role is Role.OWNER
    assert open_credentials(store, secret_from_file(KEY_FILE)).role is Role.OWNER
    with pytest.raises(RebondError):
        open_credentials(store, passphrase_secret("x"))


def test_a_recovery_key_made_beforehand_is_the_one_that_opens() -> None:
    store, clock = MemoryStore(), ManualClock()
    key = new_key_file()
    created = create_vault(store, clock=clock, proof=a_proof(clock), recovery_key=key, papers=PAPERS)

    assert open_vault(store, recovery_key_secret(created.recovery_key)).description == created.description


def test_papers_of_this_release_hold_a_note_in_two_languages_and_the_format_page() -> None:
    papers = load_papers()

    assert b"Rebond vault" in papers.contents["README.txt"]
    assert b"coffre Rebond" in papers.contents["README.txt"]
    page = papers.contents["VAULT-FORMAT.md"]
    assert b"keyring/" in page
    assert b"roster/" in page  # the bytes of keys are on it too: a reader needs no other page
    assert "README.txt" not in {file.name for file in papers.list_hashes()}


def test_a_vault_without_papers_is_still_a_vault() -> None:
    store, clock = MemoryStore(), ManualClock()
    create_vault(
        store, clock=clock, proof=a_proof(clock), passphrase=secret(), cost=CHEAP, papers=VaultPapers(contents={})
    )

    assert opens_whole(store)


def test_the_roster_of_another_vault_is_not_taken() -> None:
    first, second = own_a_vault(), own_a_vault()
    replace_both(second.store, "roster/1", first.store.read("roster/1"))

    with pytest.raises(VaultDamaged, match="no copy of it in the vault is whole"):
        open_vault(second.store, secret())
