"""What the receiver of a log is started with, on this machine, for a server here and for one inside of something."""

import pathlib

import pytest
from tests.unit.config.written import read_body

from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.stack.wal_ways import StreamWay

BODY = """
[component.db]
kind = "postgres"
method = "physical"
wal = "receive"
user = "keeper"
database = "shop"
"""


def environment_of(folder: pathlib.Path, more: str) -> dict[str, str]:
    loaded: Loaded | None = read_body(
        folder, BODY + more, PGHOST="db.internal", PGSSLMODE="require", REBOND_PASSPHRASE="secret", LANG="C"
    ).loaded
    assert loaded is not None
    component = loaded.configuration.component["db"]
    assert isinstance(component, Postgres)
    return dict(StreamWay("db", component, loaded).environment)


def test_the_receiver_finds_the_server_here_by_what_those_find_it_by_who_ask_it(tmp_path: pathlib.Path) -> None:
    found = environment_of(tmp_path, "")
    assert (found["PGHOST"], found["PGSSLMODE"], found["LANG"]) == ("db.internal", "require", "C")
    assert "REBOND_PASSPHRASE" not in found


@pytest.mark.parametrize("place", ['in = "kubernetes:statefulset/postgres"', 'volume = "data"'])
def test_what_is_said_here_of_servers_is_not_said_of_one_inside(tmp_path: pathlib.Path, place: str) -> None:
    found = environment_of(tmp_path, f"{place}\n")
    assert found["LANG"] == "C"
    assert not [name for name in found if name.startswith("PG") or name == "REBOND_PASSPHRASE"]
