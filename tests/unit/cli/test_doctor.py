"""What ``rebond doctor`` shows, and what it does besides."""

import json
import os
import pathlib
import shutil

import pytest
from tests.scenarios.mended_machine import MendedMachine
from tests.scenarios.test_full_disk_and_faults import resize, small_disk
from tests.unit.cli.program_runs import Program

from rebond.cli.program import LATER
from rebond.stack.recording import read_record

Folder = pathlib.Path


@pytest.fixture
def machine(tmp_path: Folder) -> MendedMachine:
    return MendedMachine(tmp_path)


def use_writer(machine: MendedMachine) -> None:
    """Let the configuration name a writer's key."""
    key = machine.folder / "writer.key"
    owner = {"REBOND_KEY_FILE": str(machine.folder / "owner.key")}
    machine.program.good(
        "key", "issue", "writer", "shop", "--output", key, "--vault", machine.folder / "vault", **owner
    )
    machine.path.write_text(machine.path.read_text().replace("owner.key", "writer.key"))


def notes(machine: MendedMachine) -> dict[str, str]:
    return {each["code"]: each["message"] for each in machine.doctor("--json").document["findings"]}


def test_a_finding_is_two_lines_of_which_the_second_is_the_command(machine: MendedMachine) -> None:
    machine.path.chmod(0o666)

    answer = machine.doctor()
    assert answer.status == 3
    lines = answer.out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("warning: "))
    assert lines[place + 1] == f"  $ chmod go-w {machine.path}"
    assert lines[-1].startswith("To be mended: 1; ")
    assert "--fix runs those that are safe: 1." in lines[-1]


def test_fix_says_what_it_did_and_looks_again(machine: MendedMachine) -> None:
    machine.path.chmod(0o666)

    answer = machine.doctor("--fix")
    assert answer.status == 0
    assert answer.out.splitlines()[0] == f"done: chmod go-w {machine.path}"
    assert "Nothing is to be mended." in answer.out


def test_a_failure_ends_with_1(machine: MendedMachine) -> None:
    (machine.folder / "vault").rename(machine.folder / "gone")

    assert machine.doctor().status == 1


def test_check_is_the_same_and_says_what_it_is_not(machine: MendedMachine) -> None:
    answer = machine.program("check", "--config", machine.path, "--json")

    assert answer.document["ok"]
    assert "rebond verify" in answer.err
    assert "rebond config check" in answer.err


def test_it_speaks_french(machine: MendedMachine) -> None:
    machine.path.chmod(0o666)

    answer = machine.doctor("--lang", "fr")
    assert "peut être modifié par d'autres" in answer.out
    assert "À réparer : 1" in answer.out


def test_with_the_owners_key_promise_4_is_off(machine: MendedMachine) -> None:
    assert "owner's key" in notes(machine)["promise-off"]


def test_with_a_writers_key_each_half_of_promise_4_is_told(machine: MendedMachine) -> None:
    use_writer(machine)
    before = {each.name: each.read_bytes() for each in (machine.folder / "vault").rglob("*") if each.is_file()}

    found = notes(machine)
    assert found["promise-reading"].startswith("Promise 4, reading: holds")
    assert found["promise-destroying"].startswith("Promise 4, destroying: does not hold")
    after = {each.name: each.read_bytes() for each in (machine.folder / "vault").rglob("*") if each.is_file()}
    assert after == before


def test_nothing_of_a_vault_is_changed_by_a_look(machine: MendedMachine) -> None:
    machine.program.good("backup", "--config", machine.path)
    before = sorted(str(each) for each in (machine.folder / "vault").rglob("*") if each.is_file())

    assert machine.doctor().status == 0
    assert sorted(str(each) for each in (machine.folder / "vault").rglob("*") if each.is_file()) == before


def test_a_vault_that_cannot_be_written_is_a_failure_and_not_safe(machine: MendedMachine) -> None:
    if os.geteuid() == 0:
        shutil.rmtree(machine.folder / "vault" / "probe")
        (machine.folder / "vault" / "probe").write_text("a file in the place of the directory")
    else:
        (machine.folder / "vault" / "probe").chmod(0o500)

    answer = machine.doctor("--json")
    if os.geteuid():
        (machine.folder / "vault" / "probe").chmod(0o700)
    assert answer.status == 1
    assert any(each["check"] == "vault" and each["weight"] == "failure" for each in answer.document["findings"])


def test_a_key_that_only_this_run_was_given_is_no_key_for_those_that_start_by_themselves(
    machine: MendedMachine,
) -> None:
    key = machine.folder / "owner.key"
    kept = key.rename(machine.folder / "from-the-safe.key")
    machine.path.write_text(machine.path.read_text().replace(str(key), str(machine.folder / "etc" / "owner.key")))
    seen = machine.program("doctor", "--config", machine.path, "--json", REBOND_KEY_FILE=str(kept))

    (found,) = [each for each in seen.document["findings"] if each["weight"] != "note"]
    assert (seen.status, found["code"]) == (3, "secret-missing")
    assert str(machine.folder / "etc") in found["command"]
    kept.rename(key)
    machine.path.write_text(machine.path.read_text().replace(str(machine.folder / "etc" / "owner.key"), str(key)))
    assert machine.doctor().status == 0


def test_what_runs_is_recorded(machine: MendedMachine) -> None:
    document = machine.doctor("--record", "--json").document

    place = pathlib.Path(document["recorded"])
    assert json.loads(place.read_text())["stack"] == "shop"
    assert read_record(machine.folder / "state", "shop")


def test_in_the_place_of_a_vault_that_was_saved_to_no_new_one_is_proposed(machine: MendedMachine) -> None:
    machine.program.good("backup", "--config", machine.path)
    vault, away = machine.folder / "vault", machine.folder / "away"
    vault.rename(away)
    answers = [machine.doctor("--json")]
    vault.mkdir(mode=0o700)  # the place where a disk is mounted, without the disk
    answers.append(machine.doctor("--json"))
    vault.rmdir()
    away.rename(vault)

    for answer in answers:
        (found,) = (each for each in answer.document["findings"] if each["weight"] != "note")
        assert (answer.status, found["code"], found["command"]) == (1, "vault-gone", "lsblk --fs")
        assert "before you make another" in found["message"]
    assert machine.doctor().status == 0


@pytest.mark.root
def test_what_did_not_fit_is_what_the_next_backup_brings(machine: MendedMachine) -> None:
    with small_disk(machine.folder / "disk", 8_000) as disk:
        shutil.copytree(machine.folder / "vault", disk / "vault")
        machine.path.write_text(machine.path.read_text().replace(str(machine.folder / "vault"), str(disk / "vault")))
        machine.program.good("backup", "--config", machine.path)
        large = machine.stack / "large"
        large.write_bytes(os.urandom(16_000_000))
        assert machine.program("backup", "--config", machine.path).status == 22

        assert "vault-full" in [each["code"] for each in machine.findings()]
        assert {each["command"] for each in machine.findings()} == {"rebond forget --prune"}
        resize(disk, 20_000)
        assert "vault-full" in [each["code"] for each in machine.findings()]
        large.unlink()
        assert machine.findings() == []


def test_a_replica_that_is_gone_is_a_warning(machine: MendedMachine) -> None:
    text = machine.path.read_text()
    machine.path.write_text(text + f'[[replica]]\nname = "second"\nurl = "{machine.folder}/second"\n')

    answer = machine.doctor("--json")
    assert answer.status == 3
    assert [each["code"] for each in answer.document["findings"] if each["weight"] != "note"] == ["vault-missing"]


NOT_YET = """
[[replica]]
name = "second"
url = "s3://nowhere/second"
[notify]
failure = [{ to = { file = "/etc/rebond/slack" } }]
[serve]
names = "guide"
"""


def test_what_is_configured_and_not_carried_out_is_told_as_long_as_it_is_not(machine: MendedMachine) -> None:
    assert {each.name for each in LATER} >= {"replicate", "notify", "metrics"}  # then check_not_yet goes
    assert not {"not-copied", "not-told", "not-measured"} & set(notes(machine))
    machine.write(NOT_YET)

    found = notes(machine)
    assert found["not-copied"].startswith("This version copies nothing to second:")
    assert found["not-told"].startswith("This version tells nobody of what [notify] names:")
    assert found["not-measured"].startswith("This version writes no metrics")
    status = machine.program("status", "--config", machine.path)
    assert "Copies in second (s3://nowhere/second): this version copies nothing there." in status.out


def test_a_silent_server_is_started_by_what_the_configuration_says(machine: MendedMachine) -> None:
    server = '[component.db]\nkind = "postgres"\nhost = "/nowhere"\nuser = "shop"\ndatabase = "shop"\n'
    machine.write(f'{server}restart = "test -f compose.yml && rm {machine.state}/silent"\n')
    machine.say("silent")
    (found,) = [each for each in machine.findings() if each["code"] == "database-silent"]
    machine.run(found["command"])
    assert "database-silent" not in [each["code"] for each in machine.findings()]

    machine.write(server)
    machine.say("silent")
    (found,) = [each for each in machine.findings() if each["code"] == "database-silent"]
    assert "systemctl start postgresql" in found["command"]


def test_a_configuration_without_a_vault_uses_the_one_that_is_named(tmp_path: Folder) -> None:
    program = Program.with_vault(tmp_path)
    path = tmp_path / "rebond.toml"
    path.write_text('version = 1\n[stack]\nname = "shop"\n[component.a]\nkind = "files"\npath = "kit.txt"\n')

    assert program.ask("doctor", "--config", path, PATH="/bin:/usr/bin")["ok"]
    del program.environment["REBOND_VAULT"]
    answer = program("doctor", "--config", path, "--json", PATH="/bin:/usr/bin")
    assert [each["code"] for each in answer.document["findings"] if each["weight"] == "failure"] == ["no-vault"]


def test_no_secret_is_in_what_it_says(machine: MendedMachine) -> None:
    (machine.stack / ".env").write_text("PASSWORD=geheim\n")
    machine.write('[component.x]\nkind = "command"\nrun = "frobnicate --password=$PASSWORD"\nin = "compose:gone"\n')

    answer = machine.doctor()
    assert answer.status == 1
    assert "geheim" not in answer.out + answer.err
