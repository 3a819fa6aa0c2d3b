"""The physical method through `docker exec` and its like: what pg_basebackup sends, and a stream that is cut."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.kept_stack import CHANNELS, KeptStack
from tests.scenarios.test_point_in_time import short_folder
from tests.shims.servers import PASSWORD

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
_SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
from rebond.cli.__main__ import main
main()
"""  # the kernel lets files grow no further, as on a disk without room
COMPONENT = """
[component.shop]
kind = "postgres"
method = "physical"
in = "CHANNEL"
host = "HOST"
database = "postgres"
user = "keeper"
password = { env = "DB_PASSWORD" }
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    quoted = PASSWORD.replace("'", "''")
    settings = {"wal_level": "replica", "max_wal_senders": "4", "wal_keep_size": "64MB"}
    with PostgresServer(settings=settings) as made:
        made.sql(f"SET standard_conforming_strings = on; CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{quoted}'")
        made.sql("CREATE TABLE big AS SELECT g AS id, md5(g::text) FROM generate_series(1, 20000) g")
        yield made


@pytest.fixture(scope="module")
def stack(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> KeptStack:
    made = KeptStack(tmp_path_factory.mktemp("stack"))
    made.write(COMPONENT.replace("CHANNEL", CHANNELS[1]).replace("HOST", server.socket_folder))
    return made


def test_a_server_in_a_container_comes_back_ready_to_start(server: PostgresServer, stack: KeptStack) -> None:
    server.sql("INSERT INTO big VALUES (0, 'last')")
    snapshot = stack.good_backup()["id"]
    with short_folder() as folder:
        stack.program.good("restore", snapshot, "shop", "--to", folder / "back")
        data = folder / "back" / "shop"
        assert (data / "backup_label").is_file()
        with PostgresServer(adopts=data) as back:
            assert back.sql("SELECT count(*), min(id) FROM big").strip() == "20001|0"


@pytest.mark.parametrize("spoilt", [{"SHIM_CUT_AFTER": "700000"}, {"SHIM_CRLF": "1"}, {"SHIM_RUNNING": "nothing"}])
def test_a_stream_that_is_cut_or_changed_makes_no_snapshot(stack: KeptStack, spoilt: dict[str, str]) -> None:
    before = stack.snapshots()
    ended = stack.back_up(**spoilt)
    assert ended.status not in {0, 3}
    assert "Traceback" not in ended.err
    assert stack.snapshots() == before


def test_a_full_disk_leaves_nothing_under_the_name_that_was_to_be_restored(
    stack: KeptStack, tmp_path: pathlib.Path
) -> None:
    stack.good_backup()
    ended = stack.program.start("restore", "latest", "shop", "--to", tmp_path / "back", code=_SMALL_DISK).wait()
    assert ended.status not in {0, 3}
    assert "Traceback" not in ended.err
    assert not (tmp_path / "back").exists()
