"""A file that is written as a stream, and is there under its name only when it is whole."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from rebond.durable_files import discard_file, fsync_directory, publish_file, temporary_path
from rebond.errors import RestoreError, TargetNotEmpty

_BUFFER_BYTES = 1 << 20
SUMS = ".sha256"
_PRIVATE = 0o600  # what comes out of a vault is not sealed any more


@contextlib.contextmanager
def new_file(path: str, *, has_checksum: bool = False) -> Iterator[BinaryIO]:
    """Give a sink; at a good end its content is flushed and gets its name, else nothing is left.

    With ``has_checksum`` its SHA-256 follows in a file of its own, as ``sha256sum -c`` reads it.
    Raises ``TargetNotEmpty`` when there is something of that name, ``RestoreError`` when it cannot be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    for each in (path, path + SUMS) if has_checksum else (path,):
        if os.path.lexists(each):
            raise _taken(each)
    line = b""
    temporary = temporary_path(folder)
    try:
        try:  # an interruption may come as soon as it is there
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
            with open(descriptor, "w+b", buffering=_BUFFER_BYTES) as sink:
                yield sink
                sink.flush()
                os.fsync(sink.fileno())
                if has_checksum:  # read back: some forms are not written from the front to the end
                    line = _describe_sum(path, sum_up(sink))
            publish_file(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # what led here is what counts
                discard_file(temporary)
            raise
        fsync_directory(folder)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise RestoreError(
            "{path} could not be written: {reason}",
            hint="Name a folder that is there, may be written to, and has room; then run the same command again.",
            path=path,
            reason=error.strerror or str(error),
        ) from error

    if has_checksum:
        with new_file(path + SUMS) as sums:
            sums.write(line)


def sum_up(file: BinaryIO) -> str:
    """Return the SHA-256 of all of a file. Raises ``OSError``."""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(_BUFFER_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _describe_sum(path: str, digest: str) -> bytes:
    """Return the line of ``sha256sum``: a backslash at its start says that the name is written with backslashes."""
    name = os.fsencode(os.path.basename(path))
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"


def _taken(path: str) -> TargetNotEmpty:
    return TargetNotEmpty(
        "{path} exists already; nothing was written.", hint="Name another file, or remove that one.", path=path
    )
