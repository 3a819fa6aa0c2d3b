"""A stack on disk whose PostgreSQL server archives into its vault: what it writes is there as soon as it switches."""

import pathlib
import shutil
import tempfile

from tests.scenarios.archived_server import Pump, open_to_all
from tests.scenarios.drilled_stack import DrilledStack
from tests.scenarios.wal_stack import SmallSegments

from rebond.clock import SystemClock
from rebond.operations.snapshots import list_snapshots
from rebond.operations.wal.coverage import find_stored
from rebond.sources.postgres.wal_names import stream_of_segments
from rebond.store.local import LocalStore
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.pins import Pins
from rebond.vault.snapshots import SnapshotRecord

COMPONENT = """
[component.db]
kind = "postgres"
method = "physical"
wal = "archive-command"
window = "7d"
host = "HOST"
user = "postgres"
database = "postgres"
rpo = "RPO"
"""


class LoggedStack(DrilledStack):
    """As a drilled stack, with a server of its own whose segments are small."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder)
        self._spool = pathlib.Path(tempfile.mkdtemp(prefix="rebond-spool-"))
        open_to_all(self._spool)
        spool = self._spool
        self.server = SmallSegments(
            settings={
                "wal_level": "replica",
                "archive_mode": "on",
                "archive_command": f"cp %p {spool}/.%f && mv {spool}/.%f {spool}/%f",
                "full_page_writes": "on",
            }
        )
        self.last = ""
        self.vault = self._open()
        self.pump = Pump(self._spool, self.vault, self.server)
        self.pump.start()

    def _open(self) -> Vault:
        store = LocalStore(self.folder / "vault")
        key = secret_from_file((self.folder / "owner.key").read_bytes(), "owner.key")
        opened = open_vault(store, key, pins=Pins(self.folder / "pins"), notice=lambda _: None)
        return Vault(
            store=store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=self.folder / "caches-of-pump",
            clock=SystemClock(),
            report=lambda _: None,
        )

    def describe(self, *, rpo: str = "1h", more: str = "") -> None:
        """Configure the stack with its server."""
        text = COMPONENT.replace("HOST", self.server.socket_folder).replace("RPO", rpo)
        self.configure(text, more)

    def switch(self) -> str:
        """Let the server go to another segment, and wait until the one before is in the vault."""
        name = self.server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)").strip()
        self.pump.wait_for(name)
        self.last = name
        return name

    def records(self) -> list[SnapshotRecord]:
        """Return the snapshots."""
        return list_snapshots(self.vault)

    def find_segment(self, name: str) -> ObjectInfo:
        """Return the object of a segment of the log."""
        system_id = int(self.server.sql("SELECT system_identifier FROM pg_control_system()"))
        (found,) = find_stored(self.vault, stream_of_segments(system_id, 1), name)
        return found

    def close(self) -> None:
        """End the server and everything of it too."""
        self.pump.stop()
        self.server.remove()
        shutil.rmtree(self._spool, ignore_errors=True)
        super().close()
