"""Repairs and checks of second copies beside others who add and remove keys, and on stores that fail or refuse."""

import pathlib

import pytest
from msgspec.structs import replace
from tests.unit.vault.owned_vault import CHEAP, contents, own_a_vault, replace_both, secret
from tests.unit.vault.test_spare_copies import BadSector

from rebond.errors import AccessDenied, StoreUnreachable
from rebond.findings import Finding
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import Store
from rebond.testing.manual_clock import ManualClock
from rebond.vault.access import Vault
from rebond.vault.auditing import AuditContext, audit_objects
from rebond.vault.checking_records import NameCensus, check_census
from rebond.vault.key_slots import add_slot, remove_slot
from rebond.vault.object_names import classify_name
from rebond.vault.opening import open_vault
from rebond.vault.signed_objects import ignore_finding
from rebond.vault.slots import passphrase_secret, slot_name
from rebond.vault.spare_copies import put_spare
from rebond.vault.spare_mending import mend_copies


def _keyrings(store: Store) -> set[str]:
    return {name for name in contents(store) if "keyring/" in name}


def _vault_of(store: Store) -> Vault:
    opened = open_vault(store, secret())
    return Vault(
        store=store, credentials=opened.credentials, roster=opened.roster, clock=ManualClock(), caches=pathlib.Path()
    )


def test_no_copy_outlives_a_keyring_whose_removal_had_deleted_the_copy_before_it_was_laid() -> None:
    """The removal asks for the copy, then it is laid and its keyring is still there, then the keyring goes."""
    made = own_a_vault()
    _, keyring = add_slot(made.store, made.created.keyring, passphrase_secret("b"), clock=made.clock, cost=CHEAP)
    recovery = next(slot for slot in keyring.trusted if slot != keyring.opened_by)
    content = made.store.read("keyring/2")
    made.store.delete("spare/keyring/2")

    class Between(ForwardingStore):
        def delete(self, name: str) -> None:
            if name == "keyring/2":
                put_spare(made.store, name, content)
            super().delete(name)

    remove_slot(Between(made.store), keyring, recovery)

    assert _keyrings(made.store) == {"keyring/3", "spare/keyring/3"}


@pytest.mark.parametrize("lost", ["keyring/1", "spare/keyring/1"])
def test_a_repair_brings_nothing_back_that_a_removal_deletes_meanwhile(lost: str) -> None:
    made = own_a_vault()
    recovery = next(slot for slot in made.created.keyring.trusted if slot != made.created.keyring.opened_by)
    vault = _vault_of(made.store)
    made.store.delete(lost)

    class Overtaken(ForwardingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if name == lost:
                remove_slot(made.store, made.created.keyring, recovery)
            super().put_if_absent(name, content)

    mend_copies(replace(vault, store=Overtaken(made.store)), ignore_finding)

    assert _keyrings(made.store) == {"keyring/2", "spare/keyring/2"}


def test_a_repair_leaves_alone_what_is_not_a_copy() -> None:
    made = own_a_vault()
    strange = {"spare/keyring/1.sync-conflict", "spare/keys/readme", "spare/notes"}
    for name in strange:
        made.store.put_if_absent(name, b"somebody's")

    assert mend_copies(_vault_of(made.store), ignore_finding) == ()
    assert strange < contents(made.store).keys()


def test_where_no_keyring_is_whole_the_rest_is_mended() -> None:
    made = own_a_vault()
    vault = _vault_of(made.store)
    replace_both(made.store, "keyring/1", b"damaged")
    made.store.delete("spare/roster/1")

    assert mend_copies(vault, ignore_finding) == ("spare/roster/1",)


def test_a_store_that_forbids_deleting_is_told_and_ends_no_repair() -> None:
    made = own_a_vault()
    made.store.put_if_absent(f"spare/keys/{'0' * 32}", b"of a slot that went")
    told: list[Finding] = []

    class Locked(ForwardingStore):
        def delete(self, name: str) -> None:
            raise AccessDenied("{name} is locked.", name=name)

    assert mend_copies(replace(_vault_of(made.store), store=Locked(made.store)), told.append) == ()
    assert [each.code for each in told] == ["copy-not-mended"]


def test_the_only_copy_of_a_slot_stays_while_the_keyring_that_names_it_is_damaged() -> None:
    made = own_a_vault()
    vault = _vault_of(made.store)
    slot, _ = add_slot(made.store, made.created.keyring, passphrase_secret("b"), clock=made.clock, cost=CHEAP)
    newest = made.store.read("keyring/2")
    replace_both(made.store, "keyring/2", b"damaged")
    made.store.delete(slot_name(slot))

    mend_copies(vault, ignore_finding)

    replace_both(made.store, "keyring/2", newest)  # put back from a replica
    assert open_vault(made.store, passphrase_secret("b")).require_keyring().number == 2


def test_a_roster_that_a_repair_puts_anew_while_it_is_read_is_read_again() -> None:
    made = own_a_vault()
    content = made.store.read("roster/1")

    class Mending(ForwardingStore):
        times = 0

        def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
            if name != "roster/1" or self.times:
                return super().read(name, start=start, length=length)
            self.times += 1
            made.store.delete(name)
            try:
                return super().read(name, start=start, length=length)
            finally:
                made.store.put_if_absent(name, content)

    assert open_vault(Mending(made.store), secret()).roster.number == 1


@pytest.mark.parametrize("is_adding", [True, False])
def test_a_key_that_somebody_adds_or_removes_during_a_check_is_no_damage(is_adding: bool) -> None:
    made = own_a_vault()
    vault, keyring = _vault_of(made.store), made.created.keyring
    census = NameCensus()
    for info in made.store.list_objects():
        census.take(info.name, classify_name(info.name))
    if is_adding:
        add_slot(made.store, keyring, passphrase_secret("b"), clock=made.clock, cost=CHEAP)
    else:
        remove_slot(made.store, keyring, next(slot for slot in keyring.trusted if slot != keyring.opened_by))

    assert [each for each in check_census(vault, census) if each.code != "slot-stray"] == []


def test_a_bad_sector_below_a_vital_object_is_told_by_a_check_and_mended() -> None:
    made = own_a_vault()
    vault = _vault_of(made.store)
    content = made.store.read("roster/1")

    class Near(BadSector):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            super().put_if_absent(name, content)
            self.bad -= {name}

    store = Near(made.store, frozenset({"roster/1"}))
    found = [finding for audited in audit_objects(store, AuditContext()) for finding in audited.findings]
    assert [each.subject for each in found if each.code == "object-damaged"] == ["roster/1"]

    assert mend_copies(replace(vault, store=store), ignore_finding) == ("roster/1",)
    assert made.store.read("roster/1") == content
    with pytest.raises(StoreUnreachable):
        list(audit_objects(BadSector(made.store, frozenset({"roster/1"}), is_far=True), AuditContext()))


def test_an_owner_who_is_two_keyrings_behind_brings_no_removed_key_back_and_loses_nothing() -> None:
    made = own_a_vault(with_file=True)
    keyring = made.created.keyring
    first, second = (slot for slot in keyring.trusted if slot != keyring.opened_by)

    class Behind(ForwardingStore):
        times = 0

        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if name == "keyring/2" and not self.times:
                self.times += 1
                remove_slot(made.store, remove_slot(made.store, keyring, first), second)
            super().put_if_absent(name, content)

    another = passphrase_secret("another")
    add_slot(Behind(made.store), keyring, another, clock=made.clock, cost=CHEAP)

    assert not {name for name in _keyrings(made.store) if name.endswith("/2")}
    assert open_vault(made.store, another).require_keyring().number == 4
