"""A small stack that is drilled: files, a SQLite database that names some of them, secrets, checks of its own."""

import os
import pathlib
import shutil
import signal
import sqlite3
import tempfile

from tests.unit.cli.program_runs import Answer, Program

HEAD = """\
version = 1
[stack]
name = "shop"
env = [".env"]
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.media]
kind = "files"
path = "media"
rto = "1h"
rpo = "1h"
[component.scripts]
kind = "files"
path = "scripts"
require = ["known.sh"]
[component.env]
kind = "secrets"
paths = [".env"]
[component.app]
kind = "sqlite"
path = "app.sqlite"
references = [{ sql = "SELECT path FROM photo", component = "media" }]
"""
# Commands of tests reach nothing of a network, so that the verdict is the same where none of its own can be had.
ACCEPTING = 'network = "own-if-possible"\n'
CHECK = f'[drill]\n{ACCEPTING}checks = [{{ name = "NAME", QUESTION }}]\n'


class DrilledStack:
    """The folder of a stack, the program that saves and drills it, and a temporary directory of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.program = Program.with_vault(folder)
        self.program.leave_vault_to_configuration()
        self.root = folder / "stack"
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))  # short enough for a socket
        self.temporary.chmod(0o755)  # a server that root starts is another user's
        self.program.environment |= {"TMPDIR": str(self.temporary), "REBOND_CONFIG": str(self.root / "rebond.toml")}
        self._fill()
        self.configure()

    def _fill(self) -> None:
        for name in ("media", "scripts"):
            (self.root / name).mkdir(parents=True)
        with sqlite3.connect(self.root / "app.sqlite") as database:
            database.execute("CREATE TABLE photo (path TEXT)")
            for number in range(8):
                (self.root / "media" / f"{number}.jpg").write_bytes(os.urandom(50 + 3000 * number))
                database.execute("INSERT INTO photo VALUES (?)", (f"{number}.jpg",))
        database.close()
        script = self.root / "scripts" / "known.sh"
        script.write_text('#!/bin/sh\ntest "$API_KEY" = "hunter2-hunter2" && ls media\n')
        script.chmod(0o755)
        (self.root / ".env").write_text("API_KEY=hunter2-hunter2\n")

    def configure(self, *more: str) -> None:
        """Write the configuration: the usual one, and what is added to it."""
        (self.root / "rebond.toml").write_text("\n".join((HEAD, *more)))

    def drill(self, *arguments: str) -> Answer:
        """Drill, as JSON."""
        return self.program("drill", *arguments, "--json")

    def left(self) -> list[str]:
        """Return what lies in the temporary directory, and the processes that a drill in it started."""
        found = os.listdir(self.temporary)
        for name in os.listdir("/proc"):
            if name.isdecimal() and int(name) != os.getpid():
                found += [f"process {name}"] if self._was_started_here(name) else []
        return found

    def _was_started_here(self, process: str) -> bool:
        try:
            content = pathlib.Path("/proc", process, "environ").read_bytes()
            place = os.readlink(f"/proc/{process}/cwd")
        except OSError:
            return False
        wanted = f"REBOND_DRILL={self.temporary}".encode()
        return wanted in content or place.startswith(f"{self.temporary}/")

    def close(self) -> None:
        """End what runs in the temporary directory, and delete it: nothing does, unless a test fails."""
        for each in self.left():
            if each.startswith("process "):
                os.kill(int(each.removeprefix("process ")), signal.SIGKILL)
        shutil.rmtree(self.temporary, ignore_errors=True)
