"""The journal of systemd, by its own socket and protocol; no library is needed."""

import os
import socket
import struct

from rebond.logs.events import Event, write_message
from rebond.logs.masking import mask

SOCKET = "/run/systemd/journal/socket"


class JournalSink:
    """Sends events to the journal. Raises ``OSError`` when there is none, also later, when it went away."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.setblocking(False)  # a journal that hangs must not hold a backup up
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def write(self, event: Event) -> None:
        """Send one event; a journal that was started anew is found again."""
        content = encode_entry(
            {
                "MESSAGE": write_message(event),
                "PRIORITY": str(int(event.weight)),
                "SYSLOG_IDENTIFIER": "rebond",
                "SYSLOG_PID": str(os.getpid()),
                "REBOND_RUN": event.run,
                **{f"REBOND_{name.upper()}": mask(value) for name, value in event.fields.items()},
            }
        )
        try:
            self._socket.send(content)
        except (ConnectionRefusedError, ConnectionResetError, FileNotFoundError):
            self._socket.connect(self._path)
            self._socket.send(content)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def encode_entry(fields: dict[str, str]) -> bytes:
    """Return a journal entry: ``NAME=value`` lines, or name, length and bytes where a value has lines of its own."""
    parts = []
    for name, value in fields.items():
        if not value:
            continue
        content = value.encode("utf-8", "surrogateescape")
        if b"\n" in content:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(content)) + content + b"\n")
        else:
            parts.append(name.encode() + b"=" + content + b"\n")
    return b"".join(parts)
