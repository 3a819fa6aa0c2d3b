"""Units of systemd that start what lies in a directory, and the files of variables and secrets that they name."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.stack.discovery.written_paths import can_be_written

UNIT_FOLDER = Path("/etc/systemd/system")  # what somebody wrote for this machine; packages have theirs elsewhere
_ENDINGS = (".timer", ".socket", ".path")  # what starts a service of the same name
_UNIT_LIMIT_BYTES = 1_000_000
_OWN = "rebond-"
_BEFORE_A_PROGRAM = "@-:+!|"
_LISTS = ("EnvironmentFile", "LoadCredential", "LoadCredentialEncrypted")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFound:
    """A service: its own files (with what else starts it, and what was added to it), and the secrets that it reads."""

    name: str
    files: tuple[Path, ...] = ()
    secrets: tuple[Path, ...] = ()


def find_units(directory: Path, folder: Path = UNIT_FOLDER) -> tuple[UnitFound, ...]:
    """Return the services of ``folder`` that work in ``directory``, or run or read something in it."""
    try:
        names = sorted(each for each in os.listdir(folder) if each.endswith(".service") and not each.startswith(_OWN))
    except OSError:
        return ()
    units = (_read_unit(folder, each, directory) for each in names)
    return tuple(each for each in units if each is not None)


def _read_unit(folder: Path, name: str, directory: Path) -> UnitFound | None:
    files = [folder / name, *_list_added(folder / f"{name}.d")]
    lines = [line for file in files for line in _read_lines(file)]
    places = [_path_of(text) for key, text in lines if key == "WorkingDirectory"]
    programs = [_path_of(word) for key, text in lines if key.startswith("Exec") for word in text.split()]
    secrets = list(_list_secrets(lines))
    if not any(each and each.is_relative_to(directory) for each in (*places, *programs, *secrets)):
        return None
    beside = [folder / f"{name.removesuffix('.service')}{ending}" for ending in _ENDINGS]
    own = [each for each in (*files, *beside) if each.is_file() and not each.is_symlink() and can_be_written(each)]
    return UnitFound(name=name, files=tuple(own), secrets=tuple(each for each in secrets if can_be_written(each)))


def _list_added(folder: Path) -> list[Path]:
    try:
        return [folder / each for each in sorted(os.listdir(folder)) if each.endswith(".conf")]
    except OSError:
        return []


def _read_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the keys of a unit with what they say; nothing of one that cannot be read, or is none."""
    try:
        if file.stat().st_size > _UNIT_LIMIT_BYTES or not file.is_file():
            return
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in text.replace("\\\n", " ").splitlines():
        key, sign, said = line.partition("=")
        if sign and not line.lstrip().startswith(("#", ";")):
            yield key.strip(), said.strip()


def _list_secrets(lines: Sequence[tuple[str, str]]) -> Iterator[Path]:
    for key, text in lines:
        if key in _LISTS:
            said = text if key == "EnvironmentFile" else text.partition(":")[2]
            path = _path_of(said)
            found = sorted(glob.glob(str(path))) if path is not None else []  # EnvironmentFile may have wildcards
            yield from (Path(each) for each in found if os.path.isfile(each))


def _path_of(text: str) -> Path | None:
    """Return a full path; ``None`` for anything else, as for one with signs that systemd replaces (``%h``)."""
    path = text.strip("\"'").lstrip(_BEFORE_A_PROGRAM)
    return Path(os.path.normpath(path)) if path.startswith("/") and "%" not in path else None
