"""Directory objects, their pages, and lists of chunk ids (section 6).

A tree is canonical: the same directory always encodes to the same bytes, so that unchanged ones
cost nothing. One that does not encode to itself again is damage.
"""

import struct
from array import array
from collections.abc import Callable, Iterator, Sequence

import msgspec

from rebond.entries import Entry, EntryKind
from rebond.errors import VaultDamaged
from rebond.vault.primitives import HASH_SIZE, keyed_id

PAGE_THRESHOLD = 2048  # entries; above it a directory is cut into pages
PAGE_LEAST, PAGE_MOST = 256, 4096
PAGE_BYTES = 4 << 20  # of entries in one page, unless one entry alone is larger
LIST_THRESHOLD = 64  # chunks; above it a file's rows go to list objects, so that entries stay small
CHUNK_ROW = struct.Struct("<32sI")  # chunk id, length in bytes (decision 0003)
CUT_BELOW = 64  # of 65,536: a page of about 1,000 entries

_KEYS = {
    "name": "n", "kind": "t", "mode": "m", "uid": "u", "gid": "g", "user": "U", "group": "G", "size": "s",
    "modified_ns": "M", "target": "S", "device": "r", "hard_link": "h", "xattrs": "x", "holes": "o", "flags": "f",
    "born_ns": "b", "chunks": "c", "chunk_list": "L", "directory": "d",
}  # fmt: skip


_KIND_OF = {kind.value: kind for kind in EntryKind}


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_KEYS):
    """One entry as it is stored; fields in the order of the format, defaults left out."""

    name: bytes
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    size: int = 0
    modified_ns: int = 0
    target: bytes = b""
    device: int = 0
    hard_link: bytes = b""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    holes: tuple[tuple[int, int], ...] = ()
    flags: int = 0
    born_ns: int | None = None
    chunks: bytes = b""
    chunk_list: tuple[bytes, int] | None = None
    directory: bytes = b""

    def to_entry(self) -> Entry:
        """Return the entry as a landing wants it. Hard links are told apart by ``hard_link``.

        Raises ``VaultDamaged`` for an unknown kind.
        """
        kind = _KIND_OF.get(self.kind)
        if kind is None:
            raise VaultDamaged("A tree entry is of the unknown kind {kind}.", kind=self.kind)
        return Entry(
            name=self.name,
            kind=kind,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            user=self.user,
            group=self.group,
            size=self.size,
            modified_ns=self.modified_ns,
            target=self.target,
            device=self.device,
            xattrs=self.xattrs,
            holes=self.holes,
            flags=self.flags,
            born_ns=self.born_ns,
        )


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """A decoded directory object: entries, or pages below it."""

    e: list[StoredEntry] | None = None
    p: bytes = b""
    l: int = 0  # noqa: E741 - the format's key


_ENCODER = msgspec.msgpack.Encoder()
_ENTRY_DECODER = msgspec.msgpack.Decoder(StoredEntry)
_PAGE_DECODER = msgspec.msgpack.Decoder(Page)

encode_entry = _ENCODER.encode


def store_entry(
    entry: Entry, *, tree_id_key: bytes, chunks: bytes = b"", chunk_list: tuple[bytes, int] | None = None
) -> bytes:
    """Encode an entry with its content. Hard-link identity is hidden under the tree id key."""
    hard_link = b""
    if entry.link is not None:
        device, inode = entry.link
        hard_link = keyed_id(tree_id_key, device.to_bytes(8, "little") + inode.to_bytes(8, "little"))[:16]
    return _ENCODER.encode(
        StoredEntry(
            name=entry.name,
            kind=entry.kind.value,
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
            user=entry.user,
            group=entry.group,
            size=entry.size,
            modified_ns=entry.modified_ns,
            target=entry.target,
            device=entry.device,
            hard_link=hard_link,
            xattrs=entry.xattrs,
            holes=entry.holes,
            flags=entry.flags,
            born_ns=entry.born_ns,
            chunks=chunks,
            chunk_list=chunk_list,
        )
    )


def with_directory(encoded: bytes, directory_id: bytes) -> bytes:
    """Add the last key, ``d``, to an encoded directory entry."""
    first = encoded[0]
    if 0x80 <= first < 0x8F:
        return bytes((first + 1,)) + encoded[1:] + b"\xa1d\xc4\x20" + directory_id
    if first == 0xDE:  # the encoder's form for a record with many fields, few of them given
        count = int.from_bytes(encoded[1:3], "big") + 1
        return b"\xde" + count.to_bytes(2, "big") + encoded[3:] + b"\xa1d\xc4\x20" + directory_id
    return _ENCODER.encode(msgspec.structs.replace(decode_entry(encoded), directory=directory_id))


def decode_entry(encoded: bytes | msgspec.Raw) -> StoredEntry:
    """Read one entry; raises ``VaultDamaged``."""
    try:
        return _ENTRY_DECODER.decode(encoded)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise VaultDamaged("A tree entry cannot be read: {reason}", reason=str(error)) from error


def _join(entries: Sequence[bytes]) -> bytes:
    count = len(entries)
    if count < 16:
        head = bytes((0x90 | count,))
    elif count < 65536:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return b"\x81\xa1e" + head + b"".join(entries)


StoreObject = Callable[[bytes], bytes]  # keeps a tree object, returns its id


def store_directory(
    names: Sequence[bytes],
    entries: Sequence[bytes],
    tree_id_key: bytes,
    keep: StoreObject,
    pages_before: Sequence[bytes] = (),
) -> bytes:
    """Keep a directory of encoded ``entries`` sorted by ``names``; return its id.

    Above ``PAGE_THRESHOLD`` entries it is cut into pages after entries whose names' ids say so
    (content-defined, so that one new file changes one page), and above ``PAGE_BYTES`` in any case.
    ``pages_before`` are of the entries before these, as ``store_whole_pages`` gave them.
    """
    if len(entries) <= PAGE_THRESHOLD and not pages_before:
        whole = _join(entries)
        if len(whole) <= PAGE_BYTES:
            return keep(whole)
    pages = [*pages_before]
    for start, end in _cut_pages(*_measure(names, entries, tree_id_key)):
        pages.append(keep(_join(entries[start:end])))
    level = 1
    while len(pages) > PAGE_THRESHOLD:
        pages = [
            keep(_ENCODER.encode({"p": b"".join(pages[start:end]), "l": level}))
            for start, end in _cut_pages([int.from_bytes(page[-2:], "big") for page in pages])
        ]
        level += 1
    return keep(_ENCODER.encode({"p": b"".join(pages), "l": level}))


def store_whole_pages(names: list[bytes], entries: list[bytes], tree_id_key: bytes, keep: StoreObject) -> list[bytes]:
    """Keep the pages of a directory that no later entry will change; return their ids, and take out what is in them.

    There must be more entries than ``PAGE_THRESHOLD``; some always stay. Later ones come after these.
    """
    *whole, (left, _) = _cut_pages(*_measure(names, entries, tree_id_key))
    pages = [keep(_join(entries[start:end])) for start, end in whole]
    del names[:left], entries[:left]
    return pages


def _measure(
    names: Sequence[bytes], entries: Sequence[bytes], tree_id_key: bytes
) -> tuple[Sequence[int], Sequence[int]]:
    # Of a directory of a million entries: numbers in arrays are a tenth of as many objects.
    heads = array("H", (int.from_bytes(keyed_id(tree_id_key, name)[:2], "big") for name in names))
    return heads, array("Q", map(len, entries))


def _cut_pages(heads: Sequence[int], lengths: Sequence[int] = ()) -> Iterator[tuple[int, int]]:
    start = page_bytes = 0
    for position, head in enumerate(heads, 1):
        if lengths:
            if page_bytes + lengths[position - 1] > PAGE_BYTES and position - 1 > start:
                yield start, position - 1
                start, page_bytes = position - 1, 0
            page_bytes += lengths[position - 1]
        size = position - start
        if size >= PAGE_MOST or (size >= PAGE_LEAST and head < CUT_BELOW):
            yield start, position
            start, page_bytes = position, 0
    if start < len(heads):
        yield start, len(heads)


def store_chunk_rows(rows: Sequence[bytes], keep: StoreObject) -> tuple[bytes, tuple[bytes, int] | None]:
    """Return what an entry says of its chunks: the rows themselves, or (id, level) of a list object.

    A list object of level 1 holds ``CHUNK_ROW`` rows; one above it holds ids of list objects.
    """
    if len(rows) <= LIST_THRESHOLD:
        return b"".join(rows), None
    level = 1
    heads = array("H", (int.from_bytes(row[HASH_SIZE - 2 : HASH_SIZE], "big") for row in rows))
    lists = [keep(b"".join(rows[a:b])) for a, b in _cut_pages(heads)]
    while len(lists) > 1:
        lists = [keep(b"".join(lists[a:b])) for a, b in _cut_pages([int.from_bytes(row[-2:], "big") for row in lists])]
        level += 1
    return b"", (lists[0], level)


_DOTS = (b".", b"..")
_DEEPEST = 8  # levels of pages or lists: far beyond what any file system can hold
ReadObject = Callable[[bytes], bytes]  # reads a tree object by its id


def read_directory(directory_id: bytes, read: ReadObject) -> Iterator[StoredEntry]:
    """Yield the entries of a directory in order; raises ``VaultDamaged`` unless it is canonical."""
    page = decode_page(read(directory_id), None)
    yield from check_order(iter(page.e) if page.e is not None else _read_pages(page, read))


def check_order(entries: Iterator[StoredEntry]) -> Iterator[StoredEntry]:
    """Hand on the entries of a directory; raises ``VaultDamaged`` at one that is not canonical."""
    previous = b""
    for entry in entries:
        name = entry.name
        # Compared across pages too: one named twice would be a directory without end.
        if name <= previous or b"/" in name or b"\0" in name or name in _DOTS or entry.kind not in _KIND_OF:
            check_name(name)
            raise VaultDamaged("A directory object is not in its canonical form.")
        previous = name
        yield entry


def _read_pages(page: Page, read: ReadObject) -> Iterator[StoredEntry]:
    if page.e is not None:
        yield from page.e
        return
    for page_id in page_ids(page):
        yield from _read_pages(decode_page(read(page_id), page.l - 1), read)


def decode_page(content: bytes, level: int | None) -> Page:
    """Return a page; ``level`` is how many levels of pages have to be below it, where that is known."""
    try:
        page = _PAGE_DECODER.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise VaultDamaged("A directory object cannot be read: {reason}", reason=str(error)) from error
    if page.e is not None:
        if level:
            raise VaultDamaged("A directory has a page at the wrong level.")
        if _ENCODER.encode(page) != content:
            raise VaultDamaged("A directory object is not in its canonical form.")
        return page
    is_level_possible = 1 <= page.l <= _DEEPEST and (level is None or page.l == level)
    if not page.p or len(page.p) % HASH_SIZE or not is_level_possible:
        raise VaultDamaged("A directory object has neither entries nor pages.")
    return page


def page_ids(page: Page) -> list[bytes]:
    """Return the ids of the pages that a page of pages names, in order."""
    return [page.p[start : start + HASH_SIZE] for start in range(0, len(page.p), HASH_SIZE)]


def check_name(name: bytes) -> None:
    """Refuse a name that could leave its directory; raises ``VaultDamaged``."""
    if not name or name in (b".", b"..") or b"/" in name or b"\0" in name:
        raise VaultDamaged("A stored tree has an entry with the impossible name {name}.", name=repr(name))


def read_chunk_rows(entry: StoredEntry, read: ReadObject) -> Iterator[tuple[bytes, int]]:
    """Yield (chunk id, length) of a file's chunks in order; raises ``VaultDamaged`` unless they are just its size."""
    left = entry.size - sum(length for _, length in entry.holes)
    rows = (
        _cut_rows(entry.chunks)
        if entry.chunk_list is None
        else _expand_list(entry.chunk_list[0], entry.chunk_list[1], read)
    )
    for row in rows:
        left -= row[1]
        if left < 0 or not row[1]:
            raise VaultDamaged("The chunks of a file are more than its size.")
        yield row
    if left:
        raise VaultDamaged("The chunks of a file are less than its size.")


def only_chunk(entry: StoredEntry) -> tuple[bytes, int] | None:
    """Return (chunk id, length) of a file of one chunk without holes; ``None`` where ``read_chunk_rows`` must tell.

    Most files are of this kind.
    """
    if len(entry.chunks) != CHUNK_ROW.size or entry.chunk_list is not None or entry.holes:
        return None
    chunk_id, length = CHUNK_ROW.unpack(entry.chunks)
    return (chunk_id, length) if 0 < length == entry.size else None


def _expand_list(list_id: bytes, level: int, read: ReadObject) -> Iterator[tuple[bytes, int]]:
    if not 1 <= level <= _DEEPEST:
        raise VaultDamaged("A list of chunks is nested {level} levels deep.", level=level)
    content = read(list_id)
    if level == 1:
        yield from _cut_rows(content)
        return
    if len(content) % HASH_SIZE:
        raise VaultDamaged("A list of chunks is cut short.")
    for start in range(0, len(content), HASH_SIZE):
        yield from _expand_list(content[start : start + HASH_SIZE], level - 1, read)


def _cut_rows(rows: bytes) -> Iterator[tuple[bytes, int]]:
    if len(rows) % CHUNK_ROW.size:
        raise VaultDamaged("A list of chunks is cut short.")
    return CHUNK_ROW.iter_unpack(rows)
