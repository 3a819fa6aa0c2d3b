"""What is judged of a component of kind postgres without its server, and what is let go when it fails."""

import pathlib
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.config.written import read_body

from rebond.config.components import Postgres
from rebond.sources.postgres.making import find_set_aside, name_aside
from rebond.stack import postgres
from rebond.stack.postgres import ConfiguredPostgres, is_same_server

USUAL = 5432


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (("localhost", USUAL), ("127.0.0.1", USUAL), True),
        (("::1", USUAL), ("LOCALHOST", USUAL), True),
        (("/run/postgresql", USUAL), ("localhost", USUAL), True),
        (("", USUAL), ("127.0.0.1", USUAL), True),
        (("localhost", USUAL), ("localhost", 5433), False),
        (("/tmp/one", USUAL), ("/tmp/two", USUAL), False),
        (("db.example.org", USUAL), ("DB.example.org", USUAL), True),
        (("db.example.org", USUAL), ("localhost", USUAL), False),
        (("10.0.0.1", USUAL), ("127.0.0.1", USUAL), False),
    ],
)
def test_names_of_one_machine_are_one_server(one: tuple[str, int], other: tuple[str, int], is_same: bool) -> None:
    assert is_same_server((None, *one), (None, *other)) is is_same
    assert is_same_server((None, *other), (None, *one)) is is_same
    assert not is_same_server((None, *one), ("compose:db", *other))


@pytest.mark.parametrize(
    ("url", "connection"),
    [
        (
            "postgres:///?host=/run/db&port=5544&user=app&dbname=shop&sslmode=require",
            "host='/run/db' port='5544' user='app' dbname='beside' sslmode='require'",
        ),
        (
            "postgres://me@old:5432/shop?host=new&user=app&port=5544&dbname=live",
            "host='new' port='5544' user='app' dbname='beside'",
        ),
        ("postgres:///shop?host=a,b&port=1,2", "host='a,b' port='1,2' dbname='beside'"),
    ],
)
def test_what_the_query_of_an_address_names_leads_no_other_connection_astray(
    tmp_path: pathlib.Path, url: str, connection: str
) -> None:
    """What was meant for the database beside went into the one that ``dbname=`` names: the live one."""
    loaded = read_body(tmp_path, f'[component.db]\nkind = "postgres"\nurl = "{url}"\n').loaded
    assert loaded
    component = loaded.configuration.component["db"]
    assert isinstance(component, Postgres)
    server, database = ConfiguredPostgres("db", component, loaded).find_server()
    words = server.describe_connection("beside").split()
    ours = ("connect_timeout=", "fallback_application_name=", "hostaddr=")
    assert " ".join(each for each in words if not each.startswith(ours)) == connection
    assert database == ("live" if "live" in url else "shop")


def test_what_other_components_save_counts_by_whatever_way_they_reach_the_server(tmp_path: pathlib.Path) -> None:
    ways = {"a": 'host = "127.0.0.1"', "b": 'url = "postgres://me@localhost:5432"', "c": 'host = "/run/postgresql"'}
    others = "".join(
        f'[component.{name}]\nkind = "postgres"\n{way}\nuser = "me"\ndatabase = "of_{name}"\n'
        for name, way in {**ways, "far": 'host = "db.example.org"'}.items()
    )
    loaded = read_body(tmp_path, f'[component.db]\nkind = "postgres"\ndatabase = "shop"\nhost = "::1"\n{others}').loaded
    assert loaded
    component = loaded.configuration.component["db"]
    assert isinstance(component, Postgres)
    configured = ConfiguredPostgres("db", component, loaded)
    assert set(configured.list_saved_beside()) == {"of_a", "of_b", "of_c"}


def test_held_snapshots_are_let_go_when_the_question_for_others_is_interrupted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    snapshot = SimpleNamespace(database=SimpleNamespace(beside=1))
    tree = SimpleNamespace(snapshots=[snapshot], close=lambda: closed.append(True))

    def interrupt(*_: Any) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(postgres, "find_programs", lambda _: [None])
    monkeypatch.setattr(postgres, "open_databases", lambda *_, **__: tree)
    monkeypatch.setattr(postgres, "list_databases", interrupt)
    loaded = read_body(tmp_path, '[component.db]\nkind = "postgres"\ndatabase = "shop"\n').loaded
    assert loaded
    component = loaded.configuration.component["db"]
    assert isinstance(component, Postgres)
    configured = ConfiguredPostgres("db", component, loaded)
    configured.files = None
    with pytest.raises(KeyboardInterrupt):
        configured.open_tree(lambda _: None)
    assert closed == [True]


@pytest.mark.parametrize("name", ["shop", "a" * 63, "é" * 31, "before_before_20260204_031500", "two\nlines"])
def test_an_old_version_is_known_by_the_name_that_it_was_given(name: str) -> None:
    old = name_aside(name, 1_770_000_000_000)
    assert find_set_aside([name, old, "postgres"]) == [old]
    assert find_set_aside([old, "postgres"]) == []
