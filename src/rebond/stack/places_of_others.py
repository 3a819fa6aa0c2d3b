"""What lies below the root of a component and belongs to another one, as patterns."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.stack.wanted_paths import WantedPath, escape, want

Relocate = Callable[[bytes], bytes]


def list_patterns(component: Component, stack_root: Path, root: bytes, relocate: Relocate) -> Iterator[str]:
    """Yield patterns, from ``root`` on, of what a component of this machine saves: a database with the files beside it.

    ``relocate`` says where a path lies instead of its configured place.
    """
    if not isinstance(component, Files | Sqlite | Secrets):
        return
    for each in (*((component.path,) if component.path else ()), *component.paths):
        for ending in (b"", *COMPANIONS) if isinstance(component, Sqlite) else (b"",):
            yield from anchor(want(os.fsencode(stack_root), os.fsencode(each)), ending, root, relocate)


def anchor(wanted: WantedPath, ending: bytes, root: bytes, relocate: Relocate) -> Iterator[str]:
    """Yield the pattern, from ``root`` on, of a path that is wanted; ``ending`` is of a file beside it."""
    if not wanted.is_pattern:
        moved = relocate(wanted.fixed + ending)
        if is_below(moved, root):
            yield "/" + os.fsdecode(escape(os.path.relpath(moved, root)))
        return
    fixed, rest = relocate(wanted.fixed), wanted.pattern + ending
    if fixed == root or is_below(fixed, root):
        yield "/" + os.fsdecode(WantedPath(fixed=fixed, pattern=rest).glob_below(root))
    elif is_below(root, fixed) and rest.startswith(b"**/"):
        yield "/" + os.fsdecode(rest)


def is_below(path: bytes, root: bytes) -> bool:
    """Say whether a path lies in a folder."""
    return path.startswith(os.path.join(root, b"")) and path != root
