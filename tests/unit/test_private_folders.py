"""Private folders: what a kill leaves goes with the next run; what is in use, or another's, is never touched."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.bounded import PATIENCE_SECONDS, reap, run_apart

import rebond
from rebond import private_folders
from rebond.clock import SystemClock
from rebond.errors import RebondError
from rebond.private_folders import PREFIX, PrivateFolder, remove_left_behind
from rebond.stack.drills.place import SERVER_PREFIX, clear_left_servers
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, save

HOLD = """
import sys
from rebond.private_folders import PrivateFolder
with PrivateFolder("verify") as folder:
    (folder / "rows").write_text("rows")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def hold(place: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that holds a folder, and return both."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(place), "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_is_removed_by_the_next_and_a_living_one_keeps_its_own(place: Path) -> None:
    process, held = hold(place)
    try:
        with PrivateFolder("restore") as own:
            assert (held / "rows").read_text() == "rows"
            remove_left_behind()
            assert own.is_dir()
        process.kill()
        process.wait(timeout=30)
        assert held.is_dir()
        with PrivateFolder("cache") as own:
            assert list(place.iterdir()) == [own]
    finally:
        reap(process)
    assert list(place.iterdir()) == []


def test_a_process_that_ends_by_itself_leaves_nothing(place: Path) -> None:
    process, held = hold(place)
    process.communicate("", timeout=PATIENCE_SECONDS)
    assert not held.exists()


def test_folders_of_other_users_and_other_names_and_links_stay(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = place / "elsewhere"
    for each in (place / f"{PREFIX}verify-a", place / "rebond-old", elsewhere):
        each.mkdir()
        (each / "file").touch()
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    (place / f"{PREFIX}file").touch()
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: os.getuid() + 1)
        remove_left_behind()
    assert (place / f"{PREFIX}verify-a" / "file").exists(), "it is another user's"

    remove_left_behind()

    assert {each.name for each in place.iterdir()} == {"elsewhere", "rebond-old", f"{PREFIX}link", f"{PREFIX}file"}
    assert (elsewhere / "file").exists()


def test_where_nothing_can_be_locked_a_run_goes_on_and_removes_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(37, "No locks available")

    (place / f"{PREFIX}verify-a").mkdir()
    monkeypatch.setattr(fcntl, "flock", fail)
    with PrivateFolder("verify") as folder:
        assert folder.is_dir()
    assert [each.name for each in place.iterdir()] == [f"{PREFIX}verify-a"]


def test_a_folder_that_was_taken_away_before_it_had_its_lock_is_made_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdtemp, made = tempfile.mkdtemp, []

    def make(**words: str) -> str:
        made.append(mkdtemp(**words))
        if len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    with PrivateFolder("verify") as folder:
        assert str(folder) == made[1]


def test_where_none_can_be_made_the_error_says_where_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(RebondError, match="No private directory could be made in") as told:
        PrivateFolder("verify")
    assert "TMPDIR" in told.value.hint


def test_a_copy_of_the_process_that_ends_takes_nothing_away(place: Path) -> None:
    with PrivateFolder("verify") as folder:
        assert run_apart(lambda: private_folders._remove(str(folder), 0, os.getppid())) == 0
        assert folder.is_dir()


def test_what_still_runs_in_a_folder_that_was_left_is_ended_first(place: Path) -> None:
    folder = place / f"{SERVER_PREFIX}x"
    (folder / "pg").mkdir(parents=True)
    server = subprocess.Popen(
        [sys.executable, "-c", "import os, time; print(os.getcwd(), flush=True); time.sleep(600)"],
        cwd=folder / "pg",
        env={**os.environ, "REBOND_DRILL": str(folder)},
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout
        server.stdout.readline()
        with PrivateFolder("", prefix=SERVER_PREFIX) as own:
            clear_left_servers(SystemClock())
            assert own.is_dir()
        assert server.wait(timeout=60) == -signal.SIGTERM
        assert list(place.iterdir()) == []
    finally:
        reap(server)


def test_a_backup_clears_what_was_left_too(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    vault = open_made(make_vault(store, clock), store, clock, tmp_path_factory.mktemp("caches"))
    tree = MemoryTree()
    tree.write("a", b"a")
    (place / f"{PREFIX}verify-a").mkdir()

    save(vault, tree)

    assert list(place.iterdir()) == []


def test_nothing_else_in_the_product_makes_a_temporary_folder() -> None:
    """One that is not locked would stay for ever after a kill."""
    source = Path(rebond.__file__).parent
    made = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if "testing" not in path.parts and re.search(r"\b(mkdtemp|TemporaryDirectory)\b", path.read_text())
    }
    assert made == {"private_folders.py", "vault/reach_finding.py"}, "the latter in a folder that it is handed"
