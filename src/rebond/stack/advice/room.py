"""Room: for what the next backup brings, for a restore beside what is there, and what is to be left free."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rebond.config.stacks import Vault
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.units import format_size

CHECK = "room"
FLOOR_BYTES = 1_000_000_000  # a share of a small disk is not enough (the guides' own alarm)
MARGIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What has to fit, in bytes: what the next backup may add, and what a restore of everything brings."""

    expected_new: int
    restored: int


def check_room(scene: Scene, vault_directory: Path | None, amounts: Amounts) -> Iterator[Observation]:
    """Yield where it is too small. ``vault_directory`` is ``None`` for a vault that is not a directory here."""
    if vault_directory is not None:
        yield from _check_vault(scene, vault_directory, amounts)
    yield from _check_aside(scene, vault_directory, amounts)


def _check_vault(scene: Scene, directory: Path, amounts: Amounts) -> Iterator[Observation]:
    free, _ = measure_room(directory)
    wanted = MARGIN * amounts.expected_new
    clean = "rebond forget --prune"
    if free < wanted:
        yield Observation(
            check=CHECK,
            code="vault-full",
            weight=Weight.FAILURE if free < amounts.expected_new else Weight.WARNING,
            template="The next backup may bring {new}; {place} has {free} left, and twice that should be free.",
            values={"new": format_size(amounts.expected_new), "place": str(directory), "free": format_size(free)},
            command=clean,
        )
    vault = scene.configuration.vault
    if vault is not None:
        yield from check_reserve(vault, directory, clean)


def check_reserve(vault: Vault, directory: Path, clean: str) -> Iterator[Observation]:
    """Yield a warning where less is free in a vault's directory than is to stay free; ``clean`` is what mends it."""
    if vault.reserve is None:
        return
    reserve = vault.reserve
    free, total = measure_room(directory)
    least = reserve.size_bytes if reserve.share is None else max(round(total * reserve.share), FLOOR_BYTES)
    if least is not None and free < least:
        yield Observation(
            check=CHECK,
            code="reserve",
            weight=Weight.WARNING,
            template="{place} has {free} left; {least} are to stay free.",
            values={"place": str(directory), "free": format_size(free), "least": format_size(least)},
            command=clean,
        )


def _check_aside(scene: Scene, vault_directory: Path | None, amounts: Amounts) -> Iterator[Observation]:
    """A restore in place keeps the old beside the new until both are judged."""
    root = scene.loaded.root
    free, _ = measure_room(root)
    shares_disk = vault_directory is not None and _device(vault_directory) == _device(root)
    wanted = amounts.restored + (MARGIN * amounts.expected_new if shares_disk else 0)
    if free < wanted:
        yield Observation(
            check=CHECK,
            code="no-room-aside",
            weight=Weight.WARNING,
            template="A restore beside what is there takes {wanted}; {place} has {free} left.",
            values={"wanted": format_size(wanted), "place": str(root), "free": format_size(free)},
            command="rebond forget --prune"
            if shares_disk
            else scene.root_command("du", "--one-file-system", "--max-depth=2", "--human-readable", root),
        )


def measure_room(path: Path) -> tuple[int, int]:
    """Return the bytes that are free for this user and those that there are, where ``path`` is or would be made."""
    there = next(each for each in (path, *path.parents) if each.exists())
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _device(path: Path) -> int:
    there = next(each for each in (path, *path.parents) if each.exists())
    return there.stat().st_dev
