"""What is drawn on the terminal again and again, and has to rest while somebody is asked."""

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Drawn(Protocol):
    """Something that draws over itself."""

    def rest(self) -> None:
        """Take it away, and draw nothing."""
        ...

    def go_on(self) -> None:
        """Draw it again."""
        ...


_DRAWN: list[Drawn] = []


def note_drawn(each: Drawn) -> None:
    """Hear that something is drawn from now on."""
    _DRAWN.append(each)


def forget_drawn(each: Drawn) -> None:
    """Hear that it is drawn no more; may be said twice."""
    if each in _DRAWN:
        _DRAWN.remove(each)


@contextlib.contextmanager
def resting() -> Iterator[None]:
    """Keep everything still for the block: a question, and what is typed, are not drawn over."""
    still = list(_DRAWN)
    for each in still:
        each.rest()
    try:
        yield
    finally:
        for each in still:
            each.go_on()
