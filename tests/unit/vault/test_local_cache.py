"""What a host remembers may be lost, damaged or taken by somebody else: it is then only slower."""

import errno
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.vault.written_trees import IDENTITY

from rebond.errors import CacheDamaged
from rebond.operations.browsing import content_of, root_of, walk
from rebond.operations.snapshots import list_snapshots
from rebond.operations.verify import verify
from rebond.progress import Advance
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook, make_vault, open_made, read_back, save
from rebond.vault import chunk_index, domain_content, index_loading, local_cache, snapshot_places, writing
from rebond.vault.access import Vault
from rebond.vault.creation import Created
from rebond.vault.file_cache import CacheRecord, CacheWriter, read_records
from rebond.vault.local_cache import LocalCache
from rebond.vault.reading import SnapshotReader


class Place:
    """A vault in memory and hosts that write to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.created: Created = make_vault(self.store, self.clock)
        self.tree = MemoryTree()
        for number in range(12):
            self.tree.write(f"d{number % 3}/{number}", random.Random(number).randbytes(3000))

    def vault(self, host: str = "host") -> Vault:
        return open_made(self.created, self.store, self.clock, self.directory / host)

    def cache_files(self, host: str = "host") -> list[Path]:
        return sorted(p for p in (self.directory / host).rglob("*") if p.is_file() and p.name != "lock")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A host that has made two snapshots."""
    place = Place(tmp_path_factory.mktemp("caches"))
    save(place.vault(), place.tree)
    place.tree.write("d0/new", b"new")
    save(place.vault(), place.tree)
    return place


@pytest.fixture
def place(prepared: Place, tmp_path: Path) -> Place:
    """The same host with a copy of its caches, so that each test may spoil them."""
    copy = Place.__new__(Place)
    copy.__dict__.update(prepared.__dict__)
    copy.directory = tmp_path
    shutil.copytree(prepared.directory / "host", tmp_path / "host")
    copy.tree = MemoryTree(dict(prepared.tree.files), dict(prepared.tree.versions))
    return copy


def kinds_of_files(place: Place) -> Iterator[tuple[str, Path]]:
    for path in place.cache_files():
        yield (path.parent.name if path.name != "manifest" else "manifest"), path


def check_still_right(place: Place) -> None:
    place.clock.advance(60)
    before = read_back_newest(place)
    assert before == place.tree.files, "reading with these caches"
    outcome = save(place.vault(), place.tree)
    assert outcome.stored_bytes == 0, "nothing is stored twice"
    assert read_back(place.vault("another"), outcome.record) == place.tree.files


def read_back_newest(place: Place) -> dict[str, bytes]:
    vault = place.vault()
    return read_back(vault, list_snapshots(vault)[-1])


@pytest.mark.parametrize("kind", ["runs", "lists", "files", "manifest"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "cut to a block", "emptied", "removed"])
def test_a_cache_that_was_damaged_is_slower_and_never_wrong(place: Place, kind: str, damage: str) -> None:
    paths = [path for found, path in kinds_of_files(place) if found == kind]
    assert paths
    for path in paths:
        content = bytearray(path.read_bytes())
        if damage == "flipped":
            content[len(content) // 2] ^= 4
        path.write_bytes(
            content
            if damage == "flipped"
            else content[: {"cut": len(content) - 1, "cut to a block": 4096 * (len(content) // 8192)}.get(damage, 0)]
        )
        if damage == "removed":
            path.unlink()

    check_still_right(place)


def spoil_runs(place: Place) -> None:
    for kind, path in kinds_of_files(place):
        if kind == "runs":
            path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))


class Spoiler(Notebook):
    """An observer in whose time the disk of the cache goes bad."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place: Place | None = place

    def advanced(self, advance: Advance) -> None:
        super().advanced(advance)
        if self.place is not None:
            spoil_runs(self.place)
            self.place = None


def test_a_cache_that_goes_bad_while_a_backup_runs_is_made_anew_and_the_backup_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path)
    save(place.vault(), place.tree)
    monkeypatch.setattr(chunk_index, "LOADED_LIMIT", 0)  # as where there are too many to be taken into memory
    place.clock.advance(60)
    for name in ("a", "b"):
        place.tree.write(f"new/{name}", name.encode() * 5000)
    observer = Spoiler(place)

    outcome = save(place.vault(), place.tree, observer=observer)

    assert observer.place is None
    assert len(list_snapshots(place.vault())) == 2
    assert read_back(place.vault("another"), outcome.record) == place.tree.files
    check_still_right(place)


def test_a_cache_that_goes_bad_again_and_again_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    save(place.vault(), place.tree)
    monkeypatch.setattr(chunk_index, "LOADED_LIMIT", 0)
    monkeypatch.setattr(Spoiler, "advanced", lambda *_: spoil_runs(place))
    place.clock.advance(60)
    for name in ("a", "b"):
        place.tree.write(f"new/{name}", name.encode() * 5000)

    with pytest.raises(CacheDamaged, match="What this machine remembers of the vault is damaged"):
        save(place.vault(), place.tree, observer=Spoiler(place))

    assert len(list_snapshots(place.vault())) == 1
    place.clock.advance(60)
    save(place.vault(), place.tree)
    check_still_right(place)


def test_a_cache_that_goes_bad_before_it_is_saved_takes_nothing_from_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path)
    save(place.vault(), place.tree)
    monkeypatch.setattr(chunk_index, "MERGE_COUNT", 2)  # so that this run joins what is there with what is new
    monkeypatch.setattr(chunk_index, "_same_tier", lambda _: True)
    observer = Spoiler(place)
    place.clock.advance(60)
    place.tree.write("new", b"n" * 5000)
    outcome = save(place.vault(), place.tree, observer=observer)

    (finding,) = observer.findings
    assert finding.code == "cache-lost"
    assert "The snapshot stands" in finding.message
    assert read_back(place.vault("another"), outcome.record) == place.tree.files
    check_still_right(place)


def test_a_run_that_cannot_be_read_any_more_is_built_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {(path.stat().st_dev, path.stat().st_ino) for kind, path in kinds_of_files(place) if kind == "runs"}
    pread, failed = os.pread, []

    def read(descriptor: int, size: int, offset: int) -> bytes:
        about = os.fstat(descriptor)
        if (about.st_dev, about.st_ino) in runs:
            failed.append(descriptor)
            raise OSError(5, "Input/output error")
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", read)
    check_still_right(place)
    assert failed


def test_a_run_that_lost_its_last_blocks_does_not_hide_chunks_from_a_restore(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number in range(200):
        place.tree.write(f"many/{number:03d}", b"content %d" % number)
    save(place.vault(), place.tree)
    run = max((p for kind, p in kinds_of_files(place) if kind == "runs"), key=lambda p: p.stat().st_size)
    assert run.stat().st_size > 4096
    os.truncate(run, 4096)

    check_still_right(place)


def test_a_lost_manifest_beside_runs_that_are_there_is_built_again(place: Place) -> None:
    for kind, path in kinds_of_files(place):
        if kind == "manifest":
            path.unlink()

    check_still_right(place)
    assert any(kind == "manifest" for kind, _ in kinds_of_files(place))


def test_a_run_file_that_no_manifest_names_is_not_believed(place: Place) -> None:
    runs = next(path.parent for kind, path in kinds_of_files(place) if kind == "runs")
    (runs / "00000099.run").write_bytes(b"left by a run that was killed")

    check_still_right(place)
    assert not (runs / "00000099.run").exists()


def test_runs_of_another_index_with_as_many_rows_are_not_believed(tmp_path: Path) -> None:
    """A cache that was put together out of two, as when a home directory is restored over a newer one.

    The numbers of sessions in a run mean something in its own manifest only: in another one they name other segments.
    """
    chunks = [random.Random(number).randbytes(32) for number in range(100)]
    for host, session in ("one", b"1" * 16), ("two", b"2" * 16):
        cache = LocalCache(tmp_path / host)
        for chunk in chunks if host == "one" else chunks[::-1]:
            cache.chunks.add(chunk, cache.segments.place(session, 1 if host == "one" else 2))
        cache.save()
        cache.close()
    shutil.copyfile(tmp_path / "two" / "manifest", tmp_path / "one" / "manifest")

    cache = LocalCache(tmp_path / "one")
    try:
        assert not cache.chunks.row_count
        assert not cache.merged_lists
    finally:
        cache.close()


def test_a_second_process_works_on_a_copy_that_it_throws_away(place: Place) -> None:
    first = place.vault().open_cache(place.created.credentials.writing_domain())
    private = place.vault().open_cache(place.created.credentials.writing_domain())
    try:
        assert private.directory != first.directory
        assert private.merged_lists == first.merged_lists
        assert private.chunks.runs == first.chunks.runs
        scratch = private.directory
    finally:
        private.close()
        assert not scratch.exists()
        first.close()


def test_two_backups_at_once_with_one_cache_both_come_out_right(place: Place) -> None:
    held = place.vault().open_cache(place.created.credentials.writing_domain())
    place.tree.write("d1/other", b"other")
    place.clock.advance(60)
    try:
        outcome = save(place.vault(), place.tree)
    finally:
        held.close()

    assert read_back(place.vault("another"), outcome.record) == place.tree.files
    check_still_right(place)


def test_a_restore_beside_a_backup_takes_no_cache_away_from_it(place: Place) -> None:
    place.clock.advance(60)
    record = save(place.vault(), place.tree).record
    before = place.tree.copy()
    with SnapshotReader(place.vault(), record) as reader:
        for number in range(6):  # runs are merged and swept meanwhile
            place.clock.advance(60)
            place.tree.write(f"d1/more{number}", b"more %d" % number)
            place.tree.reads.clear()
            save(place.vault(), place.tree)
            assert place.tree.reads == [f"d1/more{number}"], "what the run before noted is still known"
        found = {
            item.path.decode(): b"".join(content_of(reader, item.entry))
            for item in walk(reader, root_of(reader.components[0]))
            if item.entry is not None and item.entry.kind == "f"
        }
    assert found == before
    check_still_right(place)


def test_a_copy_taken_while_the_original_changes_is_whole_or_built_anew(place: Place) -> None:
    held = place.vault().open_cache(place.created.credentials.writing_domain())
    try:
        manifest = next(path for kind, path in kinds_of_files(place) if kind == "manifest")
        for kind, path in kinds_of_files(place):
            if kind == "runs":
                path.unlink()  # merged away after the copier listed it
        place.clock.advance(60)
        outcome = save(place.vault(), place.tree)
        assert outcome.stored_bytes == 0
        assert manifest.exists()
    finally:
        held.close()


def test_a_host_without_room_remembers_nothing_and_fails_at_nothing(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache" / "unlisted")
    shutil.rmtree(tmp_path / "cache" / "lists")

    cache.note_unlisted(bytes(32), b"list")
    cache.keep_catalog(bytes(32), b"catalog")

    assert cache.catalog(bytes(32)) is None
    cache.close()


@pytest.mark.parametrize("has_room_for_runs", [False, True])
def test_a_list_for_which_a_host_has_no_room_is_used_by_the_run_that_read_it(
    prepared: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_room_for_runs: bool
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = MemoryStore(prepared.clock)
    store._objects = dict(prepared.store._objects)
    vault = open_made(prepared.created, store, prepared.clock, tmp_path / "full")
    monkeypatch.setattr(Path, "write_bytes", refuse)
    if not has_room_for_runs:
        monkeypatch.setattr(local_cache.LocalCache, "save", refuse)

    checked = verify(vault, read_data_percent=100)
    assert checked.ok, f"damage where there is none: {checked.findings}"

    prepared.clock.advance(60)
    assert save(vault, prepared.tree).stored_bytes == 0, "nothing is stored twice"


def test_lists_that_somebody_clears_away_during_a_run_are_read_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = index_loading.merge_new_lists

    def merge_and_lose(*given: Any, **words: Any) -> set[bytes]:
        present = merge(*given, **words)
        for kind, path in kinds_of_files(place):
            if kind == "lists":
                path.unlink()
        return present

    for module in (domain_content, snapshot_places, writing):
        monkeypatch.setattr(module, "merge_new_lists", merge_and_lose)
    checked = verify(place.vault(), read_data_percent=100)
    assert checked.ok, f"damage where there is none: {checked.findings}"
    check_still_right(place)


@pytest.mark.parametrize("kind", ["manifest", "runs", "lists", "unlisted"])
def test_what_another_account_made_in_the_cache_is_as_if_it_were_not_there(
    place: Place, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As after one run as root with the environment of this user."""
    closed = [path for found, path in kinds_of_files(place) if found == kind]
    if kind == "unlisted":
        closed = [next(place.directory.rglob("unlisted")) / ("0" * 64)]
        closed[0].write_bytes(b"")
    assert closed
    read, open_file = Path.read_bytes, os.open

    def refuse(path: object) -> None:
        if path in closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def read_bytes(path: Path) -> bytes:
        refuse(path)
        return read(path)

    def open_one(path: Any, *words: Any, **more: Any) -> int:
        refuse(path)
        return open_file(path, *words, **more)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr(os, "open", open_one)
    check_still_right(place)


def test_folders_of_another_account_in_the_cache_are_not_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "lists")
    notes = Notebook()
    vault = replace(place.vault(), report=notes.noticed)

    assert save(vault, place.tree).stored_bytes == 0
    assert [each.code for each in notes.findings] == ["cache-unusable"]


RECORD = CacheRecord(b"d", b"s", b"e", [b"a"], [b"1"], [b"entry"], [b""], [], b"", 1, 2)


def test_a_file_cache_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    final = tmp_path / "final"
    good = CacheWriter(tmp_path / "good", IDENTITY)
    good.write(RECORD)
    good.commit(final)
    writer = CacheWriter(Path("/dev/full"), IDENTITY)
    # What fails is the flush of its buffer; the device itself is not removed, because it is no file of ours.
    writer._path = tmp_path / "none"
    for _ in range(3):
        writer.write(RECORD)
    writer.flush()
    writer.write(RECORD)

    writer.commit(final)

    assert [record for record, _ in read_records(final, IDENTITY)] == [RECORD]


def test_the_cache_of_another_root_or_vault_is_not_read(tmp_path: Path) -> None:
    writer = CacheWriter(tmp_path / "own", IDENTITY)
    writer.write(RECORD)
    writer.commit(tmp_path / "final")

    assert list(read_records(tmp_path / "final", b"x" * 32)) == []


@pytest.mark.parametrize("seed", range(30))
def test_records_up_to_the_first_bad_one_are_read(tmp_path: Path, seed: int) -> None:
    writer = CacheWriter(tmp_path / "own", IDENTITY)
    for _ in range(5):
        writer.write(RECORD)
    writer.commit(tmp_path / "final")
    content = bytearray((tmp_path / "final").read_bytes())
    position = random.Random(seed).randrange(len(content))
    content[position] ^= 1 << seed % 8
    (tmp_path / "final").write_bytes(content)

    found = [record for record, _ in read_records(tmp_path / "final", IDENTITY)]

    assert len(found) < 5
    assert found == [RECORD] * len(found)
