"""Whether this user may read what is to be saved, and how much of it there is, as far as a short look goes."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.errors import RebondError
from rebond.mount_points import find_unmounted
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.file_trees import expand
from rebond.stack.wanted_paths import WantedPath, want

CHECK = "rights"
LOOK_SECONDS = 0.8


@dataclass(slots=True)
class Looked:
    """What a look found. ``is_whole`` says that everything was seen before the time was over."""

    size_bytes: int = 0
    is_whole: bool = True
    unreadable: list[str] = field(default_factory=list)
    missing: dict[str, type[Component]] = field(default_factory=dict)  # with the kind that names it


def look_at_files(scene: Scene) -> Looked:
    """Walk what the configuration saves from this machine, for less than a second."""
    looked = Looked()
    if _is_missing(str(scene.loaded.root)):
        looked.missing[str(scene.loaded.root)] = Files
        return looked
    until = scene.clock.monotonic() + LOOK_SECONDS
    seen: set[str] = set()
    for component in scene.configuration.component.values():
        if component.inside or component.volume or not isinstance(component, Files | Sqlite | Secrets):
            continue
        for path in (*((component.path,) if component.path else ()), *component.paths):
            wanted = want(os.fsencode(scene.loaded.root), os.fsencode(path))
            if wanted.is_pattern:
                found = _expand(wanted)
            else:
                place = os.fsdecode(wanted.fixed)
                found = [place]
                if _is_missing(place):
                    looked.missing[place] = type(component)
                    continue
            for each in found:
                if each not in seen and not any(each.startswith(f"{above}/") for above in seen):
                    seen.add(each)
                    _walk(scene, each, looked, until)
    return looked


def check_rights(scene: Scene, looked: Looked) -> Iterator[Observation]:
    """Yield paths that are not there or cannot be read."""
    for path, kind in looked.missing.items():
        yield Observation(
            check=CHECK,
            code="path-missing",
            weight=Weight.FAILURE,
            template="{path} is to be saved and is not there.",
            values={"path": path},
            command=_bring_back(scene, path, kind),
        )
    if looked.unreadable:
        first = looked.unreadable[0]
        yield Observation(
            check=CHECK,
            code="unreadable",
            weight=Weight.WARNING,
            template="{user} may not read {path} and {count} more; a backup would list them as missing."
            if len(looked.unreadable) > 1
            else "{user} may not read {path}; a backup would list it as missing.",
            values={"user": scene.user, "path": first, "count": len(looked.unreadable) - 1},
            command=scene.root_command(
                "setfacl", "--recursive", "--modify", f"u:{scene.user}:rX", *looked.unreadable[:20]
            ),
        )


def _bring_back(scene: Scene, path: str, kind: type[Component]) -> str:
    """Return the command that mounts the disk that ``/etc/fstab`` has for a path; else one that makes what is missing.

    A database cannot be made out of nothing: then the configuration is to be looked at. Nor can a secret: an empty
    file would end the alarm and save nothing, so the command waits for its content.
    """
    if place := find_unmounted(path):
        return scene.root_command("mount", place)
    if kind is Sqlite:
        return f"${{EDITOR:-vi}} {scene.command(scene.path)}"
    if kind is Secrets:
        return scene.command("install", "-D", "--mode=600", "/dev/stdin", path)
    return scene.command("mkdir", "--parents", path)


def _is_missing(place: str) -> bool:
    """Say whether nothing is there; what may not be looked at may be there."""
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _expand(wanted: WantedPath) -> list[str]:
    try:
        found = expand(wanted.fixed, wanted, lambda _finding: None)
        return [os.fsdecode(os.path.join(wanted.fixed, each)) for each in found]
    except (RebondError, OSError):
        return []


def _walk(scene: Scene, place: str, looked: Looked, until: float) -> None:
    waiting = [place]
    while waiting:
        if scene.clock.monotonic() > until:
            looked.is_whole = False
            return
        path = waiting.pop()
        try:
            if not os.path.isdir(path) or os.path.islink(path):
                _look_at_file(scene, path, os.lstat(path).st_size, looked)
                continue
            with os.scandir(path) as entries:
                for each in entries:
                    if each.is_dir(follow_symlinks=False):
                        waiting.append(each.path)
                    elif each.is_file(follow_symlinks=False):
                        _look_at_file(scene, each.path, each.stat(follow_symlinks=False).st_size, looked)
        except FileNotFoundError:
            continue
        except OSError:
            looked.unreadable.append(path)


def _look_at_file(scene: Scene, path: str, size_bytes: int, looked: Looked) -> None:
    looked.size_bytes += size_bytes
    if not scene.is_root and not os.path.islink(path) and not os.access(path, os.R_OK, effective_ids=True):
        looked.unreadable.append(path)
