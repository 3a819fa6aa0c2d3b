"""Which snapshots there are, what they need, and whether one of them is gone (§11).

Snapshots are read before packs and lists: what a snapshot needs was put before it, so whatever is
missing afterwards is missing.
"""

from collections.abc import Collection, Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, RoleTooSmall, VaultDamaged, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId
from rebond.vault.access import Vault
from rebond.vault.commits import UnreadableCommit, load_references, read_commit
from rebond.vault.credentials import Role
from rebond.vault.object_findings import WITHDRAWAL_STRAY, damage_of, foreign, too_new
from rebond.vault.references import References
from rebond.vault.segment_sets import SegmentSet
from rebond.vault.sessions import JournalEntry, JournalName, list_journal_names, read_journal_entry
from rebond.vault.snapshots import SnapshotName, SnapshotRecord, list_snapshot_names

SNAPSHOT_MISSING = "snapshot-missing"  # the code of a finding whose subject is the record that is gone


class CheckedSnapshot(Struct, frozen=True):
    """What is kept in memory of a snapshot that stands: enough to read it again."""

    name: SnapshotName
    domain: DomainId
    sequence: int
    previous: bytes
    content_hash: bytes
    references_name: str
    has_references: bool


class SnapshotFacts(Struct):
    """The snapshots that stand, what they need together, and what is wrong with the others."""

    snapshots: list[CheckedSnapshot] = field(default_factory=list)
    needed: SegmentSet = field(default_factory=SegmentSet)
    findings: list[tuple[Finding, tuple[SnapshotId, ...]]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    damaged_names: set[str] = field(default_factory=set)
    read_objects: int = 0
    read_bytes: int = 0

    def note(self, finding: Finding, *snapshots: SnapshotId) -> None:
        """Take a finding with the snapshots that it reaches."""
        self.findings.append((finding, snapshots))


def check_snapshots(vault: Vault, chosen: Collection[SnapshotId] | None = None) -> SnapshotFacts:
    """Read every commit record, or those of ``chosen`` snapshots, and the references of each."""
    facts = SnapshotFacts()
    heard: list[Finding] = []
    vault = replace(vault, report=heard.append)
    for name in list(list_snapshot_names(vault.store)):
        facts.names.add(name.name)
        if chosen is not None and name.snapshot not in chosen:
            continue
        try:
            content = vault.store.read(name.name)
            commit = read_commit(vault, name, content)
        except (ObjectMissing, RoleTooSmall):
            continue  # forgotten since the listing, or another writer's
        facts.read_objects += 1
        facts.read_bytes += len(content)
        if isinstance(commit, SnapshotRecord):
            _take(vault, facts, name, commit)
        elif isinstance(commit, UnreadableCommit):
            finding = _judge_unreadable(vault, commit, content)
            if finding.code == "object-damaged":
                facts.damaged_names.add(name.name)
            facts.note(finding, *([name.snapshot] if finding.code == "object-damaged" else []))
    for finding in heard:
        if finding.code == WITHDRAWAL_STRAY:  # what is foreign is found where every object is looked at
            facts.note(finding)
    facts.snapshots.sort(key=lambda snapshot: (snapshot.name.member, snapshot.sequence, snapshot.name.name))
    return facts


def _take(vault: Vault, facts: SnapshotFacts, name: SnapshotName, record: SnapshotRecord) -> None:
    has_references = True
    try:
        facts.needed.add_references(load_references(vault, record))
    except (VaultDamaged, WrongKey, ForeignObject, FormatTooNew) as error:
        has_references = False
        facts.note(references_damaged(record.catalog.references_name or name.name, error), name.snapshot)
    facts.snapshots.append(
        CheckedSnapshot(
            replace(name, beside=()),  # judged once is enough
            record.domain,
            record.catalog.sequence,
            record.catalog.previous,
            record.content_hash,
            record.catalog.references_name,
            has_references,
        )
    )


def _judge_unreadable(vault: Vault, commit: UnreadableCommit, content: bytes) -> Finding:
    reason = VaultDamaged("{reason}", reason=commit.reason)
    if commit.code == ForeignObject.code:
        return foreign(commit.name.name, reason, vault.roster, content)
    if commit.code == FormatTooNew.code:
        return too_new(commit.name.name, reason)
    return damage_of(commit.name.name, reason)


def references_damaged(name: str, error: VaultDamaged | WrongKey | ForeignObject | FormatTooNew) -> Finding:
    """Say that the list of segments that a snapshot needs is lost; its files are not."""
    return Finding(
        code="references-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="The references {name} are lost, so prune refuses to work: {reason}",
        hint_template="The snapshot can still be restored. Make a new backup, then forget this snapshot.",
        values={"name": name, "reason": error},
    )


def reload_snapshot(vault: Vault, snapshot: CheckedSnapshot) -> SnapshotRecord | None:
    """Read a record again; ``None`` when it was forgotten or changed meanwhile."""
    try:
        commit = read_commit(vault, snapshot.name)
    except (ObjectMissing, RoleTooSmall):
        return None
    return commit if isinstance(commit, SnapshotRecord) and commit.content_hash == snapshot.content_hash else None


def reload_references(vault: Vault, record: SnapshotRecord) -> References | None:
    """Read a snapshot's references again; ``None`` when they are lost."""
    try:
        return load_references(vault, record)
    except (VaultDamaged, WrongKey, ForeignObject, FormatTooNew):
        return None


def find_gaps(snapshots: Iterable[CheckedSnapshot], explained: Collection[str]) -> list[Finding]:
    """Say whose records are missing, by sequence numbers and the hashes of previous records (§7).

    ``explained`` names records that left the vault on purpose or are damaged; they explain as many gaps.
    """
    findings = []
    members: dict[MemberId, list[CheckedSnapshot]] = {}
    for snapshot in snapshots:
        members.setdefault(snapshot.name.member, []).append(snapshot)
    for member, own in members.items():
        present = {snapshot.sequence for snapshot in own}
        hashes = {snapshot.content_hash for snapshot in own}
        gaps = [number for number in range(1, max(present)) if number not in present]
        unknown = {snapshot.previous for snapshot in own if snapshot.previous} - hashes
        excused = sum(1 for name in explained if name.startswith(f"snapshots/{member.hex()}/"))
        count = max(len(gaps), len(unknown)) - excused
        if count > 0:
            findings.append(_records_missing(member, count, gaps))
    return findings


def _records_missing(member: MemberId, count: int, gaps: list[int]) -> Finding:
    return Finding(
        code="snapshots-missing",
        severity=Severity.DAMAGE,
        subject=f"snapshots/{member.hex()}/",
        template="{count} snapshots of member {member} are gone and nobody forgot them (numbers {numbers}).",
        hint_template="Find out who deleted them; put the records back from a replica or a copy of the vault.",
        values={
            "count": count,
            "member": member.hex(),
            "numbers": ", ".join(str(number) for number in gaps[:20]) or "unknown",
        },
    )


def check_journals(vault: Vault, commits: Collection[str], forgotten: Collection[str]) -> list[Finding]:
    """Look at sessions that said they were done: their commit must be there; and for holes in journals."""
    findings = []
    session: list[JournalName] = []
    for name in [*list_journal_names(vault.store), None]:
        if session and (name is None or name.session != session[-1].session or name.member != session[-1].member):
            findings += _check_journal(vault, session, commits, forgotten)
            session = []
        if name is not None:
            session.append(name)
    return findings


def _check_journal(
    vault: Vault, journal: list[JournalName], commits: Collection[str], forgotten: Collection[str]
) -> list[Finding]:
    first = journal[0]
    commit = ObjectName(f"snapshots/{first.member.hex()}/{first.snapshot.hex()}.{first.session.hex()}")
    numbers = [name.number for name in journal]
    # A prune removes records of a journal from the first on, so only what is missing in between was lost.
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return [_journal_hole(first)]
    if commit in commits or commit in forgotten:
        return []
    entries = [_read_entry(vault, journal[0]), _read_entry(vault, journal[-1])]
    is_backup = entries[0] is not None and entries[0].purpose == "backup"
    is_done = entries[1] is not None and entries[1].step == "done"
    if not (is_backup and is_done) or _stands_now(vault, first.member, first.session, commit):
        return []
    return [_commit_missing(commit)]


def _read_entry(vault: Vault, name: JournalName) -> JournalEntry | None:
    return read_journal_entry(vault.store, name, vault.vault_id, vault.roster)


def _stands_now(vault: Vault, member: MemberId, session: SessionId, commit: str) -> bool:
    """Whether the record was put after the snapshots were listed, or its journal is being cleared away."""
    try:
        vault.store.stat(commit)
    except ObjectMissing:
        prefix = f"sessions/{member.hex()}/"
        return not any(session.hex() in info.name for info in vault.store.list_objects(prefix))
    return True


def _journal_hole(name: JournalName) -> Finding:
    subject = name.name.rsplit("/", 1)[0] + "/"
    return Finding(
        code="journal-hole",
        severity=Severity.WARNING,
        subject=subject,
        template="A record of the journal {name} is missing.",
        hint_template="Nothing is lost by it. Find out who deletes objects in the vault, if it was not a prune.",
        values={"name": subject},
    )


def _commit_missing(name: str) -> Finding:
    return Finding(
        code=SNAPSHOT_MISSING,
        severity=Severity.DAMAGE,
        subject=name,
        template="The snapshot {name} was made, is gone, and nobody forgot it.",
        hint_template="Find out who deleted it; put the record back from a replica or a copy of the vault. If there is "
        "none, 'rebond forget {snapshot}' gives it up; no prune works before.",
        values={"name": name, "snapshot": name.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]},
    )


def can_check_gaps(vault: Vault) -> bool:
    """Whether this credential sees every member's records, so that a gap means something."""
    return vault.credentials.role is not Role.WRITER
