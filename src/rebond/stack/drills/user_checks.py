"""The user's own checks: queries and commands, asked of what a drill restored."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rebond.config.steps import Check as Wanted
from rebond.config.steps import Run
from rebond.errors import CommandFailed, SourceUnfit
from rebond.logs.masking import mask
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.sources.postgres.failures import clean_words
from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.servers.own_mysql import OwnMysqlServer
from rebond.sources.streams.readers import CommandReader
from rebond.sources.streams.shells import wrap_script
from rebond.sources.streams.whole_output import read_output
from rebond.stack.drills.sqlite_questions import ask_first
from rebond.stack.drills.surroundings import (
    Surroundings,
    require_no_engine,
    require_nothing_live,
    require_nothing_written,
)

if TYPE_CHECKING:  # it is loaded where one is started
    from rebond.stack.drills.application import Application

_TRUE = frozenset({"t", "true", "yes", "on", "y"})
_CANNOT_START = frozenset({126, 127})  # what a shell says of a program that is not there, or may not run
_WORDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the checks are asked of.

    ``find_server`` returns the server of a component and the name of a database in it; ``find_files`` the SQLite
    databases of a component; an empty name asks for the only one, or the first. Both raise ``SourceUnfit`` where
    there is nothing of the kind. ``find_application`` returns what ``url`` asks, if it is to be started.
    ``find_surroundings`` returns where a command runs, by whether it is trusted; ``find_way_out`` says what in it leads
    to production.
    """

    find_server: Callable[[str, str], tuple[OwnServer | OwnMysqlServer, str]]
    find_files: Callable[[str], Sequence[Path]]
    find_surroundings: Callable[[bool], Surroundings]
    find_application: "Callable[[], Application | None]"
    find_way_out: Callable[[Run], str]
    has_sqlite: bool
    has_servers: bool


def make_user_question(
    wanted: Wanted, asked: Asked, find_name: Callable[[], str], find_url: Callable[[], str]
) -> Question:
    """Return one of the user's checks as a question.

    ``find_name`` says which of several databases it asks, ``find_url`` which address.
    """

    def ask() -> Iterator[Check]:
        if wanted.sql:
            yield _ask_sql(wanted, wanted.sql, asked, find_name())
        if wanted.run:
            way = "" if wanted.trusted else asked.find_way_out(wanted.run)
            yield _refuse_way(wanted, way) if way else _run(wanted, asked.find_surroundings(wanted.trusted))
        if wanted.url is not None:
            yield _ask_url(wanted, asked.find_application(), find_url)

    return Question(code="own-check", subject=wanted.name, ask=ask)


def _refuse_way(wanted: Wanted, way: str) -> Check:
    return Check(
        code="own-check",
        subject=wanted.name,
        answer=Answer.NOT_RUN,
        template="It was not run: {way} leads out of the drill, to the servers that are live here.",
        hint_template="Leave it out: psql and mariadb reach what came back without a host and without another user. "
        "If it asks nothing of production: trusted = true, beside its run.",
        values={"way": way},
    )


def _ask_sql(wanted: Wanted, sql: str, asked: Asked, database: str) -> Check:
    uses_files = asked.has_sqlite and not asked.has_servers
    if wanted.component and not uses_files:
        uses_files = _is_of_files(asked, wanted.component)
    if uses_files:
        files = asked.find_files(wanted.component or "")
        value = ask_first(files[0], sql)
    else:
        server, name = asked.find_server(wanted.component or "", database)
        try:
            value = server.ask_first(sql, name, seconds=wanted.timeout)
        except CommandFailed as error:
            raise _retell_query(error, wanted.timeout) from error
    is_true = value.lower() in _TRUE or _is_number_above_zero(value)
    return Check(
        code="own-check",
        subject=wanted.name,
        answer=Answer.PASS if is_true else Answer.FAIL,
        template="The query answers {value}." if is_true else "The query answers {value}, which is not true.",
        hint_template=""
        if is_true
        else "Ask the live database the same; or find the last good snapshot: rebond drill --scenario corrupted-data",
        values={"value": mask(value)[:_WORDS] or "–"},
    )


def _ask_url(wanted: Wanted, application: "Application | None", find_url: Callable[[], str]) -> Check:
    """Ask the application of this drill, never the one that the address leads to."""
    if application is None:
        return Check(
            code="own-check",
            subject=wanted.name,
            answer=Answer.NOT_RUN,
            template="An address leads out of the throw-away place: it would ask production.",
            hint_template='Say what starts the application, and it is asked here: start = "…" under [drill].',
        )
    application.ask(find_url(), status=wanted.status, timeout_seconds=wanted.timeout)
    return Check(
        code="own-check",
        subject=wanted.name,
        answer=Answer.PASS,
        template="The application answers with {status}.",
        values={"status": wanted.status},
    )


def _retell_query(error: CommandFailed, timeout_seconds: int) -> CommandFailed:
    """Return what a query answered instead of rows: nothing was to be saved of it."""
    words = clean_words(error)
    if not words and "seconds" in error.values:
        return CommandFailed(
            "The query took longer than {seconds} s and was ended.",
            hint="Give it more time: timeout, beside its sql. Or ask for less.",
            seconds=timeout_seconds,
        )
    return CommandFailed(
        "The query failed: {words}",
        hint="Try it in the live database by hand. Of several databases, 'database' beside the sql says which.",
        words=mask(words or error.message)[:_WORDS],
    )


def _check_time(reader: CommandReader, timeout_seconds: int) -> None:
    try:
        reader.check_time()
    except CommandFailed as error:
        raise CommandFailed(
            "The command took longer than {seconds} s and was ended.",
            hint="Give it more time: timeout, beside its run.",
            seconds=timeout_seconds,
        ) from error


def _is_of_files(asked: Asked, component: str) -> bool:
    try:
        return bool(asked.find_files(component))
    except SourceUnfit:
        return False


def _is_number_above_zero(value: str) -> bool:
    try:
        return float(value) != 0
    except ValueError:
        return False


def _run(wanted: Wanted, around: Surroundings) -> Check:
    run = wanted.run or ()
    words = wrap_script(run, around.variables) if isinstance(run, str) else run
    reader = CommandReader(
        around.wrap(words),
        environment=around.variables,
        timeout_seconds=wanted.timeout,
        directory=str(around.directory),
        label=wanted.name,
    )
    try:
        output = _take_output(reader)
        status = reader.wait()
        require_nothing_live(around.read_asked(reader.pid))
        _check_time(reader, wanted.timeout)
    finally:
        reader.close()
    said = mask(" | ".join(each for each in (output, reader.last_words()) if each))[-_WORDS:]
    if status in _CANNOT_START:
        raise SourceUnfit(
            "The command could not run here: {words}",
            hint="Install what it needs on the machine that drills, or write it with a path below the stack's root.",
            words=said or str(status),
        )
    if status:
        require_no_engine(said)
        require_nothing_written(said, around)
        raise CommandFailed(
            "The command ended with status {status}: {words}",
            hint="It ran in the restored stack with the restored secrets, and reached no network but the drill's own; "
            "run it in the live one to compare."
            if around.is_cut_off
            else "It ran in the restored stack with the restored secrets; run it in the live one to compare.",
            status=status,
            words=said or "–",
        )
    return Check(
        code="own-check",
        subject=wanted.name,
        answer=Answer.PASS,
        template="The command succeeded: {words}" if said else "The command succeeded.",
        values={"words": said},
    )


def _take_output(reader: CommandReader) -> str:
    """Read all that a command writes, and return its last words."""
    kept = b""
    block = memoryview(bytearray(1 << 16))
    while count := reader.readinto(block):
        kept = (kept + bytes(block[:count]))[-_WORDS * 4 :]
    lines = [each.strip() for each in kept.decode(errors="backslashreplace").splitlines()]
    return " | ".join([each for each in lines if each][-3:])


def read_lines(server: OwnServer | OwnMysqlServer, database: str, sql: str) -> Iterator[bytes]:
    """Yield the first value of each row of a query. Raises ``CommandFailed``."""
    assert isinstance(server, OwnServer)  # noqa: S101 - only components of PostgreSQL name files
    words = [server.programs.psql, "-X", "-w", "-q", "-A", "-t", "-0", "-v", "ON_ERROR_STOP=1"]
    words += ["-d", server.connection(database), "-c", sql]
    try:
        answer = read_output(lambda: server.open(words), program="psql")
    except CommandFailed as error:
        raise CommandFailed(
            "The query failed: {words}",
            hint="Check 'references' of the component; try the query with psql.",
            words=mask(clean_words(error) or error.message)[:_WORDS],
        ) from error
    for line in answer.split(b"\0"):
        if line:
            yield line
