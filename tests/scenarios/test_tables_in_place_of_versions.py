"""What acts on tables, and what they demand, on every version: all of it is as it was, or is told before."""

import json
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.scenarios.table_in_place import KEYS, TableInPlace

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
VERSIONS = [None, 16, pytest.param(17, marks=pytest.mark.judge("postgres-17")), 18]  # None: that of the machine
JOINED = """
CREATE TABLE a (id int PRIMARY KEY, x text);
INSERT INTO a SELECT n, 'a' || n FROM generate_series(1, 20) n;
CREATE TABLE b (id int PRIMARY KEY, a int CONSTRAINT to_a REFERENCES a ON DELETE SET NULL);
INSERT INTO b SELECT n, n FROM generate_series(1, 20) n;
"""
PARTED = """
CREATE TABLE w (id int PRIMARY KEY, a int REFERENCES a) PARTITION BY RANGE (id);
CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (10);
CREATE TABLE w2 PARTITION OF w FOR VALUES FROM (10) TO (30);
INSERT INTO w SELECT n, n FROM generate_series(1, 20) n;
CREATE TABLE f (w int REFERENCES w); INSERT INTO f VALUES (3), (13);
"""
ACTING = """
CREATE TABLE told (words text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO public.told VALUES (TG_NAME); RETURN NEW; END $$;
CREATE TRIGGER t1 AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER t2 AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER t3 AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION tell();
CREATE RULE r1 AS ON INSERT TO a DO ALSO INSERT INTO told VALUES ('r1');
CREATE RULE r2 AS ON INSERT TO a DO ALSO INSERT INTO told VALUES ('r2');
CREATE RULE r3 AS ON INSERT TO a DO ALSO INSERT INTO told VALUES ('r3');
"""


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with PostgresServer(major=request.param) as made:
        yield made


def turn_key_triggers(place: TableInPlace, table: str, how: str) -> None:
    """As a superuser does who loads rows past the keys; they have names that nobody chose."""
    place.sql(
        f"SELECT format('ALTER TABLE ONLY %s {how} TRIGGER %I', tgrelid::regclass, tgname) FROM pg_trigger "
        f"WHERE tgisinternal AND tgrelid = '{table}'::regclass \\gexec"
    )


@pytest.mark.parametrize(
    ("turned", "how", "wanted"),
    [
        ("b", "DISABLE", ("a", "b")),
        ("a", "ENABLE REPLICA", ("b",)),
        ("w", "ENABLE ALWAYS", ("w2",)),
        ("w2", "DISABLE", ("a", "w1")),
    ],
)
def test_triggers_of_keys_act_as_they_did(
    server: PostgresServer, tmp_path: pathlib.Path, turned: str, how: str, wanted: tuple[str, ...]
) -> None:
    """The key is made anew, and with it triggers that all act: rows were judged that nobody wanted judged."""
    place = TableInPlace(tmp_path, server, JOINED + PARTED)
    turn_key_triggers(place, turned, how)
    saved = [place.rows(each) for each in wanted]
    for table, column in (("a", "x = 'broken'"), ("b", "a = 1"), ("w", "a = 1")):
        place.sql(f"UPDATE {table} SET {column}")
    damaged, acting = place.everything(), place.sql(KEYS)
    place.bring_back(*wanted)
    assert [place.rows(each) for each in wanted] == saved
    assert place.sql(KEYS) == acting
    assert place.undo().status == 0
    assert (place.everything(), place.schemas()) == (damaged, [])


def test_triggers_and_rules_of_users_act_as_they_did(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    place = TableInPlace(tmp_path, server, JOINED + ACTING)
    for kind, names in (("TRIGGER", ("t1", "t2", "t3")), ("RULE", ("r1", "r2", "r3"))):
        for name, how in zip(names, ("DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS"), strict=True):
            place.sql(f"ALTER TABLE a {how} {kind} {name}")
    place.sql("UPDATE a SET x = 'broken'")
    damaged = place.everything()
    place.bring_back("a")
    assert place.rows("told") == []
    assert place.undo().status == 0
    assert (place.everything(), place.rows("told")) == (damaged, [])


def test_only_a_superuser_can_leave_triggers_of_keys_turned(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    place = TableInPlace(tmp_path, server, JOINED)
    server.sql("DROP ROLE IF EXISTS clerk")
    server.sql("CREATE ROLE clerk LOGIN; GRANT CREATE ON DATABASE shop TO clerk")
    place.sql("ALTER TABLE a OWNER TO clerk; ALTER TABLE b OWNER TO clerk")
    place.configuration.write_text(place.configuration.read_text().replace('user = "postgres"', 'user = "clerk"'))
    turn_key_triggers(place, "b", "DISABLE")
    told = place.refuse("a")
    assert ("to_a of public.b" in told["message"], "superuser" in told["hint"]) == (True, True), told
    turn_key_triggers(place, "b", "ENABLE")
    place.sql("UPDATE a SET x = 'broken'")
    place.bring_back("a")
    assert json.loads(place.undo().out)["state"] == "rolled-back"


def test_what_tables_demand_since_is_told_before_anything_is_stopped(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    place = TableInPlace(
        tmp_path,
        server,
        """
        CREATE TABLE checked (x int, e int GENERATED ALWAYS AS (x * 2) STORED); INSERT INTO checked VALUES (1), (7);
        CREATE TABLE filled (x int); INSERT INTO filled VALUES (1), (NULL);
        CREATE TABLE alone (x int); INSERT INTO alone VALUES (1), (1);
        CREATE TABLE apart (x int, y int); INSERT INTO apart VALUES (1, 5), (1, 6);
        CREATE TABLE spaced (x int4range); INSERT INTO spaced VALUES ('[1,5)'), ('[2,3)');
        CREATE TABLE whole (x int) PARTITION BY HASH (x); CREATE TABLE "Part 0" (x int);
        ALTER TABLE whole ATTACH PARTITION "Part 0" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE part_1 PARTITION OF whole FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO whole SELECT * FROM generate_series(1, 40);
        """,
    )
    place.sql(
        """
        TRUNCATE checked, filled, alone, apart, spaced;
        ALTER TABLE checked ADD CONSTRAINT few CHECK (e < 10); ALTER TABLE filled ALTER x SET NOT NULL;
        ALTER TABLE alone ADD CONSTRAINT once UNIQUE (x); CREATE UNIQUE INDEX pairs ON apart (x) WHERE y > 4;
        ALTER TABLE spaced ADD CONSTRAINT "no two" EXCLUDE USING gist (x WITH &&);
        ALTER TABLE whole DETACH PARTITION "Part 0"; TRUNCATE "Part 0";
        ALTER TABLE whole ATTACH PARTITION "Part 0" FOR VALUES WITH (MODULUS 4, REMAINDER 0);
        """
    )
    for table, demand in (
        ("checked", "few (1)"),
        ("filled", "x NOT NULL (1)"),
        ("alone", "once"),
        ("apart", "pairs"),
        ("spaced", "no two"),
        ("Part 0", "FOR VALUES ("),
    ):
        told = place.refuse(table)
        assert f"public.{table}" in told["message"], told
        assert demand in told["message"].partition("by now: ")[2], told
        assert "--rename" in told["hint"]


def test_demands_that_rows_never_met_are_as_they_were_and_so_are_the_rows(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    """Every row that is written is judged by them, also an old one on its way back."""
    place = TableInPlace(
        tmp_path,
        server,
        "CREATE TABLE t (x int, y int); INSERT INTO t VALUES (1, NULL), (20, 3);"
        "ALTER TABLE t ADD CONSTRAINT few CHECK (x < 10) NOT VALID; COMMENT ON CONSTRAINT few ON t IS 'some day';"
        + ("ALTER TABLE t ADD CONSTRAINT known NOT NULL y NOT VALID" if server.major >= 18 else ""),
    )
    saved = place.rows("t")
    place.sql("DELETE FROM t WHERE x = 1; UPDATE t SET y = 4, x = 5; ALTER TABLE t DROP CONSTRAINT few;"
              "INSERT INTO t VALUES (30, 1); ALTER TABLE t ADD CONSTRAINT few CHECK (x < 10) NOT VALID")  # fmt: skip
    damaged = place.everything()
    place.bring_back("t")
    assert place.rows("t") == saved
    assert place.undo().status == 0
    assert (place.everything(), place.schemas()) == (damaged, [])


def test_a_rule_by_which_a_column_is_worked_out_otherwise_is_a_doubt(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    place = TableInPlace(
        tmp_path,
        server,
        'CREATE TABLE t (c int, e int GENERATED ALWAYS AS (c * 2) STORED, "F ""f" text GENERATED ALWAYS AS (CASE c '
        "WHEN 1 THEN E'a,\nb' ELSE '' END) STORED); INSERT INTO t VALUES (1)",
    )
    words = ("restore", "latest", "db", "--in-place", "--table", "t", "--dry-run", "--json")
    assert json.loads(place.program.good(*words).out)["missing"] == []
    place.sql("ALTER TABLE t DROP e; ALTER TABLE t ADD e int GENERATED ALWAYS AS (c * 3) STORED")
    (told,) = json.loads(place.program.good(*words).out)["missing"]
    assert (told["code"], "public.t.e " in told["message"]) == ("worked-out-otherwise", True)
    place.bring_back("t")
    assert place.sql("SELECT e FROM t").strip() == "3"


def test_what_the_newest_versions_brought_comes_back_right(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    tables = (
        "CREATE TABLE w (id int GENERATED ALWAYS AS IDENTITY, k int) PARTITION BY RANGE (k);"
        "CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (10);"
        "INSERT INTO w (k) SELECT n FROM generate_series(1, 5) n;"
        "CREATE TABLE p (id int NOT NULL, n text); CREATE TABLE c (m int) INHERITS (p);"
        "INSERT INTO c VALUES (1, '', 2);"
    )
    names = ["w1", "c"]
    if server.major >= 18:
        tables += (
            "CREATE TABLE v (c int CONSTRAINT known NOT NULL, e int GENERATED ALWAYS AS (c * 2) VIRTUAL);"
            "CREATE TABLE only_v (e int GENERATED ALWAYS AS (2) VIRTUAL);"
            "INSERT INTO v VALUES (4); INSERT INTO only_v DEFAULT VALUES;"
            "CREATE TABLE loose (c int); INSERT INTO loose VALUES (NULL);"
            "ALTER TABLE loose ADD CONSTRAINT some_day NOT NULL c NOT VALID;"
            "CREATE TABLE e (id int4range, v daterange, PRIMARY KEY (id, v WITHOUT OVERLAPS));"
            "CREATE TABLE s (id int4range, v daterange, FOREIGN KEY (id, PERIOD v) REFERENCES e (id, PERIOD v));"
            "INSERT INTO e VALUES ('[1,2)', '[2020-01-01,2021-01-01)'); INSERT INTO s TABLE e;"
            "ALTER TABLE s ADD CONSTRAINT lax CHECK (id <> '[1,2)') NOT ENFORCED"
        )
        names += ["v", "only_v", "loose", "e", "s"]
    place = TableInPlace(tmp_path, server, tables)
    saved = place.everything()
    for each in reversed(names):
        place.sql(f"DELETE FROM ONLY {each}")
    place.bring_back(*names)
    assert place.everything() == saved
    place.undo()
    place.sql(f"DROP TABLE {', '.join(names)}")
    place.bring_back(*names)
    assert place.everything() == saved


def test_keys_of_partitions_that_were_judged_alone_stay_judged(server: PostgresServer, tmp_path: pathlib.Path) -> None:
    """Only from 18 on a whole table may have a key that its partitions were not judged by."""
    judged = "NOT VALID" if server.major >= 18 else ""
    place = TableInPlace(
        tmp_path,
        server,
        JOINED + "CREATE TABLE w (id int, k int) PARTITION BY RANGE (id);"
        "CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE w2 PARTITION OF w FOR VALUES FROM (10) TO (30);"
        f"INSERT INTO w VALUES (1, {99 if judged else 1}), (12, 2);"
        "ALTER TABLE w2 ADD CONSTRAINT wk FOREIGN KEY (k) REFERENCES a;"
        f"ALTER TABLE w ADD CONSTRAINT wk FOREIGN KEY (k) REFERENCES a {judged}",
    )
    place.sql("UPDATE a SET x = 'broken'")
    damaged = place.everything()
    place.bring_back("a")
    assert place.undo().status == 0
    assert place.everything() == damaged


def test_a_database_whose_partitions_have_triggers_of_keys_turned_off_can_be_restored(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    """pg_dump names those triggers by their numbers in the old server: no such database could be loaded at all."""
    place = TableInPlace(tmp_path, server, JOINED + PARTED + "ALTER TABLE w1 DISABLE TRIGGER ALL")
    saved = place.sql("SELECT * FROM w ORDER BY 1")
    place.sql("DELETE FROM f; DELETE FROM w")
    answer = place.program("restore", "latest", "db", "--in-place", "--yes", "--json")
    assert (answer.status, answer.document["problems"]) == (0, []), answer.out
    assert place.sql("SELECT * FROM w ORDER BY 1") == saved
    place.sql("DROP TABLE f; ALTER TABLE w DETACH PARTITION w1; DROP TABLE w1")
    place.bring_back("w1", "f")
    assert place.sql("SELECT * FROM w ORDER BY 1") == saved
    server.sql("DROP DATABASE IF EXISTS by_hand")
    server.sql("CREATE DATABASE by_hand")
    place.program.good("restore", "latest", "db", "--to", tmp_path / "laid", "--quiet")
    script = [str(tmp_path / "laid" / "db" / "restore.sh"), server.connection("by_hand")]
    subprocess.run(["sh", *script], check=True, env={**os.environ, **place.program.environment})
    assert server.sql("SELECT * FROM w ORDER BY 1", "by_hand") == saved


def test_a_schema_whose_tables_have_partitions_in_another_one_does_not_come_back_half(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    place = TableInPlace(
        tmp_path,
        server,
        """
        CREATE SCHEMA other;
        CREATE TABLE w (id int) PARTITION BY RANGE (id); CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (10);
        CREATE TABLE other.w2 PARTITION OF w FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);
        CREATE TABLE other.w2a PARTITION OF other.w2 FOR VALUES FROM (10) TO (30);
        CREATE TABLE other.whole (id int) PARTITION BY RANGE (id);
        CREATE TABLE p PARTITION OF other.whole FOR VALUES FROM (0) TO (10);
        INSERT INTO w SELECT n FROM generate_series(1, 20) n; INSERT INTO p VALUES (1);
        """,
    )
    saved = place.everything()
    place.sql("DELETE FROM w WHERE id IN (5, 15); DELETE FROM p")
    before = place.everything()
    answer = place.restore(more=("--schema", "public"))
    told = json.loads(answer.out)["error"]
    assert (answer.status, place.was_stopped(), place.everything()) == (40, False, before)
    assert "public.w " in told["message"]
    assert told["message"].endswith("other.w2a.")
    assert place.restore("other.w2a", more=("--schema", "public")).status == 0
    assert place.everything() == saved
    assert place.undo().status == 0
    assert place.everything() == before
    assert place.restore(more=("--schema", "other", "--schema", "public")).status == 0
    assert place.everything() == saved
