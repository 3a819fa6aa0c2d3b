"""Carrying out a reading plan: segments are opened by a few threads, which write what is in them."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec import Struct

from rebond.errors import RestoreError, TargetUnsafe, VaultDamaged
from rebond.findings import Finding
from rebond.operations.landing_process import LandingProcess
from rebond.operations.reading_ahead import ReadingAhead
from rebond.operations.restore_findings import damaged_file, file_too_large, unsafe_path
from rebond.own_processes import ProcessLost, may_be_copied
from rebond.sources.files.landed_directories import Directory
from rebond.sources.files.landed_files import FileTooLarge, LandedFile
from rebond.sources.files.landing import FileLanding
from rebond.sources.files.overwriting import Outcome, Overwrite
from rebond.sources.files.paths import join_path
from rebond.spool import Spool
from rebond.vault.decoded_segments import DecodedSegment, StoredCopy, pays_to_spare
from rebond.vault.holes import data_bytes, spread
from rebond.vault.reading import SnapshotReader
from rebond.vault.reading_plan import PlannedChunk, ReadingPlan
from rebond.vault.trees import StoredEntry, decode_entry

PLACE_BYTES = 8  # of its directory, before each entry in the spool
_AHEAD_PER_WORKER = 2
_MOST_LOST = 3  # processes; then something here kills them, and the threads write alone
_MOST_COPIES, _MOST_STARTED = 8, 4  # threads, with a process each: a copy shares what it does not change
_OPENED_BYTES = 48 << 20  # of segments that are open at once, of which each takes three times as much
_FILES_AHEAD = 20_000  # at most, so that segments of very many tiny files stay small in memory


class PendingFile(Struct):
    """A file that is written in several pieces: how many are still to come."""

    left: int
    handle: LandedFile | None = None
    is_failed: bool = False
    is_begun: bool = False


class _Job(Struct, frozen=True):
    """One file's part of a segment."""

    number: int
    below: int  # the place of its directory
    encoded: bytes
    chunks: Sequence[PlannedChunk]


class ShareOfBytes:
    """Lets threads go on as long as what they hold stays below ``most_bytes``; one of them always may."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taking(self, size_bytes: int) -> Iterator[None]:
        """Hold so much; wait for it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held_bytes or self._held_bytes + size_bytes <= self._most_bytes)
            self._held_bytes += size_bytes
        try:
            yield
        finally:
            with self._changed:
                self._held_bytes -= size_bytes
                self._changed.notify_all()


class FileWriter:
    """Writes the files of a plan. ``pending`` holds those whose chunks lie in more than one place.

    ``missed_files`` and ``missed_bytes`` count what is not there afterwards as it was saved;
    ``missed_links`` are the hard-link identities of such files. Without ``overwrite`` nothing lay in the target before.
    However many ``workers`` are wished for, only so many write as the memory that is promised has room for.
    """

    def __init__(
        self,
        reader: SnapshotReader,
        landing: FileLanding,
        plan: ReadingPlan,
        spool: Spool,
        pending: dict[int, PendingFile],
        *,
        report: Callable[[Finding], None],
        advanced: Callable[[int, int], None],
        workers: int,
        processes: Callable[[], LandingProcess] | None,
        overwrite: Overwrite | None,
    ) -> None:
        self._reader = reader
        self._landing = landing
        self._plan = plan
        self._spool = spool
        self._pending = pending
        self._report = report
        self._advanced = advanced
        self._workers = min(workers, _MOST_COPIES if may_be_copied() else _MOST_STARTED)
        self._opening = ShareOfBytes(_OPENED_BYTES)
        self._processes = processes
        self._overwrite = overwrite
        self._lost_processes = 0
        self._local = threading.local()
        self._started: list[LandingProcess] = []
        self._waiting: list[LandingProcess] = []  # started, and not yet a thread's
        self._lock = threading.Lock()
        self.missed_files = 0
        self.missed_bytes = 0
        self.missed_links: set[bytes] = set()

    def run(self) -> None:
        """Write everything. Errors of the target are raised; damage in the vault is reported by file."""
        running: deque[tuple[Future[tuple[int, int]], int]] = deque()
        with ThreadPoolExecutor(self._workers, "restore") as pool:
            try:
                self._copy_processes()
                files_ahead = 0
                for place, jobs, copy in (ahead := ReadingAhead(self._reader, self._jobs())):
                    running.append((pool.submit(self._write_and_give_back, ahead, place, jobs, copy), len(jobs)))
                    files_ahead += len(jobs)
                    while len(running) > self._workers * (1 + _AHEAD_PER_WORKER) or (
                        files_ahead > _FILES_AHEAD and len(running) > 1
                    ):
                        done, count = running.popleft()
                        files_ahead -= count
                        self._advanced(*done.result())
                while running:
                    self._advanced(*running.popleft()[0].result())
            except BaseException:
                for future, _ in running:
                    future.cancel()
                raise
            finally:
                pool.shutdown(wait=True)
                for process in self._started:
                    process.let_end()
                for process in self._started:
                    process.close()

    def _write_and_give_back(
        self, ahead: ReadingAhead[list[_Job]], place: int, jobs: Sequence[_Job], copy: StoredCopy | None
    ) -> tuple[int, int]:
        try:
            with self._opening.taking(sum(chunk.length for job in jobs for chunk in job.chunks)):
                return self._write_segment(place, jobs, copy)
        finally:
            ahead.give_back(copy)

    def _jobs(self) -> Iterator[tuple[int, list[_Job]]]:
        for place, chunks in self._plan.segments():
            jobs: list[_Job] = []
            start = 0
            while start < len(chunks):
                number = chunks[start].file_number
                end = start + 1
                while end < len(chunks) and chunks[end].file_number == number:
                    end += 1
                content = self._spool.get(number)
                below = int.from_bytes(content[:PLACE_BYTES], "little")
                jobs.append(_Job(number, below, content[PLACE_BYTES:], chunks[start:end]))
                start = end
            yield place, jobs

    def _write_segment(self, place: int, jobs: Sequence[_Job], copy: StoredCopy | None) -> tuple[int, int]:
        """Write one segment's share of all its files; return files finished and bytes written."""
        files = written = 0
        segment: DecodedSegment | None = None
        process = self._process_of_this_thread()
        if process is not None:
            files, written, segment, jobs = self._write_elsewhere(process, place, jobs, copy)
            if not jobs:
                return files, written
        if segment is None:
            try:
                wanted = {chunk.short_id: chunk.length for job in jobs for chunk in job.chunks}
                segment = self._reader.fetch(
                    place, wanted.keys(), ahead=copy, is_sparing=pays_to_spare(wanted.values())
                )
            except VaultDamaged as error:
                for job in jobs:
                    self._fail(job, error)
                return files, written
        done_files, done_bytes = self._write_from(segment, jobs)
        return files + done_files, written + done_bytes

    def _process_of_this_thread(self) -> LandingProcess | None:
        start = self._processes
        if start is None:
            return None
        process: LandingProcess | None = getattr(self._local, "process", None)
        if process is None:
            with self._lock:
                process = self._waiting.pop() if self._waiting else None
            process = self._local.process = process or self._start_process(start)
        return process

    def _copy_processes(self) -> None:
        """Start the processes while there are no threads yet, if they can then be copies of this one."""
        while self._processes is not None and len(self._waiting) < self._workers and may_be_copied():
            process = self._start_process(self._processes)
            self._waiting += [process] if process is not None else []

    def _start_process(self, start: Callable[[], LandingProcess]) -> LandingProcess | None:
        """Return a new process; ``None`` where none can be had, now and later."""
        try:
            process = start()
        except ProcessLost:
            self._processes = None  # slower is not wrong
            return None
        self._started.append(process)
        return process

    def _write_elsewhere(
        self, process: LandingProcess, place: int, jobs: Sequence[_Job], copy: StoredCopy | None
    ) -> tuple[int, int, DecodedSegment | None, Sequence[_Job]]:
        """Let a process write what is simple; return files, bytes, the opened segment if any, and what is left."""
        copy = copy or self._reader.read_stored(place)
        if copy is None:
            return 0, 0, None, jobs
        whole = [job for job in jobs if job.number not in self._pending]
        pieces = [job for job in jobs if job.number in self._pending]
        try:
            landed = process.write(
                copy,
                [(job.below, job.encoded, [(c.short_id, c.length) for c in job.chunks]) for job in whole],
                wants_raw=bool(pieces),
            )
        except ProcessLost as error:
            self._clear_up_after(process, whole, error)
            landed = None
        if landed is None:
            return 0, 0, None, jobs
        self._landing.add_owner_losses(landed.losses)
        left = [whole[position] for position in landed.left]
        return len(whole) - len(left), landed.written_bytes, landed.segment, [*left, *pieces]

    def _clear_up_after(self, process: LandingProcess, jobs: Sequence[_Job], error: ProcessLost) -> None:
        """Make it possible to write again what a lost process may have begun; the next segment gets a new process."""
        process.close()  # it does nothing any more from here on
        self._local.process = None
        with self._lock:
            self._lost_processes += 1
            if self._lost_processes >= _MOST_LOST:
                self._processes = None
        if self._overwrite is Overwrite.NEVER:
            # Nobody can tell what it left half written from what was there before and is to stay.
            raise RestoreError(
                "A process of this restore was killed; a file that it was writing may be half there.",
                hint="See whether the machine ran out of memory, then run the same command again with "
                "--overwrite changed.",
            ) from error
        if self._overwrite is None:
            for job in jobs:
                self._landing.take_back(self._landing.find_directory(job.below), decode_entry(job.encoded).name)

    def _write_from(self, segment: DecodedSegment, jobs: Sequence[_Job]) -> tuple[int, int]:
        """Write files out of an opened segment; return files finished and bytes written."""
        files = written = 0
        for job in jobs:
            contents = [segment.find(chunk.short_id) for chunk in job.chunks]
            found = [content for content in contents if content is not None]
            if len(found) < len(contents) or any(len(c) != p.length for c, p in zip(found, job.chunks, strict=False)):
                self._fail(job, VaultDamaged("A chunk is not as long as the tree says."))
                continue
            entry = decode_entry(job.encoded)
            directory = self._landing.find_directory(job.below)
            pending = self._pending.get(job.number)
            try:
                if pending is None and len(found) == 1 and not entry.holes:
                    outcome = self._landing.write_whole_file(directory, entry.to_entry(), found[0])
                    files += 1 if outcome is Outcome.CREATED else self._judge(entry, outcome)
                else:
                    files += self._write_pieces(job, directory, entry, found, pending)
            except TargetUnsafe as error:
                self._give_up(job, unsafe_path(error))
            except FileTooLarge as error:
                self._give_up(job, file_too_large(error))
            written += sum(len(content) for content in found)
        return files, written

    def _judge(self, entry: StoredEntry, outcome: Outcome) -> int:
        """Return 1 when a file is there as it was saved; note it when it is not."""
        if outcome in (Outcome.KEPT, Outcome.FAILED):
            self._miss(entry)
            return 0
        return 1

    def _miss(self, entry: StoredEntry) -> None:
        self.missed_files += 1
        self.missed_bytes += data_bytes(entry.size, entry.holes)
        if entry.hard_link:
            self.missed_links.add(entry.hard_link)

    def _write_pieces(
        self,
        job: _Job,
        directory: Directory,
        entry: StoredEntry,
        contents: Sequence[memoryview],
        pending: PendingFile | None,
    ) -> int:
        """Write some chunks of a file in pieces; return 1 when that finished it."""
        with self._lock:
            if pending is None:
                pending = PendingFile(left=len(contents))
            if pending.is_failed:
                return 0
            if not pending.is_begun:
                pending.is_begun = True
                created = self._landing.create_file(directory, entry.to_entry())
                if not isinstance(created, LandedFile):
                    return self._judge(entry, created)
                pending.handle = created
            handle = pending.handle
        if handle is None:
            return 0  # what is there already stays
        try:
            self._write_chunks(handle, entry, job, contents)
        except RestoreError:
            if not self._was_given_up(pending):
                self._pending.setdefault(job.number, pending)  # whoever gives the file up finds what was begun
                raise
            return 0
        with self._lock:
            pending.left -= len(contents)
            is_done = pending.left == 0 and not pending.is_failed
        if not is_done:
            return 0
        self._pending.pop(job.number, None)
        return self._judge(entry, self._landing.finish_file(handle))

    def _was_given_up(self, pending: PendingFile) -> bool:
        """Whether another thread found the file damaged meanwhile."""
        with self._lock:
            return pending.is_failed

    def _write_chunks(self, handle: LandedFile, entry: StoredEntry, job: _Job, contents: Sequence[memoryview]) -> None:
        for chunk, content in zip(job.chunks, contents, strict=True):
            if entry.holes:
                for offset, piece in spread(entry.holes, chunk.offset, content):
                    self._landing.write_at(handle, offset, piece)
            else:
                self._landing.write_at(handle, chunk.offset, content)

    def _fail(self, job: _Job, error: VaultDamaged) -> None:
        """Give a file up because the vault is damaged."""
        path = join_path(self._landing.find_directory(job.below).path, decode_entry(job.encoded).name)
        self._give_up(job, damaged_file(path, error))

    def _give_up(self, job: _Job, finding: Finding) -> None:
        """Give a file up once: nothing half lies under its name."""
        with self._lock:
            pending = self._pending.setdefault(job.number, PendingFile(left=0))
            if pending.is_failed:
                return
            pending.is_failed = True
            handle, pending.handle = pending.handle, None
            self._miss(decode_entry(job.encoded))
        if handle is not None:
            self._landing.abandon_file(handle)
        self._report(finding)
