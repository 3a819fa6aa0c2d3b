"""Dumps of a real MariaDB server, loaded again: every row, object, user and right before and after."""

import os
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence

import pytest

from rebond.clock import SystemClock
from rebond.errors import CommandFailed
from rebond.secret import Secret
from rebond.sources.servers import mysql
from rebond.sources.servers.mysql_looks import build_look, list_findings, read_looks
from rebond.sources.servers.mysql_programs import MARIADB, find_mysql_programs, widen_path
from rebond.sources.servers.own_mysql import OwnMysqlServer
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.whole_output import read_output
from rebond.stack.discovery.proposing_databases import MYSQLDUMP

pytestmark = pytest.mark.judge("mariadb")


@pytest.fixture(autouse=True)
def _no_options_of_who_tests(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


SCHEMA = r"""
CREATE DATABASE shop DEFAULT CHARACTER SET latin1; USE shop;
CREATE TABLE zero (id int AUTO_INCREMENT PRIMARY KEY, d date, dt datetime, ts timestamp NULL);
SET time_zone = '+05:30';
INSERT INTO zero VALUES (0, '0000-00-00', '2024-02-00 00:00:00', '2024-10-27 00:30:00'), (5, NULL, NULL, NULL);
CREATE TABLE numbers (d double, n decimal(65,30), y year, t time(6), dt datetime(6), b bit(64), g geometry, j json,
  u uuid, s set('a','é'), e enum('','x','é'), bl longblob, bn binary(4));
INSERT INTO numbers VALUES
  (0.1 + 0.2, 1.123456789012345678901234567890, 1901, '-838:59:59', '2020-01-01 00:00:00.123456', 18446744073709551615,
   ST_GeomFromText('POINT(1 2)'), '{"a": "é\\n"}', '123e4567-e89b-12d3-a456-426655440000', 'a,é', '', unhex('00ff270a0d5c1a'), 'ab'),
  (5e-324, 0, 0, 0, NULL, 0, NULL, NULL, NULL, '', 'é', '', unhex('00000000'));
CREATE TABLE texts (l varchar(100) CHARACTER SET latin1, u varchar(100) CHARACTER SET utf8mb4, g varchar(9) CHARACTER SET gbk,
  w varchar(9) CHARACTER SET utf16, b varchar(9) CHARACTER SET binary);
INSERT INTO texts VALUES ('é€', '😀\'"\\\0\Z\r\n\t', _gbk 0xbf5c, '😀', unhex('ff00fe')), (_latin1 0x818d8f909d00ff, '', '', '', '');
CREATE TABLE made (a int, b int AS (a * 2) VIRTUAL, c int AS (a + 1) STORED, h int INVISIBLE DEFAULT 7, CHECK (a < 100));
INSERT INTO made (a, h) VALUES (1, 9), (2, 8);
CREATE SEQUENCE counter START WITH 10 INCREMENT BY 3 CYCLE MINVALUE 1 MAXVALUE 1000 CACHE 5;
CREATE TABLE counted (id int DEFAULT nextval(counter), x int); INSERT INTO counted (x) VALUES (1), (2);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
SET foreign_key_checks = 0; INSERT INTO child VALUES (2, 99); SET foreign_key_checks = 1;
CREATE TABLE `odd ``na\\me;é` (`c;``\\x` int, `ü` text); INSERT INTO `odd ``na\\me;é` VALUES (1, 'x');
CREATE TABLE parted (y int) PARTITION BY RANGE (y) (PARTITION a VALUES LESS THAN (2000), PARTITION b VALUES LESS THAN MAXVALUE);
INSERT INTO parted VALUES (1999), (2020);
CREATE TABLE log (t text);
DELIMITER ;;
CREATE TRIGGER first BEFORE INSERT ON parent FOR EACH ROW BEGIN /* why */ SET NEW.id = 1; -- the end
INSERT INTO log VALUES ('é;'); END;;
CREATE TRIGGER a_second BEFORE INSERT ON parent FOR EACH ROW FOLLOWS first SET NEW.id = NEW.id + 1;;
CREATE PROCEDURE p(IN a int, OUT b text) SQL SECURITY INVOKER COMMENT 'c''é' BEGIN
# a comment
SET b = 'x # not one; \\! ls /* nor this */'; END;;
CREATE FUNCTION two_lines() RETURNS text DETERMINISTIC RETURN 'aCRLFb';;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'é'
  DO BEGIN INSERT INTO log VALUES ('x'); END;;
DELIMITER ;
CREATE USER app@'%' IDENTIFIED BY 'ge#h"eim'; CREATE ROLE boss; GRANT SELECT ON shop.* TO boss; GRANT boss TO app@'%';
GRANT ALL ON shop.zero TO app@'%'; GRANT EXECUTE ON PROCEDURE shop.p TO app@'%'; GRANT SELECT (d) ON shop.zero TO app@'%';
CREATE USER nobody@localhost ACCOUNT LOCK;
CREATE DEFINER=gone@nowhere VIEW of_gone AS SELECT id FROM shop.zero;
CREATE DEFINER=app@'%' VIEW of_app AS SELECT id FROM shop.zero;
CREATE VIEW a_view AS SELECT * FROM of_app WHERE id < 10;
CREATE DATABASE `other ``é` COLLATE utf8mb4_bin; USE `other ``é`; CREATE VIEW across AS SELECT * FROM shop.zero;
"""  # noqa: E501 - statements are read by the line
STATES = """
SELECT trigger_name, action_order, action_statement, definer, sql_mode, character_set_client FROM information_schema.triggers ORDER BY 1;
SELECT db, name, type, hex(param_list), hex(body), definer, comment, sql_mode, security_type FROM mysql.proc WHERE db = 'shop' ORDER BY 2;
SELECT event_name, event_definition, definer, time_zone, status, starts, event_comment FROM information_schema.events;
SELECT host, user, json_compact(priv) FROM mysql.global_priv ORDER BY 1, 2;
SELECT * FROM mysql.db ORDER BY 1, 2, 3;
SELECT host, db, user, table_name, table_priv, column_priv FROM mysql.tables_priv ORDER BY 1, 2, 3, 4;
SELECT host, db, user, table_name, column_name, column_priv FROM mysql.columns_priv;
SELECT host, db, user, routine_name, proc_priv FROM mysql.procs_priv;
SELECT * FROM mysql.roles_mapping ORDER BY 1, 2, 3;
"""  # noqa: E501


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
            yield made
        finally:
            made.stop()


def run_sql(server: OwnMysqlServer, script: str | bytes, *options: str) -> str:
    """Run a script as somebody would by hand; return what it answers."""
    words = [server.programs.client, "--no-defaults", f"--socket={server.socket}", "--user=root", "--batch", "--raw"]
    words += ["--skip-column-names", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", *options]
    given = script.encode() if isinstance(script, str) else script
    done = subprocess.run(words, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return done.stdout.decode(errors="backslashreplace")


def write_sql(server: OwnMysqlServer, script: str) -> None:
    """Run a script whose routines keep their comments and line ends."""
    run_sql(server, "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';" + script, *mysql.LOADING)


def reach(
    server: OwnMysqlServer, *databases: str, user: str = "root", password: str | None = None
) -> mysql.MysqlServer:
    return mysql.MysqlServer(
        host=str(server.socket),
        user=user,
        password=None if password is None else Secret(password),
        databases=databases or ("*",),
    )


def run(wanted: mysql.MysqlServer, words: Sequence[str], environment: Mapping[str, str]) -> bytes:
    login = mysql.describe_login(wanted)
    return read_output(lambda: CommandReader(words, environment=environment, given=login), program="mysql")


def dump(
    server: OwnMysqlServer,
    *databases: str,
    user: str = "root",
    password: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> bytes:
    wanted = reach(server, *databases, user=user, password=password)
    return run(wanted, mysql.build_dump(wanted), environment)


def run_proposed(server: OwnMysqlServer, home: pathlib.Path, options: str = "") -> bytes:
    """Run what `rebond init` proposes for a container whose password it does not know."""
    (home / ".my.cnf").write_text(f"[client]\nsocket={server.socket}\n{options}")
    environment = {**os.environ, "HOME": str(home)}
    return read_output(lambda: CommandReader(["sh", "-c", MYSQLDUMP], environment=environment), program="sh")


def look(
    server: OwnMysqlServer, *databases: str, user: str = "root", environment: Mapping[str, str] = os.environ
) -> dict[str, object]:
    """What is told before a dump: names by the code of the finding."""
    wanted = reach(server, *databases, user=user)
    looks = read_looks(run(wanted, build_look(wanted), environment))
    return {each.code: each.values["names"] for each in list_findings(looks, wanted, "db")}


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def describe(server: OwnMysqlServer, *databases: str) -> dict[str, str]:
    """Everything that these databases hold, with its rows to the byte, and all rights of the server."""
    found = {"states": run_sql(server, STATES)}
    for database in databases:
        found[database] = run_sql(server, f"SHOW CREATE DATABASE {quote(database)}")
        listed = run_sql(
            server,
            "SELECT hex(table_name), table_type, group_concat(hex(column_name) ORDER BY ordinal_position) "
            "FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name) "
            f"WHERE table_schema = '{database}' GROUP BY 1, 2",
        )
        for line in listed.splitlines():
            code, kind, columns = line.split("\t")
            table = f"{quote(database)}.{quote(bytes.fromhex(code).decode())}"
            found[table] = run_sql(server, f"SHOW CREATE TABLE {table}")
            if kind != "VIEW":
                values = ", ".join(f"hex({quote(bytes.fromhex(each).decode())})" for each in columns.split(","))
                found[f"rows of {table}"] = run_sql(server, f"SELECT {values} FROM {table} ORDER BY 1")
    return found


@pytest.mark.parametrize("way", ["own kind", "proposed command"])
def test_every_row_object_user_and_right_of_a_server_comes_back(
    server: OwnMysqlServer, way: str, tmp_path: pathlib.Path
) -> None:
    write_sql(server, SCHEMA.replace("CRLF", "\r\n"))
    databases = ("shop", "other `é")
    before = describe(server, *databases)
    assert "0D0A" in before["states"]
    assert len(before) > 25
    saved = dump(server) if way == "own kind" else run_proposed(server, tmp_path)
    run_sql(server, "DROP DATABASE shop; DROP DATABASE `other ``é`; DROP USER app@'%'; DROP ROLE boss;")
    assert describe(server) != before
    run_sql(server, saved, *mysql.LOADING)

    after = describe(server, *databases)
    assert {name: text for name, text in after.items() if text != before.get(name)} == {}
    assert set(after) == set(before)
    assert dump(server, *databases) == dump(server, *databases)
    run_sql(
        server, "DROP DATABASE shop; DROP DATABASE `other ``é`; DROP USER app@'%', nobody@localhost; DROP ROLE boss"
    )


def test_rows_larger_than_what_the_tools_allow_by_themselves_are_saved(server: OwnMysqlServer) -> None:
    run_sql(server, "SET GLOBAL max_allowed_packet = 1073741824; CREATE DATABASE large")
    run_sql(server, "CREATE TABLE large.t (b longblob); INSERT INTO large.t VALUES (repeat('x', 25000000))")
    saved_bytes = len(dump(server, "large"))
    run_sql(server, "DROP DATABASE large")

    assert saved_bytes > 50_000_000


def test_files_of_options_lead_to_no_other_server_and_leave_no_rows_out(
    server: OwnMysqlServer, tmp_path: pathlib.Path
) -> None:
    run_sql(server, "CREATE DATABASE mine; CREATE TABLE mine.t (at timestamp NULL); INSERT INTO mine.t VALUES (now())")
    run_sql(server, "CREATE USER keeper@localhost IDENTIFIED BY 'one'; GRANT ALL ON *.* TO keeper@localhost")
    environment = {**os.environ, "HOME": str(tmp_path)}
    expected = dump(server, "mine")
    assert b"INSERT" in expected
    for text in (
        "[client]\nhost=elsewhere.invalid\nsocket=/nowhere\nprotocol=tcp\n",
        "[mysqldump]\nno-data\nskip-tz-utc\nno-create-info\n",
        "[mysqldump]\nskip-opt\nskip-comments\ninsert-ignore\nskip-triggers\nskip-quote-names\n",
        "[client]\nuser=nobody\npassword=another\n",
    ):
        (tmp_path / ".my.cnf").write_text(text)
        assert dump(server, "mine", user="keeper", password="one", environment=environment) == expected, text
    (tmp_path / ".my.cnf").write_text("[client]\npassword=one\n")  # who is not told a password still takes that
    assert dump(server, "mine", user="keeper", environment=environment) == expected
    run_sql(server, "DROP DATABASE mine; DROP USER keeper@localhost")


def test_no_file_of_options_empties_what_is_proposed(server: OwnMysqlServer, tmp_path: pathlib.Path) -> None:
    run_sql(server, "CREATE DATABASE mine; CREATE TABLE mine.t (a int); INSERT INTO mine.t VALUES (4711)")
    try:
        expected = run_proposed(server, tmp_path)
        assert b"INSERT INTO `t` VALUES\n(4711)" in expected or b"INSERT INTO `t` VALUES (4711)" in expected
        for text in (
            "no-data\nskip-tz-utc\nno-create-info\n",
            "skip-opt\nskip-comments\ninsert-ignore\nskip-triggers\nskip-quote-names\n",
        ):
            assert run_proposed(server, tmp_path, f"[mysqldump]\n{text}") == expected, text
    finally:
        run_sql(server, "DROP DATABASE mine")


@pytest.mark.parametrize("password", ["", " a ", "'b\"", "a\\b\\n", "#;]", "é€😀", "$(x)`y`", "=", "'q'", '"q"', "\\"])
def test_every_password_opens(server: OwnMysqlServer, password: str) -> None:
    run_sql(server, "CREATE USER pass@localhost; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO pass@localhost")
    quoted = password.replace("\\", "\\\\").replace("'", "''")
    run_sql(server, f"SET PASSWORD FOR pass@localhost = PASSWORD('{quoted}')", "--binary-mode")
    try:
        assert dump(server, "mysql", user="pass", password=password)
    finally:
        run_sql(server, "DROP USER pass@localhost")


def test_a_table_that_is_changed_meanwhile_fails_the_dump_aloud(server: OwnMysqlServer) -> None:
    run_sql(server, "CREATE DATABASE moving; USE moving; CREATE TABLE a (t text); CREATE TABLE z (id int PRIMARY KEY)")
    run_sql(server, "USE moving; INSERT INTO z VALUES (1); INSERT INTO a SELECT repeat('x', 2000) FROM seq_1_to_20000")
    wanted = reach(server, "moving")
    reader = CommandReader(mysql.build_dump(wanted), environment=os.environ, given=mysql.describe_login(wanted))
    room = memoryview(bytearray(4096))
    try:
        assert reader.readinto(room)  # the rest waits until it is read: the pipe is full long before its end
        run_sql(server, "TRUNCATE moving.z")
        while reader.readinto(room):
            pass
        with pytest.raises(CommandFailed, match="definition has changed"):
            reader.finish()
    finally:
        reader.close()
        run_sql(server, "DROP DATABASE moving")


@pytest.fixture
def former(server: OwnMysqlServer) -> Iterator[str]:
    """A database with a table that keeps its former rows."""
    run_sql(server, "CREATE DATABASE former; CREATE TABLE former.t (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING")
    run_sql(server, "INSERT INTO former.t VALUES (1, 1), (2, 2); UPDATE former.t SET v = 3 WHERE id = 1")
    run_sql(server, "DELETE FROM former.t WHERE id = 2")
    yield "former"
    run_sql(server, "DROP DATABASE IF EXISTS former")


def test_former_rows_of_tables_that_keep_them_come_back_too(server: OwnMysqlServer, former: str) -> None:
    asked = "SELECT *, row_start, row_end FROM former.t FOR SYSTEM_TIME ALL ORDER BY id, v"
    before = run_sql(server, asked)
    assert len(before.splitlines()) == 3
    wanted = reach(server, former)
    looks = read_looks(run(wanted, build_look(wanted), os.environ))
    assert looks.takes_history
    saved = run(wanted, mysql.build_dump(wanted, takes_history=looks.takes_history), os.environ)
    run_sql(server, "DROP DATABASE former")
    run_sql(server, saved, *mysql.LOADING)

    assert run_sql(server, asked) == before
    assert look(server, former) == {}


def test_a_history_that_the_tool_cannot_take_is_named_and_the_rows_are_saved(
    server: OwnMysqlServer, former: str
) -> None:
    run_sql(
        server,
        "CREATE TABLE former.exact (id int, s bigint unsigned GENERATED ALWAYS AS ROW START INVISIBLE,"
        " e bigint unsigned GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME(s, e))"
        " WITH SYSTEM VERSIONING; INSERT INTO former.exact (id) VALUES (7)",
    )
    wanted = reach(server, former)
    looks = read_looks(run(wanted, build_look(wanted), os.environ))

    assert not looks.takes_history
    assert look(server, former) == {"history-left-out": "former.exact, former.t"}
    saved = run(wanted, mysql.build_dump(wanted, takes_history=looks.takes_history), os.environ)
    assert b"INSERT INTO `exact`" in saved


def test_what_the_user_may_not_see_is_told(server: OwnMysqlServer) -> None:
    run_sql(server, "CREATE DATABASE seen_; CREATE TABLE seen_.t (id int); CREATE USER k@localhost; CREATE ROLE seer")
    everything = {"unseen-tables": "seen_", "unseen-triggers": "seen_", "unseen-routines": "seen_"}
    try:
        for grant, told in (
            ("SELECT (id) ON seen_.t", everything),
            ("SELECT ON seen_.t", everything),
            ("SELECT ON `seen\\_`.*", {name: each for name, each in everything.items() if name != "unseen-tables"}),
            ("TRIGGER, SHOW VIEW ON `see%`.*", {"unseen-routines": "seen_"}),
            ("EXECUTE ON seen_.*", {}),
        ):
            run_sql(server, f"GRANT {grant} TO k@localhost")
            assert look(server, "seen_", user="k") == told, grant
        assert look(server, user="k") == dict.fromkeys(everything, "*")
        run_sql(server, "GRANT SELECT, TRIGGER ON *.* TO k@localhost")
        assert look(server, user="k") == {}
        run_sql(server, "REVOKE ALL, GRANT OPTION FROM k@localhost; GRANT ALL ON seen_.* TO k@localhost")
        assert look(server, "seen_", user="k") == {}
        run_sql(server, "REVOKE ALL, GRANT OPTION FROM k@localhost; GRANT seer TO k@localhost")
        assert look(server, "seen_", user="k") == {}  # what a role may is not known
        assert look(server) == {}
        run_sql(server, "REVOKE seer FROM k@localhost; GRANT ALL ON seen_.* TO k@localhost")
        run_sql(server, "SET GLOBAL sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')")
        assert look(server, "seen_", user="k") == {}
    finally:
        run_sql(server, "SET GLOBAL sql_mode = REPLACE(@@sql_mode, 'ANSI_QUOTES', '')")
        run_sql(server, "DROP DATABASE seen_; DROP USER k@localhost; DROP ROLE seer")


def test_what_a_dump_holds_otherwise_than_the_server_is_named(server: OwnMysqlServer, tmp_path: pathlib.Path) -> None:
    run_sql(server, "CREATE DATABASE odd; CREATE TABLE odd.a (f float, g float(7, 2), d double, n decimal)")
    run_sql(server, "CREATE TABLE odd.m (id int) ENGINE=MyISAM; CREATE SEQUENCE odd.s")
    run_sql(server, "CREATE TABLE odd.j (t varchar(9) CHARACTER SET sjis, l text CHARACTER SET latin1)")
    for number in range(6):
        run_sql(server, f"CREATE TABLE odd.z{number} (id int) ENGINE=Aria")
    (tmp_path / ".my.cnf").write_text("[mysqldump]\nignore-table=odd.a\nwhere=id > 3\nuser=root\n")
    told = {
        "another-moment": "odd.m, odd.z0, odd.z1, odd.z2, odd.z3, …",
        "digits-left-out": "odd.a.f",
        "letters-changed": "odd.j.t",
    }
    try:
        assert look(server, "odd") == told
        environment = {**os.environ, "HOME": str(tmp_path)}
        assert look(server, "odd", environment=environment) == {**told, "left-out-by-options": "ignore-table, where"}
    finally:
        run_sql(server, "DROP DATABASE odd")
