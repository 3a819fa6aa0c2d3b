"""What lies below the root of a component and belongs to another one, as patterns."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.stack.wanted_paths import WantedPath, escape, want

Relocate = Callable[[bytes], bytes]


def list_patterns(
    component: Component, stack_root: Path, root: bytes, relocate: Relocate, own: Component
) -> Iterator[str]:
    """Yield patterns, from ``root`` on, of what a component of this machine saves: a database with the files beside it.

    ``relocate`` says where a path lies instead of its configured place. ``root`` is that of the component ``own``: of
    what the paths of two components of files take in, the one that names it more closely keeps it. Else each would
    leave it to the other one.
    """
    if not isinstance(component, Files | Sqlite | Secrets):
        return
    claims: list[WantedPath] = []
    if isinstance(component, Files) and isinstance(own, Files):
        claims = [want_path(each, stack_root) for each in list_paths(own)]
    for each in list_paths(component):
        wanted = want_path(each, stack_root)
        if any(_names_more_closely(claim, wanted) for claim in claims):
            continue
        for ending in (b"", *COMPANIONS) if isinstance(component, Sqlite) else (b"",):
            yield from anchor(wanted, ending, root, relocate)


def list_paths(component: Files | Sqlite | Secrets) -> tuple[str, ...]:
    """Return the paths and patterns that a component is made of."""
    return (*((component.path,) if component.path else ()), *component.paths)


def want_path(path: str, stack_root: Path) -> WantedPath:
    """Return where one of them begins, and what fits below."""
    return want(os.fsencode(stack_root), os.fsencode(path))


def _names_more_closely(claim: WantedPath, other: WantedPath) -> bool:
    """Say whether a path lies in what another one takes in, and begins deeper or is the longer pattern.

    Of two that are the same each does: then both bring it.
    """
    if claim.fixed == other.fixed:
        return (claim.is_pattern, len(claim.pattern)) >= (other.is_pattern, len(other.pattern))
    return is_below(claim.fixed, other.fixed)


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
