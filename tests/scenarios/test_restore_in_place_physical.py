"""A data directory that is put back into its place, with its log, and taken out again."""

import pathlib
from collections.abc import Iterator

import pytest
from tests.scenarios.archived_server import ARCHIVED, CONFIGURATION, ArchivedStack
from tests.scenarios.test_point_in_time import make_stack

from rebond.clock import SystemClock
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.errors import Refused, RestoreError
from rebond.operations.recovery.carrying_out import Recovery
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.parts import Source
from rebond.operations.snapshots import time_of
from rebond.progress import Silence
from rebond.stack.recovering import plan_recovery
from rebond.stack.recovery_wishes import ChosenPart, RecoveryWish, Surroundings
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


@pytest.fixture
def stack() -> Iterator[ArchivedStack]:
    with make_stack() as made:
        yield made


def configure(folder: pathlib.Path, stack: ArchivedStack, data: str = "") -> Loaded:
    place = f'data_directory = "{data or stack.server.data}"\n'
    (folder / "rebond.toml").write_text(CONFIGURATION.replace("HOST", stack.server.socket_folder) + ARCHIVED + place)
    loaded = load_configuration(folder / "rebond.toml", {}).loaded
    assert loaded is not None
    return loaded


def test_a_data_directory_comes_back_into_its_place_and_goes_again(
    stack: ArchivedStack, tmp_path: pathlib.Path
) -> None:
    server, clock = stack.server, SystemClock()
    server.sql("CREATE TABLE t AS SELECT generate_series(1, 100) AS id")
    record = stack.back_up().record
    server.sql("DELETE FROM t WHERE id > 3")
    loaded = configure(tmp_path, stack)
    chosen = ChosenPart(name="db", snapshot=record.snapshot.hex(), moment_ms=time_of(record))
    sources = {"db": Source(vault=stack.vault, record=record)}
    around = Surroundings(
        run="abcd1234", folder_of=lambda _: tmp_path / "runs" / "abcd1234" / "parts" / "db", sources=sources
    )
    with pytest.raises(RestoreError, match="still runs"):
        plan_recovery(loaded, RecoveryWish(chosen=(chosen,)), around)  # no command stops it: said before anything else
    plan, _ = plan_recovery(loaded, RecoveryWish(chosen=(chosen,)), around, is_dry=True)  # a look at it says so too
    assert (plan.remarks[0].code, plan.remarks[0].subject) == ("still-runs", "db")
    assert "stop it by hand, then run this again" in plan.remarks[0].hint
    plan, means = plan_recovery(loaded, RecoveryWish(chosen=(chosen,), runs_commands=False), around)
    journal = Journal.begin(tmp_path / "runs", "abcd1234", {}, clock)
    journal.folder_of("db")
    recovery = Recovery(plan, means, journal, Silence(), clock)

    with journal.held(), pytest.raises(RestoreError, match="still runs"):
        recovery.carry_out()  # nobody stopped the server: it is left as it is
    with journal.held(), pytest.raises(Refused, match="was rolled back"):
        recovery.roll_back()  # it was undone by itself while the server runs: nothing of that was moved
    assert server.sql("SELECT count(*) FROM t").strip() == "3"

    with PostgresServer() as other:
        elsewhere = configure(tmp_path, stack, str(other.data))
        with pytest.raises(RestoreError, match="of another cluster") as refused:
            plan_recovery(elsewhere, RecoveryWish(chosen=(chosen,)), around)
        plan_recovery(elsewhere, RecoveryWish(chosen=(chosen,), takes_other_cluster=True, runs_commands=False), around)
    assert "--other-cluster" in refused.value.hint
    plan_recovery(elsewhere, RecoveryWish(chosen=(chosen,)), around)  # where nothing lies, nothing can be another
    loaded = configure(tmp_path, stack)

    server.stop()
    second = Surroundings(
        run="abcd5678", folder_of=lambda _: tmp_path / "runs" / "abcd5678" / "parts" / "db", sources=sources
    )
    plan, means = plan_recovery(loaded, RecoveryWish(chosen=(chosen,)), second)
    journal = Journal.begin(tmp_path / "runs", "abcd5678", {}, clock)
    journal.folder_of("db")
    recovery = Recovery(plan, means, journal, Silence(), clock)
    with journal.held():
        recovery.carry_out()
    server.start()
    assert server.sql("SELECT count(*) FROM t").strip() == "100"

    server.stop()
    with journal.held():
        recovery.roll_back()
    server.start()
    assert server.sql("SELECT count(*) FROM t").strip() == "3"
