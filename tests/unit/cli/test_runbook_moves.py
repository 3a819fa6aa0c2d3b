"""The lines of the runbook that put a component in its place by hand, typed as they stand, with odd names."""

import os
import pathlib
import re
import shutil
import sqlite3
import subprocess

import pytest
from tests.unit.cli.program_runs import Program

STACK = """\
version = 1
[stack]
name = "shop"
root = "."
[vault]
url = "{folder}/vault"
key = {{ file = "{folder}/owner.key" }}
"""
FOLDER = "st'ack $HOME `id` &amp; <b>"  # what a shell, HTML or Markdown would read as something else


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / FOLDER).mkdir()
    return tmp_path / FOLDER


def bring_back(root: pathlib.Path, component: str) -> Program:
    """Save a stack of one component, bring it back beside, and type the lines that put it in its place."""
    program = Program.with_vault(root.parent)
    (root / "rebond.toml").write_text(STACK.format(folder=root.parent) + component, encoding="utf-8")
    program.environment["REBOND_CONFIG"] = str(root / "rebond.toml")
    program.good("backup")
    program.good("runbook", "--output", root.parent / "book")
    name = re.findall(r'^\[component\."?(\w+)"?\]', component, re.MULTILINE)[0]
    program.good("restore", "latest", name, "--to", root.parent / "to")
    return program


def type_moves(root: pathlib.Path) -> None:
    page = (root.parent / "book.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```bash\n((?:(?:ls -d |old=|find ).*TO:\?.*\n)(?:.*\n)*?)```", page, re.MULTILINE)
    environment = {**os.environ, "TO": str(root.parent / "to")}
    done = subprocess.run(["bash", "-c", lines], env=environment, cwd="/", capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()


def make_database(path: pathlib.Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE rows (number INT)")
        connection.execute("INSERT INTO rows VALUES (?)", (value,))
    connection.close()


def read_database(path: pathlib.Path) -> list[tuple[int]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT number FROM rows").fetchall()
    connection.close()
    return found


def test_a_component_that_is_one_file_goes_back_as_a_file(root: pathlib.Path) -> None:
    (root / "etc").mkdir()
    (root / "etc" / "a b.conf").write_text("good")
    bring_back(root, '[component.conf]\nkind = "files"\npath = "etc/a b.conf"\n')
    (root / "etc" / "a b.conf").write_text("bad")
    type_moves(root)

    assert (root / "etc" / "a b.conf").read_text() == "good"
    assert [each.read_text() for each in root.glob("etc/a b.conf.before-*")] == ["bad"]


@pytest.mark.parametrize(
    ("paths", "saved"),
    [
        ('path = "-dash $(id)"', "-dash $(id)/x"),
        ('paths = ["media"]', "media/x"),
        ('path = "da*"', "data/x"),
        ('paths = ["a/*", "b"]', "a/x/y"),
        ('paths = ["../elsewhere/one", "../elsewhere/two"]', "../elsewhere/one/x"),
    ],
)
def test_folders_go_back_to_where_they_were_and_what_is_there_is_kept(
    root: pathlib.Path, paths: str, saved: str
) -> None:
    for each in (saved, "b/x", "../elsewhere/two/x"):
        (root / each).parent.mkdir(parents=True, exist_ok=True)
        (root / each).write_text("good")
    bring_back(root, f'[component.été]\nkind = "files"\n{paths}\n'.replace("[component.été]", '[component."été"]'))
    (root / saved).write_text("bad")
    before = {each for each in root.parent.rglob("x*") if "to" not in each.parts}
    type_moves(root)
    kept = [each for each in root.parent.rglob(f"{pathlib.Path(saved).name}*") if each.read_text() == "bad"]

    assert (root / saved).read_text() == "good"
    assert before <= set(root.parent.rglob("x*"))
    assert len(kept) == 1
    assert not (root / "x").exists()


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        ("files", 'path = "deep/er/one"'),
        ("files", 'path = "deep/er/one/x.db"'),
        ("files", 'paths = ["deep/er/one"]'),
        ("files", 'path = "deep/*"'),
        ("files", 'paths = ["../elsewhere/one", "deep/er"]'),
        ("secrets", 'path = "deep/er/one/x.db"'),
        ("sqlite", 'path = "deep/er/one/x.db"'),
        ("sqlite", 'paths = ["deep/er/one/x.db", "deep/y.db"]'),
        ("sqlite", 'path = "deep/**/x.db"'),
    ],
    ids=str,
)
def test_what_came_back_finds_its_way_on_a_new_machine(root: pathlib.Path, kind: str, paths: str) -> None:
    target = root / "deep" / "er" / "one" / "x.db"
    for each in (target, root / "deep" / "y.db", root.parent / "elsewhere" / "one"):
        make_database(each, 1)
    bring_back(root, f'[component.rows]\nkind = "{kind}"\n{paths}\n')
    shutil.rmtree(root)
    type_moves(root)

    assert read_database(target) == [(1,)]


def test_nothing_goes_into_a_folder_that_could_not_be_set_aside(root: pathlib.Path) -> None:
    (root / "media").mkdir()
    (root / "media" / "x").write_text("good")
    bring_back(root, '[component.media]\nkind = "files"\npath = "media"\n')
    page = (root.parent / "book.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^mv .*media.*$", page, re.MULTILINE)
    environment = {**os.environ, "TO": str(root.parent / "to")}
    done = subprocess.run(["bash", "-c", line], env=environment, cwd="/", capture_output=True, check=False)

    assert done.returncode != 0  # a folder that is mounted cannot be moved: the old one still stands there
    assert not (root / "media" / "media").exists()


@pytest.mark.parametrize(
    "paths", ['path = ".shop db"', 'paths = [".shop db", "b/other.db"]', 'path = "*/other.db"'], ids=str
)
def test_a_database_goes_back_without_the_journal_of_the_old_one(root: pathlib.Path, paths: str) -> None:
    target = root / ("b/other.db" if "*" in paths else ".shop db")
    make_database(root / ".shop db", 1)
    make_database(root / "b" / "other.db", 1)
    bring_back(root, f'[component.rows]\nkind = "sqlite"\n{paths}\n')
    target.write_bytes(b"spoilt")
    for ending in ("-wal", "-shm", "-journal"):
        target.with_name(f"{target.name}{ending}").write_bytes(b"of the old one")
    type_moves(root)

    assert [each.name for each in root.rglob("*-*") if "before" not in each.name] == []
    assert len(list(root.rglob(f"{target.name}*.before-*"))) == 4
    assert read_database(target) == [(1,)]


def test_files_of_secrets_go_over_what_is_there(root: pathlib.Path) -> None:
    (root / ".env").write_text("A=good")
    bring_back(root, '[component.keys]\nkind = "secrets"\npaths = [".env"]\n')
    (root / ".env").write_text("A=bad")
    type_moves(root)

    assert (root / ".env").read_text() == "A=good"
    assert (root / ".env.~1~").read_text() == "A=bad"


def test_a_stack_in_a_folder_whose_name_is_no_text_has_a_runbook_that_can_be_typed(tmp_path: pathlib.Path) -> None:
    root = pathlib.Path(os.fsdecode(os.fsencode(tmp_path / "st") + b"\xff\n\xe9"))
    (root / "media").mkdir(parents=True)
    (root / "media" / "x").write_text("good")
    bring_back(root, '[component.media]\nkind = "files"\npath = "media"\n')
    (root / "media" / "x").write_text("bad")
    type_moves(root)
    first = re.findall(r"^cd .*$", (root.parent / "book.md").read_text(encoding="utf-8"), re.MULTILINE)[0]
    there = subprocess.run(["bash", "-c", f"{first} && cat rebond.toml"], capture_output=True, check=True)

    assert (root / "media" / "x").read_text() == "good"
    assert there.stdout == (root / "rebond.toml").read_bytes()
    assert (root.parent / "book.html").read_text(encoding="utf-8")
