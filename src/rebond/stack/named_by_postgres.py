"""The files that a PostgreSQL database names, asked of the very snapshot that is saved."""

import re

from rebond.errors import SourceError, SourceUnfit
from rebond.sources.postgres.failures import clean_words
from rebond.sources.postgres.session import HeldSnapshot
from rebond.sources.streams.whole_output import read_output
from rebond.stack.named_files import NamedFiles

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_NULL = b"\\N"


class NamedByPostgres(NamedFiles):
    """Gathers the paths that the queries of one component give."""

    def ask_snapshot(self, snapshot: HeldSnapshot) -> None:
        """Ask in the moment that is held. Raises ``SourceUnfit`` for a query that the server does not understand."""
        for each in self.references:
            query = each.sql.strip().rstrip(";")
            try:
                answer = read_output(lambda query=query: snapshot.open_rows(query), program="psql")  # type: ignore[misc]
            except SourceError as error:
                raise SourceUnfit(
                    "The query for the files that {component} names cannot be answered: {reason}.",
                    hint="Check 'references' of the component; try the query with psql.",
                    component=self.component,
                    reason=clean_words(error) or error.message,
                ) from error
            for line in answer.split(b"\n")[:-1]:
                value = line.split(b"\t", 1)[0]
                if value != _NULL:
                    self.add(each, _ESCAPED.sub(_unescape, value))


def _unescape(found: re.Match[bytes]) -> bytes:
    return _LETTERS.get(found[1], found[1])
