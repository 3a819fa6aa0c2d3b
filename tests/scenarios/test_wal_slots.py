"""What a server has of its log, and a slot that waits for what it removed: made anew only for who accepted a gap."""

import os
import pathlib
import signal
from collections.abc import Iterator

import pytest
from tests.scenarios.server_access import find_access
from tests.scenarios.wal_stack import SmallSegments, prepare_recovery, take_base, wait_until

from rebond.errors import SourceUnfit
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.wal_facts import read_wal_facts
from rebond.sources.postgres.wal_names import parse_lsn
from rebond.sources.postgres.wal_stream import ensure_slot, renew_slot
from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")
SLOT = "rebond"
READ = "SELECT restart_lsn, coalesce(wal_status, '') FROM pg_replication_slots"


class Waiting:
    """A slot of a server that nobody uses, and the segment that it waits for."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.access: Access = find_access(server)
        ensure_slot(self.access, "postgres", SLOT)
        self.begun = self.server.sql(f"{READ} WHERE slot_name = '{SLOT}'").strip()
        self.position = self.begun.partition("|")[0]

    @property
    def wanted(self) -> pathlib.Path:
        """The file that the slot holds back."""
        name = self.server.sql(f"SELECT pg_walfile_name('{self.position}')").strip()
        return self.server.data / "pg_wal" / name

    def write(self) -> None:
        """Go on to another segment, and let the server itself need nothing before that."""
        self.server.sql("INSERT INTO t VALUES (1); SELECT pg_switch_wal()")
        self.server.sql("CHECKPOINT")

    def read(self) -> str:
        """What the server says of the slot now."""
        return self.server.sql(f"{READ} WHERE slot_name = '{SLOT}'").strip()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with SmallSegments(settings={"wal_level": "replica"}) as made:
        made.sql("CREATE TABLE t (i int)")
        made.sql("CREATE ROLE plain LOGIN REPLICATION")
        yield made


@pytest.fixture
def waiting(server: PostgresServer) -> Iterator[Waiting]:
    made = Waiting(server)
    made.write()
    yield made
    server.sql(f"SELECT pg_drop_replication_slot('{SLOT}')")


def test_a_slot_whose_log_is_there_stays(waiting: Waiting) -> None:
    assert renew_slot(waiting.access, "postgres", SLOT) is None
    assert waiting.read().partition("|")[0] == waiting.position


def test_a_slot_that_has_all_of_an_idle_server_stays(waiting: Waiting) -> None:
    server = waiting.server
    for _ in range(64):  # of the segment that comes next there is a file only where one was made in advance
        server.sql("SELECT pg_logical_emit_message(false, 'x', 'x'); SELECT pg_switch_wal()")
        following = server.sql("SELECT pg_walfile_name(pg_current_wal_flush_lsn() + 1)").strip()
        if not (server.data / "pg_wal" / following).exists():
            break
    else:
        pytest.fail("every segment was made in advance")
    position = server.sql(f"SELECT end_lsn FROM pg_replication_slot_advance('{SLOT}', pg_current_wal_flush_lsn())")

    assert renew_slot(waiting.access, "postgres", SLOT) is None
    assert waiting.read().partition("|")[0] == position.strip()


def test_a_slot_that_waits_for_a_removed_segment_is_made_anew(waiting: Waiting) -> None:
    waiting.wanted.unlink()
    assert waiting.read().partition("|")[0] == waiting.position  # the server itself has not noticed

    assert renew_slot(waiting.access, "postgres", SLOT) == waiting.position
    renewed = waiting.read().partition("|")[0]
    name = waiting.server.sql(f"SELECT pg_walfile_name('{renewed}')").strip()
    assert renewed != waiting.position
    assert (waiting.server.data / "pg_wal" / name).exists()
    assert renew_slot(waiting.access, "postgres", SLOT) is None


def test_a_slot_that_the_server_gave_up_is_refused_until_it_is_made_anew(waiting: Waiting) -> None:
    server = waiting.server
    server.change("max_slot_wal_keep_size", "1MB")
    try:

        def is_lost() -> bool:
            waiting.write()
            return waiting.read().endswith("|lost")

        wait_until(is_lost)
        with pytest.raises(SourceUnfit, match="is lost") as refusal:
            ensure_slot(waiting.access, "postgres", SLOT)
        assert "--accept-gap" in refusal.value.hint
        assert waiting.read().endswith("|lost")

        assert renew_slot(waiting.access, "postgres", SLOT) is not None
        ensure_slot(waiting.access, "postgres", SLOT)
        assert not waiting.read().endswith("|lost")
    finally:
        server.change("max_slot_wal_keep_size", "-1")


def test_a_slot_that_keeps_nothing_yet_is_as_good_as_any(waiting: Waiting) -> None:
    waiting.server.sql("SELECT pg_create_physical_replication_slot('unused')")
    assert ensure_slot(waiting.access, "postgres", "unused") is None
    waiting.server.sql("SELECT pg_drop_replication_slot('unused')")
    position = waiting.server.sql(f"SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = '{SLOT}'")
    assert ensure_slot(waiting.access, "postgres", SLOT) == parse_lsn(position)


def test_who_may_not_look_renews_only_what_the_server_refused(waiting: Waiting) -> None:
    plain = find_access(waiting.server, user="plain")
    waiting.wanted.unlink()

    assert renew_slot(plain, "postgres", SLOT) is None
    assert renew_slot(plain, "postgres", SLOT, is_refused=True) == waiting.position
    assert waiting.read().partition("|")[0] != waiting.position


def test_a_slot_that_is_not_there_is_not_made_here(waiting: Waiting) -> None:
    assert renew_slot(waiting.access, "postgres", "rebond_other", is_refused=True) is None
    assert waiting.server.sql("SELECT count(*) FROM pg_replication_slots").strip() == "1"


def test_the_server_names_what_it_has_to_who_may_look(waiting: Waiting) -> None:
    status = waiting.server.data / "pg_wal" / "archive_status" / f"{waiting.wanted.name}.ready"
    status.touch()
    try:
        facts = read_wal_facts(waiting.access, "postgres")
    finally:
        status.unlink()
    assert facts.waiting is not None
    assert (facts.waiting.count, facts.waiting.names) == (1, [waiting.wanted.name])
    assert waiting.wanted.name in (facts.kept or [])

    blind = read_wal_facts(find_access(waiting.server, user="plain"), "postgres")
    assert (blind.waiting, blind.kept) == (None, None)


def test_a_server_that_took_over_is_on_its_new_timeline_before_its_next_checkpoint(
    server: PostgresServer, tmp_path: pathlib.Path
) -> None:
    base = take_base(server, tmp_path / "base")
    data = prepare_recovery(base, tmp_path / "standby", {"primary_conninfo": server.connection()})
    (data / "recovery.signal").rename(data / "standby.signal")
    with SmallSegments(adopts=data, settings={"wal_level": "replica"}) as standby:
        assert read_wal_facts(find_access(standby), "postgres").timeline == 1
        find = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        checkpointer = int(standby.sql(find))
        os.kill(checkpointer, signal.SIGSTOP)  # one of a large server takes its time
        try:
            standby.sql("SELECT pg_promote()")
            assert standby.sql("SELECT timeline_id FROM pg_control_checkpoint()").strip() == "1"
            assert read_wal_facts(find_access(standby), "postgres").timeline == 2
        finally:
            os.kill(checkpointer, signal.SIGCONT)
