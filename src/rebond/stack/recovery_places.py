"""Bringing a stack back into another folder than the one that it came from."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from rebond.config.components import Files
from rebond.config.model import Loaded
from rebond.stack.wanted_paths import is_glob

ELSEWHERE = b"elsewhere"  # below the new root: what did not lie below the old one


class Relocation:
    """Where paths go. Without another folder they stay as they are.

    What lay below the stack's root lies below the new one, in the same way; what lay elsewhere, below
    ``NEW/elsewhere``, under its full path.
    """

    def __init__(self, loaded: Loaded, to: str) -> None:
        self._old = os.path.normpath(os.fsencode(loaded.root))
        self._new = os.path.abspath(os.fsencode(to)) if to else b""
        self.loaded = replace(loaded, root=Path(os.fsdecode(self._new))) if to else loaded

    def move(self, path: bytes) -> bytes:
        """Return where a full path goes."""
        if not self._new or path == self._new or path.startswith(os.path.join(self._new, b"")):
            return path
        if path == self._old or path.startswith(os.path.join(self._old, b"")):
            return os.path.normpath(os.path.join(self._new, os.path.relpath(path, self._old)))
        return os.path.join(self._new, ELSEWHERE, path.lstrip(b"/"))


def find_old_root(loaded: Loaded, roots: Mapping[str, bytes], folder: Path) -> Path | None:
    """Return where a stack lay whose configuration came out of a snapshot; ``None`` where nothing says so.

    ``folder`` is where the configuration lies now: a root that does not start there was written down in full.
    ``roots`` are where the trees of components began when they were saved.
    """
    if not loaded.root.is_relative_to(folder):
        return loaded.root
    for name, component in loaded.configuration.component.items():
        saved = os.fsdecode(roots.get(name, b""))
        if not saved or not isinstance(component, Files) or component.inside or component.volume:
            continue
        paths = [os.path.normpath(each) for each in ((component.path,) if component.path else component.paths)]
        if any(os.path.isabs(each) or ".." in Path(each).parts for each in paths):
            continue
        if len(paths) > 1 or paths == ["."] or is_glob(os.fsencode(paths[0])):
            return Path(saved)  # what several paths name begins at the root
        if saved.endswith("/" + paths[0]):
            return Path(saved[: -len(paths[0]) - 1] or "/")
    return None
