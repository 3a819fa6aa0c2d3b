"""What a part of a snapshot comes to, by its tree alone: before anybody was asked, and before anything is fetched."""

from msgspec import Struct

from rebond.entries import EntryKind
from rebond.errors import VaultDamaged
from rebond.operations.browsing import root_of
from rebond.operations.selection import Selection
from rebond.vault.holes import data_bytes
from rebond.vault.reading import SnapshotReader
from rebond.vault.trees import StoredEntry


class _Folder(Struct):
    """A directory that is gone into. ``may_exclude`` says whether a pattern may leave out anything below it."""

    path: bytes
    directory: bytes
    is_wanted: bool
    may_exclude: bool


class PartMeasure:
    """How many files, and bytes of their content, of one component are wanted; ``is_empty`` when nothing at all is."""

    def __init__(self, reader: SnapshotReader, component: str, selection: Selection) -> None:
        """Walk. What of the tree is damaged counts as nothing: that is found, and told, when it is fetched."""
        self._reader = reader
        self._selection = selection
        self._name = component.encode()
        self._links: set[bytes] = set()
        self.files = 0
        self.bytes = 0
        self.is_empty = True
        found = next((each for each in reader.components if each.name == component), None)
        root = root_of(found) if found is not None else None
        if root is None or root.entry is None or not root.directory:
            return
        is_wanted = selection.includes_path(self._name, b"", is_directory=True)
        self.is_empty = not is_wanted
        pending = [_Folder(b"", root.directory, is_wanted, selection.may_exclude_below(self._name, b""))]
        while pending:
            self._look_into(pending.pop(), pending)

    def _look_into(self, folder: _Folder, pending: list[_Folder]) -> None:
        is_plain = folder.is_wanted and not folder.may_exclude  # nearly always: no pattern has to be asked
        names = None if folder.is_wanted else self._selection.names_below(self._name, folder.path)
        try:
            for entry in self._reader.keep_directory(folder.directory, names):  # it is fetched next
                is_wanted = folder.is_wanted
                is_directory = entry.kind == EntryKind.DIRECTORY
                if is_plain and not is_directory:
                    self.is_empty = False
                    if entry.kind == EntryKind.FILE:
                        self._count(entry)
                    continue
                path = folder.path + b"/" + entry.name if folder.path else entry.name
                if not is_plain:
                    choice = self._choose(folder, path, is_directory=is_directory)
                    if choice is None:
                        continue
                    is_wanted = choice
                if is_wanted:
                    self.is_empty = False
                if is_directory:
                    may_exclude = folder.may_exclude and self._selection.may_exclude_below(self._name, path)
                    pending.append(_Folder(path, entry.directory, is_wanted, may_exclude))
                elif entry.kind == EntryKind.FILE:
                    self._count(entry)
        except VaultDamaged:
            return  # ``__init__`` says why

    def _choose(self, folder: _Folder, path: bytes, *, is_directory: bool) -> bool | None:
        """Say whether a thing is wanted; ``None`` when it is not, and nothing below it can be."""
        selection, name = self._selection, self._name
        if folder.may_exclude and selection.excludes_path(name, path, is_directory=is_directory):
            return None
        if folder.is_wanted or selection.includes_path(name, path, is_directory=is_directory):
            return True
        return False if is_directory and selection.may_include_below(name, path) else None

    def _count(self, entry: StoredEntry) -> None:
        self.files += 1
        if entry.hard_link:
            if entry.hard_link in self._links:
                return  # a second name brings no content
            self._links.add(entry.hard_link)
        self.bytes += data_bytes(entry.size, entry.holes)
