"""Coming back in part: one service of fifteen into its place, one file out of a million."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from bench.measuring import Command, Measure, run_measured, wake_memory
from bench.peers import PASSPHRASE, Place, Restic
from bench.sections import Section

PARTS = 15
SERVICES = "stack/services"
MILLION = 1_000_000
CONFIGURATION = """version = 1
[stack]
name = "fifteen"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "."
parts = ["services/*"]
restart = "true {part}"
[class.daily]
schedule = "0 3 * * *"
components = "all"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Fifteen services of one size: so many files in each, of 0 bytes to the largest, a quarter of that on average."""

    name: str
    files_per_part: int
    largest_bytes: int

    @property
    def part_bytes(self) -> int:
        """How large a service is, about."""
        return self.files_per_part * self.largest_bytes // 4


STACKS = {
    each.name: each
    for each in (
        Stack(name="part", files_per_part=4000, largest_bytes=80_000),
        Stack(name="part-many", files_per_part=10_000, largest_bytes=30_000),
        Stack(name="part-large", files_per_part=20_000, largest_bytes=56_000),
    )
}
LARGEST = "part-large"  # it takes 9 GB of memory, and so is measured only when it is asked for


def choose_stacks(names: Sequence[str], files_per_part: int | None, largest_bytes: int | None) -> list[Stack]:
    """Return the stacks of these names; one of another size where that is asked for."""
    if files_per_part is None and largest_bytes is None:
        return [each for name, each in STACKS.items() if name in names]
    files, most = files_per_part or 4000, largest_bytes or 80_000
    return [Stack(name=f"part-{files}-{most}", files_per_part=files, largest_bytes=most)]


class Bench:
    """A vault below a folder, and the program that is measured."""

    def __init__(self, program: str, folder: Path, *, passphrase: str = "") -> None:
        """With a passphrase it opens the vault by that, else by a key file, which is derived from nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.folder = folder
        self.log = folder / "log"
        key = {"REBOND_PASSPHRASE": passphrase} if passphrase else {"REBOND_KEY_FILE": str(folder / "owner.key")}
        self.key = key

    def run(self, *words: str, cache: str = "cache", wakes: bool = False) -> Measure:
        """Run the program to its end; ``wakes`` for what writes much into memory."""
        environment = {
            "REBOND_VAULT": str(self.folder / "vault"),
            **self.key,
            "REBOND_CACHE_DIR": str(self.folder / cache),
            "REBOND_STATE_DIR": str(self.folder / "state"),
            "HOME": str(self.folder),
            "REBOND_LANG": "en",
        }
        command = Command(pipeline=((self.program, *words),), environment=environment, folder=self.folder)
        if wakes:
            wake_memory()
        return run_measured(command, log=self.log)

    def make_vault(self) -> None:
        """Make an empty vault."""
        kit, key = str(self.folder / "kit"), str(self.folder / "owner.key")
        by_file = ("--key-file", key) if "REBOND_KEY_FILE" in self.key else ()
        self.run("vault", "create", str(self.folder / "vault"), "--kit", kit, *by_file)


def measure_part(*, stack: Stack, program: str, work: Path, rounds: int, say: Callable[[str], None]) -> Section:
    """Restore one of fifteen equal services in place, beside a plain restore of all, in turn."""
    bench = prepare_part(stack, program, work)
    folder, configuration = bench.folder, str(bench.folder / "stack" / "rebond.toml")
    measured: dict[str, list[Measure]] = {name: [] for name in ("start-up", "all", "one", "in place")}
    plans: dict[str, list[Measure]] = {name: [] for name in ("all", "one", "in place")}
    every = ("restore", "latest", "--config", configuration)
    to = ("--to", str(folder / "out"))
    for number in range(rounds):
        one = (*every, f"services/s{number % PARTS:02d}")
        measured["start-up"].append(bench.run("snapshots", "--config", configuration))
        for name, words in (("all", (*every, *to)), ("one", (*one, *to)), ("in place", (*one, "--in-place", "--yes"))):
            plans[name].append(bench.run(*words, "--dry-run"))
            if name == "all":
                shutil.rmtree(folder / SERVICES, ignore_errors=True)  # two whole trees would not fit beside the vault
            measured[name].append(bench.run(*words, wakes=True))
            if name == "all":
                (folder / "out" / "code" / "services").rename(folder / SERVICES)
            shutil.rmtree(folder / "out", ignore_errors=True)
        bench.run("restore", "--accept", "latest", "--config", configuration, "--yes")
    start = Cost.of(measured["start-up"])
    whole = Cost.of(measured["all"])
    rows = [("open the vault, list snapshots", start.shown(), "-", "-", "-")]
    for name, words in (("all", "all, `--to`"), ("one", "one, `--to`"), ("in place", "one, `--in-place`")):
        cost = Cost.of(measured[name])
        shares = ("-", "-")
        if name != "all":
            shares = (cost.share_of(whole), cost.beyond(start).share_of(whole.beyond(start)))
        rows.append((words, cost.shown(), Cost.of(plans[name]).shown(), *shares))
    for row in rows:
        say(" | ".join(row))
    return Section(
        title=f"One part of fifteen, back in its place: {stack.files_per_part:,} files in each",
        intro=f"One component with {PARTS} services of {stack.files_per_part:,} files, {stack.part_bytes / 1e6:.0f} MB,"
        f" each; {rounds} rounds in turn, medians. Its share is a fifteenth of what restoring all of them to a folder"
        f" takes: {whole.beyond(start).divided_by(PARTS).shown()} beyond start-up. Start-up is a command that opens the"
        " same vault with the same configuration and lists its snapshots: it is the same for one part and for all, and"
        " the last column leaves it out on both sides; planning the part is in it. Before each restore all free"
        " memory is taken and given back, so that none is measured with cold pages. In place means by the plan: fetched"
        " beside, put, journalled, flushed. Wall clock / processor seconds of all its processes. Wanted: 1.2 x. "
        f"{say_others([each.others_share for found in measured.values() for each in found])}",
        header=("what", "takes", "its `--dry-run`", "of its share", "of its share, beyond start-up"),
        rows=rows,
        raw=[
            {
                "name": name,
                "wall": [each.wall_seconds for each in found],
                "processor": [each.processor_seconds for each in found],
                "others": [each.others_share for each in found],
                "dry": [each.wall_seconds for each in plans.get(name, ())],
                "dry processor": [each.processor_seconds for each in plans.get(name, ())],
            }
            for name, found in measured.items()
        ],
    )


def say_others(shares: Sequence[float]) -> str:
    """Say how much of the machine other programs used meanwhile, in the middle."""
    return f"Other programs used {median(shares):.0%} of the processors meanwhile."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Medians of some measures of the same command."""

    wall_seconds: float
    processor_seconds: float

    @classmethod
    def of(cls, found: Sequence[Measure]) -> "Cost":
        """Return the medians."""
        return cls(
            wall_seconds=median(each.wall_seconds for each in found),
            processor_seconds=median(each.processor_seconds for each in found),
        )

    def beyond(self, start: "Cost") -> "Cost":
        """Return what is left without another's."""
        return Cost(
            wall_seconds=self.wall_seconds - start.wall_seconds,
            processor_seconds=self.processor_seconds - start.processor_seconds,
        )

    def divided_by(self, count: int) -> "Cost":
        """Return the share of one of so many."""
        return Cost(wall_seconds=self.wall_seconds / count, processor_seconds=self.processor_seconds / count)

    def shown(self) -> str:
        """Return both in seconds."""
        return f"{self.wall_seconds:.2f} s / {self.processor_seconds:.2f} s"

    def share_of(self, whole: "Cost") -> str:
        """Return how many times a fifteenth of another this is."""
        wall = self.wall_seconds / whole.wall_seconds * PARTS
        processor = self.processor_seconds / whole.processor_seconds * PARTS
        return f"{wall:.2f} x / {processor:.2f} x"


def prepare_part(stack: Stack, program: str, work: Path) -> Bench:
    """Make the fifteen services and save them, unless that was done."""
    bench = Bench(program, work / f"recovery-{stack.name}")
    if not (bench.folder / "vault").is_dir():
        make_services(bench.folder / "stack", stack)
        configuration = bench.folder / "stack" / "rebond.toml"
        configuration.write_text(CONFIGURATION)
        bench.make_vault()
        bench.run("backup", "--config", str(configuration))
    return bench


def measure_file(*, program: str, work: Path, tree: Path, rounds: int, say: Callable[[str], None]) -> Section:
    """Restore one file of a million, with this machine's cache and without any, in turn with restic where it is.

    Both are opened by a passphrase. A vault that is there is taken.
    """
    bench = Bench(program, work / "recovery-file", passphrase=PASSPHRASE)
    place = Place(tree=tree, vault=bench.folder / "restic", cache=bench.folder / "restic-cache")
    restic = Restic() if Restic().read_version() is not None else None
    prepare_million(bench, restic, place)
    measured: dict[str, list[Measure]] = {}
    random = Random(5)
    for _ in range(rounds):
        path = name_file(random.randrange(MILLION))
        measured.setdefault("start-up", []).append(bench.run("--version"))
        for cache in ("with the cache", "without a cache"):
            found = restore_one(bench, tree, path, has_cache=cache == "with the cache")
            measured.setdefault(f"rebond restore, {cache}", []).append(found)
            for verb in ("restore", "dump") if restic is not None else ():
                found = restore_one_by_restic(
                    restic or Restic(), place, bench, path, verb, has_cache="with the" in cache
                )
                measured.setdefault(f"restic {verb}, {cache}", []).append(found)
    start = Cost.of(measured.pop("start-up"))
    others = [each.others_share for found in measured.values() for each in found]
    costs = {name: Cost.of(found) for name, found in measured.items()}
    rows = []
    for name, cost in costs.items():
        other = costs.get("restic restore, " + name.partition(", ")[2])
        rows.append(
            (
                name,
                cost.shown(),
                f"{cost.wall_seconds - start.wall_seconds:.2f} s" if name.startswith("rebond") else "-",
                "-" if other is None else f"{cost.wall_seconds / other.wall_seconds:.2f} x",
                "-" if other is None else f"{cost.processor_seconds / other.processor_seconds:.2f} x",
                f"{median(each.peak_anonymous_bytes for each in measured[name]) / 1e6:.0f} MB",
            )
        )
        say(" | ".join(rows[-1]))
    return Section(
        title="One file of a million",
        intro=f"A snapshot of {MILLION:,} small files; another one is brought back each time, {rounds} rounds in turn,"
        f" medians, wall clock / processor seconds. Wanted: 1 s after start-up ({start.wall_seconds * 1000:.0f} ms"
        f" here), 0.5 x of restic's restore. {say_others(others)}",
        header=("", "takes", "after start-up", "of restic's restore", "by processor", "peak anonymous"),
        rows=rows,
        raw=[{"name": name, "wall": [each.wall_seconds for each in found]} for name, found in measured.items()],
    )


def prepare_million(bench: Bench, restic: Restic | None, place: Place) -> None:
    """Make the million and save it, by both, unless that was done."""
    if not place.tree.is_dir():
        make_million(place.tree)
    if not (bench.folder / "vault").is_dir():
        bench.make_vault()
        bench.run("backup", "--path", str(place.tree))
    if restic is not None and not place.vault.is_dir():
        place.home.mkdir(parents=True, exist_ok=True)
        for command in (*restic.create(place), restic.back_up(place)):
            run_measured(command, log=bench.log)


def restore_one(bench: Bench, tree: Path, path: str, *, has_cache: bool) -> Measure:
    """Bring one file back."""
    for each in ("out", "none"):
        shutil.rmtree(bench.folder / each, ignore_errors=True)
    target = str(bench.folder / "out")
    words = ("restore", "latest", "--include", f"/{tree.name}/{path}", "--to", target)
    measure = bench.run(*words, cache="cache" if has_cache else "none")
    require_one(target)
    return measure


def restore_one_by_restic(
    restic: Restic, place: Place, bench: Bench, path: str, verb: str, *, has_cache: bool
) -> Measure:
    """Bring one file back, or write it to standard output."""
    if not has_cache:
        shutil.rmtree(place.cache / "restic", ignore_errors=True)
    target = bench.folder / "out"
    shutil.rmtree(target, ignore_errors=True)
    is_dump = verb == "dump"
    command = restic.run(place, "dump", "latest", f"/{path}") if is_dump else restic.restore_file(place, path, target)
    measure = run_measured(command, log=bench.log)
    if not is_dump:
        require_one(str(target))
    return measure


def require_one(target: str) -> None:
    """End it all unless just one file came back."""
    found = sum(len(files) for _, _, files in os.walk(target))
    if found != 1:
        raise SystemExit(f"{found} files came back instead of one")


def make_services(target: Path, stack: Stack) -> None:
    """Make fifteen services of the same size: half of each file is noise, the other half repeats."""
    for part in range(PARTS):
        random = Random(part)
        for number in range(stack.files_per_part):
            path = target / "services" / f"s{part:02d}" / f"{number // 100:02d}" / f"{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            size_bytes = int(stack.largest_bytes * random.random() ** 3)
            path.write_bytes(
                random.randbytes(max(size_bytes // 2, 12 * bool(size_bytes)))
                + json.dumps([part, number]).encode() * (size_bytes // 20)
            )


def name_file(number: int) -> str:
    """Return the path of one of the million."""
    folder, file = divmod(number, 1000)
    return f"{folder // 100:02d}/folder-{folder:04d}/file-{file:03d}.txt"


def make_million(target: Path) -> None:
    """Make a million small files, a thousand in each folder."""
    for number in range(MILLION):
        path = target / name_file(number)
        if number % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"folder {number // 1000}, file {number % 1000}\n".encode())
