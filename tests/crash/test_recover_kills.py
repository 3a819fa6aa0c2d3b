"""``rebond recover`` on a bare machine, killed anywhere: gone on with it is whole, undone nothing of it is left."""

import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from tests.crash.cuts import NO_END, choose_cuts, is_piece
from tests.crash.test_restore_in_place_kills import PLACES as PLACES_OF_FILES
from tests.crash.test_restore_in_place_kills import Places, kill_doing
from tests.scenarios.shop_in_place import Shop
from tests.unit.cli.program_runs import Answer

from rebond.cli.in_place import afterwards, runs
from rebond.cli.recovery import bare_machine

POINTS_AT_MOST = 400
EVERY = 11  # each point takes half a second: by itself, some of them
PLACES: Places = (
    *PLACES_OF_FILES,
    (bare_machine, "load_stored"),
    (bare_machine, "write_configuration"),
    (runs, "_keep_configuration"),
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ground() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def template(ground: pathlib.Path) -> Shop:
    """A stack whose configuration lies in none of its components."""
    shop = Shop.saved(ground / "template")
    shop.configure('path = "."\nstrategy = "smart"\nomit = ["node_modules/", "static/"]', 'path = "src"')
    shop.program.good("backup")
    return shop


class BareMachine:
    """The vault and the key, a folder of somebody's where the stack is to lie, and nothing else."""

    def __init__(self, template: Shop, folder: pathlib.Path) -> None:
        folder.mkdir()
        for name in ("vault", "owner.key"):
            source = template.folder / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
        self.shop = Shop.__new__(Shop)
        self.shop.folder, self.shop.root = folder, folder / "new"
        self.program = self.shop.program = template.program.moved_to(folder)
        self.program.environment |= {"REBOND_KEY_FILE": str(folder / "owner.key"), "HOME": str(folder)}
        for name in ("REBOND_CONFIG", "REBOND_PASSPHRASE", "REBOND_VAULT"):
            self.program.environment.pop(name, None)
        self.shop.write("src/mine.txt", "mine")
        self.words = ("recover", str(folder / "vault"), "--to", str(self.shop.root), "--yes")

    def recover(self) -> Answer:
        return self.program(*self.words)

    def resume(self) -> Answer:
        return self.program("restore", "--resume", "latest")

    def has_begun(self) -> bool:
        return any((self.shop.folder / "state" / "restores").glob("*/plan.json"))


@pytest.fixture
def machines(template: Shop, ground: pathlib.Path) -> Iterator[Iterator[BareMachine]]:
    def make() -> Iterator[BareMachine]:
        for number in range(2 * POINTS_AT_MOST):
            machine = BareMachine(template, folder / str(number))
            yield machine
            shutil.rmtree(machine.shop.folder)

    with tempfile.TemporaryDirectory(dir=ground) as made:
        folder = pathlib.Path(made)
        yield make()


def test_killed_anywhere_it_is_gone_on_with_or_undone_and_nothing_is_lost(machines: Iterator[BareMachine]) -> None:
    whole = next(machines)
    whole.program.good(*whole.words)
    wanted, mine = whole.shop.files(), next(machines).shop.files()
    assert {"rebond.toml", "shop.db", "src/app.py", ".env"} <= set(wanted)
    last = 0
    for (point, goes_on), machine in zip(choose_cuts(1, POINTS_AT_MOST, EVERY), machines, strict=False):
        program, shop = machine.program, machine.shop
        if not kill_doing(machine.recover, point, PLACES):
            break
        last = point
        if not machine.has_begun():
            assert shop.files() == mine, point
            program.good(*machine.words)
            assert shop.files() == wanted, point
        elif goes_on:
            assert program("restore", "--resume", "latest").status in {0, 6}, point  # 6: it had come to its end
            assert shop.files() == wanted, point
            program.good("restore", "--accept", "latest", "--yes")
            assert (shop.files(), shop.beside()) == (wanted, []), point
        else:
            answer = program("restore", "--rollback", "latest", "--yes", "--set-newer-aside")
            assert (answer.status, shop.files(), shop.beside()) == (0, mine, []), (point, answer.err)
    else:
        assert is_piece(), NO_END
    assert last > 40 or is_piece()


def test_killed_before_the_configuration_is_laid_beside_the_stack_resuming_lays_it(
    machines: Iterator[BareMachine],
) -> None:
    machine = next(machines)
    assert kill_doing(machine.recover, 1, ((bare_machine, "write_configuration"),))
    assert not (machine.shop.root / "rebond.toml").exists()
    answer = machine.program("restore", "--resume", "latest")
    assert (answer.status, "has come to its end" in answer.err) == (6, True)
    assert (machine.shop.root / "rebond.toml").exists()


def test_killed_while_it_is_gone_on_with_it_is_gone_on_with_again(machines: Iterator[BareMachine]) -> None:
    whole = next(machines)
    whole.program.good(*whole.words)
    wanted = whole.shop.files()
    places = (*PLACES_OF_FILES, (afterwards, "write_configuration"))
    for point, machine in zip((3, 16, 29), machines, strict=False):
        program = machine.program
        assert kill_doing(machine.recover, 25, PLACES)
        kill_doing(machine.resume, point, places)
        assert program("restore", "--resume", "latest").status in {0, 6}, point
        assert machine.shop.files() == wanted, point
