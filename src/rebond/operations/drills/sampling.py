"""A part of a component, chosen by chance: little enough for every day, another one each day."""

import random
import re
from collections import Counter
from collections.abc import Iterator

from rebond.entries import EntryKind
from rebond.operations.browsing import Located, children, root_of
from rebond.operations.selection import Selection
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import PrivateComponent

DESCENTS = 24
_FILES_OF_EACH = 8
_LARGEST_BYTES = 64 << 20
_SPECIAL = re.compile(r"([\\*?\[\]])")


def choose_sample(
    reader: SnapshotReader, component: PrivateComponent, chance: random.Random | None = None
) -> tuple[Selection, int]:
    """Return a few files of a component, and how many bytes they have; all when it is small.

    From the top, a way down is chosen by chance at each directory, several times over; so of a large tree only what
    lies along these ways is looked at. Files that are very large are left out.
    """
    chance = chance or random.Random()
    chosen: dict[bytes, int] = {}
    pending = [(root_of(component), DESCENTS)]
    while pending:
        here, ways = pending.pop()
        if here.directory:
            files, below = _draw(children(reader, here), ways, chance)
            chosen.update(files)
            by_path = {each.path: each for each in below}
            pending += [(by_path[path], count) for path, count in Counter(each.path for each in below).items()]
    patterns = [f"/{_escape(component.name)}/{_escape_path(path)}" for path in sorted(chosen)]
    return Selection.from_flags(patterns), sum(chosen.values())


def _draw(items: Iterator[Located], ways: int, chance: random.Random) -> tuple[list[tuple[bytes, int]], list[Located]]:
    """Draw files, with their sizes, and for each way a subdirectory, in one pass: there may be a million of either."""
    files: list[tuple[bytes, int]] = []
    below: list[Located] = []
    most, file_count, directory_count = ways * _FILES_OF_EACH, 0, 0
    for item in items:
        if item.directory:
            directory_count += 1
            kept = below or [item] * ways
            below = [item if chance.random() * directory_count < 1 else each for each in kept]
        elif item.entry is not None and _is_small_file(item):
            file_count += 1
            if len(files) < most:
                files.append((item.path, item.entry.size))
            elif (position := int(chance.random() * file_count)) < most:
                files[position] = (item.path, item.entry.size)
    return files, below


def _is_small_file(item: Located) -> bool:
    return item.entry is not None and item.entry.kind == EntryKind.FILE and item.entry.size <= _LARGEST_BYTES


def _escape_path(path: bytes) -> str:
    return _escape(path.decode(errors="surrogateescape"))


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
