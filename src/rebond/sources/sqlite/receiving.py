"""A SQLite database inside a container: copied there by its own online backup, checked here before it is passed on."""

import contextlib
import os
import shutil

from rebond.errors import CommandFailed, SourceError
from rebond.sources.sqlite.copying import check_copy
from rebond.sources.sqlite.private_files import choose_place, private_directory
from rebond.sources.streams.readers import StreamReader

_BLOCK_BYTES = 1 << 17
_PYTHON = (
    "import sqlite3,sys,urllib.parse as u;"
    "s=sqlite3.connect('file:'+u.quote(sys.argv[1])+'?mode=rw',uri=True,timeout=30);"
    "t=sqlite3.connect(sys.argv[2]);s.backup(t);t.close()"
)
_SCRIPT = f"""\
[ -f "$1" ] || {{ echo "there is no file $1" >&2; exit 3; }}
d=$(mktemp -d) || exit 4
trap 'rm -rf "$d"' EXIT
trap 'exit 143' HUP INT PIPE TERM
if command -v sqlite3 >/dev/null 2>&1; then sqlite3 -bail "$1" ".timeout 30000" ".backup '$d/copy'" || exit 5
elif command -v python3 >/dev/null 2>&1; then python3 -c "{_PYTHON}" "$1" "$d/copy" || exit 5
else echo "neither sqlite3 nor python3 is installed" >&2; exit 127
fi
cat "$d/copy"
"""


def wrap_copy(path: bytes) -> tuple[str, ...]:
    """Return the command that copies a database inside and writes the copy out, by ``sqlite3`` or ``python3``."""
    return ("sh", "-c", _SCRIPT, "sh", os.fsdecode(path))


class ReceivedDatabase:
    """A reader that takes the whole copy first, checks it, and only then passes it on.

    Raises ``SourceUnfit`` for one that is damaged or no database, ``SourceError`` when there is no room for it.
    """

    def __init__(self, reader: StreamReader, shown: str) -> None:
        self._reader = reader
        self._shown = shown
        self._stack = contextlib.ExitStack()
        self._descriptor = -1

    def readinto(self, buffer: memoryview, /) -> int:
        """Give a piece of the checked copy."""
        if self._descriptor < 0:
            self._receive()
        return os.readv(self._descriptor, [buffer])

    def finish(self) -> None:
        """Nothing is left to judge: the copy was, before its first byte was given."""
        if self._descriptor < 0:
            self._receive()

    def close(self) -> None:
        """Remove the copy, and end what still writes."""
        self._reader.close()
        self._stack.close()

    def _receive(self) -> None:
        directory = self._stack.enter_context(private_directory(choose_place(None)))
        copy = os.path.join(directory, "copy")
        try:
            with open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                block = memoryview(bytearray(_BLOCK_BYTES))
                while count := self._reader.readinto(block):
                    file.write(block[:count])
                size = file.tell()
        except OSError as error:
            raise SourceError(
                "There is no room for a copy of the database {path}.",
                hint="Set TMPDIR to a directory with room for it.",
                path=self._shown,
            ) from error
        self._reader.finish()
        if not size:
            raise CommandFailed(
                "{name} is empty: nothing was written to the stream.",
                hint="See whether what writes it failed; --allow-empty saves it all the same.",
                name=self._shown,
            )
        check_copy(os.fsencode(self._shown), copy)
        self._descriptor = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
        self._stack.callback(os.close, self._descriptor)
        shutil.rmtree(directory, ignore_errors=True)  # what is open can still be read
