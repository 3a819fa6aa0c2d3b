"""Some entries of a directory, by their names, without reading all of it."""

from collections.abc import Collection, Iterator

from rebond.errors import VaultDamaged
from rebond.vault.trees import Page, ReadObject, StoredEntry, check_order, decode_page, page_ids, read_directory


def find_entries(directory_id: bytes, names: Collection[bytes], read: ReadObject) -> Iterator[StoredEntry]:
    """Yield the entries with one of these names, in order; raises ``VaultDamaged`` unless they are canonical.

    Of a directory of many pages only those are read that can have them: names are in order, so halving finds each,
    unless that would read more. Where a page on the way is damaged all are read, and what stands before it is found.
    """
    top = decode_page(read(directory_id), None)
    if top.e is not None:
        yield from (entry for entry in check_order(iter(top.e)) if entry.name in names)
        return
    pages = len(page_ids(top))
    if top.l == 1 and len(names) * pages.bit_length() >= pages:
        yield from (entry for entry in read_directory(directory_id, read) if entry.name in names)
        return
    last: Page | None = None
    for name in sorted(names):
        try:
            if last is None or last.e is None or not last.e[0].name <= name <= last.e[-1].name:
                last = _find_page(top, name, read)
        except VaultDamaged:
            yield from (entry for entry in read_directory(directory_id, read) if name <= entry.name in names)
            return
        yield from (entry for entry in check_order(iter(last.e or ())) if entry.name == name)


def _find_page(page: Page, name: bytes, read: ReadObject) -> Page:
    """Return the page of entries in which a name stands, if it stands anywhere below ``page``."""
    while page.e is None:
        ids = page_ids(page)
        low, high = 0, len(ids) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if _first_name(decode_page(read(ids[middle]), page.l - 1), read) <= name:
                low = middle
            else:
                high = middle - 1
        page = decode_page(read(ids[low]), page.l - 1)
    return page


def _first_name(page: Page, read: ReadObject) -> bytes:
    while page.e is None:
        page = decode_page(read(page_ids(page)[0]), page.l - 1)
    return page.e[0].name if page.e else b""
