"""A secret that changes while a long backup of the same stack runs: saved at once, by a run beside it."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.unit.cli.program_runs import Program

from rebond.clock import SystemClock
from rebond.config.loading import load_configuration
from rebond.schedule.beside import SECRETS_LOCK
from rebond.schedule.holding import RUN_LOCK, find_holder, try_lock
from rebond.schedule.stack_folders import folder_of

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[vaults.secrets]
url = "../apart"
key = { file = "../apart.key" }
[component.long]
kind = "command"
run = "touch begun; while [ ! -e go ]; do sleep 0.05; done; echo done"
[component.env]
kind = "secrets"
path = ".env"
vault = "secrets"
[class.by-hand]
trigger = "manual"
components = "all"
[class.secrets]
trigger = "change"
components = ["env"]
"""
PATIENCE_SECONDS = 120.0  # as long as it may take on a machine that does ten other things
FIGURE_SECONDS = 5.0
pytestmark = pytest.mark.slow


class Shop:
    """A stack whose backup lasts until it is let go, and whose secrets have a vault of their own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.program = Program(folder)
        del self.program.environment["REBOND_VAULT"], self.program.environment["REBOND_PASSPHRASE"]
        for vault, key in (("vault", "owner.key"), ("apart", "apart.key")):
            self.program.good("vault", "create", folder / vault, "--key-file", folder / key, "--kit", folder / "k")
            (folder / "k").rename(folder / f"kit of {vault}") if (folder / "k").exists() else None
        self.root = folder / "shop"
        self.root.mkdir()
        self.change("1")
        (self.root / "rebond.toml").write_text(CONFIGURATION)
        self.environment = {**os.environ, **self.program.environment, "REBOND_CONFIG": str(self.root / "rebond.toml")}
        self.begun: list[subprocess.Popen[str]] = []

    @property
    def folder(self) -> pathlib.Path:
        loaded = load_configuration(self.root / "rebond.toml", {}).loaded
        assert loaded is not None
        return folder_of(pathlib.Path(self.program.environment["REBOND_STATE_DIR"]), loaded)

    def change(self, text: str) -> None:
        (self.root / ".env").write_text(f"SECRET={text}\n")

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        self.begun.append(
            subprocess.Popen(
                [sys.executable, "-m", "rebond.cli", *arguments],
                env=self.environment,
                cwd=self.root,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        return self.begun[-1]

    def ask(self, *arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "rebond.cli", *arguments, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def count_secrets(self) -> int:
        """Count the records in the vault of the secrets, without asking a process."""
        return sum(1 for each in (self.program.folder / "apart" / "snapshots").rglob("*") if each.is_file())


@pytest.fixture
def shop(tmp_path: pathlib.Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    (made.root / "go").touch()
    for each in made.begun:
        if each.poll() is None:
            each.terminate()
        each.communicate(timeout=PATIENCE_SECONDS)


def wait_until(is_so: Callable[[], object], patience_seconds: float = PATIENCE_SECONDS) -> float:
    """Return how long it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < patience_seconds, "it never came"
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_changed_secret_is_saved_within_seconds_while_a_long_backup_runs(shop: Shop) -> None:
    shop.begin("serve")
    wait_until(lambda: shop.count_secrets() == 1)
    long = shop.begin("backup", "--class", "by-hand", "--json")
    wait_until((shop.root / "begun").exists)

    shop.change("2")
    wait_until(lambda: shop.count_secrets() == 2, 2 * FIGURE_SECONDS)  # twice: other tests share the machine
    assert long.poll() is None

    shop.change("3")  # and a run of it that is killed is begun again
    wait_until(lambda: (holder := find_holder(shop.folder / SECRETS_LOCK)) is not None and holder.pid)
    holder = find_holder(shop.folder / SECRETS_LOCK)
    if holder is not None:
        os.kill(holder.pid, signal.SIGKILL)
    wait_until(lambda: shop.count_secrets() == 3)
    assert long.poll() is None

    (shop.root / "go").touch()
    answer, _ = long.communicate(timeout=PATIENCE_SECONDS)
    assert json.loads(answer)["state"] == "whole"
    assert shop.ask("verify")["ok"]
    assert shop.ask("history", "--check")["ok"], "the ledger is one chain, whoever wrote at once"


def test_who_saves_secrets_among_others_waits_while_they_are_saved(shop: Shop) -> None:
    (shop.root / "go").touch()
    lock = try_lock(shop.folder / SECRETS_LOCK, "another run", SystemClock())
    assert lock is not None
    waiting = shop.begin("backup", "--class", "by-hand", "--json")
    wait_until(lambda: find_holder(shop.folder / RUN_LOCK))
    time.sleep(2)
    assert waiting.poll() is None
    assert shop.count_secrets() == 0
    lock.release()
    assert waiting.wait(PATIENCE_SECONDS) == 0
    assert shop.count_secrets() == 1
