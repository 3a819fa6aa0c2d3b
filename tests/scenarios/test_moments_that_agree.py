"""One moment, written once: every way back reaches the same, to the microsecond."""

import pathlib
import re
from collections.abc import Iterator

import pytest
from tests.scenarios.test_taken_into_use import write_and_switch
from tests.scenarios.wal_stack import WalStack

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
_ANY_MOMENT = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || 'Z'"


@pytest.fixture
def stack() -> Iterator[WalStack]:
    made = WalStack()
    try:
        made.serve()
        yield made
    finally:
        made.close()


def ask_moment(server: PostgresServer) -> str:
    """Return the moment that it is there now, one that is another in whole milliseconds, whichever way it is cut."""
    moment = server.sql(_ANY_MOMENT).strip()
    while not 500 <= int(moment[-4:-1]) <= 998:
        moment = server.sql(_ANY_MOMENT).strip()
    return moment


def read_target(data: pathlib.Path) -> str:
    settings = (data / "postgresql.auto.conf").read_text()
    (found,) = re.findall(r"^recovery_target_time = '(.*)\+00:00'", settings, re.MULTILINE)
    return str(found)


def test_a_moment_is_the_same_beside_and_on_a_bare_machine(stack: WalStack, tmp_path: pathlib.Path) -> None:
    archiving = {"archive_mode": "on", "archive_command": f'{stack.program} push "%p"', "archive_timeout": "60s"}
    with PostgresServer(settings={"wal_level": "replica", **archiving}) as lost:
        stack.configure(lost.socket_folder)
        configuration = stack.folder / "rebond.toml"
        place = f'data_directory = "{lost.data}"\n'
        configuration.write_text(configuration.read_text().replace("[class.all]", f"{place}[class.all]"))
        lost.sql("CREATE TABLE t (i int)")
        assert stack.run("backup") == 0
        lost.sql("INSERT INTO t VALUES (1)")
        moment = ask_moment(lost)
        write_and_switch(lost, 2)
    beside, bare = tmp_path / "beside", tmp_path / "bare"
    assert stack.run("restore", "--at", moment, "database", "--to", str(beside)) == 0
    assert stack.run("recover", str(stack.folder / "vault"), "--at", moment, "--to", str(bare), "--yes") in {0, 3}
    (version,) = bare.rglob("base/1/PG_VERSION")
    assert read_target(beside / "database") == read_target(version.parents[2]) == moment.rstrip("Z")
