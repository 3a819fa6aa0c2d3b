"""What a restore will write and where: the walk over the wanted part of a snapshot."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from rebond.entries import Entry, EntryKind
from rebond.errors import TargetUnsafe, UnknownName, VaultDamaged
from rebond.findings import Finding, Severity
from rebond.operations.browsing import Located, children, root_of
from rebond.operations.landing_files import FileWriter, PendingFile, damaged_file
from rebond.operations.selection import Selection
from rebond.progress import Advance, Observer
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landed_files import LandedFile
from rebond.sources.files.landing import FileLanding
from rebond.sources.files.overwriting import Overwrite
from rebond.vault.holes import data_bytes
from rebond.vault.reading import SnapshotReader
from rebond.vault.reading_plan import ReadingPlan, Spool
from rebond.vault.trees import StoredEntry, encode_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """What to put back and where. ``overwrite`` is ``None`` where an existing target is refused."""

    target: bytes
    components: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    strip: int = 0
    overwrite: Overwrite | None = None
    dry_run: bool = False
    keeps_owner: bool = True
    workers: int = 2


@dataclass(slots=True)
class _Node:
    """A directory on the way down. It is made when something in it is wanted."""

    located: Located
    parent: "_Node | None"
    depth: int
    is_wanted: bool
    directory: Directory | None = None
    is_made: bool = False


class RestorePlan:
    """One restore: plan, then write."""

    def __init__(
        self,
        reader: SnapshotReader,
        request: RestoreRequest,
        observer: Observer,
        scratch: Path,
        planned: Callable[[bytes, StoredEntry], None] | None,
    ) -> None:
        self._reader = reader
        self._request = request
        self._observer = observer
        self._planned = planned
        self._landing = FileLanding(
            request.target,
            overwrite=request.overwrite or Overwrite.NEVER,
            report=self._notice,
            keeps_owner=request.keeps_owner,
            dry_run=request.dry_run,
        )
        self._plan = ReadingPlan(scratch)
        self._spool = Spool(scratch)
        self._directories: list[Directory] = []
        self._directory_numbers: dict[int, int] = {}
        self._pending: dict[int, PendingFile] = {}
        self._first_names: dict[bytes, tuple[Directory, bytes]] = {}
        self._links: list[tuple[Directory, bytes, bytes, StoredEntry]] = []
        self._written = 0
        self.findings: list[Finding] = []
        self.files = 0
        self.selected = 0
        self.planned_bytes = 0
        self.directory_count = 0

    def __enter__(self) -> "RestorePlan":
        return self

    def __exit__(self, *_: object) -> None:
        self._landing.close()
        self._spool.close()

    # -- planning ------------------------------------------------------------------------------

    def plan(self) -> None:
        """Walk what is wanted: make directories, note which chunk goes where."""
        wanted = set(self._request.components)
        known = {component.name for component in self._reader.components}
        if missing := wanted - known:
            raise UnknownName(
                "The snapshot has no component {missing}.",
                hint="It has: {known}.",
                missing=", ".join(sorted(missing)),
                known=", ".join(sorted(known)),
            )
        root = self._landing.begin(_plain_directory())
        for component in self._reader.components:
            if wanted and component.name not in wanted:
                continue
            located = root_of(component)
            if located.entry is None or not located.directory:
                continue
            entry = replace(located.entry, name=component.name.encode())
            start = Located(component, b"", entry, located.directory)
            selection = self._request.selection
            is_wanted = selection.includes_path(entry.name, b"", is_directory=True)
            top = _Node(start, None, 1, is_wanted)
            if self._request.strip >= 1:
                top.directory, top.is_made = root, True
            elif is_wanted:
                self._make(top, root)
            self._plan_below(top, root)

    def _plan_below(self, top: _Node, root: Directory) -> None:
        pending: list[tuple[_Node, Iterator[Located]]] = [(top, children(self._reader, top.located))]
        while pending:
            node, items = pending[-1]
            try:
                item = next(items, None)
            except VaultDamaged as error:
                self._notice(_damaged_directory(node.located, error))
                item = None
            if item is None:
                pending.pop()
            elif item.entry is not None:
                below = self._plan_item(node, item, item.entry, root)
                if below is not None:
                    pending.append((below, children(self._reader, item)))

    def _plan_item(self, node: _Node, item: Located, entry: StoredEntry, root: Directory) -> _Node | None:
        """Plan one thing; return a node when it is a directory to go into."""
        selection, name = self._request.selection, item.component.name.encode()
        is_directory = entry.kind == EntryKind.DIRECTORY
        is_wanted = node.is_wanted
        if not selection.wants_everything:
            if selection.excludes_path(name, item.path, is_directory=is_directory):
                return None
            is_wanted = is_wanted or selection.includes_path(name, item.path, is_directory=is_directory)
            if not is_wanted and not (is_directory and selection.may_include_below(name, item.path)):
                return None
        if is_directory:
            below = _Node(item, node, node.depth + 1, is_wanted)
            if below.depth <= self._request.strip:
                below.directory, below.is_made = root, True
            elif is_wanted:
                self._make(below, root)
            return below
        if node.depth < self._request.strip:
            return None  # its whole path is stripped away
        directory = self._make(node, root)
        if directory is not None:
            self._plan_leaf(directory, item, entry)
        return None

    def _make(self, node: _Node, root: Directory) -> Directory | None:
        """Make a directory and those above it, once; ``None`` when it cannot be had (reported)."""
        if not node.is_made:
            node.is_made = True
            parent = root if node.parent is None else self._make(node.parent, root)
            if parent is not None and node.located.entry is not None:
                node.directory = self._make_directory(parent, node.located.entry)
                self.directory_count += 1
                self.selected += 1
        return node.directory

    def _make_directory(self, parent: Directory, entry: StoredEntry) -> Directory | None:
        try:
            return self._landing.make_directory(parent, entry.to_entry())
        except TargetUnsafe as error:
            self._notice(_unsafe(error))
            return None

    def _plan_leaf(self, directory: Directory, item: Located, entry: StoredEntry) -> None:
        self.selected += 1
        if self._planned is not None:
            self._planned(item.shown, entry)
        if entry.hard_link:
            first = self._first_names.get(entry.hard_link)
            if first is not None:
                self._links.append((directory, entry.name, entry.hard_link, entry))
                return
            self._first_names[entry.hard_link] = (directory, entry.name)
        if entry.kind != EntryKind.FILE:
            self._guard(lambda: self._landing.make_special(directory, entry.to_entry()))
            return
        self.files += 1
        self.planned_bytes += data_bytes(entry.size, entry.holes)
        if not entry.chunks and entry.chunk_list is None:
            self._guard(lambda: self._write_empty(directory, entry))
            return
        self._plan_file(directory, item, entry)

    def _write_empty(self, directory: Directory, entry: StoredEntry) -> None:
        if not entry.holes:
            self._landing.write_whole_file(directory, entry.to_entry(), b"")
            return
        created = self._landing.create_file(directory, entry.to_entry())
        if isinstance(created, LandedFile):
            self._landing.finish_file(created)

    def _guard(self, act: Callable[[], object]) -> None:
        try:
            act()
        except TargetUnsafe as error:
            self._notice(_unsafe(error))

    def _plan_file(self, directory: Directory, item: Located, entry: StoredEntry) -> None:
        number = self._spool.add(self._number_of(directory).to_bytes(4, "little") + encode_entry(entry))
        offset = count = 0
        places = set()
        try:
            for chunk_id, length in self._reader.chunk_rows(entry):
                place = self._reader.find_place(chunk_id)
                self._plan.add(place, number, offset, length, chunk_id)
                places.add(place)
                offset += length
                count += 1
        except VaultDamaged as error:
            self._notice(damaged_file(item.shown, error))
            self._pending[number] = PendingFile(left=0, is_failed=True)
            return
        if len(places) > 1:
            self._pending[number] = PendingFile(left=count)

    def _number_of(self, directory: Directory) -> int:
        number = self._directory_numbers.get(id(directory))
        if number is None:
            number = self._directory_numbers[id(directory)] = len(self._directories)
            self._directories.append(directory)
        return number

    # -- writing -------------------------------------------------------------------------------

    def write(self) -> None:
        """Write all files, then second names, then what must come last."""
        FileWriter(
            self._reader,
            self._landing,
            self._plan,
            self._spool,
            self._directories,
            self._pending,
            report=self._notice,
            advanced=self._advanced,
            workers=self._request.workers,
        ).run()
        for directory, name, hard_link, _ in self._links:
            first_directory, first_name = self._first_names[hard_link]
            self._guard(partial(self._landing.make_link, directory, name, first_directory, first_name))
        self._landing.finish()

    def _advanced(self, files: int, size_bytes: int) -> None:
        self._written += size_bytes
        self._observer.advanced(
            Advance(
                phase="restore",
                files=files,
                total_files=self.files,
                bytes=self._written,
                total_bytes=self.planned_bytes,
            )
        )

    def _notice(self, finding: Finding) -> None:
        self.findings.append(finding)
        self._observer.noticed(finding)


def _plain_directory() -> Entry:
    """The entry of a target that does not exist yet: ours, and nobody else's business."""
    return Entry(
        name=b"", kind=EntryKind.DIRECTORY, mode=0o700, uid=os.geteuid(), gid=os.getegid(), modified_ns=time.time_ns()
    )


def _unsafe(error: TargetUnsafe) -> Finding:
    return Finding(
        code=error.code,
        severity=Severity.WARNING,
        subject=str(error.values.get("path", "")),
        template=error.template,
        hint_template=error.hint_template,
        values=error.values,
    )


def _damaged_directory(located: Located, error: VaultDamaged) -> Finding:
    shown = show_bytes(located.shown)
    return Finding(
        code="directory-damaged",
        severity=Severity.DAMAGE,
        subject=shown,
        template="The directory {path} could not be restored whole: {reason}",
        hint_template="'rebond find' shows other versions of what was in it.",
        values={"path": shown, "reason": error.message},
    )


def show_bytes(path: bytes) -> str:
    """Return a path as it can be printed anywhere."""
    return path.decode(errors="backslashreplace")
