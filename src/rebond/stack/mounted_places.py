"""Where on this machine the files of a container lie: a restore puts them there, whether the container runs or not."""

import json
import os
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.errors import SourceError
from rebond.sources.channels.volumes import find_far_engine
from rebond.stack.whereabouts import Place, find_engine, list_compose_words

_KUBERNETES, _COMPOSE = "kubernetes", "compose"


class Mounted(Struct, frozen=True, kw_only=True):
    """A folder of this machine that a container has mounted; ``volume`` is what the engine calls it, empty for none."""

    folder: bytes
    volume: str = ""


def find_host_path(component: Component, loaded: Loaded) -> bytes | None:
    """Return the folder on this machine that a container has mounted at, or above, the path of a component.

    ``None`` where there is none, where it may not be written to, or where nobody can say. Nothing is raised: then
    there is another way, and the plan names it.
    """
    path = getattr(component, "path", None)
    found = find_mounted(path, component, loaded) if path else None
    return found.folder if found is not None else None


def find_mounted(path: str, component: Component, loaded: Loaded) -> Mounted | None:
    """Return the same of any path in the container of a component, with the volume that it is in."""
    if component.inside is None or component.inside.engine == _KUBERNETES:
        return None
    try:
        mounts = _list_mounts(component, loaded)
    except SourceError:
        return None
    found, volume = b"", ""
    longest = -1
    for each in mounts:
        inside, outside = str(each.get("Destination") or ""), str(each.get("Source") or "")
        rest = _below(path, inside)
        if rest is not None and outside and len(inside) > longest:
            found, longest = os.path.normpath(os.fsencode(os.path.join(outside, rest))), len(inside)
            volume = str(each.get("Name") or "")
    top = found
    while top and not os.path.isdir(top):
        top = os.path.dirname(top)
    if not found or not os.access(top, os.R_OK | os.W_OK | os.X_OK):
        return None
    return Mounted(folder=found, volume=volume)


def _list_mounts(component: Component, loaded: Loaded) -> Sequence[dict[str, Any]]:
    here = Place(loaded=loaded)
    names, client = _find_containers(component, loaded)
    if not names or find_far_engine(client, loaded.variables, here.ask):  # whose folders are called as some here are
        return []
    try:
        document = json.loads(here.ask([client, "inspect", *names]))
        return [each for container in document for each in container.get("Mounts") or ()]
    except (ValueError, AttributeError, TypeError):
        return []


def _find_containers(component: Component, loaded: Loaded) -> tuple[list[str], str]:
    """Return the container that a component lives in, and the client that knows it; none where compose has none."""
    assert component.inside is not None  # noqa: S101 - the caller looked
    if component.inside.engine != _COMPOSE:
        return [component.inside.name], component.inside.engine
    words = (*list_compose_words(loaded), "ps", "--all", "--quiet", component.inside.name)
    return Place(loaded=loaded).ask(words).decode().split()[:1], find_engine(loaded)


def is_made(component: Component, loaded: Loaded) -> bool:
    """Say whether the container that a component lives in is there, running or not. Nothing is raised."""
    try:
        names, client = _find_containers(component, loaded)
        return bool(names) and bool(Place(loaded=loaded).ask((client, "inspect", *names)))
    except SourceError:
        return False


def _below(path: str, folder: str) -> str | None:
    """Return what of a path comes after a folder; ``None`` when it does not lie there."""
    path, folder = os.path.normpath(path), os.path.normpath(folder) if folder else ""
    if path == folder:
        return ""
    return path[len(folder) + 1 :] if folder and path.startswith(folder.rstrip("/") + "/") else None
