"""Where a vault and its key go when nobody says: never where the backup of the directory would take them along."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rebond.durable_files import make_directories_durably, replace_durably
from rebond.stack.discovery.written_paths import write_pattern

_INSIDE = ".rebond"
_MOST_NAMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPlaces:
    """The vault's address, and the key files: the owner's, and a writer's where only that is to stay."""

    vault: str
    owner_key: Path
    writer_key: Path


def choose_places(
    directory: Path,
    name: str,
    environment: Mapping[str, str],
    *,
    is_root: bool,
    vault: str = "",
    backup_directory: str = "",
) -> ChosenPlaces:
    """Choose free names. ``vault`` is what somebody asked for, ``backup_directory`` what ``.env`` calls it.

    The machine's own folders for root, the user's for anybody else, and where those cannot be written a folder in
    the directory itself, which is then to be left out of its backup.
    """
    keys = _folder(environment, "XDG_CONFIG_HOME", ".config", "/etc", is_root=is_root) / "rebond"
    vaults = _folder(environment, "XDG_DATA_HOME", ".local/share", "/var/lib", is_root=is_root) / "rebond"
    if not can_be_made(keys) or not (vault or _place_below(directory, backup_directory) or can_be_made(vaults)):
        keys = vaults = directory / _INSIDE
    place = _place_below(directory, backup_directory)
    for number in range(1, _MOST_NAMES):
        free = name if number == 1 else f"{name}-{number}"
        chosen = ChosenPlaces(
            vault=vault or str(place or vaults / free),
            owner_key=keys / f"{free}.owner.key",
            writer_key=keys / f"{free}.writer.key",
        )
        is_taken = os.path.exists(chosen.owner_key) or os.path.exists(chosen.writer_key)
        if not is_taken and (vault or place or not os.path.exists(vaults / free)):
            return chosen
    raise AssertionError(name)  # a thousand stacks of one name


def _place_below(directory: Path, backup_directory: str) -> Path | None:
    """Return a vault below what ``.env`` calls the place of backups; ``None`` where that is no folder to write in.

    It may be an address of somewhere else, or a folder that is there in containers only.
    """
    if not backup_directory or "://" in backup_directory:
        return None
    place = directory / os.path.expanduser(backup_directory) / "vault"
    return place if can_be_made(place) else None


def find_inside(directory: Path, paths: list[Path]) -> tuple[str, ...]:
    """Return patterns for those of the paths that lie in the directory, so that they are left out of it."""
    here = directory.resolve()
    inside = [each.resolve() for each in paths if each.resolve() != here]
    return tuple(write_pattern(str(each.relative_to(here))) for each in inside if each.is_relative_to(here))


def can_be_made(path: Path) -> bool:
    """Say whether a directory is there to be written in, or could be made."""
    there = next((each for each in (path, *path.parents) if os.path.exists(each)), Path("/"))
    return os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)


class Intents:
    """What a run of ``init`` chose for a directory, so that one that was cut is gone on with. Kept in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, directory: Path) -> ChosenPlaces | None:
        """Return what was chosen; ``None`` when nothing was, or it cannot be read: then it is chosen anew."""
        try:
            fields = json.loads(self._path(directory).read_bytes())
            return ChosenPlaces(
                vault=str(fields["vault"]),
                owner_key=Path(fields["owner_key"]),
                writer_key=Path(fields["writer_key"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, directory: Path, chosen: ChosenPlaces) -> None:
        """Keep what was chosen; durable when it returns. Raises ``OSError``."""
        make_directories_durably(str(self._folder))
        fields = {
            "directory": str(directory),
            "vault": chosen.vault,
            "owner_key": str(chosen.owner_key),
            "writer_key": str(chosen.writer_key),
        }
        replace_durably(str(self._path(directory)), json.dumps(fields, indent=2).encode() + b"\n")

    def _path(self, directory: Path) -> Path:
        return self._folder / f"{hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:16]}.json"


def _folder(environment: Mapping[str, str], variable: str, below: str, of_machine: str, *, is_root: bool) -> Path:
    given = Path(environment.get(variable) or "")
    if is_root and not given.is_absolute():
        return Path(of_machine)
    return given if given.is_absolute() else Path(environment.get("HOME") or "/nonexistent") / below
