"""What a run touched itself after its last part was in its place: that is nobody else's work."""

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from rebond.durable_files import replace_durably

_FILE = "own-touches.json"  # in the folder of a run
Touches = Mapping[str, int]


def is_own(status: os.stat_result, own: Touches) -> bool:
    """Say whether the last change of a file, or of a folder, was the run's own."""
    return own.get(_name(status)) == status.st_ctime_ns


def read_touches(folder: Path) -> dict[str, int]:
    """Return when the run changed what last; nothing where that was not written down."""
    try:
        found = json.loads((folder / _FILE).read_bytes())
        return {str(name): int(changed_ns) for name, changed_ns in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


@contextlib.contextmanager
def touching(folder: Path, paths: Collection[Path], since_ns: int) -> Iterator[None]:
    """Write down what the block changed of ``paths``, unless somebody else had changed it since ``since_ns``.

    Where it is cut, or cannot be written down, its changes are taken for somebody's: one is asked once too often.
    """
    own = read_touches(folder)
    before = {path: _look(path) for path in paths}
    yield
    for path, old in before.items():
        new = _look(path)
        if new is not None and (old is None or old.st_ctime_ns <= since_ns or is_own(old, own)):
            own[_name(new)] = new.st_ctime_ns
    with contextlib.suppress(OSError):
        replace_durably(os.fspath(folder / _FILE), json.dumps(own).encode())


def _look(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _name(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"
