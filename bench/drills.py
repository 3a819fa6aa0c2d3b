"""What a drill costs beside a plain restore of the same snapshot: ``python -m bench.drills``, then ``bench render``.

A stack of files, a SQLite database and secrets; nothing is asked but what a drill always asks. A drill also reads
back what it wrote, asks the database whether it is whole, writes its evidence and deletes everything: that is in it.
"""

import argparse
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from bench.measuring import Command, Measure, run_measured, wake_memory
from bench.recovery import Bench, say_others
from bench.sections import Section

HERE = Path(__file__).resolve().parent
LARGEST_BYTES = 33_000
ROWS = 200_000
ALLOWED = 1.15
CONFIGURATION = """version = 1
[stack]
name = "drilled"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.media]
kind = "files"
path = "media"
[component.app]
kind = "sqlite"
path = "app.sqlite"
[component.env]
kind = "secrets"
paths = [".env"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many files a stack has, and how often it is restored and drilled."""

    files: int
    rounds: int


SIZES = (Size(files=12_000, rounds=5), Size(files=60_000, rounds=3))  # 0.2 GB, where start-up counts; and 1 GB


class InOnePlace(Bench):
    """Lets a drill restore to where the plain restore does: else a disk would be compared with memory."""

    def run(self, *words: str, cache: str = "cache", wakes: bool = False) -> Measure:
        """Run the program to its end, with a temporary directory of its own."""
        if wakes:
            wake_memory()
        temporary = self.folder / "temporary"
        temporary.mkdir(exist_ok=True)
        return run_measured(
            Command(
                pipeline=((self.program, *words),),
                environment={
                    "TMPDIR": str(temporary),
                    "REBOND_VAULT": str(self.folder / "vault"),
                    "REBOND_KEY_FILE": str(self.folder / "owner.key"),
                    "REBOND_CACHE_DIR": str(self.folder / cache),
                    "REBOND_STATE_DIR": str(self.folder / "state"),
                    "HOME": str(self.folder),
                    "REBOND_LANG": "en",
                },
                folder=self.folder,
            ),
            log=self.log,
        )


def main() -> int:
    """Measure, print the section, keep it; return 1 when the largest stack is over what is allowed."""
    parser = argparse.ArgumentParser(prog="python -m bench.drills", description=__doc__)
    parser.add_argument("--rounds", type=int, help="of each size; else 5 of the small and 3 of the large")
    parser.add_argument("--prepare", action="store_true", help="only make ready what is measured, and leave it there")
    parser.add_argument("--largest", type=int, default=SIZES[-1].files, help="leave out stacks of more files")
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/rebond-bench-drills"))
    parser.add_argument("--rebond", default=str(HERE.parent / ".venv/bin/rebond"))
    arguments = parser.parse_args()
    sizes = [replace(each, rounds=arguments.rounds or each.rounds) for each in SIZES if each.files <= arguments.largest]
    work = arguments.work.resolve()
    if arguments.prepare:
        for size in sizes:
            prepare_size(program=arguments.rebond, work=work, size=size)
        return 0
    section, share = measure_drills(program=arguments.rebond, work=work, sizes=sizes, say=print)
    section.write(HERE / ".data/results/drills.json")
    print("\n".join(section.render()))
    return 0 if share <= ALLOWED else 1


def measure_drills(
    *, program: str, work: Path, sizes: Sequence[Size], say: Callable[[str], None]
) -> tuple[Section, float]:
    """Restore and drill stacks in turn; return the section, and the drill's share of the largest restore's time."""
    rows: list[tuple[str, ...]] = []
    raw: list[dict[str, Any]] = []
    share = 0.0
    for size in sizes:
        try:
            found = measure_size(program=program, work=work, size=size)
        finally:
            shutil.rmtree(folder_of(work, size), ignore_errors=True)
        wall = {name: median(each.wall_seconds for each in measures) for name, measures in found.items()}
        processor = {name: median(each.processor_seconds for each in measures) for name, measures in found.items()}
        share = wall["drill"] / wall["restore"]
        for name, words in (("restore", "`restore --to`"), ("delete", "`rm -rf` of that"), ("drill", "`drill`")):
            shares: tuple[str, ...] = ("-", "-", "-")
            if name == "drill":
                both = wall["restore"] + wall["delete"]
                shares = (
                    f"{share:.2f} x",
                    f"{processor[name] / processor['restore']:.2f} x",
                    f"{wall[name] / both:.2f} x",
                )
            rows.append((f"{size.files:,}", words, f"{wall[name]:.2f} s", f"{processor[name]:.2f} s", *shares))
            say(" | ".join(rows[-1]))
        raw += [
            {
                "name": name,
                "files": size.files,
                "wall": [each.wall_seconds for each in measures],
                "processor": [each.processor_seconds for each in measures],
                "others": [each.others_share for each in measures],
            }
            for name, measures in found.items()
        ]
    section = Section(
        title="A drill beside a plain restore",
        intro=f"Files of up to {LARGEST_BYTES // 1000} kB, half of that in the mean, a SQLite database of {ROWS:,} "
        f"rows and a secret; {', '.join(f'{each.rounds} rounds of {each.files:,} files' for each in sizes)} in turn, "
        "medians, into memory. The drill also reads 16 MB of files back, asks the database whether it is whole, writes "
        "its evidence and deletes everything; amcheck and checks of the user's are not in it. Before each all free "
        "memory is taken and given back, so that none is measured with cold pages. Wanted: 1.15 x. "
        f"{say_others([share for each in raw for share in each['others']])}",
        header=("files", "", "time", "processor", "of the time", "of the processor", "of the time of both above"),
        rows=rows,
        raw=raw,
    )
    return section, share


def measure_size(*, program: str, work: Path, size: Size) -> dict[str, list[Measure]]:
    """Restore and drill the same snapshot in turn."""
    bench = prepare_size(program=program, work=work, size=size)
    configuration = str(bench.folder / "stack" / "rebond.toml")
    found: dict[str, list[Measure]] = {"restore": [], "delete": [], "drill": []}
    for _ in range(size.rounds):
        out = bench.folder / "out"
        found["restore"].append(bench.run("restore", "latest", "--config", configuration, "--to", str(out), wakes=True))
        found["delete"].append(run_measured(Command(pipeline=(("rm", "-rf", str(out)),)), log=bench.log))
        found["drill"].append(bench.run("drill", "--config", configuration, wakes=True))
    return found


def folder_of(work: Path, size: Size) -> Path:
    """Return where a stack and its vault lie."""
    return work / str(size.files)


def prepare_size(*, program: str, work: Path, size: Size) -> InOnePlace:
    """Make a stack and save it, unless that was done."""
    bench = InOnePlace(program, folder_of(work, size))
    if not (bench.folder / "vault").is_dir():
        make_stack(bench.folder / "stack", size.files)
        bench.make_vault()
        bench.run("backup", "--config", str(bench.folder / "stack" / "rebond.toml"))
    return bench


def make_stack(root: Path, files: int) -> None:
    """Write the stack: contents that compress by half, so that reading them back costs what it usually does."""
    random = Random(11)
    for number in range(files):
        path = root / "media" / f"{number % 200:03d}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = random.randrange(LARGEST_BYTES // 2)
        path.write_bytes(random.randbytes(size) + bytes(size))
    with sqlite3.connect(root / "app.sqlite") as database:
        database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)")
        database.executemany("INSERT INTO row (text) VALUES (?)", ((random.randbytes(40).hex(),) for _ in range(ROWS)))
    database.close()
    (root / ".env").write_text("API_KEY=measured\n")
    (root / "rebond.toml").write_text(CONFIGURATION)
    os.sync()


if __name__ == "__main__":
    raise SystemExit(main())
