"""A restore in place that is killed at every step and every move, then gone on with or undone: nothing is lost."""

import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator

import pytest
from tests.bounded import run_apart
from tests.crash.cuts import NO_END, choose_cuts, is_piece
from tests.scenarios.shop_in_place import Shop
from tests.unit.cli.program_runs import Program

from rebond.operations.recovery import file_part, journal, moving, swap_steps

POINTS_AT_MOST = 400
Places = tuple[tuple[object, str], ...]
PLACES: Places = (
    (journal.Journal, "write_all"),
    (moving.Mover, "rename"),
    (swap_steps, "apply_state"),
    (file_part.FilePart, "_note"),
    (file_part, "delete_tree"),
)
EVERY = 7  # each point takes half a second: by itself, some of them


@pytest.fixture(scope="module")
def ground() -> Iterator[pathlib.Path]:
    """Give a folder in memory, where there is one: the order of calls is what is judged, and each copy is flushed."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def template(ground: pathlib.Path) -> Shop:
    return Shop.saved(ground / "template")


@pytest.fixture
def shops(ground: pathlib.Path, template: Shop) -> Iterator["KilledShops"]:
    with tempfile.TemporaryDirectory(dir=ground) as folder:
        yield KilledShops(template, pathlib.Path(folder))


class KilledShops:
    """Copies of the stack, in each of which a restore is killed at another point."""

    def __init__(self, template: Shop, folder: pathlib.Path) -> None:
        self._template = template
        self._folder = folder
        self._count = 0

    def copy(self) -> Shop:
        """Return a copy of its own."""
        self._count += 1
        return self._template.copied(self._folder / str(self._count))

    def killed(self, *words: str, prepare: Callable[[Shop], None] | None = None) -> Iterator[tuple[int, bool, Shop]]:
        """Yield a copy for each point at which a process was killed; ends when one came to its end.

        With each comes whether the restore is to be gone on with.
        """
        for point, goes_on in choose_cuts(1, POINTS_AT_MOST, EVERY):
            shop = self.copy()
            if prepare is not None:
                prepare(shop)
            if not run_and_kill(shop.program, words, point):
                return
            yield point, goes_on, shop
            shutil.rmtree(shop.folder)
        assert is_piece(), NO_END


def run_and_kill(program: Program, words: tuple[str, ...], point: int, places: Places = PLACES) -> bool:
    """Run the program in a process of its own that is killed at a point; say whether it was."""
    return kill_doing(lambda: program("restore", *words), point, places)


def kill_doing(act: Callable[[], object], point: int, places: Places = PLACES) -> bool:
    """Do something in a process of its own that is killed at a point; say whether it was."""

    def be_killed() -> None:
        kill_at(point, places)
        act()

    return run_apart(be_killed) == -signal.SIGKILL


def kill_at(point: int, places: Places) -> None:
    """Let this process be killed before or after the N-th line of the journal, move, or thing that is remembered."""
    left = [point]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            count()
            result = function(*arguments, **more)
            count()
            return result

        return call

    for holder, name in places:
        setattr(holder, name, around(getattr(holder, name)))


def run_of(shop: Shop) -> str:
    """Return the id of the one run."""
    (found,) = [each.name for each in (shop.folder / "state" / "restores").iterdir() if (each / "plan.json").exists()]
    return found


@pytest.mark.slow
def test_killed_anywhere_it_is_gone_on_with_or_undone_and_nothing_is_lost(shops: KilledShops) -> None:
    points = 0
    for point, goes_on, shop in shops.killed("latest", "code", "db", "--in-place", "--yes"):
        points = point
        wants_new = {**shop.broken_files, **{n: t for n, t in shop.restored_files().items() if is_of(n)}}
        for name in set(wants_new) - set(shop.restored_files()):
            if is_of(name):
                del wants_new[name]
        if goes_on:
            status = shop.program("restore", "--resume", "latest").status
            if status == 6:  # it had come to its end
                status = 0
            assert (status, shop.files()) == (0, wants_new), point
            assert {"stop", "rebuild", "regenerate", "start", "healthy"} <= set(shop.trace()), point
            shop.program.good("restore", "--accept", "latest", "--yes")
        else:
            answer = shop.program("restore", "--rollback", "latest", "--yes", "--set-newer-aside")
            assert (answer.status, shop.files()) == (0, shop.broken_files), (point, answer.err)
        assert shop.beside() == [], point
    assert points > 40 or is_piece()


def is_of(name: str) -> bool:
    """Say whether a file belongs to the two components."""
    return not name.startswith(("media/", ".env"))


@pytest.mark.slow
def test_killed_while_it_is_undone_it_is_undone_again(shops: KilledShops) -> None:
    def prepare(shop: Shop) -> None:
        shop.program.good("restore", "latest", "code", "db", "--in-place", "--yes")

    points = 0
    for point, _, shop in shops.killed("--rollback", "latest", "--yes", prepare=prepare):
        points = point
        answer = shop.program("restore", "--rollback", "latest", "--yes", "--set-newer-aside")
        assert answer.status in {0, 6}, answer.err
        assert shop.files() == shop.broken_files, point
        assert shop.beside() == [], point
    assert points > 15 or is_piece()


@pytest.mark.slow
def test_killed_while_it_is_accepted_it_is_accepted_again(shops: KilledShops) -> None:
    def prepare(shop: Shop) -> None:
        shop.program.good("restore", "latest", "code", "db", "--in-place", "--yes")

    for _, _, shop in shops.killed("--accept", "latest", "--yes", prepare=prepare):
        live = shop.files()
        assert shop.program("restore", "--accept", "latest", "--yes").status in {0, 6}
        assert (shop.files(), shop.beside()) == (live, [])


def test_another_restore_waits_until_the_one_that_was_cut_is_cleared_up(shops: KilledShops) -> None:
    shop = shops.copy()
    assert run_and_kill(shop.program, ("latest", "--in-place", "--yes"), 20)
    answer = shop.program("restore", "latest", "--in-place", "--yes")
    assert answer.status == 6
    assert f"--resume {run_of(shop)}" in answer.err
    assert f"--rollback {run_of(shop)}" in answer.err
    shop.program.good("restore", "--rollback", run_of(shop), "--yes")
    shop.program.good("restore", "latest", "--in-place", "--yes")


def test_what_somebody_wrote_while_it_lay_half_done_is_kept(shops: KilledShops) -> None:
    for point in range(1, POINTS_AT_MOST, 5):
        shop = shops.copy()
        assert run_and_kill(shop.program, ("latest", "code", "--in-place", "--yes"), point), "it was never between"
        if (shop.root / "src" / "app.py").exists():
            continue
        shop.write("src/app.py", "written while it was cut")
        shop.program.good("restore", "--resume", "latest")
        assert shop.files()["src/app.py"] == shop.saved_files["src/app.py"]
        kept = [each.read_text() for each in shop.beside()[0].rglob("app.py")]
        assert "written while it was cut" in kept
        return


@pytest.mark.parametrize("option", ["--resume", "--rollback"])
def test_services_that_a_reboot_started_in_the_middle_are_stopped_before_anything_more_is_moved(
    shops: KilledShops, option: str
) -> None:
    """They would go on with what is moved away under them, and what they write there would go with it."""
    for point in range(1, POINTS_AT_MOST, 3):
        shop = shops.copy()
        assert run_and_kill(shop.program, ("latest", "code", "--in-place", "--yes"), point), "it was never between"
        if (shop.root / "src" / "app.py").exists():
            continue
        shop.trace()
        shop.program.good("restore", option, "latest", *(["--yes"] if option == "--rollback" else []))
        assert shop.trace() == (
            ["stop", "start"] if option == "--rollback" else ["stop", "rebuild", "regenerate", "start", "healthy"]
        )
        return


def test_a_stop_that_fails_as_nothing_runs_is_only_told(shops: KilledShops) -> None:
    for point in range(1, POINTS_AT_MOST, 3):
        shop = shops.copy()
        shop.configure('run = "echo stop >> ../trace"', 'run = "test ! -e ../stopped && touch ../stopped"')
        assert run_and_kill(shop.program, ("latest", "code", "--in-place", "--yes"), point), "it was never between"
        if (shop.root / "src" / "app.py").exists():
            continue
        answer = shop.program("restore", "--resume", "latest")
        assert (answer.status, "as a reboot may have started what it stops" in answer.err) == (0, True)
        return


def test_what_is_half_restored_is_not_saved_as_if_it_were_whole(shops: KilledShops) -> None:
    for point in range(1, POINTS_AT_MOST):
        shop = shops.copy()
        assert run_and_kill(shop.program, ("latest", "code", "--in-place", "--yes"), point), "it was never between"
        if (shop.root / "src" / "app.py").exists() or not (shop.root / "rebond.toml").exists():
            continue
        answer = shop.program("backup")
        assert (answer.status != 0, f"--resume {run_of(shop)}" in answer.err) == (True, True)
        answer = shop.program("backup", "--allow-partial", "--json")
        listed = {each["name"]: each["complete"] for each in answer.document["components"]}
        assert (answer.status, listed.get("code", False), listed["media"]) == (3, False, True)
        shop.program.good("restore", "--resume", "latest")
        shop.program.good("backup")
        return
