"""Stand-ins for what keeps secrets elsewhere: a Kubernetes cluster's answer, and HashiCorp Vault."""

import http.server
import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

SECRETS = (
    "s3cr3t-of-env-file",
    "s3cr3t-of-key-file",
    "czNjcjN0LW9mLWNsdXN0ZXI=",
    "s3cr3t-of-hashicorp",
    "t0k3n-of-hashicorp",
)


def make_secret(name: str, data: str, kind: str = "Opaque", **more: Any) -> dict[str, Any]:
    """A Secret as a cluster answers it, with what changes while it stays the same."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "data": {"key": data},
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"app": "shop"},
            "resourceVersion": str(time.monotonic_ns()),
            "uid": "42",
            "creationTimestamp": "2026-02-04T03:00:00Z",
            "managedFields": [{"time": str(time.monotonic_ns())}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": data, "mine": "yes"},
            **more,
        },
    }


class FakeHashicorp(http.server.BaseHTTPRequestHandler):
    """A KV engine of version 2 at ``secret``."""

    known: ClassVar[dict[str, dict[str, str]]] = {}
    may_ask_for_mounts = True
    spoils: ClassVar[Callable[[bytes], bytes]] = staticmethod(lambda content: content)

    def do_GET(self) -> None:
        path, _, query = self.path.removeprefix("/v1/").partition("?")
        if self.headers["X-Vault-Token"] != SECRETS[4]:
            return self.answer(403, {"errors": ["permission denied"]})
        if path == "sys/internal/ui/mounts/secret":
            if not self.may_ask_for_mounts:
                return self.answer(403, {"errors": []})
            return self.answer(200, {"data": {"options": {"version": "2"}}})
        if query == "list=true":
            return self.list(path.removeprefix("secret/metadata/"))
        found = self.known.get(path.removeprefix("secret/data/"))
        if found is None:
            return self.answer(404, {"errors": []})
        about = {"created_time": "x", "custom_metadata": {"owner": "ops"} if path.endswith("db") else None}
        return self.answer(200, {"request_id": str(time.monotonic_ns()), "data": {"data": found, "metadata": about}})

    def list(self, folder: str) -> None:
        below = {each.removeprefix(folder) for each in self.known if each.startswith(folder)}
        keys = sorted({each.split("/")[0] + ("/" if "/" in each else "") for each in below})
        return self.answer(200 if keys else 404, {"data": {"keys": keys}} if keys else {"errors": []})

    def answer(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(type(self).spoils(content))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
