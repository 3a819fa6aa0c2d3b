"""``rebond serve`` keeps the daemon of the log running, and the daemon does not outlive it."""

import os
import pathlib
import signal

from tests.scenarios.wal_stack import WalStack, wait_until


def find_daemons(stack: WalStack) -> list[int]:
    """Return the processes that answer rebond-wal for a stack."""
    found = []
    for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-3:-1] == [b"wal", b"serve"] and str(stack.folder).encode() in b" ".join(words):
            found.append(int(each.parent.name))
    return found


def test_the_daemon_is_started_again_when_it_dies_and_ends_with_its_service() -> None:
    stack = WalStack()
    try:
        service = stack.begin("serve")
        wait_until(lambda: stack.socket.exists() and len(find_daemons(stack)) == 1, 30)
        (first,) = find_daemons(stack)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: bool(set(find_daemons(stack)) - {first}), 60)
        service.send_signal(signal.SIGKILL)
        service.wait()
        wait_until(lambda: find_daemons(stack) == [], 30)

        assert "wal serve ended with status -9" in stack.log()
    finally:
        stack.close()
