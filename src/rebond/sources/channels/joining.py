"""Both ways of bytes between this process and what answers at a socket inside a container.

No client gives a port of a container to whoever may merely run a command there; so a program of the image joins the
command's own input and output to the socket. Which of them an image has differs: they are asked for in an order. A
mark of our own tells where the stream begins; from there on every byte is passed unchanged, at once, and the end of
either side is the end of the other.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from rebond.errors import SourceError, SourceUnfit
from rebond.secret import Secret
from rebond.sources.channels.addresses import Address
from rebond.sources.channels.clients import Inside, Surroundings, build_arguments
from rebond.sources.channels.containers import require_own_name
from rebond.sources.channels.reading import describe_end, describe_translation, drop_chatter, require_client
from rebond.sources.streams.readers import CommandReader

_PERL = r"""
use strict; use Socket;
my ($mark, $path, $host, $port) = @ARGV;
my $s;
if ($path ne "") {
  socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, sockaddr_un($path)) or die "$path: $!\n";
} else {
  my ($error, @found) = Socket::getaddrinfo($host, $port, {socktype => SOCK_STREAM});
  die "$host: $error\n" if $error;
  my $is_open = 0;
  for (@found) {
    socket($s, $_->{family}, $_->{socktype}, $_->{protocol}) && connect($s, $_->{addr}) and $is_open = 1 and last;
  }
  die "$host:$port: $!\n" unless $is_open;
}
sub pass { my ($to, $b, $o) = (@_, 0);
  while ($o < length $b) { my $w = syswrite($to, $b, length($b) - $o, $o); exit 1 unless defined $w; $o += $w } }
pass(*STDOUT, "\n$mark\n");
my $wanted = ""; vec($wanted, 0, 1) = 1; vec($wanted, fileno($s), 1) = 1;
while (1) {
  next if select(my $ready = $wanted, undef, undef, undef) < 1;
  for ([*STDIN, $s], [$s, *STDOUT]) {
    next unless vec($ready, fileno($_->[0]), 1);
    exit 0 unless sysread($_->[0], my $block, 65536);
    pass($_->[1], $block);
  }
}
"""
_PYTHON = r"""
import os, select, signal, socket, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
mark, path, host, port = sys.argv[1:]
try:
    if path:
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
    else:
        s = socket.create_connection((host, int(port)))
except OSError as error:
    sys.exit("%s: %s" % (path or host + ":" + port, error))
def put(to, block):
    while block:
        block = block[os.write(to, block):]
put(1, b"\n" + mark.encode() + b"\n")
ways = {0: s.fileno(), s.fileno(): 1}
while True:
    for each in select.select(list(ways), [], [])[0]:
        try:
            block = os.read(each, 65536)
        except OSError:
            sys.exit(1)
        if not block:
            sys.exit(0)
        put(ways[each], block)
"""
# Each copier alone would wait for the other side for ever; the first that ends has the other ended. In a container the
# server itself may be the process 1, which gets what loses its parent: if that dies by a signal, or with another
# status than 0 and 1, PostgreSQL takes it for one of its own, ends all sessions and recovers. So a copier is ended and
# waited for by its own parent alone, and dies of no pipe. They are looked for again and again: 'wait -n' sleeps for
# ever where one of them ended just before, and the stream would hang.
_BASH = r"""
exec 3<>"/dev/tcp/$2/$3" || exit 1
printf '\n%s\n' "$1"
trap '' PIPE
exec 4<&0 < /dev/null
exec 5<> <(:)
cat <&3 4<&- 5<&- 2> /dev/null & reader=$!
cat <&4 >&3 5<&- 2> /dev/null & copier=$!
exec 3<&- 4<&- 2> /dev/null
while kill -0 "$reader" && kill -0 "$copier"; do read -r -t 0.1 -u 5; done 2> /dev/null
kill "$reader" "$copier" 2> /dev/null
wait
exit 0
"""
# $1 is the path of a socket, or empty. ``nc`` is several programs, which differ in what ends them.
_LOOK = r"""
LC_ALL=C; export LC_ALL
has() { command -v "$1" > /dev/null 2>&1; }
can() { has "$1" && "$@" > /dev/null 2>&1 < /dev/null; }
helps() { nc -h 2>&1 < /dev/null | grep -q -e "^[[:space:]]*-$1[,[:space:]]"; }
ends() { if helps N; then echo ' -N'; elif helps q; then echo ' -q0'; fi; }
dials() {
  bash -c '((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 403))' || return 1
  case $(bash -c ': 3<> /dev/tcp/127.0.0.1/0' 2>&1 < /dev/null) in *'No such file'*) return 1 ;; esac
}
if can perl -e 'use Socket qw(getaddrinfo)'; then echo perl
elif can python3 -I -S -c 'import select, socket'; then echo python3
elif has socat; then echo socat
elif [ -n "$1" ] && has nc && helps U; then echo "nc -U$(ends)"
elif has nc; then echo "nc$(ends)"
elif has bash && has cat && dials; then echo bash
else echo none
fi
"""
_AFTER_MARK = 'printf "\\n%s\\n" "$0" && exec "$@"'
_MARK_BYTES = 16
_BLOCK_BYTES = 1 << 16
_SAID_BYTES = 2000


class Target(Struct, frozen=True, kw_only=True):
    """What is to be reached inside: the socket at ``path``, or else, and where nothing there can, host and port."""

    path: str = ""
    host: str = "127.0.0.1"
    port: int


def find_joiner(ask: Callable[[Sequence[str]], bytes], target: Target, place: str) -> str:
    """Return how the image at ``place`` can join a command to ``target``; ``ask`` runs a command there.

    Raises ``SourceUnfit`` when it cannot, and ``SourceError`` when it could not be asked.
    """
    way = ask(["sh", "-c", _LOOK, "sh", target.path]).decode(errors="replace").strip()
    if way == "none":
        raise SourceUnfit(
            "Nothing in {place} can join a command to the server's socket: neither perl, python3, socat, nc nor bash "
            "is there, and its log is streamed through one of them.",
            hint="Add one of them to the image; or publish the port of the server and name it with host and port, "
            "without 'in' and 'volume'; or put rebond-wal into the image and set wal = \"archive-command\".",
            place=place,
        )
    return way


def describe_joiner(way: str, target: Target, mark: str) -> tuple[str, ...]:
    """Return the command that joins its input and output to ``target``; ``way`` is what ``find_joiner`` found.

    It writes ``mark`` on a line of its own, behind an empty one, before the first byte of the other side.
    """
    host, port = target.host, str(target.port)
    name, *options = way.split()
    match name:
        case "perl":
            return ("perl", "-e", _PERL, mark, target.path, host, port)
        case "python3":
            return ("python3", "-I", "-S", "-c", _PYTHON, mark, target.path, host, port)
        case "bash":
            return ("bash", "-c", _BASH, "bash", mark, host, port)
        case "socat":
            words = ["socat", "-", f"UNIX-CONNECT:{target.path}" if target.path else f"TCP:{host}:{port}"]
        case _:
            words = ["nc", *options, *([target.path] if "-U" in options else [host, port])]
    return ("sh", "-c", _AFTER_MARK, mark, *words)


def open_joined(
    address: Address,
    way: str,
    target: Target,
    *,
    surroundings: Surroundings,
    inside: Inside,
    environment: Mapping[str, str],
) -> "Joined":
    """Begin to join ``target`` at ``address`` to this process. ``inside.reads_input`` has to be true.

    Raises ``SourceUnfit`` when the client is not installed, ``SourceUnreachable`` when it would reach another
    container, ``CommandFailed`` when it cannot be started; the rest is said where the stream is read.
    """
    mark = "rebond-join-" + secrets.token_hex(_MARK_BYTES)
    arguments = build_arguments(address, describe_joiner(way, target, mark), surroundings, inside)
    require_client(arguments[0], address, environment)
    require_own_name(address, environment)
    reader = CommandReader(
        arguments,
        environment=environment,
        directory=surroundings.started_in or None,
        given=Secret(b""),
        keeps_input=True,
    )
    return Joined(reader, address, mark.encode(), program=way.split(maxsplit=1)[0], client=arguments[0])


class Joined:
    """What goes to and fro. One thread may read while another feeds; ``close`` may be called by any."""

    def __init__(self, reader: CommandReader, address: Address, mark: bytes, *, program: str, client: str) -> None:
        self._reader = reader
        self._address = address
        self._mark = b"\n" + mark + b"\n"
        self._program = program
        self._client = client
        self._held = bytearray()
        self._has_begun = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Give what came from the other side; 0 at its end. Raises ``SourceError`` where it did not begin."""
        if not self._has_begun:
            self._pass_chatter()
        if self._held:
            count = min(len(buffer), len(self._held))
            buffer[:count] = self._held[:count]
            del self._held[:count]
            return count
        return self._reader.readinto(buffer)

    def _pass_chatter(self) -> None:
        """Let go of all up to the mark: what stands in for a client says things of its own."""
        translated = self._mark.replace(b"\n", b"\r\n")
        block = memoryview(bytearray(_BLOCK_BYTES))
        while (place := self._held.find(self._mark)) < 0:
            if translated in self._held:
                raise describe_translation(self._address, self._client, self._program)
            del self._held[: -_SAID_BYTES - len(translated)]
            count = self._reader.readinto(block)
            if not count:
                raise self._describe_end()
            self._held += block[:count]
        del self._held[: place + len(self._mark)]
        self._has_begun = True

    def _describe_end(self) -> SourceError:
        lines = [each.strip() for each in self._held.decode(errors="replace").splitlines()]
        words = self.last_words() or " | ".join([each for each in lines if each][-3:])
        return describe_end(self._address, self._client, self._program, self._reader.wait(), words, has_begun=False)

    def feed(self, content: bytes | bytearray | memoryview, /) -> None:
        """Hand the other side more. Raises ``BrokenPipeError`` when it reads no more, ``CommandFailed`` if it hangs."""
        self._reader.feed(content)

    def end_input(self) -> None:
        """Let the other side see our end; may be called twice."""
        self._reader.end_input()

    def last_words(self) -> str:
        """Return what client and program said on standard error; asked after the end."""
        return drop_chatter(self._reader.last_words())

    def close(self) -> None:
        """End both; may be called twice."""
        self._reader.close()
