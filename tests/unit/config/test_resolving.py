"""References: each place that a secret may be in, and what is said when it is not there."""

import http.server
import json
import pathlib
import socket
import sys
import threading
import types
from collections.abc import Iterator
from typing import ClassVar

import pytest
from tests.bounded import join

from rebond.config.references import FromCommand, FromEnvironment, FromFile, FromHashicorp, FromKeyring
from rebond.config.resolving import Resolver
from rebond.errors import CommandFailed, ConfigError, MissingExtra, SourceUnreachable


def resolver(root: pathlib.Path, **variables: str) -> Resolver:
    return Resolver(root=root, variables=variables)


def test_text_is_what_it_is(tmp_path: pathlib.Path) -> None:
    assert resolver(tmp_path).resolve("plain").reveal() == b"plain"


def test_a_variable(tmp_path: pathlib.Path) -> None:
    assert resolver(tmp_path, A="x").resolve(FromEnvironment(env="A")).reveal() == b"x"
    assert resolver(tmp_path).resolve(FromEnvironment(env="A", default="y")).reveal() == b"y"
    with pytest.raises(ConfigError, match=r"The variable A is not set\."):
        resolver(tmp_path, A="").resolve(FromEnvironment(env="A"))


def test_a_file_has_its_secret_on_the_first_line_and_a_key_is_all_of_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "s").write_bytes(b"secret\r\nand a remark\n")
    reference = FromFile(file="s")

    assert resolver(tmp_path).resolve(reference).reveal() == b"secret"
    assert resolver(tmp_path).resolve_whole(reference).reveal() == b"secret\r\nand a remark\n"


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match=r"/s, which the configuration refers to, cannot be read: No such file"):
        resolver(tmp_path).resolve(FromFile(file="s"))
    for whole in (False, True):
        look = resolver(tmp_path).resolve_whole if whole else resolver(tmp_path).resolve
        with pytest.raises(ConfigError, match="is empty"):
            look(FromFile(file="empty"))


def test_a_changed_file_is_read_again(tmp_path: pathlib.Path) -> None:
    look = resolver(tmp_path)
    for text in ("one", "two"):
        (tmp_path / "s").write_text(text)
        assert look.resolve_words(FromFile(file="s")) == text


def test_a_command_sees_the_variables_and_says_nothing_else(tmp_path: pathlib.Path) -> None:
    reference = FromCommand(command='echo "$A"; echo more')

    assert resolver(tmp_path, A="x", PATH="/bin:/usr/bin").resolve(reference).reveal() == b"x"
    with pytest.raises(CommandFailed, match="status 3"):
        resolver(tmp_path).resolve(FromCommand(command="exit 3"))


def test_what_was_looked_up_hides_itself(tmp_path: pathlib.Path) -> None:
    assert "hunter2" not in repr(resolver(tmp_path, A="hunter2").resolve(FromEnvironment(env="A")))


def test_without_the_library_for_keyrings_the_remedy_installs_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra) as caught:
        resolver(tmp_path).resolve(FromKeyring(keyring="shop/db"))
    assert caught.value.hint == "Run: pip install keyring"


def test_a_keyring(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.ModuleType("keyring")
    kept = {("shop/prod", "db"): "x"}
    library.get_password = lambda service, user: kept.get((service, user))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", library)
    look = resolver(tmp_path)

    assert look.resolve(FromKeyring(keyring="shop/prod/db")).reveal() == b"x"
    with pytest.raises(ConfigError) as caught:
        look.resolve(FromKeyring(keyring="shop/other"))
    assert caught.value.hint == "Store it with: keyring set shop other"
    with pytest.raises(ConfigError, match="names nothing in a keyring"):
        look.resolve(FromKeyring(keyring="shop"))


class HashicorpAnswers(http.server.BaseHTTPRequestHandler):
    """What HashiCorp Vault answers: a KV engine of version 2 at ``secret``, one of version 1 at ``old``."""

    seen: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("X-Vault-Namespace", "")))
        answers = {
            "/v1/secret/data/shop/db": {"data": {"data": {"password": "two"}, "metadata": {"version": 4}}},
            "/v1/old/shop": {"data": {"password": "one"}},
        }
        found = answers.get(self.path)
        if self.path == "/v1/away/data/x":
            self.send_response(302)
            self.send_header("Location", "/v1/secret/data/shop/db")
            self.end_headers()
            return
        status = 403 if self.headers.get("X-Vault-Token") != "token" else 200 if found else 404
        if self.path.startswith("/v1/sealed"):
            status = 503
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(found if status == 200 else {"errors": []}).encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hashicorp() -> Iterator[str]:
    HashicorpAnswers.seen.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HashicorpAnswers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    join(thread)
    server.server_close()


def test_hashicorp_vault_of_both_versions(tmp_path: pathlib.Path, hashicorp: str) -> None:
    look = resolver(tmp_path, VAULT_ADDR=hashicorp, VAULT_TOKEN="token", VAULT_NAMESPACE="team")

    assert look.resolve(FromHashicorp(hashicorp="secret/shop/db#password")).reveal() == b"two"
    assert look.resolve(FromHashicorp(hashicorp="old/shop#password")).reveal() == b"one"
    assert HashicorpAnswers.seen[0] == ("/v1/secret/data/shop/db", "team")


def test_the_token_comes_from_the_reference_else_from_the_home_folder(tmp_path: pathlib.Path, hashicorp: str) -> None:
    (tmp_path / ".vault-token").write_text("token")
    reference = FromHashicorp(hashicorp="secret/shop/db#password", address=hashicorp)
    named = FromHashicorp(hashicorp="secret/shop/db#password", address=hashicorp, token=FromFile(file=".vault-token"))

    assert resolver(tmp_path, HOME=str(tmp_path)).resolve(reference).reveal() == b"two"
    assert resolver(tmp_path, HOME="/nowhere").resolve(named).reveal() == b"two"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("secret/shop/db#user", ConfigError, "has no secret/shop/db#user"),
        ("secret/other#password", ConfigError, "has no secret/other#password"),
        ("secret#password", ConfigError, "names no secret"),
        ("secret/shop/db", ConfigError, "names no secret"),
        ("sealed/x#y", SourceUnreachable, "asked for sealed/data/x: HTTP 503"),
        ("away/x#password", SourceUnreachable, "asked for away/data/x: HTTP 302"),  # a redirection is not followed
    ],
)
def test_what_hashicorp_vault_does_not_give_is_told(
    tmp_path: pathlib.Path, hashicorp: str, text: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        resolver(tmp_path, VAULT_ADDR=hashicorp, VAULT_TOKEN="token").resolve(FromHashicorp(hashicorp=text))
    assert "token" not in str(caught.value).replace("the token", "")


def test_a_token_that_may_not_read_is_told_apart_from_a_secret_that_is_not_there(
    tmp_path: pathlib.Path, hashicorp: str
) -> None:
    reference = FromHashicorp(hashicorp="secret/shop/db#password")
    with pytest.raises(ConfigError, match="does not let this token read secret/shop/db#password"):
        resolver(tmp_path, VAULT_ADDR=hashicorp, VAULT_TOKEN="expired").resolve(reference)
    assert resolver(tmp_path, VAULT_ADDR=hashicorp, VAULT_TOKEN="token\n").resolve(reference).reveal() == b"two"


@pytest.mark.parametrize(
    "answer", [b"-ERR no HTTP\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000]
)
def test_what_answers_and_is_no_hashicorp_vault_is_unreachable(tmp_path: pathlib.Path, answer: bytes) -> None:
    def answer_once() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=answer_once, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(SourceUnreachable, match="does not answer"):
            resolver(tmp_path, VAULT_ADDR=address, VAULT_TOKEN="t").resolve(FromHashicorp(hashicorp="a/b#c"))
        join(thread)


def test_an_address_that_is_none_and_a_home_of_nobody_are_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceUnreachable):
        resolver(tmp_path, VAULT_ADDR="http://a b", VAULT_TOKEN="t").resolve(FromHashicorp(hashicorp="a/b#c"))
    with pytest.raises(ConfigError, match="cannot be read"):
        resolver(tmp_path).resolve(FromFile(file="~nobody-of-that-name/key"))


def test_hashicorp_vault_that_is_not_there_is_unreachable_and_no_file_is_ever_opened(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceUnreachable):
        resolver(tmp_path, VAULT_ADDR="http://127.0.0.1:9", VAULT_TOKEN="t").resolve(FromHashicorp(hashicorp="a/b#c"))
    with pytest.raises(ConfigError, match="is no address"):
        resolver(tmp_path, VAULT_ADDR="file:///etc", VAULT_TOKEN="t").resolve(FromHashicorp(hashicorp="a/b#c"))
