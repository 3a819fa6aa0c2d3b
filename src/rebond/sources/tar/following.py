"""Following a tar archive while it passes: its members, and whether it is whole.

Every header has a checksum and says how long its content is; two empty blocks end the archive. So a stream that
was cut, or in which bytes were added (translated line ends), cannot pass for a whole one.
"""

import string
from collections.abc import Callable

import msgspec

from rebond.wording import Phrase

BLOCK = 512
FILE, HARD_LINK, SYMLINK, CHARACTER, SPECIAL_BLOCK, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
WITHOUT_CONTENT = frozenset({HARD_LINK, SYMLINK, CHARACTER, SPECIAL_BLOCK, DIRECTORY, FIFO})
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
_FILES = frozenset({b"0", b"\0", b"7"})
_WITH_HOLES = b"S"  # of GNU tar: where its holes are stands in the header, and in blocks that follow it
_HEADER_GOES_ON_AT, _MAP_GOES_ON_AT = 482, 504
_MOST_EXTENDED_BYTES = 8 << 20  # of names and attributes that one member may have
_EMPTY = bytes(BLOCK)
_SPACES = frozenset(string.whitespace.encode() + b"\0")


class TarDamaged(Exception):
    """This is no tar archive, or not a whole one; the text says in few words what is wrong, in any language."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = Phrase(text)

    def __str__(self) -> str:
        return self._text


class Member(msgspec.Struct, frozen=True, array_like=True):
    """One member. ``offset`` is where its content begins in the archive. Names are as they stand there."""

    path: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    size: int
    modified_ns: int
    target: bytes
    device: tuple[int, int]
    offset: int


class TarFollower:
    """Takes an archive piece by piece and calls ``tell`` with each member."""

    def __init__(self, tell: Callable[[Member], None]) -> None:
        self._tell = tell
        self._offset = 0  # of what comes next
        self._skip = 0  # bytes of content and padding still to pass
        self._gathered = bytearray()
        self._wanted = BLOCK
        self._extension = b""  # the type of the extended header being gathered
        self._extension_size = 0
        self._next: dict[str, bytes] = {}  # what extended headers say of the next member
        self._always: dict[str, bytes] = {}  # and of all that follow
        self._empty_blocks = 0
        self._behind_map = -1  # bytes of content that follow a map of holes, while that is being read
        self.members = 0

    @property
    def is_over(self) -> bool:
        """Whether the two empty blocks have come."""
        return self._empty_blocks >= 2

    def feed(self, block: memoryview) -> None:
        """Take the next piece. Raises ``TarDamaged``."""
        position, end = 0, len(block)
        while position < end:
            if self._skip:
                step = min(self._skip, end - position)
                self._skip -= step
            else:
                step = min(self._wanted - len(self._gathered), end - position)
                self._gathered += block[position : position + step]
            position += step
            self._offset += step
            if not self._skip and len(self._gathered) == self._wanted:
                gathered, self._gathered = bytes(self._gathered), bytearray()
                self._take(gathered)

    def finish(self) -> None:
        """Judge the end. Raises ``TarDamaged`` when the archive is not over."""
        if not self.is_over or self._gathered.strip(b"\0"):
            raise TarDamaged("it ends before its end")

    def _take(self, gathered: bytes) -> None:
        if self._extension:
            self._take_extension(gathered[: self._extension_size])
        elif self._behind_map >= 0:
            if not gathered[_MAP_GOES_ON_AT]:
                self._skip, self._behind_map = self._behind_map, -1
        elif gathered == _EMPTY:
            self._empty_blocks += 1
        elif self._empty_blocks:
            raise TarDamaged("something follows its end")
        else:
            self._take_header(gathered)

    def _take_header(self, header: bytes) -> None:
        claimed = _read_number(header[148:156])
        if claimed != sum(header) - sum(header[148:156]) + 8 * 0x20:
            raise TarDamaged("a header is damaged" if self.members else "it is no tar archive")
        kind, size = header[156:157], _read_number(header[124:136])
        if kind in {_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL}:
            if not 0 < size <= _MOST_EXTENDED_BYTES:
                raise TarDamaged("a header is damaged")
            self._extension, self._extension_size = kind, size
            self._wanted = _padded(size)
            return
        said = {**self._always, **self._next}
        self._next = {}
        if "size" in said:
            size = _read_decimal(said["size"])
        size = 0 if kind in WITHOUT_CONTENT else size
        self.members += 1
        self._tell(_make_member(header, b"0" if kind in _FILES else kind, size, said, self._offset))
        if kind == _WITH_HOLES and header[_HEADER_GOES_ON_AT]:
            self._behind_map = _padded(size)
        else:
            self._skip = _padded(size)

    def _take_extension(self, content: bytes) -> None:
        kind, self._extension, self._wanted = self._extension, b"", BLOCK
        if kind == _LONG_NAME:
            self._next["path"] = content.rstrip(b"\0")
        elif kind == _LONG_LINK:
            self._next["linkpath"] = content.rstrip(b"\0")
        else:
            (self._next if kind == _PAX else self._always).update(_read_records(content))


def _make_member(header: bytes, kind: bytes, size: int, said: dict[str, bytes], offset: int) -> Member:
    path = _until_zero(header[:100])
    if header[257:263] == b"ustar\0" and (prefix := _until_zero(header[345:500])):
        path = prefix + b"/" + path
    return Member(
        path=said.get("path", path),
        type=kind,
        mode=_read_number(header[100:108]) & 0o7777,
        uid=_read_decimal(said["uid"]) if "uid" in said else _read_number(header[108:116]),
        gid=_read_decimal(said["gid"]) if "gid" in said else _read_number(header[116:124]),
        user=said.get("uname", _until_zero(header[265:297])).decode(errors="replace"),
        group=said.get("gname", _until_zero(header[297:329])).decode(errors="replace"),
        size=size,
        modified_ns=_read_time(said["mtime"]) if "mtime" in said else _read_number(header[136:148]) * 1_000_000_000,
        target=said.get("linkpath", _until_zero(header[157:257])),
        device=(_read_number(header[329:337]), _read_number(header[337:345])),
        offset=offset,
    )


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _until_zero(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _read_number(field: bytes) -> int:
    """Read octal digits, or a number to the base 256. Raises ``TarDamaged``."""
    if field[0] in {0x80, 0xFF}:
        return int.from_bytes(field[1:] if field[0] == 0x80 else field, "big", signed=field[0] == 0xFF)
    digits = field.strip(bytes(_SPACES))
    try:
        return int(digits or b"0", 8)
    except ValueError:
        raise TarDamaged("a header is damaged") from None


def _read_decimal(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise TarDamaged("a header is damaged") from None


def _read_time(text: bytes) -> int:
    """Read seconds with a fraction as nanoseconds: a float would lose some of them."""
    whole, _, fraction = text.partition(b".")
    seconds = _read_decimal(whole)
    rest = _read_decimal((fraction + b"0" * 9)[:9])
    return seconds * 1_000_000_000 + (-rest if whole.startswith(b"-") else rest)


def _read_records(content: bytes) -> dict[str, bytes]:
    """Read the records of a pax header, each a length, a key and a text. Raises ``TarDamaged``."""
    found: dict[str, bytes] = {}
    while content:
        length = _read_decimal(content.split(b" ", 1)[0])
        record, content = content[:length], content[length:]
        key, mark, text = record.partition(b" ")[2].partition(b"=")
        if not mark or not text.endswith(b"\n"):
            raise TarDamaged("a header is damaged")
        found[key.decode(errors="replace")] = text[:-1]
    return found
