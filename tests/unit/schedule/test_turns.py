"""Turns: what is written before and after a run, and who has to wait."""

import contextlib
import dataclasses
import datetime
import multiprocessing
import os
import pathlib
import threading
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from tests.bounded import PATIENCE_SECONDS, join, wait_for

from rebond.schedule.calling import Calls, calls_folder
from rebond.schedule.deciding import Signs
from rebond.schedule.holding import RUN_LOCK, find_holder, try_lock
from rebond.schedule.jobs import Calendar, Deed, Job
from rebond.schedule.maintenance import read_window
from rebond.schedule.pausing import Pause, end_pause, read_pause, write_pause
from rebond.schedule.records import JobRecord, Records
from rebond.schedule.turns import NotNow, Surroundings, Turn, take_turn
from rebond.testing.manual_clock import ManualClock

PARIS = ZoneInfo("Europe/Paris")
DAILY = Job(deed=Deed.BACKUP, class_name="daily", schedule="0 3 * * *")
CODE = Job(deed=Deed.BACKUP, class_name="code", trigger="commit")
NOON_MS = round(datetime.datetime(2026, 2, 4, 12, tzinfo=PARIS).timestamp() * 1000)
THREE_MS = NOON_MS - 9 * 3_600_000


class Stack:
    """A folder with a calendar, a clock that stands at noon, and what the vault has."""

    def __init__(self, folder: pathlib.Path, *windows: str) -> None:
        self.folder = folder
        self.clock = ManualClock(NOON_MS)
        self.records = Records(folder)
        self.saved_since_ms = 0
        self.around = Surroundings(
            folder=folder,
            calendar=Calendar(jobs=(DAILY, CODE), zone=PARIS, windows=tuple(map(read_window, windows))),
            clock=self.clock,
            observe=self.observe,
            was_saved=lambda _job, began_ms: self.saved_since_ms >= began_ms > 0,
        )

    def observe(self, job: Job) -> Signs:
        return Signs(is_called=bool(Calls.look(self.folder, job.class_name).found))

    @contextlib.contextmanager
    def begun(self, job: Job = DAILY) -> Iterator[Turn]:
        with take_turn(job, self.around) as turn:
            assert isinstance(turn, Turn)
            yield turn

    def refusal(self, job: Job = DAILY) -> NotNow:
        with take_turn(job, self.around) as turn:
            assert isinstance(turn, NotNow)
            return turn

    def call(self, name: str = "post-commit.1") -> pathlib.Path:
        path = calls_folder(self.folder, "code") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("post-commit\n")
        return path


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> Stack:
    return Stack(tmp_path)


def test_a_run_is_written_down_before_it_begins_and_after_it_ended(stack: Stack) -> None:
    with stack.begun() as turn:
        begun = stack.records.read("daily")
        assert begun is not None
        assert begun.is_pending
        assert (begun.taken_ms, begun.began_ms, begun.attempts) == (THREE_MS, NOON_MS, 1)
        turn.end(0)
    ended = stack.records.read("daily")
    assert ended is not None
    assert ended.has_ended_well
    assert stack.refusal() is NotNow.NOT_DUE


def test_a_run_that_was_cut_off_is_begun_once_more(stack: Stack) -> None:
    with stack.begun():
        pass  # killed: nothing is written any more
    with stack.begun() as turn:
        assert turn.record.attempts == 2
    assert stack.refusal() is NotNow.NOT_DUE


def test_a_run_that_was_cut_off_after_its_snapshot_stood_is_not_done_again(stack: Stack) -> None:
    with stack.begun():
        stack.saved_since_ms = NOON_MS
    assert stack.refusal() is NotNow.DONE
    record = stack.records.read("daily")
    assert record is not None
    assert record.has_ended_well


def test_a_run_that_was_stopped_on_purpose_stays_due_however_often(stack: Stack) -> None:
    for _ in range(4):
        with stack.begun() as turn:
            assert turn.record.attempts == 1
            turn.give_back()


def test_a_failed_run_counts_and_leaves_calls_unanswered(stack: Stack) -> None:
    path = stack.call()
    with stack.begun(CODE) as turn:
        turn.end(21)
    assert path.exists()
    with stack.begun(CODE) as turn:
        assert turn.record.failures == 1
        turn.end(0)
    assert not path.exists()
    assert stack.refusal(CODE) is NotNow.NOT_DUE


def test_a_call_that_comes_during_a_run_is_answered_by_the_next(stack: Stack) -> None:
    stack.call("post-commit.1")
    with stack.begun(CODE) as turn:
        later = stack.call("post-commit.2")
        again = stack.call("post-commit.1")  # another process with the same number
        turn.end(0)
    assert later.exists()
    assert again.exists()
    with stack.begun(CODE) as turn:
        turn.end(0)
    assert not later.exists()


def test_a_pause_stops_unattended_runs_until_it_is_over(stack: Stack) -> None:
    write_pause(stack.folder, Pause(since_ms=NOON_MS, until_ms=NOON_MS + 60_000, reason="migration", who="me"))
    assert stack.refusal() is NotNow.PAUSED
    stack.clock.advance(60)
    assert read_pause(stack.folder, stack.clock.now_ms()) is None
    with stack.begun() as turn:
        turn.end(0)
    write_pause(stack.folder, Pause(since_ms=NOON_MS, reason="for ever", who="me"))
    stack.clock.advance(10 * 86_400)
    assert stack.refusal() is NotNow.PAUSED
    end_pause(stack.folder)
    end_pause(stack.folder)
    with stack.begun() as turn:
        turn.end(0)


def test_a_run_in_a_maintenance_window_waits_for_its_end(tmp_path: pathlib.Path) -> None:
    stack = Stack(tmp_path, "11:00-13:30")
    with stack.begun() as turn:
        assert stack.clock.now_ms() == NOON_MS + 90 * 60_000
        turn.end(0)


@pytest.mark.parametrize(("set_back_ms", "waited_ms"), [(0, 15_000), (60_000, 0)])
def test_a_run_for_changes_rests_after_the_last_but_not_by_a_clock_that_was_set_back(
    stack: Stack, set_back_ms: int, waited_ms: int
) -> None:
    job = Job(deed=Deed.BACKUP, class_name="rows", trigger="change")
    around = dataclasses.replace(stack.around, observe=lambda _: Signs(state="new", rest_ms=20_000))
    stack.records.write("rows", JobRecord(saved="old", ended_ms=NOON_MS - 5_000 + set_back_ms))
    with take_turn(job, around) as turn:
        assert isinstance(turn, Turn)
        assert stack.clock.now_ms() == NOON_MS + waited_ms
        turn.end(0)


def test_a_record_that_a_disk_spoilt_begins_the_job_anew(stack: Stack) -> None:
    stack.records.write("daily", JobRecord())
    (stack.folder / "jobs" / "daily.json").write_bytes(b"\0\0\0")
    with stack.begun() as turn:
        turn.end(0)
    record = stack.records.read("daily")
    assert record is not None
    assert record.ended_ms == stack.clock.now_ms()


def test_two_runs_of_one_stack_never_meet_and_a_third_of_a_job_does_not_queue(stack: Stack) -> None:
    stack.call()
    order: list[str] = []
    with stack.begun() as turn:
        waiting = threading.Thread(target=lambda: _run(stack, CODE, order), daemon=True)
        waiting.start()
        same = threading.Thread(target=lambda: _run(stack, DAILY, order), daemon=True)
        same.start()
        wait_for(lambda: find_holder(stack.folder / "jobs" / "daily.queue"), "the run that queues")
        assert stack.refusal(DAILY) is NotNow.QUEUED
        order.append("first")
        turn.end(0)
    join(waiting, same)
    assert order[0] == "first"
    assert sorted(order[1:]) == ["code", "daily: not due"]


def _run(stack: Stack, job: Job, order: list[str]) -> None:
    with take_turn(job, stack.around) as turn:
        if isinstance(turn, Turn):
            order.append(job.name)
            turn.end(0)
        else:
            order.append(f"{job.name}: {turn}")


def test_a_lock_is_gone_with_its_process_and_says_who_has_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / RUN_LOCK
    has_lock = multiprocessing.get_context("fork").Event()
    holder = multiprocessing.get_context("fork").Process(target=_hold_for_ever, args=(path, has_lock))
    holder.start()
    assert has_lock.wait(60)
    found = find_holder(path)
    assert found is not None
    assert (found.pid, found.what) == (holder.pid, "a long run")
    assert try_lock(path, "me", ManualClock()) is None
    holder.kill()
    holder.join(PATIENCE_SECONDS)
    assert find_holder(path) is None
    lock = try_lock(path, "me", ManualClock())
    assert lock is not None
    lock.release()


def _hold_for_ever(path: pathlib.Path, has_lock: "multiprocessing.synchronize.Event") -> None:
    lock = try_lock(path, "a long run", ManualClock())
    assert lock is not None
    has_lock.set()
    threading.Event().wait(60)
    os._exit(1)
