"""A restore by processes: what they cannot do is done all the same, and so is what one was at that is killed."""

import os
import random
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.errors import RestoreError
from rebond.operations import landing_files, restore_planning
from rebond.operations.landing_files import FileWriter
from rebond.operations.landing_process import LandingProcess
from rebond.own_processes import OwnProcess, ProcessLost
from rebond.sources.files.overwriting import Overwrite
from rebond.testing.memory_tree import MemoryTree
from rebond.vault.trees import decode_entry


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_planning, "_PROCESSES_FROM", 0)


@pytest.fixture
def place(tmp_path: Path) -> RestoredVault:
    return RestoredVault(tmp_path)


def a_tree() -> MemoryTree:
    tree = MemoryTree()
    for number in range(60):
        tree.write(f"d{number % 7}/e{number % 3}/f{number}", random.Random(number).randbytes(3_000))
    tree.write("large", random.Random(99).randbytes(2_000_000))
    return tree


def count_asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []
    write = LandingProcess.write

    def counting(self: LandingProcess, copy: object, files: object, **words: object) -> object:
        landed = write(self, copy, files, **words)  # type: ignore[arg-type]
        asked.append(len(files) - len(landed.left) if landed else 0)  # type: ignore[arg-type]
        return landed

    monkeypatch.setattr(LandingProcess, "write", counting)
    return asked


def test_small_files_are_written_by_processes_and_large_ones_come_together_here(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_asked(monkeypatch)
    tree = a_tree()

    outcome = place.restore(place.save(tree))

    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}
    assert sum(asked) == 60
    assert outcome.files == 61
    assert outcome.findings == ()


def test_files_that_are_there_already_are_met_as_without_processes(place: RestoredVault) -> None:
    tree = a_tree()
    record = place.save(tree)
    place.restore(record)
    here = place.scratch / "target/site"
    (here / "d0/e0/f0").write_bytes(b"changed")
    (here / "d1/e1/f1").unlink()

    kept = place.restore(record, overwrite=Overwrite.NEVER)

    assert (here / "d0/e0/f0").read_bytes() == b"changed"
    assert (here / "d1/e1/f1").read_bytes() == tree.files["d1/e1/f1"]
    assert [finding.code for finding in kept.findings] == ["kept"]

    place.restore(record, overwrite=Overwrite.CHANGED)

    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}


def kill_while_writing(monkeypatch: pytest.MonkeyPatch, *numbers: int, is_done: bool = False) -> list[int]:
    """Kill the processes that are given the segments with these numbers; note each one.

    With ``is_done`` they have written all that they were to write, and nobody hears of it.
    """
    write = LandingProcess.write
    killed: list[int] = []
    given: list[int] = []

    def write_and_kill(self: LandingProcess, copy: object, files: object, **words: object) -> object:
        if files:
            given.append(1)
            if len(given) in numbers:
                if is_done:
                    write(self, copy, files, **words)  # type: ignore[arg-type]
                killed.append(self._process.pid)
                os.kill(self._process.pid, signal.SIGKILL)
        return write(self, copy, files, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(LandingProcess, "write", write_and_kill)
    return killed


def several_segments() -> MemoryTree:
    tree = MemoryTree()
    for number in range(160):
        tree.write(f"d{number % 7}/f{number}", random.Random(number).randbytes(60_000))
    return tree


@pytest.mark.parametrize(("numbers", "is_done"), [((1,), False), ((1,), True), (range(1, 100), False)])
def test_what_a_killed_process_was_at_is_written_again(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch, numbers: Sequence[int], is_done: bool
) -> None:
    tree = several_segments()
    record = place.save(tree)
    killed = kill_while_writing(monkeypatch, *numbers, is_done=is_done)

    outcome = place.restore(record)

    assert killed
    assert len(killed) <= 4, "who kills them again and again is not given more of them"
    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}
    assert outcome.files == 160
    assert outcome.findings == ()


def test_a_file_that_a_killed_process_left_half_there_is_written_again(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = a_tree()
    record = place.save(tree)
    target = place.scratch / "target"
    write = LandingProcess.write
    spoilt: list[Path] = []

    def write_half(self: LandingProcess, copy: object, files: object, **words: object) -> object:
        if spoilt or not files:
            return write(self, copy, files, **words)  # type: ignore[arg-type]
        _, encoded, _ = files[0]  # type: ignore[index]
        name = os.fsdecode(decode_entry(encoded).name)
        spoilt.append(target / next(f"site/{path}" for path in tree.files if path.endswith(f"/{name}")))
        spoilt[0].write_bytes(b"half")
        raise ProcessLost("killed")

    monkeypatch.setattr(LandingProcess, "write", write_half)
    outcome = place.restore(record)

    assert spoilt
    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}
    assert outcome.findings == ()


@pytest.mark.parametrize("overwrite", [Overwrite.CHANGED, Overwrite.ALWAYS])
def test_where_things_may_be_replaced_it_is_gone_on_with_too(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch, overwrite: Overwrite
) -> None:
    tree = a_tree()
    record = place.save(tree)
    killed = kill_while_writing(monkeypatch, 1)

    place.restore(record, overwrite=overwrite)

    assert killed
    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}


def test_where_what_is_there_is_to_stay_a_killed_process_ends_the_restore_with_a_word_of_what_to_do(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = a_tree()
    record = place.save(tree)
    mine = place.scratch / "target/site/d0/e0/f0"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    kill_while_writing(monkeypatch, 1)

    with pytest.raises(RestoreError, match="was killed") as raised:
        place.restore(record, overwrite=Overwrite.NEVER)

    assert "--overwrite changed" in raised.value.hint
    assert mine.read_bytes() == b"mine"
    monkeypatch.undo()
    place.restore(record, overwrite=Overwrite.CHANGED)
    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}


def test_where_no_process_can_be_had_the_threads_write_everything(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ProcessLost("none here")

    monkeypatch.setattr(OwnProcess, "__init__", refuse)
    tree = a_tree()

    outcome = place.restore(place.save(tree))

    assert outcome.findings == ()
    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}


def test_no_process_outlives_the_restore(place: RestoredVault, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[OwnProcess] = []
    begin = OwnProcess.__init__

    def note(self: OwnProcess, *words: object) -> None:
        begin(self, *words)  # type: ignore[arg-type]
        started.append(self)

    monkeypatch.setattr(OwnProcess, "__init__", note)
    place.restore(place.save(a_tree()))

    assert started
    assert all(process.exit_status == 0 for process in started)


def test_however_many_jobs_are_wished_for_only_so_many_processes_write(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes memory of its own: with 16 a restore took more than the 300 MB that are promised."""
    started: list[int] = []
    start = FileWriter._start_process

    def counting(self: FileWriter, *words: object) -> object:
        started.append(1)
        return start(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(FileWriter, "_start_process", counting)
    tree = a_tree()
    saved = place.save(tree)
    place.restore(saved, workers=64)
    assert place.found() == {f"site/{path}": content for path, content in tree.files.items()}
    assert 0 < len(started) <= 8

    monkeypatch.setattr(landing_files, "may_be_copied", lambda: False)
    started.clear()
    place.restore(saved, to="again", workers=64)
    assert 0 < len(started) <= 4


def test_segments_are_open_together_only_as_far_as_there_is_memory_for_them(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_files, "_OPENED_BYTES", 200_000)
    held: list[int] = []
    most: list[int] = []
    lock = threading.Lock()
    write = FileWriter._write_segment

    def watching(self: FileWriter, number: int, jobs: Any, copy: Any) -> tuple[int, int]:
        size = sum(chunk.length for job in jobs for chunk in job.chunks)
        with lock:
            held.append(size)
            most.append(sum(held) if len(held) > 1 else 0)  # one alone may be larger
        try:
            time.sleep(0.01)
            return write(self, number, jobs, copy)
        finally:
            with lock:
                held.remove(size)

    monkeypatch.setattr(FileWriter, "_write_segment", watching)
    tree = MemoryTree()
    for number in range(400):
        tree.write(f"f{number}", random.Random(number).randbytes(50_000))
    place.restore(place.save(tree), workers=8)
    assert len(place.found()) == 400
    assert len(most) > 3
    assert max(most) <= 200_000
