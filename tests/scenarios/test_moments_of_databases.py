"""Looking at the databases of a real server before and after a moment, without a lock."""

import pathlib
from collections.abc import Iterator, Sequence

import pytest
from tests.scenarios.archived_server import CONFIGURATION, read_loaded
from tests.scenarios.server_access import find_access

from rebond.clock import SystemClock
from rebond.config.components import Postgres
from rebond.errors import SourceError
from rebond.findings import Finding
from rebond.sources.postgres.looks import Look, is_rewritten
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.streams.whole_output import read_output
from rebond.stack.file_questions import FileQuestions
from rebond.stack.moments import Bracket, MomentWatch
from rebond.stack.physical_moments import PhysicalMoment
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        made.sql("CREATE DATABASE shop")
        made.sql("CREATE TABLE photo (file text)", "shop")
        yield made


@pytest.fixture
def watch(server: PostgresServer) -> Iterator[MomentWatch]:
    server.sql("TRUNCATE photo; INSERT INTO photo VALUES ('old.jpg')", "shop")
    made = MomentWatch(find_access(server), ["postgres", "shop"], SystemClock())
    yield made
    made.close()


def ask(looks: Sequence[Look]) -> set[str]:
    shop = next(each for each in looks if each.name == "shop")
    answer = read_output(lambda: shop.open_rows("SELECT file FROM photo"), program="psql")
    return set(answer.decode().split())


def where(server: PostgresServer) -> int:
    return parse_lsn(server.sql("SELECT pg_current_wal_insert_lsn()").strip())


def test_what_is_deleted_right_after_a_restore_point_is_still_seen_before_it(
    server: PostgresServer, watch: MomentWatch
) -> None:
    bracket, marked = watch.mark("the point", "postgres")
    server.sql("DELETE FROM photo; INSERT INTO photo VALUES ('new.jpg')", "shop")
    assert bracket.before is not None
    assert bracket.is_exact  # nobody wrote between the two looks: one is enough
    assert ask(bracket.before.all) == ask(bracket.after.all) == {"old.jpg"}
    assert bracket.before.since <= marked.mark <= bracket.after.since
    assert bracket.before.all[0].since <= marked.mark


def test_the_looks_around_a_position_that_has_passed_are_found(server: PostgresServer, watch: MomentWatch) -> None:
    watch.follow()
    watch.expect_end()
    server.sql("INSERT INTO photo VALUES ('meanwhile.jpg')", "shop")
    stop = where(server)
    server.sql("DELETE FROM photo WHERE file = 'old.jpg'", "shop")
    bracket = watch.find(stop)
    assert bracket.before is not None
    assert bracket.before.until <= stop <= bracket.after.since
    assert not bracket.is_exact
    assert ask(bracket.before.all) == {"old.jpg"}
    assert ask(bracket.after.all) == {"meanwhile.jpg"}


def test_a_moment_that_no_look_came_before_is_told(server: PostgresServer, watch: MomentWatch) -> None:
    stop = where(server)
    server.sql("INSERT INTO photo VALUES ('later.jpg')", "shop")
    watch.expect_end()
    assert watch.find(stop).before is None


def test_a_table_that_is_emptied_before_it_is_asked_is_not_taken_for_an_empty_one(
    server: PostgresServer, watch: MomentWatch
) -> None:
    bracket, _ = watch.mark("another point", "postgres")
    server.sql("TRUNCATE photo", "shop")  # nothing keeps anybody from it: a look locks nothing
    with pytest.raises(SourceError) as caught:
        ask(bracket.after.all)
    assert is_rewritten(caught.value)


def test_a_session_that_is_ended_meanwhile_fails_the_look_and_nothing_else(
    server: PostgresServer, watch: MomentWatch
) -> None:
    server.sql(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    watch.expect_end()
    with pytest.raises(SourceError):
        watch.find(0)


REFERENCES = """
references = [{ sql = "SELECT file FROM photo", component = "media" }]
[component.media]
kind = "files"
path = "media"
"""


def make_moment(
    server: PostgresServer, folder: pathlib.Path, findings: list[Finding], user: str = "postgres"
) -> tuple[PhysicalMoment, FileQuestions]:
    text = CONFIGURATION.replace("HOST", server.socket_folder).replace('= "postgres"\nmethod', '= "shop"\nmethod')
    (folder / "rebond.toml").write_text(text + REFERENCES)
    (folder / "media").mkdir()
    loaded = read_loaded(folder / "rebond.toml")
    component = loaded.configuration.component["db"]
    assert isinstance(component, Postgres)
    files = FileQuestions("db", component, loaded)
    access = find_access(server, user)
    moment = PhysicalMoment(
        "db", access, maintenance="shop", databases=["shop"], files=files, point="point", report=findings.append
    )
    return moment, files


def test_a_row_that_is_deleted_right_after_the_restore_point_is_looked_up(
    server: PostgresServer, watch: MomentWatch, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = MomentWatch.mark

    def delete_then(own: MomentWatch, name: str, database: str) -> tuple[Bracket, Look]:
        made = mark(own, name, database)
        server.sql("DELETE FROM photo", "shop")
        return made

    monkeypatch.setattr(MomentWatch, "mark", delete_then)
    findings: list[Finding] = []
    moment, files = make_moment(server, tmp_path, findings)
    with moment.watch():
        point = moment.settle(where(server))
    assert point is not None
    assert point.lsn <= where(server)
    assert files.named_files is not None
    assert files.named_files.find() == {"media": {b"old.jpg"}}
    assert not findings


def test_a_user_who_may_make_no_restore_point_is_told_and_the_end_of_the_backup_is_the_moment(
    server: PostgresServer, watch: MomentWatch, tmp_path: pathlib.Path
) -> None:
    server.sql("CREATE ROLE saver LOGIN REPLICATION; GRANT pg_read_all_data TO saver")
    findings: list[Finding] = []
    moment, files = make_moment(server, tmp_path, findings, user="saver")
    with moment.watch() as expect_end:
        expect_end()
        stop = where(server)
        server.sql("DELETE FROM photo", "shop")
        assert moment.settle(stop) is None
    assert files.named_files is not None
    assert files.named_files.find() == {"media": {b"old.jpg"}}
    assert [each.code for each in findings] == ["restore-point-missing"]
    assert moment.stop_time_ms > 0
