"""Secrets of HashiCorp Vault: both versions of its engine, odd names, and answers that are none."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import unquote

import pytest
from tests.bounded import join

from rebond.errors import SourceUnfit, SourceUnreachable
from rebond.findings import Finding
from rebond.secret import Secret
from rebond.sources.secrets.hashicorp import KeyValueReader, KeyValueStore


class Engine(http.server.BaseHTTPRequestHandler):
    """A KV engine at ``kv``, of either version."""

    version: ClassVar[int] = 2
    known: ClassVar[dict[str, dict[str, str] | None]] = {}  # None: its newest version was deleted
    asked: ClassVar[list[tuple[str, str | None]]] = []
    broken: ClassVar[str] = ""

    def do_GET(self) -> None:
        path, _, query = self.path.removeprefix("/v1/").partition("?")
        self.asked.append((self.path, self.headers["X-Vault-Namespace"]))
        if path == "sys/internal/ui/mounts/kv":
            options = {"version": "2"} if self.version == 2 else None
            return self.answer(200, {"data": {"options": options}})
        if path == "kv/moved":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/v1/kv/elsewhere")
            self.end_headers()
            return None
        inner = unquote(path.removeprefix("kv/"))
        if self.version == 2:
            inner = inner.removeprefix("metadata/" if query else "data/")
        if query:
            below = {each.removeprefix(inner) for each in self.known if each.startswith(inner)}
            keys = sorted({each.split("/")[0] + ("/" if "/" in each else "") for each in below})
            return self.answer(200 if keys else 404, {"data": {"keys": keys}})
        if inner == self.broken:
            return self.answer(500, {"errors": ["internal error"]})
        data: object = self.known.get(inner)
        if data is None and inner in self.known:
            about = {"deletion_time": "2026-11-23T18:00:00Z", "destroyed": False, "custom_metadata": {"is": "kept"}}
            return self.answer(404, {"data": {"data": None, "metadata": about}})
        if data is None:
            return self.answer(404, {"errors": []})
        return self.answer(200, {"data": {"data": data, "metadata": {}} if self.version == 2 else data})

    def answer(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    Engine.version, Engine.known, Engine.broken = 2, {}, ""
    Engine.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    join(thread)
    server.server_close()


def read(address: str, *patterns: str, namespace: str = "") -> tuple[dict[str, object], list[str]]:
    heard: list[Finding] = []
    store = KeyValueStore(address=address, mount="kv", token=Secret("t"), patterns=patterns, namespace=namespace)
    found = KeyValueReader(store, now_ns=5, report=heard.append).read()
    return {path.decode(): json.loads(each.content) for path, each in found.items()}, [each.code for each in heard]


@pytest.mark.parametrize("version", [1, 2])
def test_all_below_a_path_comes_from_either_version(address: str, version: int) -> None:
    Engine.version = version
    Engine.known = {"shop/a": {"x": "1"}, "shop/b/c": {"y": "2"}, "other": {"z": "3"}, "shopping": {}}

    assert read(address, "shop/*") == ({"data/shop/a.json": {"x": "1"}, "data/shop/b/c.json": {"y": "2"}}, [])
    assert set(read(address)[0]) == {f"data/{each}.json" for each in ("shop/a", "shop/b/c", "other", "shopping")}
    assert read(address, "other", "shop/a", "gone") == (
        {"data/other.json": {"z": "3"}, "data/shop/a.json": {"x": "1"}},
        ["unreadable"],
    )


def test_a_secret_whose_newest_version_was_deleted_is_no_fault_of_a_pattern(address: str) -> None:
    """Lists go on naming it: with a warning each backup would be partial, and nothing in 'paths' could mend it."""
    Engine.known = {"shop/a": {"x": "1"}, "shop/old": None}

    assert read(address, "shop/*") == ({"data/shop/a.json": {"x": "1"}}, ["empty"])
    assert read(address, "shop/*", "shop/old") == ({"data/shop/a.json": {"x": "1"}}, ["unreadable"])
    with pytest.raises(SourceUnfit, match="no secret"):
        read(address, "shop/o*")


def test_numbers_come_back_as_they_are_written(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first version keeps their digits; a float would keep 17 of them, and make 1e400 infinite: no JSON."""
    digits = ("0.1234567890123456789", "1.10", "1e400", "12345678901234567890123")
    Engine.known = {"a": {}}
    content = '{{"data": {{"data": {{"n": [{}]}}, "metadata": {{}}}}}}'.format(", ".join(digits))
    real = json.dumps
    monkeypatch.setattr(json, "dumps", lambda one, **more: content if "metadata" in str(one) else real(one, **more))
    store = KeyValueStore(address=address, mount="kv", token=Secret("t"), patterns=("a",))
    found = KeyValueReader(store, now_ns=5, report=lambda _: None).read()

    assert "".join(found[b"data/a.json"].content.decode().split()) == f'{{"n":[{",".join(digits)}]}}'


def test_no_two_secrets_have_one_file_and_none_leads_elsewhere(address: str) -> None:
    names = ("a", "a/b", "a.json/b", "a.json", "with space", "é", "x/../y", "..", "100%", "q?x#y")
    Engine.known = {name: {"is": name} for name in names}
    found = read(address, *names)[0]

    assert sorted(str(each) for each in found.values()) == sorted(str({"is": name}) for name in names)
    for path in found:
        assert not {"..", ".", ""} & set(path.split("/"))
        assert not any(other.startswith(path + "/") for other in found)


def test_what_changes_while_a_secret_stays_the_same_is_not_in_it(address: str) -> None:
    Engine.known = {"a": {"y": "2", "x": "1"}}
    first = read(address)
    Engine.known = {"a": {"x": "1", "y": "2"}}
    assert list(first[0].items()) == list(read(address)[0].items())


def test_the_namespace_is_asked_for(address: str) -> None:
    Engine.known = {"a": {}}
    read(address, namespace="team")
    assert {namespace for _, namespace in Engine.asked} == {"team"}


def test_a_redirection_is_not_followed_with_the_token(address: str) -> None:
    Engine.version = 1
    with pytest.raises(SourceUnreachable, match="HTTP 302"):
        read(address, "moved")


def test_an_error_over_one_value_names_it(address: str) -> None:
    Engine.known = {"shop/a": {"key": "1"}, "shop/two words": {"key": "2"}}
    Engine.broken = "shop/two words"
    with pytest.raises(SourceUnreachable, match="asked for kv/data/shop/two words: HTTP 500"):
        read(address, "shop/*")


def test_nothing_that_fits_no_answer_and_no_address_are_errors(address: str) -> None:
    with pytest.raises(SourceUnfit, match="no secret in kv that fits shop"):
        read(address, "shop/*")
    with pytest.raises(SourceUnreachable, match="does not answer"):
        read("http://127.0.0.1:1", "a")
    with pytest.raises(SourceUnfit, match="is no address"):
        read("file:///etc/passwd", "a")
