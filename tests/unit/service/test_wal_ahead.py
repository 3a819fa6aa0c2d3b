"""What is archived before the server asks: it goes on by itself, it is acknowledged without a question, in order."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.service.test_wal_socket import Served
from tests.unit.service.waiting_server import WaitingServer

from rebond.operations.wal.ledger import read_notes
from rebond.service.wal_marks import folder_of_marks
from rebond.service.wal_socket import wal_answered
from rebond.sources.postgres.wal_names import stream_of_segments
from rebond.testing.faulty_store import unreachable
from rebond.testing.wal_segments import SYSTEM_ID, name_segment
from rebond.vault.stream_items import stream_item_name

PATIENCE_SECONDS = 20.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    with wal_answered(made.socket, lambda _: made.desk, users=frozenset()):
        yield made
    made.desk.close()


def wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    assert holds()


def marks(served: Served) -> set[str]:
    return {each for each in os.listdir(folder_of_marks(served.socket) / "db") if not each.startswith(".")}


def names(*numbers: int) -> set[str]:
    return {name_segment(1, number) for number in numbers}


def object_of(served: Served, number: int) -> str:
    vault = served.stage.open()
    keys = vault.credentials.catalog(vault.credentials.writing_domain())
    return stream_item_name(keys, stream_of_segments(SYSTEM_ID, 1), name_segment(1, number))


def test_what_stands_already_is_acknowledged_without_a_question(served: Served) -> None:
    paths = [served.server.finish(1, number) for number in range(1, 5)]
    assert served.push(paths[0]) == (0, "")
    wait(lambda: marks(served) == names(2, 3, 4))
    asked = served.desk._asked

    assert [served.push(path) for path in paths[1:]] == [(0, "")] * 3

    assert served.desk._asked == asked
    assert served.in_vault() == {1, 2, 3, 4}


@pytest.mark.parametrize("change", ["younger", "older", "gone", "coarse"])
def test_a_mark_that_is_not_of_just_this_file_is_no_answer(served: Served, change: str) -> None:
    path, second = served.server.finish(1, 1), served.server.finish(1, 2)
    served.push(path)
    wait(lambda: marks(served) == names(2))
    file = served.server.folder / second
    found = file.stat().st_mtime_ns
    if change in {"younger", "older"}:
        moved = found + (1 if change == "younger" else -1)
        os.utime(file, ns=(moved, moved))
    elif change == "gone":
        (folder_of_marks(served.socket) / "db" / name_segment(1, 2)).unlink()
    else:  # a file system, or a shell, that knows whole seconds only
        os.utime(folder_of_marks(served.socket) / "db" / ".later", ns=(0, 10**18))
    asked = served.desk._asked

    assert served.push(second) == (0, "")
    assert served.desk._asked == asked + 1


def test_a_mark_is_of_one_component_and_of_one_verb(served: Served) -> None:
    path, second = served.server.finish(1, 1), served.server.finish(1, 2)
    served.push(path)
    wait(lambda: marks(served) == names(2))
    served.faulty.fail_when = lambda verb, _: unreachable() if verb in {"put", "stat", "list", "read"} else None
    os.utime(served.server.folder / second)
    (served.server.folder / name_segment(1, 2)).write_bytes(b"")
    os.utime(served.server.folder / name_segment(1, 2), ns=(0, (served.server.folder / second).stat().st_mtime_ns))

    assert served.server.call("--component", "other", "push", second, socket=served.socket)[0] == 1
    assert served.server.call("fetch", name_segment(1, 2), name_segment(1, 2), socket=served.socket)[0] >= 126


def test_what_becomes_ready_meanwhile_is_archived_too(served: Served) -> None:
    third, met, goes_on = object_of(served, 3), threading.Event(), threading.Event()

    def hold(verb: str, name: str) -> None:
        if (verb, name) == ("put", third):
            met.set()
            goes_on.wait(PATIENCE_SECONDS)

    served.faulty.fail_when = hold
    paths = [served.server.finish(1, number) for number in (1, 2, 3)]
    assert served.push(paths[0])[0] == 0
    assert met.wait(PATIENCE_SECONDS)
    for number in range(4, 9):
        served.server.finish(1, number)
    goes_on.set()

    wait(lambda: marks(served) == names(*range(2, 9)))
    assert served.in_vault() == set(range(1, 9))


def test_nothing_is_noted_before_what_comes_before_it(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    first, goes_on = object_of(served, 1), threading.Event()

    def hold(verb: str, name: str) -> None:
        if (verb, name) == ("put", first):
            goes_on.wait(PATIENCE_SECONDS)

    served.faulty.fail_when = hold
    path, *_ = [served.server.finish(1, number) for number in (1, 2, 3)]
    pushing = threading.Thread(target=served.push, args=(path,))
    pushing.start()
    wait(lambda: served.in_vault() == {2, 3})
    assert marks(served) == set()
    goes_on.set()
    pushing.join()

    wait(lambda: marks(served) == names(2, 3))
    assert "a gap in the write-ahead log" not in caplog.text
    served.ledger.save()
    assert read_notes(served.notes).timelines["00000001"].ranges == [(1, 3)]


def test_what_failed_ahead_holds_up_the_marks_of_all_behind_it(served: Served) -> None:
    third = object_of(served, 3)
    served.faulty.fail_when = lambda verb, name: unreachable() if (verb, name) == ("put", third) else None
    paths = [served.server.finish(1, number) for number in (1, 2, 3, 4)]
    assert served.push(paths[0])[0] == 0
    wait(lambda: served.in_vault() == {1, 2, 4} and marks(served) == names(2))
    assert served.push(paths[2])[0] == 1
    served.faulty.fail_when = None

    assert served.push(paths[2])[0] == 0
    wait(lambda: name_segment(1, 4) in marks(served))


def test_marks_go_once_the_server_had_its_answer_and_with_the_daemon(served: Served) -> None:
    paths = [served.server.finish(1, number) for number in (1, 2, 3)]
    served.push(paths[0])
    wait(lambda: marks(served) == names(2, 3))
    for number in (1, 2, 3):
        (served.server.folder / "pg_wal" / "archive_status" / f"{name_segment(1, number)}.ready").unlink()
    served.push(served.server.finish(1, 4))
    wait(lambda: marks(served) == set())

    served.desk.close()
    assert not folder_of_marks(served.socket).exists()


def test_a_copy_of_the_data_directory_gets_no_answer_for_what_it_wrote_itself(served: Served, tmp_path: Path) -> None:
    paths = [served.server.finish(1, number) for number in (1, 2)]
    served.push(paths[0])
    wait(lambda: marks(served) == names(2))
    copy = WaitingServer(tmp_path / "copy")

    status, words = copy.call("push", copy.finish(1, 2, seed=1), socket=served.socket)

    assert status == 1
    assert "another" in words
