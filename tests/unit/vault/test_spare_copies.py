"""Copies of vital objects where stores fail, race or refuse."""

import pytest
from tests.unit.vault.owned_vault import CHEAP, contents, own_a_vault, secret

from rebond.errors import RebondError, StoreFull, StoreUnreachable
from rebond.findings import Finding
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import Store, StoreTraits
from rebond.vault.key_slots import add_slot, remove_slot
from rebond.vault.opening import open_vault
from rebond.vault.slots import passphrase_secret
from rebond.vault.spare_copies import put_spare

VITAL = ("vault.json", "roster/1", "keyring/1")


class BadSector(ForwardingStore):
    """A store that cannot read some objects, near or far away."""

    def __init__(self, inner: Store, bad: frozenset[str], *, is_far: bool = False) -> None:
        super().__init__(inner)
        self.bad, self.is_far, self.asked = bad, is_far, list[str]()

    @property
    def traits(self) -> StoreTraits:
        return StoreTraits(latency=self.is_far)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        self.asked.append(name)
        if name in self.bad:
            raise StoreUnreachable("{name} cannot be read.", name=name)
        return super().read(name, start=start, length=length)


@pytest.mark.parametrize("vital", VITAL)
def test_a_bad_sector_below_one_is_no_loss(vital: str) -> None:
    made = own_a_vault()
    told: list[Finding] = []

    open_vault(BadSector(made.store, frozenset({vital})), secret(), notice=told.append)

    assert [(each.code, each.subject) for each in told] == [("copy-used", vital)]


@pytest.mark.parametrize("vital", VITAL)
def test_where_both_cannot_be_read_no_older_one_is_taken(vital: str) -> None:
    made = own_a_vault()
    for name, content in contents(made.store).items():
        if name in {"roster/1", "keyring/1"}:
            made.store.put_if_absent(name[:-1] + "2", content)  # renamed ones: passed over, and then nothing is left

    with pytest.raises(StoreUnreachable):
        open_vault(BadSector(made.store, frozenset({vital, f"spare/{vital}"})), secret())


@pytest.mark.parametrize("vital", VITAL)
def test_a_store_that_is_away_is_not_asked_twice(vital: str) -> None:
    made = own_a_vault()
    store = BadSector(made.store, frozenset({vital}), is_far=True)

    with pytest.raises(StoreUnreachable):
        open_vault(store, secret())
    assert f"spare/{vital}" not in store.asked


def test_what_was_put_counts_though_its_copy_was_refused() -> None:
    made = own_a_vault()

    class Full(ForwardingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if name.startswith("spare/"):
                raise StoreFull("No room.")
            super().put_if_absent(name, content)

    another = passphrase_secret("another")
    add_slot(Full(made.store), made.created.keyring, another, clock=made.clock, cost=CHEAP)

    assert open_vault(made.store, another).require_keyring().number == 2


def test_no_copy_outlives_a_keyring_that_a_removal_deletes_meanwhile() -> None:
    """An owner puts keyring 2 and is overtaken before its copy: another one removes a slot, and with it keyring 2."""
    made = own_a_vault()
    recovery = next(slot for slot in made.created.keyring.trusted if slot != made.created.keyring.opened_by)

    class Overtaken(ForwardingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if name == "spare/keyring/2":
                remove_slot(made.store, made.created.keyring, recovery)
            super().put_if_absent(name, content)

    add_slot(Overtaken(made.store), made.created.keyring, passphrase_secret("b"), clock=made.clock, cost=CHEAP)

    assert {name for name in contents(made.store) if "keyring/" in name} == {"keyring/3", "spare/keyring/3"}


def test_a_copy_of_what_is_not_there_is_not_laid() -> None:
    made = own_a_vault()
    put_spare(made.store, "keyring/7", b"gone meanwhile")

    assert "spare/keyring/7" not in contents(made.store)


def test_a_copy_that_somebody_plants_brings_nothing_in() -> None:
    made, other = own_a_vault(), own_a_vault()
    for name in ("roster/1", "keyring/1"):
        made.store.put_if_absent(f"spare/{name[:-1]}9", other.store.read(name))
    told: list[Finding] = []

    opened = open_vault(made.store, secret(), notice=told.append)

    assert (opened.roster.number, opened.require_keyring().number) == (1, 1)
    assert {each.subject for each in told} == {"spare/roster/9", "spare/keyring/9"}
    with pytest.raises(RebondError):
        open_vault(other.store, passphrase_secret("wrong"))
