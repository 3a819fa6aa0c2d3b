"""What a host remembers rots, goes back in time, or is mixed up: the next backup is whole all the same."""

import pathlib
import random
import shutil
from collections.abc import Callable

from tests.unit.vault.small_segments import save_small

from rebond.operations.snapshots import list_snapshots
from rebond.progress import Silence
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back
from rebond.vault.access import Vault
from rebond.vault.forgetting import forget, plan_by_name, survey
from rebond.vault.pruning import prune

DAY_SECONDS = 86_400.0
Rot = Callable[[random.Random, pathlib.Path, pathlib.Path], None]  # a file of the cache and another one


def flip_bits(rng: random.Random, file: pathlib.Path, _: pathlib.Path) -> None:
    """Some bits."""
    content = bytearray(file.read_bytes())
    for _bit in range(rng.choice([1, 1, 1, 20]) if content else 0):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def cut(rng: random.Random, file: pathlib.Path, _: pathlib.Path) -> None:
    """The end is missing, or all."""
    content = file.read_bytes()
    file.write_bytes(content[: rng.choice([0, rng.randrange(len(content) + 1)])])


def blank(rng: random.Random, file: pathlib.Path, _: pathlib.Path) -> None:
    """Zeros from some place on, as a power cut leaves a file that was growing."""
    content = file.read_bytes()
    start = rng.randrange(len(content) + 1)
    file.write_bytes(content[:start] + bytes(len(content) - start))


def lose(_: random.Random, file: pathlib.Path, __: pathlib.Path) -> None:
    """Gone."""
    file.unlink()


def become_another(_: random.Random, file: pathlib.Path, other: pathlib.Path) -> None:
    """All of another file."""
    file.write_bytes(other.read_bytes())


def grow(rng: random.Random, file: pathlib.Path, _: pathlib.Path) -> None:
    """Rubbish at the end."""
    file.write_bytes(file.read_bytes() + rng.randbytes(rng.randrange(1, 200)))


WAYS: tuple[Rot, ...] = (flip_bits, flip_bits, cut, blank, lose, become_another, grow)


class ForgettingHost:
    """A vault in memory and a host whose caches are not to be trusted."""

    def __init__(self, folder: pathlib.Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.caches = folder / "caches"
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.created = make_vault(self.store, self.clock)
        self.tree = MemoryTree()
        self.contents: dict[str, dict[str, bytes]] = {}
        self.past: list[pathlib.Path] = []
        self.rounds = 0
        for number in range(25):
            self.tree.write(f"d{number % 4}/file{number}", self.rng.randbytes(self.rng.randrange(1, 9_000)))
        self.back_up()

    def open(self, caches: str = "caches") -> Vault:
        """Open the vault as its owner."""
        return open_made(self.created, self.store, self.clock, self.folder / caches)

    def back_up(self) -> None:
        """Save the tree with whatever this host remembers."""
        record = save_small(self.open(), self.tree)
        self.contents[record.name] = self.tree.copy()
        self.clock.advance(DAY_SECONDS)

    def live_a_day(self) -> None:
        """Change files, spoil what is remembered, back up, clean up now and then, and look from elsewhere."""
        rng = self.rng
        self._remember_the_past()
        for _ in range(rng.randrange(4)):
            name = rng.choice(sorted(self.tree.files))
            self.tree.write(name, rng.randbytes(rng.randrange(1, 9_000)))
        if rng.random() < 0.5:
            self.clean_up()
        what = self._spoil()
        try:
            self.back_up()
            self.check()
        except BaseException as error:
            error.add_note(f"{what}")
            raise
        self.rounds += 1

    def _remember_the_past(self) -> None:
        copy = self.folder / f"past-{self.rounds}"
        shutil.copytree(self.caches, copy)
        self.past.append(copy)
        if len(self.past) > 4:
            shutil.rmtree(self.past.pop(0))

    def _spoil(self) -> list[str]:
        rng = self.rng
        if rng.random() < 0.25:
            back = rng.choice(self.past)
            shutil.rmtree(self.caches)
            shutil.copytree(back, self.caches)
            return [f"back to {back.name}"]
        told = []
        for _ in range(rng.randrange(1, 4)):
            files = sorted(path for path in self.caches.rglob("*") if path.is_file() and path.name != "lock")
            if not files:
                break
            file, way = rng.choice(files), rng.choice(WAYS)
            past = [path for each in self.past for path in each.rglob(file.name) if path.is_file()]
            other = rng.choice(past) if past and rng.random() < 0.5 else rng.choice(files)
            told.append(f"{way.__name__} {file.relative_to(self.folder)} {other.relative_to(self.folder)}")
            way(rng, file, other)
        return told

    def clean_up(self) -> None:
        """Forget what is old, and prune from another host."""
        vault = self.open("keeper")
        doomed = {record.name for record in list_snapshots(vault)[:-2]}
        if doomed:
            forget(vault, plan_by_name(survey(vault), doomed, is_confirmed=True))
            prune(vault, Silence())
        for name in doomed:
            del self.contents[name]

    def check(self) -> None:
        """Read everything back with nothing remembered."""
        shutil.rmtree(self.folder / "cold", ignore_errors=True)
        vault = self.open("cold")
        records = list_snapshots(vault)
        assert {record.name for record in records} == set(self.contents)
        for record in records:
            assert read_back(vault, record) == self.contents[record.name], record.name
