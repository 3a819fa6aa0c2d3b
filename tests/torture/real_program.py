"""The real program as a process of its own, which a test may stop, kill or starve at any moment."""

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from tests.unit.cli.program_runs import Program

import rebond

SOURCE = pathlib.Path(rebond.__file__).resolve().parents[1]  # what is judged, also in a copy of the tree
KILLED = -signal.SIGKILL
PATIENCE_SECONDS = 300  # a run that takes longer hangs


@dataclass(frozen=True)
class Ended:
    """What one run came to; a killed one has a negative status."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.out)


class Running:
    """A run that goes on."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.began = time.monotonic()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this one process."""
        self.process.send_signal(number)

    def has_ended(self) -> bool:
        """Say whether it is over."""
        return self.process.poll() is not None

    def wait(self) -> Ended:
        """Wait for its end."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"the run hangs: {err}") from None
        return Ended(self.process.returncode, out, err)

    def kill_after(self, seconds: float) -> Ended:
        """Send SIGKILL so many seconds after the start, unless it has ended by then."""
        while time.monotonic() < self.began + seconds and not self.has_ended():
            time.sleep(0.001)
        self.process.kill()
        return self.wait()


class RealProgram:
    """The program with a vault, a state and caches of its own below a folder."""

    def __init__(self, folder: pathlib.Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("REBOND_")},
            "PYTHONPATH": str(SOURCE),
            "REBOND_VAULT": str(folder / "vault"),
            "REBOND_STATE_DIR": str(folder / "state"),
            "REBOND_CACHE_DIR": str(folder / "cache"),
            "REBOND_LANG": "en",
            **environment,
        }

    @classmethod
    def with_vault(cls, folder: pathlib.Path, **environment: str) -> Self:
        """Make a vault whose owner uses a key file, which costs no key derivation."""
        program = cls(folder, **environment)
        key = folder / "owner.key"
        program.good("vault", "create", "--kit", folder / "kit.txt", "--key-file", key)
        program.environment["REBOND_KEY_FILE"] = str(key)
        return program

    def start(self, *arguments: str | pathlib.Path, code: str | None = None, **environment: str) -> Running:
        """Begin a run; with ``code`` that Python runs instead of the program, with the same arguments."""
        words = ["-m", "rebond.cli"] if code is None else ["-c", code]
        return Running(
            subprocess.Popen(
                [sys.executable, *words, *map(str, arguments)],
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="surrogateescape",
            )
        )

    def run(self, *arguments: str | pathlib.Path, **environment: str) -> Ended:
        """Run to the end; say nothing about how it should end."""
        return self.start(*arguments, **environment).wait()

    def good(self, *arguments: str | pathlib.Path, **environment: str) -> Ended:
        """Run to the end, which has to be good."""
        ended = self.run(*arguments, **environment)
        assert ended.status == 0, f"{arguments}: {ended.status}\n{ended.err}{ended.out}"
        return ended

    def ask(self, *arguments: str | pathlib.Path, **environment: str) -> Any:
        """Run with ``--json`` to a good end; return the document."""
        return self.good(*arguments, "--json", "--quiet", **environment).document

    def in_this_process(self) -> Program:
        """The same program with the same surroundings, without a process for each run: quicker, for the judging."""
        program = Program(self.folder)
        program.environment = {name: text for name, text in self.environment.items() if name.startswith("REBOND_")}
        return program


class WarmProgram(RealProgram):
    """The same, but what runs to its end does so in this process, which has loaded everything already.

    Engines, servers and sealing processes are processes as ever; ``start`` is for what is to be stopped or watched.
    """

    def run(self, *arguments: str | pathlib.Path, **environment: str) -> Ended:
        """Run to the end; say nothing about how it should end."""
        program = Program(self.folder)
        program.environment = self.environment
        answer = program(*arguments, **environment)
        return Ended(answer.status, answer.out, answer.err)


def plant_tree(root: pathlib.Path, *, seed: int, total_bytes: int, file_bytes: int = 60_000) -> int:
    """Write a tree of about ``total_bytes`` that does not compress; return its exact bytes."""
    rng = random.Random(seed)
    written = number = 0
    while written < total_bytes:
        folder = root / f"{number // 64 % 8}" / f"{number // 512}"
        folder.mkdir(parents=True, exist_ok=True)
        content = rng.randbytes(min(int(rng.expovariate(1 / file_bytes)) + 1, total_bytes - written))
        (folder / f"file{number}").write_bytes(content)
        written += len(content)
        number += 1
    return written


def change_tree(root: pathlib.Path, *, seed: int, changes: int = 8, file_bytes: int = 60_000) -> None:
    """Write, replace and remove some files."""
    rng = random.Random(seed)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    for path in rng.sample(files, min(changes, len(files))):
        if rng.random() < 0.3 and len(files) > changes * 4:
            path.unlink()
        else:
            path.write_bytes(rng.randbytes(rng.randrange(1, 2 * file_bytes)))
    (root / f"new{seed}").write_bytes(rng.randbytes(rng.randrange(1, 2 * file_bytes)))


def fingerprint(root: pathlib.Path) -> dict[str, str]:
    """Return a digest of every file below ``root``."""
    return {
        str(path.relative_to(root)): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def restore_all(program: Program, expected: dict[str, dict[str, str]], component: str, into: pathlib.Path) -> None:
    """Restore every listed snapshot with a cold cache and compare it with what was saved."""
    for identity in snapshot_ids(program):
        target = into / identity
        program.good("restore", identity, "--to", target, REBOND_CACHE_DIR=str(into / "cold"))
        assert fingerprint(target / component) == expected[identity], f"snapshot {identity} is not what was saved"


def snapshot_ids(program: Program) -> list[str]:
    """Return the ids of the listed snapshots, oldest first."""
    return [each["id"] for each in sorted(program.ask("snapshots"), key=lambda each: (each["time"], each["id"]))]


def object_bytes(vault: pathlib.Path, folder: str) -> int:
    """Return the bytes of the objects in one folder of a vault on disk."""
    return sum(
        path.stat().st_size
        for path in (vault / folder).rglob("*")
        if path.is_file() and not path.name.startswith(".tmp")
    )


def names_in(vault: pathlib.Path, folders: Sequence[str]) -> set[str]:
    """Return the names of the objects in some folders of a vault on disk."""
    return {
        str(path.relative_to(vault))
        for folder in folders
        for path in (vault / folder).rglob("*")
        if path.is_file() and not path.name.startswith(".tmp")
    }
