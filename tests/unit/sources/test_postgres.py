"""The ends of what psql and pg_dump write, names as files and as SQL, and which programs fit a server."""

import functools
import io
import os
import pathlib
import random
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebond.errors import CommandFailed, SourceUnfit, SourceUnreachable, UsageError
from rebond.secret import Secret
from rebond.sources.postgres.catalogue import Table
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.marked_output import DumpReader, RowsReader, count_lines
from rebond.sources.postgres.names import name_file, quote_name
from rebond.sources.postgres.programs import Programs, choose_programs, find_programs
from rebond.sources.postgres.reading_ahead import Part, RowsAhead
from rebond.sources.postgres.server import PostgresServer, describe_input
from rebond.sources.streams.readers import CommandReader, StreamReader

MARK = "rebond-rows-0123"
KEY = "ejOEAQJbzC3xOg9hzjBN"
HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
TAIL = b"--\n-- PostgreSQL database dump complete\n--\n\n"


class Given:
    """A reader of what is given, in odd pieces."""

    def __init__(self, content: bytes, most: int = 5000) -> None:
        self._stream = io.BytesIO(content)
        self._most = most
        self._dice = random.Random(len(content))

    def readinto(self, buffer: memoryview, /) -> int:
        return self._stream.readinto(buffer[: self._dice.randrange(1, self._most)])

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def read(reader: StreamReader) -> bytes:
    content = b""
    room = memoryview(bytearray(700))
    while count := reader.readinto(room):
        content += room[:count]
    reader.finish()
    return content


@pytest.mark.parametrize("count", [0, 1, 2, 5, 3000])
@pytest.mark.parametrize("most", [2, 50, 70_000])
def test_rows_come_without_the_mark_and_are_counted(count: int, most: int) -> None:
    rows = b"".join(b"%d\t\\N\n" % number for number in range(count))
    reader = RowsReader(Given(rows + f"{MARK} {count}\n".encode(), most), MARK, name="t")

    assert read(reader) == rows
    assert (reader.counted, reader.size_bytes) == (count, len(rows))


@pytest.mark.parametrize("end", [b"", b"rebond-rows-0123 3", b"rebond-rows-0123 2\n", b"rebond-rows-0123 4\n"])
def test_rows_without_their_mark_or_of_another_number_are_not_whole(end: bytes) -> None:
    with pytest.raises(CommandFailed):
        read(RowsReader(Given(b"1\n2\n3\n" + end), MARK, name="t"))


@pytest.mark.parametrize("size", [0, 10, 4000, 4096, 9000])
@pytest.mark.parametrize("most", [3, 300, 70_000])
def test_the_random_key_of_a_dump_is_taken_away_and_nothing_else(size: int, most: int) -> None:
    body = b"-- \\unrestrict other\n" + b"x\n" * (size // 2) + f"-- {KEY}\n".encode()
    with_key = HEAD + f"\\restrict {KEY}\n\n".encode() + body + TAIL + f"\\unrestrict {KEY}\n\n".encode()

    assert read(DumpReader(Given(with_key, most))) == HEAD + body + TAIL
    assert read(DumpReader(Given(HEAD + body + TAIL, most))) == HEAD + body + TAIL  # of an older pg_dump


class Session:
    """A session of psql that answers by a plan: for each command what it writes, and what it says it wrote."""

    def __init__(self, answers: dict[str, bytes], most: int) -> None:
        self._answers = answers
        self._most = most
        self._dice = random.Random(most)
        self._moved = threading.Condition()
        self._pending = b""
        self._is_over = False
        self.is_closed = False

    def feed(self, content: bytes | bytearray | memoryview, /) -> None:
        name, mark = bytes(content).decode().split()
        with self._moved:
            self._pending += self._answers[name].replace(b"MARK", mark.encode())
            self._moved.notify()

    def end_input(self) -> None:
        with self._moved:
            self._is_over = True
            self._moved.notify()

    def allow_silence(self) -> None:
        pass

    def readinto(self, buffer: memoryview, /) -> int:
        with self._moved:
            while not self._pending and not self._is_over and not self.is_closed:
                self._moved.wait()
            count = min(len(buffer), len(self._pending), self._dice.randrange(1, self._most))
            buffer[:count] = self._pending[:count]
            self._pending = self._pending[count:]
            return count

    def finish(self) -> None:
        pass

    def close(self) -> None:
        with self._moved:
            self.is_closed = True
            self._moved.notify()


def make_ahead(answers: dict[str, bytes], most: int, jobs: int) -> tuple[RowsAhead, list[Table], list[Session]]:
    """Return rows of tables ``a``, ``b`` …, whose parts are ``a1``, ``a2`` …"""
    sessions: list[Session] = []

    def open_session() -> Session:
        sessions.append(Session(answers, most))
        return sessions[-1]

    tables = [Table(schema="s", name=name, bytes=0, columns=()) for name in sorted({each[0] for each in answers})]
    parts = [Part(table=table, command=f"{each} \0") for table in tables for each in answers if each[0] == table.name]
    return RowsAhead(open_session, parts, jobs=jobs, pause_seconds=0.0), tables, sessions


def answer_with(rows: bytes, count: int | None = None) -> bytes:
    return rows + f"MARK {rows.count(10) if count is None else count} ----\n".encode()


@pytest.mark.parametrize("most", [2, 50, 70_000])
@pytest.mark.parametrize("jobs", [1, 3])
def test_parts_that_are_read_at_once_come_in_order_and_each_is_counted(most: int, jobs: int) -> None:
    rows = {"a1": b"", "b1": b"1\n" * 300, "b2": b"2\n" * 20_000, "b3": b"3\n", "c1": b"", "d1": b"4\n" * 9}
    ahead, tables, sessions = make_ahead({name: answer_with(each) for name, each in rows.items()}, most, jobs)
    assert ahead.open(tables[1]) is None  # it is not its turn
    for table in tables:
        reader = ahead.open(table)
        assert reader
        expected = b"".join(each for name, each in rows.items() if name[0] == table.name)
        assert read(reader) == expected
        assert (reader.counted, reader.size_bytes) == (expected.count(b"\n"), len(expected))
    ahead.close()
    assert len(sessions) <= jobs
    assert all(each.is_closed for each in sessions)


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (b"1\n2\nMARK 3 ---\n", "2 rows came, and the server sent 3"),
        (b"1\nMARK 1 ---\nmore\n", "more than it was asked for|2 rows came, and the server sent 1"),
        (b"1\n", "the mark at its end is missing"),
        (b"1\nMARK 1", "the mark at its end is missing"),
    ],
)
def test_a_part_that_is_not_whole_is_not_taken_for_its_table(spoilt: bytes, words: str) -> None:
    ahead, tables, sessions = make_ahead({"a1": answer_with(b"0\n"), "a2": spoilt}, 50, 1)
    reader = ahead.open(tables[0])
    assert reader

    def end_all() -> None:
        for each in sessions:
            each.end_input()

    ender = threading.Timer(0.1, end_all)  # the session ends there
    ender.start()
    with pytest.raises(CommandFailed, match=words):
        read(reader)
    ender.join()
    ahead.close()


def test_who_reads_ahead_waits_where_nobody_takes_and_can_be_ended() -> None:
    content = b"x" * 1023 + b"\n"
    answers = {f"{name}1": answer_with(content * 30_000) for name in "abc"}
    ahead, tables, sessions = make_ahead(answers, 1 << 20, 2)
    ahead.start()
    time.sleep(0.2)
    waiting = sum(each.waiting_bytes for each in ahead._parts)
    assert waiting <= 4 * (8 << 20)
    reader = ahead.open(tables[0])
    assert reader
    assert reader.readinto(memoryview(bytearray(100))) == 100
    ahead.close()
    assert all(each.is_closed for each in sessions)


@given(st.lists(st.tuples(st.text(max_size=70), st.text(max_size=70)), min_size=2, max_size=5, unique=True))
def test_no_two_tables_have_the_same_file(names: list[tuple[str, str]]) -> None:
    files = [name_file(*each) for each in names]
    assert len(set(files)) == len(files)
    for each in files:
        assert len(each) <= 240
        assert not {b"/", b"\0", b"\n", b"\t"} & {bytes([byte]) for byte in each}


def test_names_are_quoted_on_one_line() -> None:
    assert quote_name('a"b') == '"a""b"'
    assert quote_name('a\n"\\') == 'U&"a\\000A\\0022\\005C"'
    assert quote_name("caf\u00e9") == '"caf\u00e9"'


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        (PostgresServer(), "localhost"),
        (PostgresServer(host="db7", port=5433), "db7:5433"),
        (PostgresServer(place="compose:db"), "compose:db"),
        (PostgresServer(place="compose:db", host="127.0.0.1", port=5433), "compose:db:5433"),
        (PostgresServer(place="compose:web", host="db7"), "db7 (compose:web)"),
    ],
)
def test_a_server_is_called_by_where_it_is(server: PostgresServer, shown: str) -> None:
    assert str(server) == shown


def test_a_connection_holds_no_password_and_quotes_what_it_holds() -> None:
    server = PostgresServer(host="/tmp/a b", user="o'neil\\", password=Secret("hidden"), options={"sslmode": "require"})
    text = server.describe_connection("shop x")

    assert text.startswith("host='/tmp/a b' user='o\\'neil\\\\' dbname='shop x' ")
    assert text.endswith("sslmode='require' hostaddr=''")  # whatever PGHOSTADDR says
    assert "hidden" not in text + repr(server)
    assert describe_input(server, "SELECT 1").reveal() == b"hidden\nSELECT 1"
    with pytest.raises(UsageError):
        describe_input(PostgresServer(password=Secret("a\nb")))


def test_a_connection_of_our_own_holds_the_password_quoted() -> None:
    server = PostgresServer(host="h", password=Secret(b"it's \\ hidden"))
    words = server.describe_own_connection("d")
    assert words == server.describe_connection("d") + r" password='it\'s \\ hidden'"
    assert PostgresServer(host="h").describe_own_connection("d") == PostgresServer(host="h").describe_connection("d")


def test_the_oldest_programs_that_are_not_older_than_the_server_are_chosen() -> None:
    found = [Programs(major=major, psql="", pg_dump="", pg_dumpall="") for major in (18, 16, 15)]
    assert [choose_programs(found, major).major for major in (13, 15, 16, 17, 18)] == [15, 15, 16, 18, 18]
    with pytest.raises(SourceUnfit, match="The server is PostgreSQL 19, and pg_dump is of version 18"):
        choose_programs(found, 19)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('FATAL:  authentification par mot de passe \u00e9chou\u00e9e pour l\'utilisateur "u"', SourceUnfit),
        ('FATAL:  Peer authentication failed for user "postgres"', SourceUnfit),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4", user "u"', SourceUnfit),
        ("connection to server at h failed: FATAL:  the database system is starting up", SourceUnreachable),
        ("FATAL:  sorry, too many clients already", SourceUnreachable),
        ("ERROR:  XX001: invalid page in block 3 of relation base/5/16384", CommandFailed),
    ],
)
def test_complaints_are_told_apart(words: str, kind: type[Exception]) -> None:
    error = CommandFailed("{program} failed: {words}", program="psql", words=words)
    explained = explain_failure(error, server="h", database="shop")
    assert type(explained) is kind
    assert words in explained.message


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(1, 400))
def test_lines_are_counted_whatever_their_length(lengths: list[int], times: int) -> None:
    content = b"".join(b"x" * each + b"\n" for each in lengths) * times

    assert count_lines(content) == len(lengths) * times
    assert count_lines(content + b"no end") == len(lengths) * times


def make_program(place: pathlib.Path, version: str) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(f"#!/bin/sh\necho asked >> '{place}.asked'\necho 'pg_dump (PostgreSQL) {version}'\n")
    place.chmod(0o755)


@pytest.mark.parametrize("has_others", [True, False])
def test_a_script_that_starts_other_programs_is_asked_only_where_there_are_none(
    has_others: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's pg_dump on the PATH is one; whatever else is on the PATH is asked as before."""
    wrapper, own = tmp_path / "share/postgresql-common/pg_wrapper", tmp_path / "own/pg_dump"
    make_program(wrapper, "15.1 (Debian)")
    make_program(own, "18.1")
    if has_others:
        make_program(tmp_path / "lib/15/bin/pg_dump", "15.2")
    (tmp_path / "bin").mkdir()
    on_path = tmp_path / "bin/pg_dump"
    monkeypatch.setattr("rebond.sources.postgres.programs._FOLDERS", f"{tmp_path}/lib/*/bin/pg_dump")
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    find = functools.partial(
        find_programs,
        lambda words, seconds, label: CommandReader(words, environment=environment, label=label),  # type: ignore[arg-type]
    )

    on_path.symlink_to("../share/postgresql-common/pg_wrapper")
    by_wrapper = [each.pg_dump for each in find()]
    on_path.unlink()
    on_path.symlink_to(own)
    by_other = [each.major for each in find()]

    assert by_wrapper == ([str(tmp_path / "lib/15/bin/pg_dump")] if has_others else [str(on_path)])
    assert wrapper.with_name("pg_wrapper.asked").exists() != has_others
    assert by_other == ([18, 15] if has_others else [18])
