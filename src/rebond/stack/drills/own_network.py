"""A command in a network of its own: 127.0.0.1 is up there, and ports of it lead to servers' Unix sockets.

Programs that know their database by host and port find it so, and nothing else. It lasts as long as the command does.
Nothing of Rebond is imported here: it is started by its path, inside the network, with the variables of the command.

The arguments are any number of ``PORT=SOCKET``, then of ``guard=PLACE``, ``hide=SOCKET`` and ``deny=PROGRAM``, then
``--`` and the command. What is guarded, hidden or denied is so for the command only, which has mounts of its own then:
a place is only read, at a socket nobody answers, a program says no. Who asks there is noted in the file ``NOTES`` of
the drill's folder, a line with the number of its session and the place. It ends with the command's status, or by the
signal that ended that.
"""

import contextlib
import ctypes
import fcntl
import os
import selectors
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
_CAPABILITIES, _CLEAR_ALL = 47, 4  # PR_CAP_AMBIENT and what is done with them
_INTERFACE = struct.Struct("16sh22x")
_HERE = "127.0.0.1"
_BLOCK = 1 << 16
_NOT_FOUND, _NOT_ALLOWED = 127, 126  # what a shell says of a program that is not there, or may not run
_BY_SIGNAL = 128
_ERRORS = 2
_BIND, _WITH_ALL_BELOW = 4096, 16384  # MS_BIND, MS_REC
_SET_MOUNT, _RECURSIVE, _HERE_FD, _READ_ONLY = 442, 0x8000, -100, 1  # mount_setattr, AT_RECURSIVE, AT_FDCWD
_ATTRIBUTES = struct.Struct("QQQQ")  # set, cleared, propagation, user namespace
_CREDENTIALS = struct.Struct("3i")
NOTES = "live-asked"
_DENIAL = """\
#!/bin/sh
read -r _ _ _ _ _ session _ < /proc/$$/stat
printf '%s\\t%s\\n' "$session" {program} >> {notes}
echo {program}: it leads out of the drill, to what is live here >&2
exit 126
"""


def main() -> int:
    """Make the network ready, run the command, and return its status."""
    end = sys.argv.index("--")
    _raise_loopback()
    given = [each.partition("=") for each in sys.argv[1:end]]
    if guarded := [path for word, _, path in given if word == "guard"]:
        _guard(guarded, os.environ["REBOND_DRILL"])
    if hidden := [(word, path) for word, _, path in given if word in ("hide", "deny")]:
        _cover(hidden, os.environ["REBOND_DRILL"])
    with contextlib.suppress(OSError, AttributeError):  # what an ordinary user was given to make the network ready
        ctypes.CDLL(None).prctl(_CAPABILITIES, _CLEAR_ALL, 0, 0, 0)
    for port, path in [(word, path) for word, _, path in given if word.isdecimal()]:
        threading.Thread(target=_listen, args=(_open_port(int(port)), path), daemon=True).start()
    try:
        process = subprocess.Popen(sys.argv[end + 1 :])
    except OSError as error:
        os.write(_ERRORS, f"{sys.argv[end + 1]}: {error.strerror or error}\n".encode())
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_ALLOWED
    signal.signal(signal.SIGTERM, lambda *_: None)  # everyone in this session gets it: the command says when it ends
    status = process.wait()
    return status if status >= 0 else _BY_SIGNAL - status


def _raise_loopback() -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        _name, flags = _INTERFACE.unpack(fcntl.ioctl(asking, _GET_FLAGS, _INTERFACE.pack(b"lo", 0)))
        if not flags & _UP:
            fcntl.ioctl(asking, _SET_FLAGS, _INTERFACE.pack(b"lo", flags | _UP))


def _guard(places: "list[str]", drill: str) -> None:
    """Let nothing be written to these places and what is mounted below, but for the drill's own folder."""
    libc = ctypes.CDLL(None)
    for place in (drill, *places):
        path = os.fsencode(place)
        libc.mount(path, path, None, _BIND | _WITH_ALL_BELOW, None)
    for place in (*places, drill):  # a drill may lie in one of them
        how = (0, _READ_ONLY) if place == drill else (_READ_ONLY, 0)
        attributes = ctypes.create_string_buffer(_ATTRIBUTES.pack(*how, 0, 0), _ATTRIBUTES.size)
        libc.syscall(_SET_MOUNT, _HERE_FD, os.fsencode(place), _RECURSIVE, attributes, _ATTRIBUTES.size)


def _cover(hidden: "list[tuple[str, str]]", drill: str) -> None:
    """Lay something over each of these places, and listen there."""
    folder = os.path.join(drill, f"live-{os.getpid()}-{time.monotonic_ns()}")
    os.mkdir(folder, 0o755)
    notes = os.path.join(drill, NOTES)
    libc, asked = ctypes.CDLL(None), selectors.DefaultSelector()
    for number, (word, path) in enumerate(hidden):
        cover = os.path.join(folder, str(number))
        if word == "deny" or not _listen_at(cover, path, asked):
            program = shlex.quote(os.path.basename(path))
            with open(cover, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(_DENIAL.format(program=program, notes=shlex.quote(notes)))
            os.chmod(cover, 0o755)  # noqa: S103 - for whoever runs it
        libc.mount(os.fsencode(cover), os.fsencode(path), None, _BIND, None)  # what it cannot reach it cannot ask
    threading.Thread(target=_note, args=(asked, notes), daemon=True).start()


def _listen_at(cover: str, path: str, asked: selectors.BaseSelector) -> bool:
    """Make a socket that stands for ``path``; it fails where its own path is too long for one."""
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(cover)
    except OSError:
        listening.close()
        return False
    os.chmod(cover, 0o777)  # noqa: S103 - whoever asks there is to be heard
    listening.listen()
    asked.register(listening, selectors.EVENT_READ, (listening, path))
    return True


def _note(asked: selectors.BaseSelector, notes: str) -> None:
    """Write down who asks at a place that is hidden, and hang up."""
    while True:
        for key, _events in asked.select():
            listening, place = key.data
            with contextlib.suppress(OSError):  # who has gone meanwhile
                one, _ = listening.accept()
                with one:
                    who = one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                    session = os.getsid(_CREDENTIALS.unpack(who)[0])
                    with open(notes, "a", encoding="utf-8", errors="surrogateescape") as file:
                        file.write(f"{session}\t{place}\n")


def _open_port(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((_HERE, port))
    listening.listen()
    return listening


def _listen(listening: socket.socket, path: str) -> None:
    """Take whoever comes, each in a thread of its own."""
    while True:
        with contextlib.suppress(OSError):  # one that left at once
            one, _ = listening.accept()
            threading.Thread(target=_connect, args=(one, path), daemon=True).start()


def _connect(one: socket.socket, path: str) -> None:
    """Pass bytes between a program and the server until both have ended, or one is gone."""
    with one, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other, contextlib.suppress(OSError):
        other.connect(path)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=_pass_on, args=(other, one), daemon=True)
        back.start()
        _pass_on(one, other)
        back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Hand on what one says; its end is told, and that of one that takes no more is an end of all."""
    try:
        while content := source.recv(_BLOCK):
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    sys.exit(main())
