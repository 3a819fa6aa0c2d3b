"""Blocks that stayed are taken from the backup before: only while all of them are still there."""

import io
import os
import pathlib
from collections.abc import Iterable, Iterator

import msgspec
import pytest
from tests.unit.vault.written_vault import WrittenVault

from rebond.entries import Arrival, EntryKind, Listing, RememberedTree
from rebond.errors import SourceError
from rebond.operations.backup import BackupOutcome, BackupRequest, ComponentToSave, back_up
from rebond.sources.postgres_physical.arrived_tree import ArrivedEntries, make_entry
from rebond.testing.vaults import Notebook, read_back
from rebond.vault.access import Vault
from rebond.vault.content_writing import NOT_KEPT, ContentWriter
from rebond.vault.frames import LEVELS

BLOCK = 4096


class Part(io.BytesIO):
    def __init__(self, path: bytes, content: bytes, fresh: list[tuple[int, int]] | None) -> None:
        ranges = [(0, -(-len(content) // BLOCK))] if fresh is None else fresh
        super().__init__(b"".join(content[first * BLOCK : end * BLOCK] for first, end in ranges))
        self.path, self.block_bytes, self.fresh, self.whole_bytes = path, BLOCK, fresh, len(content)

    def changed(self) -> bool:
        return False


class Files:
    """A tree of files, of which blocks come that are not as they were remembered, or are said to have changed."""

    def __init__(self, files: dict[bytes, bytes], changed: dict[bytes, list[int]] | None = None) -> None:
        self.files, self.changed = files, changed or {}
        self.entries = ArrivedEntries(0)
        self.remembered: RememberedTree | None = None
        self.ignores_lost = False
        self.came_bytes = 0

    def recall(self, remembered: RememberedTree) -> None:
        self.remembered = remembered if remembered.mark == b"as it was" else None

    def arrivals(self) -> Iterator[Arrival]:
        for path, content in self.files.items():
            part = Part(path, content, self.choose(path, content))
            self.came_bytes += len(part.getvalue())
            yield part
            entry = make_entry(EntryKind.FILE, 0o600, 0)
            self.entries.add_file(path, msgspec.structs.replace(entry, size=len(content)))

    def choose(self, path: bytes, content: bytes) -> list[tuple[int, int]] | None:
        known = self.remembered.find(path) if self.remembered else None
        if known is None or known.size_bytes != len(content):
            return None
        lost = () if self.ignores_lost else known.lost
        return [(each, each + 1) for each in sorted({*self.changed.get(path, []), *lost})]

    def listings(self) -> Iterator[Listing]:
        return self.entries.listings()

    def make_mark(self) -> bytes:
        return b"as it was"


@pytest.fixture
def written(tmp_path: pathlib.Path) -> WrittenVault:
    return WrittenVault(tmp_path)


def save(vault: Vault, tree: Files, *, rereads_all: bool = False) -> BackupOutcome:
    component = ComponentToSave(name="db", root=b"/db", open_tree=lambda _: tree, kind="postgres")
    request = BackupRequest(components=(component,), stack="s", host="h", level=LEVELS["fast"], rereads_all=rereads_all)
    return back_up(vault, request, Notebook())


def make_files() -> dict[bytes, bytes]:
    return {b"a/one": os.urandom(40 * BLOCK), b"a/two": os.urandom(7 * BLOCK + 100), b"none": b""}


def change(files: dict[bytes, bytes], path: bytes, number: int) -> None:
    content = bytearray(files[path])
    content[number * BLOCK : number * BLOCK + 8] = b"changed!"
    files[path] = bytes(content)


def read(vault: Vault, outcome: BackupOutcome) -> dict[bytes, bytes]:
    return {path.encode(): content for path, content in read_back(vault, outcome.record).items()}


def test_only_blocks_that_changed_come_and_the_snapshot_is_whole(written: WrittenVault) -> None:
    files, vault = make_files(), written.vault()
    first = Files(files)
    save(vault, first)
    change(files, b"a/one", 3)
    change(files, b"a/two", 7)
    second = Files(files, {b"a/one": [3], b"a/two": [7]})
    outcome = save(vault, second)
    assert second.came_bytes == BLOCK + 100
    assert read(vault, outcome) == files
    change(files, b"a/one", 9)
    third = Files(files, {b"a/one": [9]})
    assert read(vault, save(vault, third)) == files
    assert third.came_bytes == BLOCK
    whole = Files(files)
    save(vault, whole, rereads_all=True)
    assert whole.came_bytes == first.came_bytes


def test_a_block_that_nobody_holds_any_more_comes_again(written: WrittenVault, monkeypatch: pytest.MonkeyPatch) -> None:
    files, vault = make_files(), written.vault()
    save(vault, Files(files))
    change(files, b"a/one", 3)
    second = Files(files, {b"a/one": [3]})
    save(vault, second)
    original, lost = ContentWriter.find_each, set[bytes]()

    def lose_five(content: ContentWriter, chunk_ids: Iterable[bytes]) -> list[int]:
        asked = list(chunk_ids)
        lost.update(asked[: 5 - len(lost)])
        found = original(content, asked)
        return [NOT_KEPT if each in lost else place for each, place in zip(asked, found, strict=True)]

    monkeypatch.setattr(ContentWriter, "find_each", lose_five)
    third = Files(files)
    outcome = save(vault, third)
    assert third.came_bytes == 5 * BLOCK
    assert read(vault, outcome) == files
    ignoring = Files(files)
    ignoring.ignores_lost = True
    monkeypatch.setattr(ContentWriter, "find", lambda *_: NOT_KEPT)
    with pytest.raises(SourceError, match="is not there"):
        save(vault, ignoring)


def test_what_was_never_committed_or_is_spoilt_is_not_remembered(written: WrittenVault, tmp_path: pathlib.Path) -> None:
    files, vault = make_files(), written.vault()
    cut = Files(files)
    cut.make_mark = lambda: 1 // 0  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        save(vault, cut)
    first = Files(files)
    save(vault, first)
    assert first.remembered is None
    (remembered,) = tmp_path.rglob("*.blocks")
    content = bytearray(remembered.read_bytes())
    content[len(content) // 2] ^= 1
    remembered.write_bytes(content)
    second = Files(files)
    outcome = save(vault, second)
    assert second.remembered is None
    assert second.came_bytes == first.came_bytes
    assert read(vault, outcome) == files
