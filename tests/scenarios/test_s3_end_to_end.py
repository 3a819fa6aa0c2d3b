"""The whole road over S3: made, filled, verified, restored, pruned, through a server that misbehaves."""

import pathlib
import shutil
from collections.abc import Iterator

import pytest
from tests.torture.real_program import fingerprint, plant_tree, snapshot_ids
from tests.unit.cli.program_runs import Program

from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import S3Server

pytest.importorskip("obstore", reason="the library of the cloud stores is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        server.page_size = 20  # so that listings have pages
        yield server


@pytest.fixture
def program(server: S3Server, tmp_path: pathlib.Path) -> Program:
    return make(server, tmp_path)


def make(server: S3Server, folder: pathlib.Path) -> Program:
    program = Program(folder, REBOND_VAULT=server.url("bucket/vault"), **server.environment)
    program.good("vault", "create", "--kit", folder / "kit.txt", "--key-file", folder / "owner.key")
    program.environment["REBOND_KEY_FILE"] = str(folder / "owner.key")
    return program


def names(server: S3Server, folder: str) -> set[str]:
    return {name for name in server.buckets["bucket"] if name.startswith(f"vault/{folder}")}


def replace_all(tree: pathlib.Path) -> None:
    """Nothing of the first snapshot is in the next one: segments go when nothing in them is needed."""
    shutil.rmtree(tree)
    plant_tree(tree, seed=2, total_bytes=200_000)


def check_restore(program: Program, tree: pathlib.Path, target: pathlib.Path) -> None:
    program.good("restore", "latest", "--to", target, REBOND_CACHE_DIR=str(target) + ".cold")
    assert fingerprint(target / tree.name) == fingerprint(tree)


def test_a_vault_in_s3_is_filled_verified_restored_and_pruned(
    server: S3Server, program: Program, tmp_path: pathlib.Path
) -> None:
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=2_000_000)
    first = program.ask("backup", "--path", tree)["id"]
    replace_all(tree)
    program.good("backup", "--path", tree)

    assert program.ask("verify", "--read-data")["ok"]
    check_restore(program, tree, tmp_path / "back")
    before = sum(len(server.buckets["bucket"][name].content) for name in names(server, "packs/"))
    program.good("forget", first, "--yes")
    program.good("prune")
    assert sum(len(server.buckets["bucket"][name].content) for name in names(server, "packs/")) < before
    assert program.ask("verify", "--read-data")["ok"]
    check_restore(program, tree, tmp_path / "again")


CONFIGURATION = """
version = 1
[stack]
name = "shop"
[vault]
url = "{url}"
key = {{ file = "owner.key" }}
storage_class = "STANDARD_IA"
[component.tree]
kind = "files"
path = "tree"
"""


@pytest.mark.parametrize("is_named", [False, True])
def test_the_storage_class_of_a_configuration_is_that_of_every_pack(
    server: S3Server, tmp_path: pathlib.Path, *, is_named: bool
) -> None:
    url = server.url("bucket/vault")
    plant_tree(tmp_path / "tree", seed=1, total_bytes=200_000)
    (tmp_path / "rebond.toml").write_text(CONFIGURATION.format(url=url))
    program = Program(tmp_path, REBOND_CONFIG=str(tmp_path / "rebond.toml"), **server.environment)
    del program.environment["REBOND_VAULT"]
    named = ("--vault", url) if is_named else ()
    program.good("vault", "create", "--kit", tmp_path / "kit.txt", "--key-file", tmp_path / "owner.key", *named)
    del program.environment["REBOND_PASSPHRASE"]  # the key that the configuration names opens it
    program.good("backup", *named)

    stored = server.buckets["bucket"]
    assert {stored[name].storage_class for name in names(server, "packs/")} == {"STANDARD_IA"}
    assert {stored[name].storage_class for name in set(stored) - names(server, "packs/")} == {"STANDARD"}
    check_restore(program, tmp_path / "tree", tmp_path / "back")


FAULTS = {
    "busy": lambda: [Fault(method="PUT", path="packs/", status=503, times=2), Fault(method="GET", status=503, times=1)],
    "cut before": lambda: [
        Fault(method="PUT", path="snapshots/", status=0),
        Fault(method="PUT", path="index/", status=0),
    ],
    "cut after": lambda: [
        Fault(method="PUT", path="packs/", status=0, after=True),
        Fault(method="PUT", path="snapshots/", status=0, after=True),
        Fault(method="PUT", path="sessions/", status=500, code="InternalError", after=True),
    ],
    "listing": lambda: [
        Fault(method="GET", query="packs", status=503, times=1),
        Fault(method="GET", query="trash", status=0, times=1),
        Fault(method="GET", query="snapshots", half=True, status=200, times=1),
    ],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_what_may_pass_is_tried_again_and_nothing_is_lost_or_doubled(
    server: S3Server, program: Program, tmp_path: pathlib.Path, kind: str
) -> None:
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=500_000)
    server.faults = FAULTS[kind]()

    program.good("backup", "--path", tree)

    assert sum(fault.times for fault in server.faults) < sum(fault.times for fault in FAULTS[kind]()), "nothing failed"
    server.faults = []
    assert len(snapshot_ids(program)) == 1
    server.faults = [Fault(method="GET", path="packs/", status=0), Fault(method="GET", path="packs/", half=True)]
    check_restore(program, tree, tmp_path / "back")
    server.faults = []
    assert program.ask("verify", "--read-data")["ok"]


def test_a_prune_through_cut_answers_deletes_what_it_should_and_nothing_else(
    server: S3Server, program: Program, tmp_path: pathlib.Path
) -> None:
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=600_000)
    first = program.ask("backup", "--path", tree)["id"]
    replace_all(tree)
    program.good("backup", "--path", tree)
    program.good("forget", first, "--yes")
    server.faults = [
        Fault(method="PUT", path="trash/", status=0, after=True, times=2),
        Fault(method="DELETE", status=0, after=True, times=2),
        Fault(method="POST", status=503, times=1),
    ]

    program.good("prune")

    server.faults = []
    program.good("prune")
    assert sum(len(server.buckets["bucket"][name].content) for name in names(server, "packs/")) < 300_000
    assert program.ask("verify", "--read-data")["ok"]
    check_restore(program, tree, tmp_path / "back")


def test_a_listing_that_always_fails_ends_a_backup_with_21_and_leaves_no_snapshot(
    server: S3Server, program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rebond.clock.SystemClock.sleep", lambda self, seconds: None)
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=100_000)
    program.good("backup", "--path", tree)
    server.faults = [Fault(method="GET", query="trash", status=503, times=1000)]

    assert program("backup", "--path", tree).status == 21

    server.faults = []
    assert len(snapshot_ids(program)) == 1


def test_requests_that_take_long_are_made_side_by_side(tmp_path: pathlib.Path, server: S3Server) -> None:
    program = make(server, tmp_path)
    tree = tmp_path / "tree"
    plant_tree(tree, seed=1, total_bytes=1_000_000)
    server.latency_seconds = 0.05

    program.good("backup", "--path", tree)
    before = len(server.requests)
    check_restore(program, tree, tmp_path / "back")

    assert len(server.requests) - before < 60, "a restore asks once for each segment, not for each file"


class TestWithoutConditionalCreate:
    """Old servers ignore ``If-None-Match``: then the time rule holds, and it is said aloud."""

    @pytest.fixture
    def program(self, server: S3Server, tmp_path: pathlib.Path) -> Program:
        server.conditional_create = False
        return make(server, tmp_path)

    def test_backups_and_restores_work(self, program: Program, tmp_path: pathlib.Path) -> None:
        tree = tmp_path / "tree"
        plant_tree(tree, seed=1, total_bytes=500_000)

        program.good("backup", "--path", tree)

        check_restore(program, tree, tmp_path / "back")
        assert program.ask("verify", "--read-data")["ok"]

    def test_a_prune_deletes_content_a_week_later_and_says_so(
        self, server: S3Server, program: Program, tmp_path: pathlib.Path
    ) -> None:
        tree = tmp_path / "tree"
        plant_tree(tree, seed=1, total_bytes=600_000)
        first = program.ask("backup", "--path", tree)["id"]
        replace_all(tree)
        program.good("backup", "--path", tree)
        program.good("forget", first, "--yes")
        packs = names(server, "packs/")

        answer = program.good("prune")

        assert packs <= names(server, "packs/")
        assert "cannot create objects conditionally" in answer.err + answer.out
        server.clock_offset_seconds = 8 * 86_400
        program.good("prune")
        assert not packs <= names(server, "packs/")
        check_restore(program, tree, tmp_path / "back")

    def test_making_the_vault_says_so(self, server: S3Server, tmp_path: pathlib.Path) -> None:
        server.conditional_create = False
        program = Program(tmp_path / "other", REBOND_VAULT=server.url("bucket/other"), **server.environment)
        (tmp_path / "other").mkdir()

        answer = program.good("vault", "create", "--kit", tmp_path / "k.txt", "--key-file", tmp_path / "k.key")

        assert "A second put of a name was not refused" in answer.err
