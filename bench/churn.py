"""Two simulated years of daily backups: how much more is stored, and read at a restore, than a fresh vault would need?

And what it is that is stored more (``bench.stored_split``), and how much the prunes have copied.

A day's work changes the tree, a backup is made, and once a week what retention does not keep is forgotten and pruned:
7 daily, 4 weekly, 12 monthly states stay. The days pass by setting the times of the vault's files back, for ages are
judged by the store's times. At the end every kept snapshot is restored, oldest first, and backed up into a fresh vault:
what that one stores is the ideal.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from bench.generated_text import Writer
from bench.generated_trees import write_file
from bench.measuring import Command, Measure, run_measured
from bench.mutations import mutate
from bench.peers import Place, Rebond, find_content
from bench.rounds import measure_stored
from bench.sections import Section, format_bytes
from bench.stored_split import split_vault

DAY_SECONDS = 86_400


def list_snapshots(tool: Rebond, place: Place) -> list[str]:
    """Return ids, oldest first."""
    command = tool.run(place, "snapshots", "--vault", str(place.vault), "--json")
    environment = {"PATH": os.environ["PATH"], **command.environment}
    answer = subprocess.run(command.pipeline[0], capture_output=True, env=environment, cwd=command.folder, check=True)
    return [row["id"] for row in sorted(json.loads(answer.stdout), key=lambda row: row["time"])]


def forget_snapshots(tool: Rebond, place: Place, snapshots: list[str]) -> list[Command]:
    """Forget these snapshots and free their room."""
    where = ("--vault", str(place.vault))
    return [tool.run(place, "forget", *snapshots, *where, "--yes"), tool.run(place, "prune", *where, "--json")]


def sum_copied(log: Path) -> int:
    """Return the bytes that the prunes of a log have copied out of old packs."""
    return sum(map(int, re.findall(rb'"copied_bytes": ?(\d+)', log.read_bytes())))


def restore_snapshot(tool: Rebond, place: Place, snapshot: str, target: Path) -> Command:
    """Restore one state completely."""
    return tool.run(place, "restore", snapshot, "--vault", str(place.vault), "--to", str(target))


class Years:
    """One tool's run through the days."""

    def __init__(self, *, tool: Rebond, tree: Path, work: Path, seed: int, say: Callable[[str], None]) -> None:
        self._tool, self._tree, self._random, self._say = tool, tree, Random(seed), say
        self._work = work
        self._log = work / "log"
        self._place = Place(tree=tree, vault=work / "vault", cache=work / "cache")
        self._day_of: dict[str, int] = {}
        self.slowest_backup_seconds = 0.0
        self.first_backup_seconds = 0.0

    def live(self, days: int, budget_seconds: float) -> int:
        """Let so many days pass, or fewer: no month is begun after the budget. Return how many it were."""
        until = time.monotonic() + budget_seconds
        shutil.rmtree(self._work, ignore_errors=True)
        self._place.home.mkdir(parents=True)
        for command in self._tool.create(self._place):
            run_measured(command, log=self._log)
        for day in range(days):
            change_for_a_day(self._tree, day, self._random)
            pass_a_day(self._place.vault)
            seconds = run_measured(self._tool.back_up(self._place), log=self._log).wall_seconds
            self.first_backup_seconds = self.first_backup_seconds or seconds
            self.slowest_backup_seconds = max(self.slowest_backup_seconds, seconds if day else 0)
            for snapshot in list_snapshots(self._tool, self._place):
                self._day_of.setdefault(snapshot, day)
            if day % 7 == 6:
                self._clean(day)
            if day % 30 == 29:
                stored = measure_stored(self._place.vault)
                self._say(f"{self._tool.name}, day {day + 1}: {len(self._day_of)} snapshots, {format_bytes(stored)}")
                if time.monotonic() > until:
                    days = day + 1
                    break
        self._clean(days - 1)
        return days

    def _clean(self, today: int) -> None:
        kept = choose_kept(set(self._day_of.values()), today)
        gone = [snapshot for snapshot, day in self._day_of.items() if day not in kept]
        if not gone:
            return
        for command in forget_snapshots(self._tool, self._place, gone):
            run_measured(command, log=self._log, accepted=(0, 3))
        for snapshot in gone:
            del self._day_of[snapshot]

    def judge(self) -> dict[str, Any]:
        """Compare the vault with a fresh one of the same states."""
        split = split_vault(self._tool.find_address(self._place))
        fresh = Place(
            tree=self._work / "state" / self._tree.name, vault=self._work / "fresh", cache=self._work / "cache2"
        )
        fresh.home.mkdir(parents=True)
        state = fresh.tree
        state.mkdir(parents=True)
        for command in self._tool.create(fresh):
            run_measured(command, log=self._log)
        snapshots = list_snapshots(self._tool, self._place)
        for snapshot in snapshots:
            restored = self._work / "restored"
            restored.mkdir()
            old = run_measured(restore_snapshot(self._tool, self._place, snapshot, restored), log=self._log)
            shutil.rmtree(state)
            find_content(self._tool, self._tree, restored).rename(state)
            shutil.rmtree(restored, ignore_errors=True)
            run_measured(self._tool.back_up(fresh), log=self._log)
        restored.mkdir()
        new = run_measured(self._tool.restore(fresh, restored), log=self._log)
        return {**self._summarize(fresh, len(snapshots), old, new), "split": split}

    def _summarize(self, fresh: Place, count: int, old: Measure, new: Measure) -> dict[str, Any]:
        stored, ideal = measure_stored(self._place.vault), measure_stored(fresh.vault)
        return {
            "tool": self._tool.name,
            "snapshots": count,
            "stored": stored,
            "ideal": ideal,
            "amplification": stored / ideal,
            "restore read": old.read_bytes,
            "fresh restore read": new.read_bytes,
            "restore seconds": old.wall_seconds,
            "fresh restore seconds": new.wall_seconds,
            "copied by prune": sum_copied(self._log),
            "first": self.first_backup_seconds,
            "slowest": self.slowest_backup_seconds,
        }


def choose_kept(days: set[int], today: int) -> set[int]:
    """Return the days whose states stay: 7 daily, 4 weekly (each 7th), 12 monthly (each 30th)."""
    daily = {day for day in days if day > today - 7}
    weekly = {day for day in days if day % 7 == 0 and day > today - 28}
    monthly = {day for day in days if day % 30 == 0 and day > today - 360}
    return daily | weekly | monthly


def change_for_a_day(tree: Path, day: int, random: Random) -> None:
    """A day of a team: 0.3 % of the files, two uploads; each week a package, each month 4 % of the packages."""
    if day == 0:
        return
    mutate(tree, 0.3, seed=random.randrange(1 << 30))
    uploads = tree / "media/uploads" / f"day-{day:04d}"
    uploads.mkdir(parents=True)
    for number in range(2):
        write_file(str(uploads / f"{number}.jpg"), random.randbytes(random.randrange(20_000, 120_000)))
    packages = sorted((tree / "frontend/node_modules").iterdir())
    count = max(1, len(packages) // 25) if day % 30 == 0 else int(day % 7 == 0)
    for package in random.sample(packages, count):
        renew_package(package, random)


def renew_package(package: Path, random: Random) -> None:
    """Another version: four files of five are as long as before and other, the rest stay."""
    writer = Writer(Random(random.randrange(1 << 30)))
    for folder, _, names in os.walk(package):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if random.random() < 0.8:
                write_file(path, writer.compose("script", os.path.getsize(path)))


def pass_a_day(vault: Path) -> None:
    """Make everything stored a day older."""
    for folder, _, names in os.walk(vault):
        for name in names:
            path = os.path.join(folder, name)
            modified = os.stat(path).st_mtime - DAY_SECONDS
            os.utime(path, (modified, modified))


def render_split(name: str, split: dict[str, int]) -> str:
    """Return a sentence on what the bytes of a vault are, the most first; what is less than a megabyte is left out."""
    parts = [(size, what) for what, size in split.items() if size >= 1_000_000]
    return f"What {name} has stored: {'; '.join(f'{what} {format_bytes(size)}' for size, what in sorted(parts)[::-1])}."


def measure_churn(
    *,
    tools: list[Rebond],
    make_tree: Callable[[], Path],
    work: Path,
    days: int,
    budget_seconds: float,
    say: Callable[[str], None],
) -> Section:
    """Run the years with each tool, from the same tree and the same changes."""
    results = []
    lived = 0
    for tool in tools:
        tree = make_tree()
        years = Years(tool=tool, tree=tree, work=work / "churn", seed=7, say=say)
        try:
            lived = max(lived, years.live(days, budget_seconds))
            results.append(years.judge())
            say(json.dumps(results[-1]))
        finally:
            shutil.rmtree(work / "churn", ignore_errors=True)
            shutil.rmtree(tree)
    rows: list[tuple[str, ...]] = [
        (
            str(found["tool"]),
            f"{found['snapshots']}",
            format_bytes(float(found["stored"])),
            format_bytes(float(found["ideal"])),
            f"**{float(found['amplification']):.2f} ×**",
            format_bytes(float(found["copied by prune"])),
            f"{float(found['restore read']) / max(1, float(found['fresh restore read'])):.2f} ×",
            f"{float(found['restore seconds']):.2f} s / {float(found['fresh restore seconds']):.2f} s",
            f"{float(found['first']):.2f} s, then at most {float(found['slowest']):.2f} s",
        )
        for found in results
    ]
    return Section(
        title="Churn",
        intro=f"{lived} simulated days of a tree of 60 MB at the start: 0.3 % of the files changed a day, two uploads,"
        " a package replaced a week, 4 % of them a month. Kept: 7 daily, 4 weekly, 12 monthly states, others forgotten"
        " and pruned weekly. The ideal is a fresh vault of the same states.",
        header=(
            "",
            "snapshots",
            "stored",
            "ideal",
            "stored ×",
            "copied by prunes",
            "read by a restore ×",
            "restore of the newest / from the ideal",
            "backups",
        ),
        rows=rows,
        notes=[render_split(str(found["tool"]), found["split"]) for found in results],
        raw=[dict(found) for found in results],
    )
