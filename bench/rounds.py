"""One round of one tool on one tree: create, first backup, again, complete restore, one file, 1 % changed."""

import filecmp
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import Command, CommandBroke, Measure, run_measured, wait_for_quiet
from bench.mutations import list_files, mutated
from bench.peers import Place, Tool, find_content

PHASES = ("first", "unchanged", "restore", "one file", "changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measured phase. ``stored_bytes`` is the vault's size after it, ``problem`` says what was wrong with it."""

    data_set: str
    tool: str
    version: str
    round_number: int
    phase: str
    measure: Measure | None
    stored_bytes: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a round is done."""

    phases: tuple[str, ...]
    quiet_wait_seconds: float = 0
    must_compare: bool = False
    changed_percent: float = 1.0


class Round:
    """Runs the phases in order and hands each result over as soon as it is known."""

    def __init__(
        self,
        *,
        tool: Tool,
        version: str,
        tree: Path,
        work: Path,
        number: int,
        rules: Rules,
        report: Callable[[Result], None],
    ) -> None:
        self._tool, self._version, self._tree, self._number = tool, version, tree, number
        self._rules, self._report, self._work = rules, report, work / "run"
        self._place = Place(tree=tree, vault=self._work / "vault", cache=self._work / "cache")
        self._log = self._work / "log"

    def run(self) -> None:
        """Run all phases that are asked for; a tool that breaks ends its round, and says so."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._place.home.mkdir(parents=True)
        try:
            for command in self._tool.create(self._place):
                run_measured(command, log=self._log)
            for phase in ("first", *(phase for phase in PHASES[1:] if phase in self._rules.phases)):
                if phase in {"unchanged", "changed"} and not self._tool.is_incremental:
                    continue
                self._run_phase(phase)
        except (CommandBroke, OSError) as error:
            self._report(self._make_result("broken", None, problem=str(error)))
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def _run_phase(self, phase: str) -> None:
        wait_for_quiet(limit_seconds=self._rules.quiet_wait_seconds)
        if phase == "restore":
            self._restore_all()
        elif phase == "one file":
            self._restore_one()
        elif phase == "changed":
            with mutated(self._tree, self._rules.changed_percent, seed=self._number):
                self._measure(phase, self._tool.back_up(self._place))
        else:
            self._measure(phase, self._tool.back_up(self._place))

    def _restore_all(self) -> None:
        target = self._work / "restored"
        target.mkdir()
        measure = run_measured(self._tool.restore(self._place, target), log=self._log)
        problem = ""
        if self._rules.must_compare:
            content = find_content(self._tool, self._tree, target)
            problem = find_difference(self._tree, content, only_content=not self._tool.is_incremental)
        self._report(self._make_result("restore", measure, problem=problem))
        shutil.rmtree(target)

    def _restore_one(self) -> None:
        chosen = choose_file(self._tree)
        target = self._work / "one"
        target.mkdir()
        command = self._tool.restore_file(self._place, str(chosen.relative_to(self._tree)), target)
        if command is None:
            return
        measure = run_measured(command, log=self._log)
        restored = [path for path in list_files(target) if filecmp.cmp(path, chosen, shallow=False)]
        self._report(self._make_result("one file", measure, problem="" if restored else "the file did not come back"))
        shutil.rmtree(target)

    def _measure(self, phase: str, command: Command) -> None:
        self._report(self._make_result(phase, run_measured(command, log=self._log)))

    def _make_result(self, phase: str, measure: Measure | None, problem: str = "") -> Result:
        return Result(
            data_set=self._tree.name,
            tool=self._tool.name,
            version=self._version,
            round_number=self._number,
            phase=phase,
            measure=measure,
            stored_bytes=measure_stored(self._place.vault),
            problem=problem,
        )


def choose_file(tree: Path) -> Path:
    """Return a file in the middle of the tree; none with an @ in its path, which kopia takes for a date."""
    files = [path for path in list_files(tree) if "@" not in str(path) and path.stat().st_size]
    return files[len(files) // 2]


def measure_stored(vault: Path) -> int:
    """Return the bytes of all files of a vault."""
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(vault) for name in names)


def find_difference(expected: Path, found: Path, *, only_content: bool = False) -> str:
    """Compare two trees: names, kinds, content, and unless told otherwise rights and modification times.

    Returns the first difference, or nothing.
    """
    for folder, folders, names in os.walk(expected):
        other = found / Path(folder).relative_to(expected)
        if not other.is_dir():
            return f"missing folder {other}"
        if sorted(os.listdir(other)) != sorted(folders + names):
            return f"other names in {other}"
        for name in names:
            left, right = Path(folder, name), other / name
            if left.is_symlink():
                if not right.is_symlink() or os.readlink(left) != os.readlink(right):
                    return f"other link {right}"
                continue
            before, after = left.stat(), right.stat()
            if not only_content and (before.st_mode, before.st_mtime_ns) != (after.st_mode, after.st_mtime_ns):
                return f"other mode or time: {right}"
            if left.read_bytes() != right.read_bytes():
                return f"other content: {right}"
    return ""
