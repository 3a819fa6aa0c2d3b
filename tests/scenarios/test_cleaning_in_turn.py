"""What ``keep`` lets go is forgotten and its room freed by whoever starts the runs, where the key may do so."""

import os
import pathlib
import time
from typing import Any

import pytest
from tests.unit.cli.program_runs import Program

from rebond.config.loading import load_configuration
from rebond.schedule.jobs import make_calendar
from rebond.schedule.records import JobRecord, Records
from rebond.schedule.stack_folders import folder_of

HEAD = """\
version = 1
[stack]
name = "shop"
timezone = "UTC"
[vault]
url = "vault"
key = { file = "KEY" }
[component.page]
kind = "files"
path = "page"
[class.daily]
schedule = "0 3 * * *"
components = ["page"]
keep = { last = 2 }
[class.pre]
trigger = "manual"
components = ["page"]
keep = "for-ever"
"""
DAY_SECONDS = 86_400


class Shop:
    """A stack with four snapshots of a class and one of another, all older than a day for the store."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.program = Program(folder)
        self.folder = folder
        del self.program.environment["REBOND_VAULT"], self.program.environment["REBOND_PASSPHRASE"]
        self.program.good(
            "vault", "create", folder / "vault", "--key-file", folder / "owner.key", "--kit", folder / "kit"
        )
        (folder / "page").mkdir()
        self.configuration = folder / "rebond.toml"
        self.write("owner.key")
        self.program.environment["REBOND_CONFIG"] = str(self.configuration)
        for number in range(4):
            (folder / "page" / "text").write_bytes(os.urandom(20_000))
            self.program.good("backup", "--class", "daily")
            if number == 0:
                self.program.good("backup", "--class", "pre")
            self.grow_older()
        self.grow_older()

    def write(self, key: str, **changes: str) -> None:
        text = HEAD.replace("KEY", key)
        for old, new in changes.items():
            text = text.replace(old, new)
        self.configuration.write_text(text)

    def grow_older(self) -> None:
        """Let a day pass for the store."""
        for each in (self.folder / "vault").rglob("*"):
            if each.is_file():
                found = each.stat()
                os.utime(each, (found.st_atime, found.st_mtime - DAY_SECONDS))

    @property
    def state(self) -> pathlib.Path:
        loaded = load_configuration(self.configuration, {}).loaded
        assert loaded is not None
        return folder_of(pathlib.Path(self.program.environment["REBOND_STATE_DIR"]), loaded)

    def make_due(self) -> None:
        taken_ms = int(time.time() * 1000) - 3 * DAY_SECONDS * 1000
        Records(self.state).write("forget:vault", JobRecord(schedule="40 5 * * *", taken_ms=taken_ms))

    def clean(self) -> Any:
        return self.program.ask("forget", "--place", "vault", "--prune", "--scheduled")

    def count(self, class_: str) -> int:
        return len(self.program.ask("snapshots", "--class", class_))

    def measure(self) -> int:
        return sum(each.stat().st_size for each in (self.folder / "vault").rglob("*") if each.is_file())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(original: Shop) -> Shop:
    original.write("owner.key")
    return original


def test_a_writer_is_told_that_others_forget_and_nothing_fails(shop: Shop) -> None:
    shop.program.good("key", "issue", "writer", "web", "--output", shop.folder / "writer.key")
    shop.write("writer.key")
    shop.make_due()
    ended = shop.program("forget", "--place", "vault", "--prune", "--scheduled", "--json")
    assert ended.status == 0
    assert ended.document["role_too_small"] is True
    assert "may only add" in ended.err
    shop.write("owner.key")
    assert shop.count("daily") == 4


def test_what_keep_lets_go_is_forgotten_once_and_its_room_is_freed(shop: Shop) -> None:
    shop.make_due()
    before = shop.measure()
    done = shop.clean()
    assert len(done["forgotten"]) == 2
    assert done["prune"]["freed_bytes"] > 0
    assert (shop.count("daily"), shop.count("pre")) == (2, 1)
    assert shop.measure() < before

    again = shop.clean()
    assert (again["began"], again["reason"]) == (False, "not due")
    assert shop.program.ask("verify")["ok"]


def test_a_vault_that_nobody_named_is_refused_with_the_nearest(shop: Shop) -> None:
    ended = shop.program("forget", "--place", "vaults", "--dry-run")
    assert ended.status == 2
    assert "Did you mean 'vault'?" in ended.err


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        ({}, ["forget:vault"]),
        ({"keep = { last = 2 }": ""}, []),
        ({'url = "vault"': 'url = "vault"\nforget = "never"'}, []),
        ({'schedule = "0 3 * * *"': 'trigger = "manual"'}, []),
        (
            {
                "{ last = 2 }": "{ vault = { last = 2 }, apart = { last = 9 } }",
                "[vault]": "[vaults.apart]\nurl='x'\n[vault]",
            },
            ["forget:vault", "forget:apart"],
        ),
    ],
)
def test_only_vaults_in_which_something_does_not_stay_are_cleaned(
    tmp_path: pathlib.Path, changes: dict[str, str], jobs: list[str]
) -> None:
    text = HEAD
    for old, new in changes.items():
        text = text.replace(old, new)
    (tmp_path / "rebond.toml").write_text(text)
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    assert [each.name for each in make_calendar(loaded.configuration).jobs if each.deed == "forget"] == jobs
