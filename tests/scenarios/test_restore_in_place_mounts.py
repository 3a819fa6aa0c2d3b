"""Places that are mount points or links: the plan says so; they come back and go again, or are refused beforehand."""

import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.scenarios.shop_in_place import Shop

from rebond.operations.recovery.mounts import find_mount, list_below, list_mount_points

Mount = Callable[..., None]
mounts_things = [pytest.mark.judge("root"), pytest.mark.judge("mount")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.saved(tmp_path_factory.mktemp("template"))


@pytest.fixture
def shop(template: Shop, tmp_path: pathlib.Path) -> Shop:
    return template.copied(tmp_path / "there")


@pytest.fixture
def mount(shop: Shop) -> Iterator[Mount]:
    def call(target: pathlib.Path, *words: str | pathlib.Path) -> None:
        if subprocess.run(["mount", *words, target], check=False, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")

    yield call
    for each in reversed(list_below(os.fsencode(shop.folder), list_mount_points())):  # wherever it is by now
        subprocess.run(["umount", shop.folder / os.fsdecode(each)], check=True)


def remarks(shop: Shop, *words: str) -> list[tuple[str, str]]:
    answer = shop.program.good("restore", "latest", *words, "--in-place", "--dry-run", "--json")
    found = json.loads(answer.out)["remarks"]
    return [(each["code"], os.path.relpath(each["subject"], shop.root)) for each in found]


def restore(shop: Shop, *words: str) -> str:
    return str(json.loads(shop.program.good("restore", "latest", *words, "--in-place", "--yes", "--json").out)["run"])


class TestMounted:
    """Real mounts."""

    pytestmark = mounts_things

    def test_the_root_of_a_component_is_another_disk(self, shop: Shop, mount: Mount) -> None:
        media = shop.root / "media"
        shutil.copytree(media, shop.folder / "kept")
        mount(media, "-t", "tmpfs", "none")
        shutil.copytree(shop.folder / "kept", media, dirs_exist_ok=True)
        assert shop.files() == shop.broken_files
        assert remarks(shop, "media") == [("place-mounted", "media")]
        assert remarks(shop, "code") == []  # media is another component

        run = restore(shop)
        assert (shop.files(), os.path.ismount(media)) == (shop.restored_files(), True)
        assert len(shop.beside()) == 2
        shop.program.good("restore", "--rollback", run, "--yes")
        assert (shop.files(), shop.beside(), os.path.ismount(media)) == (shop.broken_files, [], True)

    @pytest.mark.parametrize("is_other_disk", [True, False])
    def test_a_folder_of_a_component_is_mounted(self, shop: Shop, mount: Mount, is_other_disk: bool) -> None:
        library, source = shop.root / "src" / "lib", shop.folder / "library"
        shutil.copytree(library, source)
        mount(library, *(("-t", "tmpfs", "none") if is_other_disk else ("--bind", source)))
        if is_other_disk:
            shutil.copytree(source, library, dirs_exist_ok=True)
        assert remarks(shop, "code") == [("mount-inside", "src/lib")]

        run = restore(shop, "code", "--include", "/src/")
        after = shop.files()
        assert after["src/lib/x.py"] == shop.saved_files["src/lib/x.py"]
        assert os.fsencode(library) in list_mount_points()
        shop.program.good("restore", "--rollback", run, "--yes")
        assert shop.files() == shop.broken_files

        restore(shop, "code", "--include", "/src/")
        shop.program.good("restore", "--accept", "latest", "--yes")
        assert (shop.files(), shop.beside()) == (after, [])
        assert (library / "x.py").exists()
        if not is_other_disk:
            assert sorted(os.listdir(source)) == sorted(os.listdir(library))  # nothing was deleted behind it

    def test_a_mount_deep_in_a_folder_stays_where_it_is(self, shop: Shop, mount: Mount) -> None:
        cache, source = shop.root / "media" / "deep" / "cache", shop.folder / "disk"
        cache.mkdir()
        source.mkdir()
        (source / "c.jpg").write_text("cached")
        mount(cache, "--bind", source)
        before = shop.files()

        run = restore(shop, "media")
        assert (os.fsencode(cache) in list_mount_points(), os.listdir(source)) == (True, [])
        shop.program.good("restore", "--rollback", run, "--yes")
        assert (os.fsencode(cache) in list_mount_points(), os.listdir(source)) == (True, ["c.jpg"])
        assert (shop.files(), shop.beside()) == (before, [])

    def test_a_file_that_is_mounted_is_refused_before_anything_stops(self, shop: Shop, mount: Mount) -> None:
        source = shop.folder / "app.py"
        shutil.copy(shop.root / "src" / "app.py", source)
        mount(shop.root / "src" / "app.py", "--bind", source)
        assert remarks(shop, "code") == [("file-mounted", "src/app.py")]

        answer = shop.program("restore", "latest", "code", "--in-place", "--yes")
        assert (answer.status, "Nothing was changed" in answer.err) == (40, True), answer.err
        assert "--exclude /src/app.py" in answer.err
        assert (shop.files(), shop.trace(), shop.beside()) == (shop.broken_files, [], [])

        restore(shop, "code", "--exclude", "/src/app.py")
        assert shop.files()["src/app.py"] == shop.broken_files["src/app.py"]
        assert "src/new.py" not in shop.files()


def test_a_link_in_the_place_of_a_component_stays_and_what_it_leads_to_comes_back(shop: Shop) -> None:
    media, true = shop.root / "media", shop.folder / "disk" / "media"
    true.parent.mkdir()
    media.rename(true)
    media.symlink_to(true)
    before = sorted(os.listdir(true))
    assert remarks(shop, "media") == [("place-linked", "media")]
    assert str(true) in shop.program.good("restore", "latest", "media", "--in-place", "--dry-run").out

    run = restore(shop, "media")
    assert (media.is_symlink(), sorted(os.listdir(true))) == (True, ["a.jpg", "deep"])
    shop.program.good("restore", "--rollback", run, "--yes")
    assert (media.is_symlink(), sorted(os.listdir(true)), shop.beside()) == (True, before, [])


def test_a_link_that_leads_nowhere_stays_and_what_it_names_is_made(shop: Shop) -> None:
    media, true = shop.root / "media", shop.folder / "disk" / "media"
    shutil.rmtree(media)
    media.symlink_to(true)
    run = restore(shop, "media")
    assert (media.is_symlink(), sorted(os.listdir(true))) == (True, ["a.jpg", "deep"])
    shop.program.good("restore", "--rollback", run, "--yes")
    assert (media.is_symlink(), true.parent.exists()) == (True, False)


def test_what_lies_on_which_mount_is_found_by_the_longest_name() -> None:
    mounts = frozenset({b"/", b"/a/b", b"/a/b/c", b"/a/bc"})
    assert [find_mount(each, mounts) for each in (b"/a/b/x", b"/a/bx", b"/a/b/c")] == [b"/a/b", b"/", b"/a/b/c"]
    assert list_below(b"/a/b", mounts) == [b"c"]
    assert list_below(b"/", mounts) == [b"a/b", b"a/b/c", b"a/bc"]
    assert b"/proc" in list_mount_points() or not os.path.exists("/proc/self/mountinfo")
