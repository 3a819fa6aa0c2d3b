"""What a restore will write and where, and the writing of it."""

import os
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from rebond.entries import Entry, EntryKind
from rebond.errors import TargetUnsafe, VaultDamaged
from rebond.findings import Finding
from rebond.operations.browsing import Located
from rebond.operations.kept_findings import KeptFindings
from rebond.operations.key_table import KeyTable, key_of
from rebond.operations.landing_files import PLACE_BYTES, FileWriter, PendingFile
from rebond.operations.landing_process import LandingProcess
from rebond.operations.restore_findings import damaged_file, name_taken, unsafe_path
from rebond.operations.restore_walking import RestoreWalk
from rebond.operations.selection import Selection
from rebond.own_memory import give_memory_back
from rebond.own_processes import may_be_copied
from rebond.progress import Advance, Observer
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landed_files import LandedFile
from rebond.sources.files.landing import FileLanding
from rebond.sources.files.overwriting import Outcome, Overwrite
from rebond.sources.files.paths import join_path
from rebond.spool import Spool
from rebond.vault.holes import data_bytes
from rebond.vault.primitives import hash_of
from rebond.vault.reading import SnapshotReader
from rebond.vault.reading_plan import ReadingPlan
from rebond.vault.trees import StoredEntry, decode_entry, encode_entry, only_chunk

_PROCESSES_FROM, _COPIES_FROM = 6_000, 600  # chunks; fewer cost less than starting, or copying, the processes
_MUCH_PLANNED = 100_000  # chunks; what fewer have taken is soon used again
_NO_FILE = 1 << 63


class Draw(Protocol):
    """Draws some of the files that are planned, and is told of those alone: a call for each costs a twentieth more."""

    @property
    def next_file(self) -> int:
        """The number of the file that is drawn next, counted from 1."""

    def take(self, number: int, path: bytes, entry: StoredEntry) -> None:
        """Take note of a file that is to be written: the first one whose number is ``next_file`` or more."""


class RestoreRequest(Struct, frozen=True, kw_only=True):
    """What to put back and where. ``overwrite`` is ``None`` where an existing target is refused.

    ``sets_aside`` moves away what the snapshot does not have; ``reads_back`` compares what was written.
    """

    target: bytes
    components: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    strip: int = 0
    overwrite: Overwrite | None = None
    dry_run: bool = False
    keeps_owner: bool = True
    workers: int = 2
    sets_aside: bool = False
    reads_back: bool = False


class RestorePlan:
    """One restore: plan, then write."""

    def __init__(
        self,
        reader: SnapshotReader,
        request: RestoreRequest,
        observer: Observer,
        scratch: Path,
        planned: Callable[[bytes, StoredEntry], None] | None = None,
        drawn: Draw | None = None,
    ) -> None:
        self._reader = reader
        self._request = request
        self._observer = observer
        self._planned = planned
        self._drawn = drawn
        self._next_drawn = drawn.next_file if drawn is not None else _NO_FILE
        may_meet = request.strip > 1 or (request.strip == 1 and len(request.components) != 1)
        self._landing = FileLanding(
            request.target,
            overwrite=request.overwrite or Overwrite.NEVER,
            report=self.notice,
            keeps_owner=request.keeps_owner,
            dry_run=request.dry_run,
            was_empty=request.overwrite is None and not may_meet,
            scratch=scratch,
        )
        self._scratch = scratch
        self._plan = ReadingPlan(scratch)
        self._spool = Spool(scratch)
        self._pending: dict[int, PendingFile] = {}
        self._first_names = KeyTable(scratch)  # of hard links: places in the spool, of the directory and the name
        self._links = array("Q")  # places in the spool: trees of many second names stay out of memory
        self._missed_links: set[bytes] = set()
        self._taken = KeyTable(scratch) if may_meet else None  # one whole tree has every path once
        self.collided: set[bytes] = set()  # hashes of paths in the snapshot that were left out for that
        self._held_back: list[Finding] | None = None
        self._written_files = 0
        self._written = 0
        self._kept = KeptFindings()
        self.files = 0
        self.planned_bytes = 0
        self._walk = RestoreWalk(
            reader,
            request.components,
            request.selection,
            strip=request.strip,
            make_directory=self._landing.make_directory,
            plan_leaf=self._plan_leaf,
            notice=self.notice,
        )

    def __enter__(self) -> "RestorePlan":
        return self

    def __exit__(self, *_: object) -> None:
        self._landing.close()
        self._spool.close()
        self._first_names.close()
        if self._taken is not None:
            self._taken.close()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed: the first 10,000 of each severity."""
        return self._kept.findings()

    @property
    def selected(self) -> int:
        """How many things are wanted, directories included."""
        return self._walk.selected

    @property
    def directory_count(self) -> int:
        """How many directories are there for what is wanted."""
        return self._walk.directory_count

    # -- planning ------------------------------------------------------------------------------

    def plan(self) -> None:
        """Walk what is wanted: make directories, note which chunk goes where. Raises ``UnknownName``."""
        self._walk.require_components()
        self._walk.walk(self._landing.begin(_plain_directory()))

    def _plan_leaf(self, directory: Directory, item: Located, entry: StoredEntry) -> None:
        if self._taken is not None and self._is_taken(directory, item, entry):
            return
        if self._planned is not None:
            self._planned(item.shown, entry)
        self.files += entry.kind == EntryKind.FILE
        if self.files >= self._next_drawn and entry.kind == EntryKind.FILE:
            self._take(item.shown, entry)
        if entry.hard_link:
            if self._first_names.get(key_of(entry.hard_link)) is not None:
                self._links.append(self._spool_entry(directory, entry))
                return
            place = self._spool.add(directory.place.to_bytes(PLACE_BYTES, "little") + entry.name)
            self._first_names.keep(key_of(entry.hard_link), place)
        self._plan_content(self._plan, directory, item, entry)

    def _take(self, path: bytes, entry: StoredEntry) -> None:
        if self._drawn is not None:
            self._drawn.take(self.files, path, entry)
            self._next_drawn = self._drawn.next_file

    def _is_taken(self, directory: Directory, item: Located, entry: StoredEntry) -> bool:
        """Whether stripping has brought two things to the same place; the second one is reported."""
        place = hash_of(join_path(directory.path, entry.name))[:16]
        if self._taken is None or self._taken.keep(place, 0) is None:
            return False
        self.notice(name_taken(item))
        self.collided.add(hash_of(item.shown))
        return True

    def _plan_content(self, plan: ReadingPlan, directory: Directory, item: Located | None, entry: StoredEntry) -> None:
        """Plan a file; make at once what has no content in the vault. Without ``item`` it is a second name."""
        if entry.kind == EntryKind.FILE:
            self.planned_bytes += (size_bytes := data_bytes(entry.size, entry.holes))
            if size_bytes or entry.chunks or entry.chunk_list is not None:
                if not self._request.dry_run or self._foresee_file(directory, entry):
                    self._plan_file(plan, directory, item, entry)
                return
        try:
            if entry.kind == EntryKind.FILE:
                outcome = self._write_empty(directory, entry)
            else:
                outcome = self._landing.make_special(directory, entry.to_entry())
        except TargetUnsafe as error:
            self.notice(unsafe_path(error))
            outcome = Outcome.FAILED
        if outcome in (Outcome.KEPT, Outcome.FAILED):
            self.files -= entry.kind == EntryKind.FILE
            if entry.hard_link:
                self._missed_links.add(entry.hard_link)

    def _foresee_file(self, directory: Directory, entry: StoredEntry) -> bool:
        """Say whether a file would be there as it was saved; count it out when what lies there stays."""
        try:
            outcome = self._landing.create_file(directory, entry.to_entry())
        except TargetUnsafe as error:
            self.notice(unsafe_path(error))
            outcome = Outcome.FAILED
        if outcome in (Outcome.KEPT, Outcome.FAILED):
            self._miss(entry)
            return False
        return True

    def _write_empty(self, directory: Directory, entry: StoredEntry) -> Outcome:
        if not entry.holes:
            return self._landing.write_whole_file(directory, entry.to_entry(), b"")
        created = self._landing.create_file(directory, entry.to_entry())
        return self._landing.finish_file(created) if isinstance(created, LandedFile) else created

    def _plan_file(self, plan: ReadingPlan, directory: Directory, item: Located | None, entry: StoredEntry) -> None:
        number = self._spool_entry(directory, entry)
        offset = count = 0
        places = set()
        try:
            if (only := only_chunk(entry)) is not None:
                plan.add(self._reader.find_place(only[0]), number, 0, only[1], only[0])
                return
            for chunk_id, length in self._reader.chunk_rows(entry):
                place = self._reader.find_place(chunk_id)
                plan.add(place, number, offset, length, chunk_id)
                places.add(place)
                offset += length
                count += 1
        except VaultDamaged as error:
            shown = join_path(directory.path, entry.name) if item is None else item.shown
            self.notice(damaged_file(shown, error))
            self._pending[number] = PendingFile(left=0, is_failed=True)
            self._miss(entry)
            return
        if len(places) > 1:
            self._pending[number] = PendingFile(left=count)

    def _spool_entry(self, directory: Directory, entry: StoredEntry) -> int:
        return self._spool.add(directory.place.to_bytes(PLACE_BYTES, "little") + encode_entry(entry))

    def _read_spool(self, number: int) -> tuple[Directory, StoredEntry]:
        content = self._spool.get(number)
        directory = self._landing.find_directory(int.from_bytes(content[:PLACE_BYTES], "little"))
        return directory, decode_entry(content[PLACE_BYTES:])

    # -- writing -------------------------------------------------------------------------------

    def write(self) -> None:
        """Write all files, then second names, then what must come last."""
        self._reader.let_go_of_plan()
        if self._plan.chunks >= _MUCH_PLANNED:
            give_memory_back()  # what planning took, before others are asked to take some too
        self._write_files(self._plan)
        self.finish()

    def finish(self) -> None:
        """Give second names and tell sums; after a plan alone, in a dry run, say what would come of them."""
        again = array("Q", (number for number in self._links if not self._make_link(*self._read_spool(number))))
        if again:
            # Their first name is not there as it was saved, or this file system knows no second ones.
            (self._scratch / "again").mkdir()
            plan = ReadingPlan(self._scratch / "again")
            for directory, entry in map(self._read_spool, again):
                self._plan_content(plan, directory, None, entry)
            self._write_files(plan)
        self._landing.finish()

    def _write_files(self, plan: ReadingPlan) -> None:
        if self._request.dry_run:
            return
        least = min(_PROCESSES_FROM, _COPIES_FROM) if may_be_copied() else _PROCESSES_FROM
        writer = FileWriter(
            self._reader,
            self._landing,
            plan,
            self._spool,
            self._pending,
            report=self.notice,
            advanced=self._advanced,
            workers=self._request.workers,
            processes=self._start_process if plan.chunks >= least else None,
            overwrite=self._request.overwrite,
        )
        writer.run()
        self.files -= writer.missed_files
        self.planned_bytes -= writer.missed_bytes
        self._missed_links |= writer.missed_links

    def _start_process(self) -> LandingProcess:
        return LandingProcess(
            self._request.target,
            self._landing.list_directories(),
            self._reader.data_id_key,
            keeps_owner=self._request.keeps_owner,
        )

    def _miss(self, entry: StoredEntry) -> None:
        self.files -= 1
        self.planned_bytes -= data_bytes(entry.size, entry.holes)
        if entry.hard_link:
            self._missed_links.add(entry.hard_link)

    def _make_link(self, directory: Directory, entry: StoredEntry) -> bool:
        """Give a file its second name; ``False`` when it must be written by itself."""
        if entry.hard_link in self._missed_links:
            return False
        first_place, first_name = self._find_first_name(entry.hard_link)
        self._held_back = held_back = []
        try:
            first_directory = self._landing.find_directory(first_place)
            outcome = self._landing.make_link(directory, entry.name, first_directory, first_name)
        except TargetUnsafe as error:
            outcome = Outcome.KEPT
            held_back.append(unsafe_path(error))
        self._held_back = None
        if outcome is Outcome.FAILED:
            return False
        self.files -= outcome is Outcome.KEPT and entry.kind == EntryKind.FILE
        for finding in held_back:
            self.notice(finding)
        return True

    def _find_first_name(self, hard_link: bytes) -> tuple[int, bytes]:
        """Return the place of the directory, and the name in it, that come first of a file with several."""
        place = self._first_names.get(key_of(hard_link))
        assert place is not None  # noqa: S101 - a second name is one because there is a first
        content = self._spool.get(place)
        return int.from_bytes(content[:PLACE_BYTES], "little"), content[PLACE_BYTES:]

    def _advanced(self, files: int, size_bytes: int) -> None:
        self._written_files += files
        self._written += size_bytes
        self._observer.advanced(
            Advance(
                phase="restore",
                files=self._written_files,
                total_files=self.files,
                bytes=self._written,
                total_bytes=self.planned_bytes,
            )
        )

    def notice(self, finding: Finding) -> None:
        """Keep a finding and tell it."""
        if self._held_back is not None:
            self._held_back.append(finding)
            return
        self._kept.add(finding)
        self._observer.noticed(finding)


def _plain_directory() -> Entry:
    """The entry of a target that does not exist yet: ours, and nobody else's business."""
    return Entry(
        name=b"", kind=EntryKind.DIRECTORY, mode=0o700, uid=os.geteuid(), gid=os.getegid(), modified_ns=time.time_ns()
    )
