"""The reader's half of a commit record, without the rest of the snapshot."""

from rebond.vault.access import Vault
from rebond.vault.primitives import sealing_private_key
from rebond.vault.segments import decode_segment_header
from rebond.vault.snapshots import PrivatePart, SnapshotRecord, open_private_part


def read_private_part(vault: Vault, record: SnapshotRecord) -> PrivatePart:
    """Open it. Raises ``RoleTooSmall`` for all but the owner's key, ``VaultDamaged``."""
    seed = vault.credentials.sealing_seed(decode_segment_header(record.private_segment).epoch)
    return open_private_part(record, sealing_private_key(seed))
