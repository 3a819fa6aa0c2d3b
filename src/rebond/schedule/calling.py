"""Calls of commits: a hook leaves a file for each, and a run that ended well removes those that it saw."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

CALLS = "calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A file that a hook left: the same name may call again with another file."""

    path: Path
    inode: int
    written_ns: int


@dataclass(frozen=True, slots=True)
class Calls:
    """What calls for a run of a class, as it was found."""

    found: tuple[Call, ...]

    @classmethod
    def look(cls, folder: Path, class_name: str) -> "Calls":
        """Return the calls of a class, the oldest first."""
        found = []
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(calls_folder(folder, class_name)) as it,
        ):
            for entry in it:
                with contextlib.suppress(FileNotFoundError):  # answered by another run, just now
                    status = entry.stat(follow_symlinks=False)
                    found.append(Call(path=Path(entry.path), inode=status.st_ino, written_ns=status.st_mtime_ns))
        return cls(tuple(sorted(found, key=lambda call: call.written_ns)))

    def before(self, moment_ms: int) -> "Calls":
        """Return those that were there at a moment."""
        return Calls(tuple(call for call in self.found if call.written_ns < moment_ms * 1_000_000))

    def are_quiet(self, now_ms: int, pause_ms: int, patience_ms: int) -> bool:
        """Say whether none came for a while, or the first has waited long enough. A clock set back waits no longer."""
        if not self.found:
            return False
        first_ms, last_ms = (self.found[position].written_ns // 1_000_000 for position in (0, -1))
        return not (last_ms <= now_ms < last_ms + pause_ms) or not (first_ms <= now_ms < first_ms + patience_ms)

    def answer(self) -> None:
        """Remove them; one that came anew under the same name stays. Raises ``OSError``."""
        for call in self.found:
            with contextlib.suppress(FileNotFoundError):
                status = call.path.lstat()
                if (status.st_ino, status.st_mtime_ns) == (call.inode, call.written_ns):
                    call.path.unlink()


def calls_folder(folder: Path, class_name: str) -> Path:
    """Return where the hook leaves its files for a class."""
    return folder / CALLS / class_name
