"""The programs that are compared, one class each: how each one does the same seven things.

Encryption is on wherever the program has it. Compression is what the program takes for its middle: restic ``auto``,
borg ``zstd,3``, kopia ``zstd``, rustic's default. Caches and settings live beside the vault, never in a home folder.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.measuring import Command

PASSPHRASE = "a passphrase of the benchmark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A place in an S3 server: ``endpoint`` is host:port, spoken to without TLS."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one tool works in one round: a folder, or, for the tools that can, a bucket."""

    tree: Path
    vault: Path
    cache: Path
    bucket: Bucket | None = None

    @property
    def home(self) -> Path:
        return self.cache / "home"


class Tool(Protocol):
    """What the benchmark asks of every program."""

    @property
    def name(self) -> str: ...

    @property
    def least_version(self) -> str: ...

    @property
    def is_incremental(self) -> bool:
        """False for archivers: they know no second backup, and no old state."""
        ...

    def read_version(self) -> str | None:
        """Return the version, or ``None`` where the program is not installed."""
        ...

    def create(self, place: Place) -> list[Command]: ...

    def back_up(self, place: Place) -> Command: ...

    def restore(self, place: Place, target: Path) -> Command:
        """Restore all of the newest state, so that ``target`` has the content of the tree."""
        ...

    def restore_file(self, place: Place, path: str, target: Path) -> Command | None: ...


def find_content(tool: Tool, tree: Path, target: Path) -> Path:
    """Return where a complete restore put the tree's content: ``target``, or the component's folder below it."""
    return target / tree.name if isinstance(tool, Rebond) else target


def read_program_version(program: str, *arguments: str) -> str | None:
    """Return the first thing in a program's answer that looks like a version."""
    try:
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        answer = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, check=False)
    except OSError:
        return None
    match = re.search(r"\d+\.\d+(\.\w+)*", answer.stdout + answer.stderr)
    return match.group() if match else None


def is_at_least(version: str, least: str) -> bool:
    """Compare the leading numbers of two versions."""
    numbers = [tuple(int(part) for part in re.findall(r"\d+", text)[:2]) for text in (version, least)]
    return numbers[0] >= numbers[1]


@dataclass(frozen=True, slots=True)
class Restic:
    program: str = "restic"
    name: str = "restic"
    least_version: str = "0.19"
    is_incremental: bool = True

    def read_version(self) -> str | None:
        return read_program_version(self.program, "version")

    def create(self, place: Place) -> list[Command]:
        return [self.run(place, "init")]

    def back_up(self, place: Place) -> Command:
        return self.run(place, "backup", ".")

    def restore(self, place: Place, target: Path) -> Command:
        return self.run(place, "restore", "latest", "--target", str(target))

    def restore_file(self, place: Place, path: str, target: Path) -> Command:
        return self.run(place, "restore", "latest", "--target", str(target), "--include", f"/{path}")

    def run(self, place: Place, *arguments: str) -> Command:
        environment = {
            "RESTIC_PASSWORD": PASSPHRASE,
            "HOME": str(place.home),
            "RESTIC_CACHE_DIR": str(place.cache / "restic"),
        }
        address = str(place.vault)
        if place.bucket:
            address = f"s3:http://{place.bucket.endpoint}/{place.bucket.name}/restic"
            environment |= place.bucket.environment
        program = (self.program, "--quiet", "--repo", address, "--compression", "auto", *arguments)
        return Command(pipeline=(program,), environment=environment, folder=place.tree)


@dataclass(frozen=True, slots=True)
class Borg:
    program: str = "borg"
    name: str = "borg"
    least_version: str = "1.4"
    is_incremental: bool = True

    def read_version(self) -> str | None:
        return read_program_version(self.program, "--version")

    def create(self, place: Place) -> list[Command]:
        return [self._run(place, place.tree, "init", "--encryption", "repokey-blake2", str(place.vault))]

    def back_up(self, place: Place) -> Command:
        return self._run(
            place, place.tree, "create", "--compression", "zstd,3", f"{place.vault}::{{utcnow:%H%M%S%f}}", "."
        )

    def restore(self, place: Place, target: Path) -> Command:
        return self._run(place, target, "extract", f"{place.vault}::{self._find_newest(place)}")

    def restore_file(self, place: Place, path: str, target: Path) -> Command:
        return self._run(place, target, "extract", f"{place.vault}::{self._find_newest(place)}", path)

    def _find_newest(self, place: Place) -> str:
        environment = {"PATH": os.environ["PATH"], **self._environment(place)}
        arguments = [self.program, "list", "--short", "--last", "1", str(place.vault)]
        return subprocess.run(arguments, capture_output=True, text=True, env=environment, check=True).stdout.strip()

    def _run(self, place: Place, folder: Path, *arguments: str) -> Command:
        return Command(pipeline=((self.program, *arguments),), environment=self._environment(place), folder=folder)

    def _environment(self, place: Place) -> dict[str, str]:
        return {
            "BORG_PASSPHRASE": PASSPHRASE,
            "BORG_BASE_DIR": str(place.cache / "borg"),
            "HOME": str(place.home),
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
            "BORG_EXIT_CODES": "modern",
        }


@dataclass(frozen=True, slots=True)
class Kopia:
    program: str = "kopia"
    name: str = "kopia"
    least_version: str = "0.23"
    is_incremental: bool = True

    def read_version(self) -> str | None:
        return read_program_version(self.program, "--version")

    def create(self, place: Place) -> list[Command]:
        store: tuple[str, ...] = ("filesystem", "--path", str(place.vault))
        if place.bucket:
            store = (
                "s3",
                "--endpoint",
                place.bucket.endpoint,
                "--disable-tls",
                "--bucket",
                place.bucket.name,
                "--prefix",
                "kopia/",
                "--region",
                "us-east-1",
            )
        return [
            self._run(place, "repository", "create", *store, "--cache-directory", str(place.cache / "kopia")),
            self._run(place, "policy", "set", "--global", "--compression", "zstd"),
        ]

    def back_up(self, place: Place) -> Command:
        return self._run(place, "snapshot", "create", str(place.tree), "--no-progress", "--no-auto-maintenance")

    def restore(self, place: Place, target: Path) -> Command:
        return self._run(
            place, "snapshot", "restore", str(place.tree), str(target), "--snapshot-time", "latest", "--no-progress"
        )

    def restore_file(self, place: Place, path: str, target: Path) -> Command:
        return self._run(
            place,
            "snapshot",
            "restore",
            str(place.tree / path),
            str(target / "file"),
            "--snapshot-time",
            "latest",
            "--no-progress",
        )

    def _run(self, place: Place, *arguments: str) -> Command:
        environment = {
            "KOPIA_PASSWORD": PASSPHRASE,
            "KOPIA_CHECK_FOR_UPDATES": "false",
            "HOME": str(place.home),
            "KOPIA_CONFIG_PATH": str(place.cache / "kopia.config"),
            "KOPIA_LOG_DIR": str(place.cache / "logs"),
            "KOPIA_PERSIST_CREDENTIALS_ON_CONNECT": "true",
            "KOPIA_USE_KEYRING": "false",
        }
        if place.bucket:
            environment |= place.bucket.environment
        return Command(pipeline=((self.program, *arguments),), environment=environment, folder=place.tree)


@dataclass(frozen=True, slots=True)
class Rustic:
    program: str = "rustic"
    name: str = "rustic"
    least_version: str = "0.11"
    is_incremental: bool = True

    def read_version(self) -> str | None:
        return read_program_version(self.program, "--version")

    def create(self, place: Place) -> list[Command]:
        return [self._run(place, "init")]

    def back_up(self, place: Place) -> Command:
        return self._run(place, "backup", str(place.tree))

    def restore(self, place: Place, target: Path) -> Command:
        return self._run(place, "restore", f"latest:{place.tree}", str(target))

    def restore_file(self, place: Place, path: str, target: Path) -> Command:
        return self._run(place, "restore", f"latest:{place.tree / path}", str(target / "file"))

    def _run(self, place: Place, *arguments: str) -> Command:
        environment = {
            "RUSTIC_REPOSITORY": str(place.vault),
            "RUSTIC_PASSWORD": PASSPHRASE,
            "HOME": str(place.home),
            "RUSTIC_CACHE_DIR": str(place.cache / "rustic"),
            "RUSTIC_NO_PROGRESS": "true",
            "RUSTIC_LOG_LEVEL": "warn",
        }
        return Command(pipeline=((self.program, *arguments),), environment=environment, folder=place.tree)


@dataclass(frozen=True, slots=True)
class Rebond:
    program: str = ".venv/bin/rebond"
    level: str = "balanced"
    least_version: str = "0"
    is_incremental: bool = True

    @property
    def name(self) -> str:
        return "rebond" if self.level == "balanced" else f"rebond-{self.level}"

    def read_version(self) -> str | None:
        return read_program_version(self.program, "--version")

    def create(self, place: Place) -> list[Command]:
        return [self.run(place, "vault", "create", self.find_address(place))]

    def back_up(self, place: Place) -> Command:
        level = () if self.level == "balanced" else ("--level", self.level)
        return self.run(place, "backup", "--vault", self.find_address(place), "--path", str(place.tree), *level)

    def restore(self, place: Place, target: Path) -> Command:
        return self.run(place, "restore", "latest", "--vault", self.find_address(place), "--to", str(target))

    def restore_file(self, place: Place, path: str, target: Path) -> Command:
        return self.run(
            place, "restore", "latest", "--vault", self.find_address(place), "--to", str(target), "--include", path
        )

    def find_address(self, place: Place) -> str:
        """Return the vault's address as the command line takes it."""
        if place.bucket is None:
            return str(place.vault)
        return f"s3://{place.bucket.name}/rebond?endpoint=http://{place.bucket.endpoint}&region=us-east-1"

    def run(self, place: Place, *arguments: str) -> Command:
        environment = {
            "REBOND_PASSPHRASE": PASSPHRASE,
            "REBOND_CACHE_DIR": str(place.cache / "rebond"),
            "REBOND_STATE_DIR": str(place.cache / "state"),
            "HOME": str(place.home),
            "REBOND_LANG": "en",
        }
        if place.bucket:
            environment |= place.bucket.environment
        return Command(pipeline=((self.program, *arguments),), environment=environment, folder=place.tree)


@dataclass(frozen=True, slots=True)
class Archiver:
    """A program that writes one file: no second backup, no encryption here, no proof of anything."""

    name: str
    program: str
    arguments: tuple[tuple[str, ...], ...]
    unpacking: tuple[tuple[str, ...], ...]
    version_argument: str = "--version"
    least_version: str = "0"
    is_incremental: bool = False
    writes_to_output: bool = False

    def read_version(self) -> str | None:
        return read_program_version(self.program, self.version_argument)

    def create(self, place: Place) -> list[Command]:
        place.vault.mkdir()
        return []

    def back_up(self, place: Place) -> Command:
        archive = place.vault / "archive"
        return Command(
            pipeline=self._fill(self.arguments, archive, place.tree),
            folder=place.tree,
            environment={"HOME": str(place.home)},
            output=archive if self.writes_to_output else None,
        )

    def restore(self, place: Place, target: Path) -> Command:
        archive = next(place.vault.iterdir())
        return Command(pipeline=self._fill(self.unpacking, archive, target), folder=target)

    def restore_file(self, place: Place, path: str, target: Path) -> Command | None:  # noqa: ARG002
        return None

    def _fill(self, pipeline: tuple[tuple[str, ...], ...], archive: Path, folder: Path) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(word.format(archive=archive, folder=folder) for word in program) for program in pipeline)


ARCHIVERS = (
    Archiver("zip", "zip", (("zip", "-qr", "{archive}", "."),), (("unzip", "-q", "{archive}"),), "-v"),
    Archiver(
        "7z",
        "7z",
        (("7z", "a", "-bd", "-bso0", "-mx=9", "{archive}", "."),),
        (("7z", "x", "-bd", "-bso0", "-y", "{archive}"),),
        "i",
    ),
    Archiver(
        "tar-zstd",
        "zstd",
        (("tar", "-c", "."), ("zstd", "-q", "-3", "-T0")),
        (("zstd", "-q", "-dc", "{archive}"), ("tar", "-x")),
        writes_to_output=True,
    ),
)
LEVELS = ("fast", "balanced", "small", "dense")


def make_tools(*, rebond: str) -> dict[str, Tool]:
    """Return every program known here by its name; ``rebond`` is the path of that program."""
    tools: list[Tool] = [Restic(), Borg(), Kopia(), Rustic(), *(Rebond(rebond, level) for level in LEVELS), *ARCHIVERS]
    return {tool.name: tool for tool in tools}
