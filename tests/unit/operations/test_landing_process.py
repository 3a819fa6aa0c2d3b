"""A restore by processes: what they cannot do is done all the same, and one that is killed ends the restore."""

import os
import random
import signal
from pathlib import Path

import pytest
from tests.unit.operations.restored import RestoredVault

from rebond.errors import RestoreError
from rebond.operations import restore_planning
from rebond.operations.landing_process import LandingProcess
from rebond.own_processes import OwnProcess, ProcessLost
from rebond.sources.files.overwriting import Overwrite
from rebond.testing.memory_tree import MemoryTree


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


def test_a_process_that_is_killed_ends_the_restore_with_a_word_of_what_to_do(
    place: RestoredVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = OwnProcess.ask
    asked = []

    def ask_and_kill(self: OwnProcess, request: bytes) -> bytes:
        asked.append(1)
        if len(asked) == 4:
            os.kill(self.pid, signal.SIGKILL)
        return ask(self, request)

    monkeypatch.setattr(OwnProcess, "ask", ask_and_kill)
    tree = a_tree()
    record = place.save(tree)

    with pytest.raises(RestoreError, match="was killed") as raised:
        place.restore(record)

    assert "--overwrite changed" in raised.value.hint
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

    def note(self: OwnProcess, module: str) -> None:
        begin(self, module)
        started.append(self)

    monkeypatch.setattr(OwnProcess, "__init__", note)
    place.restore(place.save(a_tree()))

    assert started
    assert all(process.exit_status == 0 for process in started)
