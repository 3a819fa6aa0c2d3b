"""A MySQL server of our own, with programs that stand in for it: what happens where they are not as they should be."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

import pytest

from rebond.clock import SystemClock
from rebond.errors import CommandFailed
from rebond.sources.servers.mysql_programs import MARIADB, MysqlPrograms, Version
from rebond.sources.servers.own_mysql import OwnMysqlServer

ENDS = """#!/bin/sh
for each in "$@"; do case "$each" in --socket=*) : >"${each#--socket=}" ;; esac; done
echo "no memory left"
"""


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """Give a folder through which every user may pass."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        pathlib.Path(name).chmod(0o755)
        yield pathlib.Path(name)


def write_program(folder: pathlib.Path, name: str, script: str) -> str:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)
    return str(folder / name)


@contextlib.contextmanager
def standing_in(folder: pathlib.Path, *, server: str, client: str) -> Iterator[OwnMysqlServer]:
    programs = MysqlPrograms(
        version=Version(product=MARIADB, series=(11, 4)),
        server=write_program(folder, "server", server),
        client=write_program(folder, "client", client),
    )
    made = OwnMysqlServer(folder / "own", programs, environment={"PATH": os.environ["PATH"]}, clock=SystemClock())
    try:
        yield made
    finally:
        made.stop()


def test_a_server_that_ended_by_itself_is_named_with_its_last_words(folder: pathlib.Path) -> None:
    with standing_in(folder, server=ENDS + f"cat {folder}/way", client="#!/bin/sh\necho 1\n") as server:
        os.mkfifo(folder / "way")
        server.start()
        (folder / "way").write_text("that was all\n")
        assert server._running is not None
        assert server._running.has_output(60)  # its end: nobody reads what it is told any more
        with pytest.raises(CommandFailed, match=r"ended by itself: no memory left \| that was all"):
            server.open_up()
