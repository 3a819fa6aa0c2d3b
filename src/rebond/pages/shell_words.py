"""Words of a command line that stand on one line of a page, and are right when they are typed into bash."""

import os
import shlex
from collections.abc import Iterable

from rebond.pages.printing import is_printable

_AS_IT_IS = frozenset(range(0x20, 0x7F)) - frozenset(b"'\\")


def quote(word: str) -> str:
    r"""Return one word. What cannot be printed, such as a line feed or a byte that is no UTF-8, is ``$'\xNN'``."""
    if is_printable(word) and "\n" not in word and "\t" not in word:
        return shlex.quote(word)
    return "$'" + "".join(chr(each) if each in _AS_IT_IS else f"\\x{each:02x}" for each in os.fsencode(word)) + "'"


def join(words: Iterable[str]) -> str:
    """Return several words with spaces between."""
    return " ".join(map(quote, words))
