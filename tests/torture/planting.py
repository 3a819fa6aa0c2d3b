"""Puts known bugs back into a copy of the tree, one at a time; the ordinary tests must catch each."""

import math
import os
import pathlib
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.planted.bug import Bug
from tests.planted.bugs import BUGS

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".demo", ".data",
    ".import_linter_cache", "dist", "build",
)  # fmt: skip
CLEAN_PATIENCE_SECONDS = 3600
PATIENCE_SECONDS, SLOWER = 600, 10  # a bug may make a test hang: no slow machine may look like that
AT_ONCE = int(os.environ.get("REBOND_TORTURE_AT_ONCE", "2"))  # bugs judged beside one another, each in a copy
TESTS_FAILED = 1
CAUGHT, MISSED, RED = "caught", "MISSED", "RED"


@dataclass(frozen=True)
class Verdict:
    """What the suite said to one bug. ``word`` is ``caught``, ``MISSED`` or ``RED``: its judges fail without it too."""

    bug: str
    word: str
    seconds: float
    by: str


class Missed(Exception):
    """A planted bug that no judge noticed, or whose judges are worth nothing now."""


def plant_for(seconds: float) -> str:
    """Judge bugs in a random order as long as there is time, and say how many are left."""
    chosen = list(BUGS)
    seed = int(os.environ.get("REBOND_TORTURE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"REBOND_TORTURE_SEED={seed}", flush=True)
    random.Random(seed).shuffle(chosen)
    return _plant(chosen, time.monotonic() + seconds)


def plant_all(names: Sequence[str] = ()) -> str:
    """Judge every bug, or those named; say each verdict; return the figures. Raises ``Missed``."""
    chosen = [bug for bug in BUGS if not names or bug.name in names]
    if unknown := set(names) - {bug.name for bug in BUGS}:
        raise Missed(f"no such bug: {', '.join(sorted(unknown))}")
    return _plant(chosen, math.inf)


def _plant(chosen: Sequence[Bug], until: float) -> str:
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        free: queue.SimpleQueue[pathlib.Path] = queue.SimpleQueue()
        for number in range(AT_ONCE):
            free.put(_copy_tree(pathlib.Path(folder) / f"{number}"))
        judges = Judges(chosen)

        def judge(bug: Bug) -> None:
            if verdicts and time.monotonic() > until:
                return
            copy = free.get()
            try:
                verdict = _judge(copy, bug, judges)
            finally:
                free.put(copy)
            verdicts.append(verdict)
            count = f"{len(verdicts)}/{len(chosen)}"
            print(f"{count:>7}  {verdict.word:6}  {verdict.bug:36} {verdict.seconds:6.1f} s  {verdict.by}", flush=True)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(judge, chosen))
    return _sum_up(verdicts, len(chosen))


def _sum_up(verdicts: Sequence[Verdict], chosen: int) -> str:
    named = {word: [each.bug for each in verdicts if each.word == word] for word in (CAUGHT, MISSED, RED)}
    figures = f"{len(named[CAUGHT])} of {len(verdicts)} planted bugs were caught"
    if named[MISSED]:
        figures += f"; not {', '.join(named[MISSED])}"
    if named[RED]:
        figures += f"; red without any bug are the judges of {', '.join(named[RED])}"
    if named[MISSED] or named[RED]:
        raise Missed(figures)
    left = chosen - len(verdicts)
    return f"{figures}; {left} were left out: python -m tests.torture planted" if left else figures


class Judges:
    """What the judges say to a tree without any bug: asked once, file by file, when one of them is needed."""

    def __init__(self, bugs: Sequence[Bug]) -> None:
        self._of_file: dict[str, set[str]] = {}
        for judge in {judge for bug in bugs for judge in bug.judges}:
            self._of_file.setdefault(judge.partition("::")[0], set()).add(judge)
        self._locks = {file: threading.Lock() for file in self._of_file}
        self._said: dict[str, tuple[list[str], float]] = {}

    def ask(self, copy: pathlib.Path, judges: Sequence[str]) -> tuple[list[str], float]:
        """Return those that are red in a copy without any bug, and how many seconds their files took."""
        red, seconds = [], 0.0
        for file in {judge.partition("::")[0] for judge in judges}:
            with self._locks[file]:
                if file not in self._said:
                    began = time.monotonic()
                    failed = _run(copy, sorted(self._of_file[file]), stops=False).failed
                    self._said[file] = failed, time.monotonic() - began
            failed, span = self._said[file]
            red += [each for each in failed if any(f"{each}[".startswith((f"{j}[", f"{j}::")) for j in judges)]
            red += [each for each in failed if each in ("nothing", "the tests hang")]
            seconds += span
        return red, seconds


def _copy_tree(folder: pathlib.Path) -> pathlib.Path:
    shutil.copytree(ROOT, folder / "copy", ignore=LEFT_OUT, symlinks=True)
    return folder / "copy"


def _judge(copy: pathlib.Path, bug: Bug, judges: Judges) -> Verdict:
    began = time.monotonic()
    red, seconds = judges.ask(copy, bug.judges)
    if red:
        return Verdict(bug.name, RED, time.monotonic() - began, red[0])
    before = {change.file: (copy / "src/rebond" / change.file).read_text(encoding="utf-8") for change in bug.changes}
    try:
        for change in bug.changes:
            path = copy / "src/rebond" / change.file
            content = path.read_text(encoding="utf-8")
            if content.count(change.old) != 1:
                return Verdict(bug.name, MISSED, 0.0, f"does not fit {change.file} any more")
            path.write_text(content.replace(change.old, change.new), encoding="utf-8")
        ended = _run(copy, bug.judges, patience=PATIENCE_SECONDS + SLOWER * seconds)
    finally:
        for file, content in before.items():
            (copy / "src/rebond" / file).write_text(content, encoding="utf-8")
    return Verdict(bug.name, CAUGHT if ended.is_red else MISSED, time.monotonic() - began, ended.said)


@dataclass(frozen=True)
class Ended:
    """How one run of pytest ended. ``failed`` are the tests that did, by name, or what else went wrong."""

    is_red: bool
    failed: list[str]
    said: str


def _run(
    copy: pathlib.Path, judges: Sequence[str], *, stops: bool = True, patience: float = CLEAN_PATIENCE_SECONDS
) -> Ended:
    """Run tests in the copy, until the first failure where it ``stops`` there."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    options = [
        *(["-x"] if stops else []),
        "-q",
        "--no-header",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        f"--basetemp={copy.parent / 'temporary'}",
    ]
    command = [sys.executable, "-m", "pytest", *options, *judges]
    try:
        ended = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        return Ended(True, ["the tests hang"], "the tests hang")
    said = ((ended.stdout + ended.stderr).strip().splitlines() or ["nothing"])[-1][:100]
    if ended.returncode == 0:
        return Ended(False, [], said)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", ended.stdout, re.MULTILINE)
    if failed and ended.returncode == TESTS_FAILED:
        return Ended(True, failed, failed[0].rpartition("::")[2])
    # Without the name of a test that failed, something else went wrong: that is no catch.
    print(f"pytest ended with {ended.returncode}: {ended.stdout.strip().splitlines()[-5:]}", file=sys.stderr)
    return Ended(False, ["nothing"], said)
