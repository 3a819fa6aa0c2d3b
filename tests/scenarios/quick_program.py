"""The real program for scripts of many lines: each call is a process of its own, forked from one that has loaded it.

``rebond`` on the PATH is a small client: it hands its arguments, surroundings and streams to the loaded process, and
ends with the status of the call.
"""

import array
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import rebond

SOURCE = pathlib.Path(rebond.__file__).resolve().parents[1]
START_SECONDS = 30.0
CLIENT = """\
import array, json, os, socket, sys
call = json.dumps({"arguments": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}).encode()
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
    link.connect(sys.argv[1])
    link.sendmsg([len(call).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    link.sendall(call)
    sys.exit(int(link.recv(4) or b"70"))
"""
LOADED = (
    "rebond.cli.__main__",
    "rebond.cli.commands.backup",
    "rebond.cli.commands.restore",
    "rebond.operations.backup",
    "rebond.operations.restore",
    "rebond.operations.verify",
    "rebond.stack.planning",
    "rebond.vault.opening",
    "rebond.vault.access",
    "rebond.cli.records.recording",
    "rebond.cli.checks.examining",
)


@contextlib.contextmanager
def quick_program(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Give a folder with a ``rebond`` in it, to stand first on the PATH."""
    place = folder / "quick"
    place.mkdir()
    link, client, program = place / "link", place / "client.py", place / "rebond"
    client.write_text(CLIENT)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{client}" "{link}" "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(pathlib.Path(__file__).parents[2])])}
    served = subprocess.Popen([sys.executable, __file__, str(link)], env=environment, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not link.exists() and served.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        yield place
    finally:
        served.kill()
        served.wait()


def _serve(path: str) -> None:
    import importlib

    for name in LOADED:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"{path}.making")
        listening.listen()
        os.rename(f"{path}.making", path)
        while True:
            link, _ = listening.accept()
            if os.fork() == 0:  # answers one call, in a process whose child is the call itself
                listening.close()
                _answer(link)
            link.close()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _answer(link: socket.socket) -> None:
    head, rights, _, _ = link.recvmsg(4, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    streams = array.array("i")
    streams.frombytes(rights[0][2])
    size, content = int.from_bytes(head, "big"), b""
    while len(content) < size:
        content += link.recv(size - len(content))
    child = os.fork()
    if child == 0:
        link.close()
        _run(json.loads(content), list(streams))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    link.sendall(str(status if status >= 0 else 128 - status).encode())
    os._exit(0)


def _run(call: dict[str, object], streams: list[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(call["folder"]))
    os.environ.clear()
    os.environ.update(dict(call["environment"]))  # type: ignore[call-overload]
    sys.argv = ["rebond", *map(str, call["arguments"])]  # type: ignore[call-overload]
    from rebond.cli.__main__ import run

    status = 70
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
