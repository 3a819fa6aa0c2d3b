"""Two runs of the real code over one store, stopped before chosen calls: every interleaving of two can be tried."""

import dataclasses
import pathlib
import random
import shutil
import threading
from collections.abc import Callable, Iterator

from tests.bounded import join

from rebond.errors import RebondError
from rebond.identifiers import ObjectName
from rebond.operations.snapshots import list_snapshots
from rebond.progress import Silence
from rebond.store.forwarding import ForwardingStore
from rebond.store.memory import MemoryStore
from rebond.store.protocol import ObjectInfo, Store
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back, save
from rebond.vault.access import Vault
from rebond.vault.creation import Created
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.holds import hold_snapshot
from rebond.vault.pruning import prune
from rebond.vault.undeleting import undelete

DAY_SECONDS = 86_400.0
NEVER = 1 << 30
PATIENCE_SECONDS = 60.0


class Gate:
    """Lets the calls of one actor through up to a limit; the next one waits."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._limit = 0
        self._waiting = 0
        self._is_done = False
        self.calls: list[tuple[str, str]] = []

    def step(self, verb: str, name: str) -> None:
        """Wait until the actor may make one more call."""
        with self._condition:
            self._waiting += 1
            self._condition.notify_all()
            while len(self.calls) >= self._limit:
                self._condition.wait()
            self._waiting -= 1
            self.calls.append((verb, name))

    def run_until(self, count: int) -> bool:
        """Let the actor make ``count`` calls in all; return whether it wants more."""
        with self._condition:
            self._limit = count
            self._condition.notify_all()
            reached = self._condition.wait_for(
                lambda: self._is_done or (len(self.calls) >= count and self._waiting > 0), PATIENCE_SECONDS
            )
            assert reached, f"the actor hangs after {self.calls[-3:]}"
            return not self._is_done

    def finish(self) -> None:
        """Say that the actor has ended."""
        with self._condition:
            self._is_done = True
            self._condition.notify_all()


class SteppedStore(ForwardingStore):
    """A store of which every call passes a gate first."""

    def __init__(self, inner: Store, gate: Gate) -> None:
        super().__init__(inner)
        self._gate = gate

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Pass, then store."""
        self._gate.step("put", name)
        self.inner.put_if_absent(name, content)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Pass, then read."""
        self._gate.step("read", name)
        return self.inner.read(name, start=start, length=length)

    def stat(self, name: str) -> ObjectInfo:
        """Pass, then look."""
        self._gate.step("stat", name)
        return self.inner.stat(name)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Pass, then list all of it at once."""
        self._gate.step("list", prefix)
        yield from list(self.inner.list_objects(prefix))

    def delete(self, name: str) -> None:
        """Pass, then delete."""
        self._gate.step("delete", name)
        self.inner.delete(name)


class Actor:
    """One run in a thread of its own, behind a gate."""

    def __init__(self, act: Callable[[Store], None], store: Store) -> None:
        self.gate = Gate()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(act, SteppedStore(store, self.gate)), daemon=True)
        self._thread.start()

    def _run(self, act: Callable[[Store], None], store: Store) -> None:
        try:
            act(store)
        except BaseException as error:  # judged by whoever steps the actors
            self.error = error
        finally:
            self.gate.finish()

    def run_until(self, count: int) -> bool:
        """Let it make ``count`` calls in all; return whether it wants more."""
        return self.gate.run_until(count)

    def end(self) -> None:
        """Let it run to its end; raise what it raised, unless that is one of our own errors."""
        self.gate.run_until(NEVER)
        join(self._thread)
        if self.error is not None and not isinstance(self.error, RebondError):
            raise self.error


@dataclasses.dataclass
class Contested:
    """A vault in which a prune deletes what a backup is about to refer to.

    The first snapshot alone holds ``old``; it lies in the trash. The tree of the next backup has ``old`` again.
    """

    clock: ManualClock
    store: MemoryStore
    created: Created
    caches: pathlib.Path
    contents: dict[str, dict[str, bytes]]
    tree: MemoryTree
    forgotten: ObjectName

    @classmethod
    def make(cls, folder: pathlib.Path) -> "Contested":
        """Make it."""
        clock = ManualClock()
        store = MemoryStore(clock)
        world = cls(clock, store, make_vault(store, clock), folder / "made", {}, MemoryTree(), ObjectName(""))
        rng = random.Random(5)
        old = rng.randbytes(40_000)
        world.tree.write("old", old)
        world.back_up(store)
        world.tree.remove("old")
        world.tree.write("new", rng.randbytes(5_000))
        world.back_up(store)
        world.forgotten = list_snapshots(world.open(store))[0].name
        vault = world.open(store)
        clock.advance(2 * DAY_SECONDS)
        forget(vault, plan_by_name(survey(vault), {world.forgotten}, is_confirmed=True))
        clock.advance(8 * DAY_SECONDS)
        world.tree.write("old again", old)
        return world

    def copy(self, folder: pathlib.Path) -> "Contested":
        """Return the same state, to be changed on its own."""
        clock = ManualClock(self.clock.now_ms())
        store = MemoryStore(clock)
        store._objects = dict(self.store._objects)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.caches, folder)
        return dataclasses.replace(self, clock=clock, store=store, caches=folder, contents=dict(self.contents))

    def open(self, store: Store, caches: str = "") -> Vault:
        """Open the vault as its owner."""
        return open_made(self.created, store, self.clock, self.caches / caches if caches else self.caches)

    def back_up(self, store: Store) -> None:
        """Save the tree."""
        record = save(self.open(store), self.tree).record
        self.contents[record.name] = self.tree.copy()

    def prune(self, store: Store) -> None:
        """Prune, with caches of its own."""
        prune(self.open(store, "keeper"), Silence())

    def check(self) -> None:
        """Every listed snapshot restores; what a backup said that it saved is listed."""
        vault = self.open(self.store, "reader")
        for record in list_snapshots(vault):
            # A backup whose last answers were errors may stand all the same: then it holds the tree.
            assert read_back(vault, record) == self.contents.get(record.name, self.tree.files), record.name


Act = Callable[["Contested", Store], None]


def backup(world: Contested, store: Store) -> None:
    """Act: a backup."""
    world.back_up(store)


def pruning(world: Contested, store: Store) -> None:
    """Act: a prune."""
    world.prune(store)


def count_calls(world: Contested, folder: pathlib.Path, act: Act) -> list[tuple[str, str]]:
    """Return the calls of an undisturbed run."""
    copy = world.copy(folder)
    actor = Actor(lambda store: act(copy, store), copy.store)
    actor.end()
    assert actor.error is None, actor.error
    return actor.gate.calls


def interleave(
    world: Contested, folder: pathlib.Path, first: tuple[Act, int], second: tuple[Act, int]
) -> tuple[Actor, Actor]:
    """Stop the first act before a call, then the second one, end the first, then the second; then check."""
    copy = world.copy(folder)
    one = Actor(lambda store: first[0](copy, store), copy.store)
    one.run_until(first[1])
    two = Actor(lambda store: second[0](copy, store), copy.store)
    two.run_until(second[1])
    one.end()
    two.end()
    copy.check()
    return one, two


def taking_back(world: Contested, store: Store) -> None:
    """Act: the first snapshot is taken out of the trash."""
    undelete(world.open(store, "other"), world.forgotten)


def holding(world: Contested, store: Store) -> None:
    """Act: the second snapshot is held."""
    vault = world.open(store, "other")
    hold_snapshot(vault, list_snapshots(vault)[0], reason="court", until_ms=None, who="me")


def stall(world: Contested, folder: pathlib.Path, stopped_at: int) -> Actor:
    """Stop a backup before a call, for longer than any keeper waits; then it wakes up. Check."""
    copy = world.copy(folder)
    writer = Actor(lambda store: backup(copy, store), copy.store)
    writer.run_until(stopped_at)
    copy.prune(copy.store)
    for _ in range(2):
        copy.clock.advance(8 * DAY_SECONDS)
        copy.prune(copy.store)
    writer.end()
    copy.check()
    if writer.error is None:
        assert len(list_snapshots(copy.open(copy.store))) == 2
    return writer


def choose_stops(calls: list[tuple[str, str]], *, after: int = 0) -> list[int]:
    """Return the numbers of the calls before which a stop matters: what others see, and what looks at others."""
    looks = ("list", "trash/"), ("list", "packs/"), ("list", "sessions/"), ("list", "snapshots/")
    return [
        number
        for number, (verb, name) in enumerate(calls)
        if number >= after
        and not name.startswith(("probe/", "runs/"))
        and (verb in {"put", "delete"} or any(verb == v and name.startswith(p) for v, p in looks))
    ]
