"""A stack with one component of every kind, whose engines and servers are stand-ins."""

import io
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable
from typing import Any

from tests.shims.placing import place_shims
from tests.shims.servers import PASSWORD, make_dump_of_redis, place_servers
from tests.torture.real_program import Ended, WarmProgram

from rebond.config.loading import load_configuration
from rebond.entries import EntryKind
from rebond.stack.planning import plan_backup

Folder = pathlib.Path
RUNNING = "web,db,holder,deploy/media/app"
CHANNELS = ("compose:web", "docker:web", "podman:web", "kubernetes:deploy/media/app")

HEAD = """
version = 1
[stack]
name = "shop"
compose = ["compose.yml"]
kubernetes = { namespace = "shop" }
env = [".env"]
[vaults.secrets]
url = "apart"
key = { file = "apart.key" }
"""


class KeptStack:
    """The folder of a stack, the program that saves it, and what its stand-ins answer."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.program = WarmProgram.with_vault(folder)
        self.program.good(
            "vault", "create", folder / "apart", "--kit", folder / "kit2", "--key-file", folder / "apart.key"
        )
        shims = place_shims(folder / "bin")
        place_servers(folder / "bin")
        self.answers: dict[str, str] = {}
        (folder / "answers").mkdir()
        self.program.environment |= {
            "PATH": shims["PATH"],
            "SHIM_RUNNING": RUNNING,
            "SHIM_ANSWERS": str(folder / "answers"),
            "SHIM_RDB": str(folder / "redis.rdb"),
            "DB_PASSWORD": PASSWORD,
        }
        (folder / ".env").write_text("API_KEY=0p3n-s3same\n")
        (folder / "redis.rdb").write_bytes(make_dump_of_redis(random.Random(5).randbytes(300_000)))
        self.answer("docker compose --file {0}/compose.yml config --images", b"")
        self.answer("docker compose --file {0}/compose.yml ps --all --quiet", b"")

    def write(self, components: str) -> None:
        """Write the configuration; ``ROOT`` becomes the folder."""
        (self.folder / "rebond.toml").write_text((HEAD + components).replace("ROOT", str(self.folder)))

    def answer(self, command: str, content: bytes | str) -> None:
        """Prepare what a client answers; text that begins with ``!`` is a failure."""
        if isinstance(content, bytes):
            name = str(sum(1 for _ in (self.folder / "answers").iterdir()))
            (self.folder / "answers" / name).write_bytes(content)
            content = name
        self.answers[command.format(self.folder)] = content
        (self.folder / "answers" / "answers").write_text(json.dumps(self.answers))

    def answer_json(self, command: str, document: object) -> None:
        """Prepare an answer that is JSON."""
        self.answer(command, json.dumps(document).encode())

    def back_up(self, *arguments: str, **environment: str) -> Ended:
        return self.program.run("backup", "--config", self.folder / "rebond.toml", *arguments, **environment)

    def good_backup(self, *arguments: str, **environment: str) -> Any:
        ended = self.back_up("--json", *arguments, **environment)
        assert ended.status == 0, ended.err + ended.out
        return ended.document

    def reader_of(self, name: str, **environment: str) -> Callable[[], int]:
        """Return what reads one component here, without a vault, and says how many bytes came."""
        surroundings = {**self.program.environment, **environment}
        loaded = load_configuration(self.folder / "rebond.toml", surroundings).loaded
        assert loaded is not None
        component = next(each for each in plan_backup(loaded, names=[name]).components)

        def read() -> int:
            total = 0
            for listing in component.open_tree(lambda _finding: None).listings():
                for position in range(len(listing.names)):
                    entry = listing.describe(position)
                    if entry is not None and entry.kind is EntryKind.FILE:
                        content = listing.open(position)
                        assert content is not None
                        while block := content.read(1 << 20):
                            total += len(block)
                        content.close()
            return total

        return read

    def restore(self, snapshot: str, to: Folder, *arguments: str) -> None:
        self.program.good("restore", snapshot, *arguments, "--to", to)

    def snapshots(self, **environment: str) -> list[Any]:
        found: list[Any] = self.program.ask("snapshots", **environment)
        return found

    @property
    def apart(self) -> dict[str, str]:
        """What makes a run look into the vault of the secrets."""
        return {"REBOND_VAULT": str(self.folder / "apart"), "REBOND_KEY_FILE": str(self.folder / "apart.key")}


def make_media(folder: Folder) -> None:
    """Make a directory with what directories hold."""
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "a.bin").write_bytes(random.Random(1).randbytes(700_000))
    (folder / "none").write_bytes(b"")
    (folder / "sub" / ("long" * 60)).write_text("a long name")
    (folder / "sub" / "deep" / "odd \n name").write_text("odd")
    (folder / "sub" / "link").symlink_to("../a.bin")
    os.link(folder / "sub" / "deep" / "odd \n name", folder / "sub" / "again")
    (folder / "sub" / "deep" / "x.log").write_text("log")
    (folder / "a.bin").chmod(0o640)
    os.utime(folder / "a.bin", ns=(5, 1_700_000_000_123_456_789))


def make_database(path: Folder) -> None:
    """Make a database with one row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE rows (text TEXT)")
    connection.execute("INSERT INTO rows VALUES (?)", (path.name,))
    connection.commit()
    connection.close()


def rows_of(path: Folder) -> list[tuple[str]]:
    """Return its rows."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT text FROM rows").fetchall()
    connection.close()
    return rows


def make_image_archive() -> bytes:
    """Return what ``docker save`` writes."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for name, content in (("manifest.json", b"[]"), ("layer", random.Random(7).randbytes(200_000))):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return output.getvalue()


def run_git(folder: Folder, *words: str) -> None:
    """Run git as somebody."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
