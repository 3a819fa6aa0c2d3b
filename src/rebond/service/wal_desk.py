"""What the daemon of the write-ahead log does with a question: archive a file, or bring one back.

The server asks for one file at a time. So what it will ask for next is done meanwhile: segments that wait beside the
one that is archived, segments that follow the one that is brought.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from rebond.errors import RebondError
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.operations.wal.fetching import fetch_wal, fetch_whole_segment
from rebond.operations.wal.ledger import WalLedger
from rebond.sources.postgres.wal_names import is_segment, parse_segment_name, segment_name
from rebond.vault.access import Vault

LOG = logging.getLogger("rebond.wal")
READY = ".ready"
LARGEST_FILE_BYTES = 1 << 30
_MOST_AHEAD = 64  # names that are remembered; contents are read when their turn comes
_MOST_FETCHED_AHEAD = 3  # contents that are held

Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalQuestion:
    """One file that somebody asks for, or asks to have archived. ``place`` tells a data directory from its copies."""

    name: str
    system_id: int
    place: str = ""


@dataclass(frozen=True, slots=True)
class _Ahead:
    identity: Identity
    done: "Future[int]"


class WalDesk:
    """Answers for one component. Several threads may ask."""

    def __init__(
        self,
        archive: WalArchive,
        get_vault: Callable[[], Vault],
        ledger: WalLedger,
        *,
        workers: int = 2,
    ) -> None:
        self._archive = archive
        self._get_vault = get_vault
        self._ledger = ledger
        self._pool = ThreadPoolExecutor(workers, "wal")
        self._workers = workers
        self._lock = threading.Lock()
        self._ahead: dict[str, _Ahead] = {}
        self._fetched: dict[tuple[int, str], Future[bytes | None]] = {}
        self.asked = 0

    def close(self) -> None:
        """Finish what was begun; nothing more is taken up."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def push(self, question: WalQuestion, file: int, folder: int | None) -> None:
        """Archive an open file; when this returns, it stands in the vault. ``folder`` is the open directory of it.

        Raises ``RebondError`` and ``OSError``: then nothing is acknowledged.
        """
        identity = _identify(os.fstat(file))
        self.asked += 1
        try:
            with self._lock:
                ahead = self._ahead.pop(question.name, None)
            if folder is not None and is_segment(question.name):
                self._look_ahead(question, folder)
            if ahead is not None and ahead.identity == identity and not ahead.done.cancelled():
                with contextlib.suppress(RebondError, OSError):  # it is done once more, and then said what is wrong
                    self._note(question, ahead.done.result())
                    return
            self._note(question, self._archive_file(question, file))
        except (RebondError, OSError) as error:
            self._ledger.note_failure(question.name, str(error))
            LOG.error("%s is not archived: %s", question.name, error)  # noqa: TRY400 - no fault of ours
            self._archive.forget_claims()
            raise

    def _note(self, question: WalQuestion, system_id: int) -> None:
        for gap in self._ledger.note_pushed(question.name, system_id):
            LOG.warning("a gap in the write-ahead log: %s never came", gap)

    def _archive_file(self, question: WalQuestion, file: int) -> int:
        content = _read_all(file)
        return self._archive.push(
            WalFile(name=question.name, content=content, system_id=question.system_id, place=question.place)
        )

    def _look_ahead(self, question: WalQuestion, folder: int) -> None:
        """Begin to archive what the server says is ready, in its order."""
        with self._lock:
            under_way = sum(not each.done.done() for each in self._ahead.values())
            if under_way > self._workers:
                return
            known = set(self._ahead)
        for name in _list_ready(folder, after=question.name):
            if name in known:
                continue
            if len(known) >= _MOST_AHEAD:
                break
            try:
                file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
            except OSError:  # we may not read there, or it went: the server asks for each itself
                return
            known.add(name)
            self._begin(WalQuestion(name=name, system_id=question.system_id, place=question.place), file)

    def _begin(self, question: WalQuestion, file: int) -> None:
        def work() -> int:
            try:
                return self._archive_file(question, file)
            finally:
                os.close(file)

        identity = _identify(os.fstat(file))
        try:
            done = self._pool.submit(work)
        except RuntimeError:  # we are about to end
            os.close(file)
            return
        done.add_done_callback(lambda future: os.close(file) if future.cancelled() else None)
        with self._lock:
            self._ahead[question.name] = _Ahead(identity, done)
            while len(self._ahead) > 2 * _MOST_AHEAD:
                self._ahead.pop(next(iter(self._ahead)))

    def fetch(self, question: WalQuestion, file: int) -> int | None:
        """Write a file that was archived into an empty one; return its size, ``None`` when it is proven absent.

        Raises ``RebondError`` and ``OSError`` for everything else.
        """
        key = (question.system_id, question.name)
        self.asked += 1
        with self._lock:
            ahead = self._fetched.pop(key, None)
        content = None
        if ahead is not None and not ahead.cancelled():
            with contextlib.suppress(RebondError, OSError):  # asked for once more, and then said what is wrong
                content = ahead.result()
        if content is None:
            content = fetch_wal(self._get_vault(), question.system_id, question.name)
        if content is None:
            self._ledger.require_unknown(question.name, question.system_id)
            LOG.info("%s was never archived, and nothing later was", question.name)
            return None
        self._fetch_ahead(question, len(content))
        _write_all(file, content)
        return len(content)

    def _fetch_ahead(self, question: WalQuestion, segment_bytes: int) -> None:
        if not is_segment(question.name):
            return
        timeline, number = parse_segment_name(question.name, segment_bytes)
        wanted = [
            (question.system_id, segment_name(timeline, number + step, segment_bytes))
            for step in range(1, _MOST_FETCHED_AHEAD + 1)
        ]
        with self._lock:
            for key in [each for each in self._fetched if each not in wanted]:
                self._fetched.pop(key).cancel()
            for key in wanted:
                if key not in self._fetched:
                    with contextlib.suppress(RuntimeError):  # we are about to end
                        self._fetched[key] = self._pool.submit(self._fetch_quietly, *key)

    def _fetch_quietly(self, system_id: int, name: str) -> bytes | None:
        """Fetch what may be asked for next. What is not there as a whole is looked for again when it is asked for."""
        return fetch_whole_segment(self._get_vault(), system_id, name)


def _identify(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _list_ready(folder: int, *, after: str) -> list[str]:
    """Return the segments behind ``after`` that the server wants archived, in order; none where we may not look."""
    try:
        status = os.open("archive_status", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return []
    try:
        names = [each.removesuffix(READY) for each in os.listdir(status) if each.endswith(READY)]
    except OSError:
        return []
    finally:
        os.close(status)
    return sorted(each for each in names if is_segment(each) and each > after)


def _read_all(file: int) -> bytes:
    size = os.fstat(file).st_size
    content = os.pread(file, min(size, LARGEST_FILE_BYTES) + 1, 0)
    while len(content) < min(size, LARGEST_FILE_BYTES):
        block = os.pread(file, size - len(content), len(content))
        if not block:
            break
        content += block
    return content


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    os.ftruncate(file, 0)
    at = 0
    while rest:
        count = os.pwrite(file, rest, at)
        rest, at = rest[count:], at + count
