"""The ledger of a machine: a chain of lines that survives cuts, crowds and full disks."""

import fcntl
import hashlib
import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from tests.bounded import PATIENCE_SECONDS

from rebond.history.checking import check_ledger
from rebond.history.ledger import Ledger
from rebond.history.lines import BEGAN, ENDED, NO_PREVIOUS, SET_ASIDE, read_line
from rebond.testing.manual_clock import ManualClock


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "history", host="here", clock=ManualClock())


def fill(ledger: Ledger, count: int) -> None:
    for number in range(count):
        ledger.append(BEGAN, {"run": f"r{number}"})


def newest(ledger: Ledger) -> Path:
    return ledger.files()[-1]


def assert_is_whole(ledger: Ledger, lines: int) -> None:
    assert check_ledger(ledger) == (lines, [])


def test_each_line_names_the_hash_of_the_one_before(ledger: Ledger) -> None:
    fill(ledger, 3)

    written = newest(ledger).read_bytes().splitlines()
    facts = [json.loads(line) for line in written]
    assert [each["n"] for each in facts] == [0, 1, 2, 3]
    assert [each["event"] for each in facts] == ["opened", BEGAN, BEGAN, BEGAN]
    assert facts[0]["previous"] == NO_PREVIOUS
    assert [each["previous"] for each in facts[1:]] == [hashlib.sha256(line).hexdigest() for line in written[:-1]]
    assert ledger.chain() == facts[0]["chain"]
    assert len(ledger.chain()) == 32
    assert_is_whole(ledger, 4)


def test_facts_cannot_take_the_place_of_what_the_chain_says(ledger: Ledger) -> None:
    line = ledger.append(BEGAN, {"n": 99, "previous": "x", "event": "opened", "time": "then", "run": "r"})

    assert (line.number, line.event, line.facts["run"]) == (1, BEGAN, "r")
    assert_is_whole(ledger, 2)


def test_only_its_owner_reads_it(ledger: Ledger) -> None:
    fill(ledger, 1)

    assert stat.S_IMODE(newest(ledger).stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.folder.stat().st_mode) == 0o700


def test_a_line_is_flushed_and_a_new_file_in_its_folder_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    ledger.folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "fsync", note)
    ledger.append(BEGAN, {})
    assert flushed == [str(newest(ledger)), str(ledger.folder)]
    flushed.clear()
    ledger.append(BEGAN, {})
    assert flushed == [str(newest(ledger))]


@pytest.mark.parametrize(
    "left",
    [
        b"{",
        b'{"n":4,"previous":"',
        b"\0" * 700,
        b"\0" * 700 + b"\n",
        b"no json\n",
        b"[]\n",
        b'{"n":-1}\n\n',
        b"x" * 3_000_000,
    ],
    ids=["brace", "half", "zeros", "zeros-and-feed", "words", "list", "number", "long"],
)
def test_what_a_cut_left_is_set_aside_and_said_so(ledger: Ledger, left: bytes) -> None:
    fill(ledger, 3)
    before = newest(ledger).read_bytes()
    newest(ledger).write_bytes(before + left)

    ledger.append(ENDED, {"run": "r2"})

    assert newest(ledger).read_bytes().startswith(before)
    lines = list(ledger.lines())
    assert [line.event for line in lines[-2:]] == [SET_ASIDE, ENDED]
    assert (ledger.folder / lines[-2].facts["file"]).read_bytes() == left
    assert (lines[-2].facts["bytes"], lines[-2].facts["hash"]) == (len(left), hashlib.sha256(left).hexdigest())
    assert_is_whole(ledger, 6)


def test_a_first_line_that_was_cut_makes_a_new_chain(ledger: Ledger) -> None:
    ledger.folder.mkdir()
    (ledger.folder / "ledger-000000000000.jsonl").write_bytes(b'{"n":0,"prev')

    fill(ledger, 1)

    assert [line.event for line in ledger.lines()] == ["opened", SET_ASIDE, BEGAN]
    assert_is_whole(ledger, 3)


@pytest.mark.parametrize("size", range(0, 400, 23))
def test_a_cut_anywhere_in_the_last_line_costs_that_line_alone(ledger: Ledger, size: int) -> None:
    fill(ledger, 2)
    before = newest(ledger).read_bytes()
    ledger.append(ENDED, {"run": "r1", "text": "x" * 200})
    content = newest(ledger).read_bytes()
    newest(ledger).write_bytes(content[: min(len(before) + size, len(content))])

    ledger.append(BEGAN, {"run": "after"})

    assert newest(ledger).read_bytes().startswith(before)
    assert [line.facts.get("run") for line in ledger.lines() if line.event == BEGAN] == ["r0", "r1", "after"]
    assert check_ledger(ledger)[1] == []


def test_a_full_file_is_left_alone_and_the_chain_goes_on_in_a_new_one(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, clock=ManualClock(), file_bytes=600)
    fill(ledger, 12)

    assert len(ledger.files()) > 3
    assert all(path.stat().st_size <= 600 for path in ledger.files())
    assert [path.name for path in ledger.files()] == sorted(path.name for path in ledger.files())
    assert_is_whole(ledger, 13)
    assert [line.number for line in ledger.newest_lines()] == list(range(12, -1, -1))
    for number in range(-1, 14):
        assert [line.number for line in ledger.lines_after(number)] == list(range(number + 1, 13))


def test_a_file_that_was_made_and_not_written_is_used(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, clock=ManualClock(), file_bytes=300)
    fill(ledger, 1)
    (tmp_path / "ledger-000000000002.jsonl").touch()
    fill(ledger, 1)

    assert_is_whole(ledger, 3)


def test_what_else_lies_there_is_no_part_of_it(ledger: Ledger) -> None:
    fill(ledger, 1)
    for name in ("ledger-x.jsonl", "ledger-000000000000.jsonl.old", "torn-1", "notes"):
        (ledger.folder / name).write_text("{}\n")

    assert len(ledger.files()) == 1


def test_a_disk_that_is_full_costs_the_new_line_alone(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ledger, 2)
    before = newest(ledger).read_bytes()
    real = os.write
    calls: list[int] = []

    def write_some(descriptor: int, content: memoryview) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(descriptor, content[:30])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_some)
        with pytest.raises(OSError, match="No space left"):
            ledger.append(ENDED, {})
    assert newest(ledger).read_bytes() == before
    fill(ledger, 1)
    assert_is_whole(ledger, 4)


def _append_many(folder: Path, name: str) -> None:
    ledger = Ledger(folder, file_bytes=3000)
    for number in range(40):
        ledger.append(BEGAN, {"run": f"{name}{number}"})


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(tmp_path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE_SECONDS)
        assert writer.exitcode == 0

    ledger = Ledger(tmp_path)
    assert_is_whole(ledger, 121)
    assert {line.facts.get("run") for line in ledger.lines()} - {None} == {f"{w}{n}" for w in "abc" for n in range(40)}


def test_a_process_that_hangs_in_the_lock_is_not_waited_for_for_ever(ledger: Ledger) -> None:
    fill(ledger, 1)
    descriptor = os.open(ledger.folder / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(BlockingIOError):
        ledger.append(BEGAN, {})
    os.close(descriptor)
    fill(ledger, 1)


NO_LINES = (
    b"",
    b"{}",
    b"[1]",
    b"nul",
    b'{"n":1}',
    b'{"n":true,"previous":"","event":""}',
    b'{"n":1.0,"previous":"","event":"x"}',
    b'{"n":1,"previous":2,"event":"x"}',
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"n":1,"previous":"","event":"x"} x',
)


@pytest.mark.parametrize("content", NO_LINES, ids=range(len(NO_LINES)))
def test_what_is_no_line_is_none(content: bytes) -> None:
    assert read_line(content) is None
