"""A command in a network of its own: 127.0.0.1 is up there, and ports of it lead to servers' Unix sockets.

Programs that know their database by host and port find it so, and nothing else. It lasts as long as the command does.
Nothing of Rebond is imported here: it is started by its path, inside the network, with the variables of the command.

The arguments are any number of ``PORT=SOCKET``, then ``--`` and the command. It ends with the command's status, or by
the signal that ended that.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
_CAPABILITIES, _CLEAR_ALL = 47, 4  # PR_CAP_AMBIENT and what is done with them
_INTERFACE = struct.Struct("16sh22x")
_HERE = "127.0.0.1"
_BLOCK = 1 << 16
_NOT_FOUND, _NOT_ALLOWED = 127, 126  # what a shell says of a program that is not there, or may not run
_BY_SIGNAL = 128
_ERRORS = 2


def main() -> int:
    """Make the network ready, run the command, and return its status."""
    end = sys.argv.index("--")
    _raise_loopback()
    with contextlib.suppress(OSError, AttributeError):  # what an ordinary user was given to make the network ready
        ctypes.CDLL(None).prctl(_CAPABILITIES, _CLEAR_ALL, 0, 0, 0)
    for each in sys.argv[1:end]:
        port, _, path = each.partition("=")
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
