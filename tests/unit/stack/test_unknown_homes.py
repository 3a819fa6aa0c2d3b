"""A server whose address stood in what was not back yet is no other server when it is."""

import pathlib

import pytest
from tests.unit.config.written import read_body

from rebond.config.components import Postgres
from rebond.stack.database_targets import describe_home, may_be_home


@pytest.mark.parametrize(
    ("body", "other"),
    [
        ('host = { env = "DB_HOST" }\ndatabase = "shop"', ""),
        ('in = "docker:db"\ndatabase = { env = "DB_NAME" }', 'in = "docker:db2"\ndatabase = { env = "DB_NAME" }'),
    ],
)
def test_what_was_told_before_the_secrets_were_back_is_the_same_home(
    tmp_path: pathlib.Path, body: str, other: str
) -> None:
    head = '[component.db]\nkind = "postgres"\n'
    known = {"DB_HOST": "db.example", "DB_NAME": "shop"}

    def describe(text: str, variables: dict[str, str]) -> tuple[Postgres, str]:
        loaded = read_body(tmp_path, head + text + "\n", **variables).loaded
        assert loaded is not None
        component = loaded.configuration.component["db"]
        assert isinstance(component, Postgres)
        return component, describe_home("db", component, loaded)

    _, before = describe(body, {})
    component, home = describe(body, known)
    assert before != home
    assert may_be_home(before, "db", component, home)
    assert may_be_home(home, "db", component, home)
    assert not may_be_home(f"{home}-of-another", "db", component, home)
    if other:
        component, home = describe(other, known)
        assert not may_be_home(before, "db", component, home)
