"""The programs of PostgreSQL servers on this machine, by version: for a server that is thrown away."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rebond.errors import CommandFailed
from rebond.sources.postgres.packaged_programs import find_packaged_folders
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.whole_output import read_output

_PLACES = (  # where packages put every version beside the others
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/lib/postgresql*/bin",
    "usr/local/pgsql*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
)
_NEEDED = ("postgres", "initdb")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPrograms:
    """The folder with ``postgres``, ``initdb`` and ``psql`` of one version."""

    major: int
    folder: Path
    psql: str


def find_server_programs(environment: Mapping[str, str]) -> dict[int, ServerPrograms]:
    """Return the versions that are installed here, by their first number; empty for none.

    ``REBOND_POSTGRES`` names a folder that wins over another of the same version.
    """
    named = environment.get("REBOND_POSTGRES")
    folders = [Path(named)] if named else []
    for pattern in _PLACES:
        folders += sorted(Path("/").glob(pattern))
    if on_path := shutil.which("postgres", path=environment.get("PATH")):
        folders.append(Path(on_path).resolve().parent)
    folders += find_packaged_folders()
    found: dict[int, ServerPrograms] = {}
    for folder in dict.fromkeys(folders):
        if not all(os.access(folder / each, os.X_OK) for each in _NEEDED):
            continue
        major = _read_major(folder / "postgres")
        psql = str(folder / "psql") if os.access(folder / "psql", os.X_OK) else shutil.which("psql")
        if major and psql:
            found.setdefault(major, ServerPrograms(major=major, folder=folder, psql=psql))
    return found


def _read_major(program: Path) -> int | None:
    def ask() -> CommandReader:
        return CommandReader([str(program), "--version"], environment={"PATH": os.defpath}, timeout_seconds=_SECONDS)

    try:
        answer = read_output(ask, program="postgres")
    except CommandFailed:  # a program of another machine, or half an installation: as good as none
        return None
    found = _VERSION.search(answer.decode(errors="replace"))
    return int(found[1]) if found else None
