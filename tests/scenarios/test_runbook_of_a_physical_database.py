"""The runbook of a stack whose PostgreSQL archives its log: what it says of moments, the log, in place, a bare machine.

Every line of those sections is typed as it stands; afterwards the servers that came of it are asked what they hold.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.scenarios.quick_program import quick_program
from tests.scenarios.test_runbook_commands import Typed, lines_of, make_surroundings, type_lines
from tests.scenarios.wal_stack import SmallSegments, wait_until

from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres"), pytest.mark.slow]

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
timezone = "Europe/Paris"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.media]
kind = "files"
path = "media"
[component.database]
kind = "postgres"
method = "physical"
wal = "archive-command"
wal_user = "@OWNER@"
window = "7d"
host = "@HOST@"
user = "postgres"
database = "shop"
data_directory = "@DATA@"
[class.all]
trigger = "manual"
components = "all"
[restore]
stop = [{ run = "../server stop -m fast" }]
start = [{ run = "../server start -o '-h \\"\\" -p 5432 -k @HOST@'" }]
healthy = [{ run = "psql 'host=@HOST@ user=postgres dbname=shop' -c 'SELECT 1'", within = "20s" }]
"""
SERVER = '#!/bin/sh\nexec @AS@ @PROGRAMS@/pg_ctl -D @DATA@ -w -t 30 -l /dev/null "$@"\n'
SETTINGS = ("wal_level", "archive_mode", "archive_command", "archive_timeout")
SECTIONS = ("2.2", "4.3", "5.4", "5.7", "5.9", "5.5")  # 5.5 last: there the server that came back takes over the log
SAVED_ROWS, LATER_ROWS = 40, 42
# Where what was laid down is started, one line after the other, its socket lies in /tmp: where another run of this test
# on this machine begins to look for a free one. The live server is at the usual port of a folder of its own.
OWN_PORT = 10_000 + os.getpid() % 20_000


@dataclass
class Shop:
    """The stack, its server, and what came of typing its runbook."""

    folder: pathlib.Path
    server: PostgresServer
    archives_by: str
    page: str = ""
    typed: list[Typed] = field(default_factory=list)

    def said(self, pattern: str) -> Typed:
        (found,) = [each for each in self.typed if re.fullmatch(pattern, each.line)]
        return found

    def rows(self, database: str = "shop") -> int:
        return int(self.server.sql("SELECT count(*) FROM orders", database))

    def rows_below(self, typed: Typed) -> int:
        """Start what a line laid down, by the line that it says, and count its rows."""
        said = re.findall(r"^  (\S.* (?:start|'SELECT pg_is_in_recovery\(\)'))$", typed.output, re.MULTILINE)
        assert len(said) == 2, typed.output
        start, ask = said
        for opens in re.findall(r"chmod o\+x \S+$", typed.output, re.MULTILINE):  # what root made is closed to others
            run_line(opens)
        run_line(f"{start} >/dev/null")
        try:
            wait_until(lambda: run_line(ask).strip() == "f")
            counted = ask.replace("SELECT pg_is_in_recovery()", "SELECT count(*) FROM orders")
            return int(run_line(counted.replace("-d postgres", "-d shop")))
        finally:
            run_line(start.removesuffix("start") + "-m immediate stop")


def run_line(line: str) -> str:
    """Run a line as somebody types it who has read it; return what it prints."""
    found = subprocess.run(["sh", "-c", line], cwd="/", capture_output=True, text=True, check=False)
    assert not found.returncode, f"{line}\n{found.stdout}{found.stderr}"
    return found.stdout


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """Make the stack with its log, save it, go on writing, have its runbook written, and type its sections."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rebond-book-"))  # where the user of the server comes to
    folder.chmod(0o755)
    try:
        with quick_program(folder) as programs:
            yield from follow(folder, programs)
    finally:
        shutil.rmtree(folder)


def follow(folder: pathlib.Path, programs: pathlib.Path) -> Iterator[Shop]:
    environment = {**make_surroundings(folder, programs), "REBOND_WAL_SOCKET": str(folder / "wal.sock")}
    (folder / "stack" / "media").mkdir(parents=True)
    (folder / "stack" / "media" / "photo.jpg").write_text("a photo")
    configure(folder, "/nowhere", "/nowhere")
    printed = json.loads(type_lines(["rebond wal settings --json"], environment, folder / "stack")[0].output)
    settings = {name: value for name, value in printed[0]["settings"].items() if name in SETTINGS}
    words = [sys.executable, "-m", "rebond.cli", "wal", "serve"]
    daemon = subprocess.Popen(words, env=environment, cwd=folder / "stack", stderr=subprocess.DEVNULL)
    try:
        wait_until((folder / "wal.sock").exists)
        with SmallSegments(settings={**settings, "full_page_writes": "on", "port": "5432"}) as server:
            made = Shop(folder, server, archives_by=settings["archive_command"])
            configure(folder, server.socket_folder, str(server.data))
            place_server(folder, server)
            with (server.data / "postgresql.conf").open("a") as file:  # where a server that is restarted finds them
                file.writelines(f"{name} = '{value}'\n" for name, value in (*settings.items(), ("port", OWN_PORT)))
            environment["PATH"] = f"{environment['PATH']}:{server.programs}"
            fill(made, environment)
            try:
                made.typed = type_lines(lines_of(choose_sections(made.page)), environment, pathlib.Path("/"))
                yield made
            finally:
                subprocess.run([folder / "server", "stop", "-m", "immediate"], check=False, capture_output=True)
    finally:
        daemon.terminate()
        daemon.wait(20)


def configure(folder: pathlib.Path, host: str, data: str) -> None:
    owner = "postgres" if os.geteuid() == 0 else folder.owner()  # an ordinary user's server is that user's
    text = CONFIGURATION.replace("@HOST@", host).replace("@DATA@", data).replace("@OWNER@", owner)
    (folder / "stack" / "rebond.toml").write_text(text)


def place_server(folder: pathlib.Path, server: PostgresServer) -> None:
    """Write the program by which the stack stops and starts its server."""
    owner = f"runuser -u {server.data.owner()} --" if os.geteuid() == 0 else ""
    text = SERVER.replace("@AS@", owner).replace("@PROGRAMS@", shlex.quote(str(server.programs)))
    (folder / "server").write_text(text.replace("@DATA@", shlex.quote(str(server.data))))
    (folder / "server").chmod(0o755)


def fill(made: Shop, environment: dict[str, str]) -> None:
    """Save the stack with forty rows, write two more, and have the runbook written when their log is in the vault."""
    server, stack = made.server, made.folder / "stack"
    server.sql("CREATE DATABASE shop")
    server.sql(f"CREATE TABLE orders AS SELECT generate_series(1, {SAVED_ROWS}) AS id", "shop")
    (backup,) = type_lines(["rebond backup"], environment, stack)
    assert backup.status == 0, backup.output
    server.sql(f"INSERT INTO orders VALUES ({SAVED_ROWS + 1})", "shop")
    time.sleep(1.1)  # so that a whole second lies between
    server.sql(f"INSERT INTO orders VALUES ({LATER_ROWS})", "shop")
    name = server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)").strip()
    wait_until(lambda: server.sql("SELECT last_archived_wal FROM pg_stat_archiver").strip() >= name)
    (runbook,) = type_lines(["rebond runbook --output ../book"], environment, stack)
    assert runbook.status == 0, runbook.output
    made.page = (made.folder / "book.md").read_text()


def choose_sections(page: str) -> str:
    """Return the sections that a log changes, with all below them."""
    parts = re.split(r"^(?=#{2,3} )", page, flags=re.MULTILINE)
    return "".join(each for name in SECTIONS for each in parts if each.startswith(f"### {name} "))


def test_every_command_about_the_log_works_as_it_is_written(shop: Shop) -> None:
    wrong = [f"{each.line}\n{each.status}: {each.output[-1500:]}" for each in shop.typed if each.status]

    assert not wrong, "\n".join(wrong)
    lines = "\n".join(each.line for each in shop.typed)
    for words in ("wal status", "wal settings", "--in-place --yes", "--at latest", "wal adopt", "recover"):
        assert words in lines, words


def test_the_log_is_said_to_be_good_and_its_settings_are_those_of_the_server(shop: Shop) -> None:
    command = shop.said("rebond wal settings").output.partition("archive_command = ")[2].partition("  #")[0].strip()

    assert re.search(r"verdict:?\s+good", shop.said("rebond wal status").output)
    assert command == f"'{shop.archives_by}'"


def test_in_place_the_server_is_that_of_the_snapshot_and_nothing_of_the_others_is_lost(shop: Shop) -> None:
    assert shop.rows() == SAVED_ROWS
    assert shop.rows("shop_restored") == SAVED_ROWS
    assert (shop.folder / "stack" / "media" / "photo.jpg").read_text() == "a photo"


def test_the_server_that_came_back_is_restarted_archives_again_and_is_saved(shop: Shop) -> None:
    lines = [each.line for each in shop.typed]
    stop, start = (next(each for each in lines if f"../server {verb}" in each) for verb in ("stop", "start"))
    assert [lines.index(each) for each in (stop, start)] == sorted(lines.index(each) for each in (start, stop))
    assert lines[lines.index(start) + 1] == "rebond backup database"
    assert shop.server.sql("SHOW archive_mode").strip() == "on"
    assert shop.server.sql("SELECT timeline_id > 1 FROM pg_control_checkpoint()").strip() == "t"


def test_the_last_moment_and_a_second_are_reached_by_their_own_lines(shop: Shop) -> None:
    assert shop.rows_below(shop.said(r"rebond restore --at latest database --to \"\$TO\"")) == LATER_ROWS
    assert shop.rows_below(shop.said(r"rebond restore --at '\d.*' database --to \"\$TO\"")) == SAVED_ROWS + 1
    assert re.search(r"^\| `database` \| \d{4}-.* \| \d{4}-.* \|$", shop.page, re.MULTILINE)


def test_on_a_bare_machine_the_data_directory_comes_back_with_the_files(shop: Shop) -> None:
    folders = list((shop.folder / "home").glob("rebond-*"))
    whole = [each for each in folders if list(each.rglob("PG_VERSION")) and list(each.rglob("photo.jpg"))]

    said = shop.said("rebond recover .* --yes").output
    assert len(whole) == 1, said
    assert re.search(rf"pg_ctl -D {re.escape(str(whole[0]))}/\S+ -o '-p \d+ -k /tmp' -w start$", said, re.MULTILINE), (
        said
    )
