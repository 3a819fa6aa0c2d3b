"""Where on this machine the files of a container lie: a restore puts them there, whether the container runs or not."""

import json
import os
from collections.abc import Sequence
from typing import Any

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.errors import SourceError
from rebond.stack.whereabouts import Place, find_engine, list_compose_words

_KUBERNETES, _COMPOSE = "kubernetes", "compose"


def find_host_path(component: Component, loaded: Loaded) -> bytes | None:
    """Return the folder on this machine that a container has mounted at, or above, the path of a component.

    ``None`` where there is none, where it may not be written to, or where nobody can say. Nothing is raised: then
    there is another way, and the plan names it.
    """
    path = getattr(component, "path", None)
    if component.inside is None or component.inside.engine == _KUBERNETES or not path:
        return None
    try:
        mounts = _list_mounts(component, loaded)
    except SourceError:
        return None
    found = b""
    longest = -1
    for each in mounts:
        inside, outside = str(each.get("Destination") or ""), str(each.get("Source") or "")
        rest = _below(path, inside)
        if rest is not None and outside and len(inside) > longest:
            found, longest = os.path.normpath(os.fsencode(os.path.join(outside, rest))), len(inside)
    top = found
    while top and not os.path.isdir(top):
        top = os.path.dirname(top)
    return found if found and os.access(top, os.R_OK | os.W_OK | os.X_OK) else None


def _list_mounts(component: Component, loaded: Loaded) -> Sequence[dict[str, Any]]:
    assert component.inside is not None  # noqa: S101 - the caller looked
    here, names, client = Place(loaded=loaded), [component.inside.name], component.inside.engine
    if client == _COMPOSE:
        words = (*list_compose_words(loaded), "ps", "--all", "--quiet", component.inside.name)
        names, client = here.ask(words).decode().split()[:1], find_engine(loaded)
    if not names:
        return []
    try:
        document = json.loads(here.ask([client, "inspect", *names]))
        return [each for container in document for each in container.get("Mounts") or ()]
    except (ValueError, AttributeError, TypeError):
        return []


def _below(path: str, folder: str) -> str | None:
    """Return what of a path comes after a folder; ``None`` when it does not lie there."""
    path, folder = os.path.normpath(path), os.path.normpath(folder) if folder else ""
    if path == folder:
        return ""
    return path[len(folder) + 1 :] if folder and path.startswith(folder.rstrip("/") + "/") else None
