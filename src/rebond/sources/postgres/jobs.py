"""Keys and indexes made side by side: a few sessions, each of which takes one after the other."""

import threading
from collections.abc import Iterable

from rebond.errors import RebondError
from rebond.sources.postgres.definitions import Job
from rebond.sources.postgres.direct_load import DirectSession
from rebond.sources.postgres.feeding import LoadSession, ScriptGuard, run_statements
from rebond.sources.postgres.load_sessions import begin_session
from rebond.sources.postgres.session import Access


class _Jobs:
    """Jobs that sessions run side by side, each job as one transaction."""

    def __init__(self, access: Access, database: str, work: Iterable[Job], guard: ScriptGuard) -> None:
        self._access, self._database, self._guard = access, database, guard
        self._left = list(reversed(list(work)))
        self._lock = threading.Lock()
        self.failure: BaseException | None = None
        self.stopped: list[Job] = []  # by another of them

    def __len__(self) -> int:
        return len(self._left)

    def take(self) -> Job | None:
        """Return the next one; ``None`` when there is none, or one failed."""
        with self._lock:
            return self._left.pop() if self._left and self.failure is None else None

    def run_some(self) -> None:
        """Run jobs in one session as long as there are any; in another one behind one that was stopped."""
        session: DirectSession | LoadSession | None = None
        try:
            while (job := self.take()) is not None:
                session = session or begin_session(self._access, self._database, self._guard)
                if not self._run(session, job):
                    session.close()
                    session = None
            if session is not None:
                session.finish()
        except BaseException as error:  # noqa: BLE001 - raised by who waits: a job that is lost must not go unsaid
            with self._lock:
                self.failure = self.failure or error
        finally:
            if session is not None:
                session.close()

    def _run(self, session: DirectSession | LoadSession, job: Job) -> bool:
        """Run one job and wait for its end; say whether it was not stopped by another. Raises ``RestoreError``."""
        statements = (b"BEGIN;", *job, b"COMMIT;")
        try:
            # Only psql has commands of its own, which the words of a dump must not reach.
            session.run_job(self._guard.wrap(statements) if isinstance(session, LoadSession) else statements)
        except RebondError as error:
            if "40P01" not in str(error.values.get("words")):
                raise
            with self._lock:
                self.stopped.append(job)
            return False
        return True


def run_side_by_side(access: Access, database: str, work: Iterable[Job], guard: ScriptGuard, *, jobs: int) -> None:
    """Run jobs in several sessions, each job as one transaction. Raises the first ``RestoreError``.

    Jobs that stopped one another are run again, one after the other.
    """
    shared = _Jobs(access, database, work, guard)
    count = max(1, min(jobs, len(shared)))
    threads = [threading.Thread(target=shared.run_some, name=f"index {number}") for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if shared.failure is not None:
        raise shared.failure
    for job in shared.stopped:
        run_statements(access, database, guard.wrap((b"BEGIN;", *job, b"COMMIT;")))
