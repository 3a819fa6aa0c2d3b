"""What the small S3 server keeps, what may go wrong with it, and how it words its answers."""

import secrets
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape


def make_etag() -> str:
    """Return a new quoted tag of the kind that multipart uploads get, which no client takes for an MD5."""
    return f'"{secrets.token_hex(16)}-1"'


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that goes wrong ``times`` times, on requests of ``method`` whose path contains ``path``.

    ``status`` answers with that error; 0 cuts the connection without an answer. With ``after`` the
    request works first, and only its answer is lost or false. ``query`` must be in the query string.
    ``half`` cuts the connection in the middle of the answer's body. ``content`` and ``headers`` are said
    instead of an error, as by something that stands before the server. ``until`` holds the answer back, which
    is a good one, until that is set.
    """

    method: str = ""
    path: str = ""
    query: str = ""
    status: int = 503
    code: str = "SlowDown"
    times: int = 1
    after: bool = False
    half: bool = False
    content: bytes | None = None
    until: threading.Event | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object as the server keeps it."""

    content: bytes
    modified: float
    storage_class: str = "STANDARD"
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = field(default_factory=make_etag)


def answer_listing(
    objects: Mapping[str, StoredObject],
    bucket: str,
    query: Mapping[str, str],
    page_size: int,
    *,
    is_backwards: bool = False,
    deleted: Collection[str] = (),
) -> bytes:
    """Return one page of a listing, of the first or the second protocol, grouped by the delimiter if one is asked.

    Groups are also made of what was ``deleted``.
    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("start-after") or query.get("marker") or ""
    limit = min(int(query.get("max-keys") or 1000), page_size)
    grouped = (name for name in deleted if _group_of(name, prefix, delimiter))
    names = sorted(name for name in {*objects, *grouped} if name.startswith(prefix) and name > after)
    lines: list[str] = []
    groups: list[str] = []
    last = ""
    for name in names:
        group = _group_of(name, prefix, delimiter)
        if not group or not (after.startswith(group) or group in groups):
            if len(lines) + len(groups) >= limit:
                break
            if group:
                groups.append(group)
            else:
                lines.append(_describe(name, objects[name]))
        last = name
    is_truncated = bool(names) and last != names[-1]
    parts = ["<ListBucketResult>", f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"]
    parts.append(f"<KeyCount>{len(lines) + len(groups)}</KeyCount><MaxKeys>{limit}</MaxKeys>")
    parts.append(f"<IsTruncated>{str(is_truncated).lower()}</IsTruncated>")
    if is_truncated:
        tag = "NextContinuationToken" if query.get("list-type") == "2" else "NextMarker"
        parts.append(f"<{tag}>{escape(last)}</{tag}>")
    parts += reversed(lines) if is_backwards else lines
    parts += [f"<CommonPrefixes><Prefix>{escape(group)}</Prefix></CommonPrefixes>" for group in groups]
    return "".join([*parts, "</ListBucketResult>"]).encode()


def join_chunks(body: bytes) -> bytes:
    """Return the content of an ``aws-chunked`` body: lines ``SIZE;chunk-signature=…``, bytes, line end."""
    pieces: list[bytes] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def _group_of(name: str, prefix: str, delimiter: str) -> str:
    if not delimiter:
        return ""
    head, found, _ = name[len(prefix) :].partition(delimiter)
    return f"{prefix}{head}{delimiter}" if found else ""


def _describe(name: str, stored: StoredObject) -> str:
    modified = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stored.modified))
    milliseconds = int(stored.modified * 1000) % 1000
    return (
        f"<Contents><Key>{escape(name)}</Key><LastModified>{modified}.{milliseconds:03}Z</LastModified>"
        f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.content)}</Size>"
        f"<StorageClass>{stored.storage_class}</StorageClass></Contents>"
    )
