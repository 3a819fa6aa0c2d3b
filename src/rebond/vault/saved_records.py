"""What a run saved of one root, asked of the records that it left in the cache: the writer cannot read its snapshot."""

from collections.abc import Collection, Iterable

from rebond.entries import EntryKind
from rebond.vault.file_cache import CacheRecord
from rebond.vault.trees import decode_entry


def find_missing(records: Iterable[tuple[CacheRecord, bytes]], wanted: Collection[bytes]) -> set[bytes]:
    """Return those of ``wanted``, paths relative to the root, that were not saved."""
    missing = set(wanted)
    names_by_directory: dict[bytes, set[bytes]] = {}
    for path in missing:
        directory, _, name = path.rpartition(b"/")
        names_by_directory.setdefault(directory, set()).add(name)
    for record, _ in records:
        missing.discard(record.path)
        names = names_by_directory.get(record.path)
        if names:
            prefix = record.path + b"/" if record.path else b""
            missing.difference_update(prefix + name for name in names.intersection(record.names))
    return missing


def find_newest_ns(records: Iterable[tuple[CacheRecord, bytes]]) -> int | None:
    """Return when the newest file was modified, in nanoseconds since 1970; ``None`` without a file."""
    newest: int | None = None
    for record, _ in records:
        for encoded in record.entries:
            entry = decode_entry(encoded)
            if entry.kind == EntryKind.FILE and (newest is None or entry.modified_ns > newest):
                newest = entry.modified_ns
    return newest
