"""Trees as zip and tar files, written as streams: no more is kept than what a zip file ends with, packed."""

import contextlib
import io
import os
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import zstandard

from rebond.archives.deflating import Deflater, Piece
from rebond.archives.pax_attributes import describe_attributes
from rebond.archives.zip_contents import KeptContents, NoNames
from rebond.entries import Entry, EntryKind

_ZIP_FIRST_NS = 315_532_800 * 10**9  # 1980: earlier moments do not fit into a zip file
_MOST_YEARS_NS = 4_354_819_198 * 10**9  # 2107
_BLOCK_BYTES = 1 << 16  # tarfile copies all that it has gathered at each write
ZIP_EDGE_BYTES = 1 << 31  # from here on a zip file needs its long form
_UNIX_TIME = struct.Struct("<HHBi")  # a field of zip: kind, size, which times follow, when it was modified
_UNIX_TIME_HEAD = (0x5455, 5, 1)
_TAR_TYPES = {
    EntryKind.FILE: tarfile.REGTYPE,
    EntryKind.DIRECTORY: tarfile.DIRTYPE,
    EntryKind.SYMLINK: tarfile.SYMTYPE,
    EntryKind.FIFO: tarfile.FIFOTYPE,
    EntryKind.CHARACTER: tarfile.CHRTYPE,
    EntryKind.BLOCK: tarfile.BLKTYPE,
}
_ZIP_TYPES = {
    EntryKind.FILE: stat.S_IFREG,
    EntryKind.DIRECTORY: stat.S_IFDIR,
    EntryKind.SYMLINK: stat.S_IFLNK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One thing of an archive: its path, its entry, and its content, which is read once.

    Names of one and the same file have the same ``link``; it is empty for a file of one name.
    """

    path: bytes
    entry: Entry
    content: Iterable[Piece] = ()
    link: bytes = b""


@dataclass(frozen=True, slots=True)
class Misfit:
    """What an archive cannot hold as it is: it is not in it, or there under another ``name``."""

    path: bytes
    name: str = ""


def write_zip(members: Iterable[Member], sink: BinaryIO, *, level: int) -> list[Misfit]:
    """Write a zip file; return what such a file cannot hold: sockets, devices, pipes, names that are no UTF-8.

    Whatever ends this early, the file has no end: nobody takes it for whole.
    """
    left: list[Misfit] = []
    taken: set[str] = set()
    archive = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=level)
    archive.filelist, archive.NameToInfo = KeptContents(), NoNames()
    try:
        for each in members:
            kind = _ZIP_TYPES.get(each.entry.kind)
            if kind is None:
                left.append(Misfit(each.path))
                continue
            is_folder = each.entry.kind is EntryKind.DIRECTORY
            name = name_as_text(each, taken, left, end="/" if is_folder else "")
            information = _describe_in_zip(each, kind, name)
            if is_folder:
                archive.writestr(information, b"")
            elif each.entry.kind is EntryKind.SYMLINK:
                archive.writestr(information, each.entry.target)
            else:
                may_grow = each.entry.size * 1.05 >= ZIP_EDGE_BYTES  # what does not compress grows a little
                with archive.open(information, "w", force_zip64=may_grow) as place:
                    for piece in each.content:
                        place.write(piece)
    except BaseException:
        archive.fp = None  # else it writes its end as soon as nobody has it any more
        raise
    archive.close()
    return left


def name_as_text(member: Member, taken: set[str], left: list[Misfit], *, end: str = "") -> str:
    """Return a name for an archive of texts: what is no UTF-8 is spelt out, and told. No name is given twice.

    ``taken`` holds what was given before as far as it could be given again: names that are spelt out, or look so.
    """
    name = spelt = member.path.decode(errors="backslashreplace")
    if "\\" not in name:
        return name + end
    while name + end in taken:
        name += "~"
    taken.add(name + end)
    if name != spelt or not _is_text(member.path.rpartition(b"/")[2]):
        left.append(Misfit(member.path, name))
    return name + end


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def write_tar(members: Iterable[Member], sink: BinaryIO) -> list[Misfit]:
    """Write a tar file (pax), with extended attributes and ACLs; return what it cannot hold: sockets."""
    left = []
    first: dict[bytes, bytes] = {}  # under which name a file of several is in the archive
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK_BYTES) as archive:
        for each in members:
            kind = _TAR_TYPES.get(each.entry.kind)
            if kind is None:
                left.append(Misfit(each.path))
                continue
            information = _describe_in_tar(each, kind)
            if each.link and first.setdefault(each.link, each.path) != each.path:
                information.type, information.size, information.pax_headers = tarfile.LNKTYPE, 0, {}
                information.linkname = first[each.link].decode(errors="surrogateescape")
            archive.addfile(information, _PieceReader(each.content) if information.isreg() else None)
            getattr(archive, "members", []).clear()  # kept for those who read: a kilobyte for each
    return left


@contextlib.contextmanager
def compressed_sink(sink: BinaryIO, method: str, *, level: int, deflater: Deflater, threads: int) -> Iterator[BinaryIO]:
    """Give a sink that compresses by ``gz`` or ``zst`` what is written; the end comes when this is left well.

    After an error there is none: a tar file that is cut between two members looks whole to ``tar``.
    """
    if method == "gz":
        packed = GzipSink(sink, deflater)
        try:
            yield cast(BinaryIO, packed)
        except BaseException:
            packed.abandon()
            raise
        packed.close()
        return
    compressor = zstandard.ZstdCompressor(level=2 * level, threads=threads, write_checksum=True)
    packed_by_zstd = compressor.stream_writer(sink, closefd=False)
    yield cast(BinaryIO, packed_by_zstd)
    packed_by_zstd.flush(zstandard.FLUSH_FRAME)


class GzipSink(io.RawIOBase):
    """Passes on what is written as one file of gzip. To be closed; the sink below stays open."""

    def __init__(self, sink: BinaryIO, deflater: Deflater) -> None:
        self._sink = sink
        self._stream = deflater.begin_gzip()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: Piece) -> int:  # type: ignore[override]
        """Take more."""
        for each in self._stream.push(content):
            self._sink.write(each)
        return len(content)

    def abandon(self) -> None:
        """Write no more: what is there has no end."""
        super().close()

    def close(self) -> None:
        """Write what is left, and the end."""
        if not self.closed:
            try:
                for each in self._stream.end():
                    self._sink.write(each)
            finally:
                super().close()  # else it would be ended once more as soon as nobody has it any more


class _PieceReader(io.RawIOBase):
    """Pieces as a file that is read."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Return exactly ``size`` bytes, fewer at the end."""
        gathered = bytearray(self._rest)
        while size < 0 or len(gathered) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            gathered += piece
        end = len(gathered) if size < 0 else size
        self._rest = bytes(gathered[end:])
        return bytes(gathered[:end])


def _describe_in_zip(member: Member, kind: int, name: str) -> zipfile.ZipInfo:
    entry = member.entry
    moment = time.gmtime(min(max(entry.modified_ns, _ZIP_FIRST_NS), _MOST_YEARS_NS) // 10**9)
    information = zipfile.ZipInfo(name, moment[:6])
    information.create_system = 3  # Unix: modes are kept
    information.external_attr = (kind | entry.mode) << 16 | (0x10 if kind == stat.S_IFDIR else 0)
    information.compress_type = zipfile.ZIP_DEFLATED if kind == stat.S_IFREG else zipfile.ZIP_STORED
    seconds = entry.modified_ns // 10**9
    if 0 <= seconds < 1 << 31:  # the time of zip itself has no zone, and every second second only
        information.extra = _UNIX_TIME.pack(*_UNIX_TIME_HEAD, seconds)
    return information


def _describe_in_tar(member: Member, kind: bytes) -> tarfile.TarInfo:
    entry = member.entry
    information = tarfile.TarInfo(member.path.decode(errors="surrogateescape"))
    information.type = kind
    information.mode, information.uid, information.gid = entry.mode, entry.uid, entry.gid
    information.uname, information.gname = entry.user, entry.group
    information.mtime = entry.modified_ns // 10**9
    nanoseconds = {"mtime": _write_seconds(entry.modified_ns)} if entry.modified_ns % 10**9 else {}
    information.pax_headers = {**nanoseconds, **describe_attributes(entry.xattrs)}
    information.size = entry.size if entry.kind is EntryKind.FILE else 0
    information.linkname = entry.target.decode(errors="surrogateescape")
    if entry.kind in (EntryKind.CHARACTER, EntryKind.BLOCK):
        information.devmajor, information.devminor = os.major(entry.device), os.minor(entry.device)
    return information


def _write_seconds(moment_ns: int) -> str:
    """Return seconds with their nine digits, as pax has them."""
    seconds, rest = divmod(abs(moment_ns), 10**9)
    return f"{'-' if moment_ns < 0 else ''}{seconds}.{rest:09}"
