"""A data directory as a server that archives has it: segments that are ready, and where it is called from."""

import os
import subprocess
import sys
from pathlib import Path

from rebond.testing.wal_segments import SYSTEM_ID, make_segment, name_segment

LAUNCHER = Path(__file__).parents[3] / "launchers" / "rebond-wal"


class WaitingServer:
    """A data directory with ``pg_wal``; the program is called in it, as PostgreSQL does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pg_wal" / "archive_status").mkdir(parents=True)
        (folder / "global").mkdir()
        (folder / "global" / "pg_control").write_bytes(SYSTEM_ID.to_bytes(8, sys.byteorder) + bytes(300))
        (folder / "PG_VERSION").write_text("15\n")

    def finish(self, timeline: int, number: int, *, seed: int = 0) -> str:
        """Write a segment and mark it as ready; return its path as PostgreSQL gives it."""
        name = name_segment(timeline, number)
        (self.folder / "pg_wal" / name).write_bytes(make_segment(timeline, number, seed=seed))
        (self.folder / "pg_wal" / "archive_status" / f"{name}.ready").touch()
        return f"pg_wal/{name}"

    def call(self, *words: str, socket: Path | str = "", **environment: str) -> tuple[int, str]:
        """Call ``rebond-wal`` in the data directory; return its status and what it said."""
        done = subprocess.run(
            [LAUNCHER, *(["--socket", str(socket)] if socket else []), *words],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "REBOND_PYTHON": sys.executable, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr
