"""Where the two versions of a component of files lie, as a restore in place wrote it down."""

from pathlib import Path

import msgspec

PLACES = "places"


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two versions lie; decided once, when the component is fetched. ``made`` had to be made for that."""

    place: bytes
    beside: bytes
    made: list[bytes] = []


def read_places(folder: Path) -> Places | None:
    """Return what was remembered in the folder of a part; ``None`` before. Raises ``OSError`` and ``MsgspecError``."""
    try:
        return msgspec.msgpack.decode((folder / PLACES).read_bytes(), type=Places)
    except FileNotFoundError:
        return None
