"""The runbook of a real stack is followed to the letter: every command in it is typed into a shell as it is written."""

import base64
import os
import pathlib
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.scenarios.quick_program import quick_program
from tests.shims import crontab
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres"), pytest.mark.slow]

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
env = [".env"]
timezone = "Europe/Paris"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.media]
kind = "files"
path = "media"
rto = "10min"
[component.code]
kind = "files"
paths = ["code/*"]
[component.rows]
kind = "sqlite"
path = "shop.db"
[component.database]
kind = "postgres"
host = "HOST"
user = "postgres"
database = "shop"
rpo = "1d"
[component.secrets]
kind = "secrets"
paths = [".env"]
[component.static]
kind = "regenerable"
run = ["touch", "static-made"]
[class.daily]
schedule = "0 3 * * *"
components = "all"
keep = { within = "30d" }
verify = "weekly"
[class.pre-deployment]
trigger = "manual"
components = "all"
[restore]
stop = [{ run = "echo stopped >> ../steps" }]
start = [{ run = "echo started >> ../steps" }]
healthy = [{ run = "test -f media/2026/photo.jpg" }]
[drill]
checks = [{ name = "orders", sql = "SELECT count(*) = 40 FROM orders", component = "database" }]
[schedule]
by = "cron"
[[contact]]
role = "DBA"
to = "dba@example.com"
"""
OPEN_BOXES = 3
ENVIRONMENT = "DJANGO_SECRET_KEY=never-print-me-4711\n"


@dataclass(frozen=True)
class Typed:
    """One line of the runbook, and what came of it."""

    line: str
    status: int
    output: str


@dataclass(frozen=True)
class Followed:
    """A runbook that was followed, and where."""

    folder: pathlib.Path
    page: str
    typed: list[Typed]
    databases: dict[str, str]

    @property
    def stack(self) -> pathlib.Path:
        return self.folder / "stack"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """Make a stack, save it, have its runbook written, and type every line of the runbook."""
    folder = tmp_path_factory.mktemp("followed")
    with PostgresServer() as server, quick_program(folder) as programs:
        server.sql("CREATE DATABASE shop")
        server.sql("CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 40)", database="shop")
        plant_stack(folder / "stack", server)
        environment = make_surroundings(folder, programs)
        type_lines(["rebond schedule install"], environment, folder / "stack")
        type_lines(["rebond backup", "rebond runbook --output ../book"], environment, folder / "stack")
        page = (folder / "book.md").read_text()
        typed = type_lines(lines_of(page), environment, pathlib.Path("/"))
        names = server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'shop%' ORDER BY 1").split()
        databases = {name: server.sql("SELECT count(*) FROM orders", database=name).strip() for name in names}
        yield Followed(folder, page, typed, databases)


def plant_stack(root: pathlib.Path, server: PostgresServer) -> None:
    (root / "media" / "2026").mkdir(parents=True)
    (root / "code").mkdir()
    root.chmod(0o755)
    (root / "media" / "2026" / "photo.jpg").write_text("a photo")
    (root / "code" / "main.py").write_text("print()\n")
    (root / ".env").write_text(ENVIRONMENT)
    (root / ".env").chmod(0o600)
    with sqlite3.connect(root / "shop.db") as connection:
        connection.execute("CREATE TABLE rows (text TEXT)")
        connection.execute("INSERT INTO rows VALUES ('a row')")
    connection.close()
    (root / "rebond.toml").write_text(CONFIGURATION.replace("HOST", server.socket_folder))


def make_surroundings(folder: pathlib.Path, programs: pathlib.Path) -> dict[str, str]:
    """Return the surroundings of a shell in which a stranger sits: a home, a PATH, and nothing that he did not type."""
    program = Program.with_vault(folder)
    (folder / "home").mkdir()
    shim = programs / "crontab"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{crontab.__file__}" "$@"\n')
    shim.chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "CRONTAB_TABLE": str(folder / "table"),
        "LANG": "C.UTF-8",
        **{name: program.environment[name] for name in ("REBOND_STATE_DIR", "REBOND_CACHE_DIR")},
    }


def lines_of(page: str) -> list[str]:
    """Return every line of every block of commands, in the order of the page."""
    blocks = re.findall(r"^```bash\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def type_lines(lines: list[str], environment: dict[str, str], folder: pathlib.Path) -> list[Typed]:
    """Type lines one by one into one shell."""
    script = ["exec 2>&1"]
    for number, line in enumerate(lines):
        script += [f"printf '\\n@@{number}\\n'", line, f"printf '\\n@@{number} ended %s\\n' $?"]
    given = "\n".join(script).encode()
    done = subprocess.run(
        ["bash"], input=given, env=environment, cwd=folder, capture_output=True, timeout=300, check=False
    )
    said = done.stdout.decode(errors="replace")
    typed = []
    for number, line in enumerate(lines):
        found = re.search(rf"^@@{number}\n(.*?)^@@{number} ended (\d+)$", said, re.MULTILINE | re.DOTALL)
        typed.append(Typed(line, int(found[2]) if found else -1, found[1] if found else said[-2000:]))
    return typed


def test_every_command_of_the_runbook_does_what_it_says_when_it_is_typed_as_it_stands(followed: Followed) -> None:
    wrong = [
        f"{each.line}\n{each.status}: {each.output[-1500:]}"
        for each in followed.typed
        if each.status != 0 and not (each.line.startswith("rebond checklist") and each.status == OPEN_BOXES)
    ]

    assert not wrong, "\n".join(wrong)
    assert len(followed.typed) > 70


def test_whoever_follows_it_to_the_letter_loses_nothing_and_finds_everything_in_its_place(followed: Followed) -> None:
    stack = followed.stack
    with sqlite3.connect(stack / "shop.db") as connection:
        rows = connection.execute("SELECT text FROM rows").fetchall()
    connection.close()

    assert (stack / "media" / "2026" / "photo.jpg").read_text() == "a photo"
    assert (stack / "code" / "main.py").read_text() == "print()\n"
    assert (stack / ".env").read_text() == ENVIRONMENT
    assert stat.S_IMODE((stack / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.stat().st_mode) == 0o755  # of the stack's own folder nothing came back
    assert rows == [("a row",)]
    assert set(followed.databases.values()) == {"40"}
    assert [name.partition("_")[2].partition("_")[0] for name in followed.databases] == ["", "before", "restored"]
    assert list(stack.glob("media.before-*/2026/photo.jpg"))
    assert list(stack.glob("shop.db.before-*"))
    assert (followed.folder / "steps").read_text().splitlines()[:2] == ["stopped", "started"]


def test_no_secret_is_on_any_page_nor_in_what_the_commands_say(followed: Followed) -> None:
    key = (followed.folder / "owner.key").read_bytes()
    recovery = re.findall(r"\b(?:[0-9A-Z]{5}-){3}[0-9A-Z]{5}\b", (followed.folder / "kit.txt").read_text())
    pages = [followed.page, (followed.folder / "book.html").read_text(), *(each.output for each in followed.typed)]
    secrets = ["never-print-me-4711", key.hex(), base64.b64encode(key).decode(), *recovery]

    assert len(recovery) >= 2
    assert [secret for secret in secrets for page in pages if secret in page] == []


def test_every_component_and_every_class_has_its_commands(followed: Followed) -> None:
    lines = [each.line for each in followed.typed]

    for component in ("media", "code", "rows", "database", "secrets"):
        assert f'rebond restore latest {component} --to "$TO"' in lines
    for name in ("daily", "pre-deployment"):
        assert any(line.startswith(f"rebond backup --class {name}") for line in lines)


def test_the_next_snapshot_holds_the_runbook_beside_the_configuration(followed: Followed) -> None:
    from rebond.runbook.keeping import read_kept

    folder = next((followed.folder / "state" / "stacks").iterdir())
    saved = Program(followed.folder, REBOND_KEY_FILE=str(followed.folder / "owner.key"))

    assert list(read_kept(folder)) == ["rebond-runbook.en.md"]
    assert list((followed.folder / "home").glob("rebond-*/rebond-runbook.en.md"))  # rebond recover brought it back
    assert saved.ask("snapshots")
