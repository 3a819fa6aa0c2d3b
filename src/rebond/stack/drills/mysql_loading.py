"""Dumps of MySQL and MariaDB in a drill: loaded into a server of their own, counted, and checked table by table."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from rebond.clock import Clock
from rebond.errors import CommandFailed, SourceUnfit
from rebond.logs.masking import mask
from rebond.operations.drills.drill import Question
from rebond.operations.drills.outcomes import Answer, Check
from rebond.sources.servers.mysql_definers import find_definers
from rebond.sources.servers.mysql_programs import choose_programs, find_mysql_programs, read_dumped_version, widen_path
from rebond.sources.servers.own_mysql import OwnMysqlServer
from rebond.stack.drills.dumps import list_files, require_end
from rebond.stack.drills.surroundings import find_cutter

_HEAD_BYTES = 4096
_NAMED = 5
_AT_ONCE = 100
_SYSTEM = "'mysql', 'sys', 'information_schema', 'performance_schema'"
_LIST_DATABASES = f"SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ({_SYSTEM}) ORDER BY 1"  # noqa: S608
_LIST_TABLES = f"""
SELECT table_schema, table_name, table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') FROM information_schema.tables
 WHERE table_schema NOT IN ({_SYSTEM}) AND table_type NOT IN ('SEQUENCE') ORDER BY 1, 2
"""  # noqa: S608 - nothing of it comes from elsewhere
_LIST_USERS = (
    "SELECT DISTINCT concat('`', replace(user, '`', '``'), '`@`', replace(host, '`', '``'), '`') FROM mysql.user"
)
_GOOD = frozenset({"status", "note", "info"})


class LoadedDumps:
    """The dumps of one component: a stage of a drill. ``load`` makes them stand, then ``standing`` are the databases.

    Its server is of the product that the dump names, so it is made when that is there.
    """

    def __init__(
        self, folder: Path, dumps: Path, component: str, *, environment: Mapping[str, str], clock: Clock, mark: str
    ) -> None:
        """``dumps`` is where they are put; ``environment`` is what looks for programs."""
        self._folder = folder
        self._dumps = dumps
        self._component = component
        self._environment = environment
        self._clock = clock
        self._mark = mark
        self._made: OwnMysqlServer | None = None
        self._needed: set[str] = set()  # users that dumps name and do not bring
        self._expected: set[str] = set()  # and those that they name, and should bring with all others
        self.standing: list[str] = []

    def begin(self) -> None:
        """There is nothing to make yet."""

    def close(self) -> None:
        """End it; may be called twice."""
        if self._made is not None:
            self._made.stop()

    @property
    def server(self) -> OwnMysqlServer:
        """The running server. Raises ``SourceUnfit`` before it runs."""
        if self._made is None:
            raise SourceUnfit("The server of {component} does not run.", component=self._component)
        return self._made

    def load(self) -> Iterator[Check]:
        """Make the server and load every dump. Raises ``CommandFailed``; ``SourceUnfit`` where none can be made."""
        dumps = list_files(self._dumps)
        for path in dumps:
            require_end(path)
        for path in dumps:
            self._load(path)
        self.server.open_up()
        self._needed |= self._expected - self._list_users(self.server)
        self.standing = [name for (name,) in self.server.ask(_LIST_DATABASES)]
        yield Check(
            code="loaded",
            subject=self._component,
            answer=Answer.PASS,
            template="The dump was loaded into {product} and answers: {databases}. "
            "It names users that it does not bring, and a server has to have them first: {users}."
            if self._needed
            else "The dump was loaded into {product} and answers: {databases}.",
            values={
                "product": str(self.server.programs.version),
                "databases": ", ".join(self.standing) or "–",
                "users": ", ".join(sorted(self._needed)[:_NAMED]),
            },
        )

    def _load(self, path: Path) -> None:
        with path.open("rb") as file:
            dumped = read_dumped_version(file.read(_HEAD_BYTES))
        if self._made is None:
            found = find_mysql_programs(self._environment)
            programs = choose_programs(found, dumped)
            self._made = OwnMysqlServer(
                self._folder,
                programs,
                environment={"PATH": widen_path(self._environment)},
                clock=self._clock,
                wrapper=find_cutter(self._environment),
                mark=self._mark,
            )
            self._begin_server(self._made)
        definers = find_definers(path)
        missing = self._add_users(self._made, definers.users)
        try:
            self._made.load(path)
            (self._expected if definers.are_brought else self._needed).update(missing)
        except CommandFailed as error:
            here, words = self._made.programs.version, _words_of(error)
            if dumped is not None and here.series == dumped.series:
                raise CommandFailed(
                    "The dump {path} does not load into {product}: {words}",
                    hint="Look at that line of it. Save it again, and drill that; an earlier snapshot may load.",
                    path=path.name,
                    product=str(here),
                    words=words,
                ) from error
            raise SourceUnfit(
                "The dump {path} is of {dumped}, and does not load into {product}: {words}",
                hint="Install the same version on the machine that drills; it need not run.",
                path=path.name,
                dumped=str(dumped or "–"),
                product=str(here),
                words=words,
            ) from error

    def _add_users(self, server: OwnMysqlServer, users: tuple[str, ...]) -> set[str]:
        """Make the users that are not there, and return them: without them some views cannot be made.

        The server is nobody's, so they may do anything.
        """
        missing = set(users) - self._list_users(server)
        for each in sorted(missing):
            with contextlib.suppress(CommandFailed):  # what is no name of a user was none: some row holds it
                server.ask(f"CREATE USER {each}; GRANT ALL ON *.* TO {each}")
        return missing

    def _list_users(self, server: OwnMysqlServer) -> set[str]:
        return {name for (name,) in server.ask(_LIST_USERS)}

    def _begin_server(self, server: OwnMysqlServer) -> None:
        try:
            server.initialize()
            server.start()
        except CommandFailed as error:
            raise SourceUnfit(
                "No server could be made here, so the database was not loaded: {reason}",
                hint="Mend that on the machine that drills; the snapshot has no part in it.",
                reason=_words_of(error),
            ) from error

    def list_questions(self) -> tuple[Question, ...]:
        """Return what is asked of what was loaded; nothing where it was not."""
        return (
            Question(code="row-counts", subject=self._component, ask=self._count_rows),
            Question(code="check-table", subject=self._component, ask=self._check_tables),
        )

    def _count_rows(self) -> Iterator[Check]:
        """Read every row of every table; how many there were, a dump does not say."""
        if not self.standing:
            return
        tables = [_quote(schema, name) for schema, name, has_rows in self.server.ask(_LIST_TABLES) if has_rows == "1"]
        rows = 0
        for start in range(0, len(tables), _AT_ONCE):
            parts = [f"SELECT count(*) FROM {each}" for each in tables[start : start + _AT_ONCE]]  # noqa: S608 - quoted
            rows += sum(int(count) for (count,) in self.server.ask(" UNION ALL ".join(parts)))
        yield Check(
            code="row-counts",
            subject=self._component,
            answer=Answer.PASS,
            template="Every row of {tables} tables was read: {rows}.",
            values={"tables": len(tables), "rows": rows},
        )

    def _check_tables(self) -> Iterator[Check]:
        """Ask the server itself of every table and view."""
        if not self.standing:
            return
        tables = [_quote(schema, name) for schema, name, _ in self.server.ask(_LIST_TABLES)]
        wrong: list[str] = []
        for start in range(0, len(tables), _AT_ONCE):
            for row in self.server.ask(f"CHECK TABLE {', '.join(tables[start : start + _AT_ONCE])}"):
                table, _, kind, text = row[:4]
                if kind.lower() not in _GOOD or (
                    kind.lower() == "status" and text not in {"OK", "Table is already up to date"}
                ):
                    wrong.append(f"{table}: {text}")
        yield Check(
            code="check-table",
            subject=self._component,
            answer=Answer.FAIL if wrong else Answer.PASS,
            template="CHECK TABLE finds {tables} damaged."
            if wrong
            else "CHECK TABLE finds nothing wrong with {count} tables and views.",
            hint_template="Ask the live server the same: CHECK TABLE NAME." if wrong else "",
            values={"tables": mask("; ".join(wrong[:_NAMED])), "count": len(tables)},
        )


def _quote(schema: str, name: str) -> str:
    return ".".join(f"`{each.replace('`', '``')}`" for each in (schema, name))


def _words_of(error: CommandFailed) -> str:
    return mask(str(error.values.get("words") or error.message))
