"""What a service of objects answers to a request: S3, and what Google Cloud Storage and Azure do otherwise.

It keeps objects in memory and speaks the part of the protocol that backup programs use: buckets,
PUT (also ``If-None-Match: *``, copies and ``aws-chunked`` bodies), GET with ranges, HEAD, DELETE,
both listings, multi-object delete and multipart uploads. Signatures are not checked, but a request
without ``Authorization`` is refused.
"""

import base64
import email.utils
import hashlib
import re
import secrets
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from xml.sax.saxutils import escape, unescape

from rebond.testing.azure_answers import BATCH_CONTENT_TYPE, answer_azure_batch, answer_azure_listing
from rebond.testing.s3_answers import StoredObject, answer_listing, make_etag

Answer = tuple[int, dict[str, str], bytes]  # the status, headers, the body

_KEY = re.compile(r"<Key>([^<]*)</Key>")
_EMPTY_ANSWERS = {
    "location": b"<LocationConstraint></LocationConstraint>",
    "versioning": b"<VersioningConfiguration></VersioningConfiguration>",
    "uploads": b"<ListMultipartUploadsResult></ListMultipartUploadsResult>",
}
_IF_NEW = "x-goog-if-generation-match"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for an object of a bucket, or for the bucket where ``key`` is empty."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Message
    body: bytes


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str = "Please look it up.") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


class ObjectService:
    """Objects in buckets, as a service has them.

    Switches, changed at any time: ``conditional_create`` (off: ``If-None-Match`` is ignored, as old
    servers do; ``refuses_conditions``: 501 instead), ``page_size`` of listings, ``lists_backwards``, ``denied`` for
    what the credential may not do (method, start of the key), ``clock_offset_seconds``. With ``keeps_versions`` a
    folder is shown as long as versions are kept of what was deleted in it, as MinIO and Versity Gateway do. With
    ``wants_checksums`` a put has to name the sum of its content, as Amazon asks of a bucket with a lock.
    """

    def __init__(self, buckets: tuple[str, ...]) -> None:
        self.buckets: dict[str, dict[str, StoredObject]] = {name: {} for name in buckets}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.conditional_create = True
        self.refuses_conditions = False
        self.lists_backwards = False
        self.keeps_versions = False
        self.wants_checksums = False
        self.deleted: dict[str, set[str]] = {}
        self.page_size = 1000
        self.denied: list[tuple[str, str]] = []
        self.clock_offset_seconds = 0.0
        self.lock = threading.Lock()

    def now(self) -> float:
        """Return the server's time, in seconds since 1970."""
        return time.time() + self.clock_offset_seconds

    def answer(self, request: Request) -> Answer:
        """Return what is said to a request. Raises ``Refusal``."""
        bucket, key = request.bucket, request.key
        if "Authorization" not in request.headers:
            raise Refusal(403, "AccessDenied")
        if self._denies(request.method, key):
            raise Refusal(403, "AccessDenied")
        if not key and request.method == "PUT":
            self.buckets.setdefault(bucket, {})
            return 200, {}, b""
        if bucket not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        objects = self.buckets[bucket]
        if not key:
            return self._answer_bucket(objects, request)
        if "uploads" in request.query or "uploadId" in request.query:
            return self._answer_multipart(objects, request)
        match request.method:
            case "PUT":
                return self._put(objects, request)
            case "DELETE":
                is_gone = self._delete(objects, key)
                self.deleted.setdefault(bucket, set()).add(key)
                # Google says so when there was nothing; S3 does not.
                return 204 if is_gone or not _speaks_to_google(request) else 404, {}, b""
            case "GET" | "HEAD":
                return self._get(objects, request)
        raise Refusal(405, "MethodNotAllowed")

    def _denies(self, method: str, key: str) -> bool:
        return any(denied in {"", method} and key.startswith(start) for denied, start in self.denied)

    # --- single objects ---------------------------------------------------------------------

    def _put(self, objects: dict[str, StoredObject], request: Request) -> Answer:
        body = request.body
        source = request.headers.get("x-amz-copy-source")
        if source is not None:
            source_bucket, _, source_key = urllib.parse.unquote(source).lstrip("/").partition("/")
            body = self._find(self.buckets.get(source_bucket, {}), source_key).content
        self._check_sum(request)
        made = self._keep(objects, request, body)
        if source is not None:
            text = f"<CopyObjectResult><ETag>{escape(made.etag)}</ETag></CopyObjectResult>"
            return 200, {"ETag": made.etag}, text.encode()
        return 200, {"ETag": made.etag}, b""

    def _check_sum(self, request: Request) -> None:
        named = request.headers.get("x-amz-checksum-sha256")
        if named is not None and named != base64.b64encode(hashlib.sha256(request.body).digest()).decode():
            raise Refusal(400, "BadDigest")
        if named is None and self.wants_checksums:
            raise Refusal(
                400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object"
            )

    def _keep(self, objects: dict[str, StoredObject], request: Request, content: bytes) -> StoredObject:
        made = StoredObject(
            content=content,
            modified=self.now(),
            storage_class=request.headers.get("x-amz-storage-class", "STANDARD"),
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        is_conditional = "*" in request.headers.get("If-None-Match", "") or request.headers.get(_IF_NEW) == "0"
        if is_conditional and self.refuses_conditions:
            raise Refusal(501, "NotImplemented")
        with self.lock:
            if is_conditional and self.conditional_create and request.key in objects:
                is_azure = "x-ms-blob-type" in request.headers
                raise Refusal(409, "BlobAlreadyExists") if is_azure else Refusal(412, "PreconditionFailed")
            objects[request.key] = made
        return made

    def _get(self, objects: dict[str, StoredObject], request: Request) -> Answer:
        found = self._find(objects, request.key)
        headers = {
            "ETag": found.etag,
            "Last-Modified": email.utils.formatdate(found.modified, usegmt=True),
            "Content-Type": found.headers.get("content-type", "binary/octet-stream"),
            "Accept-Ranges": "bytes",
            "x-amz-storage-class": found.storage_class,
        }
        size = len(found.content)
        asked = _RANGE.match(request.headers.get("Range", ""))
        if asked is None or asked.groups() == ("", ""):
            headers["Content-Length"] = str(size)
            return 200, headers, found.content
        first, last = asked.groups()
        start = int(first) if first else max(size - int(last), 0)
        end = min(int(last) + 1, size) if first and last else size
        if start >= size or start >= end:
            raise Refusal(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return 206, headers, found.content[start:end]

    def _find(self, objects: dict[str, StoredObject], key: str) -> StoredObject:
        found = objects.get(key)
        if found is None:
            raise Refusal(404, "NoSuchKey")
        return found

    # --- buckets ----------------------------------------------------------------------------

    def _answer_bucket(self, objects: dict[str, StoredObject], request: Request) -> Answer:
        query = request.query
        headers = {"Content-Type": "application/xml"}
        if request.method == "HEAD":
            return 200, {}, b""
        if request.method == "POST" and "delete" in query:
            return 200, headers, self._delete_many(objects, request.body)
        if request.method == "POST" and query.get("comp") == "batch":
            answer = answer_azure_batch(
                request.body, request.bucket, lambda name: 202 if self._delete(objects, name) else 404
            )
            return 202, {"Content-Type": BATCH_CONTENT_TYPE}, answer
        if request.method != "GET":
            raise Refusal(405, "MethodNotAllowed")
        if "object-lock" in query:
            raise Refusal(404, "ObjectLockConfigurationNotFoundError")
        for name, text in _EMPTY_ANSWERS.items():
            if name in query:
                return 200, headers, text
        with self.lock:
            present = dict(objects)
        if query.get("comp") == "list":
            return 200, headers, answer_azure_listing(present, query, self.page_size)
        answer = answer_listing(
            present,
            request.bucket,
            query,
            self.page_size,
            is_backwards=self.lists_backwards,
            deleted=self.deleted.get(request.bucket, ()) if self.keeps_versions else (),
        )
        return 200, headers, answer

    def _delete(self, objects: dict[str, StoredObject], name: str) -> bool:
        with self.lock:
            return objects.pop(name, None) is not None

    def _delete_many(self, objects: dict[str, StoredObject], body: bytes) -> bytes:
        names = [unescape(name) for name in _KEY.findall(body.decode())]
        parts = []
        for name in names:
            if self._denies("DELETE", name):
                parts.append(f"<Error><Key>{escape(name)}</Key><Code>AccessDenied</Code></Error>")
                continue
            self._delete(objects, name)
            parts.append(f"<Deleted><Key>{escape(name)}</Key></Deleted>")
        return f"<DeleteResult>{''.join(parts)}</DeleteResult>".encode()

    # --- multipart uploads ------------------------------------------------------------------

    def _answer_multipart(self, objects: dict[str, StoredObject], request: Request) -> Answer:
        query, uploads = request.query, self.uploads
        if request.method == "POST" and "uploads" in query:
            upload_id = secrets.token_hex(16)
            uploads[upload_id] = {}
            text = "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>"
            return 200, {}, text.format(upload_id).encode()
        parts = uploads.get(query.get("uploadId", ""))
        if parts is None:
            raise Refusal(404, "NoSuchUpload")
        if request.method == "PUT":
            parts[int(query["partNumber"])] = request.body
            return 200, {"ETag": make_etag()}, b""
        if request.method == "POST":
            made = self._keep(objects, request, b"".join(parts[number] for number in sorted(parts)))
            del uploads[query["uploadId"]]
            text = f"<CompleteMultipartUploadResult><ETag>{escape(made.etag)}</ETag></CompleteMultipartUploadResult>"
            return 200, {}, text.encode()
        if request.method == "DELETE":
            del uploads[query["uploadId"]]
            return 204, {}, b""
        raise Refusal(405, "MethodNotAllowed")


def _speaks_to_google(request: Request) -> bool:
    return request.headers.get("Authorization", "").startswith("Bearer ")
