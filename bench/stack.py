"""What one set costs beside its parts: a run of a stack of ten components in which nothing changed.

``python -m bench.stack`` makes the stack in a folder of its own, saves it twice, and then compares the third run of the
real program with the sum of reading its sources alone: walking the files, copying the databases, running the commands.
"""

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rebond.config.loading import load_configuration
from rebond.entries import Tree
from rebond.operations.components import ComponentToSave
from rebond.stack.planning import plan_backup

TREES = {"code": 3000, "frontend": 1000, "node": 9000, "python": 6000, "media": 1000}
ALLOWED_SECONDS = 1.5
CONFIGURATION = """\
version = 1
[stack]
name = "measured"
[vault]
url = "vault"
key = { file = "owner.key" }
[component.orders]
kind = "sqlite"
path = "orders.db"
[component.sessions]
kind = "sqlite"
path = "sessions.db"
[component.crontab]
kind = "command"
run = "cat crontab"
[component.packages]
kind = "command"
run = ["cat", "packages"]
[component.secrets]
kind = "secrets"
paths = [".env"]
"""


def main() -> int:
    """Measure, print the figure, and return 1 when it is over what is allowed."""
    parser = argparse.ArgumentParser(prog="python -m bench.stack", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="rebond-stack-") as folder:
        root = Path(folder)
        plant(root)
        run(root, "vault", "create", str(root / "vault"), "--key-file", str(root / "owner.key"), "--kit", "kit.txt")
        for _ in range(2):
            run(root, "backup")
            time.sleep(2.1)  # or everything is so new that it has to be read again
        runs, sums = [], []
        for _ in range(rounds):
            sums.append(sum(read_alone(root).values()))
            runs.append(run(root, "backup"))
        parts = read_alone(root)
    for name, seconds in parts.items():
        print(f"  {name:<12} {seconds:6.3f} s alone")
    beyond = median(runs) - median(sums)
    print(f"one set of {len(parts)}: {median(runs):.2f} s; its sources alone: {median(sums):.2f} s")
    print(f"beyond its sources: {beyond:.2f} s; allowed: {ALLOWED_SECONDS} s")
    return int(beyond > ALLOWED_SECONDS)


def plant(root: Path) -> None:
    """Write the stack: 20,000 files, two databases, two texts, a secret."""
    dice = random.Random(11)
    for tree, count in TREES.items():
        for number in range(count):
            path = root / tree / f"{number % 83}" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(dice.randbytes(dice.randrange(200, 6000)))
    for name, rows in (("orders", 5000), ("sessions", 500)):
        with sqlite3.connect(root / f"{name}.db") as connection:
            connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
            connection.executemany("INSERT INTO rows (text) VALUES (?)", [("x" * 3000,)] * rows)
        connection.close()
    (root / "crontab").write_text("0 3 * * * rebond backup\n")
    (root / "packages").write_text("package 1.0\n" * 500)
    (root / ".env").write_text("SECRET_KEY=one-that-is-long\n")
    files = "".join(f'[component.{name}]\nkind = "files"\npath = "{name}"\n' for name in TREES)
    (root / "rebond.toml").write_text(CONFIGURATION + files)


def environment(root: Path) -> dict[str, str]:
    """Return one without any wish of the user's."""
    own = {"REBOND_CACHE_DIR": str(root / "cache"), "REBOND_STATE_DIR": str(root / "state")}
    return {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")} | own


def run(root: Path, *words: str) -> float:
    """Run the program; return the seconds it took."""
    command = [sys.executable, "-m", "rebond.cli", *words, "--quiet"]
    began = time.monotonic()
    subprocess.run(command, cwd=root, env=environment(root), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def read_alone(root: Path) -> dict[str, float]:
    """Return the seconds that each source takes without a vault."""
    loaded = load_configuration(root / "rebond.toml", environment(root)).loaded
    assert loaded is not None
    return {each.name: read_source(each) for each in plan_backup(loaded).components}


def read_source(component: ComponentToSave) -> float:
    """Walk a source as a backup does in which nothing changed: files by their stamps, everything else to its end."""
    began = time.monotonic()
    tree: Tree = component.open_tree(lambda _: None)
    for listing in tree.listings():
        for position, stamp in enumerate(listing.stamps):
            if stamp or listing.read_whole(position, 1 << 20) is not None:
                continue
            listing.describe(position)
            content = listing.open(position)
            if content is not None:
                while content.read(1 << 20):
                    pass
                content.changed()
                content.close()
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
