"""Where events go: files that turn over, the journal, a terminal; and what a broken place costs."""

import fcntl
import io
import logging
import multiprocessing
import os
import re
import socket
import stat
import threading
from pathlib import Path

import pytest
from tests.bounded import PATIENCE_SECONDS

from rebond.errors import CommandFailed
from rebond.findings import Finding, Severity
from rebond.logs.bridge import LogHandler
from rebond.logs.events import Event, Weight
from rebond.logs.files import FileSink
from rebond.logs.journal import JournalSink, encode_entry
from rebond.logs.log import Log, LogSettings
from rebond.logs.masking import remember_secret
from rebond.secret import Secret
from rebond.testing.manual_clock import ManualClock

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d rebond\[\d+\] (\S+) (ERROR|WARNING|INFO|DEBUG) (.*)"
)


def event(message: str, weight: Weight = Weight.INFO, run: str = "r1") -> Event:
    return Event(time_ms=1_700_000_000_000, weight=weight, message=message, run=run)


def sink(path: Path, limit_bytes: int = 1000, kept: int = 2, mode: int = 0o640) -> FileSink:
    return FileSink(path, limit_bytes=limit_bytes, kept=kept, mode=mode)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_an_event_is_one_line_with_moment_run_and_weight(tmp_path: Path) -> None:
    log = Log(run="run-7", clock=ManualClock())
    log.write("before it was known where to")
    log.open(LogSettings(file=tmp_path / "deep" / "rebond.log"))
    log.write("two\nlines\x1b[31m", Weight.WARNING)
    log.write("too light", Weight.DEBUG)
    log.close()

    found = [LINE.fullmatch(line) for line in lines(tmp_path / "deep" / "rebond.log")]
    assert [each.groups() for each in found if each] == [
        ("run-7", "INFO", "before it was known where to"),
        ("run-7", "WARNING", "two\\nlines\\x1b[31m"),
    ]
    assert len(found) == 2


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_new_file_has_its_mode_whatever_the_mask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077 if mode == 0o640 else 0)
    try:
        sink(tmp_path / "log", mode=mode).close()
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == mode


def test_a_full_file_turns_over_and_the_oldest_goes(tmp_path: Path) -> None:
    file = sink(tmp_path / "log", limit_bytes=300)
    for number in range(20):
        file.write(event(f"event {number:03}"))
    file.close()

    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert all(each.stat().st_size <= 300 for each in tmp_path.iterdir())
    kept = [line[-3:] for name in ("log.2", "log.1", "log") for line in lines(tmp_path / name)]
    assert kept == [f"{number:03}" for number in range(20 - len(kept), 20)]


def test_without_older_ones_a_full_file_begins_anew(tmp_path: Path) -> None:
    file = sink(tmp_path / "log", limit_bytes=150, kept=0)
    for number in range(9):
        file.write(event(f"event {number}"))

    assert [each.name for each in tmp_path.iterdir()] == ["log"]
    assert lines(tmp_path / "log")[-1].endswith("event 8")


def test_a_line_longer_than_a_file_is_still_written(tmp_path: Path) -> None:
    file = sink(tmp_path / "log", limit_bytes=100)
    file.write(event("x" * 500))
    file.write(event("y"))

    assert lines(tmp_path / "log.1")[0].endswith("x" * 500)
    assert len(lines(tmp_path / "log")) == 1


@pytest.mark.parametrize("deed", ["moved", "removed"])
def test_a_file_that_others_took_away_is_opened_anew(tmp_path: Path, deed: str) -> None:
    file = sink(tmp_path / "log")
    file.write(event("before"))
    if deed == "moved":
        (tmp_path / "log").rename(tmp_path / "log.old")
    else:
        (tmp_path / "log").unlink()
    file.write(event("after"))

    assert [line.rsplit(" ", 1)[-1] for line in lines(tmp_path / "log")] == ["after"]


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("as it was")
    (tmp_path / "log").symlink_to(tmp_path / "precious")

    with pytest.raises(OSError, match="symbolic links"):
        sink(tmp_path / "log")
    assert (tmp_path / "precious").read_text() == "as it was"


def test_a_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")

    with pytest.raises(OSError, match=r"No such device|not a regular file"):
        sink(tmp_path / "log")


def test_whoever_keeps_the_lock_of_the_file_stops_no_run(tmp_path: Path) -> None:
    file = sink(tmp_path / "log", limit_bytes=300)

    def write() -> None:
        for number in range(20):
            file.write(event(f"event {number:03}"))

    with (tmp_path / "log").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        run = threading.Thread(target=write, daemon=True)
        run.start()
        run.join(30)

        assert [line[-3:] for line in lines(tmp_path / "log")] == [f"{number:03}" for number in range(20)]
    file.write(event("event 020"))

    assert [line[-3:] for line in lines(tmp_path / "log")] == ["020"]


def _write_many(path: Path, name: str) -> None:
    file = sink(path, limit_bytes=4000, kept=1000)
    for number in range(200):
        file.write(event(f"{name}:{number:03}"))


def test_no_line_is_lost_or_torn_when_processes_turn_over_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(tmp_path / "log", name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE_SECONDS)
        assert writer.exitcode == 0

    written = [line for path in tmp_path.iterdir() for line in lines(path)]
    assert all(LINE.fullmatch(line) for line in written)
    assert sorted(line.rsplit(" ", 1)[-1] for line in written) == [f"{n}:{i:03}" for n in "abc" for i in range(200)]


def test_the_journal_gets_fields_by_its_own_protocol(tmp_path: Path) -> None:
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(str(tmp_path / "socket"))
    place = JournalSink(str(tmp_path / "socket"))
    place.write(event("it failed", Weight.ERROR))

    fields = dict(line.split(b"=", 1) for line in journal.recv(65536).splitlines())
    assert fields == {
        b"MESSAGE": b"it failed",
        b"PRIORITY": b"3",
        b"SYSLOG_IDENTIFIER": b"rebond",
        b"SYSLOG_PID": str(os.getpid()).encode(),
        b"REBOND_RUN": b"r1",
    }
    journal.close()
    (tmp_path / "socket").unlink()
    anew = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    anew.bind(str(tmp_path / "socket"))
    place.write(event("after it was started anew"))
    assert b"MESSAGE=after it was started anew\n" in anew.recv(65536)
    anew.close()
    place.close()


def test_a_value_with_lines_has_its_length_before_it() -> None:
    assert encode_entry({"A": "x", "B": "y\nz", "C": ""}) == b"A=x\nB\n\x03\0\0\0\0\0\0\0y\nz\n"


@pytest.mark.parametrize("settings", ["file", "journal"])
def test_a_place_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path, settings: str) -> None:
    log = Log(run="r")
    (tmp_path / "plain").write_text("")
    if settings == "file":
        log.open(LogSettings(file=tmp_path / "plain" / "log"))
    else:
        log.open(LogSettings(to_journal=not Path("/run/systemd/journal/socket").exists(), file=tmp_path / "x" / "log"))
    log.write("goes on")
    log.close()
    log.write("also after its end")

    if settings == "file":
        assert [each.code for each in log.faults] == ["log-not-written"]
        assert "plain" in log.faults[0].message


def test_a_disk_that_fills_is_told_once(tmp_path: Path) -> None:
    log = Log(run="r")
    out = io.StringIO()
    log.open(LogSettings(), terminal=out)
    out.close()
    log.write("one")
    log.write("two")

    assert len(log.faults) == 1


def test_a_disk_that_was_full_is_written_again_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(run="r")
    log.open(LogSettings(file=tmp_path / "log"))
    log.write("before")
    write = os.write
    rooms = [10, 0, 0]

    def write_in_little_room(descriptor: int, content: bytes) -> int:
        if not rooms:
            return write(descriptor, content)
        if room := rooms.pop(0):
            return write(descriptor, content[:room])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write_in_little_room)
    log.write("half of it stands there")
    log.write("nothing of it does")
    log.write("after")
    log.close()

    written = (tmp_path / "log").read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in written if LINE.fullmatch(line)] == ["before", "after"]
    assert len(written) == 3
    assert len(log.faults) == 1


def test_a_place_that_was_away_is_opened_once_it_is_there(tmp_path: Path) -> None:
    log = Log(run="r")
    (tmp_path / "disk").write_text("")
    log.open(LogSettings(file=tmp_path / "disk" / "log"))
    log.write("lost")
    (tmp_path / "disk").unlink()
    log.write("kept")
    log.close()

    assert (tmp_path / "disk" / "log").read_text().endswith("kept\n")
    assert len(log.faults) == 1


def test_secrets_are_masked_in_every_place_in_findings_errors_and_output_of_hooks(tmp_path: Path) -> None:
    remember_secret(Secret("tell-nobody-77"))
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(str(tmp_path / "socket"))
    terminal = io.StringIO()
    log = Log(run="r")
    log.open(LogSettings(file=tmp_path / "log", lightest=Weight.DEBUG), terminal=terminal)
    log._sinks.append(JournalSink(str(tmp_path / "socket")))

    log.write("password tell-nobody-77", place="tell-nobody-77")
    log.write_finding(
        Finding(code="x", severity=Severity.DAMAGE, subject="a", template="{w}", values={"w": "tell-nobody-77"})
    )
    log.write_error(CommandFailed("It said {w}", w="tell-nobody-77"))
    log.write("hook: PGPASSWORD=tell-nobody-77", source="hook")
    log.write("hook: second line", source="hook")
    try:
        raise ValueError("tell-nobody-77")
    except ValueError as error:
        log.write_error(error)

    journal.setblocking(False)
    received = b"".join(journal.recv(65536) for _ in range(6))
    for written in ((tmp_path / "log").read_bytes(), terminal.getvalue().encode(), received):
        assert b"tell-nobody" not in written
        assert written.count(b"***") >= 5
    assert "hook: second line" in terminal.getvalue()
    log.close()
    journal.close()


def test_what_python_logs_goes_there_too_masked_and_with_its_exception(tmp_path: Path) -> None:
    remember_secret(Secret("tell-nobody-78"))
    log = Log(run="r")
    log.open(LogSettings(file=tmp_path / "log", lightest=Weight.DEBUG))
    logger = logging.getLogger("rebond.test")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler = LogHandler(log)
    logger.addHandler(handler)
    logger.info("a job of %s begins", "tell-nobody-78")
    logger.warning("%d of them", "many")
    try:
        raise ValueError("tell-nobody-78")
    except ValueError:
        logger.exception("it failed")
    logger.removeHandler(handler)
    log.close()

    found = [line.split(" r ")[1] for line in lines(tmp_path / "log")]
    assert found[:4] == ["INFO a job of *** begins", "WARNING %d of them", "ERROR it failed", "ERROR ValueError: ***"]


@pytest.mark.parametrize("is_under_systemd", [True, False])
def test_a_terminal_shows_the_moment_and_systemd_the_weight(
    monkeypatch: pytest.MonkeyPatch, is_under_systemd: bool
) -> None:
    if is_under_systemd:
        monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    else:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    out = io.StringIO()
    log = Log(run="r7")
    log.open(LogSettings(), terminal=out)
    log.write("it happened", Weight.WARNING)

    assert (out.getvalue() == "<4>r7: it happened\n") is is_under_systemd
    assert bool(LINE.fullmatch(out.getvalue().strip())) is not is_under_systemd
