"""A part of a component, chosen by chance: little enough for every day, another one each day."""

import random
import re

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
    for _ in range(DESCENTS):
        here = root_of(component)
        while here.directory:
            items = list(children(reader, here))
            files = [each for each in items if _is_small_file(each)]
            for each in chance.sample(files, min(len(files), _FILES_OF_EACH)):
                chosen[each.path] = each.entry.size if each.entry is not None else 0
            below = [each for each in items if each.directory]
            if not below:
                break
            here = chance.choice(below)
    patterns = [f"/{_escape(component.name)}/{_escape_path(path)}" for path in sorted(chosen)]
    return Selection.from_flags(patterns), sum(chosen.values())


def _is_small_file(item: Located) -> bool:
    return item.entry is not None and item.entry.kind == EntryKind.FILE and item.entry.size <= _LARGEST_BYTES


def _escape_path(path: bytes) -> str:
    return _escape(path.decode(errors="surrogateescape"))


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
