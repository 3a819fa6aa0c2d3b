"""A stack that somebody works at without any sense, and what its parts hold: files, secrets, SQLite, PostgreSQL."""

import contextlib
import hashlib
import os
import pathlib
import random
import sqlite3
import stat

from rebond.testing.postgres_server import PostgresServer

PARTS = ("code", "media", "lite", "db", "env")
CONFIGURATION = """\
version = 1
[stack]
name = "shop"
root = "site"
[vault]
url = "FOLDER/vault"
key = { file = "FOLDER/owner.key" }
[component.code]
kind = "files"
path = "code"
allow_empty = true
[component.media]
kind = "files"
path = "media"
allow_empty = true
[component.lite]
kind = "sqlite"
path = "shop.db"
[component.db]
kind = "postgres"
host = "HOST"
user = "postgres"
database = "shop"
[component.env]
kind = "secrets"
paths = [".env"]
[class.daily]
schedule = "0 3 * * *"
components = "all"
keep = { vault = { last = 6 } }
[class.quick]
trigger = "manual"
components = ["db", "env", "code"]
keep = { vault = { last = 4 } }
"""
_TABLES = r"""SET search_path = '';
SELECT format('SELECT %L, md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text), ''''))
  FROM ONLY %s t', c.oid::regclass, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.oid::regclass::text \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', c.oid::regclass, c.oid::regclass)
FROM pg_class c WHERE c.relkind = 'S' ORDER BY c.oid::regclass::text \gexec
"""
_NAMES = (
    b"a.txt", b"sp ace", "é".encode(), b"-dash", b"new\nline", b"\xff\xfe", b"quote'\"", b"*", b"deep/x", b"deep/y/z",
    b".hidden", b"x" * 200, b"back\\slash", b"%41", b"~", b"$HOME",
)  # fmt: skip
_TARGETS = (b"a.txt", b"/nonexistent/rebond", b"nowhere", b"..", b".")  # nobody writes through any of them
_SCRIPTS = (
    "INSERT INTO item (name) SELECT md5(g::text) FROM generate_series(1, 90) g",
    "UPDATE item SET name = name || 'é' WHERE id % 3 = 0",
    "DELETE FROM item WHERE id % 7 = 1",
    'CREATE TABLE IF NOT EXISTS "odd t" ("a b" int, c text)',
    'DROP TABLE IF EXISTS "odd t"',
    "SELECT nextval('item_id_seq')",
)

State = dict[bytes, tuple[object, ...]]


class OperatedStack:
    """The stack in a folder, with a server of its own."""

    def __init__(self, folder: pathlib.Path, server: PostgresServer, rng: random.Random) -> None:
        self.folder, self.server, self.rng = folder, server, rng
        self.site = folder / "site"
        for name in ("code", "media"):
            (self.site / name).mkdir(parents=True)
        text = CONFIGURATION.replace("FOLDER", str(folder)).replace("HOST", server.socket_folder)
        (folder / "rebond.toml").write_text(text)
        (self.site / ".env").write_text("A=0\n")
        server.sql("CREATE DATABASE shop")
        server.sql("CREATE TABLE item (id serial PRIMARY KEY, name text)", "shop")
        self._change_lite()
        for _ in range(5):
            self.change()

    def change(self) -> None:
        """Change something, here and there."""
        changes = [self._change_files, self._change_lite, self._change_database, self._change_secrets]
        for each in self.rng.sample(changes, self.rng.randint(1, 4)):
            each()

    def _change_secrets(self) -> None:
        (self.site / ".env").write_text(f"A={self.rng.random()}\n")

    def _change_database(self) -> None:
        self.server.sql(self.rng.choice(_SCRIPTS), "shop")

    def _change_lite(self) -> None:
        with contextlib.closing(sqlite3.connect(self.site / "shop.db")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
            connection.execute("INSERT INTO t VALUES (?)", (self.rng.random(),))
            connection.commit()

    def _change_files(self) -> None:
        for _ in range(self.rng.randint(1, 6)):
            self._change_one(os.fsencode(self.site / self.rng.choice(("code", "media"))))

    def _change_one(self, root: bytes) -> None:
        rng = self.rng
        path = os.path.join(root, rng.choice(_NAMES))
        if os.path.lexists(path) and not os.path.isdir(path):
            os.unlink(path)
        folder = os.path.dirname(path)
        if os.path.realpath(folder) != folder or os.path.lexists(path):  # nothing is written through a link
            return
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            os.makedirs(folder, exist_ok=True)
            match rng.randrange(6):
                case 0:
                    os.symlink(rng.choice(_TARGETS), path)
                case 1:
                    os.mkdir(path, rng.choice((0o700, 0o755, 0o2775)))
                case 2:
                    pass
                case _:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
                        file.write(rng.randbytes(rng.choice((0, 1, 100, 5000, 70_000))))
                        os.fchmod(file.fileno(), rng.choice((0o600, 0o644, 0o755, 0o444)))

    def see(self) -> dict[str, State]:
        """Return what every part holds now."""
        return {part: self.see_part(part) for part in PARTS}

    def see_part(self, part: str, place: pathlib.Path | None = None) -> State:
        """Return what one part holds now; files, secrets and SQLite also where they were restored to."""
        match part:
            case "db":
                return {line.encode(): () for line in self.server.sql(_TABLES, "shop").splitlines()}
            case "lite":
                path = (place or self.site) / "shop.db"
                with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                    return {line.encode(): () for line in connection.iterdump()}
            case "env":  # they come back with a mode of their own
                return {b".env": (((place or self.site) / ".env").read_bytes(),)}
            case _:
                return see_tree(os.fsencode(place or self.site / part))

    def databases(self) -> set[str]:
        """Return the names of all databases."""
        return set(self.server.sql("SELECT datname FROM pg_database").split())


def see_tree(root: bytes) -> State:
    """Return everything below a directory, and itself, by its path: kind, mode, time, attributes, content."""
    found: State = {}
    pending = [b""]
    while pending:
        path = pending.pop()
        here = os.path.join(root, path) if path else root
        status = os.lstat(here)
        content: object = None
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(pathlib.Path(os.fsdecode(here)).read_bytes()).hexdigest()
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(here)
        else:
            pending += [os.path.join(path, name) for name in os.listdir(here) if not name.startswith(b".rebond-")]
        attributes = tuple(sorted(os.listxattr(here, follow_symlinks=False)))
        found[path] = (status.st_mode, status.st_uid, status.st_mtime_ns, attributes, content)
    return found
