"""A data directory that is put back into its place and killed at every step and move: it is the old or the new one."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from tests.crash.cuts import NO_END, choose_cuts, choose_points, is_piece
from tests.crash.test_restore_in_place_kills import PLACES as PLACES_OF_FILES
from tests.crash.test_restore_in_place_kills import Places, kill_doing
from tests.scenarios.archived_server import ArchivedStack
from tests.scenarios.test_point_in_time import make_stack
from tests.scenarios.test_restore_in_place_physical import configure

from rebond.clock import SystemClock
from rebond.errors import Refused, RestoreError
from rebond.operations.recovery import physical_part
from rebond.operations.recovery.carrying_out import Recovery
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.mounts import list_mount_points
from rebond.operations.recovery.parts import Source
from rebond.operations.recovery.plan import StepKind
from rebond.operations.recovery.remembered_places import BESIDE
from rebond.operations.snapshots import time_of
from rebond.progress import Silence
from rebond.stack.recovering import make_means, plan_recovery
from rebond.stack.recovery_wishes import ChosenPart, RecoveryWish, Surroundings
from rebond.vault.snapshots import SnapshotRecord

pytestmark = [pytest.mark.judge("postgres"), pytest.mark.slow]
POINTS_AT_MOST = 500
EVERY, EVERY_ACCEPTED = 53, 8  # each point takes seconds: by itself, a few of them
PLACES: Places = (
    *PLACES_OF_FILES,
    (physical_part, "recover_data_directory"),
    (physical_part, "delete_tree"),
)
Tree = dict[str, tuple[int, int, str]]


class Cluster:
    """A server that is stopped and has lost rows, and the snapshot of it from before."""

    def __init__(self, stack: ArchivedStack, record: SnapshotRecord) -> None:
        self.stack, self.record, self.data = stack, record, stack.server.data
        self._count = 0

    def begin(self, folder: pathlib.Path) -> "Run":
        self._count += 1
        return Run(self, folder, f"abcd{self._count:04x}")

    def tree(self) -> Tree:
        """Return everything in the data directory, but what restores put there."""
        found: Tree = {}
        for directory, names, files in os.walk(self.data):
            names[:] = [each for each in names if not each.startswith(BESIDE)]
            for name in [*names, *files]:
                path = pathlib.Path(directory, name)
                status = path.lstat()
                content = path.read_bytes() if path.is_file() else b""
                digest = hashlib.blake2b(content, digest_size=8).hexdigest()
                found[str(path.relative_to(self.data))] = (status.st_mode, status.st_uid, digest)
        return found

    def rows(self) -> int:
        """Start the server, ask, stop it."""
        self.stack.server.start()
        try:
            return int(self.stack.server.sql("SELECT count(*) FROM t"))
        finally:
            self.stack.server.stop()

    def beside(self) -> list[pathlib.Path]:
        return [*self.data.parent.glob(f"{BESIDE}*"), *self.data.glob(f"{BESIDE}*")]


class Run:
    """One restore of it, gone on with by another process each time."""

    def __init__(self, cluster: Cluster, folder: pathlib.Path, run: str) -> None:
        self._clock, self._folder = SystemClock(), folder / run
        (folder / run).mkdir()
        self._loaded = configure(folder / run, cluster.stack)
        record = cluster.record
        self._wish = RecoveryWish(
            chosen=(ChosenPart(name="db", snapshot=record.snapshot.hex(), moment_ms=time_of(record)),)
        )
        self._around = Surroundings(
            run=run,
            folder_of=lambda name: folder / run / "runs" / run / "parts" / name,
            sources={"db": Source(vault=cluster.stack.vault, record=record)},
        )
        self.plan, _ = plan_recovery(self._loaded, self._wish, self._around)
        journal = Journal.begin(folder / run / "runs", run, {}, self._clock)
        journal.folder_of("db")
        self._place = journal.folder

    def _do(self, name: str) -> None:
        journal = Journal(self._place, self._clock)
        means = make_means(self._loaded, self._wish, self._around, self.plan.parts)
        with journal.held():
            getattr(Recovery(self.plan, means, journal, Silence(), self._clock), name)()

    def carry_out(self) -> None:
        self._do("carry_out")

    def roll_back(self) -> None:
        self._do("roll_back")

    def accept(self) -> None:
        self._do("accept")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with make_stack() as stack:
        stack.server.sql("CREATE TABLE t AS SELECT generate_series(1, 100) AS id")
        record = stack.back_up().record
        stack.server.sql("DELETE FROM t WHERE id > 3")
        stack.server.stop()
        stack.pump.stop()
        yield Cluster(stack, record)


def test_killed_anywhere_it_is_the_old_or_the_new_one_or_cannot_be_started(
    cluster: Cluster, tmp_path: pathlib.Path
) -> None:
    old, wholes, last = cluster.tree(), list[Tree](), 0
    new: Tree = {}
    for point, goes_on in choose_cuts(1, POINTS_AT_MOST, EVERY):
        run = cluster.begin(tmp_path)
        was_killed = kill_doing(run.carry_out, point, PLACES)
        if (cluster.data / "PG_VERSION").exists():
            wholes.append(cluster.tree())
        if was_killed and goes_on:
            with contextlib.suppress(Refused):  # it had come to its end
                run.carry_out()
        if goes_on or not was_killed:
            new = new or cluster.tree()
            assert cluster.tree() == new, point
            assert cluster.rows() == 100, point
        run.roll_back()
        assert cluster.tree() == old, point
        for each in cluster.beside():
            assert os.listdir(each / "written-since") == ["db"], point  # what the server wrote when it was asked
            shutil.rmtree(each)
        if not was_killed:
            break
        last = point
    else:
        assert is_piece(), NO_END
    assert last > 100 or is_piece()
    assert new != old
    assert all(each in (old, new) for each in wholes)
    assert cluster.rows() == 3


def test_killed_while_it_is_undone_it_is_undone_again(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    old, last = cluster.tree(), 0
    for point in choose_points(2, POINTS_AT_MOST, EVERY):
        run = cluster.begin(tmp_path)
        run.carry_out()
        new = cluster.tree()
        was_killed = kill_doing(run.roll_back, point, PLACES)
        if (cluster.data / "PG_VERSION").exists():
            assert cluster.tree() in (old, new), point
        if not was_killed:
            break
        with contextlib.suppress(Refused):  # it had come to its end
            run.roll_back()
        assert (cluster.tree() == old, cluster.beside()) == (True, []), point
        last = point
    else:
        assert is_piece(), NO_END
    assert last > 50 or is_piece()


def test_a_server_that_somebody_made_there_meanwhile_is_not_moved_while_it_runs(
    cluster: Cluster, tmp_path: pathlib.Path
) -> None:
    old, run = cluster.tree(), cluster.begin(tmp_path)
    number = next(each.number for each in run.plan.steps if each.kind is StepKind.SET_ASIDE)
    # A step's end is written with the beginning of the next one; a kill is before or after that.
    assert kill_doing(run.carry_out, 2 * number + 2, ((Journal, "write_all"),))
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    with pytest.raises(RestoreError, match="still runs"):
        run.carry_out()
    assert [each.name for each in cluster.data.iterdir()] == ["postmaster.pid"]
    (cluster.data / "postmaster.pid").unlink()
    run.roll_back()
    assert cluster.tree() == old


def test_a_lock_file_that_cannot_be_read_does_not_mean_that_no_server_runs(
    cluster: Cluster, tmp_path: pathlib.Path
) -> None:
    old, run = cluster.tree(), cluster.begin(tmp_path)
    number = next(each.number for each in run.plan.steps if each.kind is StepKind.SET_ASIDE)
    assert kill_doing(run.carry_out, 2 * number + 2, ((Journal, "write_all"),))
    (cluster.data / "postmaster.pid").mkdir()  # read by nobody, root included
    with pytest.raises(RestoreError, match="cannot be told"):
        run.carry_out()
    (cluster.data / "postmaster.pid").rmdir()
    run.roll_back()
    assert cluster.tree() == old


@pytest.mark.judge("root")
@pytest.mark.judge("mount")
def test_a_data_directory_that_is_a_mount_point_with_another_in_it_comes_back_and_goes_again(
    cluster: Cluster, tmp_path: pathlib.Path
) -> None:
    mounted = [cluster.data, cluster.data / "pg_wal"]
    old = cluster.tree()
    for each in mounted:
        if subprocess.run(["mount", "--bind", each, each], check=False, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
    try:
        run = cluster.begin(tmp_path)
        assert [each.code for each in run.plan.remarks] == ["place-mounted", "mount-inside", "begin-anew"]
        run.carry_out()
        assert cluster.rows() == 100
        assert {os.fsencode(each) for each in mounted} <= list_mount_points()
        run.roll_back()
        assert cluster.tree() == old
    finally:
        for each in reversed(mounted):
            subprocess.run(["umount", each], check=True)
        for folder in cluster.beside():
            shutil.rmtree(folder)


def test_killed_while_it_is_accepted_it_is_accepted_again(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    new: Tree = {}
    for point in choose_points(3, POINTS_AT_MOST, EVERY_ACCEPTED):
        run = cluster.begin(tmp_path)
        run.carry_out()
        new = cluster.tree()
        was_killed = kill_doing(run.accept, point, PLACES)
        with contextlib.suppress(Refused):  # as above
            run.accept()
        assert (cluster.tree() == new, cluster.beside()) == (True, []), point
        if not was_killed:
            break
    else:
        assert is_piece(), NO_END
    assert cluster.rows() == (100 if new else 3)
