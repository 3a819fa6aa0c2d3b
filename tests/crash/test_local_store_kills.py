"""A process is killed while it puts, many times; what it had been told is there, and nothing half is seen."""

import hashlib
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from rebond.store.local import LocalStore

PUTTING = """
import hashlib, os, sys
from rebond.store.local import LocalStore
store = LocalStore.create(sys.argv[1])
print("ready", flush=True)
while True:
    content = os.urandom(64) * 4_000
    name = hashlib.sha256(content).hexdigest()
    store.put_if_absent(f"packs/{name[:2]}/{name}", content)
    print(name, flush=True)
"""


@pytest.mark.slow
def test_kill_9_in_a_loop_of_puts_leaves_only_whole_objects(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "vault"
    told: list[str] = []
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", PUTTING, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            told += [process.stdout.readline().strip() for _ in range(2)]  # however slow the disk
            time.sleep(random.uniform(0.02, 0.12))
            process.send_signal(signal.SIGKILL)
            told += [line.strip() for line in process.stdout if line.endswith("\n")]

    store = LocalStore(path)
    found = {info.name.rpartition("/")[2]: store.read(info.name) for info in store.list_objects("packs/")}
    assert len(told) > 10
    assert set(told) <= set(found)
    for name, content in found.items():
        assert hashlib.sha256(content).hexdigest() == name

    store.sweep(older_than_seconds=-10.0)
    assert list(path.rglob(".tmp-*")) == []
