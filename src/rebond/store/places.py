"""What lies below an address that is no vault itself: looking for vaults through folders, a few levels deep."""

import os
import urllib.parse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from rebond.clock import SystemClock
from rebond.errors import ObjectMissing, StoreError, StoreUnfit, StoreUnreachable, UsageError
from rebond.store.cloud_address import CLOUD_SCHEMES, parse_cloud_address
from rebond.store.local import LocalStore
from rebond.store.local_faults import translate_os_error
from rebond.store.opening import find_path, scheme_of

if TYPE_CHECKING:
    from rebond.store.cloud import CloudStore


class Place(Struct, frozen=True, kw_only=True):
    """A folder that holds what was looked for: its ``address``, and the ``folders`` beside that."""

    address: str
    folders: frozenset[str]


class _Folder(Struct, frozen=True, kw_only=True):
    objects: frozenset[str]
    folders: frozenset[str]


class _Looker(Protocol):
    def __call__(self, inner: str, /) -> _Folder: ...


def find_places(url: str, name: str, *, depth: int, report: Callable[[StoreError], None]) -> Iterator[Place]:
    """Yield every folder at or below ``url`` that holds an object ``name``, in byte order; not what lies in one.

    ``depth`` is how many levels below ``url`` are looked at. Links to directories are not followed. ``report``
    hears of folders that cannot be listed; that ``url`` itself cannot be raises ``StoreError`` or ``UsageError``.
    """
    scheme = scheme_of(url)
    if scheme in CLOUD_SCHEMES:
        look = _look_into_cloud(url)
    elif scheme in {"", "file"}:
        url = os.path.abspath(find_path(url))
        LocalStore(url).require_root()
        look = _look_into_directory(url)
    else:
        raise UsageError(
            "Nothing can be looked for below {address}.",
            hint="Give a directory, or s3://, gs:// or az:// with a bucket.",
            address=url,
        )
    yield from _descend(url, "", look(""), look, name, depth, report)


def _descend(
    url: str,
    inner: str,
    found: _Folder,
    look: _Looker,
    name: str,
    depth: int,
    report: Callable[[StoreError], None],
) -> Iterator[Place]:
    if name in found.objects:
        yield Place(address=_address_below(url, inner), folders=found.folders)
        return
    for each in sorted(found.folders) if depth else ():
        below = f"{inner}/{each}" if inner else each
        try:
            listed = look(below)
        except StoreError as error:
            report(error)
            continue
        yield from _descend(url, below, listed, look, name, depth - 1, report)


def _address_below(url: str, inner: str) -> str:
    if not inner:
        return url
    if scheme_of(url) not in CLOUD_SCHEMES:
        return os.path.join(url, inner)
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{inner}"))


def _look_into_directory(root: str) -> _Looker:
    def look(inner: str) -> _Folder:
        path = os.path.join(root, inner) if inner else root
        try:
            with os.scandir(path) as found:
                entries = list(found)
        except OSError as error:
            raise translate_os_error(error, inner, root) from error
        folders = frozenset(each.name for each in entries if each.is_dir(follow_symlinks=False))
        return _Folder(objects=frozenset(each.name for each in entries) - folders, folders=folders)

    return look


def _look_into_cloud(url: str) -> _Looker:
    from rebond.store.cloud import CloudStore
    from rebond.store.retrying import RetryingStore

    store = CloudStore(parse_cloud_address(url))
    retrying = RetryingStore(store, SystemClock())

    def look(inner: str) -> _Folder:
        objects, folders = retrying.repeat(lambda: store.list_folder(inner))
        if not inner and not objects and not folders:
            _require_own_answer(store)
            objects, folders = retrying.repeat(lambda: store.list_folder(inner))
        return _Folder(objects=objects, folders=folders)

    return look


def _require_own_answer(store: "CloudStore") -> None:
    """Raise ``StoreUnreachable`` where something else answers: a page behind a 200 is read as a list of nothing.

    Of a name that nobody can have given only the service says, in its own words, that it is not there.
    """
    try:
        store.stat(f"probe/{os.urandom(16).hex()}")
    except ObjectMissing:
        return
    except StoreUnfit:
        pass  # of a page nobody says when it was stored
    raise StoreUnreachable(
        "{location} shows nothing, and says of any name that it is there: what answers is no store.",
        hint="Look whether something else answers in its place, such as a proxy or a page that asks for a login, then "
        "run the same command again.",
        location=store.location,
    )
