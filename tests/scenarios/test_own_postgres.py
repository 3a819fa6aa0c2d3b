"""The server of the tests: what keeps it from stopping keeps no test from ending."""

import pytest
from tests.bounded import wait_for

from rebond.testing import postgres_server
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


def test_a_server_whose_archiver_hangs_is_ended_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    server = PostgresServer(
        settings={
            "wal_level": "replica",
            "archive_mode": "on",
            "archive_command": "touch %p.asked; exec sleep 600",
        }
    )
    server.sql("SELECT pg_switch_wal()")
    wait_for(lambda: list((server.data / "pg_wal").glob("*.asked")), "the archiver that hangs")
    monkeypatch.setattr(postgres_server, "_START_SECONDS", 0.5)
    with pytest.raises(AssertionError, match="did not stop"):
        server.remove()

    assert server._process.returncode is not None
    assert not server.folder.exists()
