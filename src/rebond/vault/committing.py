"""The commit: references, then the one record that makes a snapshot exist (§9.7, §9.9, §12)."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from msgspec import Struct, field
from msgspec.structs import replace

from rebond.errors import ObjectExists, RoleTooSmall, SessionVoided, VaultError
from rebond.identifiers import ObjectName, SessionId, SnapshotId
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.commits import read_commit
from rebond.vault.endings import put_withdrawal, read_endings
from rebond.vault.frames import Compressor, build_frame
from rebond.vault.marks import Marks, read_marks
from rebond.vault.numbered_objects import list_numbered
from rebond.vault.packs import hash_in_name
from rebond.vault.parents import Parent
from rebond.vault.primitives import hash_of
from rebond.vault.protocol_rules import RecordVerdict, find_usable_packs, judge_record, stands_committed
from rebond.vault.records import encode
from rebond.vault.references import (
    EMBED_LIMIT,
    build_references,
    encode_references,
    references_name,
    seal_references,
)
from rebond.vault.roster import ROSTER_PREFIX, Roster, load_newest_roster
from rebond.vault.sealing import SealingContext
from rebond.vault.segments import PRIVATE_PART_NUMBER, SegmentKind, seal_segment
from rebond.vault.snapshots import (
    CatalogPart,
    ComponentSummary,
    PrivateComponent,
    PrivatePart,
    SnapshotName,
    SnapshotRecord,
    StoredProblem,
    VoidRecord,
    build_snapshot,
    find_ended_name,
    snapshot_name,
)

TIME_RULE_SECONDS = 24 * 3600  # a session on a store without conditional create commits within this


class CommitRequest(Struct, frozen=True, kw_only=True):
    """What a snapshot says of itself beside its content. Times are milliseconds since 1970, UTC.

    ``needs`` are items of streams that it cannot do without: the stream, and the numbers of the first and the last.
    """

    time_ms: int
    moment_ms: int | None = None
    class_: str = ""
    tags: tuple[str, ...] = ()
    held: str = ""
    held_until_ms: int | None = None
    note: str = ""
    program: str = ""
    problems: tuple[StoredProblem, ...] = ()
    problem_count: int = 0
    exclusions: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    configuration: Mapping[str, bytes] = field(default_factory=dict)
    needs: tuple[tuple[str, int, int], ...] = ()


class SavedContent(Struct, frozen=True, kw_only=True):
    """What a snapshot holds. ``uses`` are the segments that it refers to, by session, with the share that it uses."""

    summaries: Sequence[ComponentSummary]
    private: Sequence[PrivateComponent]
    uses: Mapping[SessionId, Mapping[int, int]]


class Attempt(Struct, frozen=True, kw_only=True):
    """What a session knows of itself and of the vault when it commits.

    It ``began`` so many seconds by the monotonic clock, and looked at the ``marks`` then. ``relied_on`` are hashes of
    packs that must still be there and unmarked at its end; they are asked for under the time rule only.
    """

    snapshot: SnapshotId
    host: str
    stack: str
    parent: Parent | None
    began: float
    marks: Marks
    relied_on: Collection[bytes] = ()


def commit_snapshot(
    vault: Vault, sealing: SealingContext, request: CommitRequest, saved: SavedContent, attempt: Attempt
) -> SnapshotRecord:
    """Put the references and the snapshot. When this returns, the snapshot stands.

    Raises ``SessionVoided`` when a keeper's void holds the name, ``RoleTooSmall`` when the key was revoked meanwhile.
    """
    body, reference_name = _put_references(vault, sealing, saved.uses)
    catalog = replace(
        _state_catalog(request, saved.summaries, attempt),
        references_name=reference_name,
        references=body,
        roster=vault.roster.number,
        epoch=sealing.epoch,
        time_rule=not vault.store.traits.conditional_create,
    )
    content = build_snapshot(
        vault_id=vault.vault_id,
        domain=sealing.keys.domain,
        snapshot=attempt.snapshot,
        session=sealing.session,
        member=vault.credentials.member,
        catalog_key=sealing.catalog_key,
        catalog=catalog,
        private_segment=_seal_private(sealing, _state_private(request, saved.private)),
        signing_key=vault.credentials.signing_key,
    )
    return _put_snapshot(vault, sealing.session, content, attempt)


def _put_references(
    vault: Vault, sealing: SealingContext, uses: Mapping[SessionId, Mapping[int, int]]
) -> tuple[bytes, str]:
    """Return what goes into the snapshot: the references themselves, or the name of the object put with them."""
    body = encode_references(build_references(uses))
    if len(body) <= EMBED_LIMIT:
        return body, ""
    domain = sealing.keys.domain
    content = seal_references(vault.vault_id, domain, sealing.catalog_key, body)
    name = references_name(domain, content)
    with suppress(ObjectExists):  # named by its own hash: a repeated put met its first attempt
        vault.store.put_if_absent(name, content)
    return b"", name


def _state_catalog(request: CommitRequest, summaries: Sequence[ComponentSummary], attempt: Attempt) -> CatalogPart:
    """Return what a keeper may know of the snapshot, as far as the run itself says it."""
    parent = attempt.parent
    return CatalogPart(
        sequence=1 + (parent.last.catalog.sequence if parent else 0),
        previous=parent.last.content_hash if parent else b"",
        time_ms=request.time_ms,
        moment_ms=request.moment_ms,
        host=attempt.host,
        stack=attempt.stack,
        class_=request.class_,
        tags=list(request.tags),
        held=request.held,
        held_until_ms=request.held_until_ms,
        parent=parent.record.snapshot if parent and parent.record else b"",
        program=request.program,
        components=list(summaries),
        lacks=list(request.lacks),
        needs=list(request.needs),
        problems=request.problem_count,
    )


def _state_private(request: CommitRequest, private: Sequence[PrivateComponent]) -> PrivatePart:
    return PrivatePart(
        components=list(private),
        problems=list(request.problems),
        exclusions=list(request.exclusions),
        note=request.note,
        configuration=dict(request.configuration),
    )


def _seal_private(sealing: SealingContext, part: PrivatePart) -> bytes:
    frame = build_frame(encode(part), Compressor(sealing.level))
    sealed = seal_segment(
        sealing.public_key,
        frame,
        kind=SegmentKind.PRIVATE_PART,
        epoch=sealing.epoch,
        vault_id=sealing.vault_id,
        domain=sealing.keys.domain,
        session=sealing.session,
        number=PRIVATE_PART_NUMBER,
    )
    return sealed.stored


def _put_snapshot(vault: Vault, session: SessionId, content: bytes, attempt: Attempt) -> SnapshotRecord:
    member, snapshot = vault.credentials.member, attempt.snapshot
    name = snapshot_name(member, snapshot, session)
    under_time_rule = not vault.store.traits.conditional_create
    if under_time_rule and vault.clock.monotonic() - attempt.began > TIME_RULE_SECONDS:
        raise VaultError(
            "The run took more than 24 hours on a store without conditional create, so it is not committed.",
            hint="Run the backup again: what was stored is found again. Or use a store with conditional create.",
        )
    try:
        vault.store.put_if_absent(name, content)
    except ObjectExists:
        _judge_existing(vault, SnapshotName(name, member, snapshot, session, 0), content)
    if under_time_rule:
        _withdraw_if_touched(vault, name, attempt.marks, attempt.relied_on)
    store_time_ms = _confirm(vault, name)
    # Everyone else judges it by the newest roster; ours is as old as the run, which may have taken hours.
    newest = replace(vault, roster=_newest_roster(vault))
    found = read_commit(newest, SnapshotName(name, member, snapshot, session, store_time_ms), content)
    if not isinstance(found, SnapshotRecord):
        raise RoleTooSmall(
            "The snapshot was put and does not count: meanwhile this key was revoked or its domain closed.",
            hint="Ask the vault's owner for a new key file: rebond key issue writer NEW-LABEL --output FILE",
        )
    return found


def _newest_roster(vault: Vault) -> Roster:
    """Return the roster that counts now; the one at hand is not read again."""
    known = vault.roster.number
    if list_numbered(vault.store, ROSTER_PREFIX).numbers[:1] == (known,):
        return vault.roster
    return load_newest_roster(vault.store, vault.credentials.owner_verify_key, known)


def _confirm(vault: Vault, name: ObjectName) -> int:
    """Return the store time of our record, after making sure that it is listed and nobody ended it.

    A put that is repeated after a long sleep may come after a keeper forgot its first attempt; a
    tombstone tells.
    """
    store_time_ms: int | None = None
    beside: list[ObjectInfo] = []
    for info in vault.store.list_objects(name):
        if info.name == name:
            store_time_ms = info.modified_ms
        elif find_ended_name(info.name) == name:
            beside.append(info)
    tombstones = {name} if read_endings(vault, beside).has_tombstone else ()
    if store_time_ms is None or not stands_committed(name, tombstones):
        raise SessionVoided(
            "The snapshot was forgotten by a clean-up before its writer knew that it stood.",
            hint="Run the backup again: what was stored and is still there is found again.",
        )
    return store_time_ms


def _judge_existing(vault: Vault, name: SnapshotName, content: bytes) -> None:
    """Something lies at our name: our own bytes are success, a keeper's void ends the session."""
    present = vault.store.read(name.name)
    info = vault.store.stat(name.name)
    found = read_commit(
        vault, SnapshotName(name.name, name.member, name.snapshot, name.session, info.modified_ms), present
    )
    verdict = judge_record(hash_of(present), hash_of(content), is_void=isinstance(found, VoidRecord))
    if verdict is RecordVerdict.COMMITTED:
        return
    if verdict is RecordVerdict.VOIDED:
        raise SessionVoided(
            "A keeper ended this session before it could commit; it is tried again.",
            hint="Nothing is lost. If it happens often, prune at another time than the backups run.",
        )
    raise VaultError(
        "Another record lies where this snapshot belongs: {name}.",
        hint="Run 'rebond verify', and find out who else holds this key.",
        name=name.name,
    )


def _withdraw_if_touched(vault: Vault, name: ObjectName, marks: Marks, relied_on: Collection[bytes]) -> None:
    """Time rule: a mark that came meanwhile may have cost us a pack; then the snapshot is taken back."""
    now = read_marks(vault.store, vault.vault_id, vault.roster)
    fresh = [mark for mark in now.facts() if mark.id not in marks.mark_names]
    usable = find_usable_packs([info.name for info in vault.store.list_objects("packs/")], fresh)
    if now.unreadable != marks.unreadable or not {hash_in_name(name) for name in usable}.issuperset(relied_on):
        put_withdrawal(vault, name, "a clean-up ran beside this backup")
        raise VaultError(
            "A clean-up ran beside this backup on a store without conditional create, so the snapshot was withdrawn.",
            hint="Run the backup again, and not while 'rebond prune' runs.",
        )
