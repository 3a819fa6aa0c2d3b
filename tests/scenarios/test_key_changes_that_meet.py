"""Owners who change keys at once, and whoever opens the vault meanwhile, each stopped before every call."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from tests.torture.interleaving import Actor
from tests.unit.vault.owned_vault import CHEAP, copy_store, own_a_vault, secret

from rebond.errors import WrongKey
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.manual_clock import ManualClock
from rebond.vault.key_slots import add_slot, find_slot, remove_slot
from rebond.vault.members import issue_writer, revoke_member
from rebond.vault.opening import VaultSecret, open_vault, secret_from_file
from rebond.vault.slots import passphrase_secret

OLD, NEW = passphrase_secret("to be removed"), passphrase_secret("to be added")
CLOCK = ManualClock()


class Told:
    """What verbs were told, beside the vault in ``store``."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.opening: dict[str, VaultSecret] = {"owner": secret()}
        self.closed: dict[str, VaultSecret] = {}
        self.revoked: list[str] = []

    def check(self) -> None:
        """Whoever was given a key can open the vault, and whoever lost it cannot."""
        for label, each in self.opening.items():
            try:
                open_vault(self.store, each)
            except BaseException as error:
                error.add_note(f"{label} opens nothing")
                raise
        for each in self.closed.values():
            with pytest.raises(WrongKey):
                open_vault(self.store, each)
        members = {member.label: member for member in open_vault(self.store, secret()).roster.members}
        assert {label for label in self.opening if label in {"web", "db"}} <= members.keys()
        assert all(members[label].revoked_at_ms is not None for label in self.revoked)


Act = Callable[[Told, Store], None]


def adding(told: Told, store: Store) -> None:
    add_slot(store, open_vault(store, secret()).require_keyring(), NEW, clock=CLOCK, label="new", cost=CHEAP)
    told.opening["new"] = NEW


def removing(told: Told, store: Store) -> None:
    keyring = open_vault(store, secret()).require_keyring()
    remove_slot(store, keyring, find_slot(store, keyring, "old"))
    told.closed["old"] = OLD


def issuing(told: Told, store: Store) -> None:
    opened = open_vault(store, secret())
    issued = issue_writer(store, opened.require_keyring(), opened.roster, label="web", clock=CLOCK, cost=CHEAP)
    told.opening["web"] = secret_from_file(issued.content)


def revoking(told: Told, store: Store) -> None:
    opened = open_vault(store, secret())
    (member,) = (member for member in opened.roster.members if member.label == "db")
    revoke_member(store, opened.require_keyring(), opened.roster, member.id, clock=CLOCK)
    told.revoked.append("db")


def opening(_: Told, store: Store) -> None:
    open_vault(store, secret())


ACTS: tuple[Act, ...] = (adding, removing, issuing, revoking, opening)


@pytest.fixture(scope="module")
def made() -> MemoryStore:
    vault = own_a_vault()
    opened = open_vault(vault.store, secret())
    add_slot(vault.store, opened.require_keyring(), OLD, clock=CLOCK, label="old", cost=CHEAP)
    opened = open_vault(vault.store, secret())
    issue_writer(vault.store, opened.require_keyring(), opened.roster, label="db", clock=CLOCK, cost=CHEAP)
    return vault.store


def count_calls(made: MemoryStore, act: Act) -> int:
    told = Told(copy_store(made))
    actor = Actor(lambda store: act(told, store), told.store)
    actor.end()
    assert actor.error is None, actor.error
    told.check()
    return len(actor.gate.calls)


def pairs() -> Iterator[tuple[Act, Act]]:
    """Yield every two verbs of which one changes something; no two that change the same."""
    yield from ((one, two) for one, two in itertools.permutations(ACTS, 2) if one is not opening)


@pytest.mark.slow
@pytest.mark.parametrize(("one", "two"), list(pairs()), ids=lambda act: act.__name__)
def test_two_who_meet_at_the_keys_both_succeed(made: MemoryStore, one: Act, two: Act) -> None:
    """One stops before each of its calls in turn; the other does all of its work there."""
    for stop in range(count_calls(made, two) + 1):
        told = Told(copy_store(made))
        second = Actor(lambda store, told=told: two(told, store), told.store)  # type: ignore[misc]
        second.run_until(stop)
        first = Actor(lambda store, told=told: one(told, store), told.store)  # type: ignore[misc]
        first.end()
        second.end()

        assert (first.error, second.error) == (None, None), (
            f"stopped before call {stop}: {second.gate.calls[stop - 1 :]}"
        )
        told.check()
