"""The little program and its daemon: what is acknowledged, what is brought back, and with which status it ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bounded import PATIENCE_SECONDS, join, wait_for
from tests.unit.operations.wal.archived import set_stage
from tests.unit.service.waiting_server import LAUNCHER, WaitingServer

from rebond.errors import StoreError
from rebond.operations.wal.coverage import survey_wal
from rebond.operations.wal.fetching import fetch_wal
from rebond.operations.wal.ledger import WalLedger, read_notes
from rebond.operations.wal.tails import put_tail
from rebond.service.wal_desk import WalDesk
from rebond.service.wal_socket import wal_answered
from rebond.sources.postgres.wal_names import stream_of_segments
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.wal_segments import SYSTEM_ID, make_segment, name_segment
from rebond.vault.stream_items import stream_item_name


class Served:
    """A daemon in this process, on a vault in memory, and a server that calls it."""

    def __init__(self, folder: Path) -> None:
        self.stage = set_stage(folder / "caches")
        self.server = WaitingServer(folder / "data")
        self.socket = folder / "wal.sock"
        self.notes = folder / "notes.json"
        self.faulty = FaultyStore(self.stage.made.store)
        self.stage.store = self.faulty
        vault = self.stage.open()
        self.ledger = WalLedger(self.notes, self.stage.made.clock, lambda system_id: survey_wal(vault, system_id))
        self.desk = WalDesk(self.stage.archive("owner"), lambda: vault, self.ledger)

    def push(self, path: str) -> tuple[int, str]:
        return self.server.call("push", path, socket=self.socket)

    def fetch(self, name: str, target: str = "pg_wal/RECOVERYXLOG") -> tuple[int, str]:
        return self.server.call("fetch", name, target, socket=self.socket)

    def in_vault(self) -> set[int]:
        found = survey_wal(self.stage.open(), SYSTEM_ID).timelines.get(1)
        return {number for first, last in found.ranges for number in range(first, last + 1)} if found else set()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    with wal_answered(made.socket, lambda _: made.desk, users=frozenset()):
        yield made
    made.desk.close()


def test_a_file_goes_in_and_comes_back_byte_for_byte(served: Served) -> None:
    path = served.server.finish(1, 1)

    assert served.push(path) == (0, "")
    assert fetch_wal(served.stage.open(), SYSTEM_ID, name_segment(1, 1)) == make_segment(1, 1)
    assert served.fetch(name_segment(1, 1)) == (0, "")
    target = served.server.folder / "pg_wal" / "RECOVERYXLOG"
    assert target.read_bytes() == make_segment(1, 1)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(each.name for each in target.parent.iterdir()) == [
        name_segment(1, 1),
        "RECOVERYXLOG",
        "archive_status",
    ]


def test_what_waits_behind_is_archived_ahead(served: Served) -> None:
    paths = [served.server.finish(1, number) for number in range(1, 9)]

    assert served.push(paths[0])[0] == 0
    wait_for(lambda: served.in_vault() == set(range(1, 9)), "all of it is in the vault")
    served.faulty.fail_when = lambda verb, _: unreachable() if verb == "put" else None
    assert [served.push(path)[0] for path in paths[1:]] == [0] * 7  # it has them already


def test_what_was_archived_ahead_and_is_another_file_now_is_looked_at_again(served: Served) -> None:
    first, second = served.server.finish(1, 1), served.server.finish(1, 2)
    served.push(first)
    wait_for(lambda: 2 in served.in_vault(), "the second segment is in the vault")
    (served.server.folder / second).unlink()
    served.server.finish(1, 2, seed=1)

    status, words = served.push(second)

    assert status == 1
    assert "another content" in words
    assert fetch_wal(served.stage.open(), SYSTEM_ID, name_segment(1, 2)) == make_segment(1, 2)


def test_what_failed_ahead_is_not_acknowledged(served: Served) -> None:
    vault = served.stage.open()
    keys = vault.credentials.catalog(vault.credentials.writing_domain())
    third = stream_item_name(keys, stream_of_segments(SYSTEM_ID, 1), name_segment(1, 3))
    served.faulty.fail_when = lambda verb, name: unreachable() if (verb, name) == ("put", third) else None
    paths = [served.server.finish(1, number) for number in (1, 2, 3, 4)]

    assert [served.push(path)[0] for path in paths] == [0, 0, 1, 0]
    assert served.in_vault() == {1, 2, 4}
    served.faulty.fail_when = None
    assert served.push(paths[2])[0] == 0
    assert served.in_vault() == {1, 2, 3, 4}


def test_two_pushes_of_one_file_at_once_both_succeed(served: Served) -> None:
    path = served.server.finish(1, 1)
    ends: list[int] = []
    threads = [threading.Thread(target=lambda: ends.append(served.push(path)[0]), daemon=True) for _ in range(3)]
    for each in threads:
        each.start()
    join(*threads)

    assert ends == [0, 0, 0]
    assert served.in_vault() == {1}


def test_a_store_that_does_not_answer_is_a_failure_that_the_server_repeats(served: Served) -> None:
    path = served.server.finish(1, 1)
    served.faulty.fail_when = lambda verb, _: unreachable() if verb == "put" else None

    status, words = served.push(path)

    assert status == 1
    assert "The store does not answer" in words
    assert served.in_vault() == set()
    assert "does not answer" in read_notes(served.notes).fault
    served.faulty.fail_when = None
    assert served.push(path) == (0, "")
    served.ledger.save()
    assert read_notes(served.notes).fault == ""


@pytest.mark.parametrize("verb", ["stat", "read", "list"])
def test_a_store_that_does_not_answer_is_no_end_of_the_log(served: Served, verb: str) -> None:
    served.stage.push(1, [1, 2], role="owner")
    served.faulty.fail_when = lambda asked, _: unreachable() if asked == verb else None

    status, _ = served.fetch(name_segment(1, 2 if verb == "read" else 3))

    assert status >= 126
    assert not (served.server.folder / "pg_wal" / "RECOVERYXLOG").exists()


def test_only_what_is_proven_absent_ends_with_one(served: Served) -> None:
    served.stage.push(1, [1, 3], role="owner")

    assert served.fetch(name_segment(1, 4))[0] == 1
    assert served.fetch("00000002.history")[0] == 1
    assert served.fetch(name_segment(1, 2))[0] >= 126
    assert sorted(each.name for each in (served.server.folder / "pg_wal").iterdir()) == ["archive_status"]


def test_what_is_fetched_ahead_is_checked_like_all_else(served: Served) -> None:
    served.stage.push(1, [1, 2, 3], role="owner")
    assert served.fetch(name_segment(1, 1))[0] == 0
    served.desk._pool.submit(int).result()

    assert served.fetch(name_segment(1, 2))[0] == 0
    assert (served.server.folder / "pg_wal" / "RECOVERYXLOG").read_bytes() == make_segment(1, 2)


def test_the_beginning_of_a_segment_is_not_kept_until_it_is_asked_for(served: Served) -> None:
    served.stage.push(1, [1], role="owner")
    vault = served.stage.open()
    put_tail(vault, SYSTEM_ID, name_segment(1, 2), make_segment(1, 2)[:4000], 0, sequence=2)
    assert served.fetch(name_segment(1, 1))[0] == 0
    for each in [*served.desk._fetched.values()]:
        assert each.exception() is None

    served.stage.push(1, [2, 3], role="owner")  # it has become whole, and the log goes on behind it
    assert served.fetch(name_segment(1, 2))[0] == 0
    assert (served.server.folder / "pg_wal" / "RECOVERYXLOG").read_bytes() == make_segment(1, 2)


def test_a_gap_is_noticed_when_it_comes_and_named(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2, 5):
        assert served.push(served.server.finish(1, number))[0] == 0

    gap = f"{name_segment(1, 3)}–{name_segment(1, 4)}"
    assert f"a gap in the write-ahead log: {gap} never came" in caplog.text
    served.ledger.save()
    assert read_notes(served.notes).timelines["00000001"].ranges == [(1, 2), (5, 5)]


def test_a_copy_of_the_data_directory_is_refused(served: Served, tmp_path: Path) -> None:
    assert served.push(served.server.finish(1, 1))[0] == 0
    copy = WaitingServer(tmp_path / "copy")

    status, words = copy.call("push", copy.finish(1, 2), socket=served.socket)

    assert status == 1
    assert "another data directory" in words
    assert served.in_vault() == {1}


def test_somebody_else_may_not_ask(tmp_path: Path) -> None:
    made = Served(tmp_path)
    heard = set()
    with wal_answered(made.socket, lambda _: made.desk, users=frozenset()), socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(made.socket))
        asking.sendall(b"push nothing\n")
        heard.add(asking.recv(200).split(b" ")[0])
    made.desk.close()

    assert heard == {b"failed"}


def test_a_daemon_that_goes_away_while_it_is_asked_acknowledges_nothing(tmp_path: Path) -> None:
    server = WaitingServer(tmp_path / "data")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "wal.sock"))
    listener.listen()

    def drop() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            connection.recv(100)
            connection.close()

    thread = threading.Thread(target=drop, daemon=True)
    thread.start()
    pushed = server.call("push", server.finish(1, 1), socket=tmp_path / "wal.sock", HOME=str(tmp_path))[0]
    fetched = server.call("fetch", name_segment(1, 1), "x", socket=tmp_path / "wal.sock", HOME=str(tmp_path))[0]
    join(thread)
    listener.close()

    assert pushed == 1
    assert fetched >= 126


@pytest.mark.parametrize(
    "python",
    ["/bin/true", "/bin/false", "/nowhere/python", "killed", "truncated"],
)
def test_an_interpreter_that_is_broken_is_never_taken_for_an_answer(tmp_path: Path, python: str) -> None:
    server = WaitingServer(tmp_path / "data")
    path = server.finish(1, 1)
    if python == "killed":
        program = tmp_path / "python3"
        program.write_text("#!/bin/sh\nkill -9 $$\n")
        program.chmod(0o755)
        python = str(program)
    launcher = LAUNCHER
    if python == "truncated":
        launcher = tmp_path / "rebond-wal"
        launcher.write_bytes(LAUNCHER.read_bytes()[: LAUNCHER.read_bytes().index(b"DONE, ABSENT") - 1])
        launcher.chmod(0o755)
        python = sys.executable
    surroundings = {"PATH": os.environ["PATH"], "REBOND_PYTHON": python, "HOME": str(tmp_path)}

    def call(*words: str) -> int:
        done = subprocess.run([launcher, *words], cwd=server.folder, env=surroundings, capture_output=True, check=False)
        return done.returncode

    assert 1 <= call("push", path) <= 125
    assert call("fetch", name_segment(1, 1), "target") >= 126


def test_a_program_that_was_cut_anywhere_acknowledges_nothing(tmp_path: Path) -> None:
    whole = LAUNCHER.read_bytes()
    end = whole.index(b"import posix")
    cut = tmp_path / "rebond-wal"
    statuses = set()
    for length in range(whole.index(b"EXIT") + 5, end, 97):
        cut.write_bytes(whole[:length])
        done = subprocess.run(
            ["/bin/sh", cut, "fetch", "x", "y"], capture_output=True, check=False, env={"REBOND_PYTHON": "/bin/true"}
        )
        statuses.add(done.returncode)

    assert statuses == {255}


def test_the_program_dies_with_the_signal_that_the_server_sends(served: Served) -> None:
    asked, release = threading.Event(), threading.Event()

    def hold_back(verb: str, _: str) -> StoreError | None:
        if verb != "stat":
            return None
        asked.set()
        release.wait(PATIENCE_SECONDS)
        return unreachable()

    served.faulty.fail_when = hold_back
    process = subprocess.Popen(
        [LAUNCHER, "--socket", served.socket, "fetch", name_segment(1, 1), "x"],
        cwd=served.server.folder,
        env={"REBOND_PYTHON": sys.executable},
        start_new_session=True,
    )
    assert asked.wait(PATIENCE_SECONDS)
    os.killpg(process.pid, signal.SIGTERM)

    assert process.wait(60) == -signal.SIGTERM
    release.set()


def test_the_program_starts_fast(served: Served) -> None:
    path = served.server.finish(1, 1)
    served.push(path)

    def measure() -> float:
        begin = time.perf_counter()
        served.push(path)
        return time.perf_counter() - begin

    assert min(measure() for _ in range(5)) < 0.2  # a Python with its libraries takes longer than this


def test_few_segments_are_held_before_they_are_asked_for(served: Served) -> None:
    served.stage.push(1, range(1, 6), role="owner")
    assert served.fetch(name_segment(1, 1))[0] == 0

    assert len(served.desk._fetched) <= 3
