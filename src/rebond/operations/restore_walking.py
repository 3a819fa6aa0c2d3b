"""The walk over the wanted part of a snapshot: directories are made on the way, the rest is handed on."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from rebond.entries import Entry, EntryKind
from rebond.errors import TargetUnsafe, UnknownName, VaultDamaged
from rebond.findings import Finding
from rebond.operations.browsing import Located, children, root_of
from rebond.operations.restore_findings import damaged_directory, unsafe_path
from rebond.operations.selection import Selection
from rebond.sources.files.landed_directories import Directory
from rebond.vault.reading import SnapshotReader
from rebond.vault.trees import StoredEntry


class _Node(Struct):
    """A directory on the way down. It is made when something in it is wanted."""

    located: Located
    parent: "_Node | None"
    depth: int
    is_wanted: bool
    may_exclude: bool
    directory: Directory | None = None
    is_made: bool = False


class RestoreWalk:
    """One walk. ``strip`` parts of each path are left out; ``plan_leaf`` is given all but directories.

    ``make_directory`` returns ``None`` where one cannot be had, and raises ``TargetUnsafe``. ``selected`` counts what
    is wanted, directories included; ``directory_count`` those that are there for it.
    """

    def __init__(
        self,
        reader: SnapshotReader,
        components: Sequence[str],
        selection: Selection,
        *,
        strip: int,
        make_directory: Callable[[Directory, Entry], Directory | None],
        plan_leaf: Callable[[Directory, Located, StoredEntry], None],
        notice: Callable[[Finding], None],
    ) -> None:
        self._reader = reader
        self._components = components
        self._selection = selection
        self._strip = strip
        self._land_directory = make_directory
        self._plan_leaf = plan_leaf
        self._notice = notice
        self.selected = 0
        self.directory_count = 0

    def require_components(self) -> None:
        """Raise ``UnknownName`` for a component that the snapshot has not."""
        wanted = set(self._components)
        known = {component.name for component in self._reader.components}
        if missing := wanted - known:
            raise UnknownName(
                "The snapshot has no component {missing}.",
                hint="It has: {known}. What lies in one is named with --include.",
                missing=", ".join(sorted(missing)),
                known=", ".join(sorted(known)),
            )

    def walk(self, root: Directory) -> None:
        """Go through what is wanted, depth first; ``root`` is the target. What is damaged is told and passed over."""
        for component in self._reader.components:
            if self._components and component.name not in self._components:
                continue
            located = root_of(component)
            if located.entry is None or not located.directory:
                continue
            entry = replace(located.entry, name=component.name.encode())
            start = Located(component, b"", entry, located.directory)
            is_wanted = self._selection.includes_path(entry.name, b"", is_directory=True)
            top = _Node(start, None, 1, is_wanted, self._selection.may_exclude_below(entry.name, b""))
            if self._strip >= 1:
                top.directory, top.is_made = root, True
                self.selected += is_wanted and self._strip == 1  # the target itself, also of a folder that was empty
            elif is_wanted:
                self._make(top, root)
            self._walk_below(top, root)

    def _walk_below(self, top: _Node, root: Directory) -> None:
        pending: list[tuple[_Node, Iterator[Located]]] = [(top, self._look_into(top))]
        while pending:
            node, items = pending[-1]
            try:
                item = next(items, None)
            except VaultDamaged as error:
                self._notice(damaged_directory(node.located, error))
                item = None
            if item is None:
                pending.pop()
            elif item.entry is not None:
                below = self._take(node, item, item.entry, root)
                if below is not None:
                    pending.append((below, self._look_into(below)))

    def _look_into(self, node: _Node) -> Iterator[Located]:
        located, names = node.located, None
        if not node.is_wanted:
            names = self._selection.names_below(located.component.name.encode(), located.path)
        return children(self._reader, located, names)

    def _take(self, node: _Node, item: Located, entry: StoredEntry, root: Directory) -> _Node | None:
        """Take one thing; return a node when it is a directory to go into."""
        selection = self._selection
        is_directory = entry.kind == EntryKind.DIRECTORY
        is_wanted = node.is_wanted
        if node.may_exclude or not is_wanted:
            name = item.component.name.encode()
            if node.may_exclude and selection.excludes_path(name, item.path, is_directory=is_directory):
                return None
            is_wanted = is_wanted or selection.includes_path(name, item.path, is_directory=is_directory)
            if not is_wanted and not (is_directory and selection.may_include_below(name, item.path)):
                return None
        if is_directory:
            may_exclude = node.may_exclude and selection.may_exclude_below(item.component.name.encode(), item.path)
            below = _Node(item, node, node.depth + 1, is_wanted, may_exclude)
            if below.depth <= self._strip:
                below.directory, below.is_made = root, True
            elif is_wanted:
                self._make(below, root)
            return below
        if node.depth < self._strip:
            return None  # its whole path is stripped away
        directory = node.directory if node.is_made else self._make(node, root)
        if directory is not None:
            self.selected += 1
            self._plan_leaf(directory, item, entry)
        return None

    def _make(self, node: _Node, root: Directory) -> Directory | None:
        """Make a directory and those above it, once; ``None`` when it cannot be had (reported)."""
        missing: list[_Node] = []
        above: _Node | None = node
        while above is not None and not above.is_made:
            missing.append(above)
            above = above.parent
        for each in reversed(missing):
            each.is_made = True
            parent = root if each.parent is None else each.parent.directory
            if parent is not None and each.located.entry is not None:
                each.directory = self._make_directory(parent, each.located.entry)
                self.directory_count += each.directory is not None
                self.selected += 1
        return node.directory

    def _make_directory(self, parent: Directory, entry: StoredEntry) -> Directory | None:
        try:
            return self._land_directory(parent, entry.to_entry())
        except TargetUnsafe as error:
            self._notice(unsafe_path(error))
            return None
