"""Standard output, which may be full or gone."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from rebond.errors import RebondError


def write(content: str | bytes) -> None:
    """Write to standard output. Raises ``RebondError`` when it cannot be, for example because a disk is full."""
    with _telling_why():
        if isinstance(content, bytes):
            sys.stdout.buffer.write(content)
        else:
            sys.stdout.write(content)


def flush() -> None:
    """Make sure that the answer left; raises as ``write`` does."""
    with _telling_why():
        sys.stdout.flush()


@contextmanager
def output_sink() -> Iterator[BinaryIO]:
    """Give standard output to write a file to; when this is left well, all of it left.

    Raises ``RebondError`` when it takes no more, whatever its writer made of that, and ``BrokenPipeError``.
    """
    sink = _Sink(sys.stdout.buffer)
    try:
        yield cast(BinaryIO, sink)
        sink.flush()
    except Exception as error:
        if sink.failure is None:
            raise
        leave_output()
        if isinstance(sink.failure, BrokenPipeError):
            raise sink.failure from error
        raise output_failed(sink.failure, is_cut=True) from error


class _Sink(io.RawIOBase):
    """Passes on what is written, and keeps the first failure: its writer may be a thread, or fail again at its end."""

    def __init__(self, place: BinaryIO) -> None:
        self._place = place
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Pass it on. Raises ``OSError``."""
        try:
            return self._place.write(content)
        except OSError as error:
            self.failure = self.failure or error
            raise

    def flush(self) -> None:
        """Pass on what waits. Raises ``OSError``."""
        try:
            self._place.flush()
        except OSError as error:
            self.failure = self.failure or error
            raise

    def tell(self) -> int:
        """Return where it stands. Raises ``OSError`` of a pipe."""
        return self._place.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go elsewhere. Raises ``OSError`` of a pipe."""
        return self._place.seek(offset, whence)


def leave_output() -> None:
    """Send what is still to be written nowhere, so that the interpreter's own flush says nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _telling_why() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        leave_output()
        raise output_failed(error) from None


def output_failed(error: OSError, *, is_cut: bool = False) -> RebondError:
    """Return the error that says that standard output takes nothing more. ``is_cut`` is said of a file."""
    return RebondError(
        "The answer could not be written to standard output: {reason}.",
        hint="What arrived is not a whole file. Look at where the output goes, then run the same command again."
        if is_cut
        else "What was to be done is done. Look at where the output goes.",
        reason=error.strerror or str(error),
    )


def was_writing(error: OSError) -> bool:
    """Say whether an error comes out of click's own writing: help, a version."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "click.utils"
