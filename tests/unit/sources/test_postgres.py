"""The ends of what psql and pg_dump write, names as files and as SQL, and which programs fit a server."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebond.errors import CommandFailed, SourceUnfit, SourceUnreachable, UsageError
from rebond.secret import Secret
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.marked_output import DumpReader, RowsReader
from rebond.sources.postgres.names import name_file, quote_name
from rebond.sources.postgres.programs import Programs, choose_programs
from rebond.sources.postgres.server import PostgresServer, describe_input
from rebond.sources.postgres.sharing import SharedSession
from rebond.sources.streams.readers import StreamReader

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


@pytest.mark.parametrize("most", [2, 50, 70_000])
def test_small_tables_share_a_session_and_each_is_a_stream_of_its_own(most: int) -> None:
    rows = [b"", b"1\n" * 300, b"", b"2\n" * 40_000, b"3\n"]
    marks = [f"rebond-rows-{number}" for number in range(len(rows))]
    written = [each + f"{mark} {each.count(10)}\n".encode() for each, mark in zip(rows, marks, strict=True)]
    session = SharedSession(lambda: Given(b"".join(written), most), marks)
    for position, mark in enumerate(marks):
        share = session.open(position)
        assert share
        assert session.open(position + 1) is None  # it is not its turn
        assert read(RowsReader(share, mark, name="t")) == rows[position]

    with pytest.raises(CommandFailed):
        read_shares(b"".join(written)[:-3], marks, most)
    with pytest.raises(CommandFailed, match="more than it was asked for"):
        read_shares(b"".join(written) + b"x", marks, most)


def read_shares(content: bytes, marks: list[str], most: int) -> None:
    session = SharedSession(lambda: Given(content, most), marks)
    for position, mark in enumerate(marks):
        read(RowsReader(session.open(position) or Given(b""), mark, name="t"))


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


def test_a_connection_holds_no_password_and_quotes_what_it_holds() -> None:
    server = PostgresServer(host="/tmp/a b", user="o'neil\\", password=Secret("hidden"), options={"sslmode": "require"})
    text = server.describe_connection("shop x")

    assert text.startswith("host='/tmp/a b' user='o\\'neil\\\\' dbname='shop x' ")
    assert text.endswith("sslmode='require'")
    assert "hidden" not in text + repr(server)
    assert describe_input(server, "SELECT 1").reveal() == b"hidden\nSELECT 1"
    with pytest.raises(UsageError):
        describe_input(PostgresServer(password=Secret("a\nb")))


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
