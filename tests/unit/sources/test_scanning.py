"""Walking a tree that is good, bad, odd, or changes while it is walked."""

import contextlib
import errno
import grp
import os
import pathlib
import pwd
import resource
import shutil
import threading
import time
from collections.abc import Iterator

import pytest
from tests.bounded import join

from rebond.entries import EntryKind, Listing
from rebond.errors import SourceError, SourceUnfit, SourceUnreachable
from rebond.findings import Finding, Severity
from rebond.sources.files.chain import Chain
from rebond.sources.files.excluding import Rules
from rebond.sources.files.listing import DirectoryListing, is_fresh
from rebond.sources.files.noticing import notice_fault
from rebond.sources.files.scanning import FileTree

SECOND = 1_000_000_000
LONG_AGO_SECONDS = 1_000_000_000


class Noted(list[Finding]):
    """Findings, by code and the last part of the subject."""

    def short(self) -> list[tuple[str, str]]:
        return [(each.code, each.subject.rsplit("/", 1)[-1]) for each in self]


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def grow(tmp_path: pathlib.Path) -> pathlib.Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def tree_of(root: pathlib.Path, noted: Noted, *, one_file_system: bool = False, allow_empty: bool = False) -> FileTree:
    return FileTree(
        os.fsencode(root), Rules(), one_file_system=one_file_system, report=noted.append, allow_empty=allow_empty
    )


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an hour pass, so that nothing is too fresh to be trusted."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3600 * SECOND)


WALKS: list[Iterator[DirectoryListing]] = []  # a listing can be used only while its walk is there


@pytest.fixture(autouse=True)
def end_walks() -> Iterator[None]:
    yield
    WALKS.clear()


def first(tree: FileTree) -> DirectoryListing:
    WALKS.append(tree.listings())
    return next(WALKS[-1])


def test_directories_come_depth_first_in_the_order_of_their_bytes(grow: pathlib.Path, noted: Noted) -> None:
    for path in ("b/z", "b/a", "a/c", "a-b", "B", "é", "b/a/x"):
        (grow / path).mkdir(parents=True)
    (grow / "f2").write_text("")
    (grow / "f1").write_text("")
    listings = [(each.path, each.depth, list(each.names)) for each in tree_of(grow, noted).listings()]

    assert [path for path, _, _ in listings] == [
        b"", b"B", b"a", b"a/c", b"a-b", b"b", b"b/a", b"b/a/x", b"b/z", "é".encode()
    ]  # fmt: skip
    assert [depth for _, depth, _ in listings] == [0, 1, 1, 2, 1, 1, 2, 3, 2, 1]
    assert listings[0][2] == [b"f1", b"f2"]


def test_a_listing_fits_the_protocol(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "f").write_text("x")
    listing: Listing = first(tree_of(grow, noted))

    assert listing.directory().kind is EntryKind.DIRECTORY
    assert listing.directory().name == b""


def test_a_missing_root_is_unreachable(grow: pathlib.Path, noted: Noted) -> None:
    with pytest.raises(SourceUnreachable, match="nothing to save"):
        tree_of(grow / "none", noted)


def test_an_empty_root_is_an_error_unless_it_is_allowed(grow: pathlib.Path, noted: Noted) -> None:
    with pytest.raises(SourceUnfit, match="is empty"):
        first(tree_of(grow, noted))
    assert list(first(tree_of(grow, noted, allow_empty=True)).names) == []


def test_rules_that_leave_nothing_are_an_error_of_their_own(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "f").write_text("")
    tree = FileTree(os.fsencode(grow), Rules.from_flags(exclude=["*"]), one_file_system=False, report=noted.append)

    with pytest.raises(SourceUnfit, match="rules leave nothing"):
        first(tree)


def test_a_root_that_is_a_link_is_followed_and_links_in_it_are_not(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "d").mkdir()
    (grow / "d/f").write_text("")
    (grow / "link").symlink_to("d")
    (grow.parent / "named").symlink_to(grow)
    listings = [(each.path, list(each.names)) for each in tree_of(grow.parent / "named", noted).listings()]

    assert listings == [(b"", [b"link"]), (b"d", [b"f"])]


def test_a_root_that_is_a_file_is_a_tree_of_that_file(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "dump.sql").write_text("select 1")
    (grow / "other").write_text("")
    listings = [
        (each.path, list(each.names), each.directory().kind, each.read_small(0, 8))
        for each in tree_of(grow / "dump.sql", noted).listings()
    ]

    assert listings == [(b"", [b"dump.sql"], EntryKind.DIRECTORY, b"select 1")]


def test_a_root_that_is_a_pipe_is_refused(grow: pathlib.Path, noted: Noted) -> None:
    os.mkfifo(grow / "pipe")

    with pytest.raises(SourceUnfit, match="neither"):
        tree_of(grow / "pipe", noted)


# --- stamps ----------------------------------------------------------------------------------


def test_stamps_of_things_at_rest_are_the_same_in_every_walk(
    grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    (grow / "a").write_text("x")
    (grow / "b").symlink_to("a")
    settle(monkeypatch)
    one, two = first(tree_of(grow, noted)), first(tree_of(grow, noted))

    assert one.stamps == two.stamps
    assert one.stamp == two.stamp
    assert all(one.stamps)


def test_any_change_changes_the_stamp(grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    path = grow / "f"
    path.write_text("x")
    settle(monkeypatch)
    seen = set()

    def note() -> None:
        seen.add(first(tree_of(grow, noted)).stamps[0])
        time.sleep(0.012)  # more than one tick of the file system's clock

    note()
    path.write_text("y")
    os.utime(path, ns=(0, LONG_AGO_SECONDS * SECOND))
    note()
    path.write_text("z")
    os.utime(path, ns=(0, LONG_AGO_SECONDS * SECOND))  # same size, same time: the change time tells
    note()
    path.chmod(0o600)
    note()
    path.unlink()
    path.write_text("z")
    os.utime(path, ns=(0, LONG_AGO_SECONDS * SECOND))
    note()

    assert len(seen) == 5


def test_what_has_just_been_written_gets_no_stamp(
    grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    (grow / "f").write_text("x")
    written_ns = min(each.stat().st_ctime_ns for each in (grow, grow / "f"))
    monkeypatch.setattr(time, "time_ns", lambda: written_ns + 1_000_000)  # however slow this machine is now
    listing = first(tree_of(grow, noted))

    assert listing.stamps == [b""]
    assert listing.stamp == b""


@pytest.mark.parametrize(
    ("modified_ns", "changed_ns", "expected"),
    [
        (10 * SECOND + 1, 99 * SECOND + 960_000_000, True),  # 40 ms ago
        (10 * SECOND + 1, 99 * SECOND + 940_000_000, False),
        (10 * SECOND, 99 * SECOND, True),  # whole seconds: this file system may count in them
        (10 * SECOND, 97 * SECOND, False),
        (99 * SECOND + 960_000_000, 10 * SECOND + 1, True),  # a file system without change times
        (500 * SECOND + 1, 10 * SECOND + 1, False),  # set on purpose
        (10 * SECOND + 1, 100 * SECOND + 1, True),  # another machine's clock is ahead
    ],
)
def test_only_what_could_change_without_a_trace_is_too_fresh(modified_ns: int, changed_ns: int, expected: bool) -> None:
    assert is_fresh(modified_ns, changed_ns, 100 * SECOND) is expected


# --- what cannot be read ---------------------------------------------------------------------


def test_a_file_that_vanishes_is_only_a_note(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "f").write_text("x")
    listing = first(tree_of(grow, noted))
    (grow / "f").unlink()

    assert listing.describe(0) is None
    assert listing.open(0) is None
    assert listing.read_small(0, 1) is None
    assert {(each.code, each.severity) for each in noted} == {("vanished", Severity.NOTE)}
    assert len(noted) == 2  # read_small says nothing


def test_a_root_that_is_deleted_while_it_is_walked_is_told(grow: pathlib.Path, noted: Noted) -> None:
    """As when a release is cleaned away: half a tree must not look like a whole one."""
    for name in "abc":
        (grow / name).mkdir()
        (grow / name / "file").write_text(name)
    for listing in tree_of(grow, noted).listings():
        if listing.path == b"a":
            shutil.rmtree(grow)

    assert noted.short() == [("vanished", "b"), ("vanished", "c"), ("root-deleted", "root")]
    assert noted[-1].severity is Severity.WARNING


def test_a_root_that_is_renamed_while_it_is_walked_is_saved_to_its_end(grow: pathlib.Path, noted: Noted) -> None:
    for name in "abc":
        (grow / name).mkdir()
    found = []
    for listing in tree_of(grow, noted).listings():
        found.append(listing.path)
        if listing.path == b"a":
            grow.rename(grow.with_name("elsewhere"))

    assert found == [b"", b"a", b"b", b"c"]
    assert not noted


def _limit_with(*, free: int) -> int:
    """Return how many files this process may open, so that just so many more can be."""
    taken = set(map(int, os.listdir("/proc/self/fd")))
    return [number for number in range(free + len(taken) + 1) if number not in taken][free]


def test_a_process_that_may_open_no_more_files_leaves_nothing_out(grow: pathlib.Path, noted: Noted) -> None:
    """It has no fault to tell of any path: it would go on to the end and save next to nothing."""
    deepest = grow.joinpath(*[f"d{number}" for number in range(60)])
    deepest.mkdir(parents=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_limit_with(free=20), hard))
    try:
        with pytest.raises(SourceError, match="Too many open files"):
            for _ in tree_of(grow, noted).listings():
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert not noted


def test_what_a_share_that_went_away_held_has_not_vanished() -> None:
    """Every file of it gives a stale handle then: a snapshot of nothing must not end well."""
    assert notice_fault(b"/share/file", OSError(errno.ESTALE, "")).severity is Severity.WARNING
    assert notice_fault(b"/share/file", OSError(errno.ENOENT, "")).severity is Severity.NOTE


def test_a_directory_that_vanishes_is_only_a_note(grow: pathlib.Path, noted: Noted) -> None:
    for name in ("a", "b"):
        (grow / name).mkdir()
    walk = tree_of(grow, noted).listings()
    next(walk)
    (grow / "a").rmdir()

    assert [each.path for each in walk] == [b"b"]
    assert noted.short() == [("vanished", "a")]


@pytest.mark.parametrize("kind", ["pipe", "link", "directory"])
def test_a_file_replaced_by_something_else_neither_hangs_nor_leads_astray(
    grow: pathlib.Path, noted: Noted, kind: str
) -> None:
    path = grow / "f"
    path.write_text("x")
    listing = first(tree_of(grow, noted))
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    else:
        path.mkdir()

    assert listing.describe(0) is None
    assert listing.open(0) is None
    assert listing.read_small(0, 1) is None
    assert {(each.code, each.severity) for each in noted} == {("replaced", Severity.WARNING)}


def test_a_directory_replaced_by_a_link_is_not_followed(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "d").mkdir()
    walk = tree_of(grow, noted).listings()
    next(walk)
    (grow / "d").rmdir()
    (grow / "d").symlink_to("/etc")

    assert list(walk) == []
    assert noted.short() == [("replaced", "d")]


def test_a_directory_moved_away_during_the_walk_is_reported_and_the_rest_is_walked(
    grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chain.__init__, "__kwdefaults__", {"most_open": 2})
    (grow / "a/b/c/d/e").mkdir(parents=True)
    (grow / "a/b/z").mkdir()
    (grow / "y").mkdir()
    (grow.parent / "elsewhere").mkdir()
    paths = []
    for listing in tree_of(grow, noted).listings():
        paths.append(listing.path)
        if listing.path == b"a/b/c/d/e":
            (grow / "a/b/c/d").rename(grow.parent / "elsewhere/d")
            (grow / "a/b").rename(grow.parent / "b")

    assert paths[:6] == [b"", b"a", b"a/b", b"a/b/c", b"a/b/c/d", b"a/b/c/d/e"]
    assert paths[-1] == b"y"
    assert noted.short() == [("moved", "b")]


def test_a_listing_whose_turn_is_over_never_reads_in_another_directory(grow: pathlib.Path, noted: Noted) -> None:
    for name in ("a", "b"):
        (grow / name).mkdir()
        (grow / name / "f").write_text(name)
    walk = tree_of(grow, noted).listings()
    next(walk)
    late = next(walk)
    next(walk)

    assert late.read_small(0, 1) is None
    assert late.describe(0) is None


def test_few_descriptors_are_enough_for_any_depth(
    grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chain.__init__, "__kwdefaults__", {"most_open": 3})
    (grow / "/".join("abcdefghij")).mkdir(parents=True)
    for number in range(10):
        (grow / "/".join("abcdefghij"[: number + 1]) / "sibling").mkdir()
    paths = []
    open_now = []
    for listing in tree_of(grow, noted).listings():
        paths.append(listing.path)
        open_now.append(len(os.listdir("/proc/self/fd")))

    assert len(paths) == 21
    assert len(set(paths)) == 21
    assert max(open_now) <= open_now[0] + 3
    assert noted == []


def test_a_walk_that_is_given_up_closes_everything(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "a/b").mkdir(parents=True)
    (grow / "f").write_text("x")
    before = set(os.listdir("/proc/self/fd"))
    walk = tree_of(grow, noted).listings()
    next(walk).describe(0)
    next(walk)
    walk.close()  # type: ignore[attr-defined]

    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.root
def test_what_an_ordinary_user_may_not_read_is_listed_and_the_rest_is_saved(grow: pathlib.Path) -> None:
    for name in ("closed", "open"):
        (grow / name).mkdir()
        (grow / name / "f").write_text("x")
    (grow / "secret").write_text("x")
    (grow / "secret").chmod(0o600)
    (grow / "closed").chmod(0o700)
    noted = Noted()
    with as_nobody(grow):
        seen = {}
        for listing in tree_of(grow, noted).listings():
            entries = [listing.describe(position) for position in range(len(listing.names))]
            seen[listing.path] = [entry.name for entry in entries if entry is not None]
            if listing.path == b"closed":
                assert listing.directory().mode == 0o700

    assert seen == {b"": [], b"closed": [], b"open": [b"f"]}
    assert noted.short() == [("unreadable", "secret"), ("unreadable-directory", "closed")]
    assert {each.severity for each in noted} == {Severity.WARNING}


@contextlib.contextmanager
def as_nobody(root: pathlib.Path):  # type: ignore[no-untyped-def]
    """Be an ordinary user for a while; the way to ``root`` is opened up for it."""
    for above in root.parents:
        if os.stat(above).st_uid == 0 and not os.stat(above).st_mode & 1:
            above.chmod(0o755)
    os.setegid(65_534)
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


# --- one file system -------------------------------------------------------------------------


@pytest.mark.root
@pytest.mark.judge("mount")
def test_another_file_system_is_left_out_and_its_place_is_kept(grow: pathlib.Path, noted: Noted) -> None:
    import subprocess

    (grow / "mounted").mkdir()
    (grow / "f").write_text("")
    if subprocess.run(["mount", "-t", "tmpfs", "none", grow / "mounted"], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (grow / "mounted/inside").write_text("x")
        crossing = {each.path: list(each.names) for each in tree_of(grow, noted).listings()}
        staying = {each.path: list(each.names) for each in tree_of(grow, noted, one_file_system=True).listings()}
    finally:
        subprocess.run(["umount", grow / "mounted"], check=True)

    assert crossing == {b"": [b"f"], b"mounted": [b"inside"]}
    assert staying == {b"": [b"f"], b"mounted": []}
    assert noted.short() == [("other-file-system", "mounted")]


# --- reading ---------------------------------------------------------------------------------


def test_a_small_file_is_read_only_if_it_is_what_was_described(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "f").write_text("12345")
    listing = first(tree_of(grow, noted))

    assert listing.read_small(0, 5) == b"12345"
    assert listing.read_small(0, 4) is None
    assert listing.read_small(0, 6) is None
    (grow / "f").write_text("54321")
    os.utime(grow / "f", ns=(0, 0))
    assert listing.read_small(0, 5) is None


def test_a_file_that_changed_before_it_was_described_is_saved_whole_and_read_again_next_time(
    grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    (grow / "f").write_text("old")
    settle(monkeypatch)
    listing = first(tree_of(grow, noted))
    assert listing.stamps[0]
    (grow / "f").write_text("newer")
    entry = listing.describe(0)

    assert entry is not None
    assert entry.size == 5
    assert listing.read_small(0, 5) == b"newer"
    assert listing.stamps[0] == b""


def test_a_file_that_grows_while_it_is_read_ends_where_it_ended(grow: pathlib.Path, noted: Noted) -> None:
    path = grow / "log"
    path.write_bytes(b"x" * 100_000)
    listing = first(tree_of(grow, noted))
    entry = listing.describe(0)
    content = listing.open(0)
    assert entry is not None
    assert content is not None
    read = content.read(60_000)
    with path.open("ab") as log:
        log.write(b"y" * 100_000)
    while piece := content.read(60_000):
        read += piece

    assert read == b"x" * 100_000
    assert content.changed()
    content.close()


def test_a_file_that_shrinks_while_it_is_read_has_changed(grow: pathlib.Path, noted: Noted) -> None:
    path = grow / "f"
    path.write_bytes(b"x" * 100_000)
    listing = first(tree_of(grow, noted))
    content = listing.open(0)
    assert content is not None
    assert len(content.read(1000)) == 1000
    os.truncate(path, 500)

    assert content.read(100_000) == b""
    assert content.changed()
    content.close()


def test_a_file_at_rest_has_not_changed(grow: pathlib.Path, noted: Noted) -> None:
    (grow / "f").write_bytes(b"x" * 3000)
    content = first(tree_of(grow, noted)).open(0)
    assert content is not None
    buffer = bytearray(2000)

    assert content.readinto(memoryview(buffer)) == 2000
    assert content.readinto(memoryview(buffer)) == 1000
    assert content.readinto(memoryview(buffer)) == 0
    assert not content.changed()
    content.close()


def test_holes_are_known_and_read_as_zeros(grow: pathlib.Path, noted: Noted) -> None:
    path = grow / "sparse"
    with path.open("wb") as file:
        for offset in (0, 1 << 20, 3 << 20):
            file.seek(offset)
            file.write(b"data")
        file.truncate((5 << 20) + 7)
    listing = first(tree_of(grow, noted))
    entry = listing.describe(0)
    assert entry is not None
    if not entry.holes:
        pytest.skip("this file system keeps no holes")
    whole, piecewise = listing.open(0), listing.open(0)
    assert whole is not None
    assert piecewise is not None
    read = b"".join(iter(lambda: whole.read(777_777), b""))
    buffer = memoryview(bytearray(b"\xff" * 100_000))
    again = b"".join(iter(lambda: bytes(buffer[: piecewise.readinto(buffer)]), b""))
    whole.close()
    piecewise.close()

    assert entry.holes[-1][0] + entry.holes[-1][1] == (5 << 20) + 7
    assert len(entry.holes) == 3
    assert read == again == path.read_bytes()


def test_an_entry_knows_its_owner_and_its_birth(grow: pathlib.Path, noted: Noted) -> None:
    before_ns = time.time_ns()
    (grow / "f").write_text("x")
    os.utime(grow / "f", ns=(0, 0))
    entry = first(tree_of(grow, noted)).describe(0)
    assert entry is not None

    assert entry.user == pwd.getpwuid(os.getuid()).pw_name
    assert entry.group == grp.getgrgid(os.getgid()).gr_name
    assert entry.modified_ns == 0
    assert entry.born_ns is None or abs(entry.born_ns - before_ns) < 60 * SECOND


def test_the_access_time_is_left_alone(grow: pathlib.Path, noted: Noted) -> None:
    path = grow / "f"
    path.write_text("x")
    os.utime(path, ns=(LONG_AGO_SECONDS * SECOND, LONG_AGO_SECONDS * SECOND + 1))
    listing = first(tree_of(grow, noted))
    listing.describe(0)

    assert listing.read_small(0, 1) == b"x"
    assert path.stat().st_atime_ns == LONG_AGO_SECONDS * SECOND


def test_a_tree_that_changes_wildly_is_walked_without_an_error(grow: pathlib.Path, noted: Noted) -> None:
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            place = grow / f"d{number % 7}"
            with contextlib.suppress(OSError):
                place.mkdir()
            with contextlib.suppress(OSError):
                (place / f"f{number % 11}").write_text(str(number))
            with contextlib.suppress(OSError):
                (grow / f"d{number % 5}").rename(grow / f"e{number % 3}")
            with contextlib.suppress(OSError):
                (grow / f"e{number % 3}" / f"f{number % 11}").unlink()
            with contextlib.suppress(OSError):
                (grow / f"e{number % 3}").rmdir()

    (grow / "always").write_text("x")
    thread = threading.Thread(target=churn, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            for listing in tree_of(grow, noted).listings():
                listing.directory()
                for position in range(len(listing.names)):
                    entry = listing.describe(position)
                    if entry is not None and listing.read_small(position, entry.size) is None:
                        content = listing.open(position)
                        if content is not None:
                            content.read(100)
                            content.close()
    finally:
        stop.set()
        join(thread)

    assert {each.code for each in noted} <= {"vanished", "replaced", "moved"}


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_a_share_that_goes_away_as_its_walk_ends_is_told_and_keeps_what_was_listed(
    grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (grow / "a").mkdir()
    look, listed = os.fstat, []

    def refuse(descriptor: int) -> os.stat_result:
        if b"a" in listed and look(descriptor).st_ino == grow.stat().st_ino:
            raise OSError(number, os.strerror(number))
        return look(descriptor)

    with monkeypatch.context() as then:
        then.setattr(os, "fstat", refuse)
        for listing in tree_of(grow, noted).listings():
            listed.append(listing.path)

    assert listed == [b"", b"a"]
    assert noted.short() == [("unreadable-directory", "root")]


def test_a_file_system_that_counts_no_links_is_not_taken_for_a_root_that_went(
    grow: pathlib.Path, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    (grow / "file").write_text("something")
    look = os.fstat

    def count_none(descriptor: int) -> os.stat_result:
        found = look(descriptor)
        others = {each for each in dir(found) if each.startswith("st_")} - set(os.stat_result.__match_args__)
        named = {name: getattr(found, name) for name in others}
        return os.stat_result((*found[:3], 0, *found[4:]), named)

    with monkeypatch.context() as then:
        then.setattr(os, "fstat", count_none)
        assert [listing.path for listing in tree_of(grow, noted).listings()] == [b""]
    assert not noted
