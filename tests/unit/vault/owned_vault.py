"""A small vault in memory whose passphrase costs nothing to derive."""

from dataclasses import dataclass

from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.store.proving import StoreProof, prove_store
from rebond.testing.manual_clock import ManualClock
from rebond.vault.creation import Created, create_vault
from rebond.vault.papers import VaultPapers
from rebond.vault.slots import Argon2Cost, SlotSecret, passphrase_secret
from rebond.vault.spare_copies import spare_name

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
PASSPHRASE = "quatre mots très simples"
PAPERS = VaultPapers(
    contents={"README.txt": b"read me", "VAULT-FORMAT.md": b"# format", "rescue/rescue-1.py": b"print('rescue')"}
)
KEY_FILE = bytes(range(32))


def secret() -> SlotSecret:
    return passphrase_secret(PASSPHRASE)


def a_proof(clock: ManualClock) -> StoreProof:
    return prove_store(MemoryStore(clock), clock, large_bytes=1 << 20)


def create(
    store: Store, clock: ManualClock, *, passphrase: str | None = PASSPHRASE, with_file: bool = False
) -> Created:
    return create_vault(
        store,
        clock=clock,
        proof=a_proof(clock),
        passphrase=passphrase_secret(passphrase) if passphrase is not None else None,
        key_file=KEY_FILE if with_file else None,
        cost=CHEAP,
        papers=PAPERS,
    )


@dataclass
class OwnedVault:
    """Store, clock and what the owner holds, right after creation."""

    store: MemoryStore
    clock: ManualClock
    created: Created


def own_a_vault(*, with_file: bool = False) -> OwnedVault:
    clock = ManualClock()
    store = MemoryStore(clock)
    return OwnedVault(store, clock, create(store, clock, with_file=with_file))


def contents(store: Store) -> dict[str, bytes]:
    return {info.name: store.read(info.name) for info in store.list_objects()}


def replace_object(store: Store, name: str, content: bytes) -> None:
    store.delete(name)
    store.put_if_absent(name, content)


def replace_both(store: Store, name: str, content: bytes | None) -> None:
    """Put other bytes, or nothing, in the place of an object and of its copy."""
    for place in (name, spare_name(name)):
        store.delete(place)
        if content is not None:
            store.put_if_absent(place, content)


def copy_store(store: Store) -> MemoryStore:
    copy = MemoryStore(ManualClock())
    for name, content in contents(store).items():
        copy.put_if_absent(name, content)
    return copy
