"""What a local store does beyond the contract: modes, sweeping, vanished disks, faults of the disk."""

import errno
import os
import pathlib
import stat
import time

import pytest

from rebond.durable_files import Disk
from rebond.errors import (
    AccessDenied,
    ObjectExists,
    ObjectMissing,
    ShortRead,
    StoreError,
    StoreFull,
    StoreUnfit,
    StoreUnreachable,
    UsageError,
)
from rebond.store.local import LocalStore
from rebond.store.local_faults import translate_os_error
from rebond.testing.manual_clock import ManualClock
from rebond.testing.store_contract import names_of


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "vault"


@pytest.fixture
def store(path: pathlib.Path) -> LocalStore:
    return LocalStore.create(path)


class FailingDisk(Disk):
    """A disk on which one call fails."""

    def __init__(self, verb: str, number: int) -> None:
        self.verb = verb
        self.number = number

    def fail(self, verb: str) -> None:
        if verb == self.verb:
            raise OSError(self.number, os.strerror(self.number))

    def open_new(self, path: str, mode: int) -> int:
        self.fail("open")
        return super().open_new(path, mode)

    def write(self, descriptor: int, content: memoryview) -> int:
        super().write(descriptor, content[: len(content) // 2])
        self.fail("write")
        return super().write(descriptor, content[len(content) // 2 :]) + len(content) // 2

    def sync_file(self, descriptor: int) -> None:
        self.fail("flush")
        super().sync_file(descriptor)

    def link(self, source: str, target: str) -> None:
        self.fail("link")
        super().link(source, target)

    def rename_unless_exists(self, source: str, target: str) -> None:
        if self.verb == "link":  # a file system that has neither
            self.fail("link")
        super().rename_unless_exists(source, target)


def test_directories_are_0700_and_files_0600(store: LocalStore, path: pathlib.Path) -> None:
    store.put_if_absent("packs/ab/cd", b"x")

    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in [path, *path.rglob("*")]}
    assert modes == {"vault": 0o700, "packs": 0o700, "ab": 0o700, "cd": 0o600}


@pytest.mark.parametrize("mask", [0o777, 0o277, 0o022, 0])
def test_modes_are_what_they_are_whatever_the_umask(tmp_path: pathlib.Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        store = LocalStore.create(tmp_path / "above" / "vault")
        store.put_if_absent("packs/ab/cd", b"x")
    finally:
        os.umask(before)

    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in (tmp_path / "above").rglob("*")}
    assert modes == {"vault": 0o700, "packs": 0o700, "ab": 0o700, "cd": 0o600}
    assert stat.S_IMODE((tmp_path / "above").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("number", "word"), [(errno.ENOSPC, "space"), (errno.EDQUOT, "quota"), (errno.EFBIG, "ulimit")]
)
def test_each_way_of_having_no_room_has_its_own_words(number: int, word: str) -> None:
    error = translate_os_error(OSError(number, os.strerror(number)), "packs/ab/cd", "/backup")
    assert (type(error), error.exit_status) == (StoreFull, 22)
    assert word in error.hint


def test_missing_directories_above_the_root_are_made(tmp_path: pathlib.Path) -> None:
    store = LocalStore.create(tmp_path / "a" / "b" / "vault")
    store.put_if_absent("x", b"1")

    assert (tmp_path / "a" / "b" / "vault" / "x").read_bytes() == b"1"


def test_a_directory_that_is_missing_is_unreachable_and_never_made(path: pathlib.Path) -> None:
    store = LocalStore(path)

    for act in (
        lambda: store.put_if_absent("a/b", b"x"),
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: store.delete("a"),
        lambda: names_of(store),
        store.sweep,
    ):
        with pytest.raises(StoreUnreachable):
            act()
    assert not path.exists()


def test_a_root_that_vanishes_is_unreachable_and_not_empty(store: LocalStore, path: pathlib.Path) -> None:
    store.put_if_absent("packs/a", b"x")
    path.rename(path.with_name("elsewhere"))

    with pytest.raises(StoreUnreachable):
        names_of(store, "packs/")
    with pytest.raises(StoreUnreachable):
        store.read("packs/a")
    with pytest.raises(StoreUnreachable):
        store.put_if_absent("packs/b", b"x")
    assert not path.exists()


def test_another_directory_in_the_place_of_the_root_is_unreachable(store: LocalStore, path: pathlib.Path) -> None:
    """As when a disk is unmounted and the empty directory below it comes to light."""
    store.put_if_absent("packs/a", b"x")
    path.rename(path.with_name("elsewhere"))
    path.mkdir()

    with pytest.raises(StoreUnreachable):
        names_of(store)
    with pytest.raises(StoreUnreachable):
        store.read("packs/a")
    with pytest.raises(StoreUnreachable):
        store.put_if_absent("packs/b", b"x")
    with pytest.raises(StoreUnreachable):
        store.delete("packs/a")
    assert list(path.iterdir()) == []


def test_a_root_that_vanishes_during_a_listing_is_noticed(store: LocalStore, path: pathlib.Path) -> None:
    for name in ("a/1", "b/1", "c/1"):
        store.put_if_absent(name, b"x")
    listing = store.list_objects()
    next(listing)
    path.rename(path.with_name("elsewhere"))

    with pytest.raises(StoreUnreachable):
        list(listing)


def test_a_directory_that_cannot_be_listed_raises(store: LocalStore, path: pathlib.Path) -> None:
    store.put_if_absent("packs/a", b"x")
    (path / "runs").symlink_to(path / "nowhere")  # a link to a disk that is not there

    with pytest.raises(StoreError):
        names_of(store)


def test_a_link_to_a_directory_is_followed(store: LocalStore, path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "disk").mkdir()
    (path / "packs").symlink_to(tmp_path / "disk")
    store.put_if_absent("packs/a", b"x")

    assert names_of(store) == ["packs/a"]
    assert (tmp_path / "disk" / "a").read_bytes() == b"x"


def test_what_is_no_file_is_reported_by_a_listing(store: LocalStore, path: pathlib.Path) -> None:
    os.mkfifo(path / "pipe")

    with pytest.raises(StoreError, match="neither a file"):
        names_of(store)
    with pytest.raises(ObjectMissing):
        store.read("pipe")


def test_foreign_names_are_passed_over(store: LocalStore, path: pathlib.Path) -> None:
    store.put_if_absent("packs/a", b"x")
    (path / "lost+found").mkdir()
    (path / "packs" / "with space").write_bytes(b"x")
    (path / "packs" / "é").write_bytes(b"x")
    (path / "packs" / os.fsdecode(b"\xff")).write_bytes(b"x")
    (path / "packs" / ".tmp-0011223344556677").write_bytes(b"x")

    assert names_of(store) == ["packs/a"]


@pytest.mark.parametrize(
    ("verb", "number", "kind"),
    [
        ("open", errno.ENOSPC, StoreFull),
        ("write", errno.ENOSPC, StoreFull),
        ("write", errno.EDQUOT, StoreFull),
        ("flush", errno.ENOSPC, StoreFull),
        ("flush", errno.EIO, StoreError),
        ("link", errno.ENOSPC, StoreFull),
        ("link", errno.ENOTSUP, StoreUnfit),
        ("open", errno.EACCES, AccessDenied),
        ("open", errno.EPERM, AccessDenied),
        ("open", errno.EROFS, AccessDenied),
        ("write", errno.ENODEV, StoreUnreachable),
        ("open", errno.ESTALE, StoreUnreachable),
        ("flush", errno.ETIMEDOUT, StoreUnreachable),
        ("write", errno.EFBIG, StoreFull),
    ],
)
def test_a_fault_of_the_disk_has_its_error_and_leaves_nothing(
    path: pathlib.Path, verb: str, number: int, kind: type[StoreError]
) -> None:
    LocalStore.create(path).put_if_absent("packs/a", b"x")
    store = LocalStore(path, disk=FailingDisk(verb, number))

    with pytest.raises(StoreError) as caught:
        store.put_if_absent("packs/b", b"content")
    assert type(caught.value) is kind
    assert caught.value.hint
    assert [found.name for found in (path / "packs").iterdir()] == ["a"]


def test_a_disk_that_turned_read_only_is_no_matter_of_rights(path: pathlib.Path) -> None:
    LocalStore.create(path)
    with pytest.raises(AccessDenied) as caught:
        LocalStore(path, disk=FailingDisk("open", errno.EROFS)).put_if_absent("packs/b", b"content")

    assert "can only be read" in caught.value.message
    assert "disk with errors" in caught.value.hint


def test_after_a_full_disk_the_same_put_works(path: pathlib.Path) -> None:
    disk = FailingDisk("write", errno.ENOSPC)
    store = LocalStore.create(path, disk=disk)
    with pytest.raises(StoreFull):
        store.put_if_absent("packs/b", b"content")
    disk.verb = ""
    store.put_if_absent("packs/b", b"content")

    assert store.read("packs/b") == b"content"


def test_a_lost_answer_to_a_link_is_a_success(path: pathlib.Path) -> None:
    """As on NFS, where a repeated request finds what the first one did."""

    class ForgetfulServer(Disk):
        def link(self, source: str, target: str) -> None:
            super().link(source, target)
            raise FileExistsError(errno.EEXIST, "File exists", target)

    store = LocalStore.create(path, disk=ForgetfulServer())
    store.put_if_absent("a", b"content")

    assert store.read("a") == b"content"
    assert [found.name for found in path.iterdir()] == ["a"]


def test_old_temporary_files_are_swept_and_young_ones_stay(path: pathlib.Path) -> None:
    clock = ManualClock(now_ms=int(time.time() * 1000))
    store = LocalStore.create(path, clock=clock)
    store.put_if_absent("packs/a", b"x")
    for name in ("packs/.tmp-old", ".tmp-old", "packs/.tmp-young"):
        (path / name).write_bytes(b"half")
    for name in ("packs/.tmp-old", ".tmp-old", "packs/a"):
        os.utime(path / name, (time.time() - 100_000,) * 2)

    assert store.sweep() == 2
    assert {found.name for found in path.rglob("*")} == {"packs", "a", ".tmp-young"}
    clock.advance(100_000)
    assert store.sweep() == 1
    assert names_of(store) == ["packs/a"]


def test_empty_directories_are_swept_when_idle_and_made_again(path: pathlib.Path) -> None:
    store = LocalStore.create(path)
    store.put_if_absent("sessions/m/1/000000", b"x")
    store.delete("sessions/m/1/000000")

    assert store.sweep() == 0
    assert (path / "sessions/m/1").exists()
    store.sweep(older_than_seconds=-10)
    assert not (path / "sessions/m/1").exists()
    store.put_if_absent("sessions/m/1/000000", b"x")
    assert names_of(store) == ["sessions/m/1/000000"]


def test_a_directory_that_others_removed_is_made_again(store: LocalStore, path: pathlib.Path) -> None:
    store.put_if_absent("packs/ab/1", b"x")
    (path / "packs/ab/1").unlink()
    (path / "packs/ab").rmdir()
    store.put_if_absent("packs/ab/2", b"y")

    assert names_of(store) == ["packs/ab/2"]


def test_a_name_below_an_object_is_refused(store: LocalStore) -> None:
    store.put_if_absent("a", b"x")

    with pytest.raises(UsageError):
        store.put_if_absent("a/b", b"y")
    store.put_if_absent("b/c", b"x")
    with pytest.raises(UsageError):
        store.put_if_absent("b", b"y")


def test_a_broken_link_in_the_place_of_an_object_is_not_replaced(store: LocalStore, path: pathlib.Path) -> None:
    (path / "a").symlink_to(path / "nowhere")

    with pytest.raises(ObjectExists):
        store.put_if_absent("a", b"x")
    assert (path / "a").is_symlink()


def test_a_directory_link_that_goes_round_in_circles_is_reported_by_every_verb(
    store: LocalStore, path: pathlib.Path
) -> None:
    (path / "packs").symlink_to(path / "packs")
    for act in (
        lambda: store.read("packs/a"),
        lambda: store.stat("packs/a"),
        lambda: store.delete("packs/a"),
        lambda: names_of(store),
    ):
        with pytest.raises(StoreError) as caught:
            act()
        assert not isinstance(caught.value, ObjectMissing)
    with pytest.raises(UsageError):
        store.put_if_absent("packs/a", b"x")


def test_a_root_that_goes_round_in_circles_is_an_error_of_the_store(path: pathlib.Path) -> None:
    path.symlink_to(path)
    for act in (lambda: names_of(LocalStore(path)), lambda: LocalStore.create(path)):
        with pytest.raises(StoreError, match="symbolic links"):
            act()


def test_a_root_that_is_a_file_or_lies_below_one_is_refused(path: pathlib.Path) -> None:
    path.write_bytes(b"")
    for act in (
        lambda: LocalStore.create(path),
        lambda: names_of(LocalStore(path)),
        lambda: LocalStore.create(path / "below"),
    ):
        with pytest.raises(UsageError, match="directory"):
            act()


def test_pieces_of_a_read_are_put_together(path: pathlib.Path) -> None:
    class SlowShare(Disk):
        def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
            return super().read_at(descriptor, min(size, 3), offset)

    store = LocalStore.create(path, disk=SlowShare())
    store.put_if_absent("a", b"0123456789")

    assert store.read("a") == b"0123456789"
    assert store.read("a", start=1, length=8) == b"12345678"


def test_a_file_that_shrinks_while_it_is_read_is_short(path: pathlib.Path) -> None:
    class Shrinking(Disk):
        def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
            return super().read_at(descriptor, min(size, 3), offset) if offset < 6 else b""

    store = LocalStore.create(path, disk=Shrinking())
    store.put_if_absent("a", b"0123456789")

    with pytest.raises(ShortRead):
        store.read("a")


def test_a_read_error_is_an_error_of_the_store(path: pathlib.Path) -> None:
    class Broken(Disk):
        def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    store = LocalStore.create(path, disk=Broken())
    store.put_if_absent("a", b"0123456789")

    with pytest.raises(StoreError, match="Input/output"):
        store.read("a")


def test_what_is_deleted_during_a_listing_is_left_out(store: LocalStore) -> None:
    for name in ("a", "b", "c", "d/e", "d/f"):
        store.put_if_absent(name, b"x")
    listing = store.list_objects()
    assert next(listing).name == "a"
    for name in ("b", "d/e", "d/f"):
        store.delete(name)
    assert [info.name for info in listing] == ["c"]


def test_a_directory_swept_between_two_calls_of_a_put_is_made_again(path: pathlib.Path) -> None:
    class Sweeping(Disk):
        swept = 0

        def open_new(self, path: str, mode: int) -> int:
            if not self.swept:
                self.swept += 1
                os.rmdir(os.path.dirname(path))
            return super().open_new(path, mode)

    store = LocalStore.create(path, disk=Sweeping())
    store.put_if_absent("packs/ab/1", b"x")

    assert store.read("packs/ab/1") == b"x"


def test_two_that_make_one_directory_at_once_both_succeed(path: pathlib.Path) -> None:
    class Late(Disk):
        def make_directory(self, path: str, mode: int) -> None:
            super().make_directory(path, mode)
            raise FileExistsError(errno.EEXIST, "File exists", path)

    LocalStore.create(path)
    LocalStore(path, disk=Late()).put_if_absent("packs/ab/1", b"x")

    assert names_of(LocalStore(path)) == ["packs/ab/1"]


def test_several_hundred_directories_are_remembered_and_forgotten(path: pathlib.Path) -> None:
    class Counting(Disk):
        flushed = 0

        def sync_directory(self, path: str) -> None:
            self.flushed += 1
            super().sync_directory(path)

    disk = Counting()
    clock = ManualClock()
    store = LocalStore.create(path, clock=clock, disk=disk)
    store.put_if_absent("packs/ab/1", b"x")
    before = disk.flushed
    store.put_if_absent("packs/ab/2", b"x")
    assert disk.flushed - before == 1  # the directory itself, and none above it
    clock.advance(4_000)
    store.put_if_absent("packs/ab/3", b"x")
    assert disk.flushed - before == 4  # an hour later the names above are made certain again


def make_old(path: pathlib.Path) -> None:
    os.utime(path, (time.time() - 2 * 86_400,) * 2)


def test_a_sweep_leaves_what_no_vault_makes(store: LocalStore, path: pathlib.Path) -> None:
    """A vault at the top of a disk: lost+found belongs to root, and snapshots of a share cannot be changed."""
    for name in ("lost+found", "@eaDir", ".snapshot"):
        (path / name / "below").mkdir(parents=True)
        (path / name / "below" / ".tmp-not-ours").write_bytes(b"x")
        make_old(path / name / "below" / ".tmp-not-ours")
        make_old(path / name / "below")
        make_old(path / name)
    store.put_if_absent("packs/ab/1", b"x")
    (path / "packs" / "ab" / ".tmp-cut").write_bytes(b"x")
    (path / "index" / "ab").mkdir(parents=True)
    for old in ("packs/ab/.tmp-cut", "index/ab", "index"):
        make_old(path / old)

    assert store.sweep() == 1
    assert sorted(each.name for each in path.iterdir()) == [".snapshot", "@eaDir", "index", "lost+found", "packs"]
    assert (path / "lost+found" / "below" / ".tmp-not-ours").exists()
    assert not (path / "index" / "ab").exists()


def test_a_sweep_needs_no_right_to_read_lost_and_found(store: LocalStore, path: pathlib.Path) -> None:
    (path / "lost+found").mkdir(mode=0)

    assert store.sweep() == 0


def exchange(path: pathlib.Path) -> None:
    """Take the disk away, and mount another copy of the same vault in its place."""
    path.rename(path.with_name("first disk"))
    LocalStore.create(path).put_if_absent("packs/ab/1", b"the copy's own")


def test_nothing_is_deleted_on_a_disk_that_was_exchanged(store: LocalStore, path: pathlib.Path) -> None:
    store.put_if_absent("packs/ab/1", b"x")
    exchange(path)

    with pytest.raises(StoreUnreachable, match="no longer the directory"):
        store.delete("packs/ab/1")
    assert (path / "packs/ab/1").read_bytes() == b"the copy's own"


def test_a_put_that_a_vanishing_disk_sent_elsewhere_is_no_success(path: pathlib.Path) -> None:
    class Vanishing(Disk):
        def open_new(self, path_: str, mode: int) -> int:
            if path.exists() and not path.with_name("first disk").exists():
                path.rename(path.with_name("first disk"))
                (path / "packs" / "ab").mkdir(parents=True)  # as it was below the mount point
            return super().open_new(path_, mode)

    LocalStore.create(path)
    with pytest.raises(StoreUnreachable, match="no longer the directory"):
        LocalStore(path, disk=Vanishing()).put_if_absent("packs/ab/1", b"x")
