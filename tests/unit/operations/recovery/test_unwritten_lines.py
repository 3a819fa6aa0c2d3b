"""A journal that cannot be written ends a restore in words that fit what was done, and a resumed one has room again."""

import errno
import os
import pathlib

import pytest

from rebond.errors import RestoreError
from rebond.operations.hooks import Hook
from rebond.operations.recovery import journal as journal_module
from rebond.operations.recovery.carrying_out import Means, Recovery
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.plan import CommandNames, StepKind, make_plan
from rebond.operations.recovery.reserve import give_up_reserve
from rebond.progress import Silence
from rebond.testing.manual_clock import ManualClock


def recovery_of(journal: Journal, clock: ManualClock) -> Recovery:
    names = CommandNames(stop=("down",), start=("up",))
    plan = make_plan(run=journal.run, stack="shop", parts=(), commands=names)
    commands = {kind: (Hook(name=kind.value, run=lambda: ""),) for kind in (StepKind.STOP, StepKind.START)}
    return Recovery(plan, Means(parts={}, commands=commands), journal, Silence(), clock)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'"stop"', "stopped before it changed anything"),
        (b'"start"', "stopped in the middle, and the services may be stopped"),
        (b'"kept"', "did all its steps"),
    ],
)
def test_the_words_fit_what_was_done_and_a_resumed_run_has_its_reserve(
    line: bytes, said: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, append = ManualClock(), journal_module._append
    journal = Journal.begin(tmp_path, "abcd", {}, clock)
    reserve = journal.folder / "reserve"

    def fail(path: pathlib.Path, lines: bytes) -> None:
        if line in lines:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(path, lines)

    with monkeypatch.context() as full:
        full.setattr(journal_module, "_append", fail)
        with pytest.raises(RestoreError) as raised:
            recovery_of(journal, clock).carry_out()
    assert said in str(raised.value)
    assert not reserve.exists()

    again = Journal(journal.folder, clock)
    recovery_of(again, clock).carry_out()
    assert reserve.exists()
    assert again.state == "kept"


def test_no_room_for_the_reserve_keeps_no_run_from_going_on(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    recovery_of(Journal.begin(tmp_path, "abcd", {}, clock), clock)
    journal = Journal(tmp_path / "abcd", clock)
    journal.write(journal_module.Event.STEP_BEGINS, step=1, kind="verify")
    give_up_reserve(journal.folder)

    def fill_up(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("rebond.operations.recovery.reserve.write_durably", fill_up)
    recovery_of(Journal(journal.folder, clock), clock).carry_out()
    assert Journal(journal.folder, clock).state == "kept"
