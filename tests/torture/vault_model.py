"""A vault with several hosts and keepers, and a model that knows what must be restorable at every moment."""

import dataclasses
import pathlib
import random
import shutil
from collections.abc import Callable, Iterator

from tests.torture.interleaving import Actor
from tests.unit.vault.owned_vault import CHEAP, OwnedVault, own_a_vault, secret
from tests.unit.vault.small_segments import save_small

from rebond.errors import RebondError, Refused
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.operations.verify import verify
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, FaultyStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import read_back
from rebond.vault.access import Vault
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.holds import hold_snapshot, release_snapshot
from rebond.vault.members import issue_keeper, issue_writer
from rebond.vault.opening import OpenedVault, open_vault, secret_from_file
from rebond.vault.pruning import prune
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.undeleting import undelete

DAY_SECONDS = 86_400.0
HOSTS = ("owner", "web", "db")  # db shares the domain of web: they find one another's chunks
KEEPERS = ("owner", "keeper")
Wrap = Callable[[Store], Store]


@dataclasses.dataclass(frozen=True)
class Beginning:
    """A vault with two writers and a keeper, made once and copied for each walk."""

    made: OwnedVault
    opened: dict[str, OpenedVault]

    @classmethod
    def make(cls) -> "Beginning":
        """Make it."""
        made = own_a_vault()
        web = _issue(made, "web", issue_writer)
        domain = web.credentials.writing_domain()
        db = _issue(made, "db", lambda **given: issue_writer(**given, share_domain=domain))
        keeper = _issue(made, "keeper", issue_keeper)
        return cls(made, {"owner": open_vault(made.store, secret()), "web": web, "db": db, "keeper": keeper})


def _issue(made: OwnedVault, label: str, issue: Callable[..., object]) -> OpenedVault:
    owner = open_vault(made.store, secret())
    issued = issue(
        store=made.store,
        keyring=owner.require_keyring(),
        roster=owner.roster,
        label=label,
        clock=made.clock,
        cost=CHEAP,
    )
    return open_vault(made.store, secret_from_file(issued.content))  # type: ignore[attr-defined]


@dataclasses.dataclass
class Sleeper:
    """A backup that was stopped in the middle and may wake up at any time."""

    host: str
    actor: Actor
    files: dict[str, bytes]


class VaultModel:
    """The vault and what has to be true of it.

    ``saved`` is what each commit record holds. ``standing`` must be listed; ``doubtful`` may be (a
    backup or a forget that was cut while it happened). Anything else must not be.
    """

    def __init__(self, beginning: Beginning, folder: pathlib.Path, seed: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.opened = beginning.opened
        self.folder = folder
        self.clock = ManualClock(beginning.made.clock.now_ms())
        self.store = MemoryStore(self.clock)
        self.store._objects = dict(beginning.made.store._objects)  # quicker than putting each
        rng = random.Random(seed)
        self.pool = [rng.randbytes(rng.choice([300, 2_000, 9_000, 30_000])) for _ in range(12)]
        self.trees = {host: MemoryTree() for host in HOSTS}
        for host in HOSTS:
            self.trees[host].write("always", host.encode())
        self.saved: dict[str, dict[str, bytes]] = {}
        self.standing: set[str] = set()
        self.doubtful: set[str] = set()
        self.held: set[str] = set()
        self.unborn: list[dict[str, bytes]] = []  # what backups that were cut may have committed
        self.sleepers: list[Sleeper] = []

    # -- surroundings -----------------------------------------------------------------------------

    def open(self, who: str, wrap: Wrap | None = None) -> Vault:
        """Open the vault as somebody, with caches of his own."""
        opened = self.opened[who]
        store: Store = self.store if wrap is None else wrap(self.store)
        return Vault(
            store=store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=self.folder / who,
            clock=self.clock,
        )

    def lose_caches(self, who: str) -> None:
        """Forget what a host remembers."""
        shutil.rmtree(self.folder / who, ignore_errors=True)

    def listed(self) -> list[SnapshotRecord]:
        """What the owner sees."""
        return list_snapshots(self.open("owner"))

    # -- verbs, undisturbed or not ------------------------------------------------------------------

    def back_up(self, host: str, wrap: Wrap | None = None) -> None:
        """Save a host's tree. A disturbed run may have committed, or not."""
        files = self.trees[host].copy()
        try:
            record = save_small(self.open(host, wrap), self.trees[host], stack=host)
        except (PowerCut, RebondError):
            if wrap is None:
                raise
            self.unborn.append(files)
            return
        self.saved[record.name] = files
        self.standing.add(record.name)

    def forget(self, who: str, name: str, wrap: Wrap | None = None) -> None:
        """Forget one snapshot; a held one or the last of its kind is refused."""
        try:
            vault = self.open(who, wrap)
            forget(vault, plan_by_name(survey(vault), {name}, is_confirmed=True))
        except Refused:
            return
        except (PowerCut, RebondError):
            if wrap is None:
                raise
            self.standing.discard(name)
            self.doubtful.add(name)
            return
        assert name not in self.held, "a held snapshot was forgotten"
        self.standing.discard(name)
        self.doubtful.discard(name)

    def undelete(self, who: str, name: str, wrap: Wrap | None = None) -> None:
        """Take a snapshot out of the trash, unless it is too late."""
        try:
            undelete(self.open(who, wrap), name)  # type: ignore[arg-type]
        except (PowerCut, RebondError):
            self.doubtful.add(name)
            return
        self.doubtful.discard(name)
        self.standing.add(name)

    def hold(self, who: str, name: str) -> None:
        """Hold a listed snapshot."""
        (record,) = (record for record in self.listed() if record.name == name)
        hold_snapshot(self.open(who), record, reason="court", until_ms=None, who=who)
        self.held.add(name)
        self.doubtful.discard(name)
        self.standing.add(name)

    def release(self, who: str, name: str) -> None:
        """Lift a hold."""
        for record in self.listed():
            if record.name == name:
                release_snapshot(self.open(who), record, reason="settled", who=who)
                self.held.discard(name)

    def prune(self, who: str, wrap: Wrap | None = None) -> None:
        """Prune. Undisturbed it always succeeds."""
        try:
            prune(self.open(who, wrap), Silence())
        except (PowerCut, RebondError):
            if wrap is None:
                raise

    def verify(self) -> None:
        """Every byte is what it should be."""
        outcome = verify(self.open("owner"), read_data_percent=100)
        assert outcome.ok, outcome.findings

    # -- runs that sleep ---------------------------------------------------------------------------------

    def fall_asleep(self, host: str, after_calls: int) -> None:
        """Begin a backup and stop it before a call."""
        files = self.trees[host].copy()
        tree = MemoryTree(dict(self.trees[host].files), dict(self.trees[host].versions))

        def act(store: Store) -> None:
            record = save_small(self.open(host, lambda _: store), tree, stack=host)
            self.saved[record.name] = files
            self.standing.add(record.name)

        sleeper = Sleeper(host, Actor(act, self.store), files)
        if sleeper.actor.run_until(after_calls):
            self.sleepers.append(sleeper)
            self.unborn.append(files)  # it may have put its record already
        else:
            sleeper.actor.end()

    def wake(self, sleeper: Sleeper) -> None:
        """Let it go on to its end: it commits something whole, or says why not."""
        self.sleepers.remove(sleeper)
        sleeper.actor.end()

    # -- the truth -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """What must be listed is, what must not be is not, and every listed snapshot restores byte for byte."""
        listed = self.listed()
        names = {record.name for record in listed}
        assert self.standing <= names, f"snapshots are gone: {self.standing - names}"
        reader = self.open("owner")
        for record in listed:
            content = read_back(reader, record)
            if record.name not in self.saved:
                assert content in self.unborn, "a snapshot that nobody made, or one that is half"
                self.saved[record.name] = content
                self.doubtful.add(record.name)
            assert content == self.saved[record.name], f"{record.name} is not what was saved"
        strangers = names - self.standing - self.doubtful
        assert not strangers, f"forgotten snapshots are back: {strangers}"

    def in_trash(self) -> list[str]:
        """The names of what lies in the trash."""
        return [record.name for record in list_snapshots(self.open("owner"), SnapshotFilter(in_trash=True))]

    def settle(self) -> None:
        """Wake everybody, let weeks pass, clean up, back up: all of it undisturbed, and all of it works."""
        for sleeper in list(self.sleepers):
            self.wake(sleeper)
        self.check()
        for host in HOSTS:
            self.back_up(host)
        for _ in range(3):
            self.clock.advance(8 * DAY_SECONDS)
            for keeper in KEEPERS:
                self.prune(keeper)
            self.check()
        self.verify()


def cutting(at: int, *, after: bool) -> Wrap:
    """Return a disturbance: the power fails at a write."""
    return lambda store: CuttingStore(store, cut_at=at, after=after)


def failing(at: int, kind: str) -> Wrap:
    """Return a disturbance: a write fails, fails for ever, or works and its answer is lost."""

    def wrap(store: Store) -> Store:
        if kind == "answer lost":
            return FaultyStore(store, lose_answer_at_write=at)
        return FaultyStore(store, fail_at_write=at, keeps_failing=kind == "for ever")

    return wrap


def all_disturbances() -> Iterator[str]:
    """Yield the kinds of failing writes."""
    yield from ("once", "for ever", "answer lost")
