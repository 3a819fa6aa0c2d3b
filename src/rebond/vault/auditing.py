"""What anybody can check without a key: names, sums, hashes, and signatures of the clear roster (§1, §11).

Every object is named by the hash of its bytes or ends with their sum, so flipped, cut, swapped
and renamed ones are found here. Signatures bind the clear records to their names and makers.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from rebond.errors import ForeignObject, FormatTooNew, ObjectMissing, RebondError, VaultDamaged, VaultMissing
from rebond.findings import Finding
from rebond.identifiers import ObjectName, VaultId
from rebond.store.protocol import ObjectInfo, Store
from rebond.vault.credentials import Role
from rebond.vault.description import DESCRIPTION_NAME, parse_description, read_description
from rebond.vault.endings import kind_of_ending, parse_withdrawal
from rebond.vault.headers import HEADER_SIZE, ObjectKind, decode_header, without_sum
from rebond.vault.keyring import parse_keyring
from rebond.vault.marks import KEEPER_ROLES
from rebond.vault.member_records import parse_signed
from rebond.vault.object_findings import damage_of, foreign, other_note, too_new, unknown
from rebond.vault.object_names import HASH_NAMED, HAVE_COPIES, KIND_OF, ObjectClass, classify_name
from rebond.vault.packs import hash_in_name
from rebond.vault.papers import README_NAME, load_papers
from rebond.vault.primitives import SIGNATURE_SIZE, hash_of
from rebond.vault.roster import ROSTER_PREFIX, Roster, load_newest_roster, parse_roster
from rebond.vault.slots import parse_slot
from rebond.vault.snapshots import commit_kind, parse_snapshot, parse_snapshot_name, parse_void
from rebond.vault.spare_copies import COPY_USED, is_store_away, name_of_original
from rebond.vault.stream_items import SIGNED_KIND, parse_stream_item

SMALL_LIMIT = 128 << 20  # bytes; no record but a pack is larger, so a larger one is not even read
_AHEAD_BYTES = 48 << 20  # that are read ahead at the most, however many requests pay off
_AHEAD = 2  # objects read ahead for each request that the store takes at once
_BY_NAME = frozenset({ObjectClass.UNKNOWN, ObjectClass.PROBE})  # only the name tells
_MEMBER_SIZE = 8
_WRITERS = (Role.OWNER, Role.WRITER, Role.KEEPER)
_SIGNED = {ObjectClass.SESSION: _WRITERS, ObjectClass.MARK: KEEPER_ROLES, ObjectClass.CLAIM: KEEPER_ROLES}


class AuditContext(Struct, frozen=True, kw_only=True):
    """What is known of the vault without a key. ``None`` where even that is lost: then less is checked."""

    vault_id: VaultId | None = None
    owner_verify_key: bytes | None = None
    roster: Roster | None = None


class Audited(Struct, frozen=True):
    """One object that was looked at. ``read_bytes`` is 0 when only its name was."""

    info: ObjectInfo
    object_class: ObjectClass
    read_bytes: int
    findings: tuple[Finding, ...] = ()


def audit_objects(
    store: Store,
    context: AuditContext,
    *,
    skipped: Collection[ObjectClass] = (),
    accepts: Callable[[str], bool] = lambda _: True,
) -> Iterator[Audited]:
    """Yield every object of the vault with what is wrong with it.

    Objects of ``skipped`` classes, and those that ``accepts`` refuses, are listed and not read.
    An object that goes while it is being read is left out. Raises ``StoreError``.
    """

    def wants(info: ObjectInfo) -> bool:
        object_class = classify_name(info.name)
        return object_class not in skipped and object_class not in _BY_NAME and accepts(info.name)

    for info, content in read_ahead(store, store.list_objects(), wants):
        object_class = classify_name(info.name)
        if isinstance(content, ObjectMissing):
            continue
        if isinstance(content, VaultDamaged):
            yield Audited(info, object_class, 0, (damage_of(info.name, content),))
        elif isinstance(content, RebondError):
            if object_class not in HAVE_COPIES or is_store_away(store, content):
                raise content
            # The bad sector below one of two: told as what it costs, so that a repair gets to the other.
            yield Audited(info, object_class, 0, (damage_of(info.name, content),))
        elif content is None:
            is_unknown = object_class is ObjectClass.UNKNOWN
            yield Audited(info, object_class, 0, (unknown(info.name),) if is_unknown else ())
        else:
            yield Audited(info, object_class, len(content), judge_object(info, content, object_class, context))


def read_audit_context(store: Store) -> tuple[AuditContext, Finding | None]:
    """Learn from a vault what can be learned of it without a key.

    Nothing tells whether ``vault.json`` is the right one; the finding says when there is none that holds.
    """
    notes: list[Finding] = []
    try:
        description = read_description(store, notice=notes.append)
    except (VaultMissing, VaultDamaged, ForeignObject, FormatTooNew) as error:
        return AuditContext(), damage_of(DESCRIPTION_NAME, error)
    context = AuditContext(vault_id=description.vault_id, owner_verify_key=description.owner_verify_key)
    try:
        roster = load_newest_roster(store, description.owner_verify_key, notice=notes.append)
        return replace(context, roster=roster), next((each for each in notes if each.code == COPY_USED), None)
    except (VaultDamaged, FormatTooNew) as error:
        return context, damage_of(ROSTER_PREFIX, error)


def read_ahead(
    store: Store, infos: Iterator[ObjectInfo], wants: Callable[[ObjectInfo], bool] = lambda _: True
) -> Iterator[tuple[ObjectInfo, bytes | RebondError | None]]:
    """Yield objects with their bytes, an error in their stead, or ``None`` where they are not wanted.

    As many are read at once as pays off in this store. Packs are never too large, other objects are
    above ``SMALL_LIMIT``: those yield ``VaultDamaged`` unread.
    """

    def fetch(info: ObjectInfo) -> bytes | RebondError:
        if info.size > SMALL_LIMIT and not info.name.startswith("packs/"):
            return VaultDamaged(
                "{name} is {size} bytes long, more than such an object can be; it was not read.",
                name=info.name,
                size=info.size,
            )
        try:
            return store.read(info.name)
        except RebondError as error:
            return error

    workers = store.traits.concurrency
    if workers <= 1:
        for info in infos:
            yield info, fetch(info) if wants(info) else None
        return
    with ThreadPoolExecutor(workers, "audit") as pool:
        waiting: deque[tuple[ObjectInfo, Future[bytes | RebondError] | None]] = deque()
        waiting_bytes = 0
        for info in infos:
            size = info.size if wants(info) else 0
            while waiting and (len(waiting) > _AHEAD * workers or waiting_bytes + size > _AHEAD_BYTES):
                waiting_bytes -= waiting[0][0].size if waiting[0][1] is not None else 0
                yield _take_first(waiting)
            waiting.append((info, pool.submit(fetch, info) if wants(info) else None))
            waiting_bytes += size
        while waiting:
            yield _take_first(waiting)


def _take_first(
    waiting: deque[tuple[ObjectInfo, Future[bytes | RebondError] | None]],
) -> tuple[ObjectInfo, bytes | RebondError | None]:
    info, future = waiting.popleft()
    return info, future.result() if future is not None else None


def judge_object(
    info: ObjectInfo, content: bytes, object_class: ObjectClass, context: AuditContext
) -> tuple[Finding, ...]:
    """Return what is wrong with one object's bytes, as far as that shows without a key."""
    try:
        _check(info, content, object_class, context)
    except VaultDamaged as error:
        return (damage_of(info.name, error),)
    except FormatTooNew as error:
        return (too_new(info.name, error),)
    except ForeignObject as error:
        return (foreign(info.name, error, context.roster, content),)
    if info.name == README_NAME and content != load_papers().contents[README_NAME]:
        return (other_note(info.name),)
    return ()


def _check(info: ObjectInfo, content: bytes, object_class: ObjectClass, context: AuditContext) -> None:
    """Raise for anything that does not hold."""
    name = ObjectName(info.name)
    if object_class in HASH_NAMED:
        if hash_of(content) != hash_in_name(name):
            raise VaultDamaged("The bytes of {name} do not have the hash that is its name.", name=name)
        _require_ours(name, content, object_class, context)
    elif object_class is ObjectClass.DESCRIPTION:
        description = parse_description(content)
        if context.owner_verify_key is not None and description.owner_verify_key != context.owner_verify_key:
            raise ForeignObject("vault.json names another owner than this vault's.")
        if context.vault_id is not None and description.vault_id != context.vault_id:
            raise ForeignObject("vault.json is that of another vault.")
    elif object_class is ObjectClass.SPARE:
        original = name_of_original(name)
        _check(replace(info, name=original), content, classify_name(original), context)
    elif object_class is ObjectClass.PAPER:
        _check_paper(name, content, context.roster)
    elif object_class is ObjectClass.WITHDRAWAL:
        _check_withdrawal(info, content, context)
    elif object_class in (ObjectClass.SNAPSHOT, ObjectClass.SESSION, ObjectClass.MARK, ObjectClass.CLAIM):
        _check_record(info, content, object_class, context)
    elif object_class in (ObjectClass.ROSTER, ObjectClass.KEYRING, ObjectClass.SLOT):
        _check_key_object(name, content, object_class, context)
    elif object_class is ObjectClass.STREAM_ITEM:
        _check_stream_item(info, content, context)
    elif object_class in KIND_OF:
        _check_sealed(info, content, object_class, context)


def _require_ours(name: str, content: bytes, object_class: ObjectClass, context: AuditContext) -> None:
    """Refuse an object that is whole and yet not of this vault: it never was."""
    try:
        decode_header(content, KIND_OF[object_class], context.vault_id)
    except VaultDamaged as error:
        raise ForeignObject("{name} is not this vault's: {reason}", name=name, reason=error) from error


def _check_sealed(info: ObjectInfo, content: bytes, object_class: ObjectClass, context: AuditContext) -> None:
    """Check a record that is sealed and signed by a keeper: its signature covers its name."""
    body = without_sum(content)
    decode_header(body, KIND_OF[object_class], context.vault_id)
    if context.roster is None:
        return
    if len(body) < HEADER_SIZE + _MEMBER_SIZE + SIGNATURE_SIZE:
        raise VaultDamaged("The record {name} is too short.", name=info.name)
    context.roster.verify_record(
        bytes(body[HEADER_SIZE : HEADER_SIZE + _MEMBER_SIZE]),
        object_class.value,
        bytes(body[:-SIGNATURE_SIZE]) + info.name.encode(),
        bytes(body[-SIGNATURE_SIZE:]),
        info.modified_ms,
        roles=KEEPER_ROLES,
    )


def _check_stream_item(info: ObjectInfo, content: bytes, context: AuditContext) -> None:
    """Check an item that a writer sealed and signed; what it holds is for whoever has a key."""
    without_sum(content)
    if context.vault_id is None:
        return
    raw = parse_stream_item(content, ObjectName(info.name), context.vault_id)
    if context.roster is not None:
        context.roster.verify_record(
            raw.member,
            SIGNED_KIND,
            raw.signed,
            raw.signature,
            info.modified_ms,
            roles=(Role.OWNER, Role.WRITER),
            domain=raw.header.domain,
        )


def _check_paper(name: str, content: bytes, roster: Roster | None) -> None:
    """Compare a clear file with the hashes that the owner signed."""
    if roster is None or name == README_NAME:
        return
    known = next((paper for paper in roster.rescue if paper.name == name), None)
    if known is None:
        raise ForeignObject("{name} is not one of the files that the vault's owner put there.", name=name)
    if hash_of(content) != known.hash or hashlib.sha256(content).digest() != known.sha256:
        raise VaultDamaged("{name} is not what the vault's owner put there. Do not run it or rely on it.", name=name)


def _check_record(info: ObjectInfo, content: bytes, object_class: ObjectClass, context: AuditContext) -> None:
    """Check a record that a member signed."""
    name = ObjectName(info.name)
    if object_class is ObjectClass.SNAPSHOT:
        _check_commit(info, content, context)
        return
    without_sum(content)
    vault_id = context.vault_id
    if vault_id is None:
        return
    record = parse_signed(KIND_OF[object_class], name, vault_id, content, msgspec.Raw)
    if context.roster is not None:
        record.verify(context.roster, info.modified_ms, _SIGNED[object_class])
    if object_class is ObjectClass.SESSION and record.member.hex() != name.split("/")[1]:
        raise ForeignObject("The journal {name} was made by another member than its name says.", name=name)


def _check_commit(info: ObjectInfo, content: bytes, context: AuditContext) -> None:
    name = parse_snapshot_name(info.name, info.modified_ms)
    without_sum(content)
    vault_id, roster = context.vault_id, context.roster
    if name is None or vault_id is None or commit_kind(content) is ObjectKind.REPOINT:
        return
    if commit_kind(content) is ObjectKind.VOID:
        _check_void(info, content, context)
        return
    raw = parse_snapshot(content, name, vault_id)
    if roster is not None:
        member = roster.require_valid_member(raw.member, info.modified_ms, domain=raw.header.domain)
        raw.verify(member.verify_key)


def _check_withdrawal(info: ObjectInfo, content: bytes, context: AuditContext) -> None:
    """Check a keeper's tombstone or a writer's withdrawal of its own record."""
    if kind_of_ending(content) is ObjectKind.VOID:
        _check_void(info, content, context)
    elif context.vault_id is not None:
        record = parse_withdrawal(content, ObjectName(info.name), context.vault_id)
        if context.roster is not None:
            record.verify(context.roster, info.modified_ms, (Role.OWNER, Role.WRITER))


def _check_void(info: ObjectInfo, content: bytes, context: AuditContext) -> None:
    without_sum(content)
    if context.vault_id is None:
        return
    void, signed, signature = parse_void(content, ObjectName(info.name), context.vault_id)
    if context.roster is not None:
        context.roster.verify_record(void.keeper, "void", signed, signature, info.modified_ms, roles=KEEPER_ROLES)


def _check_key_object(name: str, content: bytes, object_class: ObjectClass, context: AuditContext) -> None:
    without_sum(content)
    if context.vault_id is None:
        return
    last = name.rsplit("/", 1)[-1]
    if object_class is ObjectClass.SLOT:
        slot = parse_slot(content, context.vault_id)
        if slot.id.hex() != last:
            raise VaultDamaged("The slot {name} holds another slot: it was renamed.", name=name)
    elif context.owner_verify_key is not None and object_class is ObjectClass.ROSTER:
        parse_roster(content, int(last), context.owner_verify_key)
    elif context.owner_verify_key is not None:
        parse_keyring(content, int(last), context.vault_id, context.owner_verify_key)
