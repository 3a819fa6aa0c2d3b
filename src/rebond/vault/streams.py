"""Streams: named series of items beside the snapshots, such as a ledger or a write-ahead log (section 7.5).

An item is put once and never changed. A writer puts and lists; only the reader opens contents.
"""

from collections.abc import Iterator

import msgspec

from rebond.errors import (
    FormatTooNew,
    ObjectExists,
    ObjectMissing,
    Refused,
    UsageError,
    VaultDamaged,
    WrongKey,
)
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, random_id
from rebond.store.asking_ahead import ask_ahead
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.credentials import Role
from rebond.vault.frames import LEVELS, RAW_LIMIT, Compressor, Level, Texture, build_frame, open_frame
from rebond.vault.primitives import Buffer, keyed_id, sealing_private_key, sealing_public_key
from rebond.vault.sealing import did_not_come_back
from rebond.vault.segments import SegmentKind, decode_segment_header, seal_segment
from rebond.vault.stream_items import (
    HEAD_LIMIT_BYTES,
    NAME_LIMIT_BYTES,
    SIGNED_KIND,
    STREAMS_PREFIX,
    RawStreamItem,
    StreamRecord,
    build_stream_item,
    domain_of_name,
    open_content,
    open_record,
    parse_stream_item,
    split_head,
    stream_item_name,
    stream_prefix,
)

WRITER_ROLES = (Role.OWNER, Role.WRITER)


class StoredItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item as a listing shows it: its seal was opened, its signature is checked when it is read.

    ``whole`` are all of its stored bytes, where the look at its head took them all.
    """

    name: ObjectName
    domain: DomainId
    record: StreamRecord
    size: int
    store_time_ms: int
    whole: bytes | None = None


def put_item(
    vault: Vault,
    stream: str,
    item: str,
    content: Buffer,
    *,
    sequence: int,
    for_ever: bool = False,
    level: Level = LEVELS["fast"],
    texture: Texture = Texture.FILES,
) -> ObjectName:
    """Put an item into the own domain; when this returns, it stands. ``content`` is at most 64 MiB.

    An item of that name with the same content is success. Raises ``Refused`` when it has another content,
    ``VaultDamaged`` when what lies there cannot be read, ``RoleTooSmall`` for a keeper, ``StoreError``.
    """
    _check_names(stream, item, len(content))
    vault.roster.require_writable()
    domain = vault.credentials.writing_domain()
    record = StreamRecord(
        stream=stream,
        item=item,
        sequence=sequence,
        time_ms=vault.clock.now_ms(),
        raw_length=len(content),
        content_id=keyed_id(vault.credentials.domain_keys(domain).data_id_key, content),
        for_ever=for_ever,
    )
    name, built = build_stream_item(
        record,
        _seal(vault, domain, content, level, texture),
        vault_id=vault.vault_id,
        keys=vault.credentials.catalog(domain),
        member=vault.credentials.member,
        signing_key=vault.credentials.signing_key,
    )
    try:
        vault.store.put_if_absent(name, built)
    except ObjectExists:
        _require_same(vault, name, record)
    return name


def _check_names(stream: str, item: str, size: int) -> None:
    if not all(0 < len(name.encode()) <= NAME_LIMIT_BYTES for name in (stream, item)):
        raise UsageError(
            "The name of a stream or an item is empty or longer than {limit} bytes.", limit=NAME_LIMIT_BYTES
        )
    if size > RAW_LIMIT:
        raise UsageError("An item of {size} bytes is larger than the format allows.", size=size)


def _seal(vault: Vault, domain: DomainId, content: Buffer, level: Level, texture: Texture) -> bytes:
    """Seal the content, and look again before it is put (§9.5)."""
    sealed = seal_segment(
        sealing_public_key(vault.roster.sealing_public),
        build_frame(content, Compressor(level), texture),
        kind=SegmentKind.STREAM_ITEM,
        epoch=vault.roster.epoch,
        vault_id=vault.vault_id,
        domain=domain,
        session=SessionId(random_id()),
        number=0,
    )
    if open_frame(sealed.open_again()) != content:
        raise did_not_come_back()
    return sealed.stored


def _require_same(vault: Vault, name: ObjectName, record: StreamRecord) -> None:
    """Something lies at the name: the same content is what was wanted, another one is never replaced."""
    raw = parse_stream_item(vault.store.read(name), name, vault.vault_id)
    _verify(vault, raw, vault.store.stat(name).modified_ms)
    present = open_record(raw.sealed_record, raw.clear, name, vault.credentials.catalog(raw.header.domain))
    if present.content_id != record.content_id:
        raise Refused(
            "The stream {stream} has an item {item} already, with another content; it stays as it is.",
            hint="Two machines may share one key, or an earlier one was restored: find out which before you go on.",
            stream=record.stream,
            item=record.item,
        )


def holds_item(vault: Vault, stream: str, item: str, content: Buffer) -> bool:
    """Say whether the own domain has an item with just this content. Raises ``StoreError``, ``VaultDamaged``."""
    domain = vault.credentials.writing_domain()
    name = stream_item_name(vault.credentials.catalog(domain), stream, item)
    try:
        info = vault.store.stat(name)
        record, _ = open_item(vault, name, vault.store.read(name), info.modified_ms)
    except ObjectMissing:
        return False
    return keyed_id(vault.credentials.domain_keys(domain).data_id_key, content) == record.content_id


def list_items(
    vault: Vault, stream: str | None = None, *, domain: DomainId | None = None, prefix: str = ""
) -> Iterator[StoredItem]:
    """Yield the items of a stream, or of all streams whose name starts with ``prefix``; of no particular order.

    Without ``domain`` those of every domain that the key opens are listed. Only their heads are read. One that cannot
    be opened is told to ``vault.report`` and left out.
    """
    for each in _domains(vault) if domain is None else (domain,):
        keys = vault.credentials.catalog(each)
        where = f"{STREAMS_PREFIX}{each.hex()}/" if stream is None else stream_prefix(keys, stream)
        infos = [info for info in vault.store.list_objects(where) if domain_of_name(info.name) == each]
        for info, head in ask_ahead(vault.store, infos, lambda info: _read_head(vault, info)):
            record = _open_head(vault, info, head)
            if record is not None and record.stream.startswith(prefix):
                yield StoredItem(
                    name=ObjectName(info.name),
                    domain=each,
                    record=record,
                    size=info.size,
                    store_time_ms=info.modified_ms,
                    whole=head if head is not None and len(head) == info.size else None,
                )


def _domains(vault: Vault) -> list[DomainId]:
    credentials = vault.credentials
    if credentials.catalog_roots:
        return [domain.id for domain in vault.roster.domains]
    return list(credentials.own_catalogs)


def _read_head(vault: Vault, info: ObjectInfo) -> bytes | None:
    try:
        return vault.store.read(info.name, length=min(info.size, HEAD_LIMIT_BYTES))
    except ObjectMissing:
        return None  # it went since the listing


def _open_head(vault: Vault, info: ObjectInfo, head: bytes | None) -> StreamRecord | None:
    name = ObjectName(info.name)
    domain = domain_of_name(name)
    if head is None or domain is None:
        return None
    try:
        clear, sealed = split_head(head, name, vault.vault_id)
        return open_record(sealed, clear, name, vault.credentials.catalog(domain))
    except (VaultDamaged, FormatTooNew, WrongKey) as error:
        vault.report(_unreadable(name, error.message))
        return None


def open_item(
    vault: Vault, name: ObjectName, content: Buffer, store_time_ms: int
) -> tuple[StreamRecord, RawStreamItem]:
    """Check an item's bytes as far as the catalog key goes: sum, structure, signature, record.

    Raises ``VaultDamaged``, ``ForeignObject``, ``FormatTooNew``, ``WrongKey`` and ``RoleTooSmall``.
    """
    raw = parse_stream_item(content, name, vault.vault_id)
    _verify(vault, raw, store_time_ms)
    return open_record(raw.sealed_record, raw.clear, name, vault.credentials.catalog(raw.header.domain)), raw


def read_item(vault: Vault, stream: str, item: str, *, domain: DomainId | None = None) -> bytes:
    """Return an item's content, checked. ``domain`` is the own one unless told.

    Raises ``ObjectMissing`` when there is none, ``RoleTooSmall`` for all but the owner, ``VaultDamaged``,
    ``ForeignObject``.
    """
    keys = vault.credentials.catalog(domain or vault.credentials.writing_domain())
    return read_stored(vault, stream_item_name(keys, stream, item))


def read_stored(vault: Vault, name: ObjectName) -> bytes:
    """Return the content of the item at ``name``; raises as ``read_item`` does."""
    info = vault.store.stat(name)
    record, raw = open_item(vault, name, vault.store.read(name), info.modified_ms)
    return open_contents(vault, raw, record)


def read_listed(vault: Vault, item: StoredItem) -> bytes:
    """Return the content of an item that was listed; raises as ``read_item`` does."""
    stored = vault.store.read(item.name) if item.whole is None else item.whole
    record, raw = open_item(vault, item.name, stored, item.store_time_ms)
    return open_contents(vault, raw, record)


def open_contents(vault: Vault, raw: RawStreamItem, record: StreamRecord) -> bytes:
    """Open what an item holds, and check it against its record; raises ``RoleTooSmall`` for all but the owner."""
    seed = vault.credentials.sealing_seed(decode_segment_header(raw.segment).epoch)
    data_id_key = vault.credentials.domain_keys(raw.header.domain).data_id_key
    return open_content(raw, record, sealing_private_key(seed), data_id_key)


def has_content(vault: Vault, found: StoredItem, content: Buffer) -> bool:
    """Say whether an item holds just this content: a writer, who cannot read it, can tell by its id."""
    keys = vault.credentials.domain_keys(found.domain)
    return keyed_id(keys.data_id_key, content) == found.record.content_id


def _verify(vault: Vault, raw: RawStreamItem, store_time_ms: int) -> MemberId:
    vault.roster.verify_record(
        raw.member,
        SIGNED_KIND,
        raw.signed,
        raw.signature,
        store_time_ms,
        roles=WRITER_ROLES,
        domain=raw.header.domain,
    )
    return raw.member


def _unreadable(name: str, reason: str) -> Finding:
    return Finding(
        code="stream-item-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="The stream item {name} cannot be read: {reason}",
        hint_template="Run 'rebond verify'. What it held is lost unless a replica or a copy has it.",
        values={"name": name, "reason": reason},
    )
