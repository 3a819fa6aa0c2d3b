"""What of a live tree a restore in place may move, and what has to stay: found by the rules of the backups."""

import os
from collections.abc import Callable

from rebond.errors import SourceError
from rebond.findings import Finding
from rebond.operations.recovery.mounts import list_below, list_mount_points
from rebond.operations.recovery.swapping import UNKNOWN, LiveShape
from rebond.sources.files.chain import Level
from rebond.sources.files.excluding import Rules, Scope
from rebond.sources.files.listing import Contents, DirectoryListing
from rebond.sources.files.paths import join_path
from rebond.sources.files.scanning import FileTree

Report = Callable[[Finding], None]
MayMatter = Callable[[bytes], bool]


class LiveTree(FileTree):
    """A walk that notes which directories hold something that the rules leave out, or lie on another file system."""

    def __init__(self, root: bytes, rules: Rules, *, one_file_system: bool, may_matter: MayMatter) -> None:
        """Raises ``SourceError`` when nothing is there. ``may_matter`` says which directories are to be gone into."""
        super().__init__(root, rules, one_file_system=one_file_system, report=_ignore, allow_empty=True)
        self._may_matter = may_matter
        self._found: dict[bytes, set[bytes]] = {}
        self._root = os.path.realpath(root)
        self._listed: list[bytes] = []
        self._lists_twice = rules.larger_than_bytes is not None

    def look(self) -> LiveShape:
        """Walk. Raises ``SourceError``."""
        for _ in self.listings():
            pass
        for path in list_below(self._root, list_mount_points()):  # it would be renamed with what it lies in
            if os.path.isdir(os.path.join(self._root, path)):
                self._note(path, set())
            else:
                self._note(os.path.dirname(path), {os.path.basename(path)})
        return LiveShape(mixed={path: frozenset(names) for path, names in self._found.items()})

    def _note(self, path: bytes, names: set[bytes]) -> None:
        self._found.setdefault(path, set()).update(names)
        while path:
            path = path.rpartition(b"/")[0]
            self._found.setdefault(path, set())

    def _visit(self, level: Level, scope: Scope, path: bytes, depth: int, status: os.stat_result) -> DirectoryListing:
        if level.device != self._device:
            self._note(path, set())
            if self._one_file_system:
                self._note(path, set(_list_names(level.fd)))
        return super()._visit(level, scope, path, depth, status)

    def _visit_unreadable(
        self, parent: Level, name: bytes, path: bytes, depth: int, error: OSError
    ) -> DirectoryListing | None:
        self._note(path.rpartition(b"/")[0], {name})
        return super()._visit_unreadable(parent, name, path, depth, error)

    def _read(self, level: Level, scope: Scope, path: bytes, depth: int) -> Contents:
        contents = super()._read(level, scope, path, depth)
        is_whole = len(contents.names) + len(contents.directories) == len(self._listed) and not self._lists_twice
        left_out = set() if is_whole else set(self._listed).difference(contents.names, contents.directories)
        if left_out:
            self._note(path, left_out)
        contents.directories = [each for each in contents.directories if self._may_matter(join_path(path, each))]
        return contents

    def _list(self, fd: int) -> Contents:
        """Return the names alone, unless a rule asks for sizes: times are for backups. Raises ``OSError``."""
        if self._lists_twice:
            self._listed = _list_names(fd)
            return super()._list(fd)
        contents = Contents()
        names: list[str] = []
        directories: list[str] = []
        unknown: list[str] = []
        with os.scandir(fd) as entries:
            for each in entries:
                try:
                    (directories if each.is_dir(follow_symlinks=False) else names).append(each.name)
                except OSError:  # nobody knows what it is, so it stays
                    unknown.append(each.name)
        contents.names, contents.directories = _encode(names), _encode(directories)
        self._listed = [*contents.directories, *contents.names, *_encode(unknown)]
        contents.directories.sort()
        contents.stamps = [b""] * len(contents.names)
        return contents


def look_at_live(
    root: bytes, make_rules: Callable[[], Rules], one_file_system: bool, may_matter: MayMatter
) -> LiveShape:
    """Return the shape of a live tree; nothing is known of one that cannot be walked."""
    try:
        return LiveTree(root, make_rules(), one_file_system=one_file_system, may_matter=may_matter).look()
    except SourceError:
        return UNKNOWN


def _list_names(descriptor: int) -> list[bytes]:
    return _encode(os.listdir(descriptor))


def _encode(names: list[str]) -> list[bytes]:
    """Return names as the disk has them: all at once, since a live tree has very many."""
    return os.fsencode("/".join(names)).split(b"/") if names else []


def _ignore(_finding: Finding) -> None:
    """Drop what a backup tells of the same tree."""
