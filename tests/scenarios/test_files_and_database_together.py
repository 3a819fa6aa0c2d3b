"""An application writes rows and their files without pause while its stack is saved: no row lacks its file unsaid."""

import contextlib
import itertools
import pathlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.bounded import reap, wait_for
from tests.unit.cli.program_runs import Program

BACKUPS = 10
CONFIGURATION = """\
version = 1
[stack]
name = "gallery"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.media]
kind = "files"
path = "media"
[component.db]
kind = "sqlite"
path = "gallery.db"
references = [{ sql = "SELECT file FROM photos", component = "media", below = "photos" }]
[component.code]
kind = "files"
path = "code"
[class.daily]
schedule = "0 3 * * *"
components = "all"
keep = { last = 1 }
"""
APPLICATION = """
import os, random, sqlite3, sys, time
root = sys.argv[1]
dice = random.Random(7)
connection = sqlite3.connect(os.path.join(root, "gallery.db"), timeout=20, isolation_level=None)
photos = os.path.join(root, "media", "photos")
alive, number, due = [], 0, time.monotonic()
while True:
    name = f"{number % 7}/{number:06}.jpg"
    os.makedirs(os.path.dirname(os.path.join(photos, name)), exist_ok=True)
    with open(os.path.join(photos, name), "wb") as file:
        file.write(dice.randbytes(2000))
    connection.execute("INSERT INTO photos (file) VALUES (?)", (name,))
    alive.append(name)
    if number % 2:
        # now an old one, now one that is a moment old
        gone = alive.pop(dice.randrange(len(alive)) if number % 4 == 1 else max(0, len(alive) - 4))
        connection.execute("DELETE FROM photos WHERE file = ?", (gone,))
        os.unlink(os.path.join(photos, gone))
    number += 1
    due += 0.02
    time.sleep(max(0.0, due - time.monotonic()))
"""


@pytest.fixture
def stack(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    root = tmp_path / "gallery"
    (root / "media" / "photos").mkdir(parents=True)
    (root / "code").mkdir()
    (root / "code" / "settings.py").write_text("DEBUG = False\n")
    (root / "rebond.toml").write_text(CONFIGURATION)
    connection = sqlite3.connect(root / "gallery.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE photos (id INTEGER PRIMARY KEY, file TEXT)")
    connection.execute("CREATE TABLE ballast (text TEXT)")
    connection.executemany("INSERT INTO ballast VALUES (?)", [(f"{n} " * 400,) for n in range(3000)])
    connection.commit()
    connection.close()
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def program(stack: pathlib.Path, tmp_path: pathlib.Path) -> Program:
    made = Program.with_vault(tmp_path)
    made.leave_vault_to_configuration()
    return made


@contextlib.contextmanager
def running(root: pathlib.Path) -> Iterator[None]:
    application = subprocess.Popen([sys.executable, "-c", APPLICATION, root], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: len(read_rows(root / "gallery.db")) >= 20 or application.poll() is not None, "twenty rows")
        assert application.poll() is None
        yield
        assert application.poll() is None, "the application fell over, so nothing was proven"
    finally:
        reap(application)


def read_rows(database: pathlib.Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        return {row[0] for row in connection.execute("SELECT file FROM photos")}


@pytest.mark.slow
def test_no_row_of_a_snapshot_lacks_its_file_or_the_snapshot_says_exactly_which(
    program: Program, stack: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    made = []
    with running(stack):
        for _ in range(BACKUPS):
            answer = program("backup", "--json", "--quiet")
            assert answer.status in {0, 3}, answer.err
            made.append(answer.document)

    rows_of_all = []
    for number, document in enumerate(made):
        back = tmp_path / f"back{number}"
        program.good("restore", document["id"], "--to", back, "--quiet")
        rows = read_rows(back / "db" / "gallery.db")
        photos = back / "media" / "photos"
        missing = {f"photos/{name}" for name in rows if not (photos / name).is_file()}
        said = {each["subject"] for each in document["problems"] if each["code"] == "named-file-missing"}
        assert said == missing
        assert document["state"] == ("degraded" if missing else "whole")
        assert [each["name"] for each in document["components"] if each["degraded"]] == ["media"] * bool(missing)
        assert {each["code"] for each in document["problems"]} <= {"named-file-missing"}
        rows_of_all.append(rows)
    assert all(one != other for one, other in itertools.pairwise(rows_of_all)), "nothing happened"
    assert [each["class"] for each in made] == ["daily"] * BACKUPS


def test_a_row_whose_file_is_gone_makes_the_snapshot_degraded_and_the_whole_one_before_stays_latest(
    program: Program, stack: pathlib.Path
) -> None:
    photos = stack / "media" / "photos"
    (photos / "1.jpg").write_bytes(b"one")
    (photos / "2.jpg").write_bytes(b"two")
    with contextlib.closing(sqlite3.connect(stack / "gallery.db")) as connection:
        connection.executemany("INSERT INTO photos (file) VALUES (?)", [("1.jpg",), ("2.jpg",), ("",), (None,)])
        connection.commit()
    whole = program.ask("backup")["id"]
    (photos / "2.jpg").unlink()
    answer = program("backup", "--json")

    assert (answer.status, answer.document["state"]) == (3, "degraded")
    assert [(each["code"], each["subject"]) for each in answer.document["problems"]] == [
        ("named-file-missing", "photos/2.jpg")
    ]
    assert "photos/2.jpg is named by db, and the component media does not hold it." in answer.err
    assert program("restore", "latest", "--to", stack.parent / "back", "--json").document["snapshot"] == whole
    assert [each["state"] for each in program.ask("snapshots")] == ["whole", "degraded"]
    for _ in range(2):
        assert program("backup").status == 3
    program.good("forget", "--yes")
    assert whole in {each["id"] for each in program.ask("snapshots")}  # what lacks files pushes nothing out


def test_a_query_that_the_database_does_not_understand_fails_the_run(program: Program, stack: pathlib.Path) -> None:
    path = stack / "rebond.toml"
    path.write_text(path.read_text().replace("SELECT file FROM photos", "SELECT path FROM photos"))
    (stack / "media" / "photos" / "1.jpg").write_bytes(b"one")
    answer = program("backup")

    assert answer.status == 32
    assert "The query for the files that db names cannot be answered: no such column: path." in answer.err
    assert program.ask("snapshots") == []
