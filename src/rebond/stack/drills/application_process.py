"""The process beside a drilled application: it starts it, asks it, and ends it and whatever that started.

It runs in the same network as the application, which may be one that nobody else reaches, and asks there for the drill.
It lives as long as its input: when that ends, because the drill closed it or is gone in any way, everything below it is
ended. Nothing of Rebond is imported here: it is started by its path, with the variables of the application.

A request is a line of JSON on standard input, an answer a line on standard output. The arguments are the file of what
the application says, then its own command.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: what loses its parent below us becomes our child
_HERE = "127.0.0.1"
_GENTLE_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.02


def main() -> None:
    """Start the application, answer requests until there are no more, and end it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: None)  # our input says when to end; the application gets the default back
    port = _find_port()
    try:
        with open(sys.argv[1], "ab") as log:
            process = subprocess.Popen(
                sys.argv[2:],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PORT": str(port), "REBOND_DRILL_URL": f"http://{_HERE}:{port}"},
                start_new_session=True,
            )
    except OSError as error:
        _say({"port": port, "reason": error.strerror or str(error)})
        return
    try:
        _say({"port": port})
        for line in sys.stdin:
            _say(_answer(json.loads(line), process, port))
    finally:
        _end_all()


def _say(answer: Mapping[str, Any]) -> None:
    outgoing = sys.stdout.buffer
    outgoing.write(json.dumps(answer).encode() + b"\n")
    outgoing.flush()


def _answer(request: Mapping[str, Any], process: "subprocess.Popen[bytes]", port: int) -> Mapping[str, Any]:
    """Ask the application once; say how it ended when nothing of it runs any more."""
    ended = process.poll()
    if ended is not None and not _list_below():
        return {"ended": ended}
    try:
        if request["path"] is None:
            socket.create_connection((_HERE, port), timeout=request["seconds"]).close()
            return {"status": 0}
        return {"status": _ask(request, port)}
    except OSError as error:
        return {"reason": error.strerror or str(error) or type(error).__name__}
    except http.client.HTTPException as error:
        return {"reason": str(error) or type(error).__name__}


def _ask(request: Mapping[str, Any], port: int) -> int:
    """Return the status of an address, whose host the application is told as the world calls it."""
    connection = http.client.HTTPConnection(_HERE, port, timeout=request["seconds"])
    try:
        connection.request("GET", request["path"], headers=request["headers"])
        return connection.getresponse().status
    finally:
        connection.close()


def _find_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trying:
        trying.bind((_HERE, 0))
        return int(trying.getsockname()[1])


def _list_below() -> list[int]:
    """Return the processes below this one that have not ended."""
    parents: dict[int, tuple[int, bool]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
                fields = pathlib.Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()
                parents[int(name)] = (int(fields[1]), fields[0] not in {b"Z", b"X"})
    below: set[int] = set()
    found = {os.getpid()}
    while found:
        below |= found
        found = {pid for pid, (parent, _) in parents.items() if parent in below} - below
    return [pid for pid in below if pid in parents and pid != os.getpid() and parents[pid][1]]


def _end_all() -> None:
    """End whatever is below this process: asked at first, then made to."""
    began = time.monotonic()
    while found := _list_below():
        waited_seconds = time.monotonic() - began
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM if waited_seconds < _GENTLE_SECONDS else signal.SIGKILL)
        if waited_seconds > _PATIENCE_SECONDS:
            return
        time.sleep(_LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    main()
