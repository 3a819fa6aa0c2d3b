"""Databases loaded into a server that is reached over TCP: with a password, and where it wants encryption."""

import contextlib
import datetime
import shutil
import socket
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program

import rebond.sources.postgres.load_sessions as loading
from rebond.sources.postgres.direct_load import open_directly
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres", "postgres-ssl")
RULES = """\
local all postgres trust
hostnossl all plain,saver 127.0.0.1/32 scram-sha-256
hostssl all encrypted 127.0.0.1/32 scram-sha-256
"""
QUESTION = "SELECT md5(string_agg(t::text, ',' ORDER BY id)), count(*) FROM t"


class ListeningServer(PostgresServer):
    """A server that listens on this machine's own address, with a certificate."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        super().__init__(settings={"listen_addresses": "127.0.0.1", "port": str(self.port), "ssl": "on"})
        (self.data / "pg_hba.conf").write_text(RULES)
        for name in ("plain", "encrypted", "saver"):
            self.sql(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'it''s right'")
        self.sql("SELECT pg_reload_conf()")

    def _initialize(self, encoding: str) -> None:
        super()._initialize(encoding)
        key, certificate = make_certificate()
        for name, content in (("server.key", key), ("server.crt", certificate)):
            path = self.data / name
            path.write_bytes(content)
            path.chmod(0o600)
            if self._owner:
                shutil.chown(path, self._owner)

    def connection(self, database: str = "postgres", user: str = "") -> str:
        return f"{super().connection(database, user)} port={self.port}"

    def address(self, user: str, database: str, more: str = "") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{more}"


def make_certificate() -> tuple[bytes, bytes]:
    """Return a key and a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=begin,
        not_valid_after=begin + datetime.timedelta(days=30),
    ).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    return (
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
        made.public_bytes(serialization.Encoding.PEM),
    )


def start_listening() -> ListeningServer:
    """Return a server with a port of its own: a free one may be taken by another test before the server has it."""
    for _ in range(5):
        with contextlib.suppress(AssertionError):
            return ListeningServer()
    return ListeningServer()


@pytest.fixture(scope="module")
def server() -> Iterator[ListeningServer]:
    made = start_listening()
    try:
        made.sql("CREATE DATABASE shop")
        made.sql(
            "CREATE TABLE t AS SELECT g AS id, repeat(md5(g::text), 3) AS words FROM generate_series(1, 9000) g", "shop"
        )
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def saved(server: ListeningServer, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("saved")
    made = Program.with_vault(folder)
    made.leave_vault_to_configuration()
    (folder / "stack").mkdir()
    (folder / "password").write_text("it's right\n")
    tcp = f'host = "127.0.0.1"\nport = {server.port}\npassword = {{ file = "{folder}/password" }}'
    configure(folder, server, (f'host = "{server.socket_folder}"', tcp), ('user = "postgres"', 'user = "saver"'))
    made.environment["REBOND_CONFIG"] = str(folder / "stack" / "rebond.toml")
    made.good("backup", "--quiet")
    return made


@pytest.mark.parametrize(
    ("user", "more", "goes_directly"),
    [
        ("plain", "", True),
        ("encrypted", "?sslmode=require", False),
    ],
)
def test_rows_go_directly_where_the_connection_is_plain_and_through_psql_where_it_is_encrypted(
    saved: Program,
    server: ListeningServer,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    more: str,
    goes_directly: bool,
) -> None:
    opened: list[bool] = []

    def watch(*words: object) -> object:
        session = open_directly(*words)  # type: ignore[arg-type]
        opened.append(session is not None)
        return session

    monkeypatch.setattr(loading, "open_directly", watch)
    monkeypatch.setenv("PGPASSWORD", "it's right")
    done = saved(
        "restore", "latest", "--into", server.address(user, "back", more), "--yes", "--quiet", PGPASSWORD="it's right"
    )
    assert done.status == 0, done.err
    assert opened
    assert all(opened) is goes_directly
    assert server.sql(QUESTION, "back") == server.sql(QUESTION, "shop")


@pytest.mark.parametrize(
    ("user", "more", "password", "words"),
    [
        ("plain", "", "wrong", "does not accept the password"),
        ("plain", "", "", "password"),
        ("plain", "?sslmode=require", "it's right", "SSL encryption"),
        ("encrypted", "?sslmode=disable", "it's right", "no encryption"),
    ],
)
def test_what_the_server_does_not_let_in_is_told_and_nothing_is_made(
    saved: Program, server: ListeningServer, user: str, more: str, password: str, words: str
) -> None:
    before = server.sql("SELECT datname FROM pg_database")
    refused = saved("restore", "latest", "--into", server.address(user, "never", more), "--quiet", PGPASSWORD=password)
    assert refused.status == 40, refused.err
    assert words in refused.err
    assert server.sql("SELECT datname FROM pg_database") == before
