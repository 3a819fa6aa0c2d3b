"""When the receiver of a log tries again, and how often it says why: a stream that only begins has not come."""

import logging
import os
import pathlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from rebond.operations.wal.coverage import Coverage, TimelineCoverage
from rebond.service import wal_receiving
from rebond.service.wal_receiving import Receiving, WalReceiver
from rebond.service.wal_spool import WalSpool
from rebond.sources.postgres.programs import Programs
from rebond.sources.postgres.server import PostgresServer
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.wal_facts import Archiver, WalFacts
from rebond.testing.manual_clock import ManualClock

SYSTEM, SEGMENT_BYTES = 7, 1 << 20
REFUSED = "echo 'FATAL: no pg_hba.conf entry for replication' >&2; exit 1"
FACTS = WalFacts(
    version=150000,
    system_id=str(SYSTEM),
    timeline=1,
    is_in_recovery=False,
    lsn="0/200000",
    segment_bytes=SEGMENT_BYTES,
    settings={},
    archiver=Archiver(),
    slots=[],
)


class Way:
    """Leads to a program of the test instead of a server."""

    def __init__(self, programs: Programs) -> None:
        self.environment = {"PATH": os.environ["PATH"]}
        self._programs = programs
        self.begun = 0

    def begin(self, access: Access, _database: str, _major: int) -> Access:
        self.begun += 1
        return Access(server=access.server, programs=self._programs, open_program=access.open_program)

    def explain(self) -> str:
        return "docker said more"

    def close(self) -> None:
        return


class Kept(WalSpool):
    """A spool whose vault takes nothing."""

    refused = ""

    def note_slot(self, slot: str) -> None:
        assert slot == "rebond"

    def note_put(self, fault: str) -> None:
        assert not fault
        self.refused = ""

    def note_refused(self, reason: str) -> None:
        self.refused = reason

    def push_whole(self) -> int:
        return 0

    def push_tails(self, _vault: object) -> int:
        return 0


@pytest.fixture
def receiver(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[WalReceiver, Way, Any]]:
    monkeypatch.setattr(wal_receiving, "read_wal_facts", lambda *_: FACTS)
    monkeypatch.setattr(wal_receiving, "ensure_slot", lambda *_: None)
    place = f"{tmp_path}/"
    programs = Programs(major=15, psql=f"{place}psql", pg_dump="", pg_dumpall="")

    def make(script: str) -> tuple[WalReceiver, Way, ManualClock]:
        write(script)
        clock, way = ManualClock(), Way(programs)
        access = Access(server=PostgresServer(), programs=programs, open_program=None)  # type: ignore[arg-type]
        receiving = Receiving(
            component="db",
            slot="rebond",
            find_access=lambda: (access, "postgres"),
            get_vault=lambda: None,  # type: ignore[arg-type,return-value]
            survey=lambda _: Coverage(system_id=SYSTEM, segment_bytes=SEGMENT_BYTES, timelines={}),
            way=way,  # type: ignore[arg-type]
            clock=clock,
        )
        spool = Kept(tmp_path / "spool", None, None)  # type: ignore[arg-type]
        return WalReceiver(receiving, spool), way, clock

    def write(script: str) -> None:
        (tmp_path / "pg_receivewal").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "pg_receivewal").chmod(0o755)

    make.write = write  # type: ignore[attr-defined]
    return make


def wait_end(receiver: WalReceiver) -> None:
    """Wait until the program has ended, and let the receiver see it."""
    running = receiver._running
    assert running is not None
    assert running.has_output(60)
    receiver.turn()


def test_a_stream_that_fails_as_it_begins_is_tried_less_and_less_often_and_told_once(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one, way, clock = receiver(REFUSED)
    pauses = []
    for _ in range(7):
        begun = way.begun
        waited = 0.0
        one.turn()
        while way.begun == begun:
            clock.advance(0.5)
            waited += 0.5
            one.turn()
        pauses.append(waited)
        wait_end(one)
    assert pauses == [0, 1, 2, 4, 8, 16, 30]
    (told,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert told.startswith("db: the stream ended with status 1: FATAL: no pg_hba.conf entry for replication")
    assert told.endswith("docker said more")
    assert len([each for each in caplog.records if each.levelno == logging.INFO]) == 1
    one.close()


def test_a_stream_that_brought_something_is_tried_again_at_once_and_its_end_is_told_each_time(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    one, way, clock = receiver(REFUSED)
    for pause in (0, 1, 2):
        clock.advance(pause)
        one.turn()
        wait_end(one)
    partial = tmp_path / "spool" / "000000010000000000000001.partial"
    receiver.write(f"printf '%s' more >> {partial}; exit 1")  # type: ignore[attr-defined]
    clock.advance(4)
    for begun in (4, 5, 6):
        one.turn()
        assert way.begun == begun
        wait_end(one)
        clock.advance(1)
    said = [each.getMessage() for each in caplog.records]
    assert said.count("db is streamed again") == 3
    assert len([each for each in said if "the stream ended" in each]) == 4
    one.close()


def test_a_server_that_went_back_within_a_segment_is_refused(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, way, clock = receiver(REFUSED)
    has = Coverage(
        system_id=SYSTEM,
        segment_bytes=SEGMENT_BYTES,
        timelines={1: TimelineCoverage(timeline=1, ranges=((3, 6),))},
    )
    one._receiving = replace(one._receiving, survey=lambda _: has)
    (tmp_path / "spool" / "000000010000000000000007.partial").write_bytes(b"x" * 0x100 + bytes(5000))
    (tmp_path / "spool" / "000000020000000000000007.partial").write_bytes(b"x" * 0x900)
    for lsn, begun in (("0/700100", 1), ("0/7000FF", 1)):
        monkeypatch.setattr(
            wal_receiving, "read_wal_facts", lambda *_, lsn=lsn: msgspec.structs.replace(FACTS, lsn=lsn)
        )
        clock.advance(60)
        one.turn()
        assert way.begun == begun
        if one._running is not None:
            wait_end(one)
    assert "The server went back" in caplog.text
    one.close()


def test_a_server_that_went_back_is_refused_also_when_it_has_caught_up_by_then(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, way, clock = receiver(REFUSED)
    saved = {1: TimelineCoverage(timeline=1, ranges=((3, 6),))}
    has = Coverage(system_id=SYSTEM, segment_bytes=SEGMENT_BYTES, timelines=saved)
    one._receiving = replace(one._receiving, survey=lambda _: has)

    def turn_at(lsn: str, **words: object) -> None:
        monkeypatch.setattr(
            wal_receiving, "read_wal_facts", lambda *_: msgspec.structs.replace(FACTS, lsn=lsn, **words)
        )
        clock.advance(60)
        one.turn()

    turn_at("0/6000000", is_in_recovery=True)  # a standby is as far as it is
    assert way.begun == 1
    wait_end(one)
    turn_at("0/700000")  # right behind what is saved
    assert way.begun == 2
    wait_end(one)
    caplog.clear()
    for lsn in ("0/6FFFFF", "0/800000"):
        turn_at(lsn)
        assert way.begun == 2
    assert "The server went back: more of its timeline 1 is saved" in caplog.text
    assert WalSpool(tmp_path / "spool", None, None).state.astray == 1  # type: ignore[arg-type]
    monkeypatch.setattr(wal_receiving, "ask_history", lambda *_: b"1\t0/700028\tit took over\n")
    turn_at("0/800000", timeline=2)
    assert way.begun == 3
    one.close()


def test_histories_of_earlier_timelines_are_laid_down_for_a_stream_along_them(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    one, way, _ = receiver("exec sleep 3600")
    saved = {2: TimelineCoverage(timeline=2, ranges=((3, 6),))}
    has = Coverage(system_id=SYSTEM, segment_bytes=SEGMENT_BYTES, timelines=saved)
    one._receiving = replace(one._receiving, survey=lambda _: has)
    second = b"1\t0/300000\tit took over\n"
    content = second + b"\n2\t0/780000\tso did the next\n"
    monkeypatch.setattr(wal_receiving, "ask_history", lambda *_: content)
    facts = msgspec.structs.replace(FACTS, lsn="0/900000", timeline=3)
    monkeypatch.setattr(wal_receiving, "read_wal_facts", lambda *_: facts)
    one.turn()
    one.close()
    assert way.begun == 1
    histories = {each.name: each.read_bytes() for each in (tmp_path / "spool").glob("*.history")}
    assert histories == {"00000002.history": second}


@pytest.mark.parametrize("is_running", [False, True])
def test_a_copy_that_was_named_for_a_time_is_got_over_by_deleting_one_file(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    is_running: bool,
) -> None:
    one, way, clock = receiver("exec sleep 3600")
    saved = {1: TimelineCoverage(timeline=1, ranges=((3, 6),))}
    has = Coverage(system_id=SYSTEM, segment_bytes=SEGMENT_BYTES, timelines=saved)
    one._receiving = replace(one._receiving, survey=lambda _: has)

    def turn_at(lsn: str) -> str:
        monkeypatch.setattr(wal_receiving, "read_wal_facts", lambda *_: msgspec.structs.replace(FACTS, lsn=lsn))
        clock.advance(60)
        one.turn()
        return one._spool.refused  # type: ignore[attr-defined,no-any-return]

    turn_at("0/500000")  # the copy
    partial = tmp_path / "spool" / "000000010000000000000007.partial"
    partial.write_bytes(bytes([1]) * 100)
    state = tmp_path / "spool" / "state.json"
    reason = turn_at("0/900000")  # the server in use again
    assert f"delete {state} (that file alone)" in reason
    one.turn()
    assert one._spool.refused == reason  # type: ignore[attr-defined]
    assert way.begun == 0

    state.unlink()
    if not is_running:
        one = WalReceiver(one._receiving, Kept(tmp_path / "spool", None, None))  # type: ignore[arg-type]
        monkeypatch.setattr(one._spool, "find_cluster", lambda: SYSTEM)  # no true page lies there
    turn_at("0/900000")
    assert way.begun == 1
    assert partial.read_bytes().startswith(bytes([1]) * 100)
    one.turn()
    one.close()
    assert not one._spool.refused  # type: ignore[attr-defined]


def test_nothing_is_received_where_the_notes_are_spoilt_until_somebody_looked(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]], tmp_path: pathlib.Path
) -> None:
    one, way, clock = receiver("exec sleep 3600")
    one.turn()
    assert way.begun == 1
    one.close()
    (tmp_path / "spool" / "state.json").write_text('{"astray": ')
    one = WalReceiver(one._receiving, Kept(tmp_path / "spool", None, None))  # type: ignore[arg-type]
    for _ in range(2):
        one.turn()
        clock.advance(60)
    kept = tmp_path / "spool" / "state.json.spoilt"
    assert str(kept) in one._spool.refused  # type: ignore[attr-defined]
    assert way.begun == 1
    kept.unlink()
    one.turn()
    assert way.begun == 2
    one.close()


def test_a_spool_that_cannot_be_made_again_is_told_once(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, way, clock = receiver("exec sleep 3600")
    one.turn()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("rebond.service.wal_spool.save_state", fail)
        (tmp_path / "spool" / "state.json").unlink()
        for _ in range(5):
            one.turn()
        (told,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
        assert "cannot be made: [Errno 28]" in told
    clock.advance(60)
    one.turn()
    assert way.begun == 2
    assert "was deleted while the log was received" in caplog.text
    one.close()


@pytest.mark.parametrize("event", ["a new process", "a part is deleted"])
def test_the_vault_is_asked_before_anything_is_put_whose_place_nobody_knows(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    event: str,
) -> None:
    one, _, clock = receiver("exec sleep 3600")
    did: list[str] = []

    def survey(_: int) -> Coverage:
        did.append("survey")
        return Coverage(system_id=SYSTEM, segment_bytes=SEGMENT_BYTES, timelines={})

    def put(_: WalSpool) -> int:
        did.append("put")
        return 0

    monkeypatch.setattr(Kept, "push_whole", put)
    segment = tmp_path / "spool" / "000000010000000000000001"
    one._receiving = replace(one._receiving, survey=survey)
    one.turn()
    for number in (1, 2):
        segment.with_name(f"00000001000000000000000{number}").write_bytes(bytes([1]) * 100)
    one.turn()
    if event == "a new process":
        one.close()
        one = WalReceiver(one._receiving, Kept(tmp_path / "spool", None, None))  # type: ignore[arg-type]
    segment.unlink()
    did.clear()
    one.turn()
    assert did[:2] == ["survey", "put"]
    clock.advance(60)
    one.turn()
    one.close()


def test_a_second_outage_of_the_vault_with_the_same_words_is_told_again(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, _, clock = receiver("exec sleep 3600")
    notes: list[str] = []
    monkeypatch.setattr(one._spool, "note_put", notes.append)
    one.turn()

    def fail() -> int:
        raise OSError(28, "No space left on device")

    for push in (fail, lambda: 0, fail):
        monkeypatch.setattr(one._spool, "push_whole", push)
        for _ in range(3):
            clock.advance(60)
            one.turn()
    one.close()
    fault = "[Errno 28] No space left on device"
    assert notes[-1] == notes[0] == fault
    assert notes == [fault, "", "", "", fault]
    assert len([each for each in caplog.records if "not in the vault" in each.getMessage()]) == 2


def test_a_spool_that_cannot_be_looked_at_is_told_and_is_not_taken_for_deleted(
    receiver: Callable[[str], tuple[WalReceiver, Way, ManualClock]],
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a bad disk hides may be there the next time: the stream goes on writing to it."""
    one, way, _ = receiver("exec sleep 3600")
    one.turn()
    running = one._running
    assert running is not None
    (tmp_path / "spool").rename(tmp_path / "kept")
    (tmp_path / "spool").symlink_to("x" * 300)  # no name may be so long: whoever looks has an error
    one.turn()
    one.turn()
    (told,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert str(tmp_path / "spool") in told
    assert "deleted" not in told
    (tmp_path / "spool").unlink()
    (tmp_path / "kept").rename(tmp_path / "spool")
    one.turn()
    assert (way.begun, one._running) == (1, running)
    one.close()
