"""The folders of a directory, nearest first: one with thousands of folders hides none that lies beside it."""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OF_THE_KERNEL = ("/dev", "/proc", "/run", "/sys")  # nobody's files, and some of them have no end


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """A folder with the names in it, sorted. What is taken out of ``folders`` is not entered.

    ``links`` are those of ``files`` that are symbolic links.
    """

    folder: Path
    folders: list[str]
    files: list[str]
    links: list[str]


class NearbyFolders:
    """Folders at most ``deepest`` below a directory, and at most ``most`` of them; links are not entered.

    What cannot be listed counts as empty. ``was_cut`` says afterwards whether there were more.
    """

    def __init__(self, directory: Path, *, deepest: int, most: int) -> None:
        self._directory = directory
        self._deepest = deepest
        self._most = most
        self.was_cut = False

    def __iter__(self) -> Iterator[Nearby]:
        waiting = deque([(self._directory, 0)])
        count = 0
        while waiting:
            folder, depth = waiting.popleft()
            if count >= self._most:
                self.was_cut = True
                return
            count += 1
            each = _list(folder)
            yield each
            if depth < self._deepest:
                below = [folder / name for name in each.folders]
                waiting.extend((path, depth + 1) for path in below if str(path) not in OF_THE_KERNEL)


def _list(folder: Path) -> Nearby:
    folders: list[str] = []
    files: list[str] = []
    links: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                (folders if each.is_dir(follow_symlinks=False) else files).append(each.name)
                if each.is_symlink():
                    links.append(each.name)
    except OSError:
        pass  # as of a folder that is not there: the backup itself says what it cannot read
    return Nearby(folder=folder, folders=sorted(folders), files=sorted(files), links=sorted(links))
