"""The files of a container as a tree: its archive is taken first, then walked by the same rules as a directory."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence

import msgspec

from rebond.entries import Content, Entry, EntryKind
from rebond.errors import SourceError, SourceUnfit
from rebond.findings import Finding, Severity
from rebond.sources.documents.tree import Document
from rebond.sources.files.excluding import Rules, Scope
from rebond.sources.files.paths import join_path, show_path
from rebond.sources.files.rule_files import CACHE_SIGNATURE, CACHE_TAG
from rebond.sources.tar.following import FILE, HARD_LINK, Member
from rebond.sources.tar.spooling import Report, Spool, tidy_path

_KINDS = {
    b"0": EntryKind.FILE,
    b"1": EntryKind.FILE,
    b"2": EntryKind.SYMLINK,
    b"3": EntryKind.CHARACTER,
    b"4": EntryKind.BLOCK,
    b"5": EntryKind.DIRECTORY,
    b"6": EntryKind.FIFO,
}
_INVENTED = Member(b"", b"5", 0o755, 0, 0, "", "", 0, 0, b"", (0, 0), 0)


class ArchiveTree:
    """Implements ``rebond.entries.Tree``. ``take`` brings the archive when the walk begins.

    Patterns, markers and sizes leave out what they leave out of a directory; files of patterns in the tree itself
    (``.rebondignore``, ``.gitignore``) are saved and not obeyed. Nothing is remembered from run to run.
    """

    def __init__(
        self,
        take: Callable[[], Spool],
        make_rules: Callable[[Spool], Rules],
        *,
        name: str,
        place: str,
        report: Report,
        allow_empty: bool = False,
    ) -> None:
        """``name`` is of this tree alone in its snapshot: by it, files of two trees are never one file."""
        self._device = int.from_bytes(hashlib.blake2b(f"{name}\0{place}".encode(), digest_size=7).digest())
        self._take = take
        self._make_rules = make_rules
        self._rules = Rules()
        self._place = place
        self._report = report
        self._allow_empty = allow_empty

    def listings(self) -> Iterator["ArchiveListing"]:
        """Yield every directory, depth first. Raises ``SourceError``; ``SourceUnfit`` when nothing is in it."""
        spool = self._take()
        try:
            self._rules = self._make_rules(spool)
            directories: dict[bytes, list[bytes]] = {}
            for path in spool.members:
                if path:
                    directories.setdefault(path.rpartition(b"/")[0], []).append(path.rpartition(b"/")[2])
            scope = self._rules.start(b"/", self._report)
            waiting = [(b"", scope)]
            while waiting:
                path, scope = waiting.pop()
                listing, below = self._visit(spool, sorted(directories.get(path, ())), scope, path)
                yield listing
                waiting += [(join_path(path, name), scope.enter(name)) for name in reversed(below)]
        finally:
            spool.close()

    def _visit(
        self, spool: Spool, below: list[bytes], scope: Scope, path: bytes
    ) -> tuple["ArchiveListing", list[bytes]]:
        """Return what the rules leave of a directory, and of the names of those below it."""
        members = {name: msgspec.msgpack.decode(each, type=Member) for name, each in spool.members[path].items()}
        marker = self._find_marker(spool, members, below)
        if marker is not None and path:
            members, below = {name: each for name, each in members.items() if name == marker}, []
            self._report(_notice_marker(join_path(os.fsencode(self._place), path), marker))
        if scope.layers:
            out = scope.find_excluded(sorted(members), are_directories=False)
            members = {name: each for name, each in members.items() if name not in out}
            out = scope.find_excluded(below, are_directories=True)
            below = [name for name in below if name not in out]
        most = self._rules.larger_than_bytes
        members = {name: each for name, each in members.items() if self._can_be_kept(each)}
        if most is not None:
            members = {name: each for name, each in members.items() if each.size <= most}
        if not path and not members and not below and not self._allow_empty:
            raise SourceUnfit(
                "{path} is empty.",
                hint="Check that what belongs there is mounted; allow_empty = true saves it all the same.",
                path=self._place,
            )
        return ArchiveListing(spool, path, members, self._device), below

    def _find_marker(self, spool: Spool, members: dict[bytes, Member], below: Sequence[bytes]) -> bytes | None:
        for marker in sorted(self._rules.markers):
            if marker in members or marker in below:
                return marker
        tag = members.get(CACHE_TAG)
        if tag is None or not self._rules.honours_cache_tags:
            return None
        is_tagged = os.pread(spool.descriptor, len(CACHE_SIGNATURE), tag.offset) == CACHE_SIGNATURE
        return CACHE_TAG if is_tagged else None

    def _can_be_kept(self, member: Member) -> bool:
        if member.type in _KINDS:
            return True
        self._report(
            Finding(
                code="unreadable",
                severity=Severity.WARNING,
                subject=show_path(member.path),
                template="{path} is of a kind that tar alone knows, and is not in this snapshot.",
                values={"path": show_path(member.path)},
            )
        )
        return False


class ArchiveListing:
    """One directory of the archive."""

    stamp = b""

    def __init__(self, spool: Spool, path: bytes, members: dict[bytes, Member], device: int) -> None:
        self.path = path
        self.depth = path.count(b"/") + 1 if path else 0
        self.names: Sequence[bytes] = sorted(members)
        self.stamps: Sequence[bytes] = [b""] * len(members)  # an archive does not say whether a file was changed
        self._spool = spool
        self._device = device
        self._members = [members[name] for name in self.names]

    def directory(self) -> Entry:
        """The entry of the directory itself."""
        encoded = self._spool.directories.get(self.path)
        member = msgspec.msgpack.decode(encoded, type=Member) if encoded is not None else _INVENTED
        return _make_entry(os.path.basename(self.path), member)

    def describe(self, position: int) -> Entry | None:
        """The entry of what is no directory; a second name of a file has the size of the first."""
        member = self._members[position]
        content = self._content_of(member)
        has_others = member.type == HARD_LINK or join_path(self.path, self.names[position]) in self._spool.linked
        link = (self._device, content.offset) if has_others else None
        return _make_entry(self.names[position], member, size=content.size, link=link)

    def open(self, position: int) -> Content | None:
        """Open the content of a file."""
        member = self._content_of(self._members[position])
        return ArchiveContent(self._spool.descriptor, member.offset, member.size)

    def read_whole(self, position: int, most_bytes: int) -> tuple[Entry, bytes] | None:
        """Return a plain file with its entry."""
        member = self._members[position]
        entry = self.describe(position)
        if member.type != FILE or member.size > most_bytes or entry is None or entry.link is not None:
            return None
        content = self.read_small(position, member.size)
        return None if content is None else (entry, content)

    def read_small(self, position: int, size: int) -> bytes | None:
        """Return the content of a file of that size."""
        member = self._content_of(self._members[position])
        if member.size != size or self._members[position].type not in {FILE, HARD_LINK}:
            return None
        content = os.pread(self._spool.descriptor, size, member.offset)
        return content if len(content) == size else None

    def _content_of(self, member: Member) -> Member:
        """Return the member that holds the content: of a hard link, the one that it names."""
        if member.type != HARD_LINK:
            return member
        parent, _, name = tidy_path(member.target).rpartition(b"/")
        encoded = self._spool.members.get(parent, {}).get(name)
        found = msgspec.msgpack.decode(encoded, type=Member) if encoded is not None else None
        if found is None or found.type != FILE:
            raise SourceError(
                "The archive of a container names {path} a second name of something that is not in it.",
                hint="Run the backup again.",
                path=show_path(member.path),
            )
        return found


class ArchiveContent:
    """A file of the archive being read."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor = descriptor
        self._position = offset
        self._left = size

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        buffer = bytearray(min(size, self._left))
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer``."""
        count = os.preadv(self._descriptor, [buffer[: self._left]], self._position) if self._left else 0
        self._position += count
        self._left -= count
        return count

    def changed(self) -> bool:
        """Never: the archive is ours."""
        return False

    def close(self) -> None:
        """The archive is closed with the walk."""


def _make_entry(name: bytes, member: Member, *, size: int = 0, link: tuple[int, int] | None = None) -> Entry:
    kind = _KINDS[member.type]
    is_device = kind in {EntryKind.CHARACTER, EntryKind.BLOCK}
    return Entry(
        name=name,
        kind=kind,
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        user=member.user,
        group=member.group,
        size=size if kind is EntryKind.FILE else 0,
        modified_ns=member.modified_ns,
        target=member.target if kind is EntryKind.SYMLINK else b"",
        device=os.makedev(*member.device) if is_device else 0,
        link=link,
    )


def _notice_marker(path: bytes, marker: bytes) -> Finding:
    return Finding(
        code="marked-directory",
        severity=Severity.NOTE,
        subject=show_path(path),
        template="What {path} holds is left out, because {marker} lies in it.",
        values={"path": show_path(path), "marker": show_path(marker)},
    )


def list_documents(spool: Spool) -> dict[bytes, Document]:
    """Return the files of an archive by their paths, whole: for archives that are small and private."""
    found = {}
    for folder, names in spool.members.items():
        for name, encoded in names.items():
            member = msgspec.msgpack.decode(encoded, type=Member)
            if member.type == FILE:
                content = os.pread(spool.descriptor, member.size, member.offset)
                found[join_path(folder, name)] = Document(
                    content=content, modified_ns=member.modified_ns, owner=(member.uid, member.gid)
                )
    return found
