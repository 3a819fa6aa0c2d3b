"""``rebond serve`` as a process: changes, commits, pauses, reloads, stops, and runs by hand beside it."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.bounded import reap
from tests.unit.cli.program_runs import Program
from tests.unit.service.asked_service import ask_service

from rebond.clock import SystemClock
from rebond.config.loading import load_configuration
from rebond.schedule.holding import RUN_LOCK, try_lock
from rebond.schedule.records import JobRecord, Records
from rebond.schedule.stack_folders import folder_of, socket_of

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "Europe/Paris"
[vault]
url = "../vault"
key = {{ file = "../owner.key" }}
[component.code]
kind = "files"
path = "src"
[component.env]
kind = "files"
path = ".env"
[class.nightly]
schedule = "0 3 * * *"
components = ["code"]
[class.secrets]
trigger = "change"
components = ["env"]
[class.commit]
trigger = "commit"
components = ["code"]
[class.by-hand]
trigger = "manual"
components = "all"
[serve]
listen = "127.0.0.1:{port}"
"""
PATIENCE_SECONDS = 120.0  # as long as it may take on a machine that does ten other things
pytestmark = pytest.mark.slow


class Shop:
    """A stack with its vault, and the program in processes of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.program = Program(folder)
        del self.program.environment["REBOND_VAULT"], self.program.environment["REBOND_PASSPHRASE"]
        self.program.good(
            "vault", "create", folder / "vault", "--key-file", folder / "owner.key", "--kit", folder / "k"
        )
        self.root = folder / "shop"
        (self.root / "src").mkdir(parents=True)
        (self.root / "src" / "app.py").write_text("VERSION = 1\n")
        (self.root / ".env").write_text("SECRET=1\n")
        self.port = find_port()
        self.configuration = self.root / "rebond.toml"
        self.configuration.write_text(CONFIGURATION.format(port=self.port))
        self.environment = {**os.environ, **self.program.environment, "REBOND_CONFIG": str(self.configuration)}
        self.service: subprocess.Popen[str] | None = None

    @property
    def folder(self) -> pathlib.Path:
        loaded = load_configuration(self.configuration, {}).loaded
        assert loaded is not None
        return folder_of(pathlib.Path(self.program.environment["REBOND_STATE_DIR"]), loaded)

    def serve(self) -> None:
        self.service = subprocess.Popen(
            [sys.executable, "-m", "rebond.cli", "serve"], env=self.environment, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: ask_service(socket_of(self.folder), "status"))

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        assert self.service is not None
        self.service.send_signal(number)
        _, words = self.service.communicate(timeout=PATIENCE_SECONDS)
        return self.service.returncode, words

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rebond.cli", *arguments, "--json"],
            env=self.environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

    def snapshots(self, class_: str) -> list[Any]:
        key = str(self.program.folder / "owner.key")  # asked of the vault: a configuration may be broken on purpose
        found = self.program.ask(
            "--vault", self.program.vault, "snapshots", "--class", class_, "--stack", "shop", REBOND_KEY_FILE=key
        )
        assert isinstance(found, list)
        return found

    def health(self) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


def find_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(claim: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)


@pytest.fixture
def shop(tmp_path: pathlib.Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    if made.service is not None and made.service.poll() is None:
        reap(made.service)


def test_a_change_of_a_secret_is_in_a_snapshot_within_seconds_and_no_change_makes_none(shop: Shop) -> None:
    shop.serve()
    wait_until(lambda: len(shop.snapshots("secrets")) == 1)
    wait_until(lambda: ask(shop)["running"] == [])
    written_ms = SystemClock().now_ms()
    (shop.root / ".env").write_text("SECRET=2\n")
    wait_until(lambda: len(shop.snapshots("secrets")) == 2)
    record = Records(shop.folder).read("secrets")
    assert record is not None
    assert record.ended_ms - written_ms <= 2 * 5000, "twice: other tests share the machine"
    shop.stop()
    shop.serve()
    time.sleep(2.5)
    assert len(shop.snapshots("secrets")) == 2, "what was saved before is known after a start"


def ask(shop: Shop) -> Any:
    answered = ask_service(socket_of(shop.folder), "status")
    assert answered is not None
    return answered


@pytest.mark.judge("git")
def test_a_commit_is_in_a_snapshot_within_a_minute_with_the_service_and_without(shop: Shop) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], cwd=shop.root, check=True)
    assert shop.run("schedule", "install", "--git-hook").returncode == 0
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "1"], cwd=shop.root, check=True, env=shop.environment)
    wait_until(lambda: len(shop.snapshots("commit")) == 1)
    shop.serve()
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "2"], cwd=shop.root, check=True, env=shop.environment)
    wait_until(lambda: len(shop.snapshots("commit")) == 2)


def test_what_was_missed_is_made_up_for_once_and_a_pause_puts_it_off(shop: Shop) -> None:
    missed = JobRecord(schedule="0 3 * * *", taken_ms=1_770_000_000_000, began_ms=1, ended_ms=1)
    Records(shop.folder).write("nightly", missed)
    paused = shop.run("pause", "--reason", "migration")
    assert paused.returncode == 0
    assert "no end" in paused.stderr
    shop.serve()
    time.sleep(1.5)
    assert ask(shop)["paused"] is True
    assert shop.snapshots("nightly") == shop.snapshots("secrets") == []
    scheduled = shop.run("backup", "--class", "nightly", "--scheduled")
    assert (scheduled.returncode, json.loads(scheduled.stdout)["reason"]) == (0, "paused")
    assert shop.run("backup", "--class", "by-hand").returncode == 0, "a pause is not for runs by hand"
    assert shop.run("resume").returncode == 0
    wait_until(lambda: len(shop.snapshots("nightly")) == 1)
    wait_until(lambda: ask(shop)["running"] == [])
    again = shop.run("backup", "--class", "nightly", "--scheduled")
    assert (again.returncode, json.loads(again.stdout)["reason"]) == (0, "not due")


def test_a_run_by_hand_is_refused_while_another_runs_and_waits_when_asked(shop: Shop) -> None:
    lock = try_lock(shop.folder / RUN_LOCK, "a long run", SystemClock())
    assert lock is not None
    refused = shop.run("backup", "--class", "by-hand")
    assert refused.returncode == 11
    said = json.loads(refused.stdout)["error"]
    assert "a long run" in said["message"]
    assert str(os.getpid()) in said["message"]
    waiting = subprocess.Popen(
        [sys.executable, "-m", "rebond.cli", "backup", "--class", "by-hand", "--wait"],
        env=shop.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.8)
    assert waiting.poll() is None
    lock.release()
    assert waiting.wait(PATIENCE_SECONDS) == 0


def test_why_a_run_failed_is_in_the_log_of_the_service(shop: Shop) -> None:
    (shop.program.folder / "vault").rename(shop.program.folder / "away")
    shop.serve()
    wait_until(lambda: ask(shop)["ended"].get("secrets"))
    (shop.program.folder / "away").rename(shop.program.folder / "vault")
    _, words = shop.stop()
    assert "secrets ended with status 10: There is no" in words, words


def test_a_second_service_of_a_stack_is_refused(shop: Shop) -> None:
    shop.serve()
    assert shop.service is not None
    second = shop.run("serve")
    assert second.returncode == 11
    assert str(shop.service.pid) in json.loads(second.stdout)["error"]["message"]
    assert (socket_of(shop.folder).stat().st_mode & 0o777) == 0o600
    assert ask_service(socket_of(shop.folder), "dance") == {"error": "'dance' is none of status, wake, reload"}


def hear(shop: Shop, words: str) -> str:
    """Return the next line of the service that has these words; a service that never says them is ended."""
    assert shop.service is not None
    assert shop.service.stderr is not None
    impatience = threading.Timer(PATIENCE_SECONDS, shop.service.kill)
    impatience.start()
    try:
        return next(line for line in shop.service.stderr if words in line)
    finally:
        impatience.cancel()
        impatience.join()


def test_a_broken_configuration_keeps_the_old_one_and_says_so(shop: Shop) -> None:
    shop.serve()
    wait_until(lambda: shop.health()[0] == 200)
    good = shop.configuration.read_text()
    shop.configuration.write_text(good.replace("nightly", "nightly]"))
    wait_until(lambda: shop.health()[0] == 503)
    assert "broken" in shop.health()[1]["configuration"]
    (shop.root / ".env").write_text("SECRET=still saved\n")
    wait_until(lambda: len(shop.snapshots("secrets")) >= 1)
    shop.configuration.write_text(good)
    wait_until(lambda: shop.health()[0] == 200)
    assert shop.service is not None
    assert hear(shop, "the old one stays")
    assert hear(shop, "read anew")
    shop.service.send_signal(signal.SIGHUP)
    assert hear(shop, "read anew")
    assert shop.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_what_runs_or_interrupts_it_and_it_begins_again(shop: Shop, number: int) -> None:
    shop.configuration.write_text(
        shop.configuration.read_text()
        + '[component.slow]\nkind = "command"\nrun = "sleep 600; echo done"\n'
        + '[class.slow]\ntrigger = "start"\ncomponents = ["slow"]\n'
    )
    shop.serve()
    wait_until(lambda: "slow" in ask(shop)["running"])
    record = None

    def has_begun() -> bool:
        nonlocal record
        record = Records(shop.folder).read("slow")
        return record is not None and record.is_pending

    wait_until(has_begun)
    assert shop.service is not None
    began = time.monotonic()
    shop.service.send_signal(number)
    time.sleep(0.2)
    status, words = shop.stop(number)  # asked twice, it does not wait
    assert status == 0
    assert time.monotonic() - began < 15
    assert "slow is interrupted" in words
    record = Records(shop.folder).read("slow")
    assert record is not None
    assert not record.is_pending
    assert record.saved == "", "it is due at the next start"
    assert not socket_of(shop.folder).exists()


def test_a_service_killed_in_the_middle_of_a_run_makes_one_snapshot_of_it(shop: Shop) -> None:
    shop.configuration.write_text(
        shop.configuration.read_text()
        + '[component.slow]\nkind = "command"\nrun = "sleep 1.5; echo done"\nend_mark = "done"\n'
        + '[class.slow]\ntrigger = "start"\ncomponents = ["slow"]\n'
    )
    shop.serve()
    wait_until(lambda: is_pending(shop, "slow"))
    assert shop.service is not None
    reap(shop.service)
    shop.serve()
    wait_until(lambda: len(shop.snapshots("slow")) == 1)
    wait_until(lambda: not is_pending(shop, "slow") and ask(shop)["running"] == [])
    time.sleep(1.2)
    assert len(shop.snapshots("slow")) == 1
    record = Records(shop.folder).read("slow")
    assert record is not None
    assert record.has_ended_well


def is_pending(shop: Shop, name: str) -> bool:
    record = Records(shop.folder).read(name)
    return record is not None and record.is_pending


def test_a_run_killed_between_its_snapshot_and_its_record_is_not_repeated(shop: Shop) -> None:
    (shop.root / ".env").write_text("SECRET=3\n")
    assert shop.run("backup", "--class", "nightly", "--scheduled").returncode == 0
    record = Records(shop.folder).read("nightly")
    assert record is not None
    # As the record was before the run ended.
    Records(shop.folder).write("nightly", msgspec.structs.replace(record, attempts=1, ended_ms=0))
    again = shop.run("backup", "--class", "nightly", "--scheduled")
    assert (again.returncode, json.loads(again.stdout)["reason"]) == (0, "done before it was cut off")
    assert len(shop.snapshots("nightly")) == 1
