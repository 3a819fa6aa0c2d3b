"""A MySQL server of our own, with programs that stand in for it: what happens where they are not as they should be."""

import contextlib
import os
import pathlib
import pwd
import tempfile
from collections.abc import Iterator

import pytest

from rebond.clock import SystemClock
from rebond.errors import CommandFailed, SourceUnfit
from rebond.sources.servers.mysql_programs import MARIADB, MysqlPrograms, Version
from rebond.sources.servers.own_mysql import OwnMysqlServer
from rebond.stack.drills.surroundings import find_cutter

ENDS = """#!/bin/sh
for each in "$@"; do case "$each" in --socket=*) : >"${each#--socket=}" ;; esac; done
echo "no memory left"
"""


# a client whose help names options as the real ones do; what it is fed and where it runs is told on standard error
LOADS = """#!/bin/sh
case "$*" in *--help*) echo "  expired password --sandbox mode"; echo "  OPTION   as described"; exit ;; esac
cat >&2
echo "$*" | grep -o -e "--sandbox" -e "--system-command=OFF" >&2
echo "user $(id -u) $(id -G)" >&2
readlink /proc/self/ns/net >&2
exit 1
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
    made = OwnMysqlServer(
        folder / "own",
        programs,
        environment={"PATH": os.environ["PATH"]},
        clock=SystemClock(),
        wrapper=find_cutter(os.environ),
    )
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


@pytest.mark.judge("own-network")
@pytest.mark.parametrize(
    ("option", "given"), [("--sandbox", "--sandbox"), ("--system-command", "--system-command=OFF")]
)
def test_a_client_loads_a_dump_without_programs_and_without_a_network(
    folder: pathlib.Path, option: str, given: str
) -> None:
    (folder / "dump.sql").write_text("SELECT 1;\n")
    with (
        standing_in(folder, server=ENDS, client=LOADS.replace("OPTION", option)) as server,
        pytest.raises(CommandFailed) as told,
    ):
        server.load(folder / "dump.sql")
    known = pwd.getpwnam(server.owner) if server.owner else None
    user = f"user {known.pw_uid} {known.pw_gid}" if known else f"user {os.getuid()}"
    words = str(told.value.values["words"])
    assert words.startswith(f"SELECT 1; | {given} | {user}")
    network = words.rpartition(" | ")[2]
    assert network.startswith("net:[")
    assert network != os.readlink("/proc/self/ns/net")


def test_a_client_that_may_start_what_a_dump_names_is_not_given_one(folder: pathlib.Path) -> None:
    (folder / "dump.sql").write_text("SELECT 1;\n")
    with (
        standing_in(folder, server=ENDS, client=LOADS.replace("OPTION", "--batch")) as server,
        pytest.raises(SourceUnfit, match="cannot be kept from") as told,
    ):
        server.load(folder / "dump.sql")
    assert "apt-get install mariadb-server-core" in told.value.hint
