"""The power fails before any call to the disk while a vault is used and its keys change; who held a key still does."""

import contextlib
import dataclasses
import pathlib
import random
import shutil
from collections.abc import Callable, Iterable

from tests.unit.vault.owned_vault import CHEAP
from tests.unit.vault.small_segments import save_small

from rebond.clock import SystemClock
from rebond.errors import UnknownName
from rebond.identifiers import ObjectName
from rebond.operations.snapshots import list_snapshots
from rebond.operations.verify import verify
from rebond.progress import Silence
from rebond.store.local import LocalStore
from rebond.testing.faulty_store import PowerCut
from rebond.testing.forgetful_disk import ForgetfulDisk
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, read_back
from rebond.vault.access import Vault
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.key_slots import add_slot, find_slot, remove_slot
from rebond.vault.members import issue_writer, revoke_member
from rebond.vault.opening import VaultSecret, open_vault, secret_from_file
from rebond.vault.pruning import prune
from rebond.vault.slots import passphrase_secret, recovery_key_secret
from rebond.vault.undeleting import undelete

CLOCK = SystemClock()
FIRST, SECOND = "the passphrase of the first day", "another one, added later"


@dataclasses.dataclass
class Beginning:
    """A vault on disk with two snapshots and two secrets, copied for each cut."""

    folder: pathlib.Path
    recovery: VaultSecret
    tree: MemoryTree
    contents: dict[str, dict[str, bytes]]

    @classmethod
    def make(cls, folder: pathlib.Path) -> "Beginning":
        """Make it."""
        store = LocalStore.create(folder / "vault")
        created = make_vault(store, CLOCK)
        made = cls(folder, recovery_key_secret(created.recovery_key), MemoryTree(), {})
        keyring = open_vault(store, made.recovery).require_keyring()
        add_slot(store, keyring, passphrase_secret(FIRST), clock=CLOCK, label="first", cost=CHEAP)
        rng = random.Random(6)
        for number in range(12):
            made.tree.write(f"file{number}", rng.randbytes(3_000))
        vault = open_for(store, made.recovery, folder / "caches")
        made.contents[save_small(vault, made.tree).name] = made.tree.copy()
        for number in range(9):
            made.tree.remove(f"file{number}")
        made.tree.write("second", rng.randbytes(4_000))
        made.contents[save_small(vault, made.tree).name] = made.tree.copy()
        return made


class Use:
    """One course of work on a copy: ``facts`` say what was told to have happened, at each moment."""

    def __init__(self, beginning: Beginning, folder: pathlib.Path, *, cut_at: int | None) -> None:
        shutil.copytree(beginning.folder, folder)
        self.disk = ForgetfulDisk(folder / "vault", cut_at=cut_at)
        self.disk.remember()
        self.beginning = beginning
        self.folder = folder
        self.store = LocalStore(folder / "vault", disk=self.disk)
        self.contents = dict(beginning.contents)
        self.standing = set(beginning.contents)
        self.doubtful: set[str] = set()
        self.unborn: list[dict[str, bytes]] = []
        self.secrets: dict[str, VaultSecret] = {
            "the recovery key": beginning.recovery,
            "the first passphrase": passphrase_secret(FIRST),
        }

    def run(self) -> None:
        """Back up, forget, take back, forget, prune, add and remove a key, issue and revoke a writer."""
        old = ObjectName(next(iter(self.contents)))
        tree = MemoryTree(dict(self.beginning.tree.files), dict(self.beginning.tree.versions))
        tree.write("third", b"third" * 900)
        self.back_up(tree)
        self.doubt(old, lambda vault: self.forget(vault, old))
        self.doubt(old, lambda vault: undelete(vault, old))
        self.standing.add(old)
        self.doubtful.discard(old)
        self.doubt(old, lambda vault: self.forget(vault, old))
        self.doubt(old, lambda vault: prune(vault, Silence()))
        self.change_slots()
        self.change_members()

    def open(self) -> Vault:
        """Open the vault with the recovery key, over the disk that may fail."""
        return open_for(self.store, self.beginning.recovery, self.folder / "caches")

    def back_up(self, tree: MemoryTree) -> None:
        """Save a tree; cut, it stands whole or not at all."""
        self.unborn.append(tree.copy())
        record = save_small(self.open(), tree)
        self.contents[record.name] = self.unborn.pop()
        self.standing.add(record.name)

    def doubt(self, name: str, act: Callable[[Vault], object]) -> None:
        """Do what may or may not show of one snapshot when it is cut."""
        self.standing.discard(name)
        self.doubtful.add(name)
        act(self.open())

    @staticmethod
    def forget(vault: Vault, name: str) -> None:
        """Forget one snapshot."""
        forget(vault, plan_by_name(survey(vault), {name}, is_confirmed=True))

    def change_slots(self) -> None:
        """Add a passphrase, then remove the first one."""
        opened = open_vault(self.store, self.beginning.recovery)
        second = passphrase_secret(SECOND)
        _, keyring = add_slot(self.store, opened.require_keyring(), second, clock=CLOCK, label="second", cost=CHEAP)
        self.secrets["the second passphrase"] = second
        del self.secrets["the first passphrase"]
        remove_slot(self.store, keyring, find_slot(self.store, keyring, "first"))

    def change_members(self) -> None:
        """Issue two writers, and revoke one of them."""
        for label in ("web", "db"):
            opened = open_vault(self.store, self.beginning.recovery)
            issued = issue_writer(
                self.store, opened.require_keyring(), opened.roster, label=label, clock=CLOCK, cost=CHEAP
            )
            self.secrets[f"the writer's file of {label}"] = secret_from_file(issued.content)
        opened = open_vault(self.store, self.beginning.recovery)
        web = next(member.id for member in opened.roster.members if member.label == "web")
        del self.secrets["the writer's file of web"]
        revoke_member(self.store, opened.require_keyring(), opened.roster, web, clock=CLOCK)


def open_for(store: LocalStore, secret: VaultSecret, caches: pathlib.Path) -> Vault:
    """Open a vault with a secret."""
    opened = open_vault(store, secret)
    return Vault(store=store, credentials=opened.credentials, roster=opened.roster, caches=caches, clock=CLOCK)


def count_calls(beginning: Beginning, folder: pathlib.Path) -> int:
    """Return how many calls an undisturbed course makes."""
    use = Use(beginning, folder / "counted", cut_at=None)
    use.run()
    shutil.rmtree(folder / "counted")
    return len(use.disk.calls)


def cut_at_each(beginning: Beginning, folder: pathlib.Path, places: Iterable[int]) -> int:
    """Cut the power before each of these calls, both ways; return how many cuts were judged."""
    count = 0
    for place in places:
        use = Use(beginning, folder / "used", cut_at=place)
        with contextlib.suppress(PowerCut):
            use.run()
        for keeps_names in (False, True):
            left = folder / "left"
            use.disk.leave_behind(left, keeps_names=keeps_names)
            try:
                judge(use, left, folder / "cold")
            except BaseException as error:
                error.add_note(f"the power failed before call {place}, after {use.disk.calls[-3:]}, {keeps_names=}")
                raise
            shutil.rmtree(left)
            shutil.rmtree(folder / "cold", ignore_errors=True)
            count += 1
        shutil.rmtree(folder / "used")
    return count


def judge(use: Use, left: pathlib.Path, caches: pathlib.Path) -> None:
    """Everything that was told holds on the disk that the power left, and the work goes on there."""
    store = LocalStore(left)
    for label, secret in use.secrets.items():
        try:
            open_vault(store, secret)
        except BaseException as error:
            error.add_note(f"{label} opens nothing any more")
            raise
    vault = open_for(store, use.beginning.recovery, caches)
    listed = _check_snapshots(use, vault)
    with contextlib.suppress(UnknownName):  # a removal that was cut is run again
        keyring = open_vault(store, use.beginning.recovery).require_keyring()
        remove_slot(store, keyring, find_slot(store, keyring, "first"))
    assert not list(caches.rglob("*.tmp"))
    tree = use.beginning.tree
    after = save_small(open_for(store, use.beginning.recovery, caches), tree)
    assert read_back(vault, after) == tree.files
    prune(vault, Silence())
    outcome = verify(vault, read_data_percent=100)
    assert outcome.ok, outcome.findings
    assert {record.name for record in list_snapshots(vault)} >= listed & use.standing | {after.name}


def _check_snapshots(use: Use, vault: Vault) -> set[str]:
    records = {record.name: record for record in list_snapshots(vault)}
    assert use.standing <= records.keys(), f"gone: {use.standing - records.keys()}"
    for name, record in records.items():
        content = read_back(vault, record)
        if name in use.contents:
            assert content == use.contents[name]
            assert name in use.standing | use.doubtful
        else:
            assert content in use.unborn, "a snapshot that nobody made"
    return set(records)
