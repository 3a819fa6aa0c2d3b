"""A real server whose log goes into a vault, and what is saved of it by the physical method; all in this process."""

import os
import pathlib
import threading
import time
from dataclasses import dataclass, field

from tests.bounded import join

from rebond.clock import SystemClock
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.findings import Finding
from rebond.operations.backup import BackupOutcome, BackupRequest, back_up
from rebond.operations.physical.laying import LaidDirectory
from rebond.operations.physical.targets import Target, parse_target
from rebond.operations.physical.trying import start_recovered
from rebond.operations.point_in_time import recover_data_directory
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.sources.postgres.local_programs import ServerPrograms
from rebond.sources.postgres.wal_names import is_archived
from rebond.sources.postgres_physical.running import Recovered, RecoveredServer
from rebond.stack.planning import plan_backup
from rebond.store.memory import MemoryStore
from rebond.testing.postgres_server import PostgresServer
from rebond.testing.vaults import Notebook, make_vault, open_made
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS
from rebond.vault.snapshots import SnapshotRecord

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[component.db]
kind = "postgres"
host = "HOST"
user = "postgres"
database = "postgres"
method = "physical"
"""
ARCHIVED = 'wal = "archive-command"\nwindow = "7d"\n'


class Pump(threading.Thread):
    """Takes what the server copied aside into the vault, until it is stopped."""

    def __init__(self, spool: pathlib.Path, vault: Vault, server: PostgresServer) -> None:
        super().__init__(daemon=True)
        self._spool = spool
        self._archive = WalArchive(lambda: vault, owner="shop/db")
        self._system_id = int(server.sql("SELECT system_identifier FROM pg_control_system()"))
        self._seen: set[str] = set()
        self.fault: BaseException | None = None
        self.holds_back: set[str] = set()
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.wait(0.02):
            try:
                self.push_all()
            except BaseException as error:  # a thread's error is told where the test waits for it
                self.fault = error
                return

    def push_all(self) -> None:
        for path in sorted(self._spool.iterdir()):
            if path.name in self._seen | self.holds_back or not is_archived(path.name):
                continue
            self._archive.push(WalFile(name=path.name, content=path.read_bytes(), system_id=self._system_id))
            self._seen.add(path.name)

    def wait_for(self, name: str) -> None:
        end = time.monotonic() + 90
        while name not in self._seen:
            assert self.fault is None, self.fault
            assert time.monotonic() < end, (name, sorted(self._seen))
            time.sleep(0.02)

    def stop(self) -> None:
        self._is_over.set()
        join(self)
        assert self.fault is None, self.fault


@dataclass
class ArchivedStack:
    """A server, its vault, and how both are used."""

    server: PostgresServer
    folder: pathlib.Path
    vault: Vault
    spool: pathlib.Path
    pump: Pump
    findings: list[Finding] = field(default_factory=list)
    point: str = ""  # where a restore point lies

    @classmethod
    def begin(cls, folder: pathlib.Path, settings: dict[str, str], major: int | None = None) -> "ArchivedStack":
        clock, store = SystemClock(), MemoryStore()
        spool = folder / "spool"
        spool.mkdir(parents=True)
        open_to_all(spool)
        server = PostgresServer(
            major=major,
            settings={
                "wal_level": "replica",
                "archive_mode": "on",
                "archive_command": f"cp %p {spool}/.%f && mv {spool}/.%f {spool}/%f",
                "full_page_writes": "on",
                **settings,
            },
        )
        vault = open_made(make_vault(store, clock), store, clock, folder / "caches")
        pump = Pump(spool, vault, server)
        pump.start()
        return cls(server=server, folder=folder, vault=vault, spool=spool, pump=pump)

    def end(self) -> None:
        try:
            self.pump.stop()
        finally:
            self.server.remove()

    def back_up(
        self, *more: tuple[str, str], wal: str = ARCHIVED, text: str = CONFIGURATION, rereads_all: bool = False
    ) -> BackupOutcome:
        written = self.folder / "rebond.toml"
        text = text.replace("HOST", self.server.socket_folder) + wal
        for old, new in more:
            assert old in text
            text = text.replace(old, new)
        written.write_text(text)
        plan = plan_backup(read_loaded(written))
        request = BackupRequest(
            components=plan.components,
            stack="shop",
            host="here",
            level=LEVELS["fast"],
            allows_partial=False,
            rereads_all=rereads_all,
        )
        return back_up(self.vault, request, Notebook())

    def switch(self) -> str:
        """Let the server go to another segment, and wait until the one before is in the vault."""
        # One before the end: of an edge, 17 names the segment that comes next, and nothing may be written in it.
        name = self.server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)").strip()
        self.pump.wait_for(name)
        return name

    def lay(self, place: pathlib.Path, moment: str | Target, record: SnapshotRecord | None = None) -> LaidDirectory:
        target = moment if isinstance(moment, Target) else parse_target(moment, now_ms=time.time_ns() // 1_000_000)
        heard = Notebook()
        laid = recover_data_directory(self.vault, record, "db", place, target, heard, stack="shop")
        self.findings += heard.findings
        return laid

    def start(
        self, folder: pathlib.Path, moment: str | Target, record: SnapshotRecord | None = None
    ) -> tuple[RecoveredServer, Recovered]:
        """Lay down and start a throw-away server. Its folder has a short path: sockets want one."""
        server = self.make_recovered(folder)
        laid = self.lay(server.data, moment, record)
        return server, start_recovered(server, laid.reach)

    def make_recovered(self, folder: pathlib.Path) -> RecoveredServer:
        programs = ServerPrograms(
            major=self.server.major, folder=self.server.programs, psql=str(self.server.programs / "psql")
        )
        environment = {"PATH": os.environ["PATH"]}
        return RecoveredServer(folder, programs, environment=environment, clock=SystemClock())


def open_to_all(folder: pathlib.Path) -> None:
    """Let the server, which is another user, write there."""
    folder.chmod(0o777)
    for each in folder.parents:
        if each.stat().st_uid == os.geteuid() and each != pathlib.Path("/"):
            each.chmod(each.stat().st_mode | 0o111)


def read_loaded(path: pathlib.Path) -> Loaded:
    verdict = load_configuration(path, os.environ)
    assert verdict.loaded is not None, verdict.problems
    return verdict.loaded
