"""The end of a prepared transaction as a moment: another session writes it, and it bears the number of the prepared."""

import pathlib

import pytest
from tests.scenarios.archived_server import ArchivedStack
from tests.scenarios.test_point_in_time import folder  # noqa: F401 - a fixture

from rebond.errors import WalGap

pytestmark = pytest.mark.judge("postgres")


def prepare(stack: ArchivedStack, number: int, *, statements: str = "") -> str:
    script = f"BEGIN; INSERT INTO t VALUES ({number}); SAVEPOINT a; INSERT INTO t VALUES (-{number}); {statements};"
    return stack.server.sql(f"{script} SELECT pg_current_xact_id(); PREPARE TRANSACTION 'p{number}'").strip()


@pytest.mark.parametrize(("major", "level"), [(15, "replica"), (18, "logical")])  # 18 writes longer entries
def test_a_moment_is_the_end_of_a_prepared_transaction(
    folder: pathlib.Path,  # noqa: F811
    major: int,
    level: str,
) -> None:
    stack = ArchivedStack.begin(folder, {"max_prepared_transactions": "5", "wal_level": level}, major=major)
    try:
        stack.server.sql("CREATE TABLE t (id int); CREATE TABLE gone AS SELECT 1 AS n; CREATE TABLE kept AS SELECT 1")
        stack.back_up()
        made = "DROP TABLE gone; CREATE TABLE new (i serial PRIMARY KEY, v text); ANALYZE kept; DROP TABLE kept"
        kept = prepare(stack, 1, statements=made)
        undone = prepare(stack, 2, statements="CREATE TABLE other (i serial)")
        open_one = prepare(stack, 3)
        stack.server.sql("INSERT INTO t VALUES (10)")
        stack.server.sql("COMMIT PREPARED 'p1'")
        stack.server.sql("INSERT INTO t VALUES (11)")
        stack.server.sql("ROLLBACK PREPARED 'p2'")
        stack.server.sql("INSERT INTO t VALUES (12)")
        stack.switch()
        for number, (xid, ids) in enumerate(((kept, "-1,1,10"), (undone, "-1,1,10,11"))):
            server, recovered = stack.start(folder / f"r{number}", f"xid:{xid}")
            try:
                assert recovered.is_promoted
                found = server.ask("SELECT string_agg(id::text, ',' ORDER BY id) FROM t", "postgres").strip()
                assert found == ids
                server.ask("ROLLBACK PREPARED 'p3'", "postgres")
            finally:
                server.remove()
        with pytest.raises(WalGap, match=f"xid:{open_one} cannot be reached"):
            stack.lay(folder / "x", f"xid:{open_one}")
        stack.server.sql("ROLLBACK PREPARED 'p3'")
    finally:
        stack.end()
