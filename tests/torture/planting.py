"""Puts known bugs back into a copy of the tree, one at a time; the ordinary tests must catch each."""

import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
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
PATIENCE_SECONDS = 600
AT_ONCE = int(os.environ.get("REBOND_TORTURE_AT_ONCE", "2"))  # bugs judged beside one another, each in a copy
TESTS_FAILED = 1


@dataclass(frozen=True)
class Verdict:
    """What the suite said to one bug."""

    bug: str
    is_caught: bool
    seconds: float
    by: str


class Missed(Exception):
    """A planted bug that no judge noticed."""


def plant_all(names: Sequence[str] = ()) -> str:
    """Judge every bug, or those named; say each verdict; return the figures. Raises ``Missed``."""
    chosen = [bug for bug in BUGS if not names or bug.name in names]
    if unknown := set(names) - {bug.name for bug in BUGS}:
        raise Missed(f"no such bug: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copies = [_copy_tree(pathlib.Path(folder) / f"{number}") for number in range(AT_ONCE)]
        judges = sorted({judge for bug in chosen for judge in bug.judges})
        print(f"the judges without any bug ({len(judges)}) ...", flush=True)
        status, by = _run(copies[0], judges)
        if status != 0:
            raise Missed(f"the suite is red before anything is planted: {by}")
        free: queue.SimpleQueue[pathlib.Path] = queue.SimpleQueue()
        for copy in copies:
            free.put(copy)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            verdicts = list(pool.map(lambda bug: _judge_in(free, bug), chosen))
    figures = f"{sum(verdict.is_caught for verdict in verdicts)} of {len(verdicts)} planted bugs were caught"
    if missed := [verdict.bug for verdict in verdicts if not verdict.is_caught]:
        raise Missed(f"{figures}; not {', '.join(missed)}")
    return figures


def _copy_tree(folder: pathlib.Path) -> pathlib.Path:
    shutil.copytree(ROOT, folder / "copy", ignore=LEFT_OUT, symlinks=True)
    return folder / "copy"


def _judge_in(free: "queue.SimpleQueue[pathlib.Path]", bug: Bug) -> Verdict:
    copy = free.get()
    try:
        return _judge(copy, bug)
    finally:
        free.put(copy)


def _judge(copy: pathlib.Path, bug: Bug) -> Verdict:
    began = time.monotonic()
    before = {change.file: (copy / "src/rebond" / change.file).read_text(encoding="utf-8") for change in bug.changes}
    try:
        for change in bug.changes:
            path = copy / "src/rebond" / change.file
            content = path.read_text(encoding="utf-8")
            if content.count(change.old) != 1:
                return _tell(Verdict(bug.name, False, 0.0, f"does not fit {change.file} any more"))
            path.write_text(content.replace(change.old, change.new), encoding="utf-8")
        status, by = _run(copy, bug.judges)
    finally:
        for file, content in before.items():
            (copy / "src/rebond" / file).write_text(content, encoding="utf-8")
    return _tell(Verdict(bug.name, status == TESTS_FAILED, time.monotonic() - began, by))


def _tell(verdict: Verdict) -> Verdict:
    word = "caught" if verdict.is_caught else "MISSED"
    print(f"{word}  {verdict.bug:36} {verdict.seconds:6.1f} s  {verdict.by}", flush=True)
    return verdict


def _run(copy: pathlib.Path, judges: Sequence[str]) -> tuple[int, str]:
    """Run tests in the copy until the first failure; return pytest's status and the name of what failed."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    options = [
        "-x",
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
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return TESTS_FAILED, "the tests hang"
    found = re.search(r"^(?:FAILED|ERROR) (?:\S*::)?(\S+)", ended.stdout, re.MULTILINE)
    if found:
        return ended.returncode, found.group(1)
    said = (ended.stdout + ended.stderr).strip().splitlines() or ["nothing"]
    if ended.returncode == 0:
        return 0, said[-1][:100]
    # Without the name of a test that failed, something else went wrong: that is no catch.
    print(f"pytest ended with {ended.returncode}: {said[-5:]}", file=sys.stderr)
    return (ended.returncode if ended.returncode != TESTS_FAILED else -1), said[-1][:100]
