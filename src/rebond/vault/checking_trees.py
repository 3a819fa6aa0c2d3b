"""Walking the trees of snapshots: what they need against their references, and whom damage reaches (§11).

Needs the owner's key. A directory that several snapshots share is walked once.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct, field

from rebond.errors import VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import DomainId, SnapshotId
from rebond.vault.damage_reach import NO_OBJECT, DamageBook
from rebond.vault.domain_content import DomainContent
from rebond.vault.holes import data_bytes
from rebond.vault.lost_segments import LostSegments
from rebond.vault.packs import pack_name
from rebond.vault.references import References, numbers_in
from rebond.vault.segment_directory import SEGMENT_BITS, SEGMENT_MASK
from rebond.vault.tree_memory import TreeMemory
from rebond.vault.trees import StoredEntry, read_chunk_rows, read_directory


class _Directory(Struct):
    """A directory being walked. ``places`` are the own segments that it and all below it may be taken from."""

    id: bytes
    path: bytes
    entries: Iterator[StoredEntry]
    places: set[int] = field(default_factory=set)
    is_plain: bool = True  # all of it was found where the references say


class WalkResult(Struct):
    """What walking one component of one snapshot came to."""

    used: set[int] = field(default_factory=set)
    entries: int = 0
    unreferenced: int = 0  # chunks that no segment of the references holds
    is_damaged: bool = False
    took_short_cut: bool = False


class TreeWalker:
    """Walks the trees of one domain. Made once for all snapshots; the caller closes it."""

    def __init__(
        self,
        content: DomainContent,
        lost: LostSegments,
        book: DamageBook,
        scratch: Path,
        advanced: Callable[[int], None],
    ) -> None:
        self._content = content
        self._lost = lost
        self._book = book
        self._memory = TreeMemory(scratch)
        self._advanced = advanced

    def close(self) -> None:
        """Give the files back."""
        self._memory.close()

    def walk(
        self,
        snapshot: SnapshotId,
        component: str,
        tree: bytes,
        references: References | None,
        *,
        takes_short_cuts: bool = True,
    ) -> WalkResult:
        """Walk a component from its root directory; what is damaged goes into the book with its path."""
        return _Walk(self, snapshot, component, references, takes_short_cuts=takes_short_cuts).run(tree)

    @property
    def parts(self) -> tuple[DomainContent, LostSegments, DamageBook, TreeMemory, Callable[[int], None]]:
        """What one walk works with."""
        return self._content, self._lost, self._book, self._memory, self._advanced


class _Walk:
    """One walk of one component."""

    def __init__(
        self,
        walker: TreeWalker,
        snapshot: SnapshotId,
        component: str,
        references: References | None,
        *,
        takes_short_cuts: bool,
    ) -> None:
        self._content, self._lost, self._book, self._memory, self._advanced = walker.parts
        self._snapshot = snapshot
        self._component = component
        self._own = own_bits(self._content, references)
        self._takes_short_cuts = takes_short_cuts
        self._last, self._was_read = b"", False  # the tree object read last, and whether that worked
        self.result = WalkResult()

    def run(self, tree: bytes) -> WalkResult:
        """Walk depth first with a stack of our own: trees may be deeper than the interpreter's."""
        root = self._enter(tree, b"")
        stack = [root] if isinstance(root, _Directory) else []
        if not isinstance(root, _Directory):
            self.result.used.update(root)
        while stack:
            top = stack[-1]
            try:
                entry = next(top.entries, None)
            except VaultDamaged as error:
                self._lose_directory(top, error)
                entry = None
            if entry is None:
                stack.pop()
                self._leave(top, stack[-1] if stack else None)
            elif entry.directory:
                below = self._enter(entry.directory, _join(top.path, entry.name))
                if isinstance(below, _Directory):
                    stack.append(below)
                else:
                    top.places.update(below)
            elif entry.chunks or entry.chunk_list is not None or data_bytes(entry.size, entry.holes):
                self._check_file(top, entry)
        return self.result

    def _enter(self, directory_id: bytes, path: bytes) -> "_Directory | list[int]":
        """Open a directory, or return its places when it was walked before and all of them hold here too."""
        if self._takes_short_cuts:
            known = self._memory.find(directory_id)
            if known is not None and all(self._is_own(place) and not self._is_lost(place) for place in known):
                self.result.took_short_cut = True
                return known.tolist()
        directory = _Directory(directory_id, path, iter(()))
        directory.entries = read_directory(directory_id, lambda object_id: self._read(directory, object_id))
        return directory

    def _leave(self, directory: _Directory, parent: _Directory | None) -> None:
        if directory.is_plain:
            self._memory.note(directory.id, directory.places)
        if parent is None:
            self.result.used.update(directory.places)
        else:
            parent.places |= directory.places
            parent.is_plain = parent.is_plain and directory.is_plain
        self._advanced(1)

    def _read(self, directory: _Directory, object_id: bytes) -> bytes:
        """Read a tree object and count where it may be taken from; raises ``VaultDamaged``."""
        self._last, self._was_read = object_id, False
        content = self._content.read_object(object_id)
        self._was_read = True
        self._cover(directory, object_id)
        return content

    def _cover(self, directory: _Directory, chunk_id: bytes) -> bool:
        """Note every own segment that a chunk may be taken from; ``False`` when it is in none at all."""
        is_own = is_left = False
        is_named = False
        for place in self._content.places_of(chunk_id):
            is_here = self._is_own(place)
            is_named = is_named or is_here
            if self._content.is_lost(place, chunk_id):
                if is_here:
                    self.result.used.add(place)
                continue
            is_left = True
            if is_here:
                is_own = True
                directory.places.add(place)
        if not is_own:
            directory.is_plain = False
            self.result.unreferenced += is_left and not is_named
        return is_left

    def _check_file(self, directory: _Directory, entry: StoredEntry) -> None:
        self.result.entries += 1
        missing: list[bytes] = []
        try:
            for chunk_id, _ in read_chunk_rows(entry, lambda object_id: self._read(directory, object_id)):
                if not self._cover(directory, chunk_id):
                    missing.append(chunk_id)
        except VaultDamaged:
            # Where a list of its chunks was read, it is the directory that says what cannot be.
            missing.append(directory.id if self._was_read else self._last)
        if missing:
            names = dict.fromkeys(name for chunk_id in missing for name in self._makers_of(chunk_id))
            self._lose(directory, _join(directory.path, entry.name), tuple(names))

    def _lose_directory(self, directory: _Directory, error: VaultDamaged) -> None:
        names = self._makers_of(self._last or directory.id)
        if self._was_read:
            # The bytes are as they were written, and still no directory: whoever wrote it is at fault.
            for name in names:
                self._book.note(_tree_damaged(name, error))
        self._lose(directory, directory.path, names, is_subtree=True)

    def _lose(self, directory: _Directory, path: bytes, names: tuple[str, ...], *, is_subtree: bool = False) -> None:
        directory.is_plain = False
        self.result.is_damaged = True
        self._book.reach_path(names, self._snapshot, self._component, path, is_subtree=is_subtree)

    def _makers_of(self, chunk_id: bytes) -> tuple[str, ...]:
        """Return the damaged objects that a chunk was lost with, or the packs that hold it."""
        names: dict[str, None] = {}
        packs: dict[str, None] = {}
        for place in self._content.places_of(chunk_id):
            session, number = self._content.segments.name_of(place)
            if self._lost.segments.has(session, number):
                names.update(dict.fromkeys(self._lost.objects_of(session, number)))
            packs.update((pack_name(copy.pack_hash), None) for copy in self._content.places.copies(place))
        return tuple(names or packs) or (NO_OBJECT,)

    def _is_own(self, place: int) -> bool:
        if self._own is None:
            return True
        bitmap = self._own.get(place >> SEGMENT_BITS, b"")
        number = place & SEGMENT_MASK
        return number >> 3 < len(bitmap) and bool(bitmap[number >> 3] >> (number & 7) & 1)

    def _is_lost(self, place: int) -> bool:
        return not self._content.places.has(place) or (
            not self._lost.is_empty and self._lost.segments.has(*self._content.segments.name_of(place))
        )


def own_bits(content: DomainContent, references: References | None) -> dict[int, bytes] | None:
    """Return the references by the local numbers of sessions; ``None`` when they are lost."""
    if references is None:
        return None
    return {content.segments.number_of(session): bitmap for session, bitmap in references.bitmaps.items()}


def count_unused(content: dict[DomainId, DomainContent], used: dict[DomainId, set[int]], references: References) -> int:
    """Return how many segments a snapshot refers to that nothing in its trees lies in."""
    names = {content[domain].segments.name_of(place) for domain, places in used.items() for place in places}
    return sum(
        1
        for session, bitmap in references.bitmaps.items()
        for number in numbers_in(bitmap)
        if (session, number) not in names
    )


def _join(path: bytes, name: bytes) -> bytes:
    return path + b"/" + name if path else name


def _tree_damaged(name: str, error: VaultDamaged) -> Finding:
    return Finding(
        code="tree-damaged",
        severity=Severity.DAMAGE,
        subject=name,
        template="{name} holds a directory that is not one: {reason}",
        hint_template="Run 'rebond verify --read-data --repair', then make a new backup with --reread.",
        values={"name": name, "reason": error},
    )
