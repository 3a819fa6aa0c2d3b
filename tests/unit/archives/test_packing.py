"""Trees as zip, 7z and tar files, as stock programs take them out again."""

import io
import os
import pathlib
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Iterator

import pytest
import zstandard

from rebond.archives import packing
from rebond.archives.deflating import Deflater
from rebond.archives.packing import Member, Misfit, compressed_sink, write_tar, write_zip
from rebond.archives.seven_zip import write_seven_zip
from rebond.entries import Entry, EntryKind

YEAR_NS = 365 * 86400 * 10**9
AT_NS = 1_700_000_000_123_456_789


def a_file(
    path: bytes,
    content: bytes = b"x",
    *,
    modified_ns: int = AT_NS,
    link: bytes = b"",
    pieces: Iterable[bytes] | None = None,
) -> Member:
    entry = Entry(
        name=path.rpartition(b"/")[2], kind=EntryKind.FILE, mode=0o644, size=len(content), modified_ns=modified_ns
    )
    return Member(path=path, entry=entry, content=[content] if pieces is None else pieces, link=link)


def a_folder(path: bytes) -> Member:
    return Member(path=path, entry=Entry(name=path, kind=EntryKind.DIRECTORY, mode=0o755, modified_ns=AT_NS))


def unpack(form: str, content: bytes, folder: pathlib.Path) -> dict[bytes, bytes]:
    """Let the stock program take everything out; return what the files hold."""
    archive, back = folder / f"made.{form}", folder / "back"
    archive.write_bytes(content)
    back.mkdir()
    words = {
        "zip": ["unzip", "-^", "-qq", "-d", str(back), str(archive)],
        "7z": ["7z", "x", "-bd", f"-o{back}", str(archive)],
        "tar": ["tar", "-xpf", str(archive), "-C", str(back)],
    }[form]
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "America/New_York"},
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    root = os.fsencode(back)
    found = {}
    for above, _, names in os.walk(root):
        for name in names:
            path = above + b"/" + name
            with open(path, "rb") as file:
                found[path[len(root) + 1 :]] = file.read()
    return found


def pack(form: str, members: Iterable[Member]) -> tuple[bytes, list[Misfit]]:
    sink = io.BytesIO()
    if form == "zip":
        left = write_zip(members, sink, level=6)
    elif form == "7z":
        left = write_seven_zip(members, sink, level=1)
    else:
        left = write_tar(members, sink)
    return sink.getvalue(), left


FORMS = [
    pytest.param("zip", marks=pytest.mark.judge("unzip")),
    pytest.param("7z", marks=pytest.mark.judge("7z")),
    "tar",
]


@pytest.mark.parametrize("form", FORMS)
def test_every_file_is_taken_out_whatever_its_name_and_what_got_another_name_is_told(
    form: str, tmp_path: pathlib.Path
) -> None:
    names = (b"a\\xe9", b"a\xe9", b"n" * 255, b"two\nlines", b"back\\slash", b"-rf", "\u00e9".encode())
    members = [*(a_file(name, b"content of " + name) for name in names), a_folder(b"d\xff"), a_file(b"d\xff/f", b"f")]
    content, left = pack(form, members)
    found = unpack(form, content, tmp_path)
    wanted = {name: b"content of " + name for name in names} | {b"d\xff/f": b"f"}
    if form == "tar":
        assert left == []
        assert found == wanted
        return
    assert sorted(found.values()) == sorted(wanted.values())  # of two that would be called alike none is lost
    assert {each.path: each.name.encode() for each in left} == {b"a\xe9": b"a\\xe9~", b"d\xff": b"d\\xff"}
    assert found[b"a\\xe9~"] == wanted[b"a\xe9"]
    assert found[b"d\\xff/f"] == b"f"


@pytest.mark.parametrize("form", FORMS)
def test_times_come_along_whatever_the_time_zone_of_whoever_unpacks(form: str, tmp_path: pathlib.Path) -> None:
    times = {b"now": AT_NS, b"old": -YEAR_NS - 1, b"tiny": 50_000, b"odd": 1_700_000_001 * 10**9}
    content, _ = pack(form, (a_file(name, modified_ns=moment) for name, moment in times.items()))
    unpack(form, content, tmp_path)
    fine = {"zip": 10**9, "7z": 100, "tar": 1}[form]
    if form == "zip":  # unzip knows nothing before 1980 but what is written in the zip's own way
        del times[b"old"]
    found = {name: (tmp_path / "back" / name.decode()).stat().st_mtime_ns for name in times}
    assert {name: at // fine for name, at in found.items()} == {name: at // fine for name, at in times.items()}


def test_several_names_of_one_file_are_hard_links_in_a_tar_file(tmp_path: pathlib.Path) -> None:
    members = [
        a_file(b"one", b"shared", link=b"L1"),
        a_file(b"other", b"alone"),
        a_file(b"two", b"shared", link=b"L1", pieces=iter(())),  # its content is in the archive already
    ]
    content, left = pack("tar", members)
    assert left == []
    assert unpack("tar", content, tmp_path) == {b"one": b"shared", b"other": b"alone", b"two": b"shared"}
    assert (tmp_path / "back" / "one").samefile(tmp_path / "back" / "two")


class Lost(Exception):
    """What a vault raises for damage."""


def broken(content: bytes) -> Iterator[bytes]:
    yield content[:10]
    raise Lost


@pytest.mark.parametrize("where", ["between", "within"])
@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.zst"])
def test_an_archive_that_was_cut_by_an_error_does_not_look_whole(form: str, where: str) -> None:
    """On standard output it cannot be taken back: whoever receives it has only the archive to judge by."""

    def members() -> Iterator[Member]:
        yield a_file(b"first", b"1" * 5000)
        if where == "within":
            yield a_file(b"second", b"2" * 5000, pieces=broken(b"2" * 5000))
        raise Lost

    def write() -> None:
        if form == "zip":
            write_zip(members(), sink, level=6)
            return
        with (
            Deflater(threads=2) as deflater,
            compressed_sink(sink, form.removeprefix("tar."), level=6, deflater=deflater, threads=2) as packed,
        ):
            write_tar(members(), packed)

    sink = io.BytesIO()
    with pytest.raises(Lost):
        write()
    content = sink.getvalue()
    if form == "zip":
        assert not zipfile.is_zipfile(io.BytesIO(content))
    elif form == "tar.gz":
        done = subprocess.run(["gzip", "-t"], input=content, capture_output=True, check=False)
        assert done.returncode != 0
    else:
        stream = zstandard.ZstdDecompressor().decompressobj()
        stream.decompress(content)
        assert not stream.eof


def test_a_file_just_below_the_edge_of_zip_may_grow_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not compress takes more room than it has: the sizes behind it need their long form."""
    edge = 1 << 20
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", edge - 1)
    monkeypatch.setattr(packing, "ZIP_EDGE_BYTES", edge)
    noise = os.urandom(edge - 1)
    content, left = pack("zip", [a_file(b"noise", noise)])
    assert left == []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("noise") == noise
    assert struct.pack("<HH", 1, 16) in content[:100]


def test_numbers_of_a_tar_file_are_written_out(tmp_path: pathlib.Path) -> None:
    content, _ = pack("tar", [a_file(b"then", modified_ns=1), a_file(b"before", modified_ns=-1)])
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert [each.pax_headers["mtime"] for each in archive] == ["0.000000001", "-0.000000001"]
