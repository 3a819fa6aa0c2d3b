"""Drills of MySQL and MariaDB: real dumps, loaded into a server of their own, which is gone with the drill."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from tests.bounded import wait_for
from tests.scenarios.drilled_stack import DrilledStack
from tests.scenarios.test_drills_of_postgres import by_code

from rebond.clock import SystemClock
from rebond.sources.servers.mysql_programs import MARIADB, find_mysql_programs, widen_path
from rebond.sources.servers.own_mysql import OwnMysqlServer
from rebond.stack.drills import mysql_loading

pytestmark = pytest.mark.judge("mariadb", "mariadb-sandbox")
SCHEMA = """
CREATE DATABASE plain; CREATE DATABASE shop; CREATE DATABASE `odd ``name`; USE shop;
CREATE TABLE account (id int PRIMARY KEY, name varchar(40), picture blob);
INSERT INTO account SELECT seq, concat('n\\t', seq, '\\n€'), unhex('00ff0a') FROM seq_1_to_500;
CREATE TABLE `a ``b` (id int) ENGINE=MyISAM; INSERT INTO `a ``b` VALUES (1), (2);
CREATE VIEW names AS SELECT name FROM account;
CREATE FUNCTION twice(v int) RETURNS int DETERMINISTIC RETURN 2 * v;
CREATE EVENT growing ON SCHEDULE EVERY 1 SECOND DO INSERT INTO `a ``b` VALUES (3);
CREATE USER app@'%' IDENTIFIED BY 'ge#h"eim'; GRANT ALL ON *.* TO app@'%';
CREATE USER reader@'%' IDENTIFIED BY 'ge#h"eim'; GRANT SELECT, SHOW VIEW, EVENT ON plain.* TO reader@'%';
CREATE TABLE plain.m (id int) ENGINE=MyISAM;
CREATE DEFINER=app@'%' FUNCTION counted() RETURNS int READS SQL DATA RETURN (SELECT count(*) FROM account);
CREATE DEFINER=app@'%' VIEW counts AS SELECT counted() AS n;
CREATE TABLE `odd ``name`.`b\\c` (id int);
ALTER USER root@localhost IDENTIFIED BY 'prod';
"""
COMMENTED = """USE shop;
DELIMITER ;;
CREATE TRIGGER commented BEFORE INSERT ON account FOR EACH ROW BEGIN -- why
SET NEW.name = 'x'; END;;
"""
COMPONENT = """
[component.db]
kind = "mysql"
host = "HOST"
DATABASES
user = "app"
password = { env = "DB_SECRET" }
"""
ALL, ONE = 'databases = ["*"]', 'database = "shop"'
HEAD = "-- MariaDB dump 10.19\n--\n-- Server version\tVERSION\n"
END = "\n-- Dump completed\n"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnMysqlServer]:
    programs = find_mysql_programs(os.environ)[MARIADB]
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        surroundings = {"PATH": widen_path(os.environ)}
        made = OwnMysqlServer(folder / "live", programs, environment=surroundings, clock=SystemClock())
        try:
            made.initialize()
            made.start()
            (folder / "commented.sql").write_text(COMMENTED)
            made.ask(SCHEMA.partition("ALTER USER")[0])
            made.load(folder / "commented.sql")
            made.ask(SCHEMA[SCHEMA.index("ALTER USER") :])
            yield made
        finally:
            made.stop()


@pytest.fixture
def stack(tmp_path: pathlib.Path, server: OwnMysqlServer) -> Iterator[DrilledStack]:
    made = DrilledStack(tmp_path)
    made.program.environment |= {"DB_SECRET": 'ge#h"eim', "SOCKET": str(server.socket)}
    yield made
    left = made.left()
    made.close()
    assert left == []


def describe(server: OwnMysqlServer, databases: str) -> str:
    return COMPONENT.replace("HOST", str(server.socket)).replace("DATABASES", databases)


def save_as(stack: DrilledStack, server: OwnMysqlServer, version: str, script: str) -> None:
    """Save what a server of a version would have dumped."""
    shim = stack.folder / "shims" / "mariadb-dump"
    shim.parent.mkdir(exist_ok=True)
    (stack.folder / "dump.sql").write_text(HEAD.replace("VERSION", version) + script + END)
    shim.write_text(f"#!/bin/sh\ncat {stack.folder / 'dump.sql'}\n")
    shim.chmod(0o755)
    stack.configure(describe(server, ONE))
    stack.program.environment["PATH"] = f"{shim.parent}:{os.environ['PATH']}"
    stack.program.good("backup")
    del stack.program.environment["PATH"]


def here(server: OwnMysqlServer, *, more: int = 0) -> str:
    major, minor = server.programs.version.series
    return f"{major + more}.{minor}.3-MariaDB-log"


@pytest.mark.judge("own-network")
def test_every_database_of_a_server_is_loaded_counted_checked_and_asked(
    stack: DrilledStack, server: OwnMysqlServer
) -> None:
    asking = "mariadb --no-defaults --skip-ssl -N -u app -pwhatever"
    over_tcp = f'{asking} -h $DB_HOST -P $DB_PORT -e "SELECT count(*) = 500 FROM shop.account" | grep -qx 1'
    no_events = "@@event_scheduler IN ('OFF', 'DISABLED')"  # the second is what 11.8 says of a server without grants
    by_socket = f"{asking} -e \"SELECT @@socket != '$SOCKET' AND {no_events}\" | grep -qx 1"
    stack.configure(
        describe(server, ALL),
        "[drill]\nchecks = [",
        '{ name = "rows", sql = "SELECT count(*) = 500 FROM account", component = "db", database = "shop" },',
        '{ name = "function", sql = "SELECT twice(id) = 14 FROM account WHERE id = 7", database = "shop" },',
        '{ name = "bytes", sql = "SELECT hex(picture) = \'00FF0A\' FROM account", database = "shop" },',
        f"{{ name = \"tcp\", run = '''{over_tcp} && test \"$DB_HOST:$DATABASE_PORT\" = 127.0.0.1:3306''' }},",
        f"{{ name = \"socket\", run = '''{by_socket.replace('$SOCKET', str(server.socket))}''', trusted = true }}]",
    )
    stack.program.good("backup")
    done = stack.drill("latest")
    found = {f"{each['subject']} {each['code']}": each for each in done.document["checks"]}
    assert done.status == 0, [each for each in done.document["checks"] if each["answer"] != "pass"]
    assert {"restored", "loaded", "dump-whole", "row-counts", "check-table"} < set(by_code(done.document, "db"))
    assert found["db loaded"]["message"].endswith("and answers: odd `name, plain, shop.")
    counted = found["db row-counts"]["message"]
    assert counted.startswith("Every row of 4 tables was read: 502"), counted  # no event of it ever ran
    assert "6 tables and views" in found["db check-table"]["message"]
    assert {each: found[f"{each} own-check"]["answer"] for each in ("rows", "function", "bytes", "tcp", "socket")} == (
        dict.fromkeys(("rows", "function", "bytes", "tcp", "socket"), "pass")
    )


def test_a_user_who_may_not_see_everything_is_told_what_the_dump_lacks(
    stack: DrilledStack, server: OwnMysqlServer
) -> None:
    stack.configure(describe(server, ONE).replace('"app"', '"reader"').replace('"shop"', '"plain"'))
    done = stack.program("backup")

    assert done.status == 3, done.err
    assert "may not see the triggers of plain" in done.err
    assert "may not see the routines of plain" in done.err
    assert "each is of a moment of its own in the dump: plain.m" in done.err
    stack.configure(describe(server, ONE))
    assert "may not see" not in stack.program.good("backup").err


def test_a_dump_of_one_database_is_loaded_though_its_users_are_elsewhere(
    stack: DrilledStack, server: OwnMysqlServer
) -> None:
    check = '{ name = "view", sql = "SELECT n = 500 FROM counts", component = "db" }'
    stack.configure(describe(server, ONE), f"[drill]\nchecks = [{check}]")
    stack.program.good("backup")
    done = stack.drill("latest")

    assert done.status == 0, [each for each in done.document["checks"] if each["answer"] != "pass"]
    (loaded,) = (each for each in done.document["checks"] if each["subject"] == "db" and each["code"] == "loaded")
    assert loaded["message"].endswith(
        "It names users that it does not bring, and a server has to have them first: `app`@`%`."
    )


def test_a_dump_that_does_not_load_and_a_check_that_does_not_hold_fail_the_proof(
    stack: DrilledStack, server: OwnMysqlServer
) -> None:
    sign = stack.folder / "sign"
    for script, words in (
        ("CREATE DATABASE d; USE d;\nINSERT INTO nowhere VALUES (1);", "nowhere"),
        (f"\\! touch {sign}", "db.sql does not load"),  # a dump starts no program
    ):
        save_as(stack, server, here(server), script)
        done = stack.drill("latest")
        assert done.status == 4
        (wrong,) = (each for each in done.document["checks"] if each["answer"] == "fail")
        assert (wrong["code"], wrong["subject"], words in wrong["message"]) == ("loaded", "db", True), wrong
    assert not sign.exists()

    save_as(stack, server, here(server), "CREATE DATABASE d; USE d; CREATE TABLE t (id int);")
    stack.configure(
        describe(server, ONE),
        '[drill]\nchecks = [{ name = "any", sql = "SELECT count(*) FROM t", component = "db" },',
        '{ name = "typo", sql = "SELECT count(*) FROM tt", component = "db" }]',
    )
    done = stack.drill("latest")
    found = {each["subject"]: each for each in done.document["checks"] if each["code"] == "own-check"}
    assert (done.status, found["any"]["answer"], found["typo"]["answer"]) == (4, "fail", "fail")
    assert found["any"]["message"] == "The query answers 0, which is not true."
    assert "tt" in found["typo"]["message"]


def test_a_server_that_is_not_here_makes_the_proof_partial_and_is_named(
    stack: DrilledStack, server: OwnMysqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = "CREATE DATABASE d;", "INSERT INTO nowhere VALUES (1);"
    for version, script, words in (
        ("8.0.36-0ubuntu0.22.04.1", good, "mysql-server-core-8.0"),
        (here(server, more=9), good, "which is older"),
        (here(server, more=-1), bad, "is of MariaDB"),  # the version may be at fault
    ):
        save_as(stack, server, version, script)
        done = stack.drill("latest")
        (left_out,) = (each for each in done.document["checks"] if each["answer"] == "not-run")
        assert (done.status, left_out["code"], left_out["subject"]) == (3, "loaded", "db")
        assert words in left_out["message"] + left_out["hint"]
    monkeypatch.setattr(mysql_loading, "find_mysql_programs", lambda _environment: {})
    save_as(stack, server, here(server), good)
    done = stack.drill("latest")
    (left_out,) = (each for each in done.document["checks"] if each["answer"] == "not-run")
    assert (done.status, "mariadb-server-core" in left_out["hint"]) == (3, True)


def test_after_a_kill_the_server_goes_by_itself_and_the_next_drill_clears_the_rest(
    stack: DrilledStack, server: OwnMysqlServer
) -> None:
    sign = stack.folder / "sign"
    save_as(stack, server, here(server), "CREATE DATABASE d;")
    stack.configure(
        describe(server, ONE), f'[drill]\nchecks = [{{ name = "wait", run = "echo $$ > {sign}; exec sleep 60" }}]'
    )
    surroundings = {name: text for name, text in os.environ.items() if not name.startswith("REBOND_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "rebond.cli", "drill", "latest", "--quiet"],
        env={**surroundings, **stack.program.environment},
        cwd=stack.root,
    )
    wait_for(lambda: sign.exists() and bool(sign.read_text().strip()), "the check runs")
    assert len(list_servers(stack)) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not list_servers(stack), "the server ends")  # nobody told it to: its input ended
    stack.configure()
    stack.program.good("drill", "latest")


def list_servers(stack: DrilledStack) -> list[str]:
    found: list[Any] = []
    for each in stack.left():
        if each.startswith("process "):
            pid = each.removeprefix("process ")
            try:
                name = pathlib.Path("/proc", pid, "comm").read_text().strip()
            except OSError:
                continue
            found += [pid] if name in {"mariadbd", "mysqld"} else []
    return found
