"""A restore in place that is undone or accepted when the configuration names another server: never at the wrong one."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.table_in_place import CONFIGURATION, TableInPlace
from tests.unit.cli.program_runs import Program

from rebond.operations.recovery.tables_part import TablesPart
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
NOTES = "CREATE TABLE notes (id int, words text); INSERT INTO notes SELECT n, 'saved' FROM generate_series(1, 9) n;"


@pytest.fixture
def first() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture
def fresh() -> Iterator[PostgresServer]:
    """A server that never heard of the other one, with a database of the same name."""
    with PostgresServer() as made:
        made.sql("CREATE DATABASE shop")
        made.sql(NOTES.replace("saved", "others"), "shop")
        yield made


@pytest.fixture
def place(first: PostgresServer, tmp_path: pathlib.Path) -> TableInPlace:
    """Where a table has come back in its place."""
    made = TableInPlace(tmp_path, first, NOTES)
    made.sql("UPDATE notes SET words = 'damaged'")
    made.bring_back("notes")
    return made


@contextlib.contextmanager
def take_over(first: PostgresServer) -> Iterator[PostgresServer]:
    """Run what a standby that followed to the end would be: the same cluster, elsewhere."""
    first.stop()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rebond-copy-"))
    folder.chmod(0o755)
    try:
        shutil.copytree(first.data, folder / "data", ignore=shutil.ignore_patterns("postmaster.pid"))
        if not os.geteuid():
            known = first.data.stat()
            for top, _, names in os.walk(folder / "data"):
                for each in (".", *names):
                    os.chown(os.path.join(top, each), known.st_uid, known.st_gid)
        first.start()
        with PostgresServer(adopts=folder / "data") as second:
            yield second
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def name_in_configuration(place: TableInPlace, server: PostgresServer) -> None:
    text = place.configuration.read_text().replace(place.server.socket_folder, server.socket_folder)
    place.configuration.write_text(text)


def words(server: PostgresServer) -> set[str]:
    return set(server.sql("SELECT words FROM notes", "shop").split())


def end(place: TableInPlace, way: str, *more: str) -> tuple[int, Any, str]:
    answer = place.program("restore", f"--{way}", "latest", "--yes", "--json", *more)
    return answer.status, json.loads(answer.out), answer.err


def test_it_is_undone_where_the_database_is_now(place: TableInPlace, first: PostgresServer) -> None:
    """The old primary still runs: it was undone there, and said to be."""
    with take_over(first) as second:
        name_in_configuration(place, second)
        status, answer, said = end(place, "rollback")
        assert (status, answer["state"]) == (0, "rolled-back"), answer
        assert (words(second), words(first)) == ({"damaged"}, {"saved"})
        assert second.socket_folder in said
        assert first.socket_folder in said
        assert second.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebond%'", "shop") == ""


def test_it_is_undone_where_the_database_is_now_also_when_the_old_server_is_gone(
    place: TableInPlace, first: PostgresServer
) -> None:
    with take_over(first) as second:
        first.stop()
        name_in_configuration(place, second)
        assert end(place, "rollback")[0] == 0
        assert words(second) == {"damaged"}


def test_a_server_that_holds_nothing_of_it_is_not_touched_and_the_ways_on_are_named(
    place: TableInPlace, first: PostgresServer, fresh: PostgresServer
) -> None:
    name_in_configuration(place, fresh)
    for way in ("rollback", "accept"):
        status, answer, _ = end(place, way)
        told = answer["error"]
        assert (status, words(first), words(fresh)) == (6, {"saved"}, {"others"})
        assert fresh.socket_folder in told["message"]
        assert "--without db" in told["hint"]
    kept = told["hint"].rpartition("--config ")[2]
    assert end(place, "rollback", "--config", kept)[0] == 0
    assert (words(first), words(fresh)) == ({"damaged"}, {"others"})


def test_a_server_that_is_another_one_can_be_left_out(
    place: TableInPlace, first: PostgresServer, fresh: PostgresServer
) -> None:
    name_in_configuration(place, fresh)
    status, answer, _ = end(place, "rollback", "--without", "db")
    assert (status, answer["state"]) == (3, "rolled-back")
    assert (words(first), words(fresh)) == ({"saved"}, {"others"})


def test_a_server_that_does_not_answer_is_no_reason_to_undo_at_the_old_one(
    place: TableInPlace, first: PostgresServer
) -> None:
    place.configuration.write_text(place.configuration.read_text().replace(first.socket_folder, "/nowhere"))
    status, answer, _ = end(place, "rollback")
    assert (status, words(first)) == (6, {"saved"})
    assert "/nowhere" in answer["error"]["message"]


def test_a_standby_is_to_be_promoted_first(place: TableInPlace, first: PostgresServer) -> None:
    with take_over(first) as second:
        second.stop()
        (second.data / "standby.signal").touch()
        second.start()
        name_in_configuration(place, second)
        status, answer, _ = end(place, "rollback")
        assert (status, words(first), words(second)) == (6, {"saved"}, {"saved"})
        assert "Promote" in answer["error"]["hint"]
        second.sql("SELECT pg_promote()")
        assert end(place, "rollback")[0] == 0
        assert words(second) == {"damaged"}


def test_a_configuration_that_the_restore_itself_brought_back_does_not_mislead(
    first: PostgresServer, fresh: PostgresServer, tmp_path: pathlib.Path
) -> None:
    """It is of before the move; the old one is put back with everything else."""
    first.sql("CREATE DATABASE shop")
    first.sql(NOTES.replace("saved", "live"), "shop")
    root = tmp_path / "stack"
    root.mkdir()
    path = root / "rebond.toml"
    path.write_text(
        CONFIGURATION.replace("HOST", fresh.socket_folder) + '[component.code]\nkind = "files"\npath = "."\n'
    )
    program = Program.with_vault(tmp_path)
    program.leave_vault_to_configuration()
    program.environment["REBOND_CONFIG"] = str(path)
    program.good("backup")
    path.write_text(path.read_text().replace(fresh.socket_folder, first.socket_folder))
    program.good("restore", "latest", "--in-place", "--yes")
    assert (fresh.socket_folder in path.read_text(), words(first)) == (True, {"others"})
    program.good("restore", "--rollback", "latest", "--yes")
    assert (first.socket_folder in path.read_text(), words(first), words(fresh)) == (True, {"live"}, {"others"})


def test_what_was_begun_at_another_server_does_not_go_on(
    first: PostgresServer, fresh: PostgresServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = TableInPlace(tmp_path, first, NOTES)
    place.sql("UPDATE notes SET words = 'damaged'")

    def interrupt(_part: TablesPart) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as busy:
        busy.setattr(TablesPart, "put", interrupt)
        assert place.restore("notes").status == 130
    name_in_configuration(place, fresh)
    status, answer, _ = end(place, "resume")
    assert (status, "--rollback" in answer["error"]["hint"]) == (6, True), answer
    assert (words(first), words(fresh)) == ({"damaged"}, {"others"})


def test_another_way_to_the_same_server_is_no_other_server(
    place: TableInPlace, first: PostgresServer, tmp_path: pathlib.Path
) -> None:
    way = tmp_path / "way"
    way.symlink_to(first.socket_folder)
    place.configuration.write_text(place.configuration.read_text().replace(first.socket_folder, str(way)))
    status, _, said = end(place, "rollback")
    assert (status, str(way) in said, words(first)) == (0, False, {"damaged"})
