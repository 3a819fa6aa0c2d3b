"""A database with something of everything that PostgreSQL knows."""

from rebond.testing.postgres_server import PostgresServer

SCHEMA = r"""
CREATE SCHEMA "odd. ""schema""/%";
CREATE EXTENSION pg_trgm; -- contrib
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'so ''so''', 'glad');
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mood mood,
  shown text GENERATED ALWAYS AS (upper(name)) STORED, "when" timestamptz, span interval, amount numeric, share float8,
  raw bytea, words text[], doc jsonb, dropped integer);
ALTER TABLE customer DROP COLUMN dropped;
CREATE TABLE orders (id serial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer (id) DEFERRABLE,
  placed date NOT NULL, count positive);
CREATE TABLE "odd. ""schema""/%"."a.b\c
d	e" ("col ""umn" text, "sel""ect" int);
CREATE TABLE "odd. ""schema""/%".long_name_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ("é" text);
CREATE TABLE empty_one (id int);
CREATE TABLE no_columns ();
CREATE TABLE only_generated (g int GENERATED ALWAYS AS (1) STORED);
CREATE TABLE parent (id int, note text);
CREATE TABLE child (more int) INHERITS (parent);
CREATE TABLE event (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (what);
CREATE TABLE event_2026_a PARTITION OF event_2026 FOR VALUES IN ('a');
CREATE TABLE event_rest PARTITION OF event DEFAULT;
CREATE UNLOGGED TABLE fleeting (id int);
CREATE SEQUENCE never_called START 7;
CREATE SEQUENCE "odd. ""schema""/%"."se'q" INCREMENT -3 MAXVALUE 100 START 100;
CREATE INDEX ON customer USING gin (name gin_trgm_ops); -- contrib
CREATE UNIQUE INDEX ON orders (customer_id, placed) WHERE count > 5;
CREATE VIEW happy AS SELECT * FROM customer WHERE mood = 'glad';
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(count) AS total FROM orders GROUP BY 1;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
-- a line that looks like a command of psql:
-- \unrestrict rebond
NEW.name := NEW.name || '!'; RETURN NEW; END $$;
CREATE TRIGGER stamping BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE RULE "no" AS ON DELETE TO parent DO INSTEAD NOTHING;
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON customer USING (name = current_user);
CREATE STATISTICS both_of (dependencies) ON customer_id, placed FROM orders;
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); -- icu
COMMENT ON TABLE orders IS 'what was ''ordered''';
CREATE ROLE reader; CREATE ROLE "odd ""role"" x" LOGIN PASSWORD 'secret';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
GRANT UPDATE (name) ON customer TO "odd ""role"" x";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader;
CREATE PUBLICATION everything FOR TABLE orders;
ALTER TABLE empty_one OWNER TO reader;
ALTER DATABASE shop SET search_path = public, "odd. ""schema""/%";
ALTER ROLE reader IN DATABASE shop SET work_mem = '5MB';
COMMENT ON DATABASE shop IS 'the shop';
"""
ROWS = r"""
INSERT INTO customer (name, mood, "when", span, amount, share, raw, words, doc)
SELECT 'n' || g || CASE g % 5 WHEN 0 THEN E'\n\\.\n\t\\N' WHEN 1 THEN ' é 漢 😀' ELSE '' END,
  (enum_range(NULL::mood))[g % 3 + 1], timestamptz '2026-03-29 01:59:59.999999+01' + g * interval '1 hour',
  interval '1 mon -3 days 04:05:06.000007' * g, g / 7.0,
  CASE g % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE 0.1 * g END,
  decode(md5(g::text), 'hex'), ARRAY['a,b', NULL, '"'], jsonb_build_object('k', g, 'u', E'\u00e9')
FROM generate_series(1, 3000) g;
INSERT INTO orders (customer_id, placed, count) SELECT g, date '0044-03-15 BC' + g, g FROM generate_series(1, 2000) g;
INSERT INTO "odd. ""schema""/%"."a.b\c
d	e" VALUES ('', 1), (NULL, NULL), ('\.', 3);
INSERT INTO "odd. ""schema""/%".long_name_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa VALUES ('rebond-rows 5');
INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO only_generated DEFAULT VALUES;
INSERT INTO parent VALUES (1, 'of the parent'); INSERT INTO child VALUES (2, 'of the child', 3);
INSERT INTO event VALUES ('2025-05-05', 'b'), ('2026-06-06', 'a'), ('1999-01-01', 'c');
INSERT INTO fleeting SELECT generate_series(1, 10);
SELECT nextval('"odd. ""schema""/%"."se''q"'), nextval('"odd. ""schema""/%"."se''q"');
REFRESH MATERIALIZED VIEW totals;
SELECT lo_from_bytea(70001, decode(repeat('00ff5c27', 50000), 'hex')), lo_from_bytea(70002, ''),
  lo_from_bytea(70003, 'x');
ALTER LARGE OBJECT 70003 OWNER TO reader; GRANT SELECT ON LARGE OBJECT 70001 TO reader;
"""

DESCRIBE = r"""
SET TimeZone = 'UTC'; SET search_path = '';
SELECT format('SELECT %L, coalesce(md5(string_agg(t::text, E''\n'' ORDER BY t::text)), ''none''), count(*)
  FROM ONLY %s t',
  c.oid::regclass, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1 \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', c.oid::regclass, c.oid::regclass)
FROM pg_class c WHERE c.relkind = 'S' ORDER BY 1 \gexec
SELECT oid, md5(lo_get(oid)), length(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1;
SELECT extname, extversion FROM pg_extension ORDER BY 1;
"""
"""SQL that says what every table, sequence and large object holds."""


def fill_shop(server: PostgresServer) -> None:
    """Make the database ``shop``; what the build of the server lacks is left out."""
    has = {
        "-- contrib": "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'",
        "-- icu": "SELECT count(*) / 10 FROM pg_collation WHERE collprovider = 'i'",
    }
    absent = tuple(mark for mark, question in has.items() if server.sql(question) == "0\n")
    lines = [line for line in SCHEMA.splitlines() if not absent or not line.endswith(absent)]
    server.sql("CREATE DATABASE shop")
    server.sql("\n".join(lines), "shop")
    server.sql(ROWS, "shop")
