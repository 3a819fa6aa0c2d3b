"""Standard output, which may be full or gone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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


def output_failed(error: OSError) -> RebondError:
    """Return the error that says that standard output takes nothing more."""
    return RebondError(
        "The answer could not be written to standard output: {reason}.",
        hint="What was to be done is done. Look at where the output goes.",
        reason=error.strerror or str(error),
    )


def was_writing(error: OSError) -> bool:
    """Say whether an error comes out of click's own writing: help, a version."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "click.utils"
