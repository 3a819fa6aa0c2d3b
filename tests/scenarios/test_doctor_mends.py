"""After the commands that ``rebond doctor`` prints were run, it finds nothing: for each of its findings."""

import os
import pathlib
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable

import pytest
from tests.scenarios.mended_machine import MendedMachine, forget_git_settings
from tests.unit.cli.program_runs import PASSPHRASE

from rebond.clock import SystemClock
from rebond.config.loading import load_configuration
from rebond.schedule.holding import try_lock
from rebond.schedule.stack_folders import SERVE_LOCK, folder_of
from rebond.stack.advice import starting

Folder = pathlib.Path
CONTAINERS = """
[component.database]
kind = "command"
in = "compose:db"
run = "pg_dump shop"
[component.uploads]
kind = "command"
in = "docker:web"
run = "cat /x"
"""
CLUSTER = """
[component.uploads]
kind = "command"
in = "kubernetes:deploy/media"
run = "cat /x"
"""


@pytest.fixture
def machine(tmp_path: Folder) -> MendedMachine:
    return MendedMachine(tmp_path)


def test_a_healthy_machine_has_nothing_to_be_mended(machine: MendedMachine) -> None:
    machine.write(CONTAINERS + CLUSTER.replace("uploads", "cluster"))

    answer = machine.doctor("--json")
    assert answer.document["findings"]
    assert [each for each in answer.document["findings"] if each["weight"] != "note"] == []
    assert answer.status == 0


STATES: dict[str, tuple[str, Callable[[MendedMachine], None]]] = {
    "program-old": (CONTAINERS, lambda machine: machine.say("docker-version", "20.10.24")),
    "docker-stopped": (CONTAINERS, lambda machine: machine.say("stopped")),
    "docker-group": (CONTAINERS, lambda machine: machine.say("denied")),
    "database-silent": (CONTAINERS, lambda machine: machine.say("silent")),
    "service-unreachable": (CONTAINERS, lambda machine: machine.say("running", "other")),
    "clock-unset": ("", lambda machine: machine.say("clock", "no")),
    "kubernetes-right": (CLUSTER, lambda machine: machine.say("forbidden")),
    "kubernetes-unreachable": (CLUSTER, lambda machine: machine.say("gone")),
}


@pytest.mark.parametrize("code", list(STATES))
def test_the_commands_for_a_state_of_the_machine_mend_it(machine: MendedMachine, code: str) -> None:
    body, spoil = STATES[code]
    machine.write(body)
    spoil(machine)

    assert code in machine.mend()


@pytest.mark.parametrize("name", ["db", "web"])
def test_what_is_paused_is_woken_and_not_started(machine: MendedMachine, name: str) -> None:
    machine.write(CONTAINERS)
    machine.say("paused", name)

    assert machine.mend() == ["service-unreachable"]


def test_a_container_that_is_gone_is_not_to_be_started(machine: MendedMachine) -> None:
    machine.write(CONTAINERS)
    machine.say("running", "db\n")
    machine.say("lost", "web")

    (found,) = machine.findings()
    assert (found["code"], "docker has no container web" in found["message"]) == ("container-gone", True)
    assert found["command"].startswith("${EDITOR:-vi} ")


def test_a_container_that_starts_again_and_again_is_asked_why(machine: MendedMachine) -> None:
    machine.write(CONTAINERS)
    machine.say("restarting", "web")

    (found,) = machine.findings()
    assert (found["code"], found["command"]) == ("service-unreachable", "docker logs --tail 20 web")


@pytest.mark.parametrize("program", ["docker", "kubectl"])
def test_a_program_that_is_missing_is_installed(machine: MendedMachine, program: str) -> None:
    machine.write(CONTAINERS + CLUSTER.replace("uploads", "cluster"))
    machine.remove(program)
    machine.program.environment["PATH"] = f"{machine.bin}:{_without_engines(machine)}"
    if program == "docker":
        machine.remove("docker-compose")

    assert "program-missing" in machine.mend()


def _without_engines(machine: MendedMachine) -> Folder:
    """Return a folder with the system's programs but for those of containers."""
    folder = machine.folder / "system"
    folder.mkdir()
    for name in os.listdir("/bin"):
        if name not in {"docker", "kubectl", "docker-compose", "podman"}:
            (folder / name).symlink_to(f"/bin/{name}")
    return folder


@pytest.mark.parametrize(
    ("plugin", "program", "code"),
    [
        ("2.29.0", "", ""),
        ("2.29.0", "1.29.2", ""),
        ("2.10.0", "", "program-old"),
        ("", "2.29.0", ""),
        ("", "1.29.2", "program-old"),
        ("", "", "compose-missing"),
    ],
)
def test_each_form_of_compose_is_told_apart(machine: MendedMachine, plugin: str, program: str, code: str) -> None:
    machine.write(CONTAINERS)
    machine.say("compose-version", plugin) if plugin else machine.say("no-plugin")
    machine.say("old-compose-version", program) if program else machine.say("no-program")

    assert machine.mend() == ([code] if code else [])


@pytest.mark.parametrize(("written", "missing"), [("docker-compose", "no-program"), ("docker compose", "no-plugin")])
def test_commands_that_call_the_form_that_is_not_here_are_rewritten(
    machine: MendedMachine, written: str, missing: str
) -> None:
    machine.write(f'[hooks]\nbefore = [{{ run = "{written} stop worker" }}]\n[restore]\nstart = [{{ run = ["sh"] }}]\n')
    machine.say(missing)

    assert machine.mend() == ["compose-form"]
    other = {"docker-compose": "docker compose", "docker compose": "docker-compose"}[written]
    assert f'run = "{other} stop worker"' in machine.path.read_text()


PERMISSIONS: dict[str, tuple[str, int, bool]] = {
    "configuration-writable": ("stack/rebond.toml", 0o666, True),
    "secret-readable": ("owner.key", 0o644, True),
    "variables-readable": ("stack/.env", 0o644, False),
    "vault-open": ("vault", 0o755, True),
}


@pytest.mark.parametrize("code", list(PERMISSIONS))
def test_permissions_are_narrowed_and_fix_does_what_is_safe(machine: MendedMachine, code: str) -> None:
    name, mode, is_safe = PERMISSIONS[code]
    (machine.stack / ".env").write_text("SECRET=1\n")
    (machine.stack / ".env").chmod(0o600)
    path = machine.folder / name
    path.chmod(mode)

    assert [each["code"] for each in machine.findings()] == [code]
    fixed = machine.doctor("--fix", "--json").document["fixed"]
    assert [each["ok"] for each in fixed] == ([True] if is_safe else [])
    assert machine.mend() == ([] if is_safe else [code])
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == (0o004 if code == "configuration-writable" else 0)


@pytest.mark.root
def test_a_group_may_change_the_configuration_where_nobody_but_its_owner_is_in_it(machine: MendedMachine) -> None:
    """Where each user has a group of its own, new files are open to that group."""
    machine.path.chmod(0o664)
    assert machine.findings() == []

    os.chown(machine.path, 0, 1)
    assert [each["code"] for each in machine.findings()] == ["configuration-writable"]


@pytest.mark.root
def test_a_configuration_of_another_user_is_not_run_as_root_unseen(machine: MendedMachine) -> None:
    os.chown(machine.path, 65534, 65534)

    assert machine.mend() == ["configuration-owner"]


def test_an_objective_is_reached_after_the_command(machine: MendedMachine) -> None:
    machine.write(
        'rpo = "1h"\n[component.other]\nkind = "files"\npath = "a.txt"\nrpo = "20min"\n'
        '[class.daily]\nschedule = "0 3 * * *"\ncomponents = "all"\n'
    )

    assert machine.mend() == ["objective-unreachable", "not-started"]
    assert 'schedule = "*/20 * * * *"' in machine.path.read_text()


def test_what_may_lose_nothing_is_saved_at_every_change_after_the_command(machine: MendedMachine) -> None:
    machine.write(
        'rpo = "0s"\n[component.other]\nkind = "files"\npath = "a.txt"\nrpo = "1d"\n'
        '[class.changes]\nschedule = "0 3 * * *"\ncomponents = "all"\n'
    )

    assert machine.mend() == ["objective-unreachable", "not-started"]
    assert '[class.changes1]\ntrigger = "change"\ncomponents = ["files"]\n' in machine.path.read_text()


def test_what_another_class_saves_often_enough_hurries_nothing(machine: MendedMachine) -> None:
    machine.write(
        'rpo = "1min"\n[component.other]\nkind = "files"\npath = "a.txt"\nrpo = "1h"\n'
        '[class.daily]\nschedule = "0 3 * * *"\ncomponents = "all"\n'
        '[class.commit]\ntrigger = "commit"\ncomponents = ["files"]\n'
    )

    assert machine.mend() == ["objective-unreachable", "not-started"]
    assert 'schedule = "0 * * * *"' in machine.path.read_text()


def test_a_file_of_secrets_that_is_missing_is_made_with_what_is_typed(machine: MendedMachine) -> None:
    machine.write('[component.secrets]\nkind = "secrets"\npath = "keys/one"\n')

    assert machine.mend(given="KEY=1\n") == ["path-missing"]
    assert (machine.stack / "keys" / "one").read_text() == "KEY=1\n"
    assert stat.S_IMODE((machine.stack / "keys" / "one").stat().st_mode) == 0o600


def test_a_run_within_hours_of_maintenance_is_moved_behind_them(machine: MendedMachine) -> None:
    machine.write(
        '[class.daily]\nschedule = "30 22 * * *"\ncomponents = "all"\n'
        '[[maintenance]]\nwhen = "Tue 22:00-23:15"\n[[maintenance]]\nwhen = "23:10-23:20"\n'
    )

    assert machine.mend() == ["in-maintenance", "not-started"]
    assert 'schedule = "20 23 * * *"' in machine.path.read_text()


DAILY = '[class.daily]\nschedule = "0 3 * * *"\ncomponents = "all"\n'


def test_runs_that_nobody_starts_are_handed_over(machine: MendedMachine) -> None:
    machine.write(DAILY + '[schedule]\nby = "cron"\n')
    assert machine.mend() == ["not-started"]
    assert "backup --class daily --scheduled" in (machine.state / "crontab").read_text()

    machine.write(DAILY + DAILY.replace("daily", "weekly") + '[schedule]\nby = "cron"\n')
    (found,) = machine.findings()
    assert (found["code"], found["message"].split(":")[0]) == ("partly-started", "Nothing starts weekly by itself")
    assert machine.mend() == ["partly-started"]


def test_runs_that_something_starts_are_well(
    machine: MendedMachine, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "SYSTEMD_RUNS", str(tmp_path))
    (tmp_path / "linger").mkdir()
    (tmp_path / "linger" / pwd.getpwuid(os.getuid()).pw_name).touch()
    monkeypatch.setattr(starting, "LINGER", str(tmp_path / "linger"))
    machine.write(DAILY + '[schedule]\nby = "other"\n')
    assert machine.findings() == []

    machine.program.environment["XDG_CONFIG_HOME"] = str(tmp_path)
    for by in ("systemd", "serve"):
        machine.write(DAILY + f'[schedule]\nby = "{by}"\n')
        assert [each["code"] for each in machine.findings()] == ["not-started"]
        units = tmp_path / "systemd" / "user"
        machine.program.good("schedule", "install", "--directory", units, "--config", machine.path)
        assert machine.findings() == []
        (machine.bin / "systemctl").write_text('#!/bin/sh\n[ "$2" != is-enabled ] || { echo disabled; exit 1; }\n')
        (found,) = machine.findings()
        assert (found["code"], found["command"][:37]) == ("not-enabled", "systemctl --user enable --now rebond-")
        shutil.copy(machine.state / "spare" / "systemctl", machine.bin)
        with monkeypatch.context() as without_systemd:
            without_systemd.setattr(starting, "SYSTEMD_RUNS", "/nowhere")
            assert [each["code"] for each in machine.findings()] == ["not-started"], "units start nothing there"
        machine.program.good("schedule", "remove", "--directory", units, "--config", machine.path)

    loaded = load_configuration(machine.path, {}).loaded
    assert loaded is not None
    folder = folder_of(pathlib.Path(machine.program.environment["REBOND_STATE_DIR"]), loaded)
    lock = try_lock(folder / SERVE_LOCK, "rebond serve", SystemClock())
    assert lock is not None
    assert machine.findings() == []
    lock.release()


def test_a_path_that_is_missing_can_be_made(machine: MendedMachine) -> None:
    machine.write('[component.media]\nkind = "files"\npath = "media"\nallow_empty = true\n')

    assert machine.mend() == ["path-missing"]


def test_a_program_that_a_hook_calls_is_installed(machine: MendedMachine) -> None:
    machine.write('[hooks]\nbefore = [{ run = "A=1 frobnicate --now" }, { run = "cd / && ls" }]\n')

    assert machine.mend() == ["program-missing"]


def test_a_script_that_cannot_be_executed_is_made_so(machine: MendedMachine) -> None:
    (machine.stack / "hook.sh").write_text("#!/bin/sh\n")
    machine.write('[hooks]\nafter = [{ run = ["./hook.sh"] }]\n')

    assert machine.mend() == ["program-not-executable"]


def test_a_vault_that_is_not_there_is_made_with_a_key_at_the_old_place(machine: MendedMachine) -> None:
    (machine.folder / "vault").rename(machine.folder / "gone")

    assert machine.mend() == ["vault-missing"]
    machine.program.good("backup", "--config", machine.path)


def test_where_a_copy_is_missing_it_is_copied_and_no_other_vault_is_made(machine: MendedMachine) -> None:
    second = f"{machine.folder}/copies/second vault"
    machine.write(f'[[replica]]\nname = "second"\nurl = "{second}"\n')
    machine.program.good("backup", "--config", machine.path)

    assert machine.mend() == ["vault-missing"]
    (one,), (other,) = (
        machine.program.ask("snapshots", "--vault", each, REBOND_KEY_FILE=str(machine.folder / "owner.key"))
        for each in (machine.folder / "vault", second)
    )
    assert one["id"] == other["id"]


def test_a_key_file_that_is_lost_is_replaced_with_the_recovery_key(machine: MendedMachine) -> None:
    pages = (machine.folder / "kit.txt").read_text()
    lines = pages.split("**Recovery key**")[1].splitlines()[2:4]
    (machine.folder / "owner.key").unlink()

    assert machine.mend(given="".join(each.strip() for each in lines) + "\n") == ["configuration"]
    machine.program.good("backup", "--config", machine.path)


def test_a_passphrase_that_is_lost_is_typed_again(machine: MendedMachine) -> None:
    text = machine.path.read_text()
    place = machine.folder / "secrets" / "passphrase"
    before, after = f'key = {{ file = "{machine.folder}/owner.key" }}', f'passphrase = {{ file = "{place}" }}'
    machine.path.write_text(text.replace(before, after))

    assert machine.mend(given=f"{PASSPHRASE}\n") == ["configuration"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_without_a_configuration_init_is_what_mends_it(machine: MendedMachine) -> None:
    machine.path.unlink()
    answer = machine.program("doctor", "--json", REBOND_CONFIG=str(machine.path))

    assert answer.status == 2
    assert [each["command"] for each in answer.document["findings"]] == ["rebond init"]


def test_errors_of_the_configuration_are_all_told(machine: MendedMachine) -> None:
    machine.path.write_text('version = 1\n[stack]\nnam = "x"\nroot = 3\n')

    answer = machine.doctor("--json")
    assert answer.status == 2
    assert len(answer.document["findings"]) >= 2
    assert all("+" in each["command"] for each in answer.document["findings"])


@pytest.mark.judge("git")
class TestGit:
    """A component of the kind versioned."""

    @pytest.fixture
    def versioned(self, machine: MendedMachine) -> MendedMachine:
        forget_git_settings(machine)
        (machine.stack / ".env").write_text("SECRET=1\n")
        (machine.stack / ".env").chmod(0o600)
        machine.write('[component.history]\nkind = "versioned"\npath = "."\nremote = "origin"\n')
        (machine.stack / ".gitignore").write_text("/.env\n")
        self.git(machine, "init", "--quiet", "--bare", str(machine.folder / "origin.git"))
        for words in (
            ["init", "--quiet"],
            ["remote", "add", "origin", str(machine.folder / "origin.git")],
            ["add", "--all"],
            ["commit", "--quiet", "-m", "first"],
            ["push", "--quiet", "origin", "HEAD"],
        ):
            self.git(machine, *words)
        return machine

    def git(self, machine: MendedMachine, *words: str) -> None:
        subprocess.run(
            ["git", *words],
            cwd=machine.stack,
            env=machine.program.environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def test_what_is_clean_and_pushed_is_well(self, versioned: MendedMachine) -> None:
        assert versioned.findings() == []

    def test_a_change_is_committed_and_pushed(self, versioned: MendedMachine) -> None:
        (versioned.stack / "a.txt").write_text("changed")

        assert versioned.mend() == ["not-committed"]

    def test_a_commit_is_pushed(self, versioned: MendedMachine) -> None:
        self.git(versioned, "commit", "--allow-empty", "--quiet", "-m", "more")

        assert versioned.mend() == ["not-pushed"]

    def test_secrets_are_ignored_before_everything_is_added(self, versioned: MendedMachine) -> None:
        (versioned.stack / ".gitignore").write_text("")

        codes = versioned.mend()
        assert codes[:2] == ["secret-not-ignored", "not-committed"]
        listed = subprocess.run(["git", "ls-files"], cwd=versioned.stack, capture_output=True, check=True).stdout
        assert b".env" not in listed

    def test_secrets_in_git_are_taken_out(self, versioned: MendedMachine) -> None:
        (versioned.stack / ".gitignore").write_text("")
        self.git(versioned, "add", "--all")
        self.git(versioned, "commit", "--quiet", "-m", "oh")
        self.git(versioned, "push", "--quiet", "origin", "HEAD")

        assert versioned.mend()[0] == "secret-in-git"

    def test_a_check_runs_nothing_that_the_repository_names(self, versioned: MendedMachine) -> None:
        trace = versioned.folder / "trace"
        self.git(versioned, "config", "core.fsmonitor", f"touch {trace}")
        (versioned.stack / ".git" / "hooks" / "post-index-change").write_text(f"#!/bin/sh\ntouch {trace}\n")
        (versioned.stack / ".git" / "hooks" / "post-index-change").chmod(0o755)

        assert versioned.findings() == []
        assert not trace.exists()

    @pytest.mark.root
    def test_a_tree_of_another_user_is_mended_as_that_user(self, versioned: MendedMachine) -> None:
        owner = pwd.getpwnam("nobody")
        for folder in (versioned.stack, versioned.folder / "origin.git"):
            for each in (folder, *folder.rglob("*")):
                os.chown(each, owner.pw_uid, owner.pw_gid)
        for each in (versioned.folder, *versioned.folder.parents):
            if each.is_relative_to("/tmp") and each != Folder("/tmp"):
                each.chmod(0o755)
        os.chown(versioned.path, 0, 0)
        (versioned.stack / "a.txt").write_text("changed")

        assert versioned.mend() == ["not-committed"]
        assert {each.stat().st_uid for each in (versioned.stack / ".git").rglob("*")} == {owner.pw_uid}

    def test_a_hook_that_nobody_set_is_set(self, versioned: MendedMachine) -> None:
        versioned.write('[class.code]\ntrigger = "commit"\ncomponents = ["files"]\n')
        assert versioned.mend() == ["hook-missing"]
        assert "rebond" in (versioned.stack / ".git" / "hooks" / "post-commit").read_text()
