"""Who may read and change what: the configuration, which holds commands; key files; files of secrets; the vault."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from rebond.config.references import FromFile
from rebond.stack.advice.observing import Observation, Scene, Weight

CHECK = "permissions"
_SECRET_FIELDS = {"key", "passphrase", "password", "token", "to", "heartbeat"}


def check_permissions(scene: Scene) -> Iterator[Observation]:
    """Yield every file that too many people may read or change."""
    for file in scene.loaded.files:
        yield from _check_configuration(scene, file)
    for path in find_secret_files(scene):
        yield from _check_secret(scene, path)
    for name in scene.configuration.stack.env:
        yield from _check_variables(scene, scene.loaded.root / name)
    yield from _check_vault_directory(scene)
    yield from _check_folders(scene)


def find_secret_files(scene: Scene) -> list[Path]:
    """Return the files that hold keys, passphrases and passwords of the configuration."""
    found: dict[Path, None] = {}

    def walk(value: object, name: str) -> None:
        if isinstance(value, FromFile):
            if name in _SECRET_FIELDS:
                found[scene.loaded.root / os.path.expanduser(value.file)] = None
        elif isinstance(value, Struct):
            for each in value.__struct_fields__:
                walk(getattr(value, each), each)
        elif isinstance(value, dict):
            for each in value.values():
                walk(each, name)
        elif isinstance(value, tuple):
            for each in value:
                walk(each, name)

    walk(scene.configuration, "")
    return list(found)


def _check_configuration(scene: Scene, file: Path) -> Iterator[Observation]:
    found = _stat(file)
    if found is None:
        return
    if found.st_mode & 0o002 or (found.st_mode & 0o020 and not _is_group_of_one(found)):
        yield Observation(
            check=CHECK,
            code="configuration-writable",
            weight=Weight.WARNING,
            template="{path} can be changed by others, and the commands in it run as {user}.",
            values={"path": str(file), "user": scene.user},
            command=scene.command("chmod", "go-w", file),
            is_safe=found.st_uid == scene.uid or scene.is_root,
        )
    if scene.is_root and found.st_uid != 0:
        yield Observation(
            check=CHECK,
            code="configuration-owner",
            weight=Weight.WARNING,
            template="{path} belongs to {owner}, and the commands in it run as root.",
            values={"path": str(file), "owner": _name_of(found.st_uid)},
            command=scene.command("chown", "root:", file),
        )


def _check_secret(scene: Scene, path: Path) -> Iterator[Observation]:
    found = _stat(path)
    if found is None:
        return  # the vault's check says so
    if found.st_mode & 0o077:
        yield Observation(
            check=CHECK,
            code="secret-readable",
            weight=Weight.WARNING,
            template="{path} holds a secret, and others than its owner may read or change it (mode {mode}).",
            values={"path": str(path), "mode": f"{stat.S_IMODE(found.st_mode):04o}"},
            command=_chmod(scene, found, "600", path),
            is_safe=found.st_uid == scene.uid or scene.is_root,
        )


def _check_variables(scene: Scene, path: Path) -> Iterator[Observation]:
    found = _stat(path)
    if found is not None and found.st_mode & 0o007:
        yield Observation(
            check=CHECK,
            code="variables-readable",
            weight=Weight.WARNING,
            template="{path} holds the stack's secrets, and everybody on this machine may read it (mode {mode}).",
            values={"path": str(path), "mode": f"{stat.S_IMODE(found.st_mode):04o}"},
            command=_chmod(scene, found, "o-rwx", path),
        )


def _check_vault_directory(scene: Scene) -> Iterator[Observation]:
    """A vault in a directory: what is in it is sealed, but whoever may write there may delete."""
    vault = scene.configuration.vault
    if vault is None or not isinstance(vault.url, str) or "://" in vault.url:
        return
    path = scene.loaded.root / os.path.expanduser(vault.url)
    found = _stat(path)
    if found is not None and found.st_mode & 0o077:
        yield Observation(
            check=CHECK,
            code="vault-open",
            weight=Weight.WARNING,
            template="The vault's directory {path} is open to others (mode {mode}).",
            values={"path": str(path), "mode": f"{stat.S_IMODE(found.st_mode):04o}"},
            command=_chmod(scene, found, "700", path),
            is_safe=found.st_uid == scene.uid or scene.is_root,
        )


def _check_folders(scene: Scene) -> Iterator[Observation]:
    for path in (scene.state_folder, scene.cache_folder):
        there = next(each for each in (path, *path.parents) if each.exists())
        if os.access(there, os.W_OK | os.X_OK):
            continue
        yield Observation(
            check=CHECK,
            code="folder-unwritable",
            weight=Weight.WARNING,
            template="Nothing can be kept between runs in {path}: {user} may not write there.",
            values={"path": str(path), "user": scene.user},
            command=f"sudo install -d -m 700 -o {scene.user} {scene.command(path)}",
        )


def _chmod(scene: Scene, found: os.stat_result, mode: str, path: Path) -> str:
    is_own = scene.is_root or found.st_uid == scene.uid
    return scene.command("chmod", mode, path) if is_own else scene.root_command("chmod", mode, path)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is_group_of_one(found: os.stat_result) -> bool:
    """Whether nobody but its owner is in a file's group: where each user has such a group, files may be open to it."""
    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    return owner.pw_gid == group.gr_gid and owner.pw_name == group.gr_name and set(group.gr_mem) <= {owner.pw_name}


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
