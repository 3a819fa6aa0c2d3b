"""Paths that components name: which part is a name, whatever signs it has, and which a pattern."""

import os
import re
from functools import cached_property

from msgspec import Struct

from rebond.sources.files.globs import translate_glob


class WantedPath(Struct, frozen=True, kw_only=True, dict=True):
    """A path, or what fits ``pattern`` below ``fixed``; an empty pattern is the path itself.

    Only what a component says can be a pattern. The folder of a stack or a volume is called what it is called.
    """

    fixed: bytes
    pattern: bytes = b""

    @property
    def is_pattern(self) -> bool:
        """Whether it may mean several paths, or none."""
        return bool(self.pattern)

    @property
    def text(self) -> bytes:
        """The whole of it, as somebody would write it down."""
        return os.path.join(self.fixed, self.pattern) if self.pattern else self.fixed

    def fits(self, path: bytes) -> bool:
        """Say whether a path is meant: this one, or one that the pattern fits."""
        if not self.pattern:
            return path == self.fixed
        above = os.path.join(self.fixed, b"")
        return path.startswith(above) and self._expression.fullmatch(path[len(above) :]) is not None

    def is_below(self, folder: bytes) -> bool:
        """Say whether all that it may mean lies below a folder, or is one."""
        is_top = self.fixed == folder and self.is_pattern
        return is_top or self.fixed.startswith(os.path.join(folder, b""))

    def glob_below(self, root: bytes) -> bytes:
        """Return it as a pattern from ``root`` on, which lies at ``fixed`` or above it."""
        names = os.path.relpath(self.fixed, root)
        if not self.pattern:
            return escape(names)
        return self.pattern if names == b"." else escape(names) + b"/" + self.pattern

    @cached_property
    def _expression(self) -> re.Pattern[bytes]:
        return re.compile(translate_glob(self.pattern, crosses_slashes=False) or rb"(?!)", re.DOTALL)


def want(base: bytes, path: bytes) -> WantedPath:
    """Return what ``path`` of a component means from the folder ``base`` on, of which every sign is a name."""
    parts = [each for each in os.path.normpath(path).split(b"/") if each not in {b"", b"."}]
    fixed = b"/" if path.startswith(b"/") else os.path.normpath(base) if base else b""
    while parts[:1] == [b".."] and fixed:
        fixed = os.path.dirname(fixed)
        del parts[0]
    first = next((number for number, part in enumerate(parts) if is_glob(part)), len(parts))
    return WantedPath(
        fixed=os.path.join(fixed, *parts[:first]) or b".",
        pattern=b"/".join(each if is_glob(each) else escape(each) for each in parts[first:]),
    )


def is_glob(path: bytes) -> bool:
    """Say whether a path that a component names has signs that stand for others."""
    return any(each in path for each in b"*?[")


def escape(path: bytes) -> bytes:
    """Return the pattern that only this path fits."""
    return re.sub(rb"([\\*?\[])", rb"\\\1", path)
