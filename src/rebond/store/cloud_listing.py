"""Listings that are believed: what may have been cut short is confirmed by an answer that shows something.

A service, and whatever stands before it, may answer 200 with an error or a page of its own, which the library takes for
a page of nothing.
"""

from collections.abc import Generator, Iterator

from rebond.errors import StoreError, StoreUnfit, StoreUnreachable
from rebond.store.cloud_bucket import CloudBucket
from rebond.store.cloud_faults import is_of_an_odd_name
from rebond.store.names import is_valid_name
from rebond.store.protocol import ObjectInfo

_ALWAYS_THERE = "vault.json"  # in every vault, behind all other names


def list_after(bucket: CloudBucket, prefix: str, after: str) -> Iterator[ObjectInfo]:
    """Yield every object whose name starts with ``prefix`` and comes after ``after``, in byte order.

    What may have been cut short goes on where an answer shows more. Raises ``StoreUnreachable`` when none that shows
    something confirms its end. Things whose names no object can have are passed over.
    """
    place: str | None = after
    is_again = False
    while place is not None:
        went_to = yield from _list_once(bucket, prefix, place, is_again=is_again)
        is_again = went_to == place
        place = went_to


def _list_once(
    bucket: CloudBucket, prefix: str, after: str, *, is_again: bool
) -> Generator[ObjectInfo, None, str | None]:
    """Yield what one listing gives; return the name to go on from, if it was cut or the folder has grown."""
    folder = prefix.rpartition("/")[0]
    start = max(_place_before(prefix) if prefix[len(folder) :].strip("/") else "", after)
    last = ""
    for name, meta in bucket.walk(folder, start):
        if name <= last:
            raise StoreUnfit(
                "{location} lists objects out of order: {name} after {last}.",
                hint="Use another kind of bucket; directory buckets cannot hold a vault.",
                location=bucket.location,
                name=name,
                last=last,
            )
        last = name
        if not name.startswith(prefix):
            if name > prefix:
                return None
            continue
        if name > after and is_valid_name(name):
            yield bucket.describe(meta)
    if bucket.address.scheme == "az":  # is believed: the library takes none of its errors for an empty page
        return None
    if folder and last and (shown := _show_end(bucket, folder, last)) >= last:
        return last if shown > last else None
    if not _ends_at(bucket, folder, start, last):
        if not is_again:  # somebody may just have put the first thing there
            return max(after, last) if last.startswith(prefix) else after
        raise StoreUnreachable(
            "{location} did not list all that lies there: the list of {name} breaks off.",
            hint="Look whether something else answers in its place, such as a proxy or a page that asks for a"
            " login, then run the same command again.",
            location=bucket.location,
            name=prefix or bucket.location,
        )
    return None


def _ends_at(bucket: CloudBucket, folder: str, start: str, last: str) -> bool:
    """Say whether an answer that shows something confirms that a listing after ``start`` ends at ``last``."""
    if not folder:
        return last >= _ALWAYS_THERE or start >= _ALWAYS_THERE or not bucket.exists(_ALWAYS_THERE)
    # Nothing was listed, or what came last is gone by now.
    if not _lists_something(bucket, folder):
        return True
    newest = max((name for name, _ in bucket.walk(folder, "")), default="") if start or last else ""
    if not newest:
        return _is_passed_over(bucket, folder)
    return newest <= max(start, last) and _show_end(bucket, folder, newest) == newest


def _is_passed_over(bucket: CloudBucket, folder: str) -> bool:
    """Say whether a listing from a folder on goes on behind it: then nothing is in it, though the one above shows it.

    So do servers that keep versions, for as long as they remember what was deleted there. ``vault.json`` is behind all
    folders. It takes a page of what follows; so it is asked where a folder is shown, and empty.
    """
    behind = next((name for name, _ in bucket.walk("", folder) if name > f"{folder}/"), "")
    if not behind:
        return not bucket.exists(_ALWAYS_THERE)
    return not behind.startswith(f"{folder}/")


def _show_end(bucket: CloudBucket, folder: str, name: str) -> str:
    """List from just before ``name``; return the first name behind it, or the last one up to it, or ``""``."""
    before = name[:-1].rstrip(".")  # the library takes no folder called "." or ".."
    shown = ""
    for shown, _ in bucket.walk(folder, before):
        if shown > name:
            break
    return shown


def _lists_something(bucket: CloudBucket, folder: str) -> bool:
    """Say whether there is something in a folder, or no answer shows that there is nothing.

    A folder above it that shows others, and not this one, shows it. The vault's own shows ``vault.json``.
    """
    while folder:
        above, _, own = folder.rpartition("/")
        try:
            objects, folders = bucket.list_folder(above)
        except StoreError as error:
            if not is_of_an_odd_name(error):
                raise
            # Lists are answered, then: the library cannot read a name in this one.
            return next(bucket.walk(folder, ""), None) is not None
        if own in folders:
            return True
        if above and (objects or folders):
            return False
        if not above:
            return _ALWAYS_THERE not in objects and bucket.exists(_ALWAYS_THERE)
        folder = above
    return True


def _place_before(prefix: str) -> str:
    """Return a text just before every name that starts with ``prefix``, to start a listing at; or ``""``."""
    if not prefix:
        return ""
    below = "." if prefix[-1] in "0/" else chr(ord(prefix[-1]) - 1)  # "//" may stand in no name
    return f"{prefix[:-1]}{below}~"  # which sorts behind all signs of a name
