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

from demo.application import CONFIGURATION, live_a_day, plant_application, read_rows

REBOND = [sys.executable, "-m", "rebond.cli"]


class Demo:
    """One run below a folder of its own; nothing outside it is touched."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.shop = folder / "shop"
        self.vault = folder / "vault"
        self.back = folder / "back"
        (folder / "passphrase").write_text("a demonstration needs no good one\n")
        own = {
            "REBOND_PASSPHRASE_FILE": str(folder / "passphrase"),
            "REBOND_CACHE_DIR": str(folder / "cache"),
            "REBOND_STATE_DIR": str(folder / "state"),
        }
        kept = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
        self.environment = {**kept, **own, "REBOND_LANG": os.environ.get("REBOND_LANG", "")}
        self.folder = folder
        self.place = folder  # where commands are typed

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> float:
        """Show a command, run it, return the seconds it took."""
        print(f"\n$ rebond {' '.join(arguments)}", flush=True)
        began = time.monotonic()
        status = subprocess.run([*REBOND, *arguments], env=self.environment, cwd=self.place, check=False).returncode
        if status not in allowed:
            raise SystemExit(f"demo: this ended with status {status}, which it should not")
        return time.monotonic() - began

    def ask(self, *arguments: str) -> Any:
        """Run a command that answers with JSON."""
        done = subprocess.run(
            [*REBOND, *arguments, "--json"],
            env=self.environment,
            cwd=self.place,
            check=True,
            stdout=subprocess.PIPE,
        )
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


def describe_shop(root: pathlib.Path) -> dict[str, str]:
    """Describe the application, but for its database and its secrets, which are compared by what they say."""
    return {name: text for name, text in describe_tree(root).items() if not name.startswith(("shop.db", ".env"))}


def describe_back(back: pathlib.Path) -> dict[str, str]:
    """Describe what came back, each component at the place that it came from."""
    found = describe_tree(back / "site")
    for component, place in (("modules", "node_modules"), ("media", "media")):
        whole = describe_tree(back)
        prefix = f"{component}/"
        found[place] = whole[component]
        found |= {f"{place}/{name[len(prefix) :]}": text for name, text in whole.items() if name.startswith(prefix)}
    return found


def play(demo: Demo) -> None:
    heading("An application: code, a database, photos, a film, a forest of modules, an .env")
    plant_application(demo.shop)
    files = [path for path in demo.shop.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {size / 1e6:.0f} MB, and its rebond.toml:\n")
    print("".join(f"    {line}\n" for line in CONFIGURATION.splitlines()), end="")

    heading("A vault, and a first snapshot of everything at one moment")
    demo.place = demo.shop
    demo.run("vault", "create", str(demo.vault), "--kit", str(demo.folder / "kit.txt"))
    first_seconds = demo.run("backup", "--tag", "monday")

    heading("A day goes by; a second snapshot reads and stores only what is new")
    live_a_day(demo.shop)
    second_seconds = demo.run("backup", "--tag", "tuesday")
    unchanged_seconds = demo.run("backup", "--tag", "again", "--quiet")
    demo.run("snapshots")
    demo.run("diff", "latest:monday", "latest:tuesday")

    heading("A volume is not mounted: no snapshot is made of nothing, and the last good one stays the latest")
    (demo.shop / "media").rename(demo.folder / "unmounted")
    (demo.shop / "media").mkdir()
    demo.run("backup", allowed=(32,))
    (demo.shop / "media").rmdir()
    (demo.folder / "unmounted").rename(demo.shop / "media")

    heading("Disaster: everything is gone, the configuration too")
    before, rows = describe_shop(demo.shop), read_rows(demo.shop)
    secret = (demo.shop / ".env").read_bytes()
    demo.place = demo.folder
    shutil.rmtree(demo.shop)
    print(f"{demo.shop.name}/ does not exist any more")

    heading("It comes back, with nothing but the vault and its passphrase")
    demo.environment["REBOND_VAULT"] = str(demo.vault)
    restore_seconds = demo.run("restore", "latest", "--to", str(demo.back))
    verify_seconds = demo.run("verify", "--read-data")

    heading("What came of it")
    compare(before, describe_back(demo.back))
    if read_rows(demo.back / "orders") != rows:
        raise SystemExit("demo: the database is not what it was")
    if (demo.back / "keys" / ".env").read_bytes() != secret:
        raise SystemExit("demo: the secrets are not what they were")
    stored = sum(path.stat().st_size for path in demo.vault.rglob("*") if path.is_file())
    for name, figure in {
        "compared": f"{len(before)} paths: content, kind, mode and time of each are identical",
        "database": f"{len(rows)} rows are identical, and each photo that one names is there",
        "first snapshot": f"{first_seconds:.1f} s for {size / 1e6:.0f} MB",
        "after a day": f"{second_seconds:.1f} s",
        "nothing changed": f"{unchanged_seconds:.1f} s",
        "restore": f"{restore_seconds:.1f} s from nothing to everything",
        "every byte read": f"{verify_seconds:.1f} s",
        "in the vault": f"{stored / 1e6:.0f} MB for {len(demo.ask('snapshots'))} snapshots of {size / 1e6:.0f} MB each",
    }.items():
        print(f"  {name:<16} {figure}")


def compare(before: dict[str, str], after: dict[str, str]) -> None:
    """End the demonstration when something is not what it was."""
    different = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if different:
        raise SystemExit(f"demo: {len(different)} of {len(before)} paths differ, first {different[:5]}")


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rebond-demo-") as folder:
        play(Demo(pathlib.Path(folder)))
    print(f"  {'all of it':<16} {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
