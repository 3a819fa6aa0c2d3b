"""What the tools of servers are told, and how the end of a dump of Redis is known."""

import io
import pathlib
import random
import shutil
import subprocess

import pytest
from tests.shims.servers import make_dump_of_redis

from rebond.errors import CommandFailed, UsageError
from rebond.secret import Secret
from rebond.sources.servers import mysql, redis
from rebond.sources.servers.crc64 import Crc64
from rebond.sources.streams.whole_output import read_output
from rebond.sources.versioned.git import hide_password


class Given:
    """A reader of what is given, in odd pieces."""

    def __init__(self, content: bytes) -> None:
        self._stream = io.BytesIO(content)
        self._dice = random.Random(len(content))

    def readinto(self, buffer: memoryview, /) -> int:
        return self._stream.readinto(buffer[: self._dice.randrange(1, 5000)])

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def read_dump(content: bytes) -> bytes:
    return read_output(lambda: redis.RdbReader(Given(content)), program="redis-cli")


def test_the_sum_is_that_of_redis() -> None:
    crc = Crc64()
    crc.add(b"123456789")
    assert crc.value == 0xE9C6D914C4B8D9CA  # as the source of Redis says


@pytest.mark.parametrize("size", [0, 7, 262_143, 262_144, 262_145, 900_001])
def test_the_sum_is_the_same_in_lanes_and_byte_by_byte(size: int) -> None:
    content = random.Random(size).randbytes(size)
    expected = 0
    for byte in content:
        expected = expected >> 8 ^ TABLE[(expected ^ byte) & 0xFF]
    crc = Crc64()
    dice, start = random.Random(1), 0
    while start < size:
        step = dice.randrange(1, 100_000)
        crc.add(content[start : start + step])
        start += step

    assert crc.value == expected
    assert crc.with_more(b"x") == expected >> 8 ^ TABLE[(expected ^ ord("x")) & 0xFF]
    assert crc.value == expected


def make_table() -> list[int]:
    table = []
    for number in range(256):
        value = number
        for _ in range(8):
            value = value >> 1 ^ (0x95AC9329AC4BC9B5 if value & 1 else 0)
        table.append(value)
    return table


TABLE = make_table()
MARK = b"0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("size", [0, 1, 30, 100, 65_000, 200_001])
def test_a_whole_dump_passes_and_the_mark_behind_it_is_taken_away(size: int) -> None:
    dump = make_dump_of_redis(random.Random(size).randbytes(size))
    assert read_dump(dump) == dump
    assert read_dump(dump + MARK) == dump


def test_a_dump_without_sums_passes() -> None:
    dump = make_dump_of_redis(b"content")[:-8] + bytes(8)
    assert read_dump(dump) == dump
    assert read_dump(dump + MARK) == dump


def test_a_dump_that_is_cut_or_changed_does_not_pass() -> None:
    dump = make_dump_of_redis(random.Random(1).randbytes(3000))
    for size in range(0, len(dump), 13):
        with pytest.raises(CommandFailed):
            read_dump(dump[:size])
    for place in range(0, len(dump), 101):
        with pytest.raises(CommandFailed):
            read_dump(dump[:place] + bytes([dump[place] ^ 1]) + dump[place + 1 :])
    with pytest.raises(CommandFailed):
        read_dump(dump + MARK[:-1])


@pytest.mark.parametrize(
    ("password", "line"),
    [("plain", '"plain"'), ('a"b', '"a\\"b"'), ("a\\n#;b", '"a\\\\n#;b"'), (" é ", '" é "')],
)
def test_a_password_is_quoted_as_files_of_options_want_it(password: str, line: str) -> None:
    server = mysql.MysqlServer(host="db", port=3307, user="me", password=Secret(password))
    text = mysql.describe_login(server).reveal().decode()

    words = mysql.build_dump(server)
    assert text == f"[client]\npassword={line}\n"
    assert not any(password in each for each in words)
    assert words[-6:-2] == ("--user=me", "--host=db", "--protocol=tcp", "--port=3307")


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)", ["--loose-set-gtid-purged=OFF"]),
        ("mysqldump  Ver 10.19 Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)", []),
    ],
)
def test_mysqls_own_tool_is_told_to_leave_transactions_alone(
    tmp_path: pathlib.Path, version: str, more: list[str]
) -> None:
    program = tmp_path / "mysqldump"
    program.write_text(
        f"#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{version}'; exit; fi\nprintf '%s\\n' \"$@\"; cat\n"
    )
    program.chmod(0o755)
    (tmp_path / "cat").symlink_to(shutil.which("cat") or "")
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "")
    server = mysql.MysqlServer(host="db", databases=("a b",))
    words = mysql.build_dump(server)
    done = subprocess.run(
        [str(tmp_path / "sh"), *words[1:]],
        input=b"login",
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode().splitlines() == [words[4], *more, *words[5:], "login"]


def test_a_socket_is_named_as_one() -> None:
    assert {"--socket=/run/s", "--protocol=socket"} < set(mysql.build_dump(mysql.MysqlServer(host="/run/s")))
    assert redis.build_dump(redis.RedisServer(host="/run/s"))[4:6] == ("-s", "/run/s")


def test_what_could_be_an_option_or_a_second_line_is_refused() -> None:
    with pytest.raises(UsageError):
        mysql.build_dump(mysql.MysqlServer(databases=("--all",)))
    with pytest.raises(UsageError):
        mysql.describe_login(mysql.MysqlServer(password=Secret("a\nb")))
    with pytest.raises(UsageError):
        redis.describe_login(redis.RedisServer(password=Secret("a\nb")))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:t0ken@example.com/a.git", "https://example.com/a.git"),
        ("https://t0ken@example.com/a.git", "https://example.com/a.git"),
        ("git@example.com:a.git", "git@example.com:a.git"),
        ("ssh://git@example.com/a", "ssh://git@example.com/a"),
        ("ssh://git:pass@example.com/a", "ssh://git@example.com/a"),
        ("/srv/a@b/c", "/srv/a@b/c"),
    ],
)
def test_an_address_is_shown_without_what_opens_it(address: str, shown: str) -> None:
    assert hide_password(address) == shown
