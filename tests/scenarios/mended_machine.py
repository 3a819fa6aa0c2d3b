"""A machine whose programs are stand-ins with a memory: what a command of the doctor changes, stays changed."""

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

from tests.shims import crontab
from tests.shims.placing import place_shims
from tests.unit.cli.program_runs import Answer, Program

Folder = pathlib.Path

DOCKER = r"""
for last; do :; done
case "$1" in
--version) echo "Docker version $(cat $S/docker-version), build 0";;
info)
  [ -f $S/denied ] && { echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1; }
  [ -f $S/stopped ] && { echo "Cannot connect to the Docker daemon at unix:///x. Is it running?" >&2; exit 1; }
  echo 27.1.1;;
compose)
  [ -f $S/no-plugin ] && { echo "docker: 'compose' is not a docker command." >&2; exit 1; }
  case "$*" in
  *" version") echo "Docker Compose version v$(cat $S/compose-version)";;
  *" up --detach "*) echo "$last" >> $S/running;;
  *" restart "*) rm -f $S/silent;;
  *" unpause $(cat $S/paused 2>/dev/null)") rm $S/paused;;
  *" exec "*" $(cat $S/paused 2>/dev/null || echo /) "*)
    echo "Error response from daemon: Container 5a99 is paused, unpause the container before exec" >&2; exit 1;;
  *) export SHIM_RUNNING=$(paste -sd, $S/running); exec $S/real/docker "$@";;
  esac;;
start) echo "$2" >> $S/running;;
unpause) [ "$2" = "$(cat $S/paused)" ] && rm $S/paused;;
container)
  [ "$5" = "$(cat $S/lost 2>/dev/null)" ] || { echo "name=/$5="; exit 0; }
  echo "Error response from daemon: No such container: $5" >&2; exit 1;;
exec) [ "$2" = "$(cat $S/paused 2>/dev/null)" ] && {
    echo "Error response from daemon: Container 5a99 is paused, unpause the container before exec" >&2; exit 1; }
  [ "$2" = "$(cat $S/restarting 2>/dev/null)" ] && {
    echo "Error response from daemon: Container 5a99 is restarting, wait until the container is running" >&2; exit 1; }
  [ "$2" = "$(cat $S/lost 2>/dev/null)" ] && { echo "Error response from daemon: No such container: $2" >&2; exit 1; }
  grep -qx "$2" $S/running || { echo "Error response from daemon: Container 5a99 is not running" >&2; exit 1; }
  export SHIM_RUNNING=$(paste -sd, $S/running); exec $S/real/docker "$@";;
*) export SHIM_RUNNING=$(paste -sd, $S/running); exec $S/real/docker "$@";;
esac
"""
OLD_COMPOSE = r"""
[ -f $S/no-program ] && exit 127
case "$*" in
version) echo "docker-compose version $(cat $S/old-compose-version), build 0";;
*) export SHIM_RUNNING=$(paste -sd, $S/running); exec $S/real/docker-compose "$@";;
esac
"""
KUBECTL = r"""
for last; do :; done
case "$*" in
*"auth can-i create pods/exec") [ -f $S/gone ] && { echo "Unable to connect to the server" >&2; exit 1; }
  [ -f $S/forbidden ] && { echo no; exit 1; }; echo yes;;
*"create rolebinding"*) rm -f $S/forbidden;;
*"config use-context"*) rm -f $S/gone;;
*"scale "*) echo "deploy/media" >> $S/running;;
*) export SHIM_RUNNING=$(paste -sd, $S/running); exec $S/real/kubectl "$@";;
esac
"""
INSTALL = r"""
shift 2
for package; do
  case "$package" in
  docker.io) echo 27.1.1 > $S/docker-version; cp $S/spare/docker $S/bin/docker;;
  docker-compose-v2) rm -f $S/no-plugin; echo 2.29.0 > $S/compose-version;;
  kubernetes-client) cp $S/spare/kubectl $S/bin/kubectl;;
  *) printf '#!/bin/sh\nexit 0\n' > $S/bin/$package; chmod 755 $S/bin/$package;;
  esac
done
"""
OTHERS = {
    "sudo": 'exec "$@"',
    "systemctl": "rm -f $S/stopped $S/silent",
    "usermod": "rm -f $S/denied",
    "timedatectl": '[ "$1" = show ] && echo CanNTP=yes && echo NTPSynchronized=$(cat $S/clock) && exit; '
    "echo yes > $S/clock",
    "pg_isready": "[ -f $S/silent ] && exit 2; exit 0",
    "setfacl": "exit 0",
}


class MendedMachine:
    """A stack with a vault, on a machine where everything is well at first."""

    def __init__(self, folder: Folder, configuration: str = "") -> None:
        self.folder = folder
        self.state = folder / "machine"
        self.bin = self.state / "bin"
        self.stack = folder / "stack"
        for each in (self.bin, self.stack, self.state / "spare"):
            each.mkdir(parents=True)
        shims = place_shims(self.state / "real")
        self._place_programs()
        for name, text in {"docker-version": "27.1.1", "compose-version": "2.29.0", "clock": "yes"}.items():
            self.say(name, text)
        self.say("old-compose-version", "2.29.0")
        (self.state / "running").write_text("db\nweb\ndeploy/media\n")
        self.program = Program.with_vault(folder)
        del self.program.environment["REBOND_VAULT"]
        self.program.environment |= {**shims, "PATH": f"{self.bin}:/bin:/usr/bin:/usr/sbin", "HOME": str(folder)}
        self.program.environment.pop("REBOND_KEY_FILE")
        self.program.environment.pop("REBOND_PASSPHRASE")
        (self.stack / "a.txt").write_text("a")
        self.write(configuration)

    @property
    def path(self) -> Folder:
        """The configuration."""
        return self.stack / "rebond.toml"

    def say(self, name: str, text: str = "") -> None:
        """Let the machine be in a state."""
        (self.state / name).write_text(text + "\n")

    def remove(self, program: str) -> None:
        """Take a program away; an installation brings it back."""
        (self.bin / program).unlink()

    def write(self, body: str) -> None:
        """Write the configuration, with a head that is well."""
        head = f"""
version = 1
[stack]
name = "shop"
compose = ["compose.yml"]
env = [".env"]
[vault]
url = "{self.folder}/vault"
key = {{ file = "{self.folder}/owner.key" }}
[component.files]
kind = "files"
path = "."
"""
        (self.stack / "compose.yml").write_text("services: {}\n")
        self.path.write_text(head + body)
        self.path.chmod(0o644)

    def doctor(self, *arguments: str) -> Answer:
        """Run the doctor in the stack's directory."""
        return self.program("doctor", "--config", self.path, *arguments)

    def findings(self) -> list[dict[str, Any]]:
        """Return what is to be mended."""
        document = self.doctor("--json").document
        return [each for each in document["findings"] if each["weight"] != "note"]

    def run(self, command: str, given: str = "") -> None:
        """Run a command as a person would paste it."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.stack,
            env={**self.program.environment, "EDITOR": "true", "REBOND_CONFIG": str(self.path)},
            input=given,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def mend(self, *, rounds: int = 3, given: str = "") -> list[str]:
        """Run the printed commands until the doctor is content; return the codes that were mended on the way."""
        codes: list[str] = []
        for _ in range(rounds):
            found = self.findings()
            if not found:
                assert self.doctor().status == 0
                return codes
            assert all(each["command"] for each in found), json.dumps(found, indent=2)
            for each in found:
                codes.append(each["code"])
                self.run(each["command"], given)
        raise AssertionError(f"still to be mended: {self.findings()}")

    def _place_programs(self) -> None:
        scripts = {**OTHERS, "docker": DOCKER, "docker-compose": OLD_COMPOSE, "kubectl": KUBECTL, "apt-get": INSTALL}
        scripts["crontab"] = f'export CRONTAB_TABLE=$S/crontab; exec {sys.executable} {crontab.__file__} "$@"'
        scripts["rebond"] = f'exec {sys.executable} -m rebond.cli "$@"'
        for name, text in scripts.items():
            for place in (self.bin, self.state / "spare"):
                (place / name).write_text(f"#!/bin/sh\nS={self.state}\n{text}\n")
                (place / name).chmod(0o755)


def forget_git_settings(machine: MendedMachine) -> None:
    """Let git know nothing of this user's own settings, and who commits."""
    assert shutil.which("git")
    machine.program.environment |= {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }
