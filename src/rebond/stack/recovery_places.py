"""Bringing a stack back into another folder than the one that it came from."""

import os
from dataclasses import replace
from pathlib import Path

from rebond.config.model import Loaded

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
