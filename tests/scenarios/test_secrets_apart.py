"""Secrets: in a vault of their own, at every change and at no other time, and nowhere else in a readable form."""

import contextlib
import http.server
import json
import os
import pathlib
import stat
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.scenarios.kept_stack import KeptStack
from tests.scenarios.secret_stores import SECRETS, FakeHashicorp, make_secret

from rebond.store.opening import open_store
from rebond.vault.access import Vault
from rebond.vault.commits import read_snapshots
from rebond.vault.member_files import MemberFileSecret
from rebond.vault.opening import open_vault
from rebond.vault.pins import Pins

Folder = pathlib.Path

CONFIGURATION = """
[component.site]
kind = "files"
path = "site"

[component.env-files]
kind = "secrets"
paths = [".env", "services/*/.env", "keys"]
vault = "secrets"

[component.cluster]
kind = "secrets"
kubernetes = { names = ["*"], omit_types = ["helm.sh/release.v1"] }
vault = "secrets"

[component.sealing]
kind = "secrets"
kubernetes = { namespace = "kube-system", selector = "sealed" }
vault = "secrets"

[component.api]
kind = "secrets"
hashicorp = { address = "ADDRESS", paths = ["shop/*", "one"], token = { file = "token" } }
vault = "secrets"

[class.night]
schedule = "0 3 * * *"
components = "all"
keep = { within = "1d" }

[class.watch]
trigger = "change"
components = ["env-files", "cluster", "sealing", "api"]
keep = "for-ever"
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptStack]:
    stack = KeptStack(tmp_path_factory.mktemp("stack"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeHashicorp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    FakeHashicorp.known = {"shop/db": {"password": SECRETS[3]}, "shop/a/b": {"x": "1"}, "one": {"y": "2"}, "no": {}}
    for folder in ("site", "services/a", "services/b", "keys/deep"):
        (stack.folder / folder).mkdir(parents=True)
    (stack.folder / "site" / "page").write_text("hello")
    (stack.folder / ".env").write_text(f"KEY={SECRETS[0]}\n")
    (stack.folder / ".env").chmod(0o664)
    (stack.folder / "services" / "a" / ".env").write_text("A=1\n")
    (stack.folder / "keys" / "deep" / "id").write_text(SECRETS[1])
    (stack.folder / "keys" / "link").symlink_to("deep/id")
    (stack.folder / "token").write_text(SECRETS[4] + "\n")
    answer_secrets(stack)
    stack.write(CONFIGURATION.replace("ADDRESS", f"http://127.0.0.1:{server.server_port}"))
    yield stack
    server.shutdown()
    server.server_close()


def answer_secrets(stack: KeptStack, data: str = SECRETS[2]) -> None:
    items = [make_secret("db", data), make_secret("chart", "aGVsbQ==", "helm.sh/release.v1")]
    stack.answer_json("kubectl --namespace shop get secrets --output json", {"kind": "List", "items": items})
    sealed = [{**make_secret("sealed", data), "metadata": {"name": "sealed", "namespace": "kube-system"}}]
    stack.answer_json(
        "kubectl --namespace kube-system get secrets --output json --selector sealed", {"kind": "List", "items": sealed}
    )


def ids(snapshots: list[Any]) -> list[str]:
    return [each["id"] for each in snapshots]


def test_they_come_back_private_and_as_the_tools_take_them(stack: KeptStack, tmp_path: Folder) -> None:
    document = stack.good_backup("--class", "watch")
    back = tmp_path / "back"
    stack.program.good("restore", document["id"], "--to", back, **stack.apart)

    assert (back / "env-files" / ".env").read_text() == f"KEY={SECRETS[0]}\n"
    assert (back / "env-files" / "keys" / "link").read_text() == SECRETS[1]
    for path in back.rglob("*"):
        assert not path.is_symlink()
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    manifest = json.loads((back / "cluster" / "shop" / "db.json").read_text())
    assert manifest == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "data": {"key": SECRETS[2]},
        "metadata": {"name": "db", "namespace": "shop", "labels": {"app": "shop"}, "annotations": {"mine": "yes"}},
    }
    assert not (back / "cluster" / "shop" / "chart.json").exists()
    assert (back / "sealing" / "kube-system" / "sealed.json").exists()
    assert json.loads((back / "api" / "data" / "shop" / "db.json").read_text()) == {"password": SECRETS[3]}
    assert json.loads((back / "api" / "metadata" / "shop" / "db.json").read_text()) == {"owner": "ops"}
    assert (back / "api" / "data" / "shop" / "a" / "b.json").exists()
    assert (back / "api" / "data" / "one.json").exists()
    assert not (back / "api" / "data" / "no.json").exists()


def test_without_a_change_there_is_no_snapshot_and_with_one_there_is(stack: KeptStack) -> None:
    stack.back_up("--class", "watch")
    standing = ids(stack.snapshots(**stack.apart))
    answer_secrets(stack)  # with other versions and times
    os.utime(stack.folder / ".env")
    again = stack.back_up("--class", "watch")
    assert (again.status, "Nothing changed since the snapshot" in again.out) == (0, True)
    assert ids(stack.snapshots(**stack.apart)) == standing

    changes: tuple[Callable[[], object], ...] = (
        lambda: (stack.folder / ".env").write_text(f"KEY={SECRETS[0]}\nMORE=1\n"),
        lambda: (stack.folder / "services" / "b" / ".env").write_text("B=1\n"),
        (stack.folder / "services" / "a" / ".env").unlink,
        lambda: answer_secrets(stack, "b3RoZXI="),
        lambda: FakeHashicorp.known.update({"shop/new": {"z": "3"}}),
    )
    for count, change in enumerate(changes, 1):
        change()
        stack.good_backup("--class", "watch")
        assert len(stack.snapshots(**stack.apart)) == len(standing) + count
    answer_secrets(stack)


def test_who_wants_a_snapshot_held_gets_one(stack: KeptStack) -> None:
    first = stack.good_backup("--class", "watch")
    held = stack.good_backup("--class", "watch", "--hold", "before the audit")

    assert held["id"] != first["id"]
    assert held["held"] == "before the audit"


def test_after_the_last_snapshot_was_forgotten_there_is_a_new_one(stack: KeptStack) -> None:
    stack.good_backup("--class", "watch")  # not the only one
    (stack.folder / "keys" / "forgotten").write_text("changed")
    document = stack.good_backup("--class", "watch")
    stack.program.good("forget", document["id"], "--yes", **stack.apart)
    again = stack.good_backup("--class", "watch")

    assert again["id"] != document["id"]


def test_the_snapshot_of_the_others_names_theirs_and_holds_none_of_them(stack: KeptStack, tmp_path: Folder) -> None:
    secrets = stack.good_backup("--class", "watch")
    night = stack.good_backup("--class", "night")
    stack.restore(night["id"], tmp_path / "back")

    assert sorted(each["name"] for each in night["components"]) == ["api", "cluster", "env-files", "sealing", "site"]
    assert night["state"] == "whole"
    for name in ("api", "cluster", "env-files", "sealing"):
        assert os.listdir(tmp_path / "back" / name) == ["kept-apart.json"]
        known = json.loads((tmp_path / "back" / name / "kept-apart.json").read_text())
        assert (known["snapshot"], known["vault"]) == (secrets["id"], "secrets")
    (stack.folder / ".env").write_text(f"KEY={SECRETS[0]}\nNIGHT=1\n")
    stack.good_backup("--class", "night")
    newest = max(stack.snapshots(**stack.apart), key=lambda each: each["time"])
    assert newest["class"] == "watch"  # kept as long as secrets are, and not as that night


def test_where_their_vault_is_away_nothing_is_made_or_it_is_said_that_they_are_missing(stack: KeptStack) -> None:
    before = ids(stack.snapshots())
    (stack.folder / "apart").rename(stack.folder / "away")
    try:
        refused = stack.back_up("--class", "night")
        assert (refused.status, ids(stack.snapshots())) == (10, before)
        partial = stack.back_up("--class", "night", "--allow-partial")
    finally:
        (stack.folder / "away").rename(stack.folder / "apart")

    assert partial.status == 3
    newest = max(stack.snapshots(), key=lambda each: each["time"])
    assert newest["state"] == "partial"
    assert {each["name"]: each["complete"] for each in newest["components"]}["env-files"] is False


@pytest.mark.parametrize("spoilt", [{"SHIM_CUT_AFTER": "300"}, {"SHIM_CUT_AFTER": "0"}], ids=str)
def test_a_cut_answer_of_the_cluster_makes_no_snapshot(stack: KeptStack, spoilt: dict[str, str]) -> None:
    before = ids(stack.snapshots(**stack.apart))
    ended = stack.back_up("cluster", **spoilt)

    assert ended.status == 33
    assert "was cut" in ended.err
    assert not any(each in ended.err + ended.out for each in SECRETS)
    assert ids(stack.snapshots(**stack.apart)) == before


def test_what_is_missing_is_told_and_a_token_that_may_not_ask_for_mounts_will_do(stack: KeptStack) -> None:
    (stack.folder / ".env").rename(stack.folder / "env-away")
    try:
        ended = stack.back_up("env-files")
    finally:
        (stack.folder / "env-away").rename(stack.folder / ".env")
    assert ended.status == 32
    assert "has no secret at" in ended.err
    FakeHashicorp.may_ask_for_mounts = False
    try:
        stack.good_backup("api")
        (stack.folder / "token").write_text("another")
        assert stack.back_up("api").status == 32
    finally:
        FakeHashicorp.may_ask_for_mounts = True
        (stack.folder / "token").write_text(SECRETS[4] + "\n")


@pytest.mark.parametrize("spoil", [lambda each: each[:20], lambda each: each.replace(b'"', b"\xff"), lambda _each: b""])
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # http.client drops a socket that was cut
def test_a_cut_answer_of_hashicorp_makes_no_snapshot(stack: KeptStack, spoil: Callable[[bytes], bytes]) -> None:
    FakeHashicorp.spoils = staticmethod(spoil)
    try:
        ended = stack.back_up("api")
    finally:
        FakeHashicorp.spoils = staticmethod(lambda content: content)

    assert ended.status == 31, ended.err
    assert "its answer was cut" in ended.err
    assert not any(each in ended.err for each in SECRETS)


def test_no_secret_is_in_anything_that_is_written_or_shown(stack: KeptStack) -> None:
    """Logs, state, caches, vaults, what is left in temporary places, and the lists of processes meanwhile."""
    temporary = stack.folder / "temporary"
    temporary.mkdir()
    shown = stack.folder / "shown"
    commands: set[bytes] = set()
    surroundings = {"TMPDIR": str(temporary), "SHIM_DELAY": "0.3", "SHIM_LOG": str(shown)}
    (stack.folder / "keys" / "deep" / "id").write_text(SECRETS[1] + "\n")
    running = stack.program.start(
        "backup", "--config", stack.folder / "rebond.toml", "--class", "night", **surroundings
    )
    while not running.has_ended():
        commands |= read_all_command_lines()
        time.sleep(0.005)
    ended = running.wait()
    assert ended.status == 0, ended.err
    crashed = stack.program.start("backup", "--config", stack.folder / "rebond.toml", code=FAULT, **surroundings)
    ended_badly = crashed.wait()
    assert "a fault of its own" in ended_badly.err

    assert any(b"kubectl" in each for each in commands)
    said = (ended.out + ended.err + ended_badly.out + ended_badly.err).encode() + b"".join(commands)
    places = ("vault", "apart", "state", "cache", "temporary", "shown")
    for place in places:
        for path in [stack.folder / place, *(stack.folder / place).rglob("*")]:
            if path.is_file():
                said += path.read_bytes()
    assert len(said) > 10_000
    assert [each for each in SECRETS if each.encode() in said] == []


FAULT = """
import rebond.operations.unchanged as unchanged
from rebond.cli.__main__ import main

def break_down(vault, request, taken):
    content = b"".join(part for each in taken for part in each.describe())
    return content[len(content)]

unchanged._make_sum = break_down
main()
"""


def read_all_command_lines() -> set[bytes]:
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found.add(pathlib.Path("/proc", name, "cmdline").read_bytes())
            except OSError:
                continue
    return found


OWN = """
[component.own]
kind = "secrets"
path = "keys"
[component.site]
kind = "files"
path = "site"
[class.night]
schedule = "0 3 * * *"
components = "all"
[class.watch]
trigger = "change"
components = ["own"]
"""


def test_in_the_vault_of_the_others_they_are_saved_at_changes_too(stack: KeptStack, tmp_path: Folder) -> None:
    before = (stack.folder / "rebond.toml").read_text()
    stack.write(OWN)
    try:
        first = stack.good_backup("--class", "watch")
        assert stack.good_backup("--class", "watch")["id"] == first["id"]
        night = stack.good_backup("--class", "night")
        assert night["id"] != first["id"]
        stack.restore(night["id"], tmp_path / "back")
        assert stat.S_IMODE((tmp_path / "back" / "own" / "keys" / "deep" / "id").stat().st_mode) == 0o600
    finally:
        (stack.folder / "rebond.toml").write_text(before)


def test_who_shares_a_domain_keeps_secrets_in_one_of_its_own(stack: KeptStack, tmp_path: Folder) -> None:
    before = (stack.folder / "rebond.toml").read_text()
    stack.write(OWN)
    stack.program.good("key", "issue", "writer", "one", "--output", stack.folder / "one.key")
    shared = ("--output", stack.folder / "two.key", "--share-with", "one")
    stack.program.good("key", "issue", "writer", "two", *shared)
    two = {"REBOND_KEY_FILE": str(stack.folder / "two.key")}
    try:
        (stack.folder / "keys" / "deep" / "id").write_text("not saved before")
        night = stack.good_backup("--class", "night", **two)
        secrets = stack.good_backup("--class", "watch", **two)
        again = stack.good_backup("--class", "night", **two)
        (stack.folder / "keys" / "deep" / "id").write_text("another")
        ended = stack.back_up("--class", "night", "--json", **two)
    finally:
        (stack.folder / "rebond.toml").write_text(before)

    assert ended.document["parent"] == again["id"]  # and not the snapshot of the secrets that came between
    assert "members write to" not in ended.err
    assert [(each["name"], each["kind"]) for each in night["components"]] == [("site", "files"), ("own", "secrets")]
    assert (night["state"], night["class"], secrets["class"]) == ("whole", "night", "watch")
    assert secrets["is_unchanged"] is True  # the night had saved it
    with opened_by(stack, "one.key") as vault:
        assert not any(each.catalog.components[0].name == "own" for each in read_snapshots(vault))
    stack.restore(again["id"], tmp_path / "night")
    known = json.loads((tmp_path / "night" / "own" / "kept-apart.json").read_text())
    assert known["snapshot"] == secrets["id"]
    stack.restore(secrets["id"], tmp_path / "secrets")
    assert (tmp_path / "secrets" / "own" / "keys" / "deep" / "id").read_text() == "not saved before"
    stack.program.good("verify", "--read-data")


@contextlib.contextmanager
def opened_by(stack: KeptStack, key: str) -> Iterator[Vault]:
    """Open the main vault as who holds that key."""
    store = open_store(str(stack.folder / "vault"))
    try:
        secret = MemberFileSecret(content=(stack.folder / key).read_bytes(), passphrase=None)
        opened = open_vault(store, secret, pins=Pins(stack.folder / "pins"), notice=lambda _finding: None)
        yield Vault(
            store=store, credentials=opened.credentials, roster=opened.roster, caches=stack.folder / "cache-of-one"
        )
    finally:
        store.close()


def test_secrets_that_came_up_empty_make_no_snapshot(tmp_path: Folder) -> None:
    stack = KeptStack(tmp_path)
    stack.write('[component.env]\nkind = "secrets"\npaths = [".env", "more/*"]\n')
    (stack.folder / ".env").write_text(f"KEY={SECRETS[0]}\n")
    (stack.folder / "more").mkdir()
    (stack.folder / "more" / "none").touch()
    first = stack.back_up()  # one that is empty among others may be meant: it is told, and no more
    assert "more/none is among the secrets and is empty" in first.err

    (stack.folder / ".env").write_text("")
    answer = stack.back_up()
    assert answer.status == 32
    assert "holds nothing: .env, more/none is empty" in answer.err
    assert "rebond find" in answer.err
    assert len(stack.snapshots()) == 1
