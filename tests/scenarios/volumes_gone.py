"""A stack whose files lie in volumes and in a folder that a container has mounted, and a machine where all is gone."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import sqlite3
import stat
import subprocess
import sys

from tests.shims.making import MakingEngine
from tests.unit.cli.program_runs import Answer, Program

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
compose = ["compose.yml"]
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "."
omit = ["uploads/"]
[component.media]
kind = "files"
volume = "media"
[component.queue]
kind = "sqlite"
volume = "data"
path = "queue.db"
[component.data]
kind = "files"
volume = "data"
exclude = ["queue.db*"]
[component.uploads]
kind = "files"
in = "compose:web"
path = "/srv/uploads"
[component.keys]
kind = "secrets"
in = "compose:web"
path = "/srv/keys/signing.pem"
[restore]
rebuild = [{ run = "echo rebuild >> ../trace" }]
start = [{ run = "echo start >> ../trace" }]
"""
LATE = ("media", "data", "uploads", "keys", "queue")
IMAGE = {each: {"from-image": "what the image brings"} for each in ("media", "data")}


class VolumesGone:
    """The stack in ``folder/shop``, its engine in ``folder/engine``: saved, then gone but for the vault and its key."""

    program: Program
    engine: MakingEngine
    saved_files: dict[str, tuple[int, str]]

    def __init__(self, folder: pathlib.Path, root: pathlib.Path) -> None:
        self.folder = folder
        self.root = root

    @classmethod
    def saved(cls, folder: pathlib.Path, configuration: str = CONFIGURATION) -> "VolumesGone":
        """Make it, save it, take it away."""
        stack = cls(folder, folder / "shop")
        stack.program = Program.with_vault(folder)
        for name in ("REBOND_VAULT", "REBOND_KEY_FILE", "REBOND_PASSPHRASE"):
            stack.program.environment.pop(name)
        stack.make_engine()
        stack._live(configuration)
        stack.program.good("backup", "--config", stack.root / "rebond.toml")
        stack.saved_files = stack.files()
        shutil.rmtree(stack.root)
        stack.lose()
        return stack

    def copied(self, folder: pathlib.Path) -> "VolumesGone":
        """Return another machine, with an engine of its own; the stack comes back to where it was, so one at a time."""
        copy = VolumesGone(folder, self.root)
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root.parent / "trace").unlink(missing_ok=True)
        for each in self.root.parent.glob(".rebond-restore-*"):
            shutil.rmtree(each)
        copy.program = self.program.moved_to(folder)
        copy.saved_files = self.saved_files
        folder.mkdir(parents=True)
        shutil.copytree(self.folder / "vault", folder / "vault")
        shutil.copy(self.folder / "owner.key", folder / "owner.key")
        copy.make_engine()
        return copy

    def make_engine(self) -> None:
        """Make an engine that has nothing yet."""
        services = {
            "web": {
                "volumes": {"media": "/srv/media", "data": "/srv/data", "keys": "/srv/keys"},
                "folders": {str(self.root / "uploads"): "/srv/uploads"},
                "image": IMAGE,
            }
        }
        self.engine = MakingEngine(self.folder / "engine", services)
        self.program.environment["ENGINE_PROJECT"] = str(self.root)
        self.program.environment["PATH"] = f"{self.engine.folder / 'bin'}:{os.environ['PATH']}"

    def _live(self, configuration: str) -> None:
        (self.root / "uploads").mkdir(parents=True)
        (self.root / "rebond.toml").write_text(configuration)
        (self.root / "compose.yml").write_text("services: {}\n")
        (self.root / "uploads" / "a.txt").write_text("uploaded")
        (self.root / "uploads").chmod(0o751)
        (self.engine.folder / "containers" / "web").touch()
        media, data, keys = (self.engine.make(f"shop_{each}") for each in ("media", "data", "keys"))
        (media / "deep").mkdir(mode=0o750)
        (media / "deep" / "photo.jpg").write_text("photo")
        (media / "deep" / "photo.jpg").chmod(0o640)
        (data / "notes.txt").write_text("notes")
        (keys / "signing.pem").write_text("key")
        (keys / "signing.pem").chmod(0o600)
        with contextlib.closing(sqlite3.connect(data / "queue.db")) as database, database:
            database.execute("CREATE TABLE jobs AS SELECT 1 AS job")
        (data / "queue.db").chmod(0o660)

    def lose(self) -> None:
        """Take away all that the engine has."""
        shutil.rmtree(self.engine.folder)
        self.make_engine()

    def recover(self, *more: str) -> Answer:
        return self.program("recover", self.folder / "vault", "--yes", *more, **self._key)

    def resume(self) -> Answer:
        return self.program("restore", "--resume", "latest", **self._key)

    def type(self, line: str) -> None:
        """Run a line as a person types it."""
        programs = f"{pathlib.Path(sys.executable).parent}:{self.program.environment['PATH']}"
        environment = {**os.environ, **self.program.environment, **self._key, "PATH": programs}
        ended = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, (line, ended.stderr)

    @property
    def _key(self) -> dict[str, str]:
        return {"REBOND_KEY_FILE": str(self.folder / "owner.key"), "REBOND_VAULT": str(self.folder / "vault")}

    def files(self) -> dict[str, tuple[int, str]]:
        """Return the mode and the content of all that is in volumes and folders, but for what a restore keeps."""
        found = {}
        tops = {"shop": self.root, **{each.name: each / "_data" for each in (self.engine.folder / "volumes").iterdir()}}
        for name, top in tops.items():
            for path in sorted(top.rglob("*")):
                if path.is_file():
                    status = path.stat()
                    content = hashlib.sha256(path.read_bytes()).hexdigest()
                    found[f"{name}/{path.relative_to(top)}"] = (stat.S_IMODE(status.st_mode), content)
        return found

    def beside(self) -> list[str]:
        """Return what restores keep anywhere."""
        return [str(each) for top in (self.folder, self.root.parent) for each in top.rglob(".rebond-restore-*")]

    def trace(self) -> list[str]:
        """Return what commands ran."""
        path = self.root.parent / "trace"
        return path.read_text().split() if path.exists() else []
