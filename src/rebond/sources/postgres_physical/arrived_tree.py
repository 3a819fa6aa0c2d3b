"""What has arrived, as a tree: the entries of files and directories, sorted as a walk would give them."""

import os
from collections.abc import Iterator, Sequence

import msgspec

from rebond.entries import Content, Entry, EntryKind
from rebond.sources.documents.tree import DocumentContent
from rebond.sources.streams.owner import name_of_group, name_of_user


class ArrivedEntries:
    """Gathers entries by their paths; a directory that nobody sent is made up."""

    def __init__(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self._directories: dict[bytes, Entry] = {}
        self._files: dict[bytes, dict[bytes, Entry]] = {b"": {}}
        self._documents: dict[bytes, bytes] = {}

    def __contains__(self, path: bytes) -> bool:
        folder, _, name = path.rpartition(b"/")
        return name in self._files.get(folder, {})

    def add_directory(self, path: bytes, entry: Entry) -> None:
        """Take the entry of a directory; empty is the root."""
        self._directories[path] = msgspec.structs.replace(entry, name=os.path.basename(path))
        self._make_way(path)

    def add_file(self, path: bytes, entry: Entry) -> None:
        """Take the entry of a file, whose content has arrived or is a document's."""
        folder, _, name = path.rpartition(b"/")
        self._make_way(folder)
        self._files[folder][name] = msgspec.structs.replace(entry, name=name)

    def add_document(self, path: bytes, content: bytes) -> None:
        """Take a file that is there whole, with the owner of the root."""
        entry = make_entry(EntryKind.FILE, 0o600, self._began_ns)
        root = self._entry_of_root()
        entry = msgspec.structs.replace(entry, uid=root.uid, gid=root.gid, user=root.user, group=root.group)
        self.add_file(path, msgspec.structs.replace(entry, size=len(content)))
        self._documents[path] = content

    def _entry_of_root(self) -> Entry:
        """Return the entry of the top, which no archive of PostgreSQL has: it belongs to whom its files belong."""
        made = make_entry(EntryKind.DIRECTORY, 0o700, self._began_ns)
        known = self._directories.get(b"") or next(iter(self._files[b""].values()), made)
        return msgspec.structs.replace(made, uid=known.uid, gid=known.gid, user=known.user, group=known.group)

    def _make_way(self, path: bytes) -> None:
        while path not in self._files:
            self._files[path] = {}
            path = path.rpartition(b"/")[0]

    def listings(self) -> Iterator["ArrivedListing"]:
        """Yield every directory, depth first."""
        own = self._entry_of_root()
        for path in sorted(self._files, key=lambda each: each.split(b"/") if each else []):
            entry = msgspec.structs.replace(self._directories.get(path, own), name=os.path.basename(path))
            yield ArrivedListing(path, entry, self._files[path], self._documents)


class ArrivedListing:
    """One directory of it."""

    stamp = b""

    def __init__(self, path: bytes, entry: Entry, files: dict[bytes, Entry], documents: dict[bytes, bytes]) -> None:
        self.path = path
        self.depth = path.count(b"/") + 1 if path else 0
        self.names: Sequence[bytes] = sorted(files)
        self.stamps: Sequence[bytes] = [b""] * len(files)
        self._entry = entry
        self._files = files
        self._documents = documents

    def directory(self) -> Entry:
        """The entry of the directory."""
        return self._entry

    def describe(self, position: int) -> Entry | None:
        """The entry of a file."""
        return self._files[self.names[position]]

    def open(self, position: int) -> Content | None:
        """Open a document; anything else has arrived before."""
        return DocumentContent(self._documents[self._path_of(position)])

    def read_whole(self, position: int, _most_bytes: int, /) -> tuple[Entry, bytes] | None:
        """Return a document."""
        content = self._documents.get(self._path_of(position))
        return None if content is None else (self._files[self.names[position]], content)

    def read_small(self, position: int, _size: int, /) -> bytes | None:
        """Return a document."""
        return self._documents.get(self._path_of(position))

    def _path_of(self, position: int) -> bytes:
        return self.path + b"/" + self.names[position] if self.path else self.names[position]


def make_entry(kind: EntryKind, mode: int, modified_ns: int) -> Entry:
    """Return an entry without a name that belongs to who runs this."""
    uid, gid = os.geteuid(), os.getegid()
    return Entry(
        name=b"",
        kind=kind,
        mode=mode,
        uid=uid,
        gid=gid,
        user=name_of_user(uid),
        group=name_of_group(gid),
        modified_ns=modified_ns,
    )
