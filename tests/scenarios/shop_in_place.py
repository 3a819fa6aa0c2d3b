"""A small stack that is restored in place: files, a database, secrets, and commands that leave a trace."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import sqlite3
import stat

from tests.unit.cli.program_runs import Program

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.code]
kind = "files"
path = "."
strategy = "smart"
omit = ["node_modules/", "static/"]
[component.media]
kind = "files"
path = "media"
[component.db]
kind = "sqlite"
path = "shop.db"
[component.env]
kind = "secrets"
paths = [".env"]
[component.static]
kind = "regenerable"
run = "echo regenerate >> ../trace"
[class.daily]
schedule = "0 3 * * *"
components = "all"
[restore]
stop = [{ run = "echo stop >> ../trace" }]
rebuild = [{ run = "echo rebuild >> ../trace" }]
start = [{ run = "echo start >> ../trace" }]
healthy = [{ run = "echo healthy >> ../trace", within = "1s" }]
"""
BESIDE = ".rebond-restore-"


class Shop:
    """The stack in ``folder/shop``: as it was saved, and as it is afterwards."""

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.root = folder / "shop"
        self.program = Program.with_vault(folder)
        for name in ("REBOND_VAULT", "REBOND_KEY_FILE", "REBOND_PASSPHRASE"):
            self.program.environment.pop(name)
        self.program.environment["REBOND_CONFIG"] = str(self.root / "rebond.toml")

    @classmethod
    def saved(cls, folder: pathlib.Path) -> "Shop":
        """Make it, save it, then break it."""
        shop = cls(folder)
        for name in (
            "media/a.jpg",
            "media/deep/b.jpg",
            "src/app.py",
            "src/lib/x.py",
            "node_modules/m.js",
            "logs/x.log",
        ):
            shop.write(name, f"saved {name}")
        shop.write(".env", "KEY=saved")
        (shop.root / ".env").chmod(0o640)
        (shop.root / "src" / "app.py").chmod(0o750)
        (shop.root / "rebond.toml").write_text(CONFIGURATION)
        shop.write_row("saved")
        shop.program.good("backup")
        shop.saved_files = shop.files()
        shop.break_it()
        shop.broken_files = shop.files()
        return shop

    def copied(self, folder: pathlib.Path) -> "Shop":
        """Return a copy of all of it in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        shop = Shop.__new__(Shop)
        shop.folder, shop.root = folder, folder / "shop"
        shop.program = self.program.moved_to(folder)
        shop.saved_files, shop.broken_files = self.saved_files, self.broken_files
        return shop

    saved_files: dict[str, str]
    broken_files: dict[str, str]

    def break_it(self) -> None:
        """Change, add and take away something of everything; also of what no restore may touch."""
        self.write("src/app.py", "broken")
        self.write("src/new.py", "new")
        self.write("src/lib/trace.tmp", "what smart leaves out")
        (self.root / "media" / "a.jpg").unlink()
        self.write("media/c.jpg", "new")
        self.write(".env", "KEY=broken")
        self.write("node_modules/other.js", "not saved")
        self.write("logs/y.log", "not saved")
        self.write_row("broken")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def write_row(self, text: str) -> None:
        with contextlib.closing(sqlite3.connect(self.root / "shop.db")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS rows (text TEXT)")
            connection.execute("INSERT INTO rows VALUES (?)", (text,))
            connection.commit()

    def rows(self) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.root / "shop.db")) as connection:
            return [each[0] for each in connection.execute("SELECT text FROM rows")]

    def files(self) -> dict[str, str]:
        """Return every file below the root with its mode and a hash of its content."""
        found = {}
        for directory, names, files in os.walk(self.root):
            names[:] = [each for each in names if not each.startswith(BESIDE)]
            for name in files:
                path = pathlib.Path(directory, name)
                content = (
                    repr(self.rows()).encode() if name == "shop.db" else path.read_bytes()
                )  # a copy has other pages
                digest = hashlib.sha256(content).hexdigest()[:16]
                found[str(path.relative_to(self.root))] = f"{stat.S_IMODE(path.stat().st_mode):o} {digest}"
        return found

    def restored_files(self) -> dict[str, str]:
        """Return what has to be there after a restore of everything: what was saved, and what is never touched."""
        untouched = ("node_modules/", "logs/", "src/lib/trace.tmp")
        kept = {name: text for name, text in self.broken_files.items() if name.startswith(untouched)}
        return {**self.saved_files, **kept}

    def trace(self) -> list[str]:
        """Return which commands ran, and forget them."""
        path = self.folder / "trace"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    def beside(self) -> list[pathlib.Path]:
        """Return the folders that restores left."""
        return sorted(self.folder.rglob(f"{BESIDE}*"))

    def configure(self, old: str, new: str) -> None:
        path = self.root / "rebond.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
