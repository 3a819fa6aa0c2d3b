"""Putting things back: what is there already, what is hostile, what is cut."""

import errno
import os
import pathlib
import signal
import stat
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.bounded import join, run_apart, wait_for_child

from rebond.entries import Entry, EntryKind
from rebond.errors import RestoreError, TargetUnsafe, UsageError
from rebond.findings import Finding, Severity
from rebond.sources.files.landed_files import part_name
from rebond.sources.files.landing import Directory, FileLanding, LandedFile, Outcome, Overwrite

LONG_AGO_NS = 1_000_000_000_123_456_789
ROOT = Entry(name=b"", kind=EntryKind.DIRECTORY, mode=0o755, uid=os.getuid(), gid=os.getgid(), modified_ns=LONG_AGO_NS)


def file_of(name: str, content: bytes = b"", *, mode: int = 0o644, modified_ns: int = LONG_AGO_NS) -> Entry:
    return Entry(
        name=os.fsencode(name),
        kind=EntryKind.FILE,
        mode=mode,
        uid=os.getuid(),
        gid=os.getgid(),
        size=len(content),
        modified_ns=modified_ns,
    )


def directory_of(name: str, *, mode: int = 0o755) -> Entry:
    return msgspec.structs.replace(ROOT, name=os.fsencode(name), mode=mode)


def special_of(name: str, kind: EntryKind, *, target: bytes = b"", device: int = 0) -> Entry:
    return msgspec.structs.replace(file_of(name), kind=kind, target=target, device=device)


class Noted(list[Finding]):
    def codes(self) -> list[str]:
        return [each.code for each in self]


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def target(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "target"


def landing_in(target: pathlib.Path, noted: Noted, overwrite: Overwrite = Overwrite.NEVER, **rest: Any) -> FileLanding:
    return FileLanding(os.fsencode(target), overwrite=overwrite, report=noted.append, **rest)


@pytest.fixture
def landing(target: pathlib.Path, noted: Noted) -> Iterator[FileLanding]:
    with landing_in(target, noted) as made:
        yield made


def write_large(landing: FileLanding, directory: Directory, entry: Entry, pieces: list[tuple[int, bytes]]) -> Outcome:
    file = landing.create_file(directory, entry)
    assert isinstance(file, LandedFile)
    for offset, piece in pieces:
        landing.write_at(file, offset, piece)
    return landing.finish_file(file)


# --- the plain case --------------------------------------------------------------------------


def test_what_comes_to_lie_under_a_name_while_its_file_is_written_stays_and_is_told(
    target: pathlib.Path, noted: Noted
) -> None:
    """As where a file system takes two names for one: the second must not take the first one's place."""
    with landing_in(target, noted, was_empty=True) as landing:
        root = landing.begin(ROOT)
        first, second = (landing.create_file(root, file_of(name, b"12345")) for name in ("large", "other"))
        assert isinstance(first, LandedFile)
        assert isinstance(second, LandedFile)
        landing.write_at(first, 0, b"12345")
        (target / "large").write_bytes(b"somebody's")
        assert landing.finish_file(first) is Outcome.KEPT
        (target / "small").write_bytes(b"somebody's")
        assert landing.write_whole_file(root, file_of("small", b"12345"), b"12345") is Outcome.KEPT
        (target / "folder").mkdir()
        assert landing.make_directory(root, directory_of("folder")) is not None

    assert (target / "large").read_bytes() == (target / "small").read_bytes() == b"somebody's"
    assert sorted(os.listdir(target)) == ["folder", "large", "small"], "nothing half is left"
    assert noted.codes() == ["met-in-target", "met-in-target", "joined-in-target"]
    assert {each.severity for each in noted} == {Severity.WARNING}


def test_what_is_kept_and_is_not_as_it_was_saved_is_counted_by_itself(target: pathlib.Path, noted: Noted) -> None:
    """A restore that was killed leaves a file half written: to leave it as it is must not pass for having it."""
    target.mkdir()
    for name, content in (("half", b"123"), ("same", b"12345")):
        (target / name).write_bytes(content)
        os.utime(target / name, ns=(LONG_AGO_NS, LONG_AGO_NS))
    with landing_in(target, noted) as landing:
        root = landing.begin(ROOT)
        for name in ("same", "half"):
            assert landing.write_whole_file(root, file_of(name, b"12345"), b"12345") is Outcome.KEPT
        landing.finish()

    (finding,) = noted
    assert (finding.code, finding.subject) == ("kept", "half")
    assert {"count": 2, "others": 1}.items() <= finding.values.items()


def test_a_file_that_came_meanwhile_is_replaced_where_that_was_asked_for(target: pathlib.Path, noted: Noted) -> None:
    with landing_in(target, noted, Overwrite.ALWAYS) as landing:
        root = landing.begin(ROOT)
        file = landing.create_file(root, file_of("large", b"12345"))
        assert isinstance(file, LandedFile)
        landing.write_at(file, 0, b"12345")
        (target / "large").write_bytes(b"somebody's")
        landing.finish_file(file)
        landing.finish()

    assert (target / "large").read_bytes() == b"12345"


def test_a_small_tree_comes_back(landing: FileLanding, target: pathlib.Path, noted: Noted) -> None:
    root = landing.begin(ROOT)
    below = landing.make_directory(root, directory_of("d", mode=0o750))
    assert below is not None
    assert landing.write_whole_file(below, file_of("f", b"hello", mode=0o640), b"hello") is Outcome.CREATED
    assert landing.make_special(below, special_of("l", EntryKind.SYMLINK, target=b"f")) is Outcome.CREATED
    assert landing.make_link(root, b"again", below, b"f") is Outcome.CREATED
    landing.finish()

    status = (target / "d/f").stat()
    assert (target / "d/f").read_bytes() == b"hello"
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns, status.st_nlink) == (0o640, LONG_AGO_NS, 2)
    assert os.readlink(target / "d/l") == "f"
    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o750
    assert (target / "d").stat().st_mtime_ns == LONG_AGO_NS
    assert target.stat().st_mtime_ns == LONG_AGO_NS
    assert noted == []


@pytest.mark.parametrize("comes_instead", [False, True])
def test_a_target_that_went_away_meanwhile_is_not_said_to_hold_what_was_restored(
    landing: FileLanding, target: pathlib.Path, comes_instead: bool
) -> None:
    """As a disk that is unmounted lazily: everything is written, and nothing is where it was asked for."""
    root = landing.begin(directory_of(""))
    landing.write_whole_file(root, file_of("a", b"1"), b"1")
    target.rename(target.with_name("away"))
    if comes_instead:
        target.mkdir()

    with pytest.raises(RestoreError, match="does not lie at"):
        landing.finish()


def test_a_directory_may_be_entered_by_nobody_else_until_the_end(landing: FileLanding, target: pathlib.Path) -> None:
    root = landing.begin(ROOT)
    landing.make_directory(root, directory_of("d", mode=0o777))

    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o700
    landing.finish()
    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o777


def test_pieces_may_come_in_any_order_and_holes_stay_holes(landing: FileLanding, target: pathlib.Path) -> None:
    size = (4 << 20) + 5
    entry = msgspec.structs.replace(file_of("f"), size=size, holes=((1 << 20, 1 << 20), ((3 << 20), size - (3 << 20))))
    root = landing.begin(ROOT)
    zeros = bytes(2 << 20)
    end = size - (3 << 20)
    pieces = [(2 << 20, b"b" * (1 << 20) + zeros[:end]), (0, b"a" * (1 << 20)), (1 << 20, zeros[: 1 << 20])]
    outcome = write_large(landing, root, entry, pieces)
    landing.finish()
    content = (target / "f").read_bytes()

    assert outcome is Outcome.CREATED
    assert content == b"a" * (1 << 20) + zeros[: 1 << 20] + b"b" * (1 << 20) + zeros[:end]
    assert (target / "f").stat().st_blocks * 512 < 3 << 20


@pytest.mark.parametrize("start", [0, 5, 9, 10, 15, 19, 20, 25, 30, 44])
@pytest.mark.parametrize("length", [1, 5, 10, 11, 40])
def test_only_what_lies_outside_of_the_holes_is_written(start: int, length: int) -> None:
    entry = msgspec.structs.replace(file_of("f"), size=100, holes=((10, 10), (30, 5), (35, 5), (90, 10)))
    file = LandedFile(Directory(None, b"", ROOT), entry, -1, replaces=False)
    content = bytes(range(start, start + length))
    written = {
        position + index: value
        for position, piece in file.pieces(start, content)
        for index, value in enumerate(bytes(piece))
    }
    holes = {position for offset, size in entry.holes for position in range(offset, offset + size)}

    assert written == {position: position for position in range(start, start + length) if position not in holes}


def test_many_files_may_be_on_their_way_at_once_and_few_are_open(landing: FileLanding, target: pathlib.Path) -> None:
    open_before = len(os.listdir("/proc/self/fd"))
    root = landing.begin(ROOT)
    files = [landing.create_file(root, file_of(f"f{number}", b"abcd")) for number in range(300)]
    for offset in (2, 0):
        for file in files:
            assert isinstance(file, LandedFile)
            landing.write_at(file, offset, b"abcd"[offset : offset + 2])
    assert len(os.listdir("/proc/self/fd")) < open_before + 150
    assert not (target / "f0").exists()
    for file in files:
        assert isinstance(file, LandedFile)
        assert landing.finish_file(file) is Outcome.CREATED
    landing.finish()

    assert {each.read_bytes() for each in target.iterdir()} == {b"abcd"}
    assert len(list(target.iterdir())) == 300


def test_several_threads_may_write(landing: FileLanding, target: pathlib.Path) -> None:
    root = landing.begin(ROOT)
    directories = [landing.make_directory(root, directory_of(f"d{number}")) for number in range(100)]
    large = landing.create_file(root, file_of("large", b"x" * 80_000))
    assert isinstance(large, LandedFile)
    failures: list[BaseException] = []

    def write(part: int) -> None:
        try:
            for number, directory in enumerate(directories):
                assert directory is not None
                content = b"%d-%d" % (part, number)
                assert landing.write_whole_file(directory, file_of(f"f{part}", content), content) is Outcome.CREATED
                landing.write_at(large, (number * 4 + part) * 200, b"%d" % part * 200)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        join(thread)
    landing.finish_file(large)
    landing.finish()

    assert failures == []
    assert (target / "large").read_bytes() == b"".join(b"%d" % part * 200 for _ in range(100) for part in range(4))
    assert (target / "d99/f3").read_bytes() == b"3-99"


# --- what is there already -------------------------------------------------------------------


def put_back(
    target: pathlib.Path, noted: Noted, overwrite: Overwrite, content: bytes = b"new", *, in_pieces: bool = False
) -> Outcome:
    with landing_in(target, noted, overwrite) as landing:
        root = landing.begin(ROOT)
        entry = file_of("f", content)
        if in_pieces:
            file = landing.create_file(root, entry)
            if isinstance(file, LandedFile):
                landing.write_at(file, 0, content)
                file = landing.finish_file(file)
            outcome = file
        else:
            outcome = landing.write_whole_file(root, entry, content)
        landing.finish()
    return outcome


@pytest.mark.parametrize("in_pieces", [False, True])
def test_never_leaves_what_is_there_and_says_so_once(target: pathlib.Path, noted: Noted, in_pieces: bool) -> None:
    target.mkdir()
    (target / "f").write_text("old")

    assert put_back(target, noted, Overwrite.NEVER, in_pieces=in_pieces) is Outcome.KEPT
    assert (target / "f").read_text() == "old"
    assert [(each.code, each.severity) for each in noted] == [("kept", Severity.NOTE)]


@pytest.mark.parametrize("in_pieces", [False, True])
def test_always_replaces_the_file_and_not_its_other_names(target: pathlib.Path, noted: Noted, in_pieces: bool) -> None:
    target.mkdir()
    (target / "f").write_text("old")
    os.link(target / "f", target / "other")

    assert put_back(target, noted, Overwrite.ALWAYS, in_pieces=in_pieces) is Outcome.REPLACED
    assert (target / "f").read_text() == "new"
    assert (target / "other").read_text() == "old"
    assert sorted(os.listdir(target)) == ["f", "other"]


def test_changed_leaves_what_has_the_same_size_time_and_mode(target: pathlib.Path, noted: Noted) -> None:
    target.mkdir()
    (target / "f").write_text("old")
    (target / "f").chmod(0o644)
    os.utime(target / "f", ns=(0, LONG_AGO_NS))

    assert put_back(target, noted, Overwrite.CHANGED) is Outcome.SAME
    assert put_back(target, noted, Overwrite.CHANGED, b"longer") is Outcome.REPLACED
    assert (target / "f").read_text() == "longer"


def test_a_link_where_a_file_belongs_is_replaced_and_its_target_is_not_touched(
    target: pathlib.Path, tmp_path: pathlib.Path, noted: Noted
) -> None:
    target.mkdir()
    (tmp_path / "outside").write_text("precious")
    (target / "f").symlink_to(tmp_path / "outside")

    assert put_back(target, noted, Overwrite.ALWAYS) is Outcome.REPLACED
    assert (tmp_path / "outside").read_text() == "precious"
    assert not (target / "f").is_symlink()


def test_a_directory_that_holds_something_is_never_removed_for_a_file(target: pathlib.Path, noted: Noted) -> None:
    (target / "f").mkdir(parents=True)
    assert put_back(target, noted, Overwrite.ALWAYS) is Outcome.REPLACED or (target / "f").is_file()
    (target / "f").unlink()
    (target / "f").mkdir()
    (target / "f/inside").write_text("")

    assert put_back(target, noted, Overwrite.ALWAYS) is Outcome.FAILED
    assert noted.codes() == ["in-the-way"]
    assert (target / "f/inside").exists()


def test_a_file_where_a_directory_belongs_makes_way_only_if_it_may(target: pathlib.Path, noted: Noted) -> None:
    target.mkdir()
    (target / "d").write_text("a file")
    with landing_in(target, noted, Overwrite.NEVER) as landing:
        assert landing.make_directory(landing.begin(ROOT), directory_of("d")) is None
        landing.finish()
    assert noted.codes() == ["in-the-way"]
    with landing_in(target, noted, Overwrite.CHANGED) as landing:
        assert landing.make_directory(landing.begin(ROOT), directory_of("d")) is not None
        landing.finish()

    assert (target / "d").is_dir()


def test_a_second_name_replaces_what_is_there_and_is_not_made_twice(target: pathlib.Path, noted: Noted) -> None:
    target.mkdir()
    (target / "b").write_text("other")
    for expected in (Outcome.REPLACED, Outcome.SAME):
        with landing_in(target, noted, Overwrite.CHANGED) as landing:
            root = landing.begin(ROOT)
            landing.write_whole_file(root, file_of("a", b"x"), b"x")
            assert landing.make_link(root, b"b", root, b"a") is expected
            landing.finish()

    assert (target / "a").stat().st_ino == (target / "b").stat().st_ino
    assert sorted(os.listdir(target)) == ["a", "b"]


@pytest.mark.parametrize("kind", [EntryKind.SYMLINK, EntryKind.FIFO, EntryKind.SOCKET])
def test_special_things_obey_the_same_rules(target: pathlib.Path, noted: Noted, kind: EntryKind) -> None:
    target.mkdir()
    (target / "s").write_text("old")
    entry = special_of("s", kind, target=b"somewhere" if kind is EntryKind.SYMLINK else b"")
    outcomes = []
    for overwrite in (Overwrite.NEVER, Overwrite.CHANGED, Overwrite.CHANGED):
        with landing_in(target, noted, overwrite) as landing:
            outcomes.append(landing.make_special(landing.begin(ROOT), entry))
            landing.finish()

    assert outcomes == [Outcome.KEPT, Outcome.REPLACED, Outcome.SAME]
    assert os.listdir(target) == ["s"]


def test_existing_directories_keep_their_metadata_under_never(target: pathlib.Path, noted: Noted) -> None:
    (target / "d").mkdir(parents=True, mode=0o711)
    (target / "d").chmod(0o711)
    for overwrite, expected in ((Overwrite.NEVER, 0o711), (Overwrite.CHANGED, 0o755)):
        with landing_in(target, noted, overwrite) as landing:
            landing.make_directory(landing.begin(ROOT), directory_of("d", mode=0o755))
            landing.finish()
        assert stat.S_IMODE((target / "d").stat().st_mode) == expected


# --- hostile ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/etc/x", b"../x", b"a\0b"])
def test_a_name_that_leads_outside_is_refused(landing: FileLanding, target: pathlib.Path, name: bytes) -> None:
    root = landing.begin(ROOT)
    entry = msgspec.structs.replace(file_of("x"), name=name)
    landing.write_whole_file(root, file_of("good"), b"")

    with pytest.raises(TargetUnsafe):
        landing.write_whole_file(root, entry, b"")
    with pytest.raises(TargetUnsafe):
        landing.create_file(root, entry)
    with pytest.raises(TargetUnsafe):
        landing.make_directory(root, msgspec.structs.replace(ROOT, name=name))
    with pytest.raises(TargetUnsafe):
        landing.make_special(root, msgspec.structs.replace(special_of("x", EntryKind.FIFO), name=name))
    with pytest.raises(TargetUnsafe):
        landing.make_link(root, name, root, b"good")
    with pytest.raises(TargetUnsafe):
        landing.make_link(root, b"new", root, name)
    assert os.listdir(target) == ["good"]


@pytest.mark.parametrize("overwrite", list(Overwrite))
def test_nothing_is_written_through_a_link_to_a_directory(
    target: pathlib.Path, tmp_path: pathlib.Path, noted: Noted, overwrite: Overwrite
) -> None:
    target.mkdir()
    (tmp_path / "outside").mkdir()
    (target / "d").symlink_to(tmp_path / "outside")
    with landing_in(target, noted, overwrite) as landing:
        root = landing.begin(ROOT)
        with pytest.raises(TargetUnsafe, match="symbolic link"):
            landing.make_directory(root, directory_of("d"))
        assert landing.write_whole_file(root, file_of("f"), b"") is Outcome.CREATED  # others go on
        landing.finish()

    assert os.listdir(tmp_path / "outside") == []


def test_a_directory_swapped_for_a_link_during_the_restore_is_noticed(
    landing: FileLanding, target: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "outside").mkdir()
    root = landing.begin(ROOT)
    directory = landing.make_directory(root, directory_of("d"))
    others = [landing.make_directory(root, directory_of(f"x{number}")) for number in range(80)]  # pushes "d" out
    assert directory is not None
    assert None not in others
    (tmp_path / "another").mkdir()
    (target / "d").rmdir()
    (target / "d").symlink_to(tmp_path / "outside")

    with pytest.raises(TargetUnsafe, match="was replaced"):
        landing.write_whole_file(directory, file_of("f"), b"")
    (target / "d").unlink()
    (tmp_path / "another").rename(target / "d")
    with pytest.raises(TargetUnsafe, match="was replaced"):
        landing.make_special(directory, special_of("s", EntryKind.FIFO))
    assert os.listdir(tmp_path / "outside") == []


def test_a_file_that_waits_and_is_swapped_for_another_is_noticed(
    landing: FileLanding, target: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "outside").write_text("precious")
    root = landing.begin(ROOT)
    file = landing.create_file(root, file_of("f", b"abcd"))
    for number in range(150):  # pushes "f" out
        landing.create_file(root, file_of(f"x{number}"))
    assert isinstance(file, LandedFile)
    assert file.fd == -1
    part = target / os.fsdecode(part_name(b"f"))
    part.unlink()
    os.link(tmp_path / "outside", part)

    with pytest.raises(TargetUnsafe, match="replaced"):
        landing.write_at(file, 0, b"evil")
    assert (tmp_path / "outside").read_text() == "precious"


# --- private until the end -------------------------------------------------------------------


def test_a_private_file_is_never_readable_by_others(landing: FileLanding, target: pathlib.Path) -> None:
    root = landing.begin(ROOT)
    seen = set()
    real = os.fchmod

    def spy(fd: int, mode: int) -> None:
        seen.add(stat.S_IMODE(os.fstat(fd).st_mode))
        real(fd, mode)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fchmod", spy)
        patched.setattr(os, "chmod", spy)
        for number, mode in enumerate((0o640, 0o604, 0o4755, 0o660, 0o640)):
            landing.write_whole_file(root, file_of(f"f{number}", mode=mode), b"")
        write_large(landing, root, file_of("large", b"x", mode=0o644), [(0, b"x")])

    assert seen <= {0o600, 0o755}
    assert {0o600} <= seen


def test_the_mask_of_the_process_does_not_change_what_comes_back(target: pathlib.Path, noted: Noted) -> None:
    before = os.umask(0o027)
    try:
        with landing_in(target, noted) as landing:
            root = landing.begin(ROOT)
            for mode in (0o600, 0o644, 0o666, 0o777, 0o444, 0o000):
                for number in range(2):
                    name = f"{mode:o}-{number}"
                    assert landing.write_whole_file(root, file_of(name, b"x", mode=mode), b"x") is Outcome.CREATED
            landing.finish()
    finally:
        os.umask(before)

    assert {f"{stat.S_IMODE(each.stat().st_mode):o}" == each.name[:-2] for each in target.iterdir()} == {True}


def test_a_target_whose_new_files_inherit_access_lists_gives_none_of_them(target: pathlib.Path, noted: Noted) -> None:
    from rebond.testing.odd_metadata import pack_access_list

    target.mkdir()
    no_id = 0xFFFF_FFFF
    inherited = pack_access_list((1, 7, no_id), (2, 7, 12_345), (4, 5, no_id), (0x10, 7, no_id), (0x20, 5, no_id))
    try:
        os.setxattr(target, b"system.posix_acl_default", inherited)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            pytest.skip("this file system keeps no access lists")
        raise
    with landing_in(target, noted, Overwrite.CHANGED) as landing:
        below = landing.make_directory(landing.begin(ROOT), directory_of("d"))
        assert below is not None
        for number in range(3):
            landing.write_whole_file(below, file_of(f"f{number}", mode=0o640), b"")
        landing.make_special(below, special_of("p", EntryKind.FIFO))
        landing.finish()

    for path in (target, target / "d", *(target / "d").iterdir()):
        assert os.listxattr(path) == []
    assert stat.S_IMODE((target / "d/f2").stat().st_mode) == 0o640


# --- cut, full, refused ----------------------------------------------------------------------


def test_what_was_there_survives_a_restore_that_is_cut(target: pathlib.Path, noted: Noted) -> None:
    target.mkdir()
    (target / "f").write_text("old")
    with landing_in(target, noted, Overwrite.ALWAYS) as landing:
        file = landing.create_file(landing.begin(ROOT), file_of("f", b"new content"))
        assert isinstance(file, LandedFile)
        landing.write_at(file, 0, b"new ")

    assert (target / "f").read_text() == "old"
    assert os.listdir(target) == ["f"]


def test_what_a_killed_restore_left_is_cleared_by_the_next(target: pathlib.Path, noted: Noted) -> None:
    target.mkdir()

    def be_killed() -> None:
        landing = landing_in(target, noted, Overwrite.ALWAYS)
        file = landing.create_file(landing.begin(ROOT), file_of("f", b"new"))
        assert isinstance(file, LandedFile)
        landing.write_at(file, 0, b"ne")
        os.kill(os.getpid(), signal.SIGKILL)

    assert run_apart(be_killed) == -signal.SIGKILL
    assert os.listdir(target) == [os.fsdecode(part_name(b"f"))]

    assert put_back(target, noted, Overwrite.ALWAYS, in_pieces=True) is Outcome.CREATED
    assert os.listdir(target) == ["f"]


def test_a_full_target_is_one_clear_error_and_nothing_half_is_left(landing: FileLanding, target: pathlib.Path) -> None:
    root = landing.begin(ROOT)

    def full(fd: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(RestoreError, match="No room left"):
            landing.write_whole_file(root, file_of("f", b"x"), b"x")
    assert os.listdir(target) == []


@pytest.mark.parametrize("is_whole_target", [True, False])
def test_what_is_read_only_below_the_target_costs_nothing_else(
    landing: FileLanding, noted: Noted, is_whole_target: bool
) -> None:
    root = landing.begin(ROOT)
    flags = os.ST_RDONLY if is_whole_target else 0

    def refuse(fd: int, content: bytes) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "write", refuse)
        patched.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=flags))
        if is_whole_target:
            with pytest.raises(RestoreError, match="Read-only"):
                landing.write_whole_file(root, file_of("f", b"x"), b"x")
        else:
            assert landing.write_whole_file(root, file_of("f", b"x"), b"x") is Outcome.FAILED
    assert noted.codes() == ([] if is_whole_target else ["not-restored"])


@pytest.mark.root
@pytest.mark.judge("mount")
def test_a_disk_that_is_really_full_is_one_clear_error(target: pathlib.Path, noted: Noted) -> None:
    import subprocess

    target.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", target], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with landing_in(target, noted) as landing:
            root = landing.begin(ROOT)
            with pytest.raises(RestoreError, match="No room left"):
                landing.write_whole_file(root, file_of("f", b"x" * 100_000), b"x" * 100_000)
            file = landing.create_file(root, file_of("g", b"x" * 100_000))
            assert isinstance(file, LandedFile)
            with pytest.raises(RestoreError, match="No room left"):
                landing.write_at(file, 0, b"x" * 100_000)
        assert os.listdir(target) == []
    finally:
        subprocess.run(["umount", target], check=True)


def test_two_restores_into_one_target_are_refused(target: pathlib.Path, noted: Noted) -> None:
    with landing_in(target, noted) as one, landing_in(target, noted) as two:
        one.begin(ROOT)
        with pytest.raises(RestoreError, match="Another restore"):
            two.begin(ROOT)


def test_a_process_that_outlives_a_restore_keeps_nobody_out_of_its_target(target: pathlib.Path, noted: Noted) -> None:
    landing, (reading, writing) = landing_in(target, noted), os.pipe()
    landing.begin(ROOT)
    lives_on = os.fork()  # as writers of small files are made, with a copy of every descriptor
    if not lives_on:
        try:
            os.close(writing)
            os.read(reading, 1)
        finally:
            os._exit(0)
    try:
        landing.close()
        again = landing_in(target, noted)
        again.begin(ROOT)
        again.close()
    finally:
        os.close(writing)
        wait_for_child(lives_on)
        os.close(reading)


def test_a_copy_of_a_restore_that_ends_lets_nobody_in(target: pathlib.Path, noted: Noted) -> None:
    landing = landing_in(target, noted)
    landing.begin(ROOT)
    assert run_apart(landing.close) == 0
    with pytest.raises(RestoreError, match="Another restore"):
        landing_in(target, noted).begin(ROOT)
    landing.close()


def test_a_target_that_is_a_file_is_refused(target: pathlib.Path, noted: Noted) -> None:
    target.write_text("")
    with landing_in(target, noted) as landing, pytest.raises(RestoreError, match="cannot be used"):
        landing.begin(ROOT)


def test_a_landing_is_not_used_before_its_begin_or_after_its_end(target: pathlib.Path, noted: Noted) -> None:
    with landing_in(target, noted) as landing:
        with pytest.raises(UsageError):
            landing.finish()
        root = landing.begin(ROOT)
        landing.finish()
    with pytest.raises(UsageError):
        landing.write_whole_file(root, file_of("f"), b"")


def test_a_name_that_the_file_system_cannot_hold_is_reported_and_others_go_on(
    landing: FileLanding, noted: Noted
) -> None:
    root = landing.begin(ROOT)

    assert landing.write_whole_file(root, file_of("n" * 300), b"") is Outcome.FAILED
    assert landing.make_directory(root, directory_of("n" * 300)) is None
    assert landing.write_whole_file(root, file_of("good"), b"") is Outcome.CREATED
    assert noted.codes() == ["not-restored", "not-restored"]


# --- dry run ---------------------------------------------------------------------------------


def test_a_dry_run_tells_what_would_come_and_touches_nothing(target: pathlib.Path, noted: Noted) -> None:
    (target / "d").mkdir(parents=True)
    (target / "d/old").write_text("old")
    before = {path: path.stat().st_ctime_ns for path in (target, target / "d", target / "d/old")}
    with landing_in(target, noted, Overwrite.CHANGED, dry_run=True) as landing:
        root = landing.begin(ROOT)
        there, new = (landing.make_directory(root, directory_of(name)) for name in ("d", "e"))
        assert there is not None
        assert new is not None
        below_new = landing.make_directory(new, directory_of("f"))
        assert below_new is not None
        outcomes = [
            landing.write_whole_file(there, file_of("old", b"new"), b"new"),
            landing.write_whole_file(there, file_of("new", b"new"), b"new"),
            landing.create_file(below_new, file_of("new", b"new")),
            landing.make_special(there, special_of("old", EntryKind.FIFO)),
            landing.make_link(there, b"link", there, b"old"),
        ]
        landing.finish()

    assert outcomes == [
        Outcome.REPLACED, Outcome.CREATED, Outcome.CREATED, Outcome.REPLACED, Outcome.CREATED
    ]  # fmt: skip
    assert {path: path.stat().st_ctime_ns for path in before} == before
    assert sorted(os.listdir(target)) == ["d"]


def test_a_dry_run_into_nothing_makes_nothing(target: pathlib.Path, noted: Noted) -> None:
    with landing_in(target, noted, dry_run=True) as landing:
        root = landing.begin(ROOT)
        assert landing.write_whole_file(root, file_of("f"), b"") is Outcome.CREATED
        landing.finish()

    assert not target.exists()
