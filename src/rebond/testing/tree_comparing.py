"""Comparing two trees in everything that a restore has to bring back. Shares no code with the product."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rebond.testing.odd_trees import read_flags

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_PIECE_BYTES = 1 << 20
_COMPARED_FLAGS = 0x10 | 0x20 | 0x40 | 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One way in which the second tree is not the first."""

    path: bytes
    what: str
    first: object
    second: object


def compare_trees(first: bytes, second: bytes) -> list[Difference]:
    """Return every difference in names, kinds, content, holes, metadata and link structure.

    Access, change and birth times are not compared: nobody can set the last two.
    """
    return list(_Comparison().run(first, second))


class _Comparison:
    """A walk through both trees at once that holds two descriptors, however deep they are."""

    def __init__(self) -> None:
        self._links: tuple[dict[tuple[int, int], bytes], ...] = ({}, {})

    def run(self, first: bytes, second: bytes) -> Iterator[Difference]:
        fds = [os.open(root, _FLAGS | os.O_DIRECTORY) for root in (first, second)]
        yield from self._compare_metadata(b"", [os.fstat(fd) for fd in fds], fds)
        parts: list[bytes] = []
        waiting: list[list[bytes]] = []
        found, below = self._compare_contents(b"", fds)
        yield from found
        waiting.append(below)
        while waiting:
            if waiting[-1]:
                name = waiting[-1].pop()
                path = b"/".join([*parts, name])
                children, found = self._enter(path, name, fds)
                yield from found
                if children:
                    _close(fds)
                    fds = children
                    found, below = self._compare_contents(path, fds)
                    yield from found
                    waiting.append(below)
                    parts.append(name)
            else:
                waiting.pop()
                if parts:
                    parts.pop()
                    parents = [os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd) for fd in fds]
                    _close(fds)
                    fds = parents
        _close(fds)

    def _enter(self, path: bytes, name: bytes, fds: Sequence[int]) -> tuple[list[int], list[Difference]]:
        """Compare a directory's own metadata and open it; nothing is opened where neither side may be read."""
        children: list[int] = []
        for fd in fds:
            try:
                children.append(os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=fd))
            except PermissionError:
                continue
        if len(children) == len(fds):
            return children, list(self._compare_metadata(path, [os.fstat(fd) for fd in children], children))
        statuses = [os.stat(name, dir_fd=fd, follow_symlinks=False) for fd in fds]
        found = list(_compare_status(path, statuses))
        if children:
            found.append(Difference(path=path, what="may be read", first=None, second=None))
        _close(children)
        return [], found

    def _compare_contents(self, path: bytes, fds: Sequence[int]) -> tuple[list[Difference], list[bytes]]:
        """Compare everything in two directories but their subdirectories; return the names of these too."""
        names = [frozenset(map(os.fsencode, os.listdir(fd))) for fd in fds]
        found = [
            Difference(path=_join(path, name), what="exists", first=name in names[0], second=name in names[1])
            for name in sorted(names[0] ^ names[1])
        ]
        below = []
        for name in sorted(names[0] & names[1]):
            statuses = [os.stat(name, dir_fd=fd, follow_symlinks=False) for fd in fds]
            kinds = [stat.S_IFMT(status.st_mode) for status in statuses]
            if kinds[0] != kinds[1]:
                found.append(Difference(path=_join(path, name), what="kind", first=oct(kinds[0]), second=oct(kinds[1])))
            elif kinds[0] == stat.S_IFDIR:
                below.append(name)
            else:
                found.extend(self._compare_thing(_join(path, name), name, statuses, fds))
        below.reverse()
        return found, below

    def _compare_thing(
        self, path: bytes, name: bytes, statuses: Sequence[os.stat_result], fds: Sequence[int]
    ) -> Iterator[Difference]:
        if max(status.st_nlink for status in statuses) > 1:
            first_names = [
                links.setdefault((status.st_dev, status.st_ino), path)
                for links, status in zip(self._links, statuses, strict=True)
            ]
            yield from _compare(path, "hard link to", first_names)
        mode = statuses[0].st_mode
        if stat.S_ISLNK(mode):
            yield from _compare(path, "target", [os.readlink(name, dir_fd=fd) for fd in fds])
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            yield from _compare(path, "device", [status.st_rdev for status in statuses])
        if not stat.S_ISREG(mode):
            places = [b"/proc/self/fd/%d/%b" % (fd, name) for fd in fds]
            yield from _compare_status(path, statuses)
            yield from _compare(path, "attributes", [_read_attributes(place) for place in places])
            return
        try:
            opened = [os.open(name, _FLAGS, dir_fd=fd) for fd in fds]
        except PermissionError:
            yield from _compare_status(path, statuses)
            return
        yield from self._compare_metadata(path, statuses, opened)
        yield from _compare_content(path, statuses, opened)
        _close(opened)

    def _compare_metadata(
        self, path: bytes, statuses: Sequence[os.stat_result], fds: Sequence[int]
    ) -> Iterator[Difference]:
        yield from _compare_status(path, statuses)
        yield from _compare(path, "attributes", [_read_attributes(fd) for fd in fds])
        yield from _compare(path, "flags", [read_flags(fd) & _COMPARED_FLAGS for fd in fds])


def _compare_status(path: bytes, statuses: Sequence[os.stat_result]) -> Iterator[Difference]:
    yield from _compare(path, "mode", [oct(status.st_mode) for status in statuses])
    yield from _compare(path, "owner", [(status.st_uid, status.st_gid) for status in statuses])
    yield from _compare(path, "modified", [status.st_mtime_ns for status in statuses])


def _compare_content(path: bytes, statuses: Sequence[os.stat_result], fds: Sequence[int]) -> Iterator[Difference]:
    sizes = [status.st_size for status in statuses]
    yield from _compare(path, "size", sizes)
    if sizes[0] != sizes[1]:
        return
    pieces = [_read_data_map(fd, sizes[0]) for fd in fds]
    yield from _compare(path, "holes", pieces)
    for start, end in sorted({*pieces[0], *pieces[1]}):
        for position in range(start, end, _PIECE_BYTES):
            wanted = min(_PIECE_BYTES, end - position)
            if os.pread(fds[0], wanted, position) != os.pread(fds[1], wanted, position):
                yield Difference(path=path, what="content", first=position, second=position)
                return


def _read_data_map(fd: int, size: int) -> list[tuple[int, int]]:
    """Return where the data lies, as (start, end); adjoining pieces are one."""
    pieces: list[tuple[int, int]] = []
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        position = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        pieces.append((start, position))
    return pieces


def _read_attributes(where: int | bytes) -> dict[str, bytes]:
    follows = isinstance(where, int)
    names = os.listxattr(where) if follows else os.listxattr(where, follow_symlinks=False)
    return {name: os.getxattr(where, name, follow_symlinks=follows) for name in names}


def _compare(path: bytes, what: str, pair: Sequence[object]) -> Iterator[Difference]:
    if pair[0] != pair[1]:
        yield Difference(path=path, what=what, first=pair[0], second=pair[1])


def _join(path: bytes, name: bytes) -> bytes:
    return path + b"/" + name if path else name


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
