"""Changes to a tree, as a day of work makes them; and back again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """How one path was before: ``content`` is ``None`` where nothing was."""

    path: Path
    content: bytes | None
    modified_ns: int = 0


def list_files(tree: Path) -> list[Path]:
    """Return all regular files in sorted order."""
    found: list[Path] = []
    for folder, _, names in os.walk(tree):
        found.extend(path for name in names if not (path := Path(folder, name)).is_symlink())
    return sorted(found)


def mutate(tree: Path, percent: float, *, seed: int) -> list[Undo]:
    """Change ``percent`` of the files and return how to undo it: of 20, 16 are edited in their middle, 2 grow at
    their end, 1 is deleted, and 1 gets a new neighbour."""
    random = Random(seed)
    files = list_files(tree)
    undo: list[Undo] = []
    for path in random.sample(files, max(1, round(len(files) * percent / 100))):
        before = Undo(path=path, content=path.read_bytes(), modified_ns=path.stat().st_mtime_ns)
        undo.append(before)
        line = f"\n// changed: {random.randbytes(12).hex()}\n".encode()
        kind = random.randrange(20)
        if kind < 16:
            _edit(path, before.content or b"", line, random)
        elif kind < 18:
            with path.open("ab") as file:
                file.write(line)
        elif kind == 18:
            path.unlink()
        else:
            added = path.with_name(f"{path.name}.{random.randbytes(4).hex()}.new")
            undo.append(Undo(path=added, content=None))
            added.write_bytes((before.content or b"")[: random.randrange(1, 20_000)] + line)
    return undo


def _edit(path: Path, content: bytes, line: bytes, random: Random) -> None:
    place = random.randrange(len(content) + 1)
    cut = min(len(content), place + random.randrange(60))
    path.write_bytes(content[:place] + line + content[cut:])


def undo_all(changes: list[Undo]) -> None:
    """Put every path back as it was, times included."""
    for change in reversed(changes):
        if change.content is None:
            change.path.unlink(missing_ok=True)
        else:
            change.path.write_bytes(change.content)
            os.utime(change.path, ns=(change.modified_ns, change.modified_ns))


@contextmanager
def mutated(tree: Path, percent: float, *, seed: int) -> Iterator[None]:
    """The tree is changed inside the block and as before after it."""
    changes = mutate(tree, percent, seed=seed)
    try:
        yield
    finally:
        undo_all(changes)
