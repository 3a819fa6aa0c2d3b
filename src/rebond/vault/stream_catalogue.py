"""Which streams lie in a vault, and which items each has, from one listing and one look at a head for each stream."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rebond.errors import FormatTooNew, ObjectMissing, VaultDamaged, WrongKey
from rebond.identifiers import DomainId, ObjectName
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.stream_items import (
    HEAD_LIMIT_BYTES,
    STREAMS_PREFIX,
    StreamRecord,
    domain_of_name,
    open_record,
    split_head,
    stream_prefix,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStream:
    """A stream of one domain: its name, and what a listing says of its items, by the names of their objects."""

    domain: DomainId
    stream: str
    items: Mapping[ObjectName, ObjectInfo]


def list_domains(vault: Vault) -> list[DomainId]:
    """Return the domains whose records this key opens."""
    if vault.credentials.catalog_roots:
        return [domain.id for domain in vault.roster.domains]
    return list(vault.credentials.own_catalogs)


def list_streams(vault: Vault, *, prefix: str = "") -> list[ListedStream]:
    """Return every stream whose name starts with ``prefix``, of all domains that the key opens.

    Only one item of each is looked at. Raises ``StoreError``, and ``VaultDamaged`` when no item of one can be read.
    """
    found = []
    for domain in list_domains(vault):
        folders: dict[str, dict[ObjectName, ObjectInfo]] = {}
        for info in vault.store.list_objects(f"{STREAMS_PREFIX}{domain.hex()}/"):
            if domain_of_name(info.name) == domain:
                folders.setdefault(info.name.rpartition("/")[0], {})[ObjectName(info.name)] = info
        for items in folders.values():
            stream = _find_name(vault, items.values())
            if stream is not None and stream.startswith(prefix):
                found.append(ListedStream(domain=domain, stream=stream, items=items))
    return found


def list_stream(vault: Vault, stream: str) -> list[ListedStream]:
    """Return what each domain has of one stream; a domain without any is left out. Raises ``StoreError``."""
    found = []
    for domain in list_domains(vault):
        folder = stream_prefix(vault.credentials.catalog(domain), stream)
        items = {ObjectName(info.name): info for info in vault.store.list_objects(folder)}
        if items:
            found.append(ListedStream(domain=domain, stream=stream, items=items))
    return found


def read_record(vault: Vault, info: ObjectInfo) -> StreamRecord:
    """Return the record at the head of an item; its signature is not checked. Raises ``VaultDamaged``, ``WrongKey``."""
    name = ObjectName(info.name)
    domain = domain_of_name(name)
    if domain is None:
        raise VaultDamaged("{name} is no item of a stream.", name=name)
    head = vault.store.read(name, length=min(info.size, HEAD_LIMIT_BYTES))
    clear, sealed = split_head(head, name, vault.vault_id)
    return open_record(sealed, clear, name, vault.credentials.catalog(domain))


def _find_name(vault: Vault, items: Iterable[ObjectInfo]) -> str | None:
    """Return the name of a stream from the first item that can be read; ``None`` when all went since the listing."""
    fault: VaultDamaged | FormatTooNew | WrongKey | None = None
    for info in items:
        try:
            return read_record(vault, info).stream
        except ObjectMissing:
            continue
        except (VaultDamaged, FormatTooNew, WrongKey) as error:
            fault = error
    if fault is not None:
        raise fault
    return None
