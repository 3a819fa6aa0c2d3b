"""Puts known bugs back into a copy of the tree, one at a time; the ordinary tests must catch each."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.planted.bugs import BUGS, Bug

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".demo", ".data",
    ".import_linter_cache", "dist", "build",
)  # fmt: skip
PATIENCE_SECONDS = 3600
TESTS_FAILED = 1


@dataclass(frozen=True)
class Verdict:
    """What the suite said to one bug."""

    bug: str
    is_caught: bool
    seconds: float
    by: str


def plant_all(names: Sequence[str] = ()) -> int:
    """Judge every bug, or those named; print a table; return how many were not caught."""
    chosen = [bug for bug in BUGS if not names or bug.name in names]
    unknown = set(names) - {bug.name for bug in BUGS}
    if unknown:
        print(f"no such bug: {', '.join(sorted(unknown))}", file=sys.stderr)
        return len(unknown)
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = pathlib.Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
        judges = sorted({judge for bug in chosen for judge in bug.judges})
        print(f"the judges without any bug ({len(judges)} files) ...", flush=True)
        status, by = _run(copy, judges)
        if status != 0:
            print(f"the suite is red before anything is planted: {by}")
            return len(chosen)
        verdicts = [_judge(copy, bug) for bug in chosen]
    missed = [verdict for verdict in verdicts if not verdict.is_caught]
    print(f"{len(verdicts) - len(missed)} of {len(verdicts)} planted bugs were caught")
    return len(missed)


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
    # Without the name of a test that failed, something else went wrong: that is no catch.
    print(f"pytest ended with {ended.returncode}: {said[-5:]}", file=sys.stderr)
    return (ended.returncode if ended.returncode != TESTS_FAILED else -1), said[-1][:100]
