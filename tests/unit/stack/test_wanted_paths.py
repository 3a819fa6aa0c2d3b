"""The folder of a stack is called what it is called: signs in its name stand for nothing else."""

import contextlib
import os
import pathlib
import shutil
import sqlite3

import pytest
from tests.unit.stack.test_advice import scene

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.findings import Finding
from rebond.schedule.observing import describe_files, list_watched_paths
from rebond.schedule.watched_paths import WatchedPath
from rebond.stack.advice.reading_rights import look_at_files
from rebond.stack.claims import find_claims
from rebond.stack.databases import ConfiguredDatabases
from rebond.stack.drills.layout import Layout
from rebond.stack.file_places import find_files_place
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.secrets import ConfiguredSecrets
from rebond.stack.wanted_inside import find_beginning
from rebond.stack.wanted_paths import WantedPath, want
from rebond.vault.snapshots import PrivateComponent

ODD = ["plain", "data[1]", "what?", "all*", "[a-z]", "back\\slash[1]"]
FILES = ("media/a.jpg", "media/deep/b.jpg", "notes.txt", "keys/one.key", "keys/two.key")


def fail(finding: Finding) -> None:
    pytest.fail(finding.message)


def names_in(tree: Tree) -> list[str]:
    found = [os.path.join(listing.path, name) for listing in tree.listings() for name in listing.names]
    return sorted(os.fsdecode(each) for each in found)


@pytest.fixture(params=ODD)
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    """A stack, and beside it a folder that its name would mean as a pattern."""
    odd = tmp_path / str(request.param)
    for folder in (odd, tmp_path / "data1", tmp_path / "whatx", tmp_path / "a"):
        for name in (*FILES, "app.db"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("text")
        (folder / "app.db").unlink()
        with contextlib.closing(sqlite3.connect(folder / "app.db")) as database:
            database.executescript("CREATE TABLE t (x)")
    return odd


def load(root: pathlib.Path, component: str) -> Loaded:
    (root / "rebond.toml").write_text(
        'version = 1\ninclude = ["conf.d/*.toml"]\n[stack]\nname = "x"\n'
        '[class.watch]\ntrigger = "change"\ncomponents = "all"\n'
    )
    (root / "conf.d").mkdir()
    (root / "conf.d" / "it.toml").write_text(f"[component.it]\n{component}\n")
    verdict = load_configuration(root / "rebond.toml", {})
    assert verdict.loaded, verdict.problems
    return verdict.loaded


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["media"], ["a.jpg", "deep/b.jpg"]),
        (["media", "notes.txt"], ["media/a.jpg", "media/deep/b.jpg", "notes.txt"]),
        (["media/*.jpg"], ["media/a.jpg"]),
        (["**/*.jpg", "notes.txt"], ["media/a.jpg", "media/deep/b.jpg", "notes.txt"]),
    ],
)
def test_files_are_those_of_the_stack(root: pathlib.Path, paths: list[str], names: list[str]) -> None:
    files = ConfiguredFiles("it", Files(kind="files", paths=tuple(paths)), stack_root=root, strategy="complete")

    assert names_in(files.open_tree(fail)) == names
    assert files.root == os.fsencode(root / "media" if paths == ["media"] else root)


@pytest.mark.parametrize("paths", [["app.db"], ["*.db"], ["**/*.db", "app.db"]])
def test_databases_are_those_of_the_stack(root: pathlib.Path, paths: list[str]) -> None:
    databases = ConfiguredDatabases("it", Sqlite(kind="sqlite", paths=tuple(paths)), stack_root=root)

    assert databases.top == os.fsencode(root)
    assert names_in(databases.open_tree(fail)) == ["app.db"]
    assert databases.locate(os.fsencode(root / "app.db-wal")) == b"app.db"
    assert databases.locate(os.fsencode(root.parent / "data1" / "app.db")) is None or root.name == "data1"


@pytest.mark.parametrize("paths", ['["keys/one.key", "keys/two.key"]', '["keys/*.key"]'])
def test_secrets_are_read_explained_and_watched(root: pathlib.Path, paths: str) -> None:
    loaded = load(root, f'kind = "secrets"\npaths = {paths}')
    component = loaded.configuration.component["it"]
    assert isinstance(component, Secrets)

    assert names_in(ConfiguredSecrets("it", component, loaded).open_tree(fail)) == ["keys/one.key", "keys/two.key"]
    assert [each.below for each in find_claims(loaded, str(root / "keys/one.key"))] == [b"keys/one.key"]
    assert find_claims(loaded, str(root.parent / "a" / "keys/one.key")) == []
    before = describe_files(list_watched_paths(loaded, "watch"))
    (root / "keys/one.key").write_text("longer than before")
    assert describe_files(list_watched_paths(loaded, "watch")) != before


def test_a_drill_and_a_restore_in_place_find_it_too(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    loaded = load(root, 'kind = "files"\npath = "media"\n[component.base]\nkind = "sqlite"\npaths = ["*.db"]')
    configured = loaded.configuration.component

    def stay(path: bytes) -> bytes:
        return path

    def lies(component: Component, root_then: pathlib.Path) -> pathlib.Path:
        layout = Layout(folder=tmp_path / "drill", stack_root=root)
        stored = PrivateComponent(name="it", domain=b"", root=os.fsencode(root_then))
        return layout.place(stored, component)

    place = find_files_place("it", configured["it"], loaded, source=None, relocate=stay)
    assert place.top == os.fsencode(root / "media")
    assert lies(configured["base"], root) == tmp_path / "drill" / "root"
    whole = Files(kind="files", path=".")
    around = find_files_place("around", whole, loaded, source=None, relocate=stay)
    assert "/*.db" in around.excludes
    assert place.look_at_live is not None
    moved = find_files_place(
        "it", configured["it"], loaded, source=None, relocate=lambda path: path.replace(b"media", b"new[2]")
    )
    shutil.copytree(root / "media", root / "new[2]")
    assert moved.look_at_live is not None
    moved.look_at_live(moved.top, lambda _path: True)


def test_the_doctor_looks_there(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "data[1]"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "a.jpg").write_bytes(bytes(1000))
    body = '[component.a]\nkind = "files"\npath = "media"\n[component.b]\nkind = "files"\npath = "gone"\n'

    looked = look_at_files(scene(folder, body))

    assert looked.size_bytes >= 1000
    assert list(looked.missing) == [str(folder / "gone")]


def test_what_a_unit_watches_is_a_path_of_the_stack() -> None:
    assert WatchedPath("/srv/data[1]", "media").fixed == "/srv/data[1]/media"
    assert WatchedPath("/srv/data[1]", "media/*.jpg").fixed == "/srv/data[1]/media"
    assert WatchedPath("/srv/data[1]", "*.db").fixed == "/srv/data[1]"
    assert WatchedPath("/srv/data[1]", "/opt/*/x").fixed == "/opt"
    assert WatchedPath("/srv/data[1]", "/*.db").fixed == "/"


@pytest.mark.parametrize(
    ("base", "path", "fixed", "pattern"),
    [
        (b"/a*", b".", b"/a*", b""),
        (b"/a*/b", b"../c", b"/a*/c", b""),
        (b"/a*", b"../../../c*", b"/", b"c*"),
        (b"/a*", b"/b/c?/d\\e", b"/b", b"c?/d\\\\e"),
        (b"/", b"b", b"/b", b""),
        (b"", b"/app/x[1]", b"/app", b"x[1]"),
        (b"", b"*.db", b".", b"*.db"),
    ],
)
def test_what_is_wanted_is_a_name_and_what_fits_below_it(
    base: bytes, path: bytes, fixed: bytes, pattern: bytes
) -> None:
    assert want(base, path) == WantedPath(fixed=fixed, pattern=pattern)


def test_a_folder_of_a_volume_is_a_name_too() -> None:
    assert find_beginning(b"/vol[1]/_data", ["/a", "b*"])[0] == b"/vol[1]/_data"
    root, wanted = find_beginning(b"/vol[1]/_data", ["a"])
    assert (root, wanted) == (b"/vol[1]/_data/a", [WantedPath(fixed=b"/vol[1]/_data/a")])
    assert wanted[0].fits(b"/vol[1]/_data/a")
