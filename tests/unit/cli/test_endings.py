"""How a run ends, whatever happens to it."""

import contextlib
import json
import os
import pathlib
import shlex
import signal
import stat
import subprocess
import sys

import pytest
from tests.bounded import PATIENCE_SECONDS
from tests.unit.cli.program_runs import Program

from rebond.cli import __main__ as entry
from rebond.cli.program import program
from rebond.errors import Interrupted, StoreFull


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    """Give each run a state folder of its own and no wishes from outside."""
    for name in [*os.environ]:
        if name.startswith(("REBOND_", "LC_", "LANG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REBOND_STATE_DIR", str(tmp_path))
    return tmp_path


def end_with(monkeypatch: pytest.MonkeyPatch, error: BaseException, *arguments: str) -> int:
    """Run a command line that meets ``error``."""

    def meet(*_arguments: object, **_settings: object) -> None:
        raise error

    monkeypatch.setattr(program, "invoke", meet)
    monkeypatch.setattr(program, "make_context", lambda *_arguments, **_settings: contextlib.nullcontext())
    return entry.run(arguments)


def test_an_error_shows_what_happened_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = end_with(monkeypatch, StoreFull("No room in {place}.", hint="Free some.", place="/vault"), "backup")
    said = capsys.readouterr()

    assert status == 22
    assert said.out == ""
    assert said.err == "rebond: No room in /vault.\n  → Free some.\n"


def test_a_failure_for_machines_is_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = end_with(monkeypatch, StoreFull("No room.", hint="Free some."), "backup", "--json")
    said = capsys.readouterr()

    assert status == 22
    assert said.err == ""
    assert json.loads(said.out) == {
        "error": {"code": "store-full", "message": "No room.", "hint": "Free some.", "exit": 22}
    }


def test_a_name_that_would_move_the_cursor_is_shown_as_an_escape(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_with(monkeypatch, StoreFull("No room in {place}.", place="/va\x1b[2Jult\n"))

    assert "/va\\x1b[2Jult\\n" in capsys.readouterr().err


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted()])
def test_a_stop_that_was_asked_for_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stop: BaseException
) -> None:
    assert end_with(monkeypatch, stop, "backup", "--lang", "fr") == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_leaves_a_report_without_anything_that_was_passed_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], surroundings: pathlib.Path
) -> None:
    arguments = ["backup", "--path=/srv/hunter2", "--tag", "hunter2", "--", "mysqldump", "-phunter2"]
    status = end_with(monkeypatch, ValueError("hunter2"), *arguments)
    said = capsys.readouterr().err
    (report,) = (surroundings / "faults").iterdir()
    content = report.read_text(encoding="utf-8")

    assert status == 1
    assert str(report) in said
    assert "ValueError" in content
    assert "backup --path --tag" in content
    assert "hunter2" not in content + said
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "No such command 'frobnicate'."),
        (["--frobnicate"], "No such option '--frobnicate'."),
        (["--lang", "fr", "frobnicate"], "La commande 'frobnicate' n'existe pas."),
        (["--lang=fr", "--frobnicate"], "L'option '--frobnicate' n'existe pas."),
        (["snapshot"], "No such command 'snapshot'. Did you mean 'snapshots'?"),
        (["--lang", "fr", "vault", "inf"], "La commande 'inf' n'existe pas. Vouliez-vous dire « info » ?"),
        (["snapshots", "--latest", "x"], "'x' is not a valid whole number."),
        (["--lang", "fr", "verify", "--read-data", "x"], "'x' n'est pas un nombre valable."),
    ],
)
def test_a_wrong_command_line_ends_with_2_in_the_readers_language(arguments: list[str], words: str) -> None:
    done = run_program(*arguments)

    assert done.returncode == 2
    assert words in done.stderr


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    done = subprocess.run(
        ["/bin/bash", "-c", f"{sys.executable} -m rebond.cli --help | sleep 0; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in {0, 141}
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments", [["init", "--yes"], ["snapshots"], ["backup", "--path", "x"], ["status", "--json"]]
)
def test_a_folder_that_was_deleted_under_the_shell_is_no_fault_of_ours(
    tmp_path: pathlib.Path, arguments: list[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = shlex.join([sys.executable, "-m", "rebond.cli", *arguments])
    environment = {**os.environ, "REBOND_STATE_DIR": str(tmp_path / "state"), "REBOND_LANG": "en"}
    done = subprocess.run(
        ["/bin/sh", "-c", f"rmdir {shlex.quote(str(gone))} && exec {line}"],
        cwd=gone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "is gone" in done.stdout + done.stderr
    assert not (tmp_path / "state" / "faults").exists()


def test_a_request_to_terminate_is_like_a_request_to_stop() -> None:
    waiting = "import signal, rebond.cli.__main__ as entry; signal.signal(15, entry._stop); signal.raise_signal(15)"
    done = subprocess.run([sys.executable, "-c", waiting], capture_output=True, text=True, check=False)

    assert "rebond.errors.Interrupted" in done.stderr
    assert done.returncode in {1, -signal.SIGINT}


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a shell would."""
    return subprocess.run([sys.executable, "-m", "rebond.cli", *arguments], capture_output=True, text=True, check=False)


def test_a_full_disk_under_the_answer_is_told_and_no_fault(tmp_path: pathlib.Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rebond.cli", "completion", "bash"], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert done.returncode == 1
    assert b"could not be written" in done.stderr
    assert b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], ["snapshots", "--help"], ["key"], ["--version"], [], ["--json", "ls"]])
def test_whatever_is_shown_on_a_full_disk_ends_with_words_and_a_status(
    words: list[str], surroundings: pathlib.Path
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rebond.cli", *words], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert done.returncode == 1
    assert done.stderr.startswith(b"rebond: The answer could not be written")
    assert b"Traceback" not in done.stderr
    assert list(surroundings.iterdir()) == [], "no fault was reported"


@pytest.mark.parametrize("words", [["zip"], ["tar.zst"], ["zip", "--encrypt", "openssl", "--json"]])
def test_a_file_written_onto_a_full_disk_is_said_to_be_cut_and_is_no_fault(words: list[str], exported: Program) -> None:
    with open("/dev/full", "wb") as full:
        done = export_to(full.fileno(), exported, *words)

    assert done.returncode == 1
    assert b"The answer could not be written to standard output: No space left" in done.stderr
    assert b"not a whole file" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (exported.folder / "state" / "faults").exists()


def test_a_file_whose_reader_left_ends_as_other_answers_do(exported: Program) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = export_to(writing, exported, "tar.gz")
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A snapshot of a file that no buffer holds."""
    made = Program.with_vault(tmp_path_factory.mktemp("exported"))
    (made.folder / "data").mkdir()
    (made.folder / "data" / "noise").write_bytes(os.urandom(1 << 18))
    made.good("backup", "--path", made.folder / "data", "--quiet")
    return made


def export_to(output: int, program: Program, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """Export as a shell would, its standard output sent to ``output``."""
    command = [sys.executable, "-m", "rebond.cli", "export", "latest", "data", "--output", "-", "--quiet", "--format"]
    environment = {**os.environ, **program.environment, "REBOND_EXPORT_PASSWORD": "of the export"}
    return subprocess.run([*command, *words], stdout=output, stderr=subprocess.PIPE, check=False, env=environment)


def call_closed(closed: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    shell = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, *words]
    return subprocess.run(shell, capture_output=True, check=False)


@pytest.mark.parametrize("words", [["--version"], ["completion", "bash"], ["--json", "config", "schema"]])
def test_an_answer_that_nobody_gets_is_a_failure(words: list[str], surroundings: pathlib.Path) -> None:
    done = call_closed(">&-", "-m", "rebond.cli", *words)
    assert done.returncode == 1
    assert b"The answer could not be written to standard output: Bad file descriptor." in done.stderr
    assert list(surroundings.iterdir()) == []


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- 2>&-"])
def test_an_answer_needs_no_other_place_than_its_own(closed: str) -> None:
    done = call_closed(closed, "-m", "rebond.cli", "--version")
    assert (done.returncode, done.stdout.startswith(b"rebond "), done.stderr) == (0, True, b"")
    assert call_closed(closed, "-m", "rebond.cli", "nonsense").returncode == 2


def test_no_file_gets_the_number_of_a_place_that_was_closed() -> None:
    opening = (
        "import os, sys; from rebond.cli.output.closed_places import hold_closed_places\n"
        "hold_closed_places(); sys.exit(os.open(os.devnull, os.O_RDWR))"
    )
    assert call_closed("<&- >&- 2>&-", "-c", opening).returncode > 2


def test_help_whose_reader_left_ends_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "rebond.cli"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_with_progress_as_json_every_line_of_standard_error_is_an_object(tmp_path: pathlib.Path) -> None:
    program = Program.with_vault(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a").write_text("a")
    program.good("backup", "--path", tmp_path / "site")
    (tmp_path / "wrong.toml").write_text("version = 1\n")

    events = []
    for words in (
        ("restore", "latest", "--to", tmp_path / "site"),  # says what was chosen, and is refused
        ("find", "nothing"),
        ("backup", "--paht", tmp_path),
        ("status", "--config", tmp_path / "wrong.toml"),
        ("cat", "latest", "site/b", "--json"),
        ("export", "latest", "nothing", "--format", "zip", "--output", "-", "--json", "--quiet"),
    ):
        answer = program(*words, "--progress", "json")
        assert answer.out == ""
        lines = [json.loads(each) for each in answer.err.splitlines()]
        events.append([each.get("event", "error") for each in lines if each.get("event") != "advance"])
    assert events == [["note", "error"], ["note"], ["error"], ["note", "error"], ["error"], ["error"]]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_that_is_stopped_ends_with_130_and_leaves_nothing_listed(
    stop: signal.Signals, tmp_path: pathlib.Path
) -> None:
    program = Program.with_vault(tmp_path)
    (tmp_path / "large").mkdir()
    with (tmp_path / "large" / "file").open("wb") as file:
        for _ in range(48):
            file.write(os.urandom(4 << 20))
    kept = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
    with subprocess.Popen(
        [sys.executable, "-m", "rebond.cli", "backup", "--path", tmp_path / "large", "--json", "--progress", "json"],
        env={**kept, **program.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stderr is not None
        running.stderr.readline()  # it has begun to read
        running.send_signal(stop)
        out, err = running.communicate(timeout=PATIENCE_SECONDS)

    assert running.returncode == 130, err
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert b"Traceback" not in err
    assert program.ask("snapshots") == []
    program.good("backup", "--path", tmp_path / "large")
    assert program.ask("verify")["ok"] is True


def test_a_letter_that_the_terminal_lacks_is_escaped_and_ends_nothing(tmp_path: pathlib.Path) -> None:
    made = Program.with_vault(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "rebond.cli", "vault", "info", "--lang", "fr"],
        env={**os.environ, **made.environment, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert b"cl\\xe9 du propri\\xe9taire" in done.stdout


@pytest.mark.parametrize("mask", [0o777, 0o277, 0o027])
def test_a_umask_never_shuts_the_program_out_of_what_it_makes(mask: int) -> None:
    """Its owner's rights are left; those of others are what the umask says."""
    telling = "import rebond.cli.__main__ as entry, os; entry.main = lambda: print(oct(os.umask(0)))\n"
    done = subprocess.run(
        [sys.executable, "-c", telling + "from rebond.cli.entry import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        umask=mask,
    )
    assert (done.stdout.split(), done.stderr) == ([oct(mask & 0o077)], "")


def test_an_interrupt_while_modules_are_loaded_ends_quietly() -> None:
    loading = (
        "import os, signal, sys; from rebond.cli.entry import main\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'rebond.cli.__main__': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder()); main()"
    )
    done = subprocess.run([sys.executable, "-c", loading], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
