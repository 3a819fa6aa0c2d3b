"""A small S3-compatible server on loopback, for tests and measurements.

It keeps objects in memory and speaks the part of the protocol that backup programs use: buckets,
PUT (also ``If-None-Match: *``, copies and ``aws-chunked`` bodies), GET with ranges, HEAD, DELETE,
both listings, multi-object delete and multipart uploads. Signatures are not checked, but a request
without ``Authorization`` is refused. What Google Cloud Storage and Azure do otherwise, as far as the
stores use it, is here too. Faults are planned on ``S3Server``::

    with S3Server() as server:
        server.faults.append(Fault(method="PUT", status=503, times=2))
        store = open_store(server.url("bucket/prefix"))
"""

import email.utils
import hashlib
import http.server
import re
import socket
import threading
import time
import urllib.parse
from typing import Self
from xml.sax.saxutils import escape, unescape

from rebond.testing.azure_answers import BATCH_CONTENT_TYPE, answer_azure_batch, answer_azure_listing
from rebond.testing.s3_answers import Fault, StoredObject, answer_listing, join_chunks, make_etag

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"  # noqa: S105  nothing checks it
_KEY = re.compile(r"<Key>([^<]*)</Key>")
_EMPTY_ANSWERS = {
    "location": b"<LocationConstraint></LocationConstraint>",
    "versioning": b"<VersioningConfiguration></VersioningConfiguration>",
    "uploads": b"<ListMultipartUploadsResult></ListMultipartUploadsResult>",
}
_IF_NEW = "x-goog-if-generation-match"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")


class S3Server:
    """The server; start it with ``with`` or ``start``, and it listens on ``port`` of 127.0.0.1.

    Switches, changed at any time: ``conditional_create`` (off: ``If-None-Match`` is ignored, as old
    servers do; ``refuses_conditions``: 501 instead), ``latency_seconds`` per request, ``page_size`` of
    listings, ``lists_backwards``, ``faults``, ``denied`` for what the credential may not do (method, start of the key).
    """

    def __init__(self, *, buckets: tuple[str, ...] = ("bucket",), port: int = 0, latency_seconds: float = 0.0) -> None:
        self.buckets: dict[str, dict[str, StoredObject]] = {name: {} for name in buckets}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.conditional_create = True
        self.refuses_conditions = False
        self.lists_backwards = False
        self.latency_seconds = latency_seconds
        self.page_size = 1000
        self.faults: list[Fault] = []
        self.denied: list[tuple[str, str]] = []  # (method, start of the key)
        self.requests: list[str] = []
        self.bytes_sent = 0  # of the answers' bodies
        self.clock_offset_seconds = 0.0
        self.lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def endpoint(self) -> str:
        """The address to give to a client."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str = "bucket") -> str:
        """Return the address of a vault in this server, as ``open_store`` takes it."""
        return f"s3://{path}?endpoint={self.endpoint}&region=us-east-1"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that give a client its credentials."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, cut every connection, and wait until the thread has ended."""
        self._server.shutdown()
        self._server.cut_connections()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def take_fault(self, method: str, path: str, query: str) -> Fault | None:
        """Return the next planned fault for a request, and count it."""
        with self.lock:
            for fault in self.faults:
                fits = fault.method in {"", method} and fault.path in path and fault.query in query
                if fits and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def now(self) -> float:
        """Return the server's time, in seconds since 1970."""
        return time.time() + self.clock_offset_seconds


class _Listener(http.server.ThreadingHTTPServer):
    owner: S3Server
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it was closed already
                continue

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: clients that hang up are part of the tests."""


class _Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one piece
    rbufsize = 2**18
    server: _Listener

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        owner = self.server.owner
        path, _, query_text = self.path.partition("?")
        bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
        query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
        body = self._read_body()
        owner.requests.append(f"{self.command} {path}{'?' + query_text if query_text else ''}")
        if owner.latency_seconds:
            time.sleep(owner.latency_seconds)
        fault = owner.take_fault(self.command, path, query_text)
        if fault is not None and fault.until is not None:
            fault.until.wait()
            fault = None
        try:
            if fault is not None and fault.content is not None:
                self._send(fault.status, dict(fault.headers), fault.content, is_cut=False)
                return
            if fault is not None and not fault.after and not fault.half:
                raise _Refusal(fault.status, fault.code)
            status, headers, content = self._dispatch(bucket, key, query, body)
            if fault is not None and not fault.half:
                raise _Refusal(fault.status, fault.code)
        except _Refusal as refusal:
            status, headers, content = self._explain(refusal, path)
        self._send(status, headers, content, is_cut=fault is not None and fault.half)

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, is_cut: bool) -> None:
        if status == 0:
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with self.server.owner.lock:
                self.server.owner.bytes_sent += len(content)
            self.wfile.write(content[: len(content) // 2] if is_cut else content)
        self.close_connection = self.close_connection or is_cut

    def _explain(self, refusal: _Refusal, path: str) -> tuple[int, dict[str, str], bytes]:
        text = f"<Error><Code>{refusal.code}</Code><Message>{refusal.code}</Message><Key>{escape(path)}</Key></Error>"
        return refusal.status, {"Content-Type": "application/xml"}, text.encode()

    def _dispatch(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        owner = self.server.owner
        if "Authorization" not in self.headers:
            raise _Refusal(403, "AccessDenied")
        if any(method in {"", self.command} and key.startswith(start) for method, start in owner.denied):
            raise _Refusal(403, "AccessDenied")
        if not key and self.command == "PUT":
            owner.buckets.setdefault(bucket, {})
            return 200, {}, b""
        if bucket not in owner.buckets:
            raise _Refusal(404, "NoSuchBucket")
        objects = owner.buckets[bucket]
        if not key:
            return self._answer_bucket(objects, bucket, query, body)
        if "uploads" in query or "uploadId" in query:
            return self._answer_multipart(objects, key, query, body)
        match self.command:
            case "PUT":
                return self._put(objects, key, body)
            case "DELETE":
                is_gone = self._delete(objects, key)
                # Google says so when there was nothing; S3 does not.
                return 204 if is_gone or not self._speaks_to_google() else 404, {}, b""
            case "GET" | "HEAD":
                return self._get(objects, key)
        raise _Refusal(405, "MethodNotAllowed")

    # --- single objects ---------------------------------------------------------------------

    def _put(self, objects: dict[str, StoredObject], key: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        owner = self.server.owner
        source = self.headers.get("x-amz-copy-source")
        if source is not None:
            source_bucket, _, source_key = urllib.parse.unquote(source).lstrip("/").partition("/")
            body = self._find(owner.buckets.get(source_bucket, {}), source_key).content
        made = self._keep(objects, key, body)
        if source is not None:
            text = f"<CopyObjectResult><ETag>{escape(made.etag)}</ETag></CopyObjectResult>"
            return 200, {"ETag": made.etag}, text.encode()
        return 200, {"ETag": made.etag}, b""

    def _keep(self, objects: dict[str, StoredObject], key: str, content: bytes) -> StoredObject:
        owner = self.server.owner
        made = StoredObject(
            content=content,
            modified=owner.now(),
            storage_class=self.headers.get("x-amz-storage-class", "STANDARD"),
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        is_conditional = "*" in self.headers.get("If-None-Match", "") or self.headers.get(_IF_NEW) == "0"
        if is_conditional and owner.refuses_conditions:
            raise _Refusal(501, "NotImplemented")
        with owner.lock:
            if is_conditional and owner.conditional_create and key in objects:
                is_azure = "x-ms-blob-type" in self.headers
                raise _Refusal(409, "BlobAlreadyExists") if is_azure else _Refusal(412, "PreconditionFailed")
            objects[key] = made
        return made

    def _get(self, objects: dict[str, StoredObject], key: str) -> tuple[int, dict[str, str], bytes]:
        found = self._find(objects, key)
        headers = {
            "ETag": found.etag,
            "Last-Modified": email.utils.formatdate(found.modified, usegmt=True),
            "Content-Type": found.headers.get("content-type", "binary/octet-stream"),
            "Accept-Ranges": "bytes",
            "x-amz-storage-class": found.storage_class,
        }
        size = len(found.content)
        asked = _RANGE.match(self.headers.get("Range", ""))
        if asked is None or asked.groups() == ("", ""):
            headers["Content-Length"] = str(size)
            return 200, headers, found.content
        first, last = asked.groups()
        start = int(first) if first else max(size - int(last), 0)
        end = min(int(last) + 1, size) if first and last else size
        if start >= size or start >= end:
            raise _Refusal(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return 206, headers, found.content[start:end]

    def _find(self, objects: dict[str, StoredObject], key: str) -> StoredObject:
        found = objects.get(key)
        if found is None:
            raise _Refusal(404, "NoSuchKey")
        return found

    # --- buckets ----------------------------------------------------------------------------

    def _answer_bucket(
        self, objects: dict[str, StoredObject], bucket: str, query: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        owner = self.server.owner
        headers = {"Content-Type": "application/xml"}
        if self.command == "HEAD":
            return 200, {}, b""
        if self.command == "POST" and "delete" in query:
            return 200, headers, self._delete_many(objects, body)
        if self.command == "POST" and query.get("comp") == "batch":
            answer = answer_azure_batch(body, bucket, lambda name: 202 if self._delete(objects, name) else 404)
            return 202, {"Content-Type": BATCH_CONTENT_TYPE}, answer
        if self.command != "GET":
            raise _Refusal(405, "MethodNotAllowed")
        if "object-lock" in query:
            raise _Refusal(404, "ObjectLockConfigurationNotFoundError")
        for name, text in _EMPTY_ANSWERS.items():
            if name in query:
                return 200, headers, text
        with owner.lock:
            present = dict(objects)
        if query.get("comp") == "list":
            return 200, headers, answer_azure_listing(present, query, owner.page_size)
        answer = answer_listing(present, bucket, query, owner.page_size, is_backwards=owner.lists_backwards)
        return 200, headers, answer

    def _speaks_to_google(self) -> bool:
        return self.headers.get("Authorization", "").startswith("Bearer ")

    def _delete(self, objects: dict[str, StoredObject], name: str) -> bool:
        with self.server.owner.lock:
            return objects.pop(name, None) is not None

    def _delete_many(self, objects: dict[str, StoredObject], body: bytes) -> bytes:
        names = [unescape(name) for name in _KEY.findall(body.decode())]
        denied = self.server.owner.denied
        parts = []
        for name in names:
            if any(method in {"", "DELETE"} and name.startswith(start) for method, start in denied):
                parts.append(f"<Error><Key>{escape(name)}</Key><Code>AccessDenied</Code></Error>")
                continue
            self._delete(objects, name)
            parts.append(f"<Deleted><Key>{escape(name)}</Key></Deleted>")
        return f"<DeleteResult>{''.join(parts)}</DeleteResult>".encode()

    # --- multipart uploads ------------------------------------------------------------------

    def _answer_multipart(
        self, objects: dict[str, StoredObject], key: str, query: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        uploads = self.server.owner.uploads
        if self.command == "POST" and "uploads" in query:
            upload_id = hashlib.sha256(f"{key}{len(self.server.owner.requests)}".encode()).hexdigest()[:32]
            uploads[upload_id] = {}
            text = "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>"
            return 200, {}, text.format(upload_id).encode()
        parts = uploads.get(query.get("uploadId", ""))
        if parts is None:
            raise _Refusal(404, "NoSuchUpload")
        if self.command == "PUT":
            parts[int(query["partNumber"])] = body
            return 200, {"ETag": make_etag()}, b""
        if self.command == "POST":
            made = self._keep(objects, key, b"".join(parts[number] for number in sorted(parts)))
            del uploads[query["uploadId"]]
            text = f"<CompleteMultipartUploadResult><ETag>{escape(made.etag)}</ETag></CompleteMultipartUploadResult>"
            return 200, {}, text.encode()
        if self.command == "DELETE":
            del uploads[query["uploadId"]]
            return 204, {}, b""
        raise _Refusal(405, "MethodNotAllowed")

    # --- bodies -----------------------------------------------------------------------------

    def _read_body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        body = self.rfile.read(length) if length else b""
        if "aws-chunked" in self.headers.get("Content-Encoding", "") or self.headers.get(
            "x-amz-content-sha256", ""
        ).startswith("STREAMING-"):
            return join_chunks(body)
        return body
