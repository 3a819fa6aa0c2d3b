"""Reading commit records: snapshots that stand, voids, and those that are foreign or damaged (§7, §11)."""

from collections.abc import Iterator

from msgspec import Struct

from rebond.errors import AccessDenied, ForeignObject, FormatTooNew, ObjectMissing, RoleTooSmall, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import MemberId
from rebond.store.asking_ahead import ask_ahead
from rebond.vault.access import Vault
from rebond.vault.credentials import Role
from rebond.vault.endings import read_endings
from rebond.vault.headers import ObjectKind
from rebond.vault.object_findings import foreign, withdrawal_stray, withdrawn
from rebond.vault.packs import hash_in_name
from rebond.vault.primitives import hash_of, verify_signature
from rebond.vault.references import References, decode_references, open_references
from rebond.vault.snapshots import (
    RawCommit,
    SnapshotName,
    SnapshotRecord,
    VoidRecord,
    commit_kind,
    list_snapshot_names,
    parse_snapshot,
    parse_void,
)

_WRITERS = (Role.OWNER, Role.WRITER)
_KEEPERS = (Role.OWNER, Role.KEEPER)


class UnreadableCommit(Struct, frozen=True):
    """A commit record that is there and cannot be trusted: foreign, damaged or of a newer format."""

    name: SnapshotName
    code: str
    reason: str


class EndedCommit(Struct, frozen=True):
    """A commit record that is no snapshot any more: a keeper's tombstone or its writer's withdrawal lies beside it.

    ``withdrawn`` is the record that its writer took back: what it names is kept.
    """

    name: SnapshotName
    withdrawn: SnapshotRecord | None = None


Commit = SnapshotRecord | VoidRecord | UnreadableCommit | EndedCommit


def read_commit(vault: Vault, name: SnapshotName, content: bytes | None = None) -> Commit:
    """Read one commit record and check who made it, and what ``name`` says lies beside it.

    What is beside it and ends nothing is told to ``vault.report``. Raises ``ObjectMissing`` when the record
    is gone and ``RoleTooSmall`` when it is another domain's.
    """
    commit = _read_record(vault, name, vault.store.read(name.name) if content is None else content)
    if not name.beside:
        return commit
    endings = read_endings(vault, name.beside)
    if endings.has_tombstone:
        return EndedCommit(name)
    if isinstance(commit, SnapshotRecord) and endings.withdraws(commit):
        return EndedCommit(name, commit)
    for refused, error in endings.refused:
        vault.report(foreign(refused, error))
    if endings.withdrawn_ms:
        vault.report(withdrawal_stray(name.name))
    return commit


def _read_record(vault: Vault, name: SnapshotName, content: bytes) -> Commit:
    try:
        kind = commit_kind(content)
        if kind is ObjectKind.VOID:
            record, signed, signature = parse_void(content, name.name, vault.vault_id)
            vault.roster.verify_record(record.keeper, "void", signed, signature, name.store_time_ms, roles=_KEEPERS)
            return record
        return _read_snapshot(vault, name, content)
    except (VaultDamaged, ForeignObject, FormatTooNew, WrongKey) as error:
        return UnreadableCommit(name, error.code, error.message)


def _read_snapshot(vault: Vault, name: SnapshotName, content: bytes) -> SnapshotRecord:
    raw = parse_snapshot(content, name, vault.vault_id)
    member = vault.roster.require_valid_member(raw.member, name.store_time_ms, roles=_WRITERS, domain=raw.header.domain)
    verify_signature(member.verify_key, "snapshot", raw.signed, raw.signature)
    return open_snapshot(vault, raw, name, content)


def open_snapshot(vault: Vault, raw: RawCommit, name: SnapshotName, content: bytes) -> SnapshotRecord:
    """Open the keeper's half of a snapshot record; its signature is the caller's business.

    Raises ``WrongKey`` or ``VaultDamaged`` where it does not open, ``RoleTooSmall`` for another writer's domain.
    """
    return SnapshotRecord(
        name=name.name,
        snapshot=raw.snapshot,
        session=raw.session,
        member=raw.member,
        domain=raw.header.domain,
        catalog=raw.open_catalog(vault.credentials.catalog(raw.header.domain).keys),
        private_segment=raw.private_segment,
        content_hash=hash_of(content),
        store_time_ms=name.store_time_ms,
    )


def read_commits(vault: Vault, member: MemberId | None = None) -> Iterator[Commit]:
    """Yield every commit record in the store, or those of one member; other domains' are left out."""

    def read(name: SnapshotName) -> Commit | None:
        try:
            return read_commit(vault, name)
        except (ObjectMissing, RoleTooSmall):
            return None  # forgotten since the listing, or another writer's
        except AccessDenied:
            # A good store lets a writer's credential read its own records only.
            if name.member == vault.credentials.member or vault.credentials.role is not Role.WRITER:
                raise
            return None

    names = list(list_snapshot_names(vault.store, member))
    yield from (commit for _, commit in ask_ahead(vault.store, names, read) if commit is not None)


def read_snapshots(vault: Vault, member: MemberId | None = None) -> list[SnapshotRecord]:
    """Return the snapshots that stand, oldest first; report what cannot be trusted, and what was taken back.

    A snapshot that a forget mark names is still a commit record: ``marks`` tells.
    """
    found = []
    for commit in read_commits(vault, member):
        if isinstance(commit, SnapshotRecord):
            found.append(commit)
        elif isinstance(commit, EndedCommit) and commit.withdrawn is not None:
            vault.report(withdrawn(commit.withdrawn.snapshot.hex(), commit.withdrawn.catalog.time_ms))
        elif isinstance(commit, UnreadableCommit):
            vault.report(
                Finding(
                    code=commit.code,
                    severity=Severity.DAMAGE,
                    subject=commit.name.name,
                    template="The snapshot record {name} cannot be trusted: {reason}",
                    hint_template="It is left alone and never counted. 'rebond verify' lists all such records.",
                    values={"name": commit.name.name, "reason": commit.reason, "stored_ms": commit.name.store_time_ms},
                )
            )
    found.sort(key=lambda record: (record.catalog.time_ms, record.catalog.sequence, record.snapshot))
    return found


def read_withdrawn(vault: Vault) -> list[SnapshotRecord]:
    """Return the snapshots that were taken back under the time rule: they may lack content, or a thief did it."""
    commits = (commit for commit in read_commits(vault) if isinstance(commit, EndedCommit))
    return [commit.withdrawn for commit in commits if commit.withdrawn is not None]


def load_references(vault: Vault, record: SnapshotRecord) -> References:
    """Return exactly the segments a snapshot needs; raises ``VaultDamaged`` when they do not match."""
    if not record.catalog.references_name:
        return decode_references(record.catalog.references)
    name = record.catalog.references_name
    try:
        content = vault.store.read(name)
    except ObjectMissing as error:
        raise VaultDamaged(
            "The references {name} of a snapshot are missing.",
            hint="Run 'rebond verify' to see what it reaches.",
            name=name,
        ) from error
    if hash_of(content) != hash_in_name(name):
        raise VaultDamaged("The references {name} are not what was written.", name=name)
    return open_references(content, vault.vault_id, vault.credentials.catalog(record.domain).keys)
