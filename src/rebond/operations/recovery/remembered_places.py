"""Where the two versions of a component of files lie during a restore in place: chosen once, then written down."""

import os
from pathlib import Path

import msgspec

from rebond.operations.recovery.folders import may_hold

PLACES = "places"
BESIDE = ".rebond-restore-"  # begins the name of the folder that holds the new and the old version


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two versions lie; decided once, when the component is fetched. ``made`` had to be made for that.

    The folder ``beside`` belongs to one run, and holds the versions of all its components that lie there.
    """

    place: bytes
    beside: bytes
    made: list[bytes] = []

    def new_folder(self, component: str) -> bytes:
        """Return where a component is fetched to."""
        return os.path.join(self.beside, b"new", component.encode())

    def old_folder(self, component: str) -> bytes:
        """Return where the version goes that was live."""
        return os.path.join(self.beside, b"old", component.encode())

    def newer_folder(self, component: str) -> bytes:
        """Return where that is kept which was written since the new version was put."""
        return os.path.join(self.beside, b"written-since", component.encode())


def choose_places(top: bytes, near: bytes, run: str) -> Places:
    """Return where the versions of what belongs to ``top`` will lie: on its file system, ``near`` it, or else in it."""
    place = os.path.realpath(top)
    made: list[bytes] = []
    standing = place if os.path.lexists(place) else os.path.dirname(place)
    while not os.path.isdir(standing):
        made.append(standing)
        standing = os.path.dirname(standing)
    others = [each for each in (near, os.path.dirname(place)) if each and each != place]
    folder = next((each for each in others if may_hold(each, standing)), standing)
    return Places(place=place, beside=os.path.join(folder, os.fsencode(BESIDE + run)), made=made[::-1])


def read_places(folder: Path) -> Places | None:
    """Return what was remembered in the folder of a part; ``None`` before. Raises ``OSError`` and ``MsgspecError``."""
    try:
        return msgspec.msgpack.decode((folder / PLACES).read_bytes(), type=Places)
    except FileNotFoundError:
        return None
