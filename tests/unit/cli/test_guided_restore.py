"""``rebond restore`` and nothing else: three questions on a real terminal."""

import os
import pathlib
import pty
import select
import subprocess
import sys
import time

import pytest
from tests.scenarios.shop_in_place import Shop


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.saved(tmp_path_factory.mktemp("template"))


@pytest.fixture
def shop(template: Shop, tmp_path: pathlib.Path) -> Shop:
    return template.copied(tmp_path / "there")


class Terminal:
    """A person at a terminal: reads until something stands there, and types."""

    def __init__(self, shop: Shop, *words: str) -> None:
        self._own, other = pty.openpty()
        environment = {
            **os.environ,
            **shop.program.environment,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TERM": "dumb",
        }
        environment.pop("REBOND_PASSPHRASE", None)
        environment.pop("REBOND_VAULT", None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rebond.cli", *words],
            stdin=other,
            stdout=other,
            stderr=other,
            env=environment,
            start_new_session=True,
        )
        os.close(other)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + 30
        while text not in self.seen:
            assert time.monotonic() < until, self.seen
            self._read()

    def type(self, line: str) -> None:
        self.seen = ""
        os.write(self._own, line.encode() + b"\n")

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._own)
        return self._process.wait(timeout=30)

    def _read(self) -> bool:
        if not select.select([self._own], [], [], 1)[0]:
            return self._process.poll() is None
        try:
            block = os.read(self._own, 65536)
        except OSError:  # how a terminal ends whose other side is closed
            return False
        self.seen += block.decode(errors="replace").replace("\r", "")
        return bool(block)


def test_three_questions_lead_to_the_plan_and_the_command_for_next_time(shop: Shop) -> None:
    terminal = Terminal(shop, "restore")
    terminal.wait_for("with commas between")
    assert "media" in terminal.seen
    assert "static" not in terminal.seen  # nothing of it is saved
    terminal.type("madia")
    terminal.wait_for("There is no 'madia'")
    terminal.type("media")
    terminal.wait_for("Number [1]")
    terminal.type("")
    terminal.wait_for("Carry this plan out?")
    assert "media --in-place" in terminal.seen
    assert "put media in its place" in terminal.seen
    terminal.type("y")
    assert terminal.end() == 0
    files = shop.files()
    assert files["media/a.jpg"] == shop.saved_files["media/a.jpg"]
    assert files["src/app.py"] == shop.broken_files["src/app.py"]
    assert "--rollback" in terminal.seen


def test_no_changes_nothing(shop: Shop) -> None:
    terminal = Terminal(shop, "restore", "--lang", "fr")
    terminal.wait_for("virgules")
    terminal.type("")
    terminal.wait_for("[1]")
    terminal.type("1")
    terminal.wait_for("Exécuter ce plan ?")
    terminal.type("n")
    assert terminal.end() == 6
    assert shop.files() == shop.broken_files
    assert shop.trace() == []


def test_an_interrupt_prints_how_to_go_on_and_how_to_undo(shop: Shop) -> None:
    shop.configure('"echo stop >> ../trace"', '"echo stop >> ../trace; sleep 20"')
    terminal = Terminal(shop, "restore", "latest", "--in-place", "--yes")
    until = time.monotonic() + 30
    while not (shop.folder / "trace").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    terminal._process.send_signal(2)
    assert terminal.end() == 130
    assert "rebond restore --resume" in terminal.seen
    assert "rebond restore --rollback" in terminal.seen
    shop.program.good("restore", "--rollback", "latest", "--yes", REBOND_CONFIG=str(shop.root / "rebond.toml"))
    assert shop.files().keys() == shop.broken_files.keys()
