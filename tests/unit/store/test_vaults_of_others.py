"""Root writes into another user's vault: everything there stays that user's, and leads root nowhere."""

import contextlib
import os
import pathlib
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator

import pytest
from tests.unit.cli.program_runs import Program, plant_shop

from rebond.durable_files import Disk
from rebond.errors import AccessDenied
from rebond.store.acting import acting_as
from rebond.store.local import LocalStore

pytestmark = pytest.mark.judge("root")
UID, GID = 64_001, 64_002


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """A folder that every user may pass through, as that of the tests may not be."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="rebond-others-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def vault(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "vault"
    path.mkdir(mode=0o700)
    os.chown(path, UID, GID)
    return path


def owners(top: pathlib.Path) -> set[tuple[int, int]]:
    found = [os.lstat(each) for each in [top, *top.rglob("*")]]
    return {(each.st_uid, each.st_gid) for each in found}


def test_all_that_root_puts_belongs_to_whom_the_vault_belongs(vault: pathlib.Path) -> None:
    store = LocalStore(vault)
    store.put_if_absent("packs/ab/one", b"1")
    store.put_if_absent("two", b"2")
    assert owners(vault) == {(UID, GID)}
    assert stat.S_IMODE((vault / "two").stat().st_mode) == 0o600
    with acting_as(UID, GID) as is_owner:
        assert (is_owner, (vault / "packs" / "ab" / "one").read_bytes()) == (True, b"1")
    (vault.parent / "mine").touch()
    assert (vault.parent / "mine").stat().st_uid == 0, "root is root again"


def test_a_backup_by_root_leaves_the_vault_to_its_owner(folder: pathlib.Path, vault: pathlib.Path) -> None:
    program = Program.with_vault(folder)
    shop = plant_shop(folder / "shop")
    program.good("backup", "--path", shop)
    (shop / "settings.py").write_text("changed")
    program.good("backup", "--path", shop)
    program.good("forget", "--keep-last", "1", "--yes", "--prune")
    assert owners(vault) == {(UID, GID)}


def test_a_crash_between_any_two_calls_leaves_nothing_of_root(vault: pathlib.Path) -> None:
    class Cut(Exception):
        """The power goes."""

    class CutDisk(Disk):
        left = 0

        def __getattribute__(self, name: str) -> object:
            found = super().__getattribute__(name)
            if name.startswith("_") or not callable(found):
                return found
            if CutDisk.left == 0:
                raise Cut
            CutDisk.left -= 1
            return found

    for calls in range(12):
        CutDisk.left = calls
        with contextlib.suppress(Cut):
            LocalStore(vault, disk=CutDisk()).put_if_absent(f"packs/{calls:02}/one", b"1")
        assert owners(vault) == {(UID, GID)}, calls
    assert (vault / "packs" / "11" / "one").read_bytes() == b"1", "the last one was not cut"


def test_where_the_owner_may_not_write_root_does_it_as_before(vault: pathlib.Path) -> None:
    (vault / "packs").mkdir(mode=0o700)  # root's, of an earlier version
    store = LocalStore(vault)
    store.put_if_absent("packs/one", b"1")
    assert store.read("packs/one") == b"1"
    assert (vault / "packs" / "one").stat().st_uid == 0


def test_a_link_of_the_owner_gives_nobody_a_file_where_only_root_may_write(
    folder: pathlib.Path, vault: pathlib.Path
) -> None:
    (folder / "of-root").mkdir(mode=0o755)
    (vault / "packs").symlink_to(folder / "of-root")
    LocalStore(vault).put_if_absent("packs/one", b"1")
    assert owners(folder / "of-root") == {(0, 0)}


def test_other_threads_stay_root_meanwhile(vault: pathlib.Path) -> None:
    acts, done = threading.Event(), threading.Event()

    def touch() -> None:
        acts.wait(60)
        (vault.parent / "beside").touch()
        done.set()

    thread = threading.Thread(target=touch)
    thread.start()
    with acting_as(UID, GID):
        acts.set()
        done.wait(60)
    thread.join()
    assert (vault.parent / "beside").stat().st_uid == 0


def test_who_is_not_root_acts_as_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    with acting_as(0, 0) as root, acting_as(UID + 1, GID) as other:
        assert (root, other) == (False, False)


def test_what_neither_may_do_is_told(vault: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class ClosedDisk(Disk):
        def open_new(self, path: str, mode: int) -> int:
            raise PermissionError(13, "Permission denied", path)

    with pytest.raises(AccessDenied):
        LocalStore(vault, disk=ClosedDisk()).put_if_absent("one", b"1")
