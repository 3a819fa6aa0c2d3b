"""What a server will ask to have archived, archived before it asks.

The server sends one file at a time and waits for each. Here several are under way at once, for as long as its
``archive_status`` shows files that are ready; whatever stands in the vault by then needs no question (``WalMarks``).
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from rebond.service.wal_marks import WalMarks
from rebond.sources.postgres.wal_names import is_segment

READY = ".ready"
_MOST_AHEAD = 64  # files that stand, or are about to, and that the server has not asked for

Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalQuestion:
    """One file that somebody asks for, or asks to have archived. ``place`` tells a data directory from its copies."""

    name: str
    system_id: int
    place: str = ""


@dataclass(slots=True, kw_only=True)
class Ahead:
    """A file on its way; ``done`` gives the system id of its cluster. Begun ahead, or by whoever asks for it."""

    question: WalQuestion
    identity: Identity
    done: "Future[int]" = field(default_factory=Future)

    @property
    def stands(self) -> bool:
        """It is in the vault."""
        return self.done.done() and not self.done.cancelled() and self.done.exception() is None


class WalAhead:
    """Works ahead for one component, on a pool that others use too."""

    def __init__(
        self,
        archive: Callable[[WalQuestion, int], int],
        note: Callable[[WalQuestion, int], None],
        pool: ThreadPoolExecutor,
        *,
        workers: int,
        marks: WalMarks | None = None,
    ) -> None:
        """``archive`` puts an open file; ``note`` writes down that one stands: in the order of names."""
        self._archive, self._note = archive, note
        self._pool, self._workers, self._marks = pool, workers, marks
        self._lock = threading.Lock()  # of what is begun
        self._order = threading.Lock()  # of what is noted; taken before the other
        self._begun: dict[str, Ahead] = {}
        self._unnoted: dict[str, Ahead] = {}
        self._folder = -1
        self._first: WalQuestion | None = None
        self.noted = 0

    def close(self) -> None:
        """Forget the marks; to be called once the pool has ended."""
        with self._lock:
            self._end()
        if self._marks is not None:
            self._marks.close()

    def take(self, question: WalQuestion, identity: Identity) -> Ahead | None:
        """Return what was begun for just this file; its server waits for it."""
        with self._lock:
            ahead = self._begun.pop(question.name, None)
        if ahead is None or ahead.identity != identity or ahead.done.cancelled():
            return None
        return ahead

    def expect(self, question: WalQuestion, identity: Identity) -> Ahead:
        """Return a place in the order for a file that the caller archives; nothing behind it is noted before it."""
        asked = Ahead(question=question, identity=identity)
        with self._lock:
            self._unnoted[question.name] = asked
        return asked

    def note_asked(self, asked: Ahead) -> None:
        """Wait until a file stands that the server asked for, and note it. Raises what went wrong with it."""
        name, system_id = asked.question.name, asked.done.result()
        with self._order:
            with self._lock:
                is_new = self._unnoted.pop(name, None) is not None
                for each in [each for each, ahead in self._unnoted.items() if each < name and ahead.done.done()]:
                    if not self._unnoted[each].stands:  # the server is past it
                        del self._unnoted[each]
            if is_new:
                self._note(asked.question, system_id)
        self._go_on()

    def look(self, question: WalQuestion, folder: int) -> None:
        """Begin what is ready in the open directory ``folder`` behind a file, and go on until nothing is left."""
        with self._lock:
            if self._first is None or self._first.place != question.place:
                self._end()
                self._folder, self._first = os.dup(folder), question
            self._begin_more(self._first)

    def _go_on(self) -> None:
        """Something was archived: note what may be noted, begin what may be begun."""
        with self._order:
            while (ahead := self._pop_next()) is not None:
                self.noted += 1
                self._note(ahead.question, ahead.done.result())
                if self._marks is not None:
                    self._marks.put(ahead.question.name, ahead.identity[3])
        with self._lock:
            if self._first is not None:
                self._begin_more(self._first)

    def _pop_next(self) -> Ahead | None:
        """Return the first in the order if it stands. What failed holds up all behind it until the server asks."""
        with self._lock:
            name = min(self._unnoted, default=None)
            if name is None or not self._unnoted[name].stands:
                return None
            return self._unnoted.pop(name)

    def _begin_more(self, first: WalQuestion) -> None:
        """Keep the workers busy; with the lock held."""
        under_way = sum(not each.done.done() for each in self._begun.values())
        if under_way > self._workers:
            return
        ready = list_ready(self._folder, after=first.name)
        self._forget(frozenset(ready))
        new = [name for name in ready if name not in self._begun][: max(0, _MOST_AHEAD - len(self._begun))]
        if sum(self._begin(first, name) for name in new) + under_way == 0:
            self._end()  # the next that the server asks for begins it anew

    def _forget(self, ready: frozenset[str]) -> None:
        """Forget what the server has had its answer for."""
        for name in [name for name, each in self._begun.items() if name not in ready and each.done.done()]:
            del self._begun[name]
        if self._marks is not None:
            self._marks.keep(ready)

    def _begin(self, first: WalQuestion, name: str) -> bool:
        try:
            file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
        except OSError:  # we may not read there, or it went: the server asks for each itself
            return False
        question = WalQuestion(name=name, system_id=first.system_id, place=first.place)
        ahead = Ahead(question=question, identity=identify(os.fstat(file)))
        try:
            work = self._pool.submit(self._carry_out, ahead, file)
        except RuntimeError:  # we are about to end
            os.close(file)
            return False
        self._begun[name] = self._unnoted[name] = ahead
        work.add_done_callback(lambda each: self._give_up(ahead, file) if each.cancelled() else None)
        return True

    def _carry_out(self, ahead: Ahead, file: int) -> None:
        try:
            ahead.done.set_result(self._archive(ahead.question, file))
        except BaseException as error:  # noqa: BLE001 - told to whoever asks for it
            ahead.done.set_exception(error)
        finally:
            os.close(file)
        self._go_on()

    def _give_up(self, ahead: Ahead, file: int) -> None:
        os.close(file)
        ahead.done.cancel()

    def _end(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
        self._folder, self._first = -1, None


def identify(status: os.stat_result) -> Identity:
    """Return what tells a file from another that has its name."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def list_ready(folder: int, *, after: str) -> list[str]:
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
