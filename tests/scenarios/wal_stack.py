"""A configured stack whose server archives: a vault on disk, the daemon as a process, a server with small segments."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from rebond.cli.__main__ import run
from rebond.testing.postgres_server import PostgresServer

LAUNCHER = pathlib.Path(__file__).parents[2] / "launchers" / "rebond-wal"
SEGMENT_BYTES = 1 << 20
SECRET = "quatre mots très simples"
WAIT_SECONDS = 90.0  # as long as it may take on a machine that does ten other things


class SmallSegments(PostgresServer):
    """A server with segments of ``SEGMENT_BYTES``, so that a test makes many in no time."""

    def _initialize(self, encoding: str) -> None:
        self._run(
            *(
                "initdb",
                "--no-sync",
                "--auth=trust",
                f"--username={self.user}",
                f"--wal-segsize={SEGMENT_BYTES >> 20}",
                "--locale=C.UTF-8",
            ),
            *("--pgdata", str(self.data)),
        )


class WalStack:
    """Its folder can be entered by the user of the server; what is in it only by us, but for the socket."""

    def __init__(self, *, way: str = "archive-command", rpo: str = "") -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rebond-wal-"))
        self.folder.chmod(0o755)
        self.socket = self.folder / "wal.sock"
        self.environment = {
            "PATH": os.environ["PATH"],
            "REBOND_CONFIG": str(self.folder / "rebond.toml"),
            "REBOND_STATE_DIR": str(self.folder / "state"),
            "REBOND_CACHE_DIR": str(self.folder / "cache"),
            "REBOND_PASSPHRASE": SECRET,
            "REBOND_WAL_SOCKET": str(self.socket),
            # A copy of the tree, with a planted bug in it, is asked for itself.
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        }
        self.way, self._rpo = way, rpo
        self.more = ""  # lines of the component
        self.configure("")
        self.run("vault", "create", str(self.folder / "vault"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def configure(self, host: str) -> None:
        """Write the configuration; ``host`` is where the server answers."""
        rpo = f'rpo = "{self._rpo}"\n' if self._rpo else ""
        server = f'host = "{host}"\nuser = "postgres"\n' if host else ""
        (self.folder / "rebond.toml").write_text(
            f'version = 1\n[stack]\nname = "shop"\nroot = "{self.folder}"\n[vault]\nurl = "{self.folder}/vault"\n'
            f'[component.database]\nkind = "postgres"\nmethod = "physical"\nwal = "{self.way}"\nwindow = "7d"\n'
            f'database = "postgres"\n{server}{rpo}{self.more}'
            '[class.all]\ntrigger = "manual"\ncomponents = "all"\nkeep = "for-ever"\n'
        )

    def run(self, *words: str) -> int:
        """Run a command of the product in this process; return its status."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            return run(words)
        finally:
            os.environ.clear()
            os.environ.update(before)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin a command as a process of its own; it is ended with the stack."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "rebond.cli", *words], env=self.environment, stdout=log, stderr=log
            )
        self._processes.append(process)
        return process

    def serve(self) -> subprocess.Popen[bytes]:
        """Begin the daemon and wait until it answers."""
        process = self.begin("wal", "serve")
        try:
            wait_until(lambda: self.socket.exists() or process.poll() is not None)
        except AssertionError as error:
            raise AssertionError(self.log()[-2000:]) from error
        assert process.poll() is None, self.log()
        return process

    def end_last(self) -> None:
        """Stop the process that was begun last, in order."""
        self._processes[-1].send_signal(signal.SIGTERM)
        self._processes[-1].wait(30)

    def log(self) -> str:
        """What the processes said."""
        return (self.folder / "log").read_text()

    @property
    def program(self) -> str:
        """The command line of rebond-wal up to its verb, for a setting of the server."""
        return (
            f"REBOND_PYTHON={sys.executable} REBOND_PASSPHRASE=x {LAUNCHER} --socket {self.socket} "
            f"--config {self.folder}/rebond.toml"
        )

    def close(self) -> None:
        """End the processes and remove everything."""
        self.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop_all(self) -> None:
        """End the processes."""
        for each in self._processes:
            if each.poll() is None:
                each.send_signal(signal.SIGTERM)
        for each in self._processes:
            try:
                each.wait(60)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()


def wait_until(holds: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something holds, or fail."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def take_base(server: PostgresServer, folder: pathlib.Path) -> pathlib.Path:
    """Take a plain base backup, without its log; return the data directory."""
    words = ("-D", folder, "-h", server.socket_folder, "-U", server.user, "-X", "none", "-c", "fast", "--no-sync")
    subprocess.run([server.programs / "pg_basebackup", *words], check=True, capture_output=True)
    return folder


def prepare_recovery(base: pathlib.Path, folder: pathlib.Path, settings: dict[str, str]) -> pathlib.Path:
    """Copy a base and let it recover when it is started."""
    shutil.copytree(base, folder)
    (folder / "recovery.signal").touch()
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    with (folder / "postgresql.auto.conf").open("a") as file:
        file.write(lines)
    if os.geteuid() == 0:
        for each in (folder, *folder.rglob("*")):
            shutil.chown(each, "postgres")
    return folder
