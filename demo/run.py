"""``make demo``: an application is backed up, lost, restored and compared, with the commands that one would type."""

import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from typing import Any

from demo.application import live_a_day, plant_application

REBOND = [sys.executable, "-m", "rebond.cli"]


class Demo:
    """One run below a folder of its own; nothing outside it is touched."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.shop = folder / "shop"
        self.vault = folder / "vault"
        self.back = folder / "back"
        (folder / "passphrase").write_text("a demonstration needs no good one\n")
        own = {
            "REBOND_VAULT": str(self.vault),
            "REBOND_PASSPHRASE_FILE": str(folder / "passphrase"),
            "REBOND_CACHE_DIR": str(folder / "cache"),
            "REBOND_STATE_DIR": str(folder / "state"),
        }
        kept = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
        self.environment = {**kept, **own, "REBOND_LANG": os.environ.get("REBOND_LANG", "")}

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> float:
        """Show a command, run it, return the seconds it took."""
        print(f"\n$ rebond {' '.join(arguments)}", flush=True)
        began = time.monotonic()
        status = subprocess.run([*REBOND, *arguments], env=self.environment, check=False).returncode
        if status not in allowed:
            raise SystemExit(f"demo: this ended with status {status}, which it should not")
        return time.monotonic() - began

    def ask(self, *arguments: str) -> Any:
        """Run a command that answers with JSON."""
        done = subprocess.run([*REBOND, *arguments, "--json"], env=self.environment, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)


def describe_tree(root: pathlib.Path) -> dict[str, str]:
    """Return for each path what a comparison needs: kind, mode, time, content."""
    found = {}
    for path in sorted(root.rglob("*")):
        facts = path.lstat()
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = f"file {stat.S_IMODE(facts.st_mode):o} {facts.st_mtime_ns} {digest}"
        else:
            found[name] = f"directory {stat.S_IMODE(facts.st_mode):o} {facts.st_mtime_ns}"
    return found


def heading(text: str) -> None:
    print(f"\n--- {text} {'-' * (92 - len(text))}", flush=True)


def play(demo: Demo) -> None:
    heading("An application: code, photos, a film, a forest of modules, an .env")
    plant_application(demo.shop)
    files = [path for path in demo.shop.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {size / 1e6:.0f} MB")

    heading("A vault, and a first snapshot")
    demo.run("vault", "create", "--kit", str(demo.shop.parent / "kit.txt"))
    first_seconds = demo.run("backup", "--path", str(demo.shop), "--tag", "monday")

    heading("A day goes by; a second snapshot reads and stores only what is new")
    live_a_day(demo.shop)
    second_seconds = demo.run("backup", "--path", str(demo.shop), "--tag", "tuesday")
    unchanged_seconds = demo.run("backup", "--path", str(demo.shop), "--tag", "again", "--quiet")
    demo.run("snapshots")
    demo.run("diff", "latest:monday", "latest:tuesday")

    heading("Disaster: everything is gone")
    before = describe_tree(demo.shop)
    shutil.rmtree(demo.shop)
    print(f"{demo.shop.name}/ does not exist any more")

    heading("It comes back")
    restore_seconds = demo.run("restore", "latest", "--to", str(demo.back))
    verify_seconds = demo.run("verify", "--read-data")

    after = describe_tree(demo.back / demo.shop.name)
    different = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    heading("What came of it")
    if different:
        raise SystemExit(f"demo: {len(different)} of {len(before)} paths differ, first {different[:5]}")
    stored = sum(path.stat().st_size for path in demo.vault.rglob("*") if path.is_file())
    for name, figure in {
        "compared": f"{len(before)} paths: content, kind, mode and time of each are identical",
        "first snapshot": f"{first_seconds:.1f} s for {size / 1e6:.0f} MB",
        "after a day": f"{second_seconds:.1f} s",
        "nothing changed": f"{unchanged_seconds:.1f} s",
        "restore": f"{restore_seconds:.1f} s from nothing to everything",
        "every byte read": f"{verify_seconds:.1f} s",
        "in the vault": f"{stored / 1e6:.0f} MB for {len(demo.ask('snapshots'))} snapshots of {size / 1e6:.0f} MB each",
    }.items():
        print(f"  {name:<16} {figure}")


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rebond-demo-") as folder:
        play(Demo(pathlib.Path(folder)))
    print(f"  {'all of it':<16} {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
