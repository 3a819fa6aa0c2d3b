"""From the raw bytes of one segment to what is stored: compress, seal, and look again before the put (§9.5)."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from msgspec import Struct

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, SessionId, VaultId
from rebond.vault.credentials import DomainKeys
from rebond.vault.frames import Compressor, Level, Texture, build_frame, open_frame, split_chunks
from rebond.vault.packs import seal_table, table_binding
from rebond.vault.primitives import Buffer, hash_of, keyed_id, sealing_public_key
from rebond.vault.segments import SealedSegment, SegmentKind, seal_segment


class SealingContext(Struct, frozen=True):
    """What every segment of a session is sealed with. ``sealing_public`` is the vault's public key, 1,216 bytes."""

    vault_id: VaultId
    session: SessionId
    epoch: int
    sealing_public: bytes
    keys: DomainKeys
    catalog_key: bytes
    level: Level

    @property
    def public_key(self) -> MLKEM768X25519PublicKey:
        """The vault's public key, loaded."""
        return sealing_public_key(self.sealing_public)


class StoredSegment(Struct, frozen=True):
    """A segment ready for a pack, its hash, and its sealed chunk table."""

    stored: bytes
    stored_hash: bytes
    table: bytes


class Sealer:
    """Seals the segments of one session. Not to be shared between threads."""

    def __init__(
        self,
        vault_id: VaultId,
        domain: DomainId,
        session: SessionId,
        epoch: int,
        sealing_public: bytes,
        level: Level,
        table_key: bytes,
        id_keys: dict[SegmentKind, bytes],
    ) -> None:
        """``id_keys`` are the keys that chunks' ids are made with, by the kind of segment."""
        self._vault_id = vault_id
        self._domain = domain
        self._session = session
        self._epoch = epoch
        self._public_key = sealing_public_key(sealing_public)
        self._compressor = Compressor(level)
        self._table_key = table_key
        self._id_keys = id_keys

    @classmethod
    def from_context(cls, context: SealingContext) -> "Sealer":
        """Make the sealer of a session."""
        return cls(
            context.vault_id,
            context.keys.domain,
            context.session,
            context.epoch,
            context.sealing_public,
            context.level,
            context.keys.table_key,
            {SegmentKind.DATA: context.keys.data_id_key, SegmentKind.TREE: context.keys.tree_id_key},
        )

    def seal(
        self, kind: SegmentKind, number: int, ids: Sequence[bytes], raw: Buffer, texture: Texture = Texture.FILES
    ) -> StoredSegment:
        """Seal ``raw``, the chunks of ``ids`` as ``join_chunks`` lays them out.

        Raises ``VaultDamaged`` when what would be stored does not come back as it went in.
        """
        sealed = seal_segment(
            self._public_key,
            build_frame(raw, self._compressor, texture),
            kind=kind,
            epoch=self._epoch,
            vault_id=self._vault_id,
            domain=self._domain,
            session=self._session,
            number=number,
        )
        check_sealed(sealed, ids, self._id_keys[kind])
        binding = table_binding(self._vault_id, self._domain, self._session, number)
        return StoredSegment(sealed.stored, hash_of(sealed.stored), seal_table(self._table_key, binding, b"".join(ids)))


def check_sealed(sealed: SealedSegment, ids: Sequence[bytes], id_key: bytes) -> None:
    """Open sealed bytes again, decode them and recompute every id (§9.5); raises ``VaultDamaged``.

    The last look before anything is put: it catches a compressor's bug, a faulty memory, a wrong key.
    """
    table = split_chunks(open_frame(sealed.open_again()))
    if len(table.ids) != len(ids):
        raise did_not_come_back()
    content = memoryview(table.raw)
    for expected, found, start, length in zip(ids, table.ids, table.offsets, table.lengths, strict=True):
        if not expected == found == keyed_id(id_key, content[start : start + length]):
            raise did_not_come_back()


def did_not_come_back() -> VaultDamaged:
    """Return the error for a segment that failed the last look."""
    return VaultDamaged(
        "A segment did not come back as it went in, so it was not stored: memory or a library is at fault.",
        hint="Test this machine's memory, then run the backup again. What is in the vault is unharmed.",
    )
