"""Streams through the real program: what is whole comes back to the byte, what is not makes no snapshot."""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from tests.torture.real_program import RealProgram, fingerprint

Folder = pathlib.Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RealProgram:
    return RealProgram.with_vault(tmp_path_factory.mktemp("streams"))


@pytest.fixture
def dump(tmp_path: Folder) -> Folder:
    path = tmp_path / "dump"
    path.write_bytes(random.Random(3).randbytes(3_000_000) + b"\n-- dump complete\n")
    return path


def pipe(
    program: RealProgram, content: bytes, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run the program with ``content`` on its standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "rebond.cli", "backup", *arguments],
        env={**program.environment, **environment},
        input=content,
        capture_output=True,
        timeout=100,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def listed(program: RealProgram) -> list[str]:
    """Return the ids of the snapshots, oldest first."""
    return [each["id"] for each in sorted(program.ask("snapshots"), key=lambda each: (each["time"], each["id"]))]


def restore(program: RealProgram, into: Folder) -> dict[str, str]:
    """Restore the newest snapshot of all and return what came back."""
    program.good("restore", listed(program)[-1], "--to", into)
    return fingerprint(into)


def test_what_a_command_writes_comes_back_and_a_second_run_stores_nothing_of_it_again(
    made: RealProgram, dump: Folder, tmp_path: Folder
) -> None:
    words = ["backup", "--json", "--command", "shop.sql", "--", "cat", str(dump)]
    saved, again = (made.good(*words).document for _ in range(2))

    assert saved["state"] == "whole"
    assert (saved["files"], saved["bytes"]) == (1, dump.stat().st_size)
    assert again["added_bytes"] < 2000 < saved["added_bytes"]
    assert again["read_bytes"] == dump.stat().st_size
    assert restore(made, tmp_path / "back") == {"shop.sql/shop.sql": fingerprint(tmp_path)["dump"]}
    assert (tmp_path / "back/shop.sql/shop.sql").stat().st_mode & 0o777 == 0o600


def test_what_comes_through_a_pipe_comes_back(made: RealProgram, dump: Folder, tmp_path: Folder) -> None:
    content = dump.read_bytes()
    done = pipe(made, content, "--stdin", "piped", "--expect-end", "dump complete", "--expect-bytes", str(len(content)))

    assert done.returncode == 0, done.stderr
    assert "cannot be known" not in done.stderr
    assert restore(made, tmp_path / "back")["piped/piped"] == fingerprint(tmp_path)["dump"]
    assert "cannot be known" in pipe(made, content, "--stdin", "piped").stderr


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("cat {dump}; echo 'disk on fire' >&2; exit 5", "status 5"),
        ("head -c 100000 {dump}; kill -KILL $$", "SIGKILL"),
        ("cat {dump} >/dev/null", "is empty"),
        ("exit 1", "said nothing"),
    ],
)
def test_a_command_that_fails_or_writes_nothing_makes_no_snapshot(
    made: RealProgram, dump: Folder, script: str, said: str
) -> None:
    before = listed(made)
    ended = made.run("backup", "--command", "bad", "--", "sh", "-c", script.format(dump=dump))

    assert ended.status == 33
    assert said in ended.err
    assert "on fire" not in script or "disk on fire" in ended.err
    assert listed(made) == before
    partial = made.run("backup", "--command", "bad", "--allow-partial", "--", "sh", "-c", script.format(dump=dump))
    assert 30 <= partial.status < 40
    assert listed(made) == before


@pytest.mark.parametrize(
    "arguments", [["--expect-end", "dump complete"], ["--expect-bytes", "3000017"], ["--expect-bytes", "0"]]
)
def test_a_stream_that_is_cut_before_its_declared_end_makes_no_snapshot(
    made: RealProgram, dump: Folder, arguments: list[str]
) -> None:
    before = listed(made)
    done = pipe(made, dump.read_bytes()[:-9], "--stdin", "bad", *arguments)

    assert done.returncode == 33, done.stderr
    assert listed(made) == before
    assert pipe(made, b"", "--stdin", "bad").returncode == 33
    assert listed(made) == before


def test_a_standard_input_that_is_closed_is_refused_and_no_other_file_is_taken_for_it(made: RealProgram) -> None:
    before = listed(made)
    words = [sys.executable, "-m", "rebond.cli", "backup", "--stdin", "closed"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *words], env=made.environment, capture_output=True, check=False
    )

    assert done.returncode == 2
    assert b"no standard input" in done.stderr
    assert listed(made) == before


def test_an_empty_stream_that_is_meant_is_saved(made: RealProgram, tmp_path: Folder) -> None:
    made.good("backup", "--command", "nothing", "--allow-empty", "--", "true")

    restore(made, tmp_path / "back")
    assert (tmp_path / "back/nothing/nothing").read_bytes() == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--command", "a", "--", "sh", "-c", "cat x | gzip"], "pipefail"),
        (["--command", "a"], "No command was given"),
        (["--command", "a", "--stdin", "b", "--", "true"], "exclude each other"),
        (["--command", "a", "--path", "/tmp", "--", "true"], "--path is about files"),
        (["--stdin", "a", "--exclude", "x"], "--exclude is about files"),
        (["--stdin", "a", "--dry-run"], "--dry-run is about files"),
        (["--stdin", "a", "--", "true"], "takes no command"),
        (["--stdin", "a/b"], "cannot be the name"),
        (["--stdin", ".."], "cannot be the name"),
        (["--stdin", "a", "--expect-end", ""], "--expect-end takes"),
        (["--path", "/tmp", "--expect-end", "x"], "about a stream"),
        (["--path", "/tmp", "stray"], "not expected here"),
    ],
)
def test_what_makes_no_sense_together_is_refused_before_anything_runs(
    made: RealProgram, arguments: list[str], said: str
) -> None:
    ended = made.run("backup", *arguments)

    assert ended.status == 2
    assert said in ended.err


def test_a_pipeline_whose_every_program_counts_is_accepted(made: RealProgram, dump: Folder) -> None:
    made.good("backup", "--command", "piped.gz", "--", "bash", "-o", "pipefail", "-c", f"cat {dump} | gzip -1")
    ended = made.run("backup", "--command", "piped.gz", "--", "bash", "-c", f"set -o pipefail; cat {dump}x | gzip -1")

    assert ended.status == 33
    assert "No such file" in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_command_and_all_that_it_started(
    made: RealProgram, tmp_path: Folder, number: signal.Signals
) -> None:
    before = listed(made)
    script = (
        f"echo $$ > {tmp_path}/pids; sleep 100 & echo $! >> {tmp_path}/pids; echo begun; trap '' TERM; wait; sleep 100"
    )
    running = made.start("backup", "--command", "slow", "--", "sh", "-c", script)
    deadline = time.monotonic() + 30
    while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send(number)
    ended = running.wait()

    assert ended.status == 130
    deadline = time.monotonic() + 30
    while any(is_running(int(pid)) for pid in (tmp_path / "pids").read_text().split()):
        assert time.monotonic() < deadline  # what is killed ends when the kernel comes to it
        time.sleep(0.02)
    assert listed(made) == before


def is_running(pid: int) -> bool:
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


def test_the_command_has_no_secret_of_ours_no_input_and_no_terminal(made: RealProgram, tmp_path: Folder) -> None:
    script = "env; cat; (: < /dev/tty) 2>/dev/null && echo terminal; echo done"
    made.good("backup", "--command", "seen", "--", "sh", "-c", script, REBOND_PASSPHRASE="hunter2", SHOP="open")

    restore(made, tmp_path / "back")
    seen = (tmp_path / "back/seen/seen").read_text()
    assert "hunter2" not in seen
    assert "SHOP=open" in seen
    assert "terminal" not in seen.splitlines()


def test_memory_stays_bounded_whatever_the_length_of_the_stream(made: RealProgram) -> None:
    code = (
        "import resource, runpy, sys; sys.argv[0] = 'rebond'\n"
        "try: runpy.run_module('rebond.cli', run_name='__main__')\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    peaks = []
    for megabytes in (4, 120):
        words = ["backup", "--quiet", "--command", "zeros", "--", "head", "-c", f"{megabytes}M", "/dev/zero"]
        ended = made.start(*words, code=code).wait()
        assert ended.status == 0, ended.err
        peaks.append(int(ended.err.split()[-1]))

    assert peaks[1] < peaks[0] + 40_000  # KB


def test_options_after_two_dashes_are_the_commands_own(made: RealProgram) -> None:
    ended = made.run("backup", "--command", "bad", "--", "cat", "--json", "--vault", "/nowhere")

    assert ended.status == 33
    assert "rebond: cat failed" in ended.err
    assert not ended.out


def test_ls_and_diff_know_a_stream(made: RealProgram, dump: Folder) -> None:
    made.good("backup", "--command", "known", "--", "cat", str(dump))

    assert [each["path"] for each in made.ask("ls", "latest", "known", "--stack", "known")] == ["known/known"]
    ended = made.good("diff", "latest", "--live", "--stack", "known")
    assert "is not compared" in ended.err
    assert os.fspath(dump) not in ended.out
