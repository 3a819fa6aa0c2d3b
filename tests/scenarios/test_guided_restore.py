"""``rebond restore`` and nothing else, on a terminal: what it asks, what wrong answers and an interrupt come to."""

import os
import pathlib
import pty
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import Protocol

import pytest
from tests.scenarios.shop_in_place import Shop
from tests.unit.cli.program_runs import Program

SECONDS = 30.0
INTERRUPT = "\x03"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.saved(tmp_path_factory.mktemp("template"))


@pytest.fixture
def shop(template: Shop, tmp_path: pathlib.Path) -> Shop:
    return template.copied(tmp_path / "copy")


class Typing(Protocol):
    """What a person at a terminal needs of a stack."""

    program: Program


def type_into(shop: Typing, words: Sequence[str], *talk: tuple[str | pathlib.Path, str]) -> tuple[int, str]:
    """Run the program on a terminal; type each answer when its question, or a file, is there."""
    child, terminal = pty.fork()
    if child == 0:
        status = 70
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.environ["TERM"] = "dumb"
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
            from rebond.cli.__main__ import run

            os.environ.update(shop.program.environment)
            status = run(list(words))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    said, seen, waiting, typed, end = "", 0, list(talk), 0.0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                block = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            said += block.decode(errors="replace")
        elif not waiting and talk and talk[-1][1] == INTERRUPT and time.monotonic() > typed + 2:
            # One that comes between the question and the reading of its answer is seen when something else is typed.
            os.write(terminal, INTERRUPT.encode())
            typed = time.monotonic()
        if not waiting:
            continue
        question, answer = waiting[0]
        place = said.find(question, seen) if isinstance(question, str) else len(said) if question.exists() else -1
        if place >= 0:
            seen = place + (len(question) if isinstance(question, str) else 0)
            os.write(terminal, answer.encode())
            typed = time.monotonic()
            waiting.pop(0)
    if time.monotonic() >= end or waiting:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert not waiting, (waiting, said)
    return os.waitstatus_to_exitcode(status), said


def test_wrong_answers_are_asked_again_and_the_command_for_next_time_is_printed(shop: Shop) -> None:
    status, said = type_into(
        shop,
        ["restore"],
        ("What is broken?", ""),
        ("between", "9\r"),
        ("There is no '9' among them", ""),
        ("between", "media, 4\r"),
        ("When was it good?", ""),
        ("Number", "zero\r"),
        ("There is no 'zero' among them", ""),
        ("Number", "1\r"),
        ("Carry this plan out?", "y\r"),
    )
    assert status == 0, said
    assert "media env --in-place" in said
    files = shop.files()
    assert files["media/a.jpg"] == shop.saved_files["media/a.jpg"]
    assert files["src/app.py"] == shop.broken_files["src/app.py"]


@pytest.mark.parametrize("answer", ["n\r", INTERRUPT, "\x04"])
def test_whoever_says_no_or_goes_away_changed_nothing(shop: Shop, answer: str) -> None:
    status, said = type_into(shop, ["restore"], ("between", "0\r"), ("Number", "1\r"), ("Carry this plan out?", answer))
    assert status in {6, 130}, said
    assert (shop.files(), shop.beside(), shop.trace()) == (shop.broken_files, [], [])


def test_an_interrupt_in_the_middle_prints_the_two_lines(shop: Shop) -> None:
    shop.configure("echo stop >> ../trace", "echo stop >> ../trace; echo >> ../stopping; sleep 20")
    shop.broken_files = shop.files()
    words = ["restore", "latest", "media", "--in-place", "--yes"]
    status, said = type_into(shop, words, (shop.folder / "stopping", "\x03"))
    assert status == 130, said
    lines = [each.strip() for each in said.splitlines()]
    (run,) = [each.name for each in (shop.folder / "state" / "restores").iterdir()]
    assert any(each.endswith(f"rebond restore --resume {run}") for each in lines), said
    assert any(each.endswith(f"rebond restore --rollback {run}") for each in lines), said
    shop.program.good("restore", "--rollback", run, "--yes")
    assert shop.files() == shop.broken_files


def test_a_question_stands_whole_on_a_terminal_on_which_a_bar_is_drawn(shop: Shop) -> None:
    """What draws the bar takes what stands in brackets for a style, and draws over what is typed."""
    shop.program.environment["TERM"] = "xterm"
    words = ["restore", "latest", "media", "--in-place"]
    status, said = type_into(shop, words, ("Carry this plan out? [y/N]: ", ""), ("", "n\r"))
    assert status == 6, said
    assert (shop.files(), shop.beside()) == (shop.broken_files, [])


def test_without_a_terminal_it_says_what_to_type(shop: Shop) -> None:
    answer = shop.program("restore")
    assert (answer.status, "latest" in answer.err) == (2, True)
