"""Paths whose files are watched for changes: a component may name a pattern, the root of a stack is a name."""

import glob
import os

from msgspec import Struct


class WatchedPath(Struct, frozen=True):
    """What a component names below ``root``; a full path stands for itself."""

    root: str
    path: str

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for whatever fits it."""
        return glob.has_magic(self.path)

    @property
    def whole(self) -> str:
        """The full path or pattern, as somebody would write it down."""
        return os.path.join(self.root, self.path)

    @property
    def fixed(self) -> str:
        """The path, or the folder in which the first star of a pattern stands."""
        parts = self.path.split("/")
        first = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts))
        fixed = "/".join(parts[:first]) or ("/" if self.path.startswith("/") else "")
        return os.path.join(self.root, fixed).rstrip("/") or "/"

    def find(self) -> list[str]:
        """Return what is there and fits, sorted."""
        if not self.is_pattern:
            return [self.whole] if os.path.lexists(self.whole) else []
        pattern = os.path.join(glob.escape(self.root), self.path)
        return sorted(glob.iglob(pattern, recursive=True, include_hidden=True))
