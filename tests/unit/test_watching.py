"""A test that hangs is named, ends, and keeps no other from being run."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HANGING = """\
import os, signal, threading
import pytest

@pytest.fixture(scope="module")
def server():
    yield
    {teardown}

def test_one(server): {body}
def test_two(): pass
def test_three(): pass
"""


def run(folder: pathlib.Path, teardown: str, body: str, *, killed_after: float = 200) -> str:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_hanging.py").write_text(HANGING.format(teardown=teardown, body=body))
    words = ["-m", "pytest", "-p", "tests.watching", "-p", "no:cacheprovider", "-n", "2", "--dist", "worksteal"]
    limits = {"REBOND_TEST_SECONDS": "1", "REBOND_TEST_KILLED_AFTER": str(killed_after)}
    surroundings = {**os.environ, **limits, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, *words, str(folder)]
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_test_that_hangs_fails_there_and_says_where_it_stood(tmp_path: pathlib.Path) -> None:
    said = run(tmp_path, "pass", "threading.Event().wait()")

    assert "Nothing was heard of test_hanging.py::test_one" in said
    assert "It took longer than 1 s" in said
    assert "1 failed, 2 passed" in said


@pytest.mark.slow
def test_a_fixture_that_hangs_as_the_last_thing_does_too(tmp_path: pathlib.Path) -> None:
    said = run(tmp_path, "threading.Event().wait()", "pass")

    assert "ERROR at teardown" in said
    assert "3 passed, 1 error" in said


@pytest.mark.slow
def test_what_does_not_even_hear_is_killed_and_named(tmp_path: pathlib.Path) -> None:
    said = run(
        tmp_path, "pass", "signal.signal(signal.SIGUSR2, signal.SIG_IGN); threading.Event().wait()", killed_after=2
    )

    assert "crashed while running" in said
    assert "test_hanging.py::test_one" in said
    assert "2 passed" in said
