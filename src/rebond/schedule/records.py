"""What was done of each job, in files that survive a power cut.

``jobs/NAME.json`` is written before a run begins and after it has ended. Whoever writes it holds the job's lock
(see ``turns``), or makes the first one.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from rebond.durable_files import TEMPORARY_PREFIX, make_directories_durably, replace_durably

JOBS = "jobs"
_SUFFIX = ".json"


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a job has come. Times are milliseconds since 1970, UTC.

    ``taken_ms`` is the last moment of the calendar that was taken, or since when the job is known. Between the begin
    and the end of its run ``attempts`` says how often that was begun. For jobs that wait for a change, ``saved`` names
    the state of things that the last good run saved, ``aimed`` that which the last run found. ``is_lacking`` says that
    a snapshot of this moment stands which lacks what did not answer: what is tried again makes a whole one or none.
    """

    schedule: str = ""
    taken_ms: int = 0
    attempts: int = 0
    began_ms: int = 0
    ended_ms: int = 0
    status: int = 0
    failures: int = 0
    saved: str = ""
    aimed: str = ""
    is_lacking: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether a run began and nobody has seen its end."""
        return self.attempts > 0 and self.ended_ms == 0

    @property
    def has_ended_well(self) -> bool:
        """Whether the last run ended, and made what it was to make."""
        return self.ended_ms > 0 and self.status in GOOD_STATUSES


GOOD_STATUSES = frozenset({0, 3})  # 3: a snapshot stands, and something deserves a look


class Records:
    """The records of one stack, below its folder. Raises ``OSError``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / JOBS

    def read(self, name: str) -> JobRecord | None:
        """Return the record of a job; ``None`` when there is none, or none that can be read."""
        try:
            return msgspec.json.decode(self._path(name).read_bytes(), type=JobRecord)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except msgspec.MsgspecError:
            # Nothing here writes half a file. What a faulty disk spoilt is as good as none: the job is begun anew.
            return None

    def write(self, name: str, record: JobRecord) -> None:
        """Replace the record; when this returns, it survives a power cut."""
        make_directories_durably(os.fspath(self._folder))
        replace_durably(os.fspath(self._path(name)), msgspec.json.encode(record))

    def sweep(self) -> None:
        """Remove what interrupted writes left behind. Nobody may be writing meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            for each in self._folder.iterdir():
                if each.name.startswith(TEMPORARY_PREFIX):
                    each.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"
