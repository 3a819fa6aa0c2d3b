"""From an address to a store."""

import difflib
import os
import re
import threading
import urllib.parse

from rebond.clock import Clock, SystemClock
from rebond.errors import UsageError
from rebond.store.cloud_address import CLOUD_SCHEMES, credential_inside, parse_cloud_address
from rebond.store.memory import MemoryStore
from rebond.store.protocol import Store
from rebond.store.retrying import RetryingStore

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SHORT = re.compile(r"(s3|gs|gcs|az|azure|b2|swift|rest|sftp|rclone|file|memory):(?!//)")
_LATER = ("sftp", "rclone")
_KNOWN = ("file", "memory", *CLOUD_SCHEMES)

_named_memory: dict[str, MemoryStore] = {}
_lock = threading.Lock()


def open_store(url: str, *, create: bool = False, clock: Clock | None = None) -> Store:
    """Return the store at ``url``; with ``create`` its directory is made if it is missing.

    ``url`` is a path, ``file:///path``, ``memory://name`` (the same store for the same name while the
    process lives), ``s3://``, ``gs://`` or ``az://`` with a bucket and a prefix. Buckets are never made.
    Cloud stores repeat requests that may pass. Raises ``UsageError`` for an address that cannot be
    meant, ``MissingExtra`` without the cloud library, ``StoreUnreachable`` for a missing directory.
    """
    if not url:
        raise UsageError("The address of the vault is empty.", hint="Give a path, or s3://BUCKET/PREFIX.")
    scheme = scheme_of(url)
    if scheme in CLOUD_SCHEMES:
        from rebond.store.cloud import CloudStore

        return RetryingStore(CloudStore(parse_cloud_address(url)), clock or SystemClock())
    if scheme in {"", "file"}:
        return _open_directory(find_path(url), create=create, clock=clock)
    if scheme == "memory":
        return _open_memory(url.partition("://")[2], clock)
    raise _unknown_scheme(scheme)


def _open_directory(path: str, *, create: bool, clock: Clock | None) -> Store:
    from rebond.store.local import LocalStore

    if create:
        return LocalStore.create(path, clock=clock)
    store = LocalStore(path, clock=clock)
    store.require_root()
    return store


def _open_memory(name: str, clock: Clock | None) -> Store:
    if not name:
        return MemoryStore(clock)
    with _lock:
        return _named_memory.setdefault(name, MemoryStore(clock))


def scheme_of(url: str) -> str:
    """Return ``s3`` of ``s3://…``, in small letters; empty for a path."""
    found = _SCHEME.match(url)
    return found.group(1).lower() if found else ""


def find_path(url: str) -> str:
    """Return the path that an address of a directory names. Raises ``UsageError`` for what cannot be meant."""
    if scheme_of(url) == "file":
        return _path_of(url)
    _refuse_short_form(url)
    return os.path.expanduser(url)


def _path_of(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if "@" in parts.netloc:
        masked = f"file://***{parts.path}"
        raise credential_inside(masked)
    if parts.netloc not in {"", "localhost"}:
        raise UsageError(
            "{address} names another machine, {host}.",
            hint="Write file:///PATH with three slashes for a path on this machine.",
            address=url,
            host=parts.netloc,
        )
    return urllib.parse.unquote(parts.path)


def _refuse_short_form(url: str) -> None:
    found = _SHORT.match(url)
    if found is not None and found.group(1) not in _LATER:
        raise UsageError(
            "An address that starts with {scheme}: needs two slashes after it.",
            hint="Write {scheme}://BUCKET/PREFIX, or ./ before the name of a directory that is called so.",
            scheme=found.group(1),
        )
    if found is not None:
        raise _unknown_scheme(found.group(1))


def _unknown_scheme(scheme: str) -> UsageError:
    if scheme in _LATER:
        return UsageError(
            "Stores over {scheme} are not available yet.",
            hint="Use a path (a mounted disk or share), s3://, gs:// or az://.",
            scheme=scheme,
        )
    if scheme in {"http", "https"}:
        return UsageError(
            "A vault has no address that starts with {scheme}://.",
            hint="For a server that speaks S3 write s3://BUCKET/PREFIX?endpoint={scheme}://HOST.",
            scheme=scheme,
        )
    near = difflib.get_close_matches(scheme, _KNOWN, 1, 0.4)
    return UsageError(
        "There is no kind of store called {scheme}://.",
        hint="Did you mean {near}://?" if near else "Use a path, s3://, gs:// or az://.",
        scheme=scheme,
        near="".join(near),
    )
