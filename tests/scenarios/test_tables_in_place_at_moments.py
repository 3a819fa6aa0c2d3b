"""A table of a server with a log comes back in its place as of any transaction, and is undone again."""

import json
from collections.abc import Iterator

import pytest
from tests.scenarios.logged_stack import LoggedStack
from tests.scenarios.test_guided_restore import type_into

pytestmark = pytest.mark.judge("postgres")
MORE = '[restore]\nstop = [{ run = "true" }]\n'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggedStack]:
    made = LoggedStack(tmp_path_factory.mktemp("moments"))
    try:
        made.describe(more=MORE)
        made.server.sql("CREATE DATABASE shop; CREATE DATABASE other")
        made.server.sql(
            "CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL);"
            "CREATE TABLE move (account int REFERENCES account, amount int);"
            "INSERT INTO account SELECT n, 100 FROM generate_series(1, 50) n; INSERT INTO move VALUES (1, 100)",
            "shop",
        )
        made.server.sql("CREATE TABLE pictures (picture oid); CREATE SCHEMA fast", "shop")
        made.server.sql(
            "CREATE UNLOGGED TABLE fast.fleeting (id int); CREATE TABLE fast.kept AS SELECT 1 AS id;"
            "INSERT INTO fast.fleeting VALUES (1), (2)",
            "shop",
        )
        made.server.sql("CREATE TABLE elsewhere (id int)", "other")
        made.program.good("backup", "db")
        yield made
    finally:
        left = made.left()
        made.close()
        assert left == []


def amounts(stack: LoggedStack) -> str:
    return stack.server.sql("SELECT sum(amount), count(*) FROM account", "shop").strip()


def schemas(stack: LoggedStack) -> str:
    return stack.server.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebond%'", "shop")


def test_a_table_as_of_the_transaction_before_the_one_that_spoilt_it(stack: LoggedStack) -> None:
    stack.server.sql("UPDATE account SET amount = amount + 1 WHERE id <= 10", "shop")
    good = amounts(stack)
    last = stack.server.sql("INSERT INTO move VALUES (2, 1) RETURNING xmin", "shop").split()[0]
    stack.server.sql("UPDATE account SET amount = 0", "shop")
    stack.server.sql("INSERT INTO move VALUES (3, 7)", "shop")
    stack.switch()
    assert (good, amounts(stack)) == ("5010|50", "0|50")

    words = ("--at", f"xid:{last}", "db", "--in-place", "--table", "account")
    plan = json.loads(stack.program.good("restore", *words, "--dry-run", "--json").out)
    kinds = [each["kind"] for each in plan["steps"]]
    assert kinds == ["verify", "room", "reach", "fetch", "stop", "reach", "set-aside", "put"]
    run = json.loads(stack.program.good("restore", *words, "--yes", "--json").out)["run"]

    assert amounts(stack) == good
    assert stack.server.sql("SELECT count(*) FROM move", "shop").strip() == "3", "another table was touched"
    stack.program.good("restore", "--rollback", run, "--yes")
    assert (amounts(stack), schemas(stack)) == ("0|50", "")
    stack.server.sql("UPDATE account SET amount = 100", "shop")


def test_without_a_moment_it_is_the_table_of_the_snapshot(stack: LoggedStack) -> None:
    before = amounts(stack)
    stack.server.sql("DELETE FROM move; DELETE FROM account WHERE id > 5", "shop")
    stack.program.good("restore", "latest", "db", "--in-place", "--table", "shop_is_no_schema.x", "--dry-run")
    answer = stack.program("restore", "latest", "db", "--in-place", "--table", "shop_is_no_schema.x", "--yes", "--json")
    assert (answer.status, "no table" in json.loads(answer.out)["error"]["message"]) == (2, True), answer.out
    run = json.loads(
        stack.program.good("restore", "latest", "db", "--in-place", "--table", "account", "--yes", "--json").out
    )
    assert amounts(stack) == before
    stack.program.good("restore", "--accept", run["run"], "--yes")
    assert schemas(stack) == ""


def test_a_moment_that_cannot_be_reached_is_said_by_the_plan(stack: LoggedStack) -> None:
    words = ("--at", "2099-01-01 00:00", "db", "--in-place", "--table", "account")
    plan = json.loads(stack.program.good("restore", *words, "--dry-run", "--json").out)
    assert "Within reach" in plan["missing"][0]["message"]
    assert stack.program("restore", *words, "--yes").status == 34
    for position, status in (("lsn:FF/0", 34), ("xid:4000000000", 34), ("name:nothing", 34), ("xid:x", 2)):
        answer = stack.program("restore", "--at", position, "db", "--in-place", "--table", "account", "--yes")
        assert answer.status == status, (position, answer.err)
    assert schemas(stack) == ""


def test_a_whole_set_comes_back_to_a_transaction_with_the_files_of_that_time(stack: LoggedStack) -> None:
    """Files are those of the newest snapshot that was made before it."""
    stack.program.good("backup")
    (first,) = stack.program.ask("snapshots", "--latest", "1")
    number = stack.server.sql("INSERT INTO move VALUES (4, 1) RETURNING xmin", "shop").split()[0]
    stack.switch()
    stack.program.good("backup")
    words = ("--at", f"xid:{number}", "--in-place", "--dry-run", "--json")
    parts = {each["name"]: each for each in json.loads(stack.program.good("restore", *words).out)["parts"]}
    assert {each["snapshot"] for each in parts.values()} == {first["id"]}
    assert stack.program("restore", "--at", f"xid:{number}", "media", "--in-place", "--dry-run").status == 2


def test_whoever_is_guided_names_a_moment_of_the_log(stack: LoggedStack) -> None:
    number = stack.server.sql("INSERT INTO move VALUES (5, 1) RETURNING xmin", "shop").split()[0]
    before = amounts(stack)
    stack.server.sql("UPDATE account SET amount = -1", "shop")
    stack.switch()
    status, said = type_into(
        stack,
        ["restore"],
        ("between", "db\r"),
        ("between", "account\r"),
        ("any moment of its log", ""),
        ("Number", "soon\r"),
        ("There is no 'soon' among them", ""),
        ("Number", f"xid:{number}\r"),
        ("Carry this plan out?", "y\r"),
    )
    assert (status, f"--at xid:{number} db --in-place --table account" in said) == (0, True), said
    assert amounts(stack) == before
    stack.program.good("restore", "--accept", "latest", "--yes")


def test_rows_that_no_log_has_do_not_give_way_to_none(stack: LoggedStack) -> None:
    """On a server that was recovered an unlogged table is empty: so it came back, with status 0."""

    def rows() -> str:
        return stack.server.sql("SELECT count(*) FROM fast.fleeting", "shop").strip()

    for words in (("latest", "db", "--in-place"), ("--at", "latest", "db", "--in-place")):
        answer = stack.program("restore", *words, "--table", "fast.fleeting", "--yes", "--json")
        told = json.loads(answer.out)["error"]
        assert (answer.status, "unlogged" in told["message"], rows()) == (40, True, "2"), told
    stack.server.sql("DELETE FROM fast.kept", "shop")
    answer = stack.program("restore", "latest", "db", "--in-place", "--schema", "fast", "--yes", "--json")
    (told,) = json.loads(answer.out)["problems"]
    assert (answer.status, told["code"], "fast.fleeting" in told["message"]) == (3, "unlogged-left-out", True)
    assert (rows(), stack.server.sql("SELECT count(*) FROM fast.kept", "shop").strip()) == ("2", "1")
    stack.program.good("restore", "--accept", "latest", "--yes")
    stack.server.sql("CREATE DATABASE beside", "shop")
    into = f"postgresql://postgres@/beside?host={stack.server.socket_folder}"
    answer = stack.program("restore", "--at", "latest", "db", "--into", into, "--rename", "shop=beside", "--yes")
    assert (answer.status, "fast.fleeting" in answer.err) == (0, True), answer.err


def test_large_objects_that_rows_may_name_are_told_at_a_moment_too(stack: LoggedStack) -> None:
    answer = stack.program("restore", "latest", "db", "--in-place", "--table", "pictures", "--yes", "--json")
    (told,) = json.loads(answer.out)["problems"]
    assert (answer.status, "public.pictures.picture" in told["message"]) == (3, True)
    stack.program.good("restore", "--accept", "latest", "--yes")
