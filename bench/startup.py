"""How long a program takes before it does anything: ten runs each, in turn."""

from pathlib import Path
from statistics import median

from bench.measuring import Command, run_measured
from bench.sections import Section


def measure_startup(*, rebond: str, rounds: int, log: Path) -> Section:
    """Measure ``--help`` and ``--version`` of Rebond beside Python doing nothing, and restic."""
    python = str(Path(rebond).with_name("python"))
    programs = {
        "python, doing nothing": (python, "-I", "-c", "pass"),
        "rebond --help": (rebond, "--help"),
        "rebond --version": (rebond, "--version"),
        "rebond backup --help": (rebond, "backup", "--help"),
        "restic version": ("restic", "version"),
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            command = Command(pipeline=(program,), environment={"HOME": str(log.parent), "GOMAXPROCS": "2"})
            seconds[name].append(run_measured(command, log=log).wall_seconds)
    return Section(
        title="Start-up",
        intro=f"Wall clock of {rounds} runs in turn, warm. Aim: `rebond --help` within 100 ms, at most 200 ms.",
        header=("", "least", "median"),
        rows=[
            (name, f"{min(found) * 1000:.0f} ms", f"{median(found) * 1000:.0f} ms") for name, found in seconds.items()
        ],
        raw=[{"name": name, "seconds": found} for name, found in seconds.items()],
    )
