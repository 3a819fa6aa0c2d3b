"""Are the stream items what was written (§7.5, §11)? With any key who made them, with the owner's what they hold."""

import random
from collections.abc import Callable, Iterator

from msgspec import Struct

from rebond.errors import (
    ForeignObject,
    FormatTooNew,
    ObjectMissing,
    RebondError,
    VaultDamaged,
    WrongKey,
)
from rebond.findings import Finding
from rebond.identifiers import ObjectName
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.auditing import read_ahead
from rebond.vault.credentials import Role
from rebond.vault.object_findings import damage_of, foreign, too_new
from rebond.vault.stream_items import (
    HEAD_LIMIT_BYTES,
    STREAMS_PREFIX,
    domain_of_name,
    open_record,
    split_head,
)
from rebond.vault.streams import open_contents, open_item

SMALL_BYTES = 1 << 20  # items up to this are read whole by every check


class CheckedItem(Struct, frozen=True):
    """One item that was looked at, and what is wrong with it."""

    name: str
    read_bytes: int
    findings: tuple[Finding, ...] = ()


def check_streams(
    vault: Vault,
    *,
    read_data_percent: float | None = None,
    accepts: Callable[[str], bool] = lambda _: True,
    draw: Callable[[], float] = random.random,
) -> Iterator[CheckedItem]:
    """Yield every stream item that this key may read.

    Small items are read whole; of large ones the head, and with ``read_data_percent`` that share of them whole, drawn
    by lot. What is read whole is also opened where the key allows and ``read_data_percent`` is not ``None``.
    """

    def is_wanted(info: ObjectInfo) -> bool:
        return accepts(info.name) and domain_of_name(info.name) is not None

    def reads_whole(info: ObjectInfo) -> bool:
        if info.size <= SMALL_BYTES:
            return True
        return read_data_percent is not None and draw() * 100 < read_data_percent

    whole: list[ObjectInfo] = []
    large: list[ObjectInfo] = []
    for info in _list(vault):
        if is_wanted(info):
            (whole if reads_whole(info) else large).append(info)
    opens = read_data_percent is not None and vault.can_read()
    for info, content in read_ahead(vault.store, iter(whole)):
        yield _judge(vault, info, content, lambda info, content: _check_whole(vault, info, content, opens=opens))
    for info in large:
        yield _judge(vault, info, _read_head(vault, info), lambda info, content: _check_head(vault, info, content))


def _list(vault: Vault) -> Iterator[ObjectInfo]:
    if vault.credentials.role is not Role.WRITER:
        yield from vault.store.list_objects(STREAMS_PREFIX)
        return
    for domain in vault.credentials.own_catalogs:  # its credential may not read those of others (§2)
        yield from vault.store.list_objects(f"{STREAMS_PREFIX}{domain.hex()}/")


def _read_head(vault: Vault, info: ObjectInfo) -> bytes | RebondError:
    try:
        return vault.store.read(info.name, length=min(info.size, HEAD_LIMIT_BYTES))
    except ObjectMissing as error:
        return error


def _judge(
    vault: Vault, info: ObjectInfo, content: bytes | RebondError | None, check: Callable[[ObjectInfo, bytes], None]
) -> CheckedItem:
    if content is None or isinstance(content, ObjectMissing):
        return CheckedItem(info.name, 0)  # it went since the listing
    if isinstance(content, VaultDamaged):
        return CheckedItem(info.name, 0, (damage_of(info.name, content),))
    if isinstance(content, RebondError):
        raise content
    try:
        check(info, content)
    except (VaultDamaged, WrongKey) as error:
        return CheckedItem(info.name, len(content), (damage_of(info.name, error),))
    except FormatTooNew as error:
        return CheckedItem(info.name, len(content), (too_new(info.name, error),))
    except ForeignObject as error:
        return CheckedItem(info.name, len(content), (foreign(info.name, error, vault.roster, content),))
    return CheckedItem(info.name, len(content))


def _check_whole(vault: Vault, info: ObjectInfo, content: bytes, *, opens: bool) -> None:
    record, raw = open_item(vault, ObjectName(info.name), content, info.modified_ms)
    if opens:
        open_contents(vault, raw, record)


def _check_head(vault: Vault, info: ObjectInfo, content: bytes) -> None:
    name = ObjectName(info.name)
    clear, sealed = split_head(content, name, vault.vault_id)
    domain = domain_of_name(name)
    if domain is not None:
        open_record(sealed, clear, name, vault.credentials.catalog(domain))
