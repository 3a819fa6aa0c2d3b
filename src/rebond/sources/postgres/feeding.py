"""Sessions of psql that are handed what they are to run, statement by statement and row by row."""

import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence

from rebond.errors import RestoreError, SourceError
from rebond.sources.postgres.raw_text import CHOOSE_ENCODING
from rebond.sources.postgres.saved import Piece
from rebond.sources.postgres.session import Access
from rebond.sources.postgres.target_failures import explain_target
from rebond.sources.streams.whole_output import read_output

LOAD_SETTINGS = f"""\
SET default_transaction_read_only = off;
{CHOOSE_ENCODING};
SET client_min_messages = warning;
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET synchronous_commit = off;
SET row_security = off;
SET array_nulls = on;
SET xmloption = content;
SET search_path = '';
SELECT pg_catalog.count(pg_catalog.set_config(name, '0', false)) FROM pg_catalog.pg_settings
 WHERE name IN ('transaction_timeout', 'idle_session_timeout');
"""  # noqa: S608 - constants; what a role or a database says otherwise must not end a load that takes hours
_BEGIN = f"""\\set ON_ERROR_STOP on
\\set VERBOSITY verbose
\\o /dev/null
{LOAD_SETTINGS}"""
_FEED_BYTES = 1 << 20
_MOST_ANSWER_BYTES = 64 << 20


class LoadSession:
    """One session. What it is told to ``report`` comes back from ``finish``; a failure of the server is raised once.

    Everything is written by one thread; ``close`` may be called from any.
    """

    def __init__(self, access: Access, database: str, guard: "ScriptGuard | None" = None) -> None:
        """With ``guard`` rows cannot hold commands of psql either. Raises ``RestoreError``."""
        self._server = str(access.server)
        self._guard = guard
        self._database = database
        self._answer = bytearray()
        self._pending = bytearray()
        self._fault: SourceError | None = None
        self._heard = threading.Condition()
        self._is_over = False
        self._jobs = 0
        try:
            self._reader = access.open_psql(database, _BEGIN, keeps_input=True)
            self._reader.allow_silence()  # a large table or its index takes hours, and nothing is said of it meanwhile
        except SourceError as error:
            raise self._explain(error) from error
        self._listener = threading.Thread(target=self._listen, name="psql answers", daemon=True)
        self._listener.start()

    def load(self, before: Sequence[str], command: str, pieces: Iterable[Piece], after: Sequence[str]) -> None:
        """Hand it statements, one COPY with its rows, and statements behind it. Raises ``RestoreError``."""
        first, last = self._guard.make_key() if self._guard else (b"", b"")
        for each in before:
            self.feed(f"{each}\n")
        self.feed(first)
        self.feed(f"{command}\n")
        for piece in pieces:
            self.feed(piece)
        self.feed("\\.\n")
        self.feed(last)
        self.report("COPY :ROW_COUNT")
        for each in after:
            self.feed(f"{each}\n")

    def feed(self, content: Piece | str) -> None:
        """Hand it more. Raises ``RestoreError`` when it failed at something before."""
        self._pending += content.encode(errors="surrogateescape") if isinstance(content, str) else content
        if len(self._pending) >= _FEED_BYTES:
            self._send()

    def send(self) -> None:
        """Hand over what was fed and is still here. Raises ``RestoreError``."""
        self._send()

    def report(self, words: str) -> None:
        """Let it write ``words``, in which ``:ROW_COUNT`` is that of the last statement, when it comes to here."""
        self.feed(f"\\echo {words}\n")

    def run_job(self, statements: Iterable[bytes]) -> None:
        """Run statements and wait until all of them are carried out. Raises ``RestoreError``."""
        for each in statements:
            self.feed(each)
            self.feed(b"\n")
        self._jobs += 1
        mark = f"job {self._jobs} is done".encode()
        ends = mark, mark + b"\n"  # a channel may keep the end of the line back: its own mark begins so
        self.feed(b"\\echo " + ends[1])
        self._send()
        with self._heard:
            self._heard.wait_for(lambda: self._is_over or self._answer.endswith(ends))
            is_done = self._answer.endswith(ends)
        if not is_done:
            self.finish()
            raise self._ended_early()

    def finish(self) -> list[str]:
        """Let it end; return what it reported. Raises ``RestoreError``."""
        self._send()
        self._reader.end_input()
        self._listener.join()
        try:
            if self._fault is not None:
                raise self._fault
            self._reader.finish()
        except SourceError as error:
            raise self._explain(error) from error
        finally:
            self._reader.close()
        return bytes(self._answer).decode(errors="surrogateescape").splitlines()

    def abort(self) -> None:
        """End it from another thread: whoever waits for it is told."""
        self._reader.close()

    def close(self) -> None:
        """End it as it is; may be called twice."""
        self._reader.close()

    def _send(self) -> None:
        try:
            self._reader.feed(self._pending)
        except BrokenPipeError:
            self._pending = bytearray()
            self.finish()
            raise self._ended_early() from None
        except SourceError as error:
            raise self._explain(error) from error
        self._pending = bytearray()

    def _listen(self) -> None:
        """Read what it answers, so that it never waits for us."""
        block = memoryview(bytearray(1 << 16))
        try:
            while count := self._reader.readinto(block):
                if len(self._answer) < _MOST_ANSWER_BYTES:
                    with self._heard:
                        self._answer += block[:count]
                        self._heard.notify_all()
        except SourceError as error:
            self._fault = error
        except (OSError, ValueError):  # it was closed meanwhile
            pass
        finally:
            with self._heard:
                self._is_over = True
                self._heard.notify_all()

    def _ended_early(self) -> RestoreError:
        return RestoreError(
            "psql ended before all was loaded into {database}.",
            hint="See what ends the connection, then run the same command again.",
            database=self._database,
        )

    def _explain(self, error: SourceError) -> RestoreError:
        return explain_target(error, server=self._server, database=self._database)


def run_statements(access: Access, database: str, statements: Iterable[bytes | str]) -> list[str]:
    """Run statements in a session of their own; return what they reported. Raises ``RestoreError``."""
    session = LoadSession(access, database)
    try:
        for each in statements:
            session.feed(each)
            session.feed(b"\n")
        return session.finish()
    finally:
        session.close()


class ScriptGuard:
    """Puts a random key around statements out of a dump, where psql knows it: none of them can be a command of psql."""

    def __init__(self, access: Access) -> None:
        """Raises ``RestoreError``."""
        try:
            words = (access.programs.psql, "--help=commands")
            answer = read_output(lambda: access.open_program(words, label="psql", seconds=60.0), program="psql")
        except SourceError as error:
            raise explain_target(error, server=str(access.server), database="") from error
        self._is_known = b"\\restrict" in answer

    def make_key(self) -> tuple[bytes, bytes]:
        """Return what belongs before and behind statements; both empty for an older psql."""
        if not self._is_known:
            return b"", b""
        key = f"rebond{secrets.token_hex(16)}".encode()
        return b"\\restrict " + key + b"\n", b"\\unrestrict " + key + b"\n"

    def wrap(self, statements: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the statements with what belongs around them."""
        first, last = self.make_key()
        yield first
        yield from statements
        yield last
