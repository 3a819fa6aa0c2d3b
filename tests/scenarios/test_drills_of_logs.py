"""The transaction that spoilt a database is found in its log, with the user's check as oracle."""

from collections.abc import Iterator

import pytest
from tests.scenarios.logged_stack import LoggedStack

pytestmark = pytest.mark.judge("postgres")
CHECK = """[drill]
checks = [{ name = "no debts", sql = "SELECT count(*) = 0 FROM account WHERE amount < 0", component = "db" }]"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggedStack]:
    made = LoggedStack(tmp_path_factory.mktemp("searched"))
    try:
        made.describe(more=CHECK)
        made.server.sql("CREATE TABLE account (id int, amount int)")
        made.program.good("backup")
        yield made
    finally:
        left = made.left()
        made.close()
        assert left == []


def add(stack: LoggedStack, first: int, last: int) -> None:
    """Add accounts, each in a transaction of its own."""
    for number in range(first, last):
        stack.server.sql(f"INSERT INTO account VALUES ({number}, 1)")


def spoil(stack: LoggedStack) -> int:
    """Spoil the data in one transaction, and return its number."""
    return int(stack.server.sql("INSERT INTO account VALUES (0, -7) RETURNING xmin::text::bigint").split()[0])


def test_the_last_good_transaction_between_two_snapshots_is_found_in_the_log(stack: LoggedStack) -> None:
    good = stack.program.ask("snapshots")[-1]["id"]
    add(stack, 1, 3)
    stack.switch()
    culprit = spoil(stack)
    add(stack, 3, 5)
    stack.program.good("backup", "db")
    report = stack.folder / "evidence.md"
    done = stack.drill("--scenario", "corrupted-data", "--report", str(report))

    document = done.document
    assert done.status == 0, done.out + done.err
    found = document["log_search"]
    assert document["snapshot"] == good
    assert (found["component"], found["complete"]) == ("db", True)
    assert (found["last_good"]["xid"], found["first_bad"]["xid"]) == (culprit - 1, culprit)
    assert len(found["steps"]) <= 4
    assert [each["good"] for each in document["search"]] == [False, True]
    assert {each["answer"] for each in document["checks"] if each["code"] == "own-check"} == {"pass"}
    assert "spoilt db" in report.read_text()


def test_a_search_that_has_no_patience_names_what_it_has(stack: LoggedStack) -> None:
    done = stack.program("drill", "--scenario", "corrupted-data", "--patience", "0s")
    assert "--patience gives it more" in done.out
    assert stack.program("drill", "--scenario", "corrupted-data", "--patience", "soon").status == 2
