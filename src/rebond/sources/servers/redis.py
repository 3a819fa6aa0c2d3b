"""What ``redis-cli`` or ``valkey-cli`` is told, and how the end of its dump is known."""

import re
from dataclasses import dataclass

from rebond.errors import CommandFailed, UsageError
from rebond.secret import Secret
from rebond.sources.servers.crc64 import Crc64
from rebond.sources.streams.readers import StreamReader

_SCRIPT = """\
for each in redis-cli valkey-cli; do
  if command -v "$each" >/dev/null 2>&1; then exec "$each" "$@"; fi
done
echo "neither redis-cli nor valkey-cli is installed" >&2
exit 127
"""
_LAST = b"\xff"
_SUM_BYTES = 8
_MARK = re.compile(rb"[0-9a-f]{40}")
_MARK_BYTES = 40
_END_BYTES = len(_LAST) + _SUM_BYTES + _MARK_BYTES
_HEAD_BYTES = 9
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Where it answers and as whom; empty means what the program itself would take."""

    host: str = ""
    port: int | None = None
    user: str = ""
    password: Secret | None = None
    uses_tls: bool = False


def build_dump(server: RedisServer) -> tuple[str, ...]:
    """Return the command that asks the server for a snapshot of its memory and writes it out."""
    words: list[str] = []
    if server.host.startswith("/"):
        words += ["-s", server.host]
    elif server.host:
        words += ["-h", server.host]
    if server.port is not None:
        words += ["-p", str(server.port)]
    if server.uses_tls:
        words.append("--tls")
    if server.user:
        words += ["--user", server.user]
    if server.password is not None:
        words.append("--askpass")  # read from its input: an argument is seen in the list of processes
    return ("sh", "-c", _SCRIPT, "sh", *words, "--no-auth-warning", "--rdb", "-")


def describe_login(server: RedisServer) -> Secret | None:
    """Return what the command has to read: the password on one line. Raises ``UsageError``."""
    if server.password is None:
        return None
    content = server.password.reveal()
    if b"\n" in content:
        raise UsageError("What opens the database holds the end of a line.", hint="Check 'password' and 'user'.")
    return Secret(content + b"\n")


class RdbReader:
    """Passes a dump on and judges it by itself: its first bytes, the byte at its end and the sum behind that.

    A server that sends without a file of its own puts a random mark of forty letters behind the dump, and
    ``redis-cli`` lets it through to standard output: it is taken away here.
    """

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._sum = Crc64()
        self._head = b""
        self._held = bytearray()  # never less than what may be end, sum and mark, until nothing more comes
        self._is_over = False
        self._fault: CommandFailed | None = None

    def readinto(self, buffer: memoryview, /) -> int:
        """Give what belongs to the dump for certain; 0 at the end."""
        while len(self._held) <= _END_BYTES and not self._is_over:
            block = bytearray(_BLOCK_BYTES)
            count = self._reader.readinto(memoryview(block))
            self._held += block[:count]
            if not count:
                self._is_over = True
                self._take_end()
        ready = len(self._held) if self._is_over else len(self._held) - _END_BYTES
        count = min(len(buffer), ready)
        buffer[:count] = self._held[:count]
        if not self._is_over:
            self._sum.add(bytes(self._held[:count]))
            self._head = self._head or bytes(self._held[:_HEAD_BYTES])
        del self._held[:count]
        return count

    def finish(self) -> None:
        """Judge the end: the program's first, then the dump's. Raises ``CommandFailed``."""
        self._reader.finish()
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """End the program."""
        self._reader.close()

    def _take_end(self) -> None:
        """Find the end of the dump in what was held back, take a mark behind it away, and judge the sum."""
        held = bytes(self._held)
        if not (self._head or held).startswith((b"REDIS", b"VALKEY")):
            self._fault = _not_whole("it does not begin as a dump does")
            return
        ends = [len(held) - _MARK_BYTES] if _MARK.fullmatch(held[-_MARK_BYTES:]) else []
        for end in (*ends, len(held)):
            body, claimed = held[: end - _SUM_BYTES], int.from_bytes(held[end - _SUM_BYTES : end], "little")
            if body[-1:] == _LAST and claimed in {0, self._sum.with_more(body)}:  # 0: the server makes no sums
                del self._held[end:]
                return
        self._fault = _not_whole("its end is missing, or its sum is another one")


def _not_whole(reason: str) -> CommandFailed:
    return CommandFailed(
        "The dump of Redis is not whole: {reason}.",
        hint="Run the backup again; see what the server says in its log.",
        reason=reason,
    )
