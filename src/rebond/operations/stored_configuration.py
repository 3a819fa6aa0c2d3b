"""The configuration that a snapshot carries: what brings a stack back on a bare machine."""

from collections.abc import Mapping

from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord


def read_stored_configuration(vault: Vault, record: SnapshotRecord) -> Mapping[str, bytes]:
    """Return the files of the configuration that made a snapshot, by their paths; empty when none did.

    The first is the one that includes the others; a path is relative to its folder, or absolute. Secrets are only
    named in them. Raises ``RoleTooSmall`` for a key that cannot read, ``VaultDamaged`` when it was spoilt.
    """
    with SnapshotReader(vault, record) as reader:
        return reader.part.configuration
