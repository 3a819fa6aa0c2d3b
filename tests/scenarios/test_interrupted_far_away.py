"""Ctrl-C while a distant store holds its answer back: the program ends, whatever the store does."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from tests.bounded import join

import rebond
from rebond.clock import SystemClock
from rebond.errors import StoreUnreachable
from rebond.store.cloud import CloudStore
from rebond.store.cloud_address import parse_cloud_address
from rebond.testing.s3_answers import Fault
from rebond.testing.s3_server import S3Server
from rebond.testing.vaults import make_vault

SOURCE = pathlib.Path(rebond.__file__).resolve().parents[1]
PATIENCE_SECONDS = 100  # a store that does not answer is waited for three minutes


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with S3Server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def held() -> Iterator[threading.Event]:
    held = threading.Event()
    yield held
    held.set()


def wait_for_request(server: S3Server, fault: Fault) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while fault.times and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not fault.times


@pytest.mark.parametrize("size", [1, 2**20])
def test_the_main_thread_stops_waiting_at_once(server: S3Server, held: threading.Event, size: int) -> None:
    store = CloudStore(parse_cloud_address(server.url("bucket/v")))
    fault = Fault(method="PUT", until=held)
    server.faults.append(fault)

    def interrupt() -> None:
        wait_for_request(server, fault)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    stopping = threading.Thread(target=interrupt, daemon=True)
    stopping.start()
    with pytest.raises(KeyboardInterrupt):
        store.put_if_absent("packs/1", bytes(size))
    join(stopping)
    assert not held.is_set()


def test_errors_of_the_thread_that_asks_come_as_they_are(server: S3Server) -> None:
    server.faults.append(Fault(status=503))
    with pytest.raises(StoreUnreachable):
        CloudStore(parse_cloud_address(server.url("bucket/v"))).put_if_absent("packs/1", b"x")


@pytest.mark.parametrize(("command", "what"), [("snapshots", ""), ("snapshots", "/vault.json"), ("verify", "")])
def test_a_command_that_reads_ends_while_nothing_answers(
    server: S3Server, held: threading.Event, tmp_path: pathlib.Path, command: str, what: str
) -> None:
    make_vault(CloudStore(parse_cloud_address(server.url("bucket/v"))), SystemClock())
    faults = [Fault(method="GET", path=what, query="" if what else "list-type", until=held) for _ in range(20)]
    server.faults += faults
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "REBOND_PASSPHRASE": "none that fits",
        "HOME": str(tmp_path),
        **{name: str(tmp_path / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")},
    }
    program = [sys.executable, "-c", "from rebond.cli.entry import main; main()"]
    # With a word before the verb nothing is asked while modules are loaded, when Ctrl-C is another matter.
    with subprocess.Popen(
        [*program, "--lang", "en", command, "--vault", server.url("bucket/v")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as running:
        try:
            wait_for_request(server, faults[0])
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=PATIENCE_SECONDS)
        finally:
            running.kill()
    assert running.returncode == 130, said
    assert not held.is_set()
