"""Trees as zip and tar files, written as streams: nothing is kept but the names."""

import contextlib
import io
import os
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import zstandard

from rebond.archives.deflating import Deflater, Piece
from rebond.entries import Entry, EntryKind

_ZIP_FIRST_NS = 315_532_800 * 10**9  # 1980: earlier moments do not fit into a zip file
_MOST_YEARS_NS = 4_354_819_198 * 10**9  # 2107
_BLOCK_BYTES = 1 << 20
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
    """One thing of an archive: its path, its entry, and its content, which is read once."""

    path: bytes
    entry: Entry
    content: Iterable[Piece] = ()


def write_zip(members: Iterable[Member], sink: BinaryIO, *, level: int) -> list[bytes]:
    """Write a zip file; return the paths of what such a file cannot hold: sockets, devices, pipes."""
    left = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for each in members:
            kind = _ZIP_TYPES.get(each.entry.kind)
            if kind is None:
                left.append(each.path)
                continue
            information = _describe_in_zip(each, kind)
            if each.entry.kind is EntryKind.DIRECTORY:
                archive.writestr(information, b"")
            elif each.entry.kind is EntryKind.SYMLINK:
                archive.writestr(information, each.entry.target)
            else:
                with archive.open(information, "w", force_zip64=each.entry.size >= 1 << 31) as place:
                    for piece in each.content:
                        place.write(piece)
    return left


def write_tar(members: Iterable[Member], sink: BinaryIO) -> list[bytes]:
    """Write a tar file (pax); return the paths of what such a file cannot hold: sockets."""
    left = []
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK_BYTES) as archive:
        for each in members:
            kind = _TAR_TYPES.get(each.entry.kind)
            if kind is None:
                left.append(each.path)
                continue
            information = _describe_in_tar(each, kind)
            archive.addfile(information, _PieceReader(each.content) if information.isreg() else None)
    return left


@contextlib.contextmanager
def compressed_sink(sink: BinaryIO, method: str, *, level: int, deflater: Deflater, threads: int) -> Iterator[BinaryIO]:
    """Give a sink that compresses by ``gz`` or ``zst`` what is written; the end comes when it is left."""
    if method == "gz":
        with contextlib.closing(GzipSink(sink, deflater)) as packed:
            yield cast(BinaryIO, packed)
        return
    compressor = zstandard.ZstdCompressor(level=2 * level, threads=threads, write_checksum=True)
    with compressor.stream_writer(sink, closefd=False) as packed_by_zstd:
        yield cast(BinaryIO, packed_by_zstd)


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

    def close(self) -> None:
        """Write what is left, and the end."""
        if not self.closed:
            for each in self._stream.end():
                self._sink.write(each)
            super().close()


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


def _describe_in_zip(member: Member, kind: int) -> zipfile.ZipInfo:
    moment = time.gmtime(min(max(member.entry.modified_ns, _ZIP_FIRST_NS), _MOST_YEARS_NS) // 10**9)
    name = member.path.decode(errors="backslashreplace") + ("/" if kind == stat.S_IFDIR else "")
    information = zipfile.ZipInfo(name, moment[:6])
    information.create_system = 3  # Unix: modes are kept
    information.external_attr = (kind | member.entry.mode) << 16 | (0x10 if kind == stat.S_IFDIR else 0)
    information.compress_type = zipfile.ZIP_DEFLATED if kind == stat.S_IFREG else zipfile.ZIP_STORED
    return information


def _describe_in_tar(member: Member, kind: bytes) -> tarfile.TarInfo:
    entry = member.entry
    information = tarfile.TarInfo(member.path.decode(errors="surrogateescape"))
    information.type = kind
    information.mode, information.uid, information.gid = entry.mode, entry.uid, entry.gid
    information.uname, information.gname = entry.user, entry.group
    information.mtime = entry.modified_ns / 10**9
    information.size = entry.size if entry.kind is EntryKind.FILE else 0
    information.linkname = entry.target.decode(errors="surrogateescape")
    if entry.kind in (EntryKind.CHARACTER, EntryKind.BLOCK):
        information.devmajor, information.devminor = os.major(entry.device), os.minor(entry.device)
    return information
