"""``/healthz``: whether the service looks at its calendar, for whatever watches over it."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rebond.errors import ConfigError, UsageError

Describe = Callable[[], Mapping[str, object]]
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SECONDS_FOR_A_REQUEST = 10


@contextlib.contextmanager
def health_answered(listen: str | None, describe: Describe) -> Iterator[None]:
    """Answer at ``listen``, which is HOST:PORT, until the end; ``None`` answers nowhere.

    Raises ``ConfigError`` for an address of another form and ``UsageError`` when it is taken.
    """
    if listen is None:
        yield
        return
    host, port = _split(listen)
    try:
        server = _Server((host, port), _make_handler(describe))
    except OSError as error:
        raise UsageError(
            "{listen} cannot be listened at: {reason}.",
            hint="Choose another address under [serve] listen, or stop what listens there.",
            listen=listen,
            reason=error.strerror or str(error),
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal() or not 0 < int(port) < 65536 or host not in LOOPBACK:
        raise ConfigError(
            "[serve] listen is '{listen}', which is no address of this machine alone.",
            hint="Write 127.0.0.1:PORT; let a proxy answer to others.",
            listen=listen,
        )
    return ("127.0.0.1" if host in {"localhost", "::1"} else host), int(port)


def _make_handler(describe: Describe) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET /healthz: 200 while all is well, else 503."""

        timeout = _SECONDS_FOR_A_REQUEST
        server_version = "rebond"
        sys_version = ""

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/healthz":
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            document = describe()
            content = json.dumps(document).encode() + b"\n"
            self.send_response(HTTPStatus.OK if document.get("ok") else HTTPStatus.SERVICE_UNAVAILABLE)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing of requests."""

    return Handler
