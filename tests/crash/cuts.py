"""At which points a run is cut: some of them by itself, all with ``REBOND_EVERY_CUT=1``, a piece of all with ``40-79``.

Of some, every second one is gone on with and the others are undone; of all, each is both. All of them take from minutes
to an hour: ``python -m tests.torture in-place``.
"""

import os
from collections.abc import Iterator, Sequence

NO_END = "it never came to its end"
_WISH = os.environ.get("REBOND_EVERY_CUT", "")


def choose_points(first: int, at_most: int, every: int, *, early: Sequence[int] = ()) -> Sequence[int]:
    """Return each ``every``-th point from ``first`` on and below ``at_most``, unless all, from 1 on, are wished for.

    Those that are ``early`` come before the first.
    """
    if not _WISH:
        return (*early, *range(first, at_most, every))
    if not is_piece():
        return range(1, at_most)
    begin, _, end = _WISH.partition("-")
    return range(int(begin), min(at_most, int(end) + 1))


def choose_cuts(first: int, at_most: int, every: int) -> Iterator[tuple[int, bool]]:
    """Yield the points, and with each whether the run is gone on with after it or undone."""
    for point in choose_points(first, at_most, every):
        for goes_on in (True, False) if _WISH else (point % 2 == 0,):
            yield point, goes_on


def is_piece() -> bool:
    """Say whether only some points in a row are wished for: then the end of the run may not be among them."""
    return "-" in _WISH
