"""Standard input, output and error that whoever called has closed.

Their numbers are held from the first moment on: a file that is opened would get them, and what is printed, here or by a
program that is called, would go into it.
"""

import os

# What is written to the output fails, as it has to: an answer that nobody gets is none.
_HELD = ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY))
_closed: set[int] = set()


def hold_closed_places() -> None:
    """Open what is closed of the three; to be called before any other file is opened."""
    for number, way in _HELD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, way)  # the lowest number that is free, which is this one
            os.set_inheritable(number, True)
            _closed.add(number)


def was_closed(number: int) -> bool:
    """Say whether whoever called had closed one of the three: what is in its place now is nobody's."""
    return number in _closed
