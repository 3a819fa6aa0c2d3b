"""What a clean-up takes of a real log: neither what the window reaches nor what a kept base needs, and all the rest."""

import json
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenarios.wal_stack import SmallSegments, WalStack, wait_until

from rebond.testing.postgres_server import PostgresServer

pytestmark = [pytest.mark.judge("postgres")]
WINDOW_SECONDS = 2


class Cleaned:
    """A stack with a short window whose server archives."""

    def __init__(self, stack: WalStack, server: PostgresServer, capfd: pytest.CaptureFixture[str]) -> None:
        self.stack, self.server, self._capfd = stack, server, capfd
        stack.configure(server.socket_folder)
        written = stack.folder / "rebond.toml"
        written.write_text(written.read_text().replace('window = "7d"', f'window = "{WINDOW_SECONDS}s"'))

    def write(self, number: int, segments: int = 3) -> None:
        """Commit a row, and let the server go on by some segments."""
        self.server.sql(f"INSERT INTO t VALUES ({number})")
        for _ in range(segments):
            self.server.sql("SELECT pg_switch_wal(); CREATE TABLE x (); DROP TABLE x")
        status = self.server.data / "pg_wal" / "archive_status"
        wait_until(lambda: not any(each.endswith(".ready") for each in os.listdir(status)))

    def ask(self, *words: str) -> Any:
        """Return what a command that ends well says as JSON."""
        self._capfd.readouterr()
        status = self.stack.run(*words, "--json", "--quiet")
        said = self._capfd.readouterr()
        assert status in {0, 3}, said.err
        return json.loads(said.out)

    def save(self) -> None:
        """Save the component."""
        self.ask("backup")

    def list_ranges(self) -> list[list[int]]:
        """Return which segments the vault has."""
        (standing,) = json.loads(self._status())
        return [list(each) for each in standing["timelines"][0]["ranges"]]

    def _status(self) -> str:
        self._capfd.readouterr()
        self.stack.run("wal", "status", "--json")
        return self._capfd.readouterr().out

    def read_restored(self, moment: str, folder: pathlib.Path) -> list[int]:
        """Restore to a moment, start the server, return the rows."""
        assert self.stack.run("restore", "--at", moment, "database", "--to", str(folder)) in {0, 3}
        with SmallSegments(adopts=folder / "database", settings={"archive_mode": "off"}) as restored:
            wait_until(lambda: restored.sql("SELECT pg_is_in_recovery()").strip() == "f")
            return [int(each) for each in restored.sql("SELECT i FROM t ORDER BY i").split()]


@pytest.fixture
def cleaned(capfd: pytest.CaptureFixture[str]) -> Iterator[Cleaned]:
    stack = WalStack()
    try:
        stack.serve()
        settings = {"archive_mode": "on", "wal_level": "replica", "archive_command": f'{stack.program} push "%p"'}
        with SmallSegments(settings=settings) as server:
            server.sql("CREATE TABLE t (i int)")
            yield Cleaned(stack, server, capfd)
    finally:
        stack.close()


@pytest.mark.parametrize("way", ["prune", "forget"])
def test_prune_takes_what_neither_the_window_nor_a_kept_base_needs_and_nothing_else(
    cleaned: Cleaned, tmp_path: pathlib.Path, way: str
) -> None:
    cleaned.write(1)
    cleaned.save()
    cleaned.write(2)
    cleaned.save()
    cleaned.write(3)
    time.sleep(WINDOW_SECONDS + 1)
    ((first, last),) = cleaned.list_ranges()
    cleaned.write(4)

    foreseen = cleaned.ask("prune", "--dry-run")["wal"]["objects"]
    assert [[first, last + 3]] == cleaned.list_ranges()
    if way == "forget":  # what a schedule runs
        done = cleaned.ask("forget", "--keep-last", "9", "--prune")["prune"]["wal"]["objects"]
    else:
        done = cleaned.ask("prune")["wal"]["objects"]
    older, newer = cleaned.list_ranges()
    assert done == foreseen == (older[0] - first) + (newer[0] - older[1] - 1) > 3
    assert older[1] - older[0] <= 2  # the older base's own
    assert newer[1] == last + 3
    assert cleaned.ask("prune")["wal"]["objects"] == 0

    assert cleaned.read_restored("latest", tmp_path / "latest") == [1, 2, 3, 4]
