"""The power fails before every single call that a local store makes to the disk."""

import pathlib
from collections.abc import Callable

import pytest

from rebond.durable_files import Disk, replace_durably, write_durably
from rebond.errors import ObjectExists
from rebond.store.local import LocalStore
from rebond.testing.faulty_store import PowerCut
from rebond.testing.forgetful_disk import ForgetfulDisk

CONTENTS = {"packs/ab/1": b"first" * 100, "packs/ab/2": b"second" * 100, "snapshots/m/1": b"snapshot"}


def work(disk: ForgetfulDisk, done: dict[str, bytes]) -> None:
    """Put three objects and delete one; ``done`` follows what has returned."""
    store = LocalStore.create(f"{disk.root}/vault", disk=disk)
    for name, content in CONTENTS.items():
        store.put_if_absent(name, content)
        done[name] = content
    done["packs/ab/1"] = b"perhaps"
    store.delete("packs/ab/1")
    del done["packs/ab/1"]


def calls_of(tmp_path: pathlib.Path, act: Callable[[ForgetfulDisk], object]) -> int:
    (tmp_path / "counted").mkdir()
    disk = ForgetfulDisk(tmp_path / "counted")
    act(disk)
    return len(disk.calls)


def kept_of(directory: pathlib.Path) -> dict[str, bytes]:
    if not (directory / "vault").exists():
        return {}
    store = LocalStore(directory / "vault")
    return {info.name: store.read(info.name) for info in store.list_objects()}


def test_the_order_of_a_put_is_file_then_name_then_directory(tmp_path: pathlib.Path) -> None:
    disk = ForgetfulDisk(tmp_path)
    store = LocalStore.create(tmp_path / "vault", disk=disk)
    store.put_if_absent("packs/ab/1", b"content")
    store.put_if_absent("packs/ab/2", b"content")
    store.delete("packs/ab/1")

    assert disk.calls == [
        "mkdir vault",
        "sync .",
        "sync .",
        "mkdir vault/packs",
        "sync vault",
        "mkdir vault/packs/ab",
        "sync vault/packs",
        "open vault/packs/ab/.tmp",
        "write vault/packs/ab/.tmp",
        "flush vault/packs/ab/.tmp",
        "link vault/packs/ab/1",
        "unlink vault/packs/ab/.tmp",
        "sync vault/packs/ab",
        "open vault/packs/ab/.tmp",
        "write vault/packs/ab/.tmp",
        "flush vault/packs/ab/.tmp",
        "link vault/packs/ab/2",
        "unlink vault/packs/ab/.tmp",
        "sync vault/packs/ab",
        "unlink vault/packs/ab/1",
        "sync vault/packs/ab",
    ]


@pytest.mark.parametrize("keeps_names", [False, True])
def test_a_power_cut_at_any_call_keeps_what_returned_and_shows_nothing_half(
    tmp_path: pathlib.Path, keeps_names: bool
) -> None:
    places = calls_of(tmp_path, lambda disk: work(disk, {}))
    assert places > 20

    for place in range(places + 1):
        (tmp_path / f"cut-{place}").mkdir()
        disk = ForgetfulDisk(tmp_path / f"cut-{place}", cut_at=place)
        done: dict[str, bytes] = {}
        try:
            work(disk, done)
        except PowerCut:
            assert place < places
        disk.leave_behind(tmp_path / f"left-{place}", keeps_names=keeps_names)
        kept = kept_of(tmp_path / f"left-{place}")

        for name, content in kept.items():
            assert content == CONTENTS[name], f"{name} is torn when the power fails before call {place}"
        for name, content in done.items():
            assert content == b"perhaps" or name in kept, f"{name} is lost when the power fails before call {place}"
        if "snapshots/m/1" in done and "packs/ab/1" not in done and not keeps_names:
            assert "packs/ab/1" not in kept, "a delete that returned was undone"


@pytest.mark.parametrize("keeps_names", [False, True])
def test_work_goes_on_after_any_power_cut(tmp_path: pathlib.Path, keeps_names: bool) -> None:
    for place in range(0, calls_of(tmp_path, lambda disk: work(disk, {})), 3):
        (tmp_path / f"cut-{place}").mkdir()
        disk = ForgetfulDisk(tmp_path / f"cut-{place}", cut_at=place)
        with pytest.raises(PowerCut):
            work(disk, {})
        left = tmp_path / f"left-{place}"
        disk.leave_behind(left, keeps_names=keeps_names)

        store = LocalStore.create(left / "vault")
        for name, content in CONTENTS.items():
            try:
                store.put_if_absent(name, content)
            except ObjectExists:
                assert store.read(name) == content
        assert kept_of(left) == CONTENTS


def test_exists_is_said_only_of_what_a_power_cut_leaves(tmp_path: pathlib.Path) -> None:
    """One process dies between a call and the next; another is told that the object exists; then the power fails."""
    (tmp_path / "machine").mkdir()
    places = calls_of(tmp_path, lambda disk: work(disk, {}))
    told = 0
    for place in range(places):
        (tmp_path / f"machine-{place}").mkdir()
        disk = ForgetfulDisk(tmp_path / f"machine-{place}", cut_at=place)
        with pytest.raises(PowerCut):
            work(disk, {})
        disk.revive()
        other = LocalStore.create(f"{disk.root}/vault", disk=disk)
        for name, content in CONTENTS.items():
            try:
                other.put_if_absent(name, content)
            except ObjectExists:
                told += 1
        disk.leave_behind(tmp_path / f"left-{place}", keeps_names=False)

        assert kept_of(tmp_path / f"left-{place}") == CONTENTS, f"died before call {place}"
    assert told > 10


class ForgettingToFlushFiles(ForgetfulDisk):
    def sync_file(self, descriptor: int) -> None:
        """The planted bug: nothing is flushed."""


class ForgettingToFlushDirectories(ForgetfulDisk):
    def sync_directory(self, path: str) -> None:
        """The planted bug: nothing is flushed."""


def test_these_tests_would_notice_a_missing_flush(tmp_path: pathlib.Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    torn = ForgettingToFlushFiles(tmp_path / "one")
    lost = ForgettingToFlushDirectories(tmp_path / "two")
    work(torn, {})
    work(lost, {})
    torn.leave_behind(tmp_path / "torn", keeps_names=True)
    lost.leave_behind(tmp_path / "lost", keeps_names=False)

    assert kept_of(tmp_path / "torn")["packs/ab/2"] != CONTENTS["packs/ab/2"]
    assert kept_of(tmp_path / "lost") == {}


@pytest.mark.parametrize("keeps_names", [False, True])
def test_a_replaced_file_is_old_or_new_after_a_power_cut(tmp_path: pathlib.Path, keeps_names: bool) -> None:
    def change(disk: ForgetfulDisk) -> None:
        write_durably(f"{disk.root}/state", b"old", disk=disk)
        replace_durably(f"{disk.root}/state", b"new", disk=disk)

    places = calls_of(tmp_path, change)
    seen = set()
    for place in range(places + 1):
        (tmp_path / f"cut-{place}").mkdir()
        disk = ForgetfulDisk(tmp_path / f"cut-{place}", cut_at=place)
        if place < places:
            with pytest.raises(PowerCut):
                change(disk)
        else:
            change(disk)
        left = tmp_path / f"left-{place}"
        disk.leave_behind(left, keeps_names=keeps_names)
        seen.add((left / "state").read_bytes() if (left / "state").exists() else b"")

    assert seen == {b"", b"old", b"new"}
    assert (left / "state").read_bytes() == b"new"


def test_a_failed_write_leaves_no_temporary_file(tmp_path: pathlib.Path) -> None:
    class FullDisk(Disk):
        def write(self, descriptor: int, content: memoryview) -> int:
            super().write(descriptor, content[:3])
            raise OSError(28, "No space left on device")

    for write in (write_durably, replace_durably):
        with pytest.raises(OSError, match="No space left"):
            write(str(tmp_path / "state"), b"content", disk=FullDisk())
    assert list(tmp_path.iterdir()) == []
