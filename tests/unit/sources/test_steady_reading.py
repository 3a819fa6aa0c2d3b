"""A file that is written while it is read is always told, also within one tick of its file system's clock."""

import os
import pathlib
import types
from collections.abc import Callable, Iterator

import pytest

from rebond.entries import EntryKind, Listing
from rebond.findings import Finding
from rebond.sources.files import describing, listing
from rebond.sources.files.excluding import Rules
from rebond.sources.files.listing import DirectoryListing, find_wait_ns
from rebond.sources.files.scanning import FileTree
from rebond.sources.files.system_calls import make_status_reader
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.testing.vaults import Notebook, make_vault, open_made, save

SIZE = 3_000_000
TICK_NS = 10_000_000  # of the slowest clock that Linux has
START_NS = 1_790_000_000_000_000_000
UNDER_WAY: list[Iterator[Listing]] = []  # a walk that nobody holds has no listings any more


class Ticking:
    """A file system whose clock ticks every 10 ms, as ext4 up to Linux 6.12, and a clock that we hold."""

    def __init__(self, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.now_ns, self.slept = path, START_NS, 0
        self.while_sleeping: Callable[[], None] = lambda: None
        self._changed_ns = START_NS - 10**12
        made = make_status_reader()

        def read_status(fd: int) -> tuple[int, ...]:
            status = list(made(fd))
            if os.fstat(fd).st_ino == self.path.stat().st_ino:
                status[7], status[8] = START_NS - 10**12, self._changed_ns  # the one set back, the other nobody can
            return tuple(status)  # type: ignore[arg-type]

        monkeypatch.setattr(describing, "make_status_reader", lambda: read_status)
        monkeypatch.setattr(listing, "time", types.SimpleNamespace(time_ns=lambda: self.now_ns))
        monkeypatch.setattr(listing, "_CLOCK", types.SimpleNamespace(sleep=self._sleep))

    def write(self, content: bytes) -> None:
        with open(self.path, "r+b") as file:
            file.write(content)
        self._changed_ns = self.now_ns // TICK_NS * TICK_NS

    def _sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)
        self.slept += 1
        self.while_sleeping()


@pytest.fixture(autouse=True)
def end_walks() -> Iterator[None]:
    yield
    UNDER_WAY.clear()


@pytest.fixture
def ticking(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Ticking:
    (tmp_path / "tree").mkdir()
    path = tmp_path / "tree" / "table"
    path.write_bytes(b"a" * SIZE)
    return Ticking(path, monkeypatch)


def tree_of(root: pathlib.Path, report: Callable[[Finding], None]) -> FileTree:
    return FileTree(os.fsencode(root), Rules(), one_file_system=False, report=report)


def first_of(path: pathlib.Path) -> DirectoryListing:
    walk = tree_of(path.parent, lambda _: None).listings()
    UNDER_WAY.append(walk)
    found = next(walk)
    assert isinstance(found, DirectoryListing)
    return found


def is_told(found: DirectoryListing, between: Callable[[], None]) -> bool:
    """Read the first file as a backup does, with something between two of its reads."""
    entry = found.describe(0)
    content = found.open(0)
    assert entry is not None
    assert entry.kind is EntryKind.FILE
    assert content is not None
    read = content.read(SIZE // 2)
    between()
    while piece := content.read(SIZE):
        read += piece
    told = content.changed()
    content.close()
    assert len(read) == SIZE
    return told


def test_a_write_within_the_tick_in_which_the_file_was_described_is_told(ticking: Ticking) -> None:
    ticking.write(b"a" * SIZE)
    ticking.now_ns += 2_000_000
    assert is_told(first_of(ticking.path), lambda: ticking.write(b"b" * SIZE))
    assert ticking.slept == 1


def test_a_file_at_rest_since_a_moment_ago_is_waited_for_once_and_is_good(ticking: Ticking) -> None:
    ticking.write(b"b" * SIZE)
    assert not is_told(first_of(ticking.path), lambda: None)
    assert ticking.slept == 1
    assert not is_told(first_of(ticking.path), lambda: None)
    assert ticking.slept == 1, "the clock has ticked meanwhile"


def test_a_file_that_is_still_being_made_is_waited_for_and_is_good(ticking: Ticking) -> None:
    """An upload: made empty, written and closed a moment later."""

    def finish() -> None:
        if ticking.slept == 1:
            ticking.write(b"c" * SIZE)

    ticking.write(b"b" * SIZE)
    ticking.while_sleeping = finish
    assert not is_told(first_of(ticking.path), lambda: None)
    assert ticking.slept == 2


def test_of_a_file_that_is_written_again_and_again_nobody_can_tell(ticking: Ticking) -> None:
    ticking.write(b"b" * SIZE)
    ticking.while_sleeping = lambda: ticking.write(b"b" * SIZE)
    found = first_of(ticking.path)
    assert is_told(found, lambda: None)
    found.describe(0)
    assert found.read_small(0, SIZE) is None
    assert found.read_whole(0, SIZE) is None


def test_a_walk_does_not_wait_for_ever_for_what_is_always_written(ticking: Ticking) -> None:
    """Nobody can tell of the others either, and that is told at once."""
    ticking.write(b"b" * SIZE)
    ticking.while_sleeping = lambda: ticking.write(b"b" * SIZE)
    found = first_of(ticking.path)
    began_ns = ticking.now_ns
    for _ in range(1000):
        found.describe(0)
    assert 9e9 < ticking.now_ns - began_ns <= 10e9
    slept = ticking.slept
    assert is_told(found, lambda: None)
    assert ticking.slept == slept


def test_a_change_while_it_is_read_is_told_though_size_and_time_of_modification_are_as_before(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "table"
    path.write_bytes(b"a" * SIZE)
    before = path.stat()

    def change() -> None:
        with open(path, "r+b") as file:
            file.seek(SIZE - 1)
            file.write(b"b")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert is_told(first_of(path), change)
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert not is_told(first_of(path), lambda: None)


def test_a_backup_ends_with_a_warning_for_it_and_reads_it_again_next_time(
    ticking: Ticking, tmp_path: pathlib.Path
) -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    vault = open_made(make_vault(store, clock), store, clock, tmp_path / "caches")
    ticking.write(b"b" * SIZE)
    ticking.while_sleeping = lambda: ticking.write(b"b" * SIZE)
    for _ in range(2):
        observer = Notebook()
        clock.advance(60)
        tree = tree_of(ticking.path.parent, observer.noticed)
        outcome = save(vault, tree, observer=observer)  # type: ignore[arg-type]
        assert [each.code for each in observer.findings] == ["changed-while-read"]
        assert dict(outcome.totals)["site"].read_files == 1


@pytest.mark.parametrize(
    ("modified", "changed", "wait_ns"),
    [
        (0, -1, 19_999_999),
        (0, 0, 20_000_000),
        (0, -19_999_999, 1),
        (0, -20_000_000, 0),
        (0, 1, 0),  # of another machine's clock
        (-5_000_000_123, -5_000_000_123, 0),
    ],
)
def test_how_long_a_change_could_hide(modified: int, changed: int, wait_ns: int) -> None:
    now_ns = START_NS + 123_456_789
    stamp = describing.pack_stamp((0o100644, 1, 1, 1, 0, 0, SIZE, now_ns + modified, now_ns + changed))
    assert find_wait_ns(stamp, now_ns) == wait_ns


def test_a_clock_without_fractions_ticks_every_two_seconds() -> None:
    stamp = describing.pack_stamp((0o100644, 1, 1, 1, 0, 0, SIZE, START_NS, START_NS))
    assert find_wait_ns(stamp, START_NS + 500_000_000) == 1_500_000_000
    assert find_wait_ns(b"", START_NS) == 0
