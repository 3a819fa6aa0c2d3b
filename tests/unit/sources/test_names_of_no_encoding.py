"""Names of databases of SQL_ASCII, whose bytes are no UTF-8, in what is written of them."""

from types import SimpleNamespace
from typing import cast

from rebond.sources.postgres.contents import _add_settings, _Contents
from rebond.sources.postgres.saved import Manifest, SavedDatabase

NAME = "caf\udce9"


def test_the_bytes_of_a_name_stand_in_what_makes_its_database() -> None:
    manifest = Manifest(database=NAME, server_version="15.1", encoding="SQL_ASCII", collate="C", ctype="C", owner=NAME)
    made: list[dict[str, object]] = []
    contents = SimpleNamespace(add=lambda **values: made.append(values))
    saved = SimpleNamespace(manifest=manifest, name=NAME)

    _add_settings(cast("_Contents", contents), cast("SavedDatabase", saved), "SQL_ASCII")

    assert b'CREATE DATABASE "caf\xe9" WITH' in cast("bytes", made[-1]["definition"])
    assert made[-1]["drop"] == b'DROP DATABASE "caf\xe9";\n'
