"""The two published configurations, end to end: every kind that this version saves, by stand-ins for their engines."""

import gzip
import json
import pathlib
import stat
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from tests.scenarios.kept_stack import KeptStack, make_image_archive, run_git
from tests.scenarios.secret_stores import SECRETS, FakeHashicorp, make_secret

from rebond.testing.postgres_server import PostgresServer

Folder = pathlib.Path
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples"


def place_example(stack: KeptStack, name: str, *changes: tuple[str, str]) -> None:
    """Write an example with the places of this machine."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new.replace("ROOT", str(stack.folder)))
    (stack.folder / "rebond.toml").write_text(text, encoding="utf-8")


def make_repository(stack: KeptStack, *paths: str) -> None:
    """Make the stack's root a working tree that is clean and pushed; what is a test's own is ignored."""
    folder = stack.folder
    (folder / ".gitignore").write_text("/*\n" + "".join(f"!/{each}\n" for each in (".gitignore", *paths)))
    run_git(folder, "init")
    (folder / "origin.git").mkdir()
    run_git(folder / "origin.git", "init", "--bare")
    run_git(folder, "remote", "add", "origin", str(folder / "origin.git"))
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-m", "all of it")
    run_git(folder, "push", "origin", "HEAD")


def answer_images(stack: KeptStack, compose: str, image: str) -> None:
    stack.answer(compose + " config --images", f"{image}\n".encode())
    stack.answer_json(compose + " config --format json", {"name": "x", "services": {"web": {"build": "."}}})
    stack.answer(compose + " ps --all --quiet", b"")
    known = {"Id": "sha256:0123456789abcd", "RepoTags": [f"{image}:latest"], "RepoDigests": [], "Size": 1}
    for name in (image, f"{image}:latest"):  # by its tag it is saved, and looked at again afterwards
        stack.answer_json(f"docker image inspect {name}", [known])
    stack.answer(f"docker save {image}:latest", make_image_archive())


def find_states(document: Any) -> dict[str, bool]:
    return {each["name"]: each["complete"] for each in document["components"]}


@pytest.fixture
def korrigo(tmp_path: Folder) -> KeptStack:
    stack = KeptStack(tmp_path)
    for count in range(120):
        path = stack.folder / "app-media" / str(count % 7) / f"{count}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([count]) * 10_000)
    (stack.folder / "infra" / "docker").mkdir(parents=True)
    (stack.folder / "infra" / "docker" / "prod.env").write_text("A=1\n")
    make_repository(stack, "infra")
    compose = "docker compose --file {0}/infra/docker/docker-compose.prod.yml"
    answer_images(stack, compose, "korrigo-backend")
    stack.program.environment |= {"SHIM_RUNNING": "backend", "POSTGRES_PASSWORD": "not needed"}
    changes = (("/opt/korrigo/backups/vault", "ROOT/vault"), ("/opt/korrigo", "ROOT"), ("/app/media", "ROOT/app-media"))
    place_example(stack, "korrigo.toml", *changes)
    return stack


@pytest.fixture(scope="module")
def viatique() -> Iterator[PostgresServer]:
    """What runs as the database of korrigo."""
    with PostgresServer() as made:
        made.sql("CREATE ROLE viatique_user LOGIN")
        made.sql("CREATE DATABASE viatique OWNER viatique_user")
        made.sql(
            "CREATE TABLE copy AS SELECT n AS id, repeat('page ', 20) AS text FROM generate_series(1, 20000) n",
            "viatique",
        )
        made.sql("ALTER TABLE copy OWNER TO viatique_user", "viatique")
        yield made


@pytest.mark.judge("postgres")
def test_korrigo_is_saved_with_its_database_and_the_daily_file_of_the_guide(
    korrigo: KeptStack, viatique: PostgresServer, tmp_path: Folder
) -> None:
    refused = korrigo.back_up("--class", "daily")
    assert 30 <= refused.status < 40, refused.err  # nothing runs as its database
    korrigo.program.environment |= {"SHIM_RUNNING": "backend,db", "PGHOST": viatique.socket_folder}
    made = korrigo.back_up("--class", "daily", "--json")
    assert made.status == 0, made.err + made.out
    assert made.document["state"] == "whole"
    (daily,) = (korrigo.folder / "backups").glob("db_backup_????????_??????.sql.gz")
    viatique.sql("CREATE DATABASE again TEMPLATE template0")
    viatique.sql(gzip.decompress(daily.read_bytes()), "again")
    assert viatique.sql("SELECT count(*) FROM copy", "again") == "20000\n"
    ended = korrigo.back_up("--class", "full", "--allow-partial", "--json")
    assert ended.status == 3, ended.err
    states = find_states(ended.document)
    assert {name for name, is_complete in states.items() if not is_complete} == {"django"}
    assert set(states) == {
        *("database", "django", "media", "secrets", "images"),
        *("static", "redis", "configuration"),
    }
    back = tmp_path / "back"
    korrigo.restore(ended.document["id"], back)
    assert len(list((back / "media").rglob("*.jpg"))) == 120
    assert stat.S_IMODE((back / "secrets" / "infra" / "docker" / "prod.env").stat().st_mode) == 0o600
    assert json.loads((back / "configuration" / "git.json").read_text())["is_pushed"] is True
    assert json.loads((back / "static" / "declared.json").read_text())["comes_back_by"][0] == "python"
    assert (back / "database" / "tables" / "public.copy.copy").read_bytes().count(b"\n") == 20000
    assert (back / "images" / "korrigo-backend-0123456789ab.tar").is_file()

    first = korrigo.good_backup("--class", "secrets")
    assert korrigo.good_backup("--class", "secrets")["id"] == first["id"]


@pytest.fixture
def pivori(tmp_path: Folder) -> Iterator[KeptStack]:
    stack = KeptStack(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHashicorp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    FakeHashicorp.known = {"pivori/db": {"password": SECRETS[3]}}
    parts = ("services/api", "services/web", "frontend", "backend", "infrastructure")
    for count in range(1100):
        path = stack.folder / parts[count % 5] / f"{count}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{count}\n")
    for name, text in (
        ("services/api/.env", "A=1"),
        ("frontend/.env.production", "B=1"),
        ("backend/.env", "C=1"),
        ("frontend/node_modules/left/pad.js", "x"),
        ("services/api/venv/bin/python", "x"),
        ("cluster-data/upload", "u"),
        ("vault-token", SECRETS[4]),
    ):
        (stack.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (stack.folder / name).write_text(text)
    make_repository(stack, "services", "frontend", "backend", "infrastructure")
    answer_images(stack, "docker compose --file {0}/docker-compose.yml", "pivori-web")
    kubectl = "kubectl --context production --namespace pivori get "
    stack.answer_json(kubectl + "secrets --output json", {"items": [make_secret("db", SECRETS[2])]})
    sealing = "kubectl --context production --namespace kube-system get secrets --output json --selector "
    key = "sealedsecrets.bitnami.com/sealed-secrets-key"
    stack.answer_json(sealing + key, {"items": [make_secret("sealed-secrets-key", SECRETS[2])]})
    stack.answer_json(kubectl + "pods --output json", {"items": []})
    stack.program.environment |= {
        "SHIM_RUNNING": "deploy/media",
        "VAULT_ADDR": f"http://127.0.0.1:{server.server_port}",
    }
    place_example(
        stack,
        "pivori.toml",
        ("/home/ubuntu/pivori-studio", "ROOT"),
        ('"/data"', '"ROOT/cluster-data"'),
        ("s3://pivori-secrets/vault", "ROOT/apart"),
        ("/etc/rebond/secrets-writer.key", "ROOT/apart.key"),
        ("/etc/rebond/vault-token", "ROOT/vault-token"),
    )
    yield stack
    server.shutdown()
    server.server_close()


def test_pivori_is_saved_but_for_its_database(pivori: KeptStack, tmp_path: Folder) -> None:
    ended = pivori.back_up("--class", "smart", "--allow-partial", "--json")
    assert ended.status == 3, ended.err
    states = find_states(ended.document)
    assert {name for name, is_complete in states.items() if not is_complete} == {"database"}
    assert len(states) == 12
    back = tmp_path / "back"
    pivori.restore(ended.document["id"], back)
    assert (back / "code" / "services" / "api" / "0.py").read_text() == "0\n"
    assert not (back / "code" / "frontend" / "node_modules").exists()
    assert (back / "node" / "frontend" / "node_modules" / "left" / "pad.js").exists()
    assert (back / "uploads" / "upload").read_text() == "u"
    assert json.loads((back / "history" / "git.json").read_text())["changes"] == []
    reference = json.loads((back / "cluster-secrets" / "kept-apart.json").read_text())

    pivori.program.good("restore", reference["snapshot"], "--to", tmp_path / "secrets", **pivori.apart)
    found = sorted(str(each.relative_to(tmp_path / "secrets")) for each in (tmp_path / "secrets").rglob("*.*"))
    assert {"env-files/services/api/.env", "env-files/frontend/.env.production", "env-files/.env"} <= set(found)
    assert "sealing-key/shop/sealed-secrets-key.json" in found
    assert json.loads((tmp_path / "secrets" / "api-keys" / "data" / "pivori" / "db.json").read_text()) == {
        "password": SECRETS[3]
    }
    assert pivori.good_backup("--class", "secrets")["id"] == reference["snapshot"]
    committed = pivori.good_backup("--class", "commit")
    assert [each["name"] for each in committed["components"]] == ["code", "history"]


SPOILT = (
    {"SHIM_CUT_AFTER": "0"},
    {"SHIM_CUT_AFTER": "900"},
    {"SHIM_CUT_AFTER": "9000", "SHIM_CUT_STATUS": "1"},
    {"SHIM_CRLF": "1"},
)


@pytest.mark.judge("postgres")
def test_korrigo_is_saved_whole_each_day_and_no_spoilt_stream_is_taken_for_it(
    korrigo: KeptStack, tmp_path: Folder
) -> None:
    with PostgresServer() as server:
        server.sql("CREATE ROLE viatique_user LOGIN SUPERUSER")
        server.sql("CREATE DATABASE viatique OWNER viatique_user")
        filling = "SELECT g AS number, repeat(md5(g::text), 9) AS text FROM generate_series(1, 5000) g"
        server.sql(f"CREATE TABLE orders AS {filling}", "viatique")
        inside = {"SHIM_RUNNING": "backend,db", "PGHOST": server.socket_folder}
        whole = korrigo.good_backup("--class", "daily", "--progress", "plain", SHIM_DELAY="0.02", **inside)
        assert whole["state"] == "whole"
        for spoilt in SPOILT:
            ended = korrigo.back_up("--class", "daily", **inside, **spoilt)
            assert 30 <= ended.status < 40, (spoilt, ended.err)
        server.sql("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC; ALTER ROLE viatique_user NOLOGIN")
        assert 30 <= korrigo.back_up("--class", "daily", SHIM_EXIT_EARLY="1", **inside).status < 40
        assert [each["id"] for each in korrigo.snapshots()] == [whole["id"]]
        korrigo.restore("latest", tmp_path / "back")
        assert (tmp_path / "back" / "database" / "pre-data.sql").read_text().count("CREATE TABLE public.orders") == 1
        assert len(list((tmp_path / "back" / "media").rglob("*.jpg"))) == 120


def test_what_spoilt_streams_bring_of_pivori_is_missing_by_name_and_the_rest_is_saved(pivori: KeptStack) -> None:
    through_clients = {"uploads", "images", "cluster-secrets", "sealing-key"}
    slow = find_states(
        json.loads(pivori.back_up("--class", "smart", "--json", "--allow-partial", SHIM_DELAY="0.02").out)
    )
    assert not through_clients & {name for name, is_complete in slow.items() if not is_complete}
    for spoilt in SPOILT[1::2]:
        ended = pivori.back_up("--class", "smart", "--allow-partial", "--json", **spoilt)
        assert ended.status == 3, (spoilt, ended.err)
        missing = {name for name, is_complete in find_states(ended.document).items() if not is_complete}
        assert missing >= {"uploads"}, spoilt
        assert missing <= {"database", *through_clients, "env-files", "api-keys"}, spoilt
        assert ended.document["state"] == "partial"
    states = [each["state"] for each in pivori.snapshots(**pivori.apart)]
    assert states.count("whole") == 1, "half a Secret is no new version of it"
