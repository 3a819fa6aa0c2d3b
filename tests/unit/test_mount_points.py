"""An empty mount point is no place for a vault: the disk that belongs there has it."""

import pathlib

import pytest

from rebond import mount_points
from rebond.errors import StoreUnreachable
from rebond.mount_points import find_unmounted
from rebond.store.local import LocalStore


class Tables:
    """What is to be mounted, and what is."""

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = monkeypatch
        self.write(wanted=[], mounted=[])

    def write(self, *, wanted: list[pathlib.Path], mounted: list[pathlib.Path]) -> None:
        escaped = {each: str(each).replace(" ", r"\040") for each in (*wanted, *mounted)}
        fstab = ["# the disks", "", "UUID=1 / ext4 defaults 0 1", "UUID=2 none swap sw 0 0", "odd"]
        fstab += [f"UUID=3  {escaped[each]}\text4 noauto 0 2" for each in wanted]
        info = [f"25 1 8:1 / {name} rw - ext4 /dev/x rw" for name in ("/", *(escaped[each] for each in mounted))]
        for name, lines in (("_FSTAB", fstab), ("_MOUNTED", info)):
            table = self.folder / name
            table.write_text("\n".join([*lines, ""]))
            self._patch.setattr(mount_points, name, str(table))


@pytest.fixture
def tables(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    (tmp_path / "tables").mkdir()
    return Tables(tmp_path / "tables", monkeypatch)


@pytest.mark.parametrize("name", ["disk", "a disk", "disk/deeper"])
@pytest.mark.parametrize("inner", ["", "vault", "a/vault"])
def test_no_vault_is_made_where_a_disk_should_be_mounted(
    tables: Tables, tmp_path: pathlib.Path, name: str, inner: str
) -> None:
    disk = tmp_path / name
    disk.mkdir(parents=True)
    tables.write(wanted=[disk], mounted=[])
    with pytest.raises(StoreUnreachable, match="Nothing is mounted") as caught:
        LocalStore.create(disk / inner)
    assert str(disk) in str(caught.value)
    assert list(disk.iterdir()) == []

    tables.write(wanted=[disk], mounted=[disk])
    LocalStore.create(disk / inner).put_if_absent("a", b"x")
    assert (disk / inner / "a").exists()


def test_a_link_to_a_mount_point_is_followed(tables: Tables, tmp_path: pathlib.Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    tables.write(wanted=[tmp_path / "disk"], mounted=[])

    assert find_unmounted(str(tmp_path / "link" / "vault")) == str(tmp_path / "disk")


def test_only_the_innermost_mount_point_counts(tables: Tables, tmp_path: pathlib.Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    tables.write(wanted=[outer, inner], mounted=[inner])

    assert find_unmounted(str(inner / "vault")) == ""
    assert find_unmounted(str(outer / "vault")) == str(outer)
    assert find_unmounted(str(tmp_path / "outermost")) == ""


def test_a_disk_that_somebody_mounted_below_one_that_is_away_is_there(tables: Tables, tmp_path: pathlib.Path) -> None:
    outer, by_hand = tmp_path / "outer", tmp_path / "outer" / "usb"
    by_hand.mkdir(parents=True)
    tables.write(wanted=[outer], mounted=[by_hand])

    assert find_unmounted(str(by_hand / "vault")) == ""
    assert find_unmounted(str(outer / "vault")) == str(outer)


def test_where_a_table_cannot_be_read_nothing_is_said(
    tables: Tables, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.write(wanted=[tmp_path], mounted=[])
    monkeypatch.setattr(mount_points, "_MOUNTED", str(tmp_path / "none"))

    assert find_unmounted(str(tmp_path / "vault")) == ""


def test_a_vault_on_a_disk_that_is_away_is_not_made_anew(tables: Tables, tmp_path: pathlib.Path) -> None:
    """As a script does that makes the vault unless it is there, on the morning on which the disk did not come up."""
    disk = tmp_path / "disk"
    disk.mkdir()
    tables.write(wanted=[disk], mounted=[disk])
    LocalStore.create(disk / "vault").put_if_absent("vault.json", b"{}")
    disk.rename(tmp_path / "taken away")
    disk.mkdir()
    tables.write(wanted=[disk], mounted=[])

    with pytest.raises(StoreUnreachable):
        LocalStore.create(disk / "vault")
    assert list(disk.iterdir()) == []
