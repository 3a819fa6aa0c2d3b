"""What comes back alone into a server, by which names, and what is told of all that does not come with it."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.table_in_place import TableInPlace
from tests.unit.cli.program_runs import Answer

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
SHOP = """
CREATE SCHEMA other;
CREATE TABLE "odd name" (x int); INSERT INTO "odd name" VALUES (1);
CREATE TABLE "other.b" (x int); INSERT INTO "other.b" VALUES (2);
CREATE TABLE other.b (x int); INSERT INTO other.b VALUES (3);
CREATE PUBLICATION told FOR TABLE "odd name";
CREATE SCHEMA one;
CREATE TABLE one.w (id int) PARTITION BY RANGE (id);
CREATE TABLE one.w1 PARTITION OF one.w FOR VALUES FROM (0) TO (10);
CREATE TABLE other.w2 PARTITION OF one.w FOR VALUES FROM (10) TO (30);
INSERT INTO one.w SELECT n FROM generate_series(1, 20) n;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture
def place(server: PostgresServer, tmp_path: pathlib.Path) -> TableInPlace:
    server.sql("DROP DATABASE IF EXISTS loaded WITH (FORCE)")
    server.sql("CREATE DATABASE loaded")
    return TableInPlace(tmp_path, server, SHOP)


def load(place: TableInPlace, *words: str, user: str = "postgres") -> Answer:
    target = f"postgresql://{user}@/loaded?host={place.server.socket_folder}"
    return place.program("restore", "latest", "db", "--into", target, "--json", *words)


def tell(answer: Answer) -> dict[str, str]:
    return {each["code"]: f"{each['message']} {each['hint']}" for each in answer.document["problems"]}


@pytest.mark.parametrize(
    ("written", "loaded"),
    [
        ('"odd name"', '"odd name"'),
        ('public."odd name"', '"odd name"'),
        ('"other.b"', '"other.b"'),
        ('"public"."other.b"', '"other.b"'),
        ("other.b", "other.b"),
    ],
)
def test_a_table_is_found_as_sql_writes_it(place: TableInPlace, written: str, loaded: str) -> None:
    place.server.sql("CREATE SCHEMA other", "loaded")
    answer = load(place, "--table", written, "--rename", f'{written}="new.one"')
    assert answer.status == 0, answer.out + answer.err
    assert place.server.sql('SELECT x FROM public."new.one"', "loaded") == place.sql(f"SELECT x FROM {loaded}")


def test_a_table_that_no_publication_has_any_more_is_told(place: TableInPlace) -> None:
    place.server.sql("CREATE PUBLICATION told", "loaded")
    words = 'ALTER PUBLICATION told ADD TABLE ONLY public."odd name";'
    target = f"postgresql://postgres@/loaded?host={place.server.socket_folder}"
    told = place.program("restore", "latest", "db", "--into", target, "--table", "odd name")
    assert (told.status, words in told.err) == (0, True), told.err
    place.server.sql('DROP TABLE "odd name"; DROP PUBLICATION told', "loaded")
    told = place.program("restore", "latest", "db", "--into", target, "--table", "odd name")
    assert (told.status, "ALTER PUBLICATION" in told.err) == (0, False), told.err


def test_partitions_that_did_not_come_with_their_schema_are_told(place: TableInPlace) -> None:
    """A table came back with half of its rows, and status 0."""
    answer = load(place, "--schema", "one")
    assert (answer.status, "other.w2" in tell(answer)["partitions-left-out"]) == (3, True), answer.out
    place.server.sql("DROP SCHEMA one CASCADE", "loaded")
    answer = load(place, "--schema", "one", "--schema", "other")
    assert answer.status == 0, answer.out
    assert place.server.sql("SELECT count(*) FROM one.w", "loaded").strip() == "20"


def test_a_schema_that_needs_another_one_says_so(place: TableInPlace) -> None:
    told = load(place, "--schema", "other").document["error"]
    assert ("one" in told["message"], "--schema" in told["hint"]) == (True, True), told


def test_a_policy_for_a_role_that_is_not_there_is_told_before_the_rows(place: TableInPlace) -> None:
    server = place.server
    server.sql("DROP ROLE IF EXISTS reader")
    server.sql("CREATE ROLE reader")
    place.sql('ALTER TABLE "odd name" ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON "odd name" TO reader USING (true)')
    place.program.good("backup", "db")
    place.sql('DROP POLICY p ON "odd name"')
    server.sql("DROP ROLE reader")
    told = load(place, "--no-owner").document["error"]
    assert ("reader" in told["message"], 'CREATE ROLE "reader";' in told["hint"]) == (True, True), told
    told = load(place, "--no-owner", "--table", "odd name").document["error"]
    assert ("reader" in told["message"], "CREATE ROLE" in told["hint"]) == (True, True), told
    server.sql("CREATE ROLE reader")
    assert load(place, "--no-owner").status == 0
    server.sql("DROP DATABASE loaded")
    server.sql("DROP ROLE reader")


@pytest.mark.parametrize("end", ["--accept", "--rollback"])
def test_a_database_that_others_are_made_after_is_one_again(place: TableInPlace, end: str) -> None:
    """It was none afterwards; and the old one, or the new one, could not be dropped."""
    server = place.server
    server.sql("ALTER DATABASE shop IS_TEMPLATE true")
    try:
        place.program.good("backup", "db")
        place.sql("DROP TABLE other.b")
        place.program.good("restore", "latest", "db", "--in-place", "--yes")
        place.program.good("restore", end, "latest", "--yes")
        names = server.sql("SELECT datname FROM pg_database WHERE datistemplate AND datname !~ '^template'").split()
        assert names == ["shop"]
        assert server.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'shop%'").strip() == "1"
    finally:
        server.sql("UPDATE pg_database SET datistemplate = false WHERE datname LIKE 'shop%'")
