"""Looking at the databases of a real server before and after a moment, without a lock."""

import os
from collections.abc import Iterator, Sequence

import pytest

from rebond.clock import SystemClock
from rebond.errors import SourceError
from rebond.secret import Secret
from rebond.sources.postgres.looks import Look, is_rewritten
from rebond.sources.postgres.programs import find_programs
from rebond.sources.postgres.server import PostgresServer as Address
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.whole_output import read_output
from rebond.stack.moments import MomentWatch
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
    access = Access(
        server=Address(host=server.socket_folder, user="postgres"),
        programs=find_programs(open_here)[0],
        open_program=open_here,
    )
    made = MomentWatch(access, ["postgres", "shop"], SystemClock())
    yield made
    made.close()


def open_here(
    words: Sequence[str],
    *,
    given: Secret | None = None,
    seconds: float | None = None,
    label: str = "",
    keeps_input: bool = False,
) -> CommandReader:
    return CommandReader(
        words, environment=os.environ, given=given, label=label, keeps_input=keeps_input, idle_seconds=60
    )


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
