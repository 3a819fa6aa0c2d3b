"""A vault with an owner, writers and a keeper, and a server's log that goes into it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.vault.owned_vault import OwnedVault, own_a_vault, secret

from rebond.findings import Finding
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.store.protocol import Store
from rebond.testing.wal_segments import SYSTEM_ID, make_segment, name_segment
from rebond.vault.access import Vault
from rebond.vault.members import issue_keeper, issue_writer
from rebond.vault.opening import open_vault, secret_from_file

HISTORY_2 = b"1\t0/500100\tno recovery target specified\n"  # timeline 2 leaves timeline 1 in segment 5


@dataclass
class Archived:
    """What tests of the log work on. ``store`` may be another view of the same store, such as one that fails."""

    made: OwnedVault
    caches: Path
    store: Store
    heard: list[Finding] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def open(self, role: str = "owner") -> Vault:
        """Open the vault as one of ``owner``, ``writer``, ``other`` and ``keeper``."""
        key = secret_from_file(self.files[role]) if role in self.files else secret()
        opened = open_vault(self.made.store, key)
        return Vault(
            store=self.store,
            credentials=opened.credentials,
            roster=opened.roster,
            caches=self.caches / role,
            clock=self.made.clock,
            report=self.heard.append,
        )

    def archive(self, role: str = "writer", owner: str = "shop/database") -> WalArchive:
        """Return an archive of a component, as a new process has it."""
        vault = self.open(role)
        return WalArchive(lambda: vault, owner=owner)

    def push(self, timeline: int, numbers: Iterable[int], role: str = "writer") -> None:
        """Archive segments."""
        archive = self.archive(role)
        for number in numbers:
            archive.push(segment_file(timeline, number))

    def push_history(self, timeline: int = 2, content: bytes = HISTORY_2) -> None:
        """Archive a history."""
        self.archive().push(WalFile(name=f"{timeline:08X}.history", content=content, system_id=SYSTEM_ID))

    def names(self) -> list[str]:
        """Return the names of all objects of streams."""
        return [info.name for info in self.made.store.list_objects("streams/")]


def segment_file(timeline: int, number: int, *, place: str = "here/1", seed: int = 0, partial: bool = False) -> WalFile:
    """Return a segment as a server hands it over."""
    return WalFile(
        name=name_segment(timeline, number) + (".partial" if partial else ""),
        content=make_segment(timeline, number, seed=seed),
        system_id=SYSTEM_ID,
        place=place,
    )


def set_stage(folder: Path) -> Archived:
    """Make a vault with its members."""
    made = own_a_vault()
    stage = Archived(made, folder, made.store)
    for role in ("writer", "other", "keeper"):
        opened = open_vault(made.store, secret())
        issue = issue_keeper if role == "keeper" else issue_writer
        issued = issue(made.store, opened.require_keyring(), opened.roster, label=role, clock=made.clock)
        stage.files[role] = issued.content
    return stage
