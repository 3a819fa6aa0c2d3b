"""A pause: nothing runs unattended until it is over. Runs by hand do not ask."""

import contextlib
import os
from pathlib import Path

import msgspec

from rebond.durable_files import fsync_directory, make_directories_durably, replace_durably

FILE_NAME = "pause.json"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Since when, why, by whom; ``until_ms`` ``None`` lasts until somebody ends it. Milliseconds since 1970, UTC."""

    since_ms: int
    reason: str
    who: str
    until_ms: int | None = None

    def holds(self, now_ms: int) -> bool:
        """Say whether it is not over yet."""
        return self.until_ms is None or now_ms < self.until_ms


def read_pause(folder: Path, now_ms: int) -> Pause | None:
    """Return the pause that holds now."""
    try:
        pause = msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=Pause)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except msgspec.MsgspecError:
        return None  # a spoilt file stops no backup
    return pause if pause.holds(now_ms) else None


def write_pause(folder: Path, pause: Pause) -> None:
    """Begin a pause, or change it; survives a power cut. Raises ``OSError``."""
    make_directories_durably(os.fspath(folder))
    replace_durably(os.fspath(folder / FILE_NAME), msgspec.json.encode(pause))


def end_pause(folder: Path) -> None:
    """End the pause, if there is one. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        (folder / FILE_NAME).unlink()
        fsync_directory(os.fspath(folder))
