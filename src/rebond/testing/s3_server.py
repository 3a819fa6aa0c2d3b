"""A small S3-compatible server on loopback, for tests and measurements.

What it answers is ``object_service``'s; here are its connections, and what may go wrong with them. Faults are planned
on ``S3Server``::

    with S3Server() as server:
        server.faults.append(Fault(method="PUT", status=503, times=2))
        store = open_store(server.url("bucket/prefix"))
"""

import http.server
import socket
import threading
import time
import urllib.parse
from typing import Self
from xml.sax.saxutils import escape

from rebond.testing.object_service import Answer, ObjectService, Refusal, Request
from rebond.testing.s3_answers import Fault, join_chunks

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"  # noqa: S105  nothing checks it
DOMAIN = "s3.test"  # a host below it names a bucket; clients come by ``HTTP_PROXY``, since no such host is known


class S3Server(ObjectService):
    """The server; start it with ``with`` or ``start``, and it listens on ``port`` of 127.0.0.1.

    Besides the switches of the service: ``latency_seconds`` per request, ``faults``. ``requests`` are those that came,
    and ``bytes_sent`` counts the bodies of the answers.
    """

    def __init__(self, *, buckets: tuple[str, ...] = ("bucket",), port: int = 0, latency_seconds: float = 0.0) -> None:
        super().__init__(buckets)
        self.latency_seconds = latency_seconds
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.bytes_sent = 0
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
        if path.startswith("http://"):  # from a client that takes this for its proxy
            path = urllib.parse.urlsplit(path).path
        request = self._read_request(path, query_text)
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
                raise Refusal(fault.status, fault.code)
            status, headers, content = owner.answer(request)
            if fault is not None and not fault.half:
                raise Refusal(fault.status, fault.code)
        except Refusal as refusal:
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

    def _explain(self, refusal: Refusal, path: str) -> Answer:
        # In two lines, as Amazon, MinIO and Versity have it.
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message><Key>{escape(path)}</Key></Error>"
        )
        return refusal.status, {"Content-Type": "application/xml"}, text.encode()

    def _read_request(self, path: str, query_text: str) -> Request:
        bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
        host = self.headers.get("Host", "")
        if host.endswith(f".{DOMAIN}"):
            bucket, key = host.removesuffix(f".{DOMAIN}"), urllib.parse.unquote(path).lstrip("/")
        query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
        return Request(
            method=self.command, bucket=bucket, key=key, query=query, headers=self.headers, body=self._read_body()
        )

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
