"""A small application to lose: code, databases, media, a forest of modules, secrets. The same bytes each time."""

import contextlib
import pathlib
import random
import sqlite3
from collections.abc import Iterator

CONFIGURATION = """\
version = 1

[stack]
name = "shop"

[vault]
url        = "../vault"
passphrase = { file = "../passphrase" }

[component.site]
kind = "files"
path = "."
omit = ["media/", "node_modules/", "sessions.db*", ".env"]   # components of their own below

[component.modules]
kind = "files"
path = "node_modules"

[component.media]
kind   = "files"
path   = "media"
expect = { files = ">= 50", shrink = "<= 20%" }

[component.orders]
kind       = "postgres"                                   # the data directory, and its log as it is written
method     = "physical"
wal        = "receive"
window     = "7d"
host       = "SOCKET"
user       = "postgres"
database   = "shop"
rto        = "5min"

[component.sessions]
kind       = "sqlite"                                     # copied while the application writes to it
path       = "sessions.db"

[component.keys]
kind  = "secrets"
paths = [".env"]

[component.inventory]
kind = "command"                                          # whatever a program writes
run  = "sort shop/*.py | uniq -c"

[class.daily]
schedule   = "0 3 * * *"
components = "all"
keep       = { daily = 7, monthly = 12 }

[objective]
lost-server = { rto = "5min", rpo = "1min" }

[drill]
network = "own-if-possible"                               # what the check below reaches is nothing of a network
checks = [
  { name = "orders are there", database = "shop", sql = "SELECT count(*) > 0 FROM orders" },
  { name = "photos are files", run = "test -s media/photos/photo-000.jpg" },
]

[hooks]
before = [{ run = "touch ../closed" }]
after  = [{ run = "rm ../closed", always = true }]          # also when the backup fails
"""
WORDS = "order cart price stock user login mail page image cache queue token field model view form route event".split()


def plant_application(root: pathlib.Path, *, packages: int = 400) -> None:
    """Write the whole tree below ``root``, but for the configuration and the server's rows."""
    dice = random.Random(20260204)
    for path, content in [*_code(dice), *_modules(dice, packages), *_media(dice)]:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (root / ".env").write_text("SECRET_KEY=not-a-real-one\nDATABASE_URL=postgresql:///shop\n")
    (root / ".env").chmod(0o600)
    (root / "manage.py").chmod(0o755)
    (root / "media" / "cover.jpg").symlink_to("photos/photo-000.jpg")
    with open_sessions(root) as sessions:
        sessions.execute("CREATE TABLE sessions (id INTEGER PRIMARY KEY, who TEXT)")
        sessions.executemany("INSERT INTO sessions (who) VALUES (?)", [(_sentence(dice),) for _ in range(5_000)])


@contextlib.contextmanager
def open_sessions(root: pathlib.Path) -> Iterator[sqlite3.Connection]:
    """Open the sessions below ``root``, keep what is done with them, and close them."""
    with contextlib.closing(sqlite3.connect(root / "sessions.db")) as database, database:
        yield database


def read_sessions(root: pathlib.Path) -> list[tuple[object, ...]]:
    """Return everything that the sessions hold."""
    with open_sessions(root) as database:
        return list(database.execute("SELECT * FROM sessions ORDER BY id"))


def live_a_day(root: pathlib.Path) -> None:
    """Change what a day changes: a few sources, some new photos, a log that grows, a module less."""
    dice = random.Random(20260205)
    for number in range(6):
        path = root / "shop" / f"module_{number:02}.py"
        path.write_text(path.read_text() + f"\n\ndef added_{number}():\n    return {dice.randrange(10**6)}\n")
    for number in range(900, 905):
        (root / "media" / "photos" / f"photo-{number}.jpg").write_bytes(_photo(dice))
    with open_sessions(root) as sessions:
        sessions.executemany("INSERT INTO sessions (who) VALUES (?)", [(_sentence(dice),) for _ in range(100)])
    with (root / "var" / "shop.log").open("a") as log:
        log.writelines(f"2026-02-05 {_sentence(dice)}\n" for _ in range(2000))
    (root / "shop" / "module_39.py").unlink()


def _code(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    yield "manage.py", b"#!/usr/bin/env python3\nprint('shop')\n"
    for number in range(40):
        yield f"shop/module_{number:02}.py", _source(dice, 120)
    for number in range(60):
        yield (
            f"templates/page_{number:02}.html",
            f"<h1>{_sentence(dice)}</h1>\n<p>{_sentence(dice)}</p>\n".encode() * 20,
        )
    yield "var/shop.log", "".join(f"2026-02-04 {_sentence(dice)}\n" for _ in range(30_000)).encode()


def _modules(dice: random.Random, packages: int) -> Iterator[tuple[str, bytes]]:
    """A forest as package managers plant it: many small files, many of them alike."""
    licence = (_sentence(dice) + "\n").encode() * 40
    for number in range(packages):
        name = f"node_modules/{dice.choice(WORDS)}-{dice.choice(WORDS)}-{number}"
        yield f"{name}/package.json", f'{{"name": "{name}", "version": "1.{number}.0"}}\n'.encode()
        yield f"{name}/LICENSE", licence
        for part in range(dice.randrange(5, 20)):
            yield f"{name}/lib/{dice.choice(WORDS)}{part}.js", _source(dice, dice.randrange(10, 150))


def _media(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    for number in range(60):
        yield f"media/photos/photo-{number:03}.jpg", _photo(dice)
    yield "media/film.mp4", dice.randbytes(24_000_000)


def _photo(dice: random.Random) -> bytes:
    return b"\xff\xd8\xff\xe0" + dice.randbytes(dice.randrange(100_000, 700_000))


def _source(dice: random.Random, lines: int) -> bytes:
    return "".join(f"    {_sentence(dice).replace(' ', '_')} = {dice.randrange(1000)}\n" for _ in range(lines)).encode()


def _sentence(dice: random.Random) -> str:
    return " ".join(dice.choices(WORDS, k=6))
