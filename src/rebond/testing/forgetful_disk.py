"""A disk that takes notes of every call, and knows what would be left if the power failed now."""

import os
from dataclasses import dataclass, field

from rebond.durable_files import Disk
from rebond.testing.faulty_store import PowerCut


@dataclass(slots=True, kw_only=True, eq=False)
class _Node:
    """A file or a directory: what it holds now, and what of it was flushed."""

    is_directory: bool
    names: dict[str, "_Node"] = field(default_factory=dict)
    flushed_names: dict[str, "_Node"] = field(default_factory=dict)
    flushed_content: bytes | None = None


class ForgetfulDisk(Disk):
    """Does everything for real below ``root`` and remembers what was flushed.

    ``calls`` are the calls that were done, as "verb path" with paths below ``root``; temporary names
    read ``.tmp``. At call number ``cut_at`` (from 0) it raises ``PowerCut`` instead, and from then on
    for every call, until ``revive``.
    """

    def __init__(self, root: str | os.PathLike[str], *, cut_at: int | None = None) -> None:
        self.root = os.fspath(root)
        self.cut_at = cut_at
        self.is_off = False
        self.calls: list[str] = []
        self._begun = 0
        self._top = _Node(is_directory=True)
        self._open: dict[int, tuple[str, _Node]] = {}

    def remember(self) -> None:
        """Take everything that lies below ``root`` now as flushed long ago."""
        self._top = _read_node(self.root)

    def revive(self) -> None:
        """Go on as another process would after the first one died, with all that the kernel still remembers."""
        self.is_off = False
        self.cut_at = None

    def open_new(self, path: str, mode: int) -> int:
        self._begin()
        descriptor = super().open_new(path, mode)
        node = _Node(is_directory=False)
        self._parent(path).names[os.path.basename(path)] = node
        self._open[descriptor] = (path, node)
        self._note("open", path)
        return descriptor

    def write(self, descriptor: int, content: memoryview) -> int:
        self._begin()
        written = super().write(descriptor, content)
        self._note("write", self._open[descriptor][0])
        return written

    def sync_file(self, descriptor: int) -> None:
        self._begin()
        super().sync_file(descriptor)
        path, node = self._open[descriptor]
        with open(path, "rb") as file:
            node.flushed_content = file.read()
        self._note("flush", path)

    def link(self, source: str, target: str) -> None:
        self._begin()
        super().link(source, target)
        self._parent(target).names[os.path.basename(target)] = self._find(source)
        self._note("link", target)

    def rename_unless_exists(self, source: str, target: str) -> None:
        self._begin()
        super().rename_unless_exists(source, target)
        self._move(source, target)
        self._note("rename", target)

    def replace(self, source: str, target: str) -> None:
        self._begin()
        super().replace(source, target)
        self._move(source, target)
        self._note("replace", target)

    def unlink(self, path: str) -> None:
        self._begin()
        super().unlink(path)
        self._parent(path).names.pop(os.path.basename(path), None)
        self._note("unlink", path)

    def make_directory(self, path: str, mode: int) -> None:
        self._begin()
        super().make_directory(path, mode)
        self._parent(path).names[os.path.basename(path)] = _Node(is_directory=True)
        self._note("mkdir", path)

    def sync_directory(self, path: str) -> None:
        if not f"{path}/".startswith(f"{self.root}/"):  # what lies above was there before, and stays
            return
        self._begin()
        super().sync_directory(path)
        node = self._find(path)
        node.flushed_names = dict(node.names)
        self._note("sync", path)

    def leave_behind(self, target: str | os.PathLike[str], *, keeps_names: bool) -> None:
        """Write to the new directory ``target`` what a power cut at this moment leaves of ``root``.

        Content that was not flushed is torn. Names that were not flushed are lost, or, with
        ``keeps_names``, happened to reach the disk: a file system may do either.
        """
        _write_node(self._top, os.fspath(target), keeps_names=keeps_names)

    def _begin(self) -> None:
        if self.is_off or self._begun == self.cut_at:
            self.is_off = True
            raise PowerCut
        self._begun += 1

    def _note(self, verb: str, path: str) -> None:
        below = os.path.relpath(path, self.root)
        head, _, tail = below.rpartition("/")
        if tail.startswith(".tmp-"):
            below = f"{head}/.tmp" if head else ".tmp"
        self.calls.append(f"{verb} {below}")

    def _find(self, path: str) -> _Node:
        below = os.path.relpath(path, self.root)
        node = self._top
        for part in below.split("/") if below != "." else []:
            node = node.names[part]
        return node

    def _parent(self, path: str) -> _Node:
        return self._find(os.path.dirname(path))

    def _move(self, source: str, target: str) -> None:
        node = self._find(source)
        del self._parent(source).names[os.path.basename(source)]
        self._parent(target).names[os.path.basename(target)] = node


def _read_node(path: str) -> _Node:
    if not os.path.isdir(path):
        with open(path, "rb") as file:
            return _Node(is_directory=False, flushed_content=file.read())
    names = {name: _read_node(f"{path}/{name}") for name in os.listdir(path)}
    return _Node(is_directory=True, names=names, flushed_names=dict(names))


def _write_node(node: _Node, path: str, *, keeps_names: bool) -> None:
    if not node.is_directory:
        with open(path, "wb") as file:
            file.write(b"\0\0\0 torn" if node.flushed_content is None else node.flushed_content)
        return
    os.mkdir(path)
    names = {**node.flushed_names, **node.names} if keeps_names else node.flushed_names
    for name, below in names.items():
        _write_node(below, f"{path}/{name}", keeps_names=keeps_names)
