"""Single checks of the doctor, where a whole machine would be too much."""

import os
import pathlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.config.written import HEAD, read

from rebond.clock import SystemClock
from rebond.config.documents import parse_document
from rebond.config.places import Problems
from rebond.config.references import FromFile
from rebond.errors import AccessDenied, ConfigError
from rebond.mount_points import find_unmounted
from rebond.stack.advice import vaults
from rebond.stack.advice.clocks import check_clock, compare_clocks
from rebond.stack.advice.lines import change_value, open_editor, replace_words
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.advice.reading_rights import Looked, check_rights, look_at_files
from rebond.stack.advice.room import Amounts, check_room, measure_room
from rebond.stack.advice.running import list_runs
from rebond.stack.advice.vaults import describe_obstacle
from rebond.stack.recording import gather_record, read_record, record_path, write_record
from rebond.stack.rhythms import quickest_schedule
from rebond.testing.manual_clock import ManualClock

Folder = pathlib.Path


def scene(folder: Folder, body: str = "", *, uid: int | None = None) -> Scene:
    verdict = read(folder, HEAD + body)
    assert verdict.loaded, verdict.problems
    return Scene(
        path=verdict.path,
        loaded=verdict.loaded,
        problems=verdict.problems,
        environment=dict(os.environ),
        clock=SystemClock(),
        state_folder=folder / "state",
        cache_folder=folder / "cache",
        user="somebody",
        uid=os.geteuid() if uid is None else uid,
    )


def codes(observations: list[Observation]) -> list[str]:
    return [each.code for each in observations]


@pytest.mark.parametrize(
    ("says", "command"),
    [
        ("CanNTP=yes\\nNTPSynchronized=no", "timedatectl set-ntp true"),
        ("CanNTP=no\\nNTPSynchronized=no", "systemd-timesyncd"),  # set-ntp: "NTP not supported"
        ("CanNTP=no\\nNTPSynchronized=yes", None),
    ],
)
def test_a_clock_that_nobody_sets_gets_a_command_that_works(tmp_path: Folder, says: str, command: str | None) -> None:
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\nprintf '{says}\\n'\n")
    program.chmod(0o755)
    here = replace(scene(tmp_path, uid=0), environment={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    found = [each.command for each in check_clock(here)]
    assert len(found) == (command is not None)
    assert all(each.endswith(str(command)) for each in found)


class TestRoom:
    """How much has to be free."""

    def test_what_fits_twice_is_well(self, tmp_path: Folder) -> None:
        found = list(check_room(scene(tmp_path), tmp_path, Amounts(expected_new=1000, restored=1000)))
        assert found == []

    @pytest.mark.parametrize(("part", "weight"), [(0.7, Weight.WARNING), (1.5, Weight.FAILURE)])
    def test_twice_what_the_next_backup_brings_has_to_be_free(
        self, tmp_path: Folder, part: float, weight: Weight
    ) -> None:
        free, _ = measure_room(tmp_path)
        found = list(check_room(scene(tmp_path), tmp_path, Amounts(expected_new=round(free * part), restored=0)))

        assert found[0].code == "vault-full"
        assert found[0].weight is weight

    def test_a_restore_stands_beside_what_is_there(self, tmp_path: Folder) -> None:
        free, _ = measure_room(tmp_path)

        alone = list(check_room(scene(tmp_path), None, Amounts(expected_new=free, restored=free + 2**40)))
        assert codes(alone) == ["no-room-aside"]
        together = list(check_room(scene(tmp_path), tmp_path, Amounts(expected_new=free // 4, restored=free // 4 * 3)))
        assert codes(together) == ["no-room-aside"]

    @pytest.mark.parametrize(("reserve", "is_told"), [("1kB", False), ("1000TB", True), ("100%", True)])
    def test_a_reserve_is_kept_free(self, tmp_path: Folder, reserve: str, is_told: bool) -> None:
        here = scene(tmp_path, f'[vault]\nurl = "v"\nreserve = "{reserve}"\n')
        found = list(check_room(here, tmp_path / "not" / "there", Amounts(expected_new=0, restored=0)))

        assert codes(found) == (["reserve"] if is_told else [])


class TestRights:
    """What this user may read."""

    def test_what_is_there_is_measured_and_what_is_not_is_told(self, tmp_path: Folder) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "file").write_bytes(b"x" * 1000)
        here = scene(
            tmp_path,
            '[component.a]\nkind = "files"\npath = "data"\n'
            '[component.b]\nkind = "files"\npaths = ["da*", "data/file"]\n'
            '[component.c]\nkind = "sqlite"\npath = "missing.db"\n',
        )

        looked = look_at_files(here)
        assert looked.size_bytes == 1000
        assert looked.is_whole
        assert codes(list(check_rights(here, looked))) == ["path-missing"]

    @pytest.mark.root
    def test_what_another_user_may_not_read_is_told_with_a_command(self, tmp_path: Folder) -> None:
        (tmp_path / "open").write_text("x")
        (tmp_path / "closed").write_text("x")
        (tmp_path / "closed").chmod(0o600)
        (tmp_path / "folder").mkdir(mode=0o700)
        for each in (tmp_path, *tmp_path.parents):
            if each.owner() == "root" and each.is_relative_to("/tmp") and each != Folder("/tmp"):
                each.chmod(0o755)
        here = scene(tmp_path, '[component.a]\nkind = "files"\npath = "."\n', uid=65534)

        found = as_nobody(lambda: look_at_files(here))
        assert sorted(Folder(each).name for each in found.unreadable) == ["closed", "folder"]
        told = list(check_rights(here, found))
        assert codes(told) == ["unreadable"]
        assert told[0].command.startswith("sudo setfacl --recursive --modify u:somebody:rX ")

    @pytest.mark.root
    def test_what_lies_behind_a_closed_door_is_unreadable_and_not_missing(self, tmp_path: Folder) -> None:
        (tmp_path / "closed").mkdir(mode=0o700)
        (tmp_path / "closed" / "file").write_text("x")
        here = scene(tmp_path, '[component.a]\nkind = "files"\npath = "closed/file"\n', uid=65534)

        found = as_nobody(lambda: look_at_files(here))
        assert found.missing == {}
        assert found.unreadable == [str(tmp_path / "closed" / "file")]

    def test_a_long_walk_is_cut_and_says_so(self, tmp_path: Folder) -> None:
        clock = ManualClock()
        here = replace(scene(tmp_path, '[component.a]\nkind = "files"\npath = "."\n'), clock=clock)
        original = clock.monotonic

        def run_away() -> float:
            clock.sleep(1)
            return original()

        clock.monotonic = run_away  # type: ignore[method-assign]
        assert not look_at_files(here).is_whole

    def test_a_disk_that_fstab_knows_and_that_is_not_mounted_is_named(self, tmp_path: Folder) -> None:
        (tmp_path / "backup").mkdir()
        (tmp_path / "fstab").write_text(
            f"# /dev/x /y z\n/dev/sda1 / ext4\nUUID=1 {tmp_path}/backup ext4 defaults 0 2\n"
        )

        fstab = str(tmp_path / "fstab")
        assert find_unmounted(f"{tmp_path}/backup/vault", fstab) == f"{tmp_path}/backup"
        assert find_unmounted(f"{tmp_path}/backup", fstab) == f"{tmp_path}/backup"
        assert find_unmounted(f"{tmp_path}/backups", fstab) == ""
        assert find_unmounted(f"{tmp_path}/backup", str(tmp_path / "none")) == ""


def as_nobody(call: Callable[[], Looked]) -> Looked:
    """Call with the rights of nobody, for files."""
    os.seteuid(65534)
    try:
        return call()
    finally:
        os.seteuid(0)


class TestClocks:
    """Clocks that differ."""

    @pytest.mark.parametrize(
        ("offset_ms", "ahead_ms", "expected"),
        [
            (0, 0, []),
            (None, None, []),
            (599_000, 599_000, []),
            (-700_000, 0, ["clock-differs"]),
            (0, 700_000, ["clock-behind"]),
        ],
    )
    def test_ten_minutes_are_borne(
        self, tmp_path: Folder, offset_ms: int | None, ahead_ms: int | None, expected: list[str]
    ) -> None:
        here = scene(tmp_path)
        newest = None if ahead_ms is None else here.clock.now_ms() + ahead_ms

        assert codes(list(compare_clocks(here, store_offset_ms=offset_ms, newest_ms=newest))) == expected


class TestLines:
    """Commands that change a line."""

    @pytest.mark.parametrize(
        ("old", "new"), [("0 3 * * *", "*/5 * * * *"), ("a.b[c]^$\\\\&/d", "x&y\\z"), ("1d", "1h")]
    )
    def test_a_value_is_changed_in_its_line_and_nowhere_else(self, tmp_path: Folder, old: str, new: str) -> None:
        path = tmp_path / "it's.toml"
        path.write_text(f'a = "{old}"\nb = "{old}" # kept\n')
        node = parse_document(path.read_text(), str(path), Problems()).find("b")

        assert os.system(change_value(node, new)) == 0
        raw = old.encode().decode("unicode_escape") if "\\" in old else old
        if raw == old:
            assert path.read_text() == f'a = "{old}"\nb = "{new}" # kept\n'

    def test_what_cannot_be_changed_by_a_line_opens_an_editor(self, tmp_path: Folder) -> None:
        node = parse_document('\na = { env = "X" }', "f", Problems()).find("a")

        assert change_value(node, "x") == open_editor(node) == "${EDITOR:-vi} +2 f"

    def test_words_are_replaced_in_the_whole_file(self, tmp_path: Folder) -> None:
        (tmp_path / "f").write_text("docker-compose up; docker-compose.yml docker-compose down\n")

        assert os.system(replace_words(str(tmp_path / "f"), "docker-compose ", "docker compose ")) == 0
        assert (tmp_path / "f").read_text() == "docker compose up; docker-compose.yml docker compose down\n"


@pytest.mark.parametrize(
    ("seconds", "schedule"),
    [
        (604_800, "0 3 * * *"),
        (86_400, "0 3 * * *"),
        (86_399, "0 */12 * * *"),
        (3 * 3600, "0 */3 * * *"),
        (3600, "0 * * * *"),
        (3599, "*/30 * * * *"),
        (60, "* * * * *"),
        (59, None),
    ],
)
def test_a_schedule_is_as_quick_as_it_has_to_be(seconds: int, schedule: str | None) -> None:
    assert quickest_schedule(seconds) == schedule


def test_the_program_of_a_command_is_found_behind_variables_and_not_in_shell_words(tmp_path: Folder) -> None:
    lines = ["A=1 B='2 3' tool --x", "cd x && tool", "$TOOL x", "'unfinished", "# only this", "./script.sh", "[ -f x ]"]
    body = "[hooks]\nbefore = [" + ", ".join(f'{{ run = """{line}""" }}' for line in lines) + "]\n"

    here = scene(tmp_path, body)
    assert [each.program for each in list_runs(here.configuration)] == ["tool", "", "", "", "", "./script.sh", ""]


class TestRecord:
    """What ran here."""

    def test_migrations_of_the_tree_and_of_the_database_are_written_down(self, tmp_path: Folder) -> None:
        import sqlite3

        folder = tmp_path / "orders" / "migrations"
        folder.mkdir(parents=True)
        for name in ("0001_initial.py", "0002_more.py", "__init__.py"):
            (folder / name).write_text("")
        connection = sqlite3.connect(tmp_path / "db.sqlite3")
        connection.execute("create table django_migrations (app, name)")
        connection.execute("insert into django_migrations values ('orders', '0001_initial')")
        connection.commit()
        connection.close()
        here = scene(tmp_path, '[component.database]\nkind = "sqlite"\npath = "db.sqlite3"\n')

        record = gather_record(here)
        assert record.migrations == {"orders": "0002_more"}
        assert record.applied == {"orders": "0001_initial"}
        assert (record.commit, record.images) == ({}, {})
        write_record(here.state_folder, record)
        assert read_record(here.state_folder, "shop") == record

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"stack": 1}', "\0"])
    def test_a_record_that_cannot_be_read_is_none(self, tmp_path: Folder, content: str) -> None:
        path = record_path(tmp_path, "a/b")
        path.parent.mkdir(parents=True)
        path.write_text(content)

        assert path.is_relative_to(tmp_path / "stacks")
        assert read_record(tmp_path, "a/b") is None
        assert read_record(tmp_path, "other") is None


def test_an_observation_of_a_moment_says_it_in_the_zone_of_the_stack(tmp_path: Folder) -> None:
    from rebond.stack.advice.configuration import check_configuration

    here = scene(
        tmp_path,
        'timezone = "Asia/Tokyo"\n[class.daily]\nschedule = "0 3 * * *"\ncomponents = []\n'
        '[[maintenance]]\nwhen = "02:00-04:00"\n',
    )
    moment = datetime.fromtimestamp(here.clock.now_ms() / 1000, UTC)

    found: list[Observation] = [each for each in check_configuration(here) if each.code == "in-maintenance"]
    assert str(found[0].values["moment"]).endswith("03:00")
    assert str(found[0].values["moment"])[:4] in {str(moment.year), str(moment.year + 1)}


@pytest.mark.parametrize(("stranger", "command"), [(0, "chmod --recursive u+rwX"), (1, "chown --recursive somebody:")])
def test_a_vault_that_may_not_be_entered_is_opened_by_its_owner_and_given_to_another(
    tmp_path: Folder, stranger: int, command: str
) -> None:
    (tmp_path / "vault").mkdir()
    seen = scene(tmp_path, uid=os.geteuid() + stranger)
    denied = AccessDenied("{location} may not be used.", location="it")

    found = describe_obstacle(seen, "vault", str(tmp_path / "vault"), None, denied, is_main=True)
    assert command in found.command
    assert found.template == "The vault: {reason}"


def test_what_root_left_in_somebodys_vault_is_given_back_and_not_opened(tmp_path: Folder) -> None:
    (tmp_path / "vault" / "packs").mkdir(parents=True)
    (tmp_path / "vault" / "packs" / "ab").write_text("by whoever runs this")
    is_root = os.geteuid() == 0  # who else may give a folder away?
    owner = 12345 if is_root else os.geteuid()
    for each in (tmp_path / "vault", tmp_path / "vault" / "packs"):
        os.chown(each, owner, -1)
    denied = AccessDenied("{location} may not be used.", location="it")

    found = describe_obstacle(scene(tmp_path, uid=owner), "vault", str(tmp_path / "vault"), None, denied, is_main=True)
    assert ("chown --recursive somebody:" if is_root else "chmod --recursive u+rwX") in found.command


@pytest.mark.parametrize("is_main", [True, False])
def test_of_a_large_vault_only_the_first_files_are_looked_at_and_that_is_said(
    tmp_path: Folder, monkeypatch: pytest.MonkeyPatch, is_main: bool
) -> None:
    (tmp_path / "vault").mkdir()
    for number in range(3):
        (tmp_path / "vault" / str(number)).touch()
    denied = AccessDenied("{location} may not be used.", location="it")
    seen = scene(tmp_path, uid=os.geteuid())
    looked: list[str] = []
    look_true = vaults._is_there_and_not_of

    def look(uid: int, path: str) -> bool:
        looked.append(path)
        return look_true(uid, path)

    monkeypatch.setattr(vaults, "_is_there_and_not_of", look)

    def describe(limit: int) -> Observation:
        monkeypatch.setattr(vaults, "_LOOKED_AT", limit)
        looked.clear()
        return describe_obstacle(seen, "vault", str(tmp_path / "vault"), None, denied, is_main=is_main)

    assert "belong to this account" not in describe(3).template
    found = describe(2)
    assert len(looked) == 2
    assert "The first {count} files of it belong to this account" in found.template
    assert found.values["count"] == 2
    assert re.search("chown --recursive somebody: [^ ]+ && chmod --recursive u[+]rwX", found.command)


def test_a_line_that_waits_for_a_secret_says_so(tmp_path: Folder) -> None:
    lost = ConfigError("{path} cannot be read.", path="vault.key")
    found = describe_obstacle(
        scene(tmp_path), "vault", str(tmp_path / "vault"), FromFile(file="vault.key"), lost, is_main=True
    )

    assert "head -n 1" in found.command
    assert "waits for the recovery key" in found.template
