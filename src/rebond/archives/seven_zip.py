"""Trees as 7z files: LZMA2, one solid block; encrypted by AES-256 with the names, where a password is given."""

import io
import stat
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from rebond.archives.deflating import Piece
from rebond.archives.packing import Member, Misfit, name_as_text
from rebond.entries import Entry, EntryKind
from rebond.errors import UsageError
from rebond.secret import Secret

_DICTIONARY_BYTES = 16 << 20  # a larger one takes eleven times its size of memory
_FROM_1601 = 116_444_736_000_000_000  # in 100 ns: where 7z counts from, to 1970
_UNIX, _DIRECTORY, _ARCHIVE = 0x8000, 0x10, 0x20
_TYPES = {EntryKind.FILE: stat.S_IFREG, EntryKind.DIRECTORY: stat.S_IFDIR, EntryKind.SYMLINK: stat.S_IFLNK}


def write_seven_zip(
    members: Iterable[Member], sink: BinaryIO, *, level: int, password: Secret | None = None
) -> list[Misfit]:
    """Write a 7z file; return what such a file cannot hold. ``sink`` has to be a file that can be sought.

    Raises ``UsageError`` without py7zr, and for a password that is not one line of UTF-8.
    """
    try:
        import py7zr  # noqa: PLC0415 - an extra
        from py7zr.helpers import ArchiveTimestamp  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("7z files need the library py7zr.", hint="pip install 'rebond[archives]'") from error
    left: list[Misfit] = []
    taken: set[str] = set()
    filters: list[dict[str, int]] = [
        {"id": py7zr.FILTER_LZMA2, "preset": level, "dict_size": _DICTIONARY_BYTES},
        *([{"id": py7zr.FILTER_CRYPTO_AES256_SHA256}] if password else []),
    ]
    text = _read_password(password) if password else None
    archive: Any = py7zr.SevenZipFile(sink, "w", filters=filters, password=text, header_encryption=password is not None)
    with archive:
        for each in members:
            kind = _TYPES.get(each.entry.kind)
            if kind is None:
                left.append(Misfit(each.path))
                continue
            moment = ArchiveTimestamp(max(each.entry.modified_ns // 100 + _FROM_1601, 0))
            times = dict.fromkeys(("creationtime", "lastwritetime", "lastaccesstime"), moment)
            name = name_as_text(each, taken, left)
            _add(archive, each, name, kind, times)
    return left


def _read_password(password: Secret) -> str:
    try:
        text = password.reveal().decode()
    except UnicodeDecodeError:
        text = "\n"
    if "\n" in text or "\0" in text:
        raise UsageError(
            "A password of a 7z file is one line of UTF-8.",
            hint="Check what REBOND_EXPORT_PASSWORD and its like lead to.",
        )
    return text


def _add(archive: Any, member: Member, name: str, kind: int, times: dict[str, Any]) -> None:
    """Add a member with its mode: the library's own ways take that from files on a disk only."""
    entry = member.entry
    is_folder = entry.kind is EntryKind.DIRECTORY
    archive.header.initialize()
    archive._make_file_info_from_name = lambda bio, size, name: {  # noqa: SLF001
        "origin": None,
        "data": bio,
        "filename": name,
        "uncompressed": size,
        "emptystream": False,
        "attributes": _attributes(entry, kind),
        **times,
    }
    size, pieces = _content(member)
    if not is_folder:
        archive.writef(_SizedReader(pieces, size), name)
        return
    about = {"filename": name, "emptystream": True, "attributes": _attributes(entry, kind), "origin": None, **times}
    archive.header.files_info.files.append(about)
    archive.header.files_info.emptyfiles.append(True)
    archive.files.append(about)
    archive.worker.current_file_index += 1


def _content(member: Member) -> tuple[int, Iterable[Piece]]:
    if member.entry.kind is EntryKind.SYMLINK:
        return len(member.entry.target), [member.entry.target]
    return member.entry.size, member.content


def _attributes(entry: Entry, kind: int) -> int:
    mode = 0o777 if kind == stat.S_IFLNK else entry.mode
    return (kind | mode) << 16 | _UNIX | (_DIRECTORY if kind == stat.S_IFDIR else _ARCHIVE)


class _SizedReader(io.BufferedIOBase):
    """Pieces as a file of a known size; it is sought only to measure it."""

    def __init__(self, pieces: Iterable[Piece], size: int) -> None:
        self._pieces: Iterator[Piece] = iter(pieces)
        self._size = size
        self._place = 0
        self._rest = b""

    def seekable(self) -> bool:
        """As far as its size is asked for."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to the end or back to the beginning."""
        self._place = offset + (self._size if whence == io.SEEK_END else 0)
        return self._place

    def tell(self) -> int:
        """Where that is."""
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """Return up to ``size`` bytes."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = bytes(piece)
        wanted = len(self._rest) if size is None or size < 0 else size
        part, self._rest = self._rest[:wanted], self._rest[wanted:]
        return part
