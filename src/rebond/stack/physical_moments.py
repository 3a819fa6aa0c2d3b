"""The moment that a saved data directory is restored to, and asking then which files its databases name."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from rebond.clock import SystemClock
from rebond.errors import SourceError
from rebond.findings import Finding, Severity
from rebond.sources.postgres.session import Access
from rebond.sources.postgres_physical.saved_facts import RestorePoint
from rebond.sources.postgres_physical.server_facts import ask_server
from rebond.stack.file_questions import FileQuestions
from rebond.stack.file_trees import Report
from rebond.stack.moments import Bracket, MomentWatch

_MAY_MARK = """SELECT pg_catalog.has_function_privilege('pg_catalog.pg_create_restore_point(text)', 'EXECUTE')
 AND pg_catalog.has_function_privilege('pg_catalog.pg_switch_wal()', 'EXECUTE')"""
_MARK = "SELECT pg_catalog.pg_create_restore_point('{name}')"
_NOW = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint"
_TRUE = b"t"


class PhysicalMoment:
    """A restore point that is made once all was read; or, without a log beside it, the end of the backup itself.

    ``stop_time_ms`` is when that end had passed, by the clock of the server.
    """

    def __init__(
        self,
        component: str,
        access: Access,
        *,
        maintenance: str,
        databases: Sequence[str],
        files: FileQuestions,
        point: str,
        report: Report,
        is_standby: bool = False,
    ) -> None:
        """``databases`` are asked for files; none where there is nothing to ask. ``point`` is empty for no point."""
        self._component = component
        self._access = access
        self._maintenance = maintenance
        self._databases = databases
        self._files = files
        self._point = point
        self._is_standby = is_standby
        self._report = report
        self._watch: MomentWatch | None = None
        self.stop_time_ms = 0

    @contextlib.contextmanager
    def watch(self) -> Iterator[Callable[[], None]]:
        """Look at the databases while the backup is read, where its end is the moment."""
        if self._point and not self._may_mark():
            self._point = ""
        if self._point or not self._databases:
            yield lambda: None
            return
        self._open()
        try:
            if self._watch is not None:
                self._watch.follow()
            yield self._expect_end
        finally:
            if self._watch is not None:
                self._watch.close()

    def settle(self, stop: int) -> RestorePoint | None:
        """Make the restore point, and ask for files. ``stop`` is where the backup ended.

        Raises ``SourceError`` for a query of the configuration that cannot be asked.
        """
        bracket: Bracket | None = None
        if self._watch is not None:
            with self._asking():
                bracket = self._watch.find(stop)
        if bracket is not None:
            self.stop_time_ms = max(each.time_ms for each in bracket.after.all)
            self._files.ask_around(bracket, self._databases, self._report, is_standby=self._is_standby)
        else:
            self.stop_time_ms = int(ask_server(self._access, self._maintenance, _NOW))
        return self._mark() if self._point else None

    def _mark(self) -> RestorePoint | None:
        """Name the moment of the set in the log, and let the server archive as far as there."""
        self._open()
        databases = self._databases if self._watch is not None else ()
        with contextlib.ExitStack() as held:
            try:
                if self._watch is None:
                    self._watch = MomentWatch(self._access, [self._maintenance], SystemClock())
                held.callback(self._watch.close)
                bracket, marked = self._watch.mark(self._point, self._maintenance)
            except SourceError as error:
                self._report(_no_point(self._component, error))
                if databases:
                    self._files.cannot_ask(error, self._report)
                return None
            if databases:
                self._files.ask_around(bracket, databases, self._report)
        return RestorePoint(name=self._point, lsn=marked.mark, time_ms=marked.time_ms)

    def _expect_end(self) -> None:
        if self._watch is not None:
            self._watch.expect_end()

    def _open(self) -> None:
        """Open the sessions that look, where something is to be asked."""
        if self._databases:
            with self._asking():
                names = dict.fromkeys([*self._databases, *([self._maintenance] if self._point else [])])
                self._watch = MomentWatch(self._access, list(names), SystemClock())

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except SourceError as error:
            self._files.cannot_ask(error, self._report)

    def _may_mark(self) -> bool:
        """Say whether this user may make a restore point; why not is told in the words of the server."""
        if ask_server(self._access, self._maintenance, _MAY_MARK) == _TRUE:
            return True
        try:
            ask_server(self._access, self._maintenance, _MARK.format(name=self._point))
            ask_server(self._access, self._maintenance, "SELECT pg_catalog.pg_switch_wal()")
        except SourceError as error:
            self._report(_no_point(self._component, error))
        return False


def _no_point(component: str, error: SourceError) -> Finding:
    return Finding(
        code="restore-point-missing",
        severity=Severity.NOTE,
        subject=component,
        template="The moment of the set could not be named in the log of {component}: {reason}",
        hint_template="GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO that user.",
        values={"component": component, "reason": error},
    )
