"""JSON files of any size, read through: a list is taken member by member, so that memory stays small."""

import codecs
import json
from collections.abc import Iterable

from rebond.errors import ProofFailed, SourceUnfit

_MOST_BYTES = 32 << 20  # of one member, or of a document that is no list
_SPACES = " \t\r\n"


def count_objects(pieces: Iterable[bytes], path: str) -> int:
    """Return how many members a list has, or else how many documents there are. Raises ``ProofFailed`` for a cut one.

    Raises ``SourceUnfit`` for what is too large to be judged.
    """
    reader = _Reader(pieces, path)
    first = reader.skip_spaces()
    if not first:
        raise reader.cut()
    if first != "[":
        return _count_documents(reader)
    reader.take()
    if reader.skip_spaces() == "]":
        reader.take()
        reader.expect_end()
        return 0
    count = 0
    while True:
        reader.take_value()
        count += 1
        mark = reader.skip_spaces()
        if mark not in {",", "]"}:
            raise reader.wrong() if mark else reader.cut()
        reader.take()
        if mark == "]":
            reader.expect_end()
            return count
        reader.skip_spaces()


def _count_documents(reader: "_Reader") -> int:
    """Pass objects that stand one behind the other, as mongoexport writes them; of anything else there is one."""
    count, mark = 0, reader.skip_spaces()
    while True:
        is_object = mark == "{"
        reader.take_value()
        count += 1
        mark = reader.skip_spaces()
        if not mark:
            return count
        if not (is_object and mark == "{"):
            raise reader.wrong()


class _Reader:
    def __init__(self, pieces: Iterable[bytes], path: str) -> None:
        self._pieces = iter(pieces)
        self._path = path
        self._letters = codecs.getincrementaldecoder("utf-8-sig")()
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._place = 0
        self._is_over = False

    def skip_spaces(self) -> str:
        """Go to the next letter that counts and return it; nothing at the end."""
        while True:
            while self._place < len(self._text):
                letter = self._text[self._place]
                if letter not in _SPACES:
                    return letter
                self._place += 1
            if not self._read_more():
                return ""

    def take(self) -> None:
        self._place += 1

    def take_value(self) -> None:
        """Pass one value. One that may go on is tried again once twice as much of the file is there."""
        wanted = 1 << 16
        while True:
            try:
                _, end = self._decoder.raw_decode(self._text, self._place)
            except (json.JSONDecodeError, RecursionError) as error:
                if self._is_over:
                    raise self.wrong() from error
                end = -1
            if end >= 0 and (self._is_over or end < len(self._text)):  # a number could go on
                self._place = end
                return
            while len(self._text) - self._place < wanted and self._read_more():
                pass
            wanted *= 2
            if wanted > 2 * _MOST_BYTES:
                raise SourceUnfit(
                    "{path} holds one value of more than {size} MB; it was not looked into.",
                    hint="Where there is the memory: jq empty FILE",
                    path=self._path,
                    size=_MOST_BYTES >> 20,
                )

    def expect_end(self) -> None:
        if self.skip_spaces():
            raise self.wrong()

    def cut(self) -> ProofFailed:
        return ProofFailed("{path} is cut: it stops before the end of its JSON.", path=self._path)

    def wrong(self) -> ProofFailed:
        return ProofFailed("{path} is cut or damaged: it is not JSON to its end.", path=self._path)

    def _read_more(self) -> bool:
        """Add a piece; say whether there was one."""
        if self._is_over:
            return False
        piece = next(self._pieces, None)
        self._is_over = piece is None
        try:
            more = self._letters.decode(piece or b"", final=self._is_over)
        except UnicodeDecodeError as error:
            raise self.wrong() from error
        if self._place:
            self._text, self._place = self._text[self._place :], 0
        self._text += more
        return not self._is_over or bool(more)
