"""Roles with all that they are and may, and functions whose parameters are called as SQL's own words."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.test_postgres_hard_to_load import load_into, save
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
MAKE = """
CREATE ROLE "shop-group"; CREATE ROLE "shop-app" LOGIN; CREATE ROLE shop_owner;
GRANT "shop-group" TO "shop-app" WITH ADMIN OPTION; GRANT "shop-group" TO shop_owner;
COMMENT ON ROLE "shop-app" IS 'of the shop; not of its staff';
GRANT SET ON PARAMETER log_min_duration_statement TO "shop-app";
CREATE FUNCTION days(begin date, "end" date) RETURNS int LANGUAGE sql AS 'SELECT $2 - $1';
CREATE TABLE stay (id serial PRIMARY KEY, begin date);
CREATE FUNCTION first_stay() RETURNS date LANGUAGE sql
  BEGIN ATOMIC SELECT (SELECT min(begin) FROM stay WHERE CASE WHEN begin IS NULL THEN false ELSE true END); END;
CREATE TABLE guest (id int PRIMARY KEY, name text); INSERT INTO guest VALUES (1, 'a'), (2, 'b');
ALTER TABLE guest OWNER TO shop_owner; GRANT SELECT ON guest TO "shop-app", "shop-group";
"""
ROLES = """
SELECT pg_get_userbyid(roleid), pg_get_userbyid(member), admin_option FROM pg_auth_members
 WHERE pg_get_userbyid(member) !~ '^pg_' ORDER BY 1, 2;
SELECT rolname, rolcanlogin, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname ~ '^shop' ORDER BY 1;
SELECT parname, paracl FROM pg_parameter_acl ORDER BY 1;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture(scope="module")
def program(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return save(server, tmp_path_factory.mktemp("saved"), MAKE)


def test_new_roles_are_members_of_what_they_were_and_may_what_they_might(
    program: Program, server: PostgresServer
) -> None:
    with PostgresServer() as other:
        assert load_into(program, other).status == 0
        assert other.sql(ROLES) == server.sql(ROLES)
        assert "shop-group|shop-app|t" in other.sql(ROLES)
        assert other.dump("again") == server.dump("shop")


def test_a_right_on_a_setting_that_the_server_does_not_have_is_told_and_costs_no_row(
    program: Program, server: PostgresServer
) -> None:
    server.sql("UPDATE pg_parameter_acl SET parname = 'of_another_version'")
    program.good("backup", "--quiet")
    with PostgresServer() as other:
        done = load_into(program, other)
        assert done.status == 3, done.err
        assert "A right of a new role could not be given" in done.out + done.err
        assert 'GRANT SET ON PARAMETER of_another_version TO "shop-app";' in done.out + done.err
        assert other.dump("again") == server.dump("shop")


def test_what_stands_behind_a_parameter_called_begin_comes_back_alone_and_to_another_owner(
    program: Program, server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    with PostgresServer() as other:
        into = f"postgresql://postgres@/again?host={other.socket_folder}"
        program.good("restore", "latest", "--into", into, "--no-owner")
        plain = "--no-owner", "--no-acl"
        assert other.dump("again", *plain) == server.dump("shop", *plain)
        other.sql("CREATE DATABASE one")
        program.good("restore", "latest", "--into", into.replace("again", "one"), "--table", "guest", "--no-owner")
        assert other.sql("TABLE guest", "one") == server.sql("TABLE guest", "shop")
