"""Tar archives that pass: every member of every form, and no cut, added or changed byte unnoticed."""

import io
import pathlib
import random
import subprocess
import tarfile

import pytest

from rebond.sources.tar.following import Member, TarDamaged, TarFollower

Folder = pathlib.Path


def follow(content: bytes, step: int = 10_000) -> list[Member]:
    members: list[Member] = []
    follower = TarFollower(members.append)
    for start in range(0, len(content), step):
        follower.feed(memoryview(content)[start : start + step])
    follower.finish()
    return members


def make_archive(form: int) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=form) as archive:
        for name, size in (("a", 0), ("b/" + "n" * 90, 513), ("long/" * 60 + "é", 1024), ("last", 1)):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = size, 0o640, 1_700_000_000
            member.uid, member.uname = 1000, "me"
            archive.addfile(member, io.BytesIO(b"x" * size))
        for kind, name, target in ((tarfile.SYMTYPE, "s", "t" * 150), (tarfile.LNKTYPE, "h", "last")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
        member = tarfile.TarInfo("null")
        member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
        archive.addfile(member)
    return output.getvalue()


FORMS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


@pytest.mark.parametrize("form", FORMS[1:])
@pytest.mark.parametrize("step", [1, 511, 512, 70_000])
def test_members_are_what_the_standard_library_says(form: int, step: int) -> None:
    content = make_archive(form)
    members = follow(content, step)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        expected = archive.getmembers()

    assert len(members) == len(expected)
    for ours, theirs in zip(members, expected, strict=True):
        assert ours.path.decode() == theirs.name
        assert (ours.size, ours.mode, ours.uid, ours.user) == (theirs.size, theirs.mode, theirs.uid, theirs.uname)
        assert ours.type == theirs.type
        assert ours.target.decode() == theirs.linkname
        assert ours.modified_ns == theirs.mtime * 1_000_000_000
        assert content[ours.offset : ours.offset + ours.size] == b"x" * ours.size
    assert members[-1].device == (1, 3)


def test_what_tar_itself_writes_is_read_with_nanoseconds(tmp_path: Folder) -> None:
    (tmp_path / "f").write_text("hello")
    status = (tmp_path / "f").stat()
    words = ["tar", "--format=posix", "--pax-option=delete=atime,delete=ctime", "-cf", "-", "-C", str(tmp_path), "."]
    done = subprocess.run(words, capture_output=True, check=True)
    found = {each.path: each for each in follow(done.stdout)}

    assert found[b"./f"].modified_ns == status.st_mtime_ns
    assert found[b"./f"].size == 5


@pytest.mark.parametrize("form", FORMS[1:])
def test_no_cut_is_taken_for_the_end(form: int) -> None:
    content = make_archive(form)
    end = content.rstrip(b"\0")
    dice = random.Random(form)
    for size in {0, 1, 511, 512, len(end), *(dice.randrange(len(end) + 512) for _ in range(200))}:
        with pytest.raises(TarDamaged):
            follow(content[:size])


@pytest.mark.parametrize("form", FORMS[1:])
def test_bytes_that_are_added_or_lost_are_noticed(form: int) -> None:
    content = make_archive(form)
    end = len(content.rstrip(b"\0"))
    dice = random.Random(form)
    for _ in range(200):
        place = dice.randrange(end)
        for spoilt in (content[:place] + b"\r" + content[place:], content[:place] + content[place + 1 :]):
            with pytest.raises(TarDamaged):
                follow(spoilt)


def test_a_header_that_is_changed_anywhere_is_noticed() -> None:
    content = make_archive(tarfile.GNU_FORMAT)
    for place in (*range(148), *range(156, 512)):  # the sum itself has room for spaces
        spoilt = bytearray(content)
        spoilt[place] ^= 0x10
        with pytest.raises(TarDamaged):
            follow(bytes(spoilt))


def test_what_follows_the_end_is_noticed_and_padding_is_not() -> None:
    content = make_archive(tarfile.PAX_FORMAT)
    assert follow(content + bytes(10_240))
    with pytest.raises(TarDamaged):
        follow(content + b"more")


def test_large_numbers_are_read() -> None:
    member = tarfile.TarInfo("x")
    member.uid, member.mtime = 3_000_000_000, 10_000_000_000
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        found = follow(member.tobuf(form) + bytes(1024))[0]
        assert (found.uid, found.modified_ns) == (3_000_000_000, 10_000_000_000 * 1_000_000_000)
