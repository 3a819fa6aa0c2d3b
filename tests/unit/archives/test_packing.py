"""Trees as zip, 7z and tar files, as stock programs take them out again."""

import io
import os
import pathlib
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
import zstandard
from msgspec.structs import replace as replace_struct

from rebond.archives import packing
from rebond.archives.deflating import Deflater
from rebond.archives.packing import Member, Misfit, compressed_sink, write_tar, write_zip
from rebond.archives.pax_attributes import describe_attributes
from rebond.archives.seven_zip import write_seven_zip
from rebond.entries import Entry, EntryKind
from rebond.findings import Severity
from rebond.operations.export import pack_members
from rebond.operations.export_requests import ExportRequest, Format

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


def test_an_archive_whose_reader_left_at_its_end_is_ended_once() -> None:
    """Ended again when nobody has it any more, it would speak of threads that are gone."""

    class Reader(io.BytesIO):
        has_left = False

        def write(self, content: object) -> int:
            if self.has_left:
                raise BrokenPipeError
            return 1

    sink, kept = Reader(), []
    with (  # noqa: PT012 - the error is of the end
        Deflater(threads=2) as deflater,
        pytest.raises(BrokenPipeError),
        compressed_sink(sink, "gz", level=6, deflater=deflater, threads=2) as packed,
    ):
        packed.write(b"content")
        kept.append(packed)
        sink.has_left = True
    assert kept[0].closed
    kept[0].close()


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


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_very_many_members_take_little_memory(form: str, tmp_path: pathlib.Path) -> None:
    members = (a_file(b"crowded/entry-%06d.dat" % number) for number in range(4_000))
    with (tmp_path / "made").open("wb") as sink:
        tracemalloc.start()
        try:
            left = write_zip(members, sink, level=1) if form == "zip" else write_tar(members, sink)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert left == []
    assert peak_bytes < 1_500_000  # with the libraries' own lists 2.4 and 4.2 MB
    if form == "tar":
        with tarfile.open(tmp_path / "made") as told:
            assert len(told.getnames()) == 4_000
        return
    with zipfile.ZipFile(tmp_path / "made") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"crowded/entry-{number:06}.dat" for number in range(4_000)]
        assert {(each.CRC, each.file_size, each.external_attr >> 16) for each in archive.infolist()} == {
            (zlib.crc32(b"x"), 1, 0o100644)
        }


@pytest.mark.parametrize("write", [write_zip, write_seven_zip])
def test_a_name_that_looks_as_if_it_were_spelt_out_is_given_once(write: Callable[..., list[Misfit]]) -> None:
    paths = [b"d\xff", b"d\\xff", b"plain", b"d\xff~"]

    left = write([a_file(path) for path in paths], io.BytesIO(), level=1)

    given = [Misfit(b"d\xff", "d\\xff"), Misfit(b"d\\xff", "d\\xff~"), Misfit(b"d\xff~", "d\\xff~~")]
    assert left == given


def test_numbers_of_a_tar_file_are_written_out(tmp_path: pathlib.Path) -> None:
    content, _ = pack("tar", [a_file(b"then", modified_ns=1), a_file(b"before", modified_ns=-1)])
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert [each.pax_headers["mtime"] for each in archive] == ["0.000000001", "-0.000000001"]


ACL = bytes.fromhex("0200000001000700ffffffff02000500e703000004000500ffffffff10000500ffffffff20000000ffffffff")
ATTRIBUTES = ((b"user.text", b"x = y\n"), (b"user.bytes", b"\x00\xff\n\xe9"), (b"user.a=b%c", b""))


def with_attributes(*more: tuple[bytes, bytes]) -> list[Member]:
    folder = a_folder(b"d")
    file = a_file(b"d/\xe9", b"content", link=b"1")
    again = a_file(b"d/link", b"content", link=b"1")
    attributes = (*ATTRIBUTES, *more)
    folder = replace(folder, entry=replace_struct(folder.entry, xattrs=((b"user.folder", b"1"),)))
    return [folder, *(replace(each, entry=replace_struct(each.entry, xattrs=attributes)) for each in (file, again))]


def unpack_with_attributes(members: Iterable[Member], folder: pathlib.Path) -> pathlib.Path:
    archive, back = folder / "made.tar", folder / "back"
    with archive.open("wb") as sink:
        assert write_tar(members, sink) == []
    back.mkdir()
    words = ["tar", "--xattrs", "--xattrs-include=*", "--acls", "-xpf", str(archive), "-C", str(back)]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if b"hdrcharset" not in line] == []
    return back


def attributes_of(path: pathlib.Path) -> dict[bytes, bytes]:
    names = [os.fsencode(each) for each in os.listxattr(path)]
    return {each: os.getxattr(path, each) for each in names if not each.startswith(b"security.")}


def try_attribute(folder: pathlib.Path, name: str, value: bytes) -> None:
    """Skip, with the reason, where this file system has no such attributes at all."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, name, value)
    except OSError as error:
        pytest.skip(f"no {name} on this file system: {error.strerror}")


def test_tar_brings_extended_attributes_back(tmp_path: pathlib.Path) -> None:
    try_attribute(tmp_path, "user.text", b"x")
    back = unpack_with_attributes(with_attributes(), tmp_path)

    assert attributes_of(back / "d") == {b"user.folder": b"1"}
    (file,) = [each for each in os.listdir(os.fsencode(back / "d")) if each != b"link"]
    assert attributes_of(pathlib.Path(os.fsdecode(os.fsencode(back / "d") + b"/" + file))) == dict(ATTRIBUTES)
    assert (back / "d" / "link").stat().st_nlink == 2


def test_tar_brings_acls_back(tmp_path: pathlib.Path) -> None:
    try_attribute(tmp_path, "system.posix_acl_access", ACL)
    members = with_attributes((b"system.posix_acl_access", ACL))
    members[0] = replace(
        members[0], entry=replace_struct(members[0].entry, xattrs=((b"system.posix_acl_default", ACL),))
    )
    back = unpack_with_attributes(members, tmp_path)

    assert attributes_of(back / "d")[b"system.posix_acl_default"] == ACL
    assert attributes_of(back / "d" / "link")[b"system.posix_acl_access"] == ACL


@pytest.mark.parametrize(
    "value", [b"", b"\x02\x00\x00\x00", ACL[:-1], b"\x03" + ACL[1:], ACL.replace(b"\x20\x00", b"\x40\x00")]
)
def test_an_acl_that_nobody_understands_is_kept_as_it_is(value: bytes) -> None:
    name = b"system.posix_acl_access"
    records = describe_attributes([(name, value), (b"user.\xff", b"x")])

    assert records == {"SCHILY.xattr.system.posix_acl_access": value.decode(errors="surrogateescape")}


@pytest.mark.parametrize("form", [Format.ZIP, Format.SEVEN_ZIP, Format.TAR_GZ])
def test_what_has_no_place_for_attributes_says_so_once(form: Format) -> None:
    request = ExportRequest(component="x", format=form)
    with Deflater(threads=1, level=1) as deflater:
        members = iter([*with_attributes()[:2], a_file(b"plain")])
        findings = pack_members(members, io.BytesIO(), request, deflater)

    said = [(each.severity, each.values["count"]) for each in findings if each.code == "attributes-not-in-archive"]
    assert said == ([] if form is Format.TAR_GZ else [(Severity.NOTE, 2)])
