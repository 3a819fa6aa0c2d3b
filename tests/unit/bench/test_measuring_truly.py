"""The benchmark's own instruments: what they say must be so, or the figures are worth nothing."""

import os
import sys
import threading
from pathlib import Path

import pytest
from bench.churn import choose_kept
from bench.generated_trees import NODE_KINDS, Package, make_package
from bench.measuring import Command, CommandBroke, Measure, run_measured
from bench.mutations import mutate, mutated, undo_all
from bench.peers import is_at_least
from bench.reporting import Comparison
from bench.rounds import Result, find_difference


def make_measure(wall_seconds: float) -> Measure:
    return Measure(
        wall_seconds=wall_seconds,
        user_seconds=1,
        system_seconds=0,
        peak_resident_bytes=2,
        peak_anonymous_bytes=1,
        others_share=0,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    make_package(Package(folder=folder, seed="1", kinds=NODE_KINDS, file_count=30))
    return folder


def look_at(tree: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(tree)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in tree.rglob("*")
        if path.is_file()
    }


def make_comparison(seconds: dict[str, float], versions: dict[str, str]) -> Comparison:
    results = [
        Result(
            data_set="app",
            tool=tool,
            version=versions[tool],
            round_number=0,
            phase="first",
            stored_bytes=10,
            measure=make_measure(wall),
        )
        for tool, wall in seconds.items()
    ]
    return Comparison(machine={}, least_versions={"restic": "0.19"}, sizes={"app": (1, 1)}, results=results)


def test_the_same_seed_gives_the_same_files(tree: Path, tmp_path: Path) -> None:
    make_package(Package(folder=tmp_path / "again", seed="1", kinds=NODE_KINDS, file_count=30))
    make_package(Package(folder=tmp_path / "other", seed="2", kinds=NODE_KINDS, file_count=30))

    contents = [
        {name: content for name, (content, _) in look_at(folder).items()}
        for folder in (tree, tmp_path / "again", tmp_path / "other")
    ]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_a_changed_tree_is_as_before_after_the_block(tree: Path) -> None:
    before = look_at(tree)

    with mutated(tree, 50, seed=3):
        assert look_at(tree) != before
    assert look_at(tree) == before


def test_so_many_files_are_changed_as_were_asked_for(tree: Path) -> None:
    before = look_at(tree)
    changes = mutate(tree, 20, seed=3)
    after = look_at(tree)
    undo_all(changes)

    touched = {name for name in before if after.get(name) != before[name]} | (after.keys() - before.keys())
    assert len(touched) == 6


@pytest.mark.parametrize("harm", ["content", "mode", "time", "missing", "extra"])
def test_a_restore_that_differs_is_found(tree: Path, tmp_path: Path, harm: str) -> None:
    make_package(Package(folder=tmp_path / "found", seed="1", kinds=NODE_KINDS, file_count=30))
    found = tmp_path / "found"
    for name, (_, modified_ns) in look_at(tree).items():
        os.utime(found / name, ns=(modified_ns, modified_ns))
    assert find_difference(tree, found) == ""

    victim = sorted(path for path in found.rglob("*") if path.is_file())[7]
    stat = victim.stat()
    if harm == "content":
        victim.write_bytes(victim.read_bytes()[:-1] + b"!")
        os.utime(victim, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    elif harm == "mode":
        victim.chmod(0o600)
    elif harm == "time":
        os.utime(victim, ns=(stat.st_mtime_ns, stat.st_mtime_ns + 1))
    elif harm == "missing":
        victim.unlink()
    else:
        victim.with_name("extra").write_bytes(b"")
    assert find_difference(tree, found) != ""


def test_memory_of_a_grandchild_counts(tmp_path: Path) -> None:
    program = "import time; x = bytearray(60_000_000); time.sleep(0.2)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {program!r}], check=True)"
    measure = run_measured(Command(pipeline=((sys.executable, "-S", "-c", parent),)), log=tmp_path / "log")

    assert measure.peak_anonymous_bytes > 60_000_000
    assert measure.wall_seconds > 0.2


def test_what_a_copy_of_a_process_shares_with_it_counts_once(tmp_path: Path) -> None:
    program = (
        "import os, time; x = bytearray(60_000_000); child = os.fork(); time.sleep(0.5); child and os.waitpid(child, 0)"
    )
    measure = run_measured(Command(pipeline=((sys.executable, "-S", "-c", program),)), log=tmp_path / "log")

    assert 60_000_000 < measure.peak_anonymous_bytes < 90_000_000


def test_a_process_that_still_borrows_its_parents_memory_counts_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # Parent and child have one memory until the child becomes ``true``; before that it opens the gate.
    program = f"""
import os
x = bytearray(60_000_000)
opens = (os.POSIX_SPAWN_OPEN, 0, {str(gate)!r}, os.O_RDONLY, 0)
os.waitpid(os.posix_spawn("/bin/true", ["true"], {{}}, file_actions=[opens]), 0)
"""
    opener = threading.Timer(0.7, lambda: os.close(os.open(gate, os.O_WRONLY)))
    opener.start()
    measure = run_measured(Command(pipeline=((sys.executable, "-S", "-c", program),)), log=tmp_path / "log")
    opener.join()

    assert 60_000_000 < measure.peak_anonymous_bytes < 90_000_000


def test_a_broken_first_program_of_a_pipe_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandBroke):
        run_measured(Command(pipeline=(("false",), ("cat",))), log=tmp_path / "log")


def test_the_ratio_is_to_restic_and_an_older_restic_gives_none() -> None:
    seconds = {"restic": 10.0, "rebond": 4.0}

    new = "\n".join(make_comparison(seconds, {"restic": "0.19.1", "rebond": "0.1"}).render())
    old = "\n".join(make_comparison(seconds, {"restic": "0.14.0", "rebond": "0.1"}).render())
    assert "0.40 ×" in new
    assert "×" not in old
    assert "older than 0.19" in old.splitlines()[0]


def test_without_restic_the_ratio_is_to_7z() -> None:
    table = "\n".join(make_comparison({"7z": 10.0, "rebond-dense": 3.0}, {"7z": "26", "rebond-dense": "0.1"}).render())

    assert "0.30 ×" in table


def test_versions_are_compared_as_numbers() -> None:
    assert is_at_least("1.10.0", "1.4")
    assert not is_at_least("0.9.9", "0.19")


def test_seven_days_four_weeks_and_twelve_months_are_kept() -> None:
    kept = choose_kept(set(range(730)), 729)

    assert {723, 724, 725, 726, 727, 728, 729} <= kept
    assert len([day for day in kept if day <= 722]) == 3 + 12
