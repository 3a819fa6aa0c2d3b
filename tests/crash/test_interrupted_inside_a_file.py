"""The power fails at every write of a backup that is inside a large file, and much happens before the next one."""

import dataclasses
import os
import random
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from rebond.operations.backup import BackupOutcome, BackupRequest, ComponentToSave, back_up
from rebond.progress import Silence
from rebond.sources.files.excluding import Rules
from rebond.sources.files.scanning import FileTree
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.vaults import Notebook, make_vault, open_made, read_back
from rebond.vault import begun_files, file_contents, sealing_pipeline
from rebond.vault.access import Vault
from rebond.vault.creation import Created
from rebond.vault.frames import LEVELS
from rebond.vault.marks import MarkBody, put_mark
from rebond.vault.protocol_rules import MarkPurpose
from rebond.vault.pruning import prune

CONTENT = random.Random(3).randbytes(6_000_000)
LEVEL = msgspec.structs.replace(LEVELS["fast"], target_bytes=256 << 10)
LONG_AGO_NS = 1_700_000_000_123_456_789
DAY = 86_400.0
IN_THE_MIDDLE = 13  # of some 22 writes: a list stands, and packs that none names
AT_ONCE = 3
GRAIN_SECONDS = 0.1  # what was changed within it of being listed is not told from what is changed later


@dataclasses.dataclass
class World:
    """A vault in memory and a directory with a large file in it."""

    folder: Path
    clock: ManualClock = dataclasses.field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)
        self.created: Created = make_vault(self.store, self.clock)
        self.caches = self.folder / "caches"
        self.root = self.folder / "site"
        self.image = self.root / "m.img"
        self.root.mkdir(parents=True)
        for name in ("a", "z"):
            (self.root / name).write_bytes(name.encode() * 1000)
        self.write(CONTENT)

    def write(self, content: bytes) -> None:
        """Replace the file by one of the same name and time."""
        (self.folder / "new").write_bytes(content)
        os.utime(self.folder / "new", ns=(LONG_AGO_NS, LONG_AGO_NS))
        os.replace(self.folder / "new", self.image)
        time.sleep(GRAIN_SECONDS)

    def open(self, store: Store | None = None, caches: str = "caches") -> Vault:
        return open_made(self.created, store or self.store, self.clock, self.folder / caches)

    def save(self, vault: Vault | None = None, root: Path | None = None, *, rereads_all: bool = False) -> BackupOutcome:
        path = os.fsencode(root or self.root)
        component = ComponentToSave(
            name="site",
            root=path,
            open_tree=lambda report: FileTree(path, Rules(), one_file_system=False, report=report),
        )
        request = BackupRequest(
            components=(component,), stack="test", host="here", level=LEVEL, rereads_all=rereads_all
        )
        return back_up(vault or self.open(), request, Notebook())

    def is_cut(self, cut_at: int, root: Path | None = None) -> bool:
        """Back up over a store whose power fails; ``False`` when the backup was done before."""
        try:
            self.save(self.open(CuttingStore(self.store, cut_at=cut_at)), root)
        except PowerCut:
            return True
        return False

    def cut(self, cut_at: int = IN_THE_MIDDLE, root: Path | None = None) -> None:
        assert self.is_cut(cut_at, root)

    def notes(self) -> list[Path]:
        return sorted(self.caches.rglob("*.begun"))

    def packs(self) -> list[str]:
        return [info.name for info in self.store.list_objects("packs/")]

    def save_and_read_back(self, *, rereads_all: bool = False) -> int:
        """Make a snapshot, prove it with another host's caches, and return how many bytes were read for it."""
        outcome = self.save(rereads_all=rereads_all)
        files = {path.name: path.read_bytes() for path in self.root.iterdir()}
        assert read_back(self.open(caches="another host"), outcome.record) == files
        assert self.notes() == []
        return outcome.totals[0][1].read_bytes


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let little be in flight, and a file of some megabytes be a large one."""
    monkeypatch.setattr(begun_files, "WORTH_NOTING_BYTES", 1 << 20)
    monkeypatch.setattr(file_contents, "_REPORT_AFTER_CHUNKS", 1)
    monkeypatch.setattr(sealing_pipeline, "LEAST_PACK", 200_000)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_wherever_the_power_fails_inside_a_file_the_next_run_goes_on_and_what_it_saves_is_whole(tmp_path: Path) -> None:
    read: list[int] = []
    while (world := World(tmp_path / f"{len(read)}")).is_cut(len(read)):
        read.append(world.save_and_read_back())
        shutil.rmtree(world.folder)

    assert read[0] >= len(CONTENT), "nothing had been read"
    assert sum(each < len(CONTENT) / 2 for each in read) > len(read) / 4
    assert read[-1] < len(CONTENT) / 4, read


def test_a_run_that_was_cut_is_gone_on_with(world: World) -> None:
    world.cut()
    assert len(world.notes()) == 1

    assert world.save_and_read_back() < len(CONTENT) * 0.8


def test_a_file_that_is_the_root_itself_is_gone_on_with(world: World) -> None:
    world.cut(root=world.image)

    outcome = world.save(root=world.image)

    assert read_back(world.open(caches="another host"), outcome.record) == {"m.img": CONTENT}
    assert outcome.totals[0][1].read_bytes < len(CONTENT) * 0.8


def test_a_file_that_was_written_to_is_read_whole_though_size_and_time_are_what_they_were(world: World) -> None:
    world.cut()
    with open(world.image, "r+b") as file:
        file.write(b"changed since")
    os.utime(world.image, ns=(LONG_AGO_NS, LONG_AGO_NS))
    time.sleep(GRAIN_SECONDS)

    assert world.save_and_read_back() > len(CONTENT)


def test_a_file_that_was_replaced_is_read_whole_though_size_and_time_are_what_they_were(world: World) -> None:
    world.cut()
    world.write(b"another one" + CONTENT[11:])

    assert world.save_and_read_back() > len(CONTENT)


def test_a_file_that_was_changed_a_moment_ago_is_read_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock may not have ticked since: nothing tells then whether it is as it was."""
    world.cut()
    monkeypatch.setattr("rebond.sources.files.listing._FINE_GRAIN_NS", 3_600_000_000_000)

    assert world.save_and_read_back() > len(CONTENT)


def test_a_run_that_is_to_read_everything_does(world: World) -> None:
    world.cut()

    assert world.save_and_read_back(rereads_all=True) > len(CONTENT)


def test_what_a_prune_took_away_in_between_is_read_and_stored_again(world: World) -> None:
    world.cut()
    world.cut(AT_ONCE)  # the host knows now by its own index where the chunks lay
    assert world.packs()
    for _ in range(3):
        world.clock.advance(8 * DAY)
        prune(world.open(), Silence())
    assert not world.packs(), "nothing was pruned, so nothing is tested"

    assert world.save_and_read_back() > len(CONTENT)


@pytest.mark.parametrize("purpose", [MarkPurpose.DELETE, MarkPurpose.DAMAGE])
def test_what_is_condemned_is_not_referred_to(world: World, purpose: MarkPurpose) -> None:
    world.cut()
    world.cut(AT_ONCE)
    assert list(world.store.list_objects("index/"))
    condemned = world.packs()[1:]
    body = MarkBody(purpose=purpose.value, time_ms=world.clock.now_ms(), names=condemned)
    put_mark(world.store, world.created.credentials, body)

    record = world.save().record

    for name in condemned:
        world.store.delete(name)
    assert read_back(world.open(caches="another host"), record)["m.img"] == CONTENT


def test_a_vault_that_lost_packs_gets_them_again_and_nothing_else_is_read(world: World) -> None:
    world.cut()
    packs = world.packs()
    world.store.delete(packs[len(packs) // 2])
    before = world.save_and_read_back()

    assert before < len(CONTENT)


def test_the_note_of_one_vault_says_nothing_to_another(world: World, tmp_path: Path) -> None:
    world.cut()
    other = World(tmp_path / "other")
    shutil.rmtree(other.root)
    other.root, other.image = world.root, world.image
    other.cut(AT_ONCE)  # before anything was noted, but for where it would be
    (folder,) = {path.parent for path in other.caches.rglob("*.partial")}
    for note in other.notes():
        note.unlink()
    shutil.copy(world.notes()[0], folder)

    assert other.save_and_read_back() > len(CONTENT)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_a_note_that_a_power_cut_tore_is_believed_up_to_there(world: World, share: float) -> None:
    world.cut()
    (note,) = world.notes()
    size = note.stat().st_size
    os.truncate(note, int(size * share))
    os.truncate(note, size)  # zeros, as a file system leaves them whose journal was quicker than its data

    assert world.save_and_read_back() >= len(CONTENT) * (1 - share) * 0.9


def test_a_second_process_at_the_same_time_neither_uses_nor_spoils_what_was_noted(world: World) -> None:
    world.cut()
    (note,) = world.notes()
    with_the_lock = world.open().open_cache(world.created.credentials.writing_domain())
    try:
        beside = world.save()
    finally:
        with_the_lock.close()
    assert note.exists()

    assert beside.totals[0][1].read_bytes > len(CONTENT)
    assert world.save_and_read_back() < len(CONTENT) * 0.8
