"""PostgreSQL 17, which no package of Debian 12 brings: its log goes in and out, moments come back, a drill starts it.

What is saved of its databases, exports and WAL summaries: ``test_database_into.py`` and ``test_wal_summaries.py``,
which take this version too.
"""

import json
import os
import pathlib
import subprocess
import time

import pytest
from tests.scenarios.test_taken_into_use import stack  # noqa: F401 - a fixture
from tests.scenarios.wal_stack import WalStack, wait_until

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres-17")


def test_its_log_is_archived_and_fetched_a_moment_comes_back_and_a_drill_proves_it(
    stack: WalStack,  # noqa: F811
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archiving = {"archive_mode": "on", "archive_command": f'{stack.program} push "%p"', "archive_timeout": "60s"}
    with PostgresServer(major=17, settings={"wal_level": "replica", **archiving}) as server:
        stack.environment |= {
            "REBOND_POSTGRES": str(server.programs),
            "PATH": f"{server.programs}:{os.environ['PATH']}",
        }
        stack.configure(server.socket_folder)
        server.sql("CREATE TABLE t AS SELECT 1 AS i")
        assert stack.run("backup") == 0
        server.sql("INSERT INTO t VALUES (2)")
        moment = server.sql(
            "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')"
        ).strip()
        time.sleep(0.01)
        server.sql("INSERT INTO t VALUES (3)")
        name = server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)").strip()
        wait_until(lambda: server.sql("SELECT last_archived_wal FROM pg_stat_archiver").strip() >= name)
        assert stack.run("wal", "status") == 0
        fetched = tmp_path / "fetched"
        subprocess.run(f"{stack.program} fetch {name} {fetched}", shell=True, check=True, cwd=server.data)
        assert fetched.read_bytes() == (server.data / "pg_wal" / name).read_bytes()
    assert stack.run("restore", "--at", moment, "database", "--to", str(tmp_path / "laid")) == 0
    assert (tmp_path / "laid" / "database" / "PG_VERSION").read_text() == "17\n"
    with PostgresServer(adopts=tmp_path / "laid" / "database") as found:
        wait_until(lambda: found.sql("SELECT pg_is_in_recovery()").strip() == "f")
        assert found.sql("SELECT string_agg(i::text, ' ' ORDER BY i) FROM t").strip() == "1 2"
    capsys.readouterr()
    assert stack.run("drill", "--json") == 0
    proof = json.loads(capsys.readouterr().out)
    assert {each["answer"] for each in proof["checks"]} == {"pass"}
