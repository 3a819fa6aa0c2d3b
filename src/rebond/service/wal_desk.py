"""What the daemon of the write-ahead log does with a question: archive a file, or bring one back.

The server asks for one file at a time. So what it will ask for next is done meanwhile: segments that wait beside the
one that is archived (``WalAhead``), segments that follow the one that is brought.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from rebond.errors import RebondError
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.operations.wal.fetching import fetch_wal
from rebond.operations.wal.ledger import WalLedger
from rebond.service.wal_ahead import Ahead, WalAhead, WalQuestion, identify
from rebond.service.wal_marks import WalMarks
from rebond.sources.postgres.wal_names import is_segment, parse_segment_name, segment_name
from rebond.vault.access import Vault

LOG = logging.getLogger("rebond.wal")
LARGEST_FILE_BYTES = 1 << 30
_MOST_FETCHED_AHEAD = 3  # contents that are held


class WalDesk:
    """Answers for one component. Several threads may ask."""

    def __init__(
        self,
        archive: WalArchive,
        get_vault: Callable[[], Vault],
        ledger: WalLedger,
        *,
        workers: int = 2,
        marks: WalMarks | None = None,
    ) -> None:
        self._archive = archive
        self._get_vault = get_vault
        self._ledger = ledger
        self._pool = ThreadPoolExecutor(workers, "wal")
        self._ahead = WalAhead(self._archive_file, self._note, self._pool, workers=workers, marks=marks)
        self._lock = threading.Lock()
        self._fetched: dict[tuple[int, str], Future[bytes | None]] = {}
        self._asked = 0

    @property
    def asked(self) -> int:
        """How many files were asked for, or archived without a question."""
        return self._asked + self._ahead.noted

    def close(self) -> None:
        """Finish what was begun; nothing more is taken up."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ahead.close()

    def push(self, question: WalQuestion, file: int, folder: int | None) -> None:
        """Archive an open file; when this returns, it stands in the vault. ``folder`` is the open directory of it.

        Raises ``RebondError`` and ``OSError``: then nothing is acknowledged.
        """
        self._asked += 1
        try:
            if not is_segment(question.name):
                self._note(question, self._archive_file(question, file))
                return
            identity = identify(os.fstat(file))
            ahead = self._ahead.take(question, identity)
            asked = None if ahead is not None else self._ahead.expect(question, identity)
            if folder is not None:
                self._ahead.look(question, folder)
            if ahead is not None:
                with contextlib.suppress(RebondError, OSError):  # it is done once more, and then said what is wrong
                    self._ahead.note_asked(ahead)
                    return
            self._archive_asked(asked or self._ahead.expect(question, identity), file)
        except (RebondError, OSError) as error:
            self._ledger.note_failure(question.name, str(error))
            LOG.error("%s is not archived: %s", question.name, error)  # noqa: TRY400 - no fault of ours
            self._archive.forget_claims()
            raise

    def _archive_asked(self, asked: Ahead, file: int) -> None:
        try:
            asked.done.set_result(self._archive_file(asked.question, file))
        except BaseException as error:
            asked.done.set_exception(error)
            raise
        self._ahead.note_asked(asked)

    def _note(self, question: WalQuestion, system_id: int) -> None:
        for gap in self._ledger.note_pushed(question.name, system_id):
            LOG.warning("a gap in the write-ahead log: %s never came", gap)

    def _archive_file(self, question: WalQuestion, file: int) -> int:
        content = _read_all(file)
        return self._archive.push(
            WalFile(name=question.name, content=content, system_id=question.system_id, place=question.place)
        )

    def fetch(self, question: WalQuestion, file: int) -> int | None:
        """Write a file that was archived into an empty one; return its size, ``None`` when it is proven absent.

        Raises ``RebondError`` and ``OSError`` for everything else.
        """
        key = (question.system_id, question.name)
        self._asked += 1
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
        """Fetch what may be asked for next. What is not there is looked for again when it is asked for."""
        return fetch_wal(self._get_vault(), system_id, name)


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
