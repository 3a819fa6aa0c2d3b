"""What is in the store at each moment of a backup, and what the run after a cut may believe."""

import pathlib
import random
from collections.abc import Sequence

import pytest

from rebond.errors import VaultDamaged
from rebond.identifiers import ObjectName
from rebond.operations.snapshots import list_snapshots
from rebond.store.forwarding import ForwardingStore
from rebond.store.memory import MemoryStore
from rebond.testing.faulty_store import CuttingStore, PowerCut
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, read_back, save
from rebond.vault import sealing, sealing_pipeline
from rebond.vault.access import Vault
from rebond.vault.creation import Created
from rebond.vault.frames import Codec, Compressor, Texture, join_chunks
from rebond.vault.index_loading import open_list
from rebond.vault.packs import pack_name
from rebond.vault.primitives import Buffer


class World:
    """A vault in memory and one tree."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.created: Created = make_vault(self.store, self.clock)
        self.caches = folder / "caches"
        self.tree = MemoryTree()
        rng = random.Random(8)
        for number in range(6):
            self.tree.write(f"file{number}", rng.randbytes(300_000))

    def open(self, store: ForwardingStore | MemoryStore | None = None) -> Vault:
        return open_made(self.created, store or self.store, self.clock, self.caches)

    def names(self, prefix: str) -> set[str]:
        return {info.name for info in self.store.list_objects(prefix)}


@pytest.fixture
def world(tmp_path: pathlib.Path) -> World:
    return World(tmp_path)


class ListJudge(ForwardingStore):
    """Looks at every index list that is put: what it names must be there already."""

    def __init__(self, world: World) -> None:
        super().__init__(world.store)
        self._world = world
        self.judged = 0

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if name.startswith("index/"):
            vault = self._world.open()
            context = vault.index_context(vault.credentials.writing_domain())
            packs = {pack_name(pack.pack_hash) for pack in open_list(context, name, bytes(content)).catalog.packs}
            assert packs <= self._world.names("packs/"), "a list names a pack that is not there yet"
            self.judged += 1
        super().put_if_absent(name, content)


def test_an_index_list_is_put_after_the_packs_that_it_names(world: World) -> None:
    judge = ListJudge(world)

    save(world.open(judge), world.tree)

    assert judge.judged >= 1


def test_what_a_faulty_memory_spoils_before_it_is_sealed_is_never_put(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compress = Compressor.compress

    def flip_a_bit(self: Compressor, raw: Buffer, texture: Texture = Texture.FILES) -> tuple[Codec, Buffer]:
        spoilt = bytearray(raw)
        spoilt[-1] ^= 1
        return compress(self, bytes(spoilt), texture)

    monkeypatch.setattr(Compressor, "compress", flip_a_bit)

    with pytest.raises(VaultDamaged, match="did not come back as it went in"):
        save(world.open(), world.tree)
    assert world.names("packs/") == set()
    assert world.names("snapshots/") == set()


def test_what_was_spoilt_and_stored_all_the_same_is_never_given_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(ids: Sequence[bytes], chunks: Sequence[Buffer]) -> bytes:
        is_file = len(chunks[0]) > 10_000  # a spoilt tree would not even parse
        return join_chunks(ids, [bytes(len(chunks[0])), *chunks[1:]] if is_file else chunks)

    with monkeypatch.context() as patch:
        patch.setattr(sealing_pipeline, "join_chunks", spoil)
        patch.setattr(sealing, "check_sealed", lambda *_: None)
        record = save(world.open(), world.tree).record

    with pytest.raises(VaultDamaged):
        read_back(world.open(), record)


def test_a_pack_that_was_noted_and_never_put_is_not_believed(world: World) -> None:
    class CutAtFirstPack(CuttingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if name.startswith("packs/"):
                self.is_off = True
            super().put_if_absent(name, content)

    with pytest.raises(PowerCut):
        save(world.open(CutAtFirstPack(world.store)), world.tree)
    assert list(world.caches.rglob("unlisted/*")), "nothing was noted, so nothing is tested"

    record = save(world.open(), world.tree).record

    assert read_back(world.open(), record) == world.tree.files


def test_a_pack_that_was_put_by_a_run_that_died_is_taken_over_and_not_stored_again(world: World) -> None:
    class CutAtFirstList(CuttingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if name.startswith("index/"):
                self.is_off = True
            super().put_if_absent(name, content)

    with pytest.raises(PowerCut):
        save(world.open(CutAtFirstList(world.store)), world.tree)
    before = world.names("packs/")
    assert before

    outcome = save(world.open(), world.tree)

    assert outcome.stored_bytes == 0
    assert world.names("packs/") == before
    assert read_back(world.open(), outcome.record) == world.tree.files


def test_packs_that_are_gone_are_stored_again_whatever_the_caches_say(world: World) -> None:
    save(world.open(), world.tree)
    for name in world.names("packs/"):
        world.store.delete(ObjectName(name))

    record = save(world.open(), world.tree).record

    assert read_back(world.open(), record) == world.tree.files


class Forgetful(ForwardingStore):
    """Loses a pack in silence: it says that it was put."""

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if not name.startswith("packs/"):
            super().put_if_absent(name, content)


def test_a_store_that_lost_what_it_took_is_found_out_by_the_next_backup(world: World) -> None:
    save(world.open(Forgetful(world.store)), world.tree)

    record = save(world.open(), world.tree).record

    assert read_back(world.open(), record) == world.tree.files
    assert len(list_snapshots(world.open())) == 2
