"""What a component in a container or a volume means by its paths: where its tree begins, and what of it is wanted."""

import os
from collections.abc import Sequence

from rebond.stack.wanted_paths import WantedPath, want


def list_topmost(paths: Sequence[bytes]) -> list[bytes]:
    """Return the paths that lie below none of the others: tar would take what comes twice for hard links."""
    if b"." in paths:
        return [b"."]
    found: list[bytes] = []
    for path in sorted(set(paths), key=lambda each: each.split(b"/")):
        if not found or not path.startswith(found[-1] + b"/"):
            found.append(path)
    return found


def find_beginning(folder: bytes, paths: Sequence[str]) -> tuple[bytes, list[WantedPath]]:
    """Return where the tree of a component begins, and what is wanted of it.

    One path without a glob is the tree. Several begin at the folder of the volume, whoever reads it, and inside a
    container (``folder`` is empty) where their ways part.
    """
    wanted = [want_below(folder, each) for each in paths] or [WantedPath(fixed=folder)]
    if len(wanted) == 1 and not wanted[0].is_pattern:
        return wanted[0].fixed, wanted
    fixed = [each.fixed for each in wanted]
    if folder and all(each == folder or each.startswith(os.path.join(folder, b"")) for each in fixed):
        return folder, wanted
    return os.path.commonpath(fixed), wanted


def find_top_inside(folder: bytes, wanted: Sequence[WantedPath]) -> bytes:
    """Return where a tree of single files (secrets, databases) begins: at the folder of a volume, whoever reads it.

    In a container (``folder`` is empty) it is where their ways part, whatever a pattern finds there.
    """
    if folder:
        return folder
    return os.path.commonpath(
        [each.fixed if each.is_pattern else os.path.dirname(each.fixed) or b"/" for each in wanted]
    )


def place_below(folder: bytes, path: bytes) -> bytes:
    """Return a path of a component as it is in its place: below the folder of a volume, or just so."""
    return os.path.normpath(os.path.join(folder, path.lstrip(b"/")) if folder else path)


def want_below(folder: bytes, path: str) -> WantedPath:
    """Return what a path of a component means in its place; how a folder of a volume is called is no pattern."""
    return want(folder, os.fsencode(path.lstrip("/") if folder else path))
