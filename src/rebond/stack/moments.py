"""Looking at the databases of a server just before and just after the moment that its data directory is restored to.

Nobody can look at that very moment: a commit stands in the log before anybody sees it. So there are two looks, as near
to each other as can be; what either names counts. Where no transaction ended between them, one is asked.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import SourceError
from rebond.sources.postgres.looks import Look, ReadySession
from rebond.sources.postgres.session import Access

_EACH_SECONDS = 0.1
_YOUNGEST_SECONDS = 0.03  # what a server has sent already may lie on the way for so long
_BUSY_SHARE = 20  # looking takes no more than a twentieth of a server's session


class Looks(Struct, frozen=True, kw_only=True):
    """One look at each database. ``began`` is when, of the clock that only goes on."""

    all: tuple[Look, ...]
    began: float

    @property
    def since(self) -> int:
        """Where the log was at least, when the last database was looked at."""
        return min(each.since for each in self.all)

    @property
    def until(self) -> int:
        """Where the log was at most, when the last database was looked at."""
        return max(each.until for each in self.all)

    @property
    def seen(self) -> list[str]:
        """What tells whether another look sees the same."""
        return [each.seen for each in self.all]


class Bracket(Struct, frozen=True, kw_only=True):
    """The looks around a moment. ``before`` is ``None`` where none is known to be before it."""

    before: Looks | None
    after: Looks

    @property
    def is_exact(self) -> bool:
        """Whether both looks see the same, so that the moment between them is the same as well."""
        return self.before is not None and self.before.seen == self.after.seen

    @property
    def apart_ms(self) -> int:
        """How far the two looks are apart, rounded up."""
        times = [each.time_ms for looks in (self.before, self.after) if looks is not None for each in looks.all]
        return max(times) - min(times) + 1


class MomentWatch:
    """Two sessions for each database: one of them holds the last look while the other takes the next."""

    def __init__(self, access: Access, databases: Sequence[str], clock: Clock) -> None:
        """Raises ``SourceError``."""
        self._clock = clock
        self._sets: list[list[ReadySession]] = [[], []]
        self._held: list[Looks | None] = [None, None]
        self._is_near = threading.Event()
        self._thread: threading.Thread | None = None
        self._fault: SourceError | None = None
        with contextlib.ExitStack() as held:
            held.callback(self.close)
            for sessions in self._sets:
                for each in databases:
                    sessions.append(ReadySession(access, each))
            held.pop_all()

    def mark(self, name: str, database: str) -> tuple[Bracket, Look]:
        """Look, make a restore point at once in one of the databases, look again. Raises ``SourceError``."""
        before = self._look(0, restore_point=name, marks_in=database)
        after = self._look(1)
        return Bracket(before=before, after=after), next(each for each in before.all if each.mark)

    def follow(self) -> None:
        """Look again and again from now on: the moment comes by itself."""
        self._thread = threading.Thread(target=self._follow, name="moment", daemon=True)
        self._thread.start()

    def expect_end(self) -> None:
        """Look once more now: the moment is very near."""
        self._stop_following()
        if self._fault is None:
            self._guard(self._look_beside_last)

    def find(self, stop: int) -> Bracket:
        """Return the looks around a position of the log that has passed. Raises ``SourceError``."""
        self._stop_following()
        if self._fault is not None:
            raise self._fault
        before = self._newest_before(stop)
        later = [each for each in self._held if each is not None and each.since >= stop]
        after = min(later, key=lambda looks: looks.began, default=None)
        if after is None:
            after = self._look(1 if self._held[0] is before else 0)
        return Bracket(before=before, after=after)

    def close(self) -> None:
        """End all sessions; may be called twice."""
        self._stop_following()
        for sessions in self._sets:
            for each in sessions:
                each.close()

    def _newest_before(self, stop: int) -> Looks | None:
        fitting = [each for each in self._held if each is not None and each.until <= stop]
        return max(fitting, key=lambda looks: looks.began, default=None)

    def _look(self, number: int, *, restore_point: str = "", marks_in: str = "") -> Looks:
        """Let the sessions of one set look at the same time, the one that makes the restore point last."""
        self._held[number] = None
        began = self._clock.monotonic()
        marking = [each for each in self._sets[number] if restore_point and each.database == marks_in]
        others = [each for each in self._sets[number] if each not in marking]
        for each in others:
            each.begin_look()
        seen = [each.take_look() for each in others]
        for each in marking:
            each.begin_look(restore_point=restore_point)
        seen += [each.take_look() for each in marking]
        looks = Looks(all=tuple(sorted(seen, key=lambda look: look.name)), began=began)
        self._held[number] = looks
        return looks

    def _look_beside_last(self) -> None:
        """Keep the last look that is not too young: what came on the way for a while ended before it was seen here."""
        now = self._clock.monotonic()
        old = [n for n, each in enumerate(self._held) if each is not None and now - each.began >= _YOUNGEST_SECONDS]
        kept = max(old, key=self._began, default=0 if self._began(0) <= self._began(1) else 1)
        if self._held[kept] is None:
            kept = 1 - kept
        self._look(1 - kept)

    def _follow(self) -> None:
        pause = 0.0
        while not self._is_near.wait(pause):
            began = self._clock.monotonic()
            self._guard(lambda: self._look(0 if self._began(0) <= self._began(1) else 1))
            if self._fault is not None:
                return
            pause = max(_EACH_SECONDS, _BUSY_SHARE * (self._clock.monotonic() - began))

    def _guard(self, act: Callable[[], object]) -> None:
        """Keep why it cannot be looked any more: the backup itself goes on."""
        try:
            act()
        except SourceError as error:
            self._fault = error

    def _began(self, number: int) -> float:
        looks = self._held[number]
        return looks.began if looks is not None else -1.0

    def _stop_following(self) -> None:
        self._is_near.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
