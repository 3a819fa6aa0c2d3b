"""Every command that changes or proves something is written down, and ``history`` shows it."""

import errno
import fcntl
import json
import os
import pathlib
import re
import shutil
import socket

import pytest
from tests.unit.cli.program_runs import Program, plant_shop

from rebond import file_locks
from rebond.cli.grammar.recorded import ONLY_ASKS, RECORDED
from rebond.cli.program import COMMANDS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program.with_vault(tmp_path_factory.mktemp("made"))
    plant_shop(program.folder / "shop")
    return program


@pytest.fixture
def program(made: Program, tmp_path: pathlib.Path) -> Program:
    shutil.copytree(made.folder, tmp_path / "copy", symlinks=True)
    moved = made.moved_to(tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "state" / "history")
    return moved


def last(program: Program) -> dict[str, object]:
    (run,) = program.ask("history", "--last", "1")
    assert isinstance(run, dict)
    return run


def ledger_bytes(program: Program) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((program.folder / "state" / "history").glob("*.jsonl")))


def test_a_backup_is_written_down_with_its_figures(program: Program) -> None:
    made = program.ask("backup", "--path", program.folder / "shop", "--class", "daily")

    run = last(program)
    assert (run["kind"], run["exit"], run["result"], run["class"], run["stack"]) == (
        "backup",
        0,
        "good",
        "daily",
        "shop",
    )
    assert run["snapshots"] == [made["id"]]
    figures = run["figures"]
    assert isinstance(figures, dict)
    assert figures["stored_bytes"] == made["stored_bytes"]
    assert figures["peak_bytes"] > 10_000_000
    assert figures["cpu_seconds"] > 0
    assert run["phases"]
    assert run["vault"] == program.ask("vault", "info")["vault_id"]
    assert run["error"] is None


def test_every_kind_of_run_is_written_down(program: Program) -> None:
    program.good("backup", "--path", program.folder / "shop")
    program.good("restore", "latest", "--to", program.folder / "back")
    program.good("verify")
    program.good("hold", "latest", "--reason", "x")
    program.good("unhold", "latest")
    program.good("backup", "--path", program.folder / "shop")
    program.good("forget", "--keep-last", "1", "--yes")
    program.good("prune")
    program.good("key", "issue", "writer", "db", "--output", program.folder / "db.key")

    kinds = [run["kind"] for run in program.ask("history")]
    assert kinds == [
        "backup", "restore", "verify", "hold", "unhold", "backup", "forget", "prune", "key issue",
    ]  # fmt: skip
    assert all(run["result"] == "good" and run["snapshots"] for run in program.ask("history", "--kind", "restore"))
    assert program.good("history", "--check").out.startswith("The ledger is whole")
    assert program("history", "--check", "--last", "1").status == 2, "a part of it proves nothing"


def test_what_only_asks_is_not_written_down(program: Program) -> None:
    for line in (
        ["snapshots"],
        ["history"],
        ["backup", "--path", program.folder / "shop", "--dry-run"],
        ["prune", "--dry-run"],
        ["forget", "--keep-last", "1", "--simulate", "30d"],
        ["backup", "--help"],
    ):
        program.good(*line)
    program("backup", "--no-such-option")

    assert program.ask("history") == []
    assert "No run is written down here" in program.good("history").err


def test_the_table_of_what_is_written_down_names_commands_that_exist() -> None:
    names = {place.name for place in COMMANDS}
    assert {kind.split(" ")[0] for kind in RECORDED} <= names
    assert ONLY_ASKS


def test_a_run_that_fails_is_written_down_with_its_reason(program: Program) -> None:
    answer = program("backup", "--path", program.folder / "gone")

    run = last(program)
    assert (run["exit"], run["result"]) == (answer.status, "failed") == (31, "failed")
    assert run["error"] == {
        "code": "source-unreachable",
        "message": f"There is nothing to save at {program.folder / 'gone'}: No such file or directory",
    }


def test_a_vault_that_is_gone_leaves_the_run_here_and_a_later_run_seals_it(program: Program) -> None:
    program.vault.rename(program.folder / "away")
    assert program("backup", "--path", program.folder / "shop").status == 10
    (program.folder / "away").rename(program.vault)
    program.good("backup", "--path", program.folder / "shop")

    assert [run["exit"] for run in program.ask("history", "--from-vault")] == [10, 0]


def test_what_could_not_be_read_is_in_it(program: Program) -> None:
    (program.folder / "shop" / "loop").symlink_to("loop")
    answer = program("backup", "--command", "dump.sql", "--", "sh", "-c", "exit 3")

    assert answer.status == 33
    assert last(program)["result"] == "failed"
    (program.folder / "empty").mkdir()
    program("backup", "--path", program.folder / "shop", "--path", program.folder / "empty", "--allow-partial")
    run = last(program)
    assert (run["exit"], run["result"], run["finding_counts"]) == (3, "doubtful", {"warning": 1})
    assert "empty" in str(run["findings"])


def test_a_process_that_keeps_the_ledger_to_itself_is_named(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.good("backup", "--path", program.folder / "shop")
    monkeypatch.setattr(file_locks, "PATIENCE_SECONDS", 0.0)
    with open(program.folder / "state" / "history" / "lock", "rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as one that was stopped
        answer = program("backup", "--path", program.folder / "shop")
        french = program("backup", "--path", program.folder / "shop", REBOND_LANG="fr")

    assert answer.status == 3
    assert f"process {os.getpid()} holds its lock" in answer.err
    assert f"kill -CONT {os.getpid()}" in answer.err
    assert f"le processus {os.getpid()} en tient le verrou" in french.err


def test_of_a_run_that_could_not_be_written_down_nothing_is_said_to_be_kept(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("rebond.history.sealing.seal_ledger", refuse)
    answer = program("backup", "--path", program.folder / "shop")
    assert (answer.status, "It is kept here" in answer.err) == (0, True)

    monkeypatch.setattr("rebond.history.recording.RunRecorder.end", refuse)
    answer = program("backup", "--path", program.folder / "shop")
    assert (answer.status, answer.err.count("could not be written down")) == (3, 1)
    assert "It is kept here" not in answer.err


@pytest.mark.parametrize("kind", ["backup", "restore", "verify"])
def test_a_ledger_that_cannot_be_kept_never_fails_a_run(program: Program, kind: str) -> None:
    program.good("backup", "--path", program.folder / "shop")
    shutil.rmtree(program.folder / "state" / "history")
    (program.folder / "state" / "history").write_text("in the way")
    line: list[str | pathlib.Path] = {
        "backup": ["backup", "--path", program.folder / "shop"],
        "restore": ["restore", "latest", "--to", program.folder / "back"],
        "verify": ["verify"],
    }[kind]  # type: ignore[assignment]

    answer = program(*line)

    assert answer.status == (0 if kind == "restore" else 3), answer.err
    assert answer.err.count("could not be written down") == 1
    assert "What it did is done" in answer.err


def test_a_ledger_that_cannot_be_sealed_costs_a_note(program: Program) -> None:
    (program.vault / "streams").write_text("in the way")

    answer = program.good("backup", "--path", program.folder / "shop")

    assert "note: The record of this run is not in the vault yet" in answer.err
    assert "not in the vault yet" not in program.good("backup", "--path", program.folder / "shop", "--quiet").err
    (program.vault / "streams").unlink()
    program.good("backup", "--path", program.folder / "shop")
    assert len(program.ask("history", "--from-vault")) == 3


def test_the_table_shows_local_time_durations_sizes_and_results(program: Program) -> None:
    program.good("backup", "--path", program.folder / "shop")
    program("backup", "--path", program.folder / "gone")

    head, first, second = program.good("history", TZ="Asia/Kathmandu").out.splitlines()
    assert head.split() == ["run", "began", "kind", "stack", "took", "read", "stored", "result", "snapshot"]
    assert re.fullmatch(
        r"[0-9a-f]{8}  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+\d\d:\d\d  "
        r"backup  shop   +[\d.]+ s  102 kB  .* kB  good +[0-9a-f]{8}",
        first,
    )
    assert second.rstrip().endswith("failed (31)")
    french = program.good("history", "--lang", "fr").out
    assert french.splitlines()[0].split()[:2] == ["passage", "début"]
    assert "échec (31)" in french


def test_since_kind_and_last_choose(program: Program) -> None:
    for _ in range(2):
        program.good("backup", "--path", program.folder / "shop")
    program.good("verify")

    assert [run["kind"] for run in program.ask("history", "--last", "2")] == ["backup", "verify"]
    assert [run["kind"] for run in program.ask("history", "--kind", "verify")] == ["verify"]
    assert len(program.ask("history", "--since", "-1h")) == 3
    assert program.ask("history", "--since", "2999-01-01") == []
    assert program("history", "--since", "yesterday-ish").status == 2
    assert program("history", "--last", "0").status == 2


def test_a_changed_line_ends_with_4_and_is_named(program: Program) -> None:
    program.good("backup", "--path", program.folder / "shop")
    program.good("verify")
    (path,) = (program.folder / "state" / "history").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"status":0', b'"status":1', 1))

    answer = program("history", "--check", "--json")

    assert answer.status == 4
    assert answer.document["ok"] is False
    assert [(each["code"], each["subject"]) for each in answer.document["findings"]] == [("ledger-altered", "2")]
    text = program("history", "--check", "--from-vault")
    assert text.status == 4
    assert "not those that were sealed" in text.out
    assert program("backup", "--path", program.folder / "shop").status == 0


def test_the_ledger_of_a_writer_is_read_by_the_owner_of_the_vault(program: Program) -> None:
    program.good("key", "issue", "writer", "web", "--output", program.folder / "web.key")
    owner = str(program.folder / "owner.key")
    web = {"REBOND_KEY_FILE": str(program.folder / "web.key"), "REBOND_STATE_DIR": str(program.folder / "web")}
    made = program.good("backup", "--path", program.folder / "shop", "--json", **web).document

    runs = program.ask("history", "--from-vault", REBOND_KEY_FILE=owner, REBOND_STATE_DIR=str(program.folder / "new"))
    assert [run["snapshots"] for run in runs if run["kind"] == "backup"] == [[made["id"]]]
    refused = program("history", "--from-vault", **web)
    assert refused.status == 12
    assert "owner" in refused.err
    assert program.good("history", "--check", "--from-vault", **web).status == 0


def test_no_secret_gets_into_ledger_or_log(program: Program) -> None:
    secret, other = "s3cr3t-of-the-shop-99", "0ther-s3cr3t-in-the-environment"
    (program.folder / "rebond.toml").write_text(
        f"""version = 1
[stack]
name = "shop"
root = "{program.folder}"
[vault]
url = "{program.vault}"
[component.db]
kind = "command"
run = "echo connecting with {secret} as $SHOP_PASSWORD >&2; exit 7"
[class.daily]
schedule = "0 3 * * *"
components = "all"
[log]
file = "rebond.log"
mode = "0600"
level = "debug"
"""
    )
    del program.environment["REBOND_VAULT"]
    answer = program(
        "backup",
        "--class",
        "daily",
        "--config",
        program.folder / "rebond.toml",
        REBOND_PASSPHRASE=secret,
        SHOP_PASSWORD=other,
    )

    log = program.folder / "rebond.log"
    assert answer.status == 33, answer.err
    for text in (answer.err, answer.out, log.read_text(), ledger_bytes(program).decode()):
        assert secret not in text
        assert other not in text
    for text in (answer.err, log.read_text(), ledger_bytes(program).decode()):
        assert "connecting with *** as ***" in text
    run = last(program)
    assert (run["stack"], run["class"], run["result"]) == ("shop", "daily", "failed")
    lines = log.read_text().splitlines()
    assert all(f" {run['run']} " in line for line in lines)
    assert " INFO backup begins" in lines[0]
    assert " ERROR backup ends with 33" in lines[-1]
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_is_told_and_changes_nothing(program: Program) -> None:
    (program.folder / "rebond.toml").write_text(
        f"""version = 1
[stack]
name = "shop"
root = "{program.folder}"
[vault]
url = "{program.vault}"
[component.code]
kind = "files"
path = "shop"
[class.daily]
schedule = "0 3 * * *"
components = "all"
[log]
file = "owner.key/log"
"""
    )
    del program.environment["REBOND_VAULT"]
    answer = program("backup", "--class", "daily", "--config", program.folder / "rebond.toml")

    assert answer.status == 0, answer.err
    assert "warning: " in answer.err
    assert "cannot be written" in answer.err
    assert last(program)["stack"] == "shop"


def test_why_a_run_was_started_is_known(program: Program) -> None:
    program.good("backup", "--path", program.folder / "shop", REBOND_TRIGGER="cron")

    run = last(program)
    assert (run["trigger"], run["host"]) == ("cron", socket.gethostname())


def test_options_are_written_down_and_their_values_are_not(program: Program) -> None:
    program.good("backup", "--path", program.folder / "shop", "--note", "a-value-of-mine", "--tag", "x")

    assert b"a-value-of-mine" not in ledger_bytes(program)
    began = [json.loads(line) for line in ledger_bytes(program).splitlines()][1]
    assert began["options"] == ["paths", "remark", "tags"]


@pytest.mark.parametrize("where", ["begin", "end", "seal"])
def test_not_even_a_fault_of_the_ledger_itself_fails_a_backup(
    program: Program, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("nobody foresaw this")

    place = "rebond.history.sealing.seal_ledger" if where == "seal" else f"rebond.history.recording.RunRecorder.{where}"
    monkeypatch.setattr(place, fail)
    answer = program("backup", "--path", program.folder / "shop")

    assert answer.status == (0 if where == "seal" else 3)
    assert "Snapshot " in answer.out
    monkeypatch.undo()
    assert len(program.ask("snapshots")) == 1


def test_a_doctor_that_changes_something_is_written_down_and_one_that_looks_is_not(program: Program) -> None:
    program("doctor")
    assert program.ask("history") == []
    program("doctor", "--record")
    assert [run["kind"] for run in program.ask("history")] == ["doctor"]
