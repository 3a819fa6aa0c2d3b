"""A backup that is killed inside a large file is gone on with there, by the real program and whatever came meanwhile.

What is in flight when it is killed is read again: some 30 MB, a third of the file here and nothing of a large one.
``python -m tests.torture interrupted`` holds one of 640 MB to the promise.
"""

import os
import pathlib
import shutil
from dataclasses import dataclass

import pytest
from tests.torture.interrupting import DIE_AT, kill_at, plant_file
from tests.torture.real_program import KILLED, RealProgram, fingerprint, object_bytes

FILE_BYTES = 96_000_000
IN_FLIGHT = 32_000_000
INTERRUPTED = 130

pytestmark = pytest.mark.slow


@dataclass
class Machine:
    """A tree with one large file, and a program with a vault."""

    folder: pathlib.Path
    program: RealProgram

    @property
    def tree(self) -> pathlib.Path:
        return self.folder / "tree"

    @property
    def image(self) -> pathlib.Path:
        return self.tree / "disk.img"

    def kill(self, share: float) -> None:
        assert kill_at(self.program, self.tree, int(self.tree_bytes() * share)).status == KILLED
        assert self.notes(), "nothing was noted, so nothing is tested"

    def back_up(self, *words: str) -> int:
        """Back up to a good end; return how many bytes were read, once what was saved is proven."""
        outcome = self.program.ask("backup", "--path", self.tree, *words)
        assert outcome["bytes"] == self.tree_bytes()
        back = self.folder / "back"
        self.program.good("restore", "latest", "--to", back, REBOND_CACHE_DIR=str(self.folder / "cold"))
        assert fingerprint(back / "tree") == fingerprint(self.tree)
        shutil.rmtree(back)
        assert self.notes() == []
        read_bytes: int = outcome["read_bytes"]
        return read_bytes

    def tree_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.tree.iterdir())

    def notes(self) -> list[pathlib.Path]:
        return sorted((self.folder / "cache").rglob("*.begun"))

    def stored_bytes(self) -> int:
        return object_bytes(self.folder / "vault", "packs")


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    machine = Machine(tmp_path, RealProgram.with_vault(tmp_path))
    plant_file(machine.image, seed=1, total_bytes=FILE_BYTES)
    back_date(machine.image)
    return machine


def back_date(path: pathlib.Path) -> None:
    """Give a file a modification time that lies long ago, as it would have in life."""
    os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))


def test_one_file_is_gone_on_with_where_its_run_was_killed(machine: Machine) -> None:
    machine.kill(0.8)

    read_bytes = machine.back_up()

    assert read_bytes <= FILE_BYTES * 0.2 + IN_FLIGHT
    assert machine.stored_bytes() <= FILE_BYTES * 1.05


def test_three_runs_that_are_killed_in_turn_read_every_byte_hardly_more_than_once(machine: Machine) -> None:
    for share in (0.4, 0.7, 0.95):
        machine.kill(share)

    assert machine.back_up() <= FILE_BYTES * 0.05 + IN_FLIGHT
    assert machine.stored_bytes() <= FILE_BYTES * 1.05


def test_of_three_files_the_large_one_in_the_middle_is_gone_on_with(machine: Machine) -> None:
    plant_file(machine.tree / "a", seed=2, total_bytes=3_000_000)
    plant_file(machine.tree / "z", seed=3, total_bytes=20_000_000)
    machine.kill(0.8)

    assert machine.back_up() <= machine.tree_bytes() * 0.2 + IN_FLIGHT


def test_a_run_that_was_ended_with_ctrl_c_is_gone_on_with(machine: Machine) -> None:
    ended = kill_at(machine.program, machine.tree, int(FILE_BYTES * 0.8), code=DIE_AT.replace("SIGKILL", "SIGINT"))
    assert ended.status == INTERRUPTED

    assert machine.back_up() <= FILE_BYTES * 0.2 + IN_FLIGHT


def test_a_sparse_file_is_gone_on_with(machine: Machine) -> None:
    with open(machine.image, "r+b") as file:
        file.truncate(2 * FILE_BYTES)
        file.seek(FILE_BYTES * 3 // 2)
        file.write(os.urandom(20_000_000))
    back_date(machine.image)
    assert machine.image.stat().st_blocks * 512 < FILE_BYTES + 30_000_000, "this file system keeps no holes"
    assert kill_at(machine.program, machine.tree, FILE_BYTES + 10_000_000).status == KILLED

    assert machine.back_up() <= 10_000_000 + IN_FLIGHT


def test_a_file_that_was_changed_in_between_is_read_whole_though_size_and_time_are_what_they_were(
    machine: Machine,
) -> None:
    machine.kill(0.8)
    with open(machine.image, "r+b") as file:
        file.seek(10_000_000)
        file.write(b"changed since")
    back_date(machine.image)

    assert machine.back_up() == FILE_BYTES
