"""``rebond recover`` of stacks of which no snapshot says where their root was, or only in part."""

import pathlib
import shutil
import sqlite3

import pytest
from tests.unit.cli.program_runs import Program

HEAD = '[stack]\nname = "shop"\n[vault]\nurl = "{folder}/vault"\nkey = {{ file = "{folder}/owner.key" }}\n'
SQLITE = '[component.rows]\nkind = "sqlite"\npath = "shop.db"\n'
SEVERAL = '[component.code]\nkind = "files"\npaths = ["code/*", "docs"]\n'
PATTERN = '[component.code]\nkind = "files"\npath = "co*"\n'


def save(folder: pathlib.Path, components: str) -> Program:
    """Save a stack, and lose everything but the vault and its key."""
    program = Program.with_vault(folder)
    root = folder / "stack"
    for name in ("code/sub", "docs"):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_text(name)
    with sqlite3.connect(root / "shop.db") as connection:
        connection.execute("CREATE TABLE rows (number INT)")
    connection.close()
    (root / "rebond.toml").write_text("version = 1\n" + HEAD.format(folder=folder) + components)
    program.good("backup", REBOND_CONFIG=str(root / "rebond.toml"))
    shutil.rmtree(root)
    shutil.rmtree(folder / "state")
    return program


@pytest.mark.parametrize(
    ("components", "back"), [(SQLITE, "shop.db"), (SEVERAL, "code/sub/file"), (PATTERN, "code/sub/file")]
)
def test_below_another_folder_nobody_has_to_know_where_the_root_was(
    tmp_path: pathlib.Path, components: str, back: str
) -> None:
    program = save(tmp_path, components)
    program.good("recover", program.vault, "--to", tmp_path / "new", "--dry-run")
    program.good("recover", program.vault, "--to", tmp_path / "new", "--yes")
    program.good("recover", program.vault, "--at", "now", "--to", tmp_path / "again", "--yes")

    assert (tmp_path / "new" / back).is_file()
    assert (tmp_path / "new" / "rebond.toml").is_file()
    assert (tmp_path / "again" / back).is_file()


@pytest.mark.parametrize("components", [SEVERAL, PATTERN])
def test_what_several_paths_name_says_where_the_root_was(tmp_path: pathlib.Path, components: str) -> None:
    program = save(tmp_path, components)
    program.good("recover", program.vault, "--yes")

    assert (tmp_path / "stack" / "code" / "sub" / "file").read_text() == "code/sub"
    assert (tmp_path / "stack" / "rebond.toml").is_file()


def test_where_nothing_says_it_the_way_out_is_named_and_is_one(tmp_path: pathlib.Path) -> None:
    program = save(tmp_path, SQLITE)
    refused = program("recover", program.vault, "--yes")

    assert (refused.status, "--to DIR" in refused.err) == (2, True)
