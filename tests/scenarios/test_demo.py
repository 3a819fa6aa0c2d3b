"""The demonstration runs to its end on a machine that has no PostgreSQL: a newcomer's has none."""

import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
_OF_POSTGRES = ("pg_", "psql", "postgres", "createdb", "dropdb", "initdb", "vacuumdb", "reindexdb", "clusterdb")
_HIDE = 'mount -t tmpfs none /usr/lib/postgresql 2>/dev/null; exec "$@"'


def copy_path_without_postgres(folder: pathlib.Path) -> str:
    """Return a PATH with all programs of this machine, but not those of PostgreSQL."""
    folder.mkdir()
    for place in map(pathlib.Path, os.get_exec_path()):
        for program in place.iterdir() if place.is_dir() else ():
            if not program.name.startswith(_OF_POSTGRES) and not os.path.lexists(folder / program.name):
                (folder / program.name).symlink_to(program)
    return str(folder)


@pytest.mark.judge("root")
def test_the_demonstration_needs_nothing_of_the_machine() -> None:
    with tempfile.TemporaryDirectory(prefix="rebond-demo-test-") as folder:
        os.chmod(folder, 0o1777)  # the server below it is another user's, and so is its PATH
        path = copy_path_without_postgres(pathlib.Path(folder, "bin"))
        done = run_demo(path, folder)
        left = [name for name in os.listdir(folder) if name != "bin"]
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert "content, kind, mode and time of each are identical" in done.stdout
    assert not left


def run_demo(path: str, temporary: str) -> subprocess.CompletedProcess[str]:
    """Run it where this machine's servers cannot be seen."""
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", _HIDE, "sh", sys.executable, "-m", "demo.run"],
        cwd=ROOT,
        env={"PATH": path, "TMPDIR": temporary, "HOME": temporary, "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
