"""A restore into a server that is killed: what it leaves is dropped by the next one, and nothing else is."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from tests.bounded import wait_for
from tests.scenarios.test_postgres import configure
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
LEFT = "SELECT datname FROM pg_database WHERE datname ~ '_rebond_' ORDER BY 1"
MARKED = "SELECT count(*) FROM pg_database WHERE shobj_description(oid, 'pg_database') ~ 'Half-loaded'"


def test_what_a_killed_restore_left_is_named_and_dropped_by_the_next_and_nothing_else(tmp_path: pathlib.Path) -> None:
    with PostgresServer() as server:
        server.sql("CREATE DATABASE shop")
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 100000) g", "shop")
        program = Program.with_vault(tmp_path)
        del program.environment["REBOND_VAULT"], program.environment["REBOND_KEY_FILE"]
        (tmp_path / "stack").mkdir()
        configure(tmp_path, server)
        program.environment["REBOND_CONFIG"] = str(tmp_path / "stack" / "rebond.toml")
        program.good("backup", "--quiet")
        left = kill_midway(program, server)
        # Others of that look: one without our word, and one that is still being loaded.
        mark = server.sql(f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{left}'")
        server.sql("CREATE DATABASE back_rebond_0123abcd")
        server.sql("CREATE DATABASE back_rebond_11111111")
        server.sql(f"COMMENT ON DATABASE back_rebond_11111111 IS '{mark.strip()}'")
        words = [str(server.programs / "psql"), "-Xq", "-d", server.connection("back_rebond_11111111")]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as somebody:
            assert somebody.stdin
            inside = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'back_rebond_11111111'"
            wait_for(lambda: server.sql(inside) != "0\n", "the session of somebody else")
            done = program("restore", "latest", "--into", address(server))
            assert done.status == 0, done.err
            assert left in done.err
            assert server.sql(LEFT).split() == ["back_rebond_0123abcd", "back_rebond_11111111"]
            somebody.stdin.close()
        assert server.sql("SELECT count(*) FROM t", "back") == "100000\n"
        described = (
            "SELECT coalesce(shobj_description(oid, 'pg_database'), '-') FROM pg_database WHERE datname = 'back'"
        )
        assert server.sql(described) == "-\n"


def address(server: PostgresServer) -> str:
    return f"postgresql://postgres@/back?host={server.socket_folder}"


def kill_midway(program: Program, server: PostgresServer) -> str:
    """Kill a restore while it loads; return the name of the database that it leaves, when nobody is in it."""
    words = [sys.executable, "-m", "rebond.cli", "restore", "latest", "--into", address(server), "--quiet"]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
    with subprocess.Popen(words, env=kept | program.environment) as running:
        while server.sql(MARKED) == "0\n":
            assert running.poll() is None, "it was done before it could be killed"
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    left = server.sql(LEFT).strip()
    assert left.startswith("back_rebond_")
    end = time.monotonic() + 90
    while server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{left}'") != "0\n":
        assert time.monotonic() < end, "what was killed is still connected"
        time.sleep(0.05)
    return left
