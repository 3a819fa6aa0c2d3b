"""The transactions of a stretch of the log, and the last of them after which all was still good: by halving."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from rebond.operations.physical.archived_log import ArchivedLog
from rebond.operations.physical.reaching import Window
from rebond.sources.postgres_physical.wal_records import Mark

Ask = Callable[[Mark], bool]


class CommitProbe(Struct, frozen=True, kw_only=True):
    """One look: the server after a commit, and whether it was good there."""

    commit: Mark
    is_good: bool


class FoundCommit(Struct, frozen=True, kw_only=True):
    """What a search came to. Without ``last_good`` the first commit spoilt it; without ``first_bad`` none did.

    ``is_cut`` says that it was ended before the two followed one another: the culprit lies between them.
    """

    last_good: Mark | None
    first_bad: Mark | None
    probes: tuple[CommitProbe, ...]
    is_cut: bool = False


class Commits:
    """The commits of a window behind one position and before another; a segment is read when it is wanted."""

    def __init__(self, log: ArchivedLog, window: Window, after_lsn: int, before_lsn: int | None) -> None:
        """Without ``before_lsn`` it goes to the end of the window."""
        self._log = log
        self._after = after_lsn
        self._before = before_lsn if before_lsn is not None else window.until_lsn + 1
        self._all = window.segments
        size = log.segment_bytes
        wanted = [
            place
            for place, each in enumerate(self._all)
            if (each.number + 1) * size > after_lsn and each.number * size < self._before
        ]
        self._first, self._count = (wanted[0] if wanted else 0), len(wanted)

    def __len__(self) -> int:
        """How many segments there are."""
        return self._count

    def list_of(self, place: int) -> list[Mark]:
        """Return the commits of a segment, in the order of the log. Raises ``WalGap``, ``VaultDamaged``."""
        marks = self._log.list_marks(self._all, self._first + place)
        return [each for each in marks if each.kind == "commit" and self._after < each.lsn < self._before]

    def find_last(self, lowest: int, place: int) -> tuple[int, Mark] | None:
        """Return the last commit in the segments from ``lowest`` to ``place``, and where it lies."""
        for each in range(place, lowest - 1, -1):
            found = self.list_of(each)
            if found:
                return each, found[-1]
        return None


class _Cut(Exception):
    """No more may be asked."""


class _Search:
    """One search under way. What was found so far stands in ``last_good`` and ``first_bad``."""

    def __init__(self, commits: Commits, ask: Ask, may_go_on: Callable[[int], bool]) -> None:
        self._commits = commits
        self._ask = ask
        self._may_go_on = may_go_on
        self.last_good: Mark | None = None
        self.first_bad: Mark | None = None
        self.probes: list[CommitProbe] = []

    def run(self) -> None:
        """Ask the last commit first: where that is good, nothing is to be found."""
        newest = self._commits.find_last(0, len(self._commits) - 1)
        if newest is None or self._is_good(newest[1]):
            return
        low, high = -1, newest[0]
        while high - low > 1:
            middle = self._commits.find_last(low + 1, (low + high) // 2)
            if middle is None or self._is_good(middle[1]):
                low = (low + high) // 2
            else:
                high = middle[0]
        self._halve(self._commits.list_of(high))

    def _halve(self, marks: Sequence[Mark]) -> None:
        """Halve the commits of the one segment that spoils it: before them all is good, behind them it is not."""
        low, high = -1, len(marks) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if self._is_good(marks[middle]):
                low = middle
            else:
                high = middle

    def _is_good(self, commit: Mark) -> bool:
        if not self._may_go_on(len(self.probes)):
            raise _Cut
        is_good = self._ask(commit)
        self.probes.append(CommitProbe(commit=commit, is_good=is_good))
        if is_good:
            self.last_good = commit
        else:
            self.first_bad = commit
        return is_good


def find_last_good_commit(commits: Commits, ask: Ask, may_go_on: Callable[[int], bool]) -> FoundCommit:
    """Return the last commit after which all was good, when everything before a certain one is good and nothing after.

    What lies before the commits is good. ``may_go_on`` is told how many were asked, before each next one. As many are
    asked as halving takes: 20 of a million. Raises what ``ask`` raises, ``WalGap`` and ``VaultDamaged``.
    """
    search, is_cut = _Search(commits, ask, may_go_on), False
    try:
        search.run()
    except _Cut:
        is_cut = True
    return FoundCommit(
        last_good=search.last_good, first_bad=search.first_bad, probes=tuple(search.probes), is_cut=is_cut
    )
