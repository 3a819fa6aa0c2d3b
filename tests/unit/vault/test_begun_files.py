"""A run that was cut inside a large file is gone on with there, and nothing is believed that was noted of it."""

import errno
import os
import random
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.vault.written_trees import IDENTITY, Host, Killed, Thing, ThingTree, Written

from rebond.testing.vaults import Notebook
from rebond.vault import begun_files, file_contents
from rebond.vault.begun_files import forget_begun
from rebond.vault.begun_notes import GrowingNote, read_note
from rebond.vault.chunking import MOST, Chunker
from rebond.vault.content_writing import ContentWriter
from rebond.vault.file_cache import CachePaths
from rebond.vault.row_chunking import RowChunker

CONTENT = random.Random(11).randbytes(12 << 20)
IN_FLIGHT = 4 * MOST  # what the cutter holds, a batch, and the last chunk, which is read whatever is noted


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(begun_files, "WORTH_NOTING_BYTES", 1 << 20)
    monkeypatch.setattr(file_contents, "_REPORT_AFTER_CHUNKS", 2)
    host = Host(tmp_path)
    yield host
    host.cache.close()


def cut(host: Host, *things: Thing, dies_at: int, name: bytes = b"b", **words: bytes) -> None:
    """Run until the last of the things was read so far."""
    *before, last = things
    tree = ThingTree((b"", [*((b"a%d" % n, each) for n, each in enumerate(before)), (name, last)]))
    last.dies_at = dies_at
    with pytest.raises(Killed):
        host.run(tree, **words)  # type: ignore[arg-type]
    last.dies_at, last.read_bytes = None, 0


def run(host: Host, *things: Thing, name: bytes = b"b", **words: object) -> Written:
    *before, last = things
    tree = ThingTree((b"", [*((b"a%d" % n, each) for n, each in enumerate(before)), (name, last)]))
    return host.run(tree, **words)  # type: ignore[arg-type]


def notes(host: Host) -> list[Path]:
    return host.paths.begun()


def codes(written: Written) -> list[str]:
    return [finding.code for finding in written.notebook.findings]


@pytest.mark.parametrize("dies_at", [5 << 20, 8 << 20, 11 << 20, (12 << 20) - 1])
def test_a_file_is_gone_on_with_where_a_run_was_cut(host: Host, dies_at: int) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=dies_at)

    written = run(host, thing)

    assert host.files(written) == {"b": CONTENT}
    assert thing.read_bytes <= len(CONTENT) - dies_at + IN_FLIGHT
    assert written.totals.read_bytes == thing.read_bytes
    assert written.totals.bytes == len(CONTENT)
    assert codes(written) == ["gone-on"]
    assert notes(host) == []


def test_the_chunks_are_those_of_a_run_that_was_never_cut(host: Host, tmp_path: Path) -> None:
    thing = Thing(CONTENT, step=70_001)
    cut(host, thing, dies_at=7 << 20)
    other = Host(tmp_path / "other")

    gone_on, at_once = run(host, thing), run(other, Thing(CONTENT))

    assert host.entries(gone_on)[b"b"].chunks == other.entries(at_once)[b"b"].chunks
    other.cache.close()


def test_each_of_several_runs_that_are_cut_goes_on_where_the_one_before_was(host: Host) -> None:
    thing = Thing(CONTENT)
    for number in range(2, 12):
        cut(host, thing, dies_at=number << 20)
        assert len(notes(host)) <= 2, "what was overtaken is of no use any more"
        thing.read_bytes = 0

    written = run(host, thing)

    assert host.files(written) == {"b": CONTENT}
    assert thing.read_bytes <= (1 << 20) + IN_FLIGHT


def test_of_several_notes_of_one_file_the_longest_is_gone_on_with_and_none_is_left(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=9 << 20)
    with monkeypatch.context() as patch:
        patch.setattr(GrowingNote, "sync", _fail)  # nothing is overtaken then
        patch.setattr(ContentWriter, "find", lambda *_: -1)  # and everything is read again, so it is cut there
        cut(host, thing, dies_at=4 << 20)
    assert len(notes(host)) == 2

    written = run(host, thing)

    assert thing.read_bytes <= (3 << 20) + IN_FLIGHT
    assert host.files(written) == {"b": CONTENT}
    assert notes(host) == []


def test_a_file_that_is_not_as_it_was_is_read_whole(host: Host) -> None:
    cut(host, Thing(CONTENT), dies_at=11 << 20)
    changed = Thing(CONTENT[: 1 << 20] + bytes(1000) + CONTENT[(1 << 20) + 1000 :], stamp=b"2")

    written = run(host, changed)

    assert host.files(written) == {"b": changed.content}
    assert changed.read_bytes == len(CONTENT)
    assert codes(written) == []


def test_another_file_with_the_same_stamp_is_read_whole(host: Host) -> None:
    cut(host, Thing(CONTENT), dies_at=11 << 20)
    other = Thing(CONTENT[::-1])

    written = run(host, other, name=b"c")

    assert host.files(written) == {"c": other.content}
    assert other.read_bytes == len(CONTENT)


def test_what_has_no_stamp_is_never_gone_on_with(host: Host) -> None:
    thing = Thing(CONTENT, stamp=b"")
    cut(host, thing, dies_at=11 << 20)
    assert notes(host) == []

    written = run(host, thing)

    assert thing.read_bytes == len(CONTENT)
    assert host.files(written) == {"b": CONTENT}


def test_a_file_that_has_lost_its_stamp_is_read_whole(host: Host) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=11 << 20)
    fresh = replace(thing, stamp=b"", read_bytes=0)

    run(host, fresh)

    assert fresh.read_bytes == len(CONTENT)


def test_chunks_that_the_vault_has_no_more_are_read_again_and_no_others(host: Host) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=11 << 20)
    (session,) = {session for session, _ in host.kept.chunks}
    gone = [name for name in sorted(host.segments_of(session)) if name[1] == 1]
    lost_bytes = sum(len(chunk) for name in gone for chunk in host.kept.chunks[name].values())
    for name in gone:
        host.forbid(name)

    written = run(host, thing)

    assert host.files(written) == {"b": CONTENT}, "and every chunk lies in a segment that the snapshot refers to"
    assert 0 < lost_bytes <= thing.read_bytes <= (1 << 20) + IN_FLIGHT + lost_bytes
    assert written.added_bytes >= lost_bytes


def test_where_the_vault_has_nothing_of_what_was_noted_everything_is_read_and_stored(host: Host) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=11 << 20)
    for name in list(host.kept.chunks):
        host.forbid(name)

    written = run(host, thing)

    assert host.files(written) == {"b": CONTENT}
    assert thing.read_bytes == len(CONTENT)
    assert codes(written) == []


def test_segments_that_are_to_be_left_behind_are_not_taken_for_it(host: Host) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=11 << 20)
    avoided = sorted(host.kept.chunks)[:1]

    written = run(host, thing, avoided=avoided)

    assert avoided[0] not in written.uses
    assert host.files(written) == {"b": CONTENT}


HOLES = ((0, 3 << 20), (5 << 20, 1 << 20), ((8 << 20) + 4096, 4096), (20 << 20, 2 << 20))


def a_sparse_file() -> Thing:
    content = bytearray(CONTENT + CONTENT[: 10 << 20])
    for offset, length in HOLES:
        content[offset : offset + length] = bytes(length)
    return Thing(bytes(content), holes=HOLES)


def test_a_sparse_file_is_gone_on_with_behind_its_holes(host: Host) -> None:
    thing = a_sparse_file()
    cut(host, thing, dies_at=15 << 20)

    written = run(host, thing)

    assert thing.read_bytes <= (5 << 20) + IN_FLIGHT
    entry = host.entries(written)[b"b"]
    assert (entry.size, entry.holes) == (len(thing.content), HOLES)
    data, position = b"", 0
    for offset, length in (*HOLES, (len(thing.content), 0)):
        data += thing.content[position:offset]
        position = offset + length
    assert host.content(written, entry) == data


def test_a_sparse_file_whose_holes_lie_elsewhere_now_is_read_whole(host: Host) -> None:
    thing = a_sparse_file()
    cut(host, thing, dies_at=15 << 20)
    dense = replace(thing, holes=(), read_bytes=0)

    written = run(host, dense)

    assert dense.read_bytes == len(dense.content)
    assert host.files(written) == {"b": dense.content}


def test_a_file_system_that_hides_a_change_is_found_out_by_the_last_chunk(host: Host) -> None:
    cut(host, Thing(CONTENT), dies_at=11 << 20)
    other = Thing(CONTENT[::-1])

    written = run(host, other)

    assert host.files(written) == {"b": other.content}
    assert len(notes(host)) == 0


def test_a_file_that_ends_before_what_was_noted_is_read_whole(host: Host) -> None:
    cut(host, Thing(CONTENT), dies_at=11 << 20)
    shorter = Thing(CONTENT[: 6 << 20], size=len(CONTENT), changes=True)

    written = run(host, shorter)

    assert host.files(written) == {"b": shorter.content}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_note_that_is_torn_or_spoilt_costs_reading_and_nothing_else(host: Host, share: float) -> None:
    for spoil in (_cut_off, _flip, _blank):
        thing = Thing(CONTENT)
        cut(host, thing, dies_at=11 << 20)
        (note,) = notes(host)
        stored = note.read_bytes()
        note.write_bytes(spoil(stored, int(len(stored) * share)))

        written = run(host, thing)

        assert host.files(written) == {"b": CONTENT}
        assert notes(host) == []
        host.committed.unlink()


def _cut_off(stored: bytes, place: int) -> bytes:
    return stored[:place]


def _flip(stored: bytes, place: int) -> bytes:
    return stored[:place] + bytes([stored[place] ^ 4]) + stored[place + 1 :]


def _blank(stored: bytes, place: int) -> bytes:
    return stored[:place] + bytes(len(stored) - place)


def test_batches_of_one_note_are_not_taken_for_those_of_another(tmp_path: Path) -> None:
    one, two = (GrowingNote(tmp_path / name, IDENTITY, name.encode()) for name in ("one", "two"))
    for note in (one, two):
        for batch in (b"x" * 36, b"y" * 36):
            note.add(batch)
        note.close()
    first, second = (tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()
    half = len(first) - 56

    (tmp_path / "one").write_bytes(first[:half] + second[half:])

    assert list(read_note(tmp_path / "one", IDENTITY)) == [b"one", b"x" * 36]


def test_a_note_of_another_vault_or_key_is_not_read(host: Host) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=11 << 20, identity=b"2" * 32)

    written = run(host, thing)

    assert thing.read_bytes == len(CONTENT)
    assert host.files(written) == {"b": CONTENT}


def test_a_run_that_is_to_read_everything_does(host: Host) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=11 << 20)

    run(host, thing, forgets=True)

    assert thing.read_bytes == len(CONTENT)
    assert notes(host) == []


def test_where_chunks_depend_on_how_far_into_a_stream_they_are_nothing_can_be_gone_on_with() -> None:
    assert RowChunker(1).way == b""
    assert Chunker(1).way != Chunker(2).way


def test_of_several_files_only_the_one_in_hand_is_read_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun_files, "SYNC_SECONDS", 0.0)
    first, second, third = Thing(CONTENT[: 4 << 20]), Thing(CONTENT[4 << 20 : 9 << 20]), Thing(CONTENT)
    cut(host, first, second, third, dies_at=9 << 20)
    for each in (first, second):
        each.read_bytes = 0
    assert len(notes(host)) == 1, "those of files that are whole are let go when the next one begins"

    written = run(host, first, second, third)

    assert (first.read_bytes, second.read_bytes) == (0, 0)
    assert third.read_bytes <= (3 << 20) + IN_FLIGHT
    assert host.files(written) == {"a0": first.content, "a1": second.content, "b": CONTENT}


def test_a_file_that_was_whole_when_the_power_failed_needs_only_its_note(host: Host) -> None:
    """A power cut may take the cache of the run that it ends; no note of a file goes before that is on the disk."""
    first, second = Thing(CONTENT), Thing(CONTENT[::-1])
    cut(host, first, second, dies_at=6 << 20)
    first.read_bytes = 0
    for partial in host.partials:
        partial.write_bytes(b"")

    written = run(host, first, second)

    assert first.read_bytes <= IN_FLIGHT
    assert host.files(written) == {"a0": CONTENT, "b": second.content}


def test_a_file_that_was_whole_by_its_note_alone_keeps_that_until_the_cache_has_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Next to nothing of it is read, so nothing hurries its record into the cache."""
    monkeypatch.setattr(begun_files, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr("rebond.vault.tree_writing._REMEMBERED_AFTER", 1 << 30)
    first, second = Thing(CONTENT), Thing(CONTENT[::-1])
    for dies_at in (4 << 20, 8 << 20):
        cut(host, first, second, dies_at=dies_at)
        first.read_bytes = 0

    written = run(host, first, second)

    assert first.read_bytes <= IN_FLIGHT
    assert second.read_bytes <= (4 << 20) + IN_FLIGHT
    assert host.files(written) == {"a0": CONTENT, "b": second.content}


def test_notes_of_a_root_that_is_saved_no_more_go_after_a_month(tmp_path: Path) -> None:
    here, gone, other = (CachePaths(tmp_path, root) for root in ("here", "gone", "other"))
    paths = [each.new_begun() for each in (here, gone, other)]
    for path in paths:
        path.write_bytes(b"note")
    os.utime(paths[1], (1_000_000_000, 1_000_000_000))
    os.utime(paths[2], (1_002_000_000, 1_002_000_000))

    forget_begun(here, 1_003_000_000_000)

    assert [path.exists() for path in paths] == [False, False, True]


def test_a_note_that_stays_for_another_file_is_used_when_that_one_comes(host: Host) -> None:
    """A file that is new in front of the one in hand is read first, and may be cut itself."""
    thing, new = Thing(CONTENT), Thing(CONTENT[::-1])
    cut(host, thing, dies_at=9 << 20)
    tree = ThingTree((b"", [(b"a", new), (b"b", thing)]))
    new.dies_at = 5 << 20
    with pytest.raises(Killed):
        host.run(tree)
    new.dies_at, new.read_bytes = None, 0

    written = host.run(tree)

    assert host.files(written) == {"a": new.content, "b": CONTENT}
    assert new.read_bytes <= (7 << 20) + IN_FLIGHT
    assert thing.read_bytes <= (3 << 20) + IN_FLIGHT


def test_a_note_is_private_and_small(host: Host) -> None:
    before = os.umask(0)
    try:
        cut(host, Thing(CONTENT), dies_at=11 << 20)
    finally:
        os.umask(before)

    (note,) = notes(host)
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert note.stat().st_size < len(CONTENT) / 4000


def test_notes_are_synced_rarely(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(GrowingNote, "sync", lambda note: synced.append(note.path))

    run(host, Thing(CONTENT))
    assert synced == []

    monkeypatch.setattr(begun_files, "SYNC_SECONDS", 0.0)
    host.committed.unlink()
    run(host, Thing(CONTENT))
    assert len(synced) > 5


def _fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("fault", ["__init__", "add", "sync"])
def test_a_machine_without_room_for_notes_backs_up_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(begun_files, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr(GrowingNote, fault, _fail)
    thing = Thing(CONTENT)

    cut(host, thing, dies_at=6 << 20)
    written = run(host, thing)

    assert host.files(written) == {"b": CONTENT}


def test_a_note_that_fills_the_disk_leaves_what_an_earlier_run_noted(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=9 << 20)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _fail)
        cut(host, thing, dies_at=10 << 20)

    written = run(host, thing)

    assert thing.read_bytes <= (3 << 20) + IN_FLIGHT
    assert host.files(written) == {"b": CONTENT}


def test_a_file_that_cannot_be_read_on_is_told_as_ever(host: Host) -> None:
    thing = Thing(CONTENT)
    cut(host, thing, dies_at=9 << 20)
    thing.fails_at = 10 << 20
    notebook = Notebook()

    run(host, thing, notebook=notebook)

    assert [finding.code for finding in notebook.findings] == ["source-unreadable"]
