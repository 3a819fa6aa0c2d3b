"""Commands around a backup: in order, in time, and some of them whatever happens."""

import os
import pathlib
import signal
import time
from collections.abc import Callable

import pytest
from tests.shims.placing import place_shims
from tests.torture.real_program import RealProgram
from tests.unit.cli.program_runs import Program

Configure = Callable[[str], None]

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
env = [".env"]
compose = ["compose.yml"]
[component.site]
kind = "files"
path = "site"
[class.daily]
schedule = "0 3 * * *"
components = "all"
[class.other]
trigger = "manual"
components = "all"
[hooks]
"""


@pytest.fixture
def shop(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    root = tmp_path / "shop"
    (root / "site").mkdir(parents=True)
    (root / "site" / "page.html").write_text("hello")
    (root / ".env").write_text("DB_PASSWORD=hunter2-and-more\nSHOP=open\n")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def configure(shop: pathlib.Path) -> Configure:
    def write(hooks: str) -> None:
        (shop / "rebond.toml").write_text(CONFIGURATION + hooks)

    return write


@pytest.fixture
def program(shop: pathlib.Path) -> Program:
    return Program.with_vault(shop.parent)


def steps(shop: pathlib.Path) -> list[str]:
    path = shop / "steps"
    return path.read_text().split() if path.exists() else []


def is_running(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_hooks_run_in_their_order_in_the_root_for_their_classes(
    program: Program, shop: pathlib.Path, configure: Configure
) -> None:
    configure(
        'before = [{ run = "echo one-$REBOND_HOOK-$REBOND_CLASS-$SHOP >> steps" }, '
        '{ run = ["sh", "-c", "echo two >> steps"], for = ["daily"] }, '
        '{ run = "echo never >> steps", for = ["other"] }]\n'
        'after = [{ run = "echo three >> steps; ls site >> steps" }]\n'
    )
    assert program.ask("backup", "--class", "daily")["state"] == "whole"
    assert steps(shop) == ["one-before-daily-open", "two", "three", "page.html"]
    program.good("backup", "--dry-run")
    program.good("backup", "--path", shop / "site")
    assert len(steps(shop)) == 4


def test_a_hook_that_fails_stops_the_backup_and_what_runs_always_runs_all_the_same(
    program: Program, shop: pathlib.Path, configure: Configure
) -> None:
    configure(
        'before = [{ run = "echo stopped >> steps" }, { run = "echo no room >&2; exit 7" }, '
        '{ run = "echo never >> steps" }, { run = "echo tidy >> steps", always = true }]\n'
        'after = [{ run = "echo never >> steps" }, { run = "echo started >> steps", always = true }]\n'
    )
    answer = program("backup")

    assert answer.status == 33
    assert (
        "The hook 'echo no room >&2; exit 7' failed, so there is no backup: it ended with status 7. "
        "Its last words: no room" in answer.err
    )
    assert steps(shop) == ["stopped", "tidy", "started"]
    assert program.ask("snapshots") == []


def test_a_hook_that_only_warns_leaves_a_whole_snapshot_and_status_3(
    program: Program, shop: pathlib.Path, configure: Configure
) -> None:
    configure(
        'before = [{ run = "exit 7", on_failure = "warn" }, { run = "exit 8", on_failure = "ignore" }]\n'
        'after = [{ run = "exit 9" }, { run = "echo never >> steps" }, '
        '{ run = "echo started >> steps", always = true }]\n'
    )
    answer = program("backup", "--json")

    assert (answer.status, answer.document["state"]) == (3, "whole")
    assert [each["message"][:21] for each in answer.document["problems"]] == [
        "The hook 'exit 7' fai",
        "The hook 'exit 9' fai",
    ]
    assert answer.document["problem_count"] == 1  # what came before it stood is in the snapshot
    assert steps(shop) == ["started"]


def test_a_failed_backup_runs_only_what_runs_always(program: Program, shop: pathlib.Path, configure: Configure) -> None:
    configure(
        'before = [{ run = "rm -r site/page.html" }]\n'
        'after = [{ run = "echo never >> steps" }, { run = "echo started >> steps", always = true }]\n'
    )
    assert program("backup").status == 32
    assert steps(shop) == ["started"]


def test_what_a_hook_writes_is_told_without_secrets(program: Program, configure: Configure) -> None:
    configure('before = [{ run = "echo the password is $DB_PASSWORD; echo >&2 and again $DB_PASSWORD" }]\n')
    answer = program("backup")

    assert answer.status == 0
    assert "wrote: the password is ***" in answer.err
    assert "and again ***" in answer.err
    assert "hunter2" not in answer.err + answer.out


@pytest.mark.slow
def test_a_hook_that_takes_too_long_is_ended_with_all_that_it_started(
    program: Program, shop: pathlib.Path, configure: Configure
) -> None:
    configure('before = [{ run = "sleep 99 & echo $! > pid; trap \'\' TERM; sleep 99; sleep 99", timeout = "1s" }]\n')
    began = time.monotonic()
    answer = program("backup")

    assert answer.status == 33
    assert "it took longer than 1 s and was ended with all that it had started" in answer.err
    assert time.monotonic() - began < 30
    assert not is_running(int((shop / "pid").read_text()))


def test_what_a_good_hook_leaves_in_the_background_goes_on(
    program: Program, shop: pathlib.Path, configure: Configure
) -> None:
    configure('after = [{ run = "sleep 99 2>/dev/null & echo $! > pid", timeout = "50s" }]\n')
    program.good("backup")
    pid = int((shop / "pid").read_text())
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_hook_runs_inside_a_container_and_a_cut_stream_is_a_failure(
    program: Program, shop: pathlib.Path, configure: Configure
) -> None:
    shims = place_shims(shop.parent / "bin", SHIM_RUNNING="worker")
    program.environment |= {"PATH": shims["PATH"], "SHIM_RUNNING": shims["SHIM_RUNNING"]}
    configure(f'before = [{{ run = "echo inside >> {shop}/steps; echo said", in = "compose:worker" }}]\n')
    assert "and wrote: said" in program.good("backup").err
    assert steps(shop) == ["inside"]
    configure('before = [{ run = "true", in = "compose:gone" }]\n')
    answer = program("backup")
    assert (answer.status, "so there is no backup" in answer.err) == (33, True)


@pytest.mark.slow
def test_an_interrupt_runs_what_runs_always_and_ends_with_130(tmp_path: pathlib.Path) -> None:
    program = RealProgram.with_vault(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "page.html").write_text("hello")
    (tmp_path / "rebond.toml").write_text(
        CONFIGURATION
        + 'before = [{ run = "echo stopped >> steps; sleep 99" }]\n'
        + 'after = [{ run = "echo never >> steps" }, { run = "sleep 0.3; echo started >> steps", always = true }]\n'
    )
    running = program.start("backup", "--config", str(tmp_path / "rebond.toml"))
    deadline = time.monotonic() + 30
    while "stopped" not in steps(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send(signal.SIGINT)
    assert running.wait().status == 130
    assert steps(tmp_path) == ["stopped", "started"]
