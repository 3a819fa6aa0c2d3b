"""Commit records: the one small object that makes a snapshot exist (section 7)."""

import re
import struct
from collections.abc import Iterator

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId, VaultId
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.frames import open_frame
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header, with_sum, without_sum
from rebond.vault.primitives import (
    SEAL_OVERHEAD,
    SIGNATURE_SIZE,
    Buffer,
    open_seal,
    seal,
    sign,
    verify_signature,
)
from rebond.vault.records import decode, encode
from rebond.vault.segments import PRIVATE_PART_NUMBER, SegmentKind, decode_segment_header, open_segment

_IDS = struct.Struct("<16s16s8sII")
_ENDING = re.compile(r"(snapshots/[0-9a-f]{16}/[0-9a-f]{32}\.[0-9a-f]{32})\.withdrawn(?:\.[0-9a-f]{32})?")
WITHDRAWN_SUFFIX = ".withdrawn"  # of what ends a record: a keeper's tombstone, its writer's withdrawal (section 7.3)


class ComponentSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a keeper and other writers of the domain may know of one component."""

    name: str
    kind: str
    domain: DomainId
    complete: bool = True
    degraded: bool = False
    files: int = 0
    bytes: int = 0
    added_bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it was saved, with everything that a database of its set names."""
        return self.complete and not self.degraded


class CatalogPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The half of a snapshot that the catalog key opens. Times are milliseconds since 1970, UTC.

    ``lacks`` are components of the stack that were left out by wish.
    """

    sequence: int
    previous: bytes = b""
    time_ms: int
    moment_ms: int | None = None
    host: str
    stack: str
    class_: str = msgspec.field(default="", name="class")
    tags: list[str] = []
    held: str = ""
    held_until_ms: int | None = None
    parent: bytes = b""
    program: str = ""
    note: str = ""
    components: list[ComponentSummary] = []
    problems: int = 0
    references_name: str = ""
    references: bytes = b""
    roster: int = 0
    epoch: int = 0
    needs: list[tuple[str, int, int]] = []
    time_rule: bool = False
    lacks: list[str] = []


class StoredRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What left something out of a component, besides files in its tree. ``patterns`` are text, origin and line."""

    patterns: list[tuple[bytes, str, int]] = []
    markers: list[bytes] = []
    larger_than: int | None = None
    gitignore: bool = False
    one_file_system: bool = False


class PrivateComponent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The half of a component that only the reader sees. ``tree`` is the id of its root directory."""

    name: str
    domain: bytes
    root: bytes = b""
    tree: bytes = b""
    entry: bytes = b""
    facts: dict[str, str] = {}
    rules: StoredRules | None = None


class StoredProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finding of the run that made the snapshot, with its path."""

    code: str
    severity: str
    component: str
    subject: bytes
    message: str
    hint: str = ""


class PrivatePart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The half of a snapshot that only the reader sees. ``configuration`` are files by their names."""

    components: list[PrivateComponent] = []
    problems: list[StoredProblem] = []
    exclusions: list[str] = []
    note: str = ""
    configuration: dict[str, bytes] = {}


class SnapshotRecord(Struct, frozen=True, kw_only=True):
    """A commit record as it lies in the store, opened as far as the catalog key goes."""

    name: ObjectName
    snapshot: SnapshotId
    session: SessionId
    member: MemberId
    domain: DomainId
    catalog: CatalogPart
    private_segment: bytes
    content_hash: bytes
    store_time_ms: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every component is in it whole."""
        return all(c.complete for c in self.catalog.components)


class VoidRecord(Struct, frozen=True, kw_only=True):
    """A keeper's word that this session never commits."""

    name: ObjectName
    run: bytes
    keeper: MemberId


class SnapshotName(Struct, frozen=True):
    """The parts of ``snapshots/M/ID.SESSION``, and what a listing found beside it that may end it."""

    name: ObjectName
    member: MemberId
    snapshot: SnapshotId
    session: SessionId
    store_time_ms: int
    beside: tuple[ObjectInfo, ...] = ()


def snapshot_name(member: MemberId, snapshot: SnapshotId, session: SessionId) -> ObjectName:
    """Where a commit record lies: ``snapshots/M/ID.SESSION``."""
    return ObjectName(f"snapshots/{member.hex()}/{snapshot.hex()}.{session.hex()}")


def list_snapshot_names(store: Store, member: MemberId | None = None) -> Iterator[SnapshotName]:
    """Yield the names of all commit records (snapshots, voids, repoints), each with what may end it beside it.

    Whether that does is for ``read_commit`` to say: anybody who may put a record may put such a name.
    """
    prefix = "snapshots/" if member is None else f"snapshots/{member.hex()}/"
    waiting: SnapshotName | None = None
    beside: list[ObjectInfo] = []
    for info in store.list_objects(prefix):
        if waiting is not None and find_ended_name(info.name) == waiting.name:
            beside.append(info)
            continue
        parsed = parse_snapshot_name(info.name, info.modified_ms)
        if parsed is not None:
            if waiting is not None:
                yield replace(waiting, beside=tuple(beside))
            waiting, beside = parsed, []
    if waiting is not None:
        yield replace(waiting, beside=tuple(beside))


def find_ended_name(name: str) -> str | None:
    """Return the record that a tombstone or withdrawal of this name would end; ``None`` for other names."""
    found = _ENDING.fullmatch(name)
    return found[1] if found else None


def parse_snapshot_name(name: str, store_time_ms: int = 0) -> SnapshotName | None:
    """Take a name apart; ``None`` when it is not one of a commit record."""
    try:
        _, member, rest = name.split("/")
        snapshot, session = rest.split(".")
        ids = bytes.fromhex(member), bytes.fromhex(snapshot), bytes.fromhex(session)
    except ValueError:
        return None
    if [len(i) for i in ids] != [8, 16, 16] or name != name.lower():
        return None  # one record, one name: hexadecimal is lower-case
    return SnapshotName(ObjectName(name), MemberId(ids[0]), SnapshotId(ids[1]), SessionId(ids[2]), store_time_ms)


def build_snapshot(
    *,
    vault_id: VaultId,
    domain: DomainId,
    snapshot: SnapshotId,
    session: SessionId,
    member: MemberId,
    catalog_key: bytes,
    catalog: CatalogPart,
    private_segment: bytes,
    signing_key: Ed25519PrivateKey,
) -> bytes:
    """Lay out, seal and sign a commit record."""
    plain = encode(catalog)
    clear = ClearHeader(kind=ObjectKind.SNAPSHOT, vault_id=vault_id, domain=domain).encode() + _IDS.pack(
        snapshot, session, member, len(plain) + SEAL_OVERHEAD, len(private_segment)
    )
    body = clear + seal(catalog_key, "snapshot", plain, clear) + private_segment
    return with_sum(body + sign(signing_key, "snapshot", body))


class RawCommit(Struct, frozen=True):
    """A commit record taken apart without a key; its sum is checked, its signature not yet."""

    header: ClearHeader
    snapshot: SnapshotId
    session: SessionId
    member: MemberId
    clear: bytes
    sealed_catalog: bytes
    private_segment: bytes
    signed: bytes
    signature: bytes

    def verify(self, public: bytes) -> None:
        """Check the member's signature; raises ``ForeignObject``."""
        verify_signature(public, "snapshot", self.signed, self.signature)

    def open_catalog(self, catalog_keys: tuple[bytes, ...]) -> CatalogPart:
        """Open the catalog part; raises ``WrongKey`` or ``VaultDamaged``."""
        return decode(open_seal(catalog_keys, "snapshot", self.sealed_catalog, self.clear), CatalogPart)


def parse_snapshot(content: Buffer, name: SnapshotName, vault_id: VaultId) -> RawCommit:
    """Take a snapshot record apart; raises ``VaultDamaged`` when its ids are not those of its name."""
    body = without_sum(content)
    header = decode_header(body, ObjectKind.SNAPSHOT, vault_id)
    clear_size = HEADER_SIZE + _IDS.size
    if len(body) < clear_size + SIGNATURE_SIZE:
        raise VaultDamaged("A snapshot record is too short.")
    snapshot, session, member, catalog_length, private_length = _IDS.unpack(body[HEADER_SIZE:clear_size])
    if (snapshot, session, member) != (name.snapshot, name.session, name.member):
        raise VaultDamaged("The snapshot record {name} holds another snapshot: it was renamed.", name=name.name)
    if clear_size + catalog_length + private_length + SIGNATURE_SIZE != len(body):
        raise VaultDamaged("The parts of the snapshot record {name} do not add up.", name=name.name)
    private_start = clear_size + catalog_length
    return RawCommit(
        header,
        SnapshotId(snapshot),
        SessionId(session),
        MemberId(member),
        bytes(body[:clear_size]),
        bytes(body[clear_size:private_start]),
        bytes(body[private_start:-SIGNATURE_SIZE]),
        bytes(body[:-SIGNATURE_SIZE]),
        bytes(body[-SIGNATURE_SIZE:]),
    )


def commit_kind(content: Buffer) -> ObjectKind:
    """Tell a snapshot from a void by the kind byte; raises ``VaultDamaged`` for anything else."""
    kind = content[5] if len(content) > HEADER_SIZE else 0
    if kind not in (ObjectKind.SNAPSHOT, ObjectKind.VOID, ObjectKind.REPOINT):
        raise VaultDamaged("A commit record is of the unknown kind {kind}.", kind=kind)
    return ObjectKind(kind)


def build_void(
    *, vault_id: VaultId, run: bytes, keeper: MemberId, name: ObjectName, signing_key: Ed25519PrivateKey
) -> bytes:
    """Build a void record for the session whose commit record would be ``name``."""
    body = ClearHeader(kind=ObjectKind.VOID, vault_id=vault_id).encode() + run + keeper
    # The name is signed too: a void of one session must not end another.
    return with_sum(body + sign(signing_key, "void", body + name.encode()))


def parse_void(content: Buffer, name: ObjectName, vault_id: VaultId) -> tuple[VoidRecord, bytes, bytes]:
    """Take a void apart: (record, signed bytes, signature); raises ``VaultDamaged``."""
    body = without_sum(content)
    decode_header(body, ObjectKind.VOID, vault_id)
    if len(body) != HEADER_SIZE + 16 + 8 + SIGNATURE_SIZE:
        raise VaultDamaged("The void record {name} has the wrong length.", name=name)
    run = bytes(body[HEADER_SIZE : HEADER_SIZE + 16])
    keeper = MemberId(bytes(body[HEADER_SIZE + 16 : HEADER_SIZE + 24]))
    signed = bytes(body[:-SIGNATURE_SIZE]) + name.encode()
    return VoidRecord(name=name, run=run, keeper=keeper), signed, bytes(body[-SIGNATURE_SIZE:])


def open_private_part(record: SnapshotRecord, private_key: MLKEM768X25519PrivateKey) -> PrivatePart:
    """Open the reader's half; raises ``VaultDamaged`` unless it belongs to this very snapshot."""
    header = decode_segment_header(record.private_segment)
    if (
        header.kind is not SegmentKind.PRIVATE_PART
        or header.number != PRIVATE_PART_NUMBER
        or header.session != record.session
    ):
        raise VaultDamaged("The private part of {name} belongs to another snapshot.", name=record.name)
    return decode(open_frame(open_segment(record.private_segment, private_key)), PrivatePart)
