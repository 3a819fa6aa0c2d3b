"""What is written down of a server beside its base: enough to start that elsewhere, and to see where it cannot be."""

import pathlib

import pytest
from tests.scenarios.archived_server import CONFIGURATION, read_loaded

from rebond.config.components import Postgres
from rebond.sources.postgres_physical.server_facts import STANDBY_SETTINGS, read_facts
from rebond.stack.wal import find_access
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


@pytest.mark.judge("postgres-icu")
def test_what_a_server_is_made_of_is_known(tmp_path: pathlib.Path) -> None:
    with PostgresServer(settings={"max_connections": "37", "wal_level": "replica"}) as server:
        server.sql("CREATE DATABASE shop LOCALE_PROVIDER icu ICU_LOCALE 'fr' TEMPLATE template0 LOCALE 'C.UTF-8'")
        written = tmp_path / "rebond.toml"
        written.write_text(CONFIGURATION.replace("HOST", server.socket_folder))
        loaded = read_loaded(written)
        component = loaded.configuration.component["db"]
        assert isinstance(component, Postgres)
        facts = read_facts(*find_access("db", component, loaded))
        asked = "SELECT system_identifier || ' ' || current_setting('server_version') FROM pg_control_system()"
        assert f"{facts.system_identifier} {facts.version}" == server.sql(asked).strip()
        assert facts.has_checksums == (server.sql("SHOW data_checksums").strip() == "on")  # 18 makes them unasked

    assert (facts.timeline, facts.segment_bytes, facts.page_bytes) == (1, 16 << 20, 8192)
    assert set(facts.floors) == set(STANDBY_SETTINGS)
    assert facts.floors["max_connections"] == "37"
    assert facts.libraries == ""
    assert facts.extensions["shop"].keys() == {"plpgsql"}
    (shop,) = (each for each in facts.databases if each["datname"] == "shop")
    assert shop["datlocprovider"] == "i"
    assert shop["datcollversion"]
